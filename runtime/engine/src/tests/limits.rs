//! Limits and business keys under many runs at once.

use super::world::*;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::Reply;
use std::sync::Arc;
use tradewind_lang::value::Value;

const CREDIT: &str = r#"
type "claim" { field "line" string; field "order_id" string; field "amount" money }
flow "credit" {
    summary "Pay a claim"
    input "claim"
    key "=input.line"
    act "pay" on-denied="skip" {
        call "pay.credit" order_id="=input.order_id" amount="=input.amount" line="=input.line"
    }
    output { paid "=steps.pay.ran"; denied "=steps.pay.denied" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund"; limit "all" count=9 }
"#;

fn world(policy: &str, bend: impl Fn(&crate::twin::Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, CREDIT, policy]), connectors(Arc::new(bend)))
}

fn claim(line: &str, order: &str, amount: &str) -> Value {
    Value::record([("line", Value::string(line)), ("order_id", Value::string(order)), ("amount", money(amount))])
}

fn paid(world: &World) -> usize {
    world.connectors.effects().len()
}

async fn claims(world: &World, from: usize, count: usize) {
    let engine = world.open().await;
    let starts: Vec<_> = (from..from + count)
        .map(|line| {
            let engine = engine.clone();
            tokio::spawn(async move { engine.start("credit", claim(&format!("l{line}"), "o1", "10 USD"), "test").await.unwrap() })
        })
        .collect();
    for started in starts {
        started.await.unwrap();
    }
    world.settle(&engine).await;
    engine.shutdown().await;
}

const PER_ORDER: &str =
    r#"policy "credits" { on "pay.credit"; limit "per-order" sum="=effect.amount" max="100 USD" by="=effect.order_id" }"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_runs_on_one_order_never_pass_its_limit() {
    let world = world(PER_ORDER, |_| None);
    claims(&world, 0, 64).await;
    assert_eq!(paid(&world), 10, "ten times 10 USD");
    // Nor after a restart, nor through another way in.
    claims(&world, 64, 8).await;
    assert_eq!(paid(&world), 10);
    let engine = world.open().await;
    let denied = denied(&world.events(&engine).await);
    assert_eq!((denied.len(), denied.iter().all(|rule| rule == "credits.per-order")), (62, true));
    let runs = engine.runs(RunFilter::default()).await.unwrap();
    assert_eq!(runs.iter().filter(|run| run.output.get("paid") == Some(&Value::Bool(true))).count(), 10);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_certainly_failed_does_not_count() {
    let world = world(PER_ORDER, |request| {
        let line = request.request.get("line").and_then(Value::as_str).unwrap_or_default();
        (line < "l5" && request.operation == "pay.credit").then(|| Reply::Refused(failure("refused", false)))
    });
    claims(&world, 0, 5).await;
    assert_eq!(paid(&world), 0);
    claims(&world, 50, 20).await;
    assert_eq!(paid(&world), 10);
}

#[tokio::test]
async fn a_rolling_limit_frees_itself_and_a_day_ends_at_midnight_of_the_project() {
    for (window, before, after) in [("\"24h\"", 24 * HOUR - SECOND, SECOND), ("day", 30 * HOUR - SECOND - 12 * HOUR, SECOND)] {
        let policy = format!(r#"policy "credits" {{ on "pay.credit"; limit "some" count=3 per={window} }}"#);
        let world = world(&policy, |_| None);
        // Noon UTC; midnight in Chicago is six hours behind UTC in winter: 18 hours away.
        world.clock.set(START + 12 * HOUR);
        claims(&world, 0, 5).await;
        assert_eq!(paid(&world), 3);
        world.clock.advance(before - 10 * SECOND);
        claims(&world, 10, 2).await;
        assert_eq!(paid(&world), 3, "{window}: not a moment early");
        world.clock.advance(after + 10 * SECOND);
        claims(&world, 20, 2).await;
        assert_eq!(paid(&world), 5, "{window}");
    }
}

#[tokio::test]
async fn a_business_key_is_paid_once_whoever_asks() {
    let world = world(PER_ORDER, |_| None);
    let engine = world.open().await;
    engine.start("credit", claim("l1", "o1", "10 USD"), "test").await.unwrap();
    world.settle(&engine).await;
    // Another tenant of the same line: a run of its own under a key of its own, for the same line of the same order.
    let other = plan(&[PROJECT, &CREDIT.replace("key \"=input.line\"", "key \"='again ' + input.line\""), PER_ORDER]);
    engine.shutdown().await;
    let world = World { plan: other, ..world };
    let engine = world.open().await;
    let again = engine.start("credit", claim("l1", "o1", "10 USD"), "test").await.unwrap();
    assert!(again.is_new);
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["unique"]);
    assert_eq!(paid(&world), 1);
    assert_eq!(engine.runs(RunFilter { status: Some(RunStatus::Completed), ..RunFilter::default() }).await.unwrap().len(), 2);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn people_are_not_asked_for_what_would_be_denied_anyway() {
    let policy = r#"policy "credits" owner="leads" {
        on "pay.credit"
        limit "per-order" sum="=effect.amount" max="15 USD" by="=effect.order_id"
        escalate "always" when="effect.amount > '1 USD'" to="leads" within="1h" on-timeout=deny
    }"#;
    let world = world(policy, |_| None);
    let engine = world.open().await;
    engine.start("credit", claim("l1", "o1", "20 USD"), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(engine.approvals().await.unwrap(), Vec::new());
    assert_eq!(denied(&world.events(&engine).await), ["credits.per-order"]);
    // Two that fit each, not both: both are asked, the second is refused when it is about to be sent.
    engine.start("credit", claim("l2", "o2", "10 USD"), "test").await.unwrap();
    engine.start("credit", claim("l3", "o2", "10 USD"), "test").await.unwrap();
    world.settle(&engine).await;
    let inbox = engine.approvals().await.unwrap();
    assert_eq!(inbox.len(), 2);
    for item in inbox {
        let yes = crate::approval::Verdict::Approve { edits: Value::Null };
        engine.answer(&item.approval.id, "ann@example.com", yes).await.unwrap();
    }
    world.settle(&engine).await;
    assert_eq!((paid(&world), denied(&world.events(&engine).await).len()), (1, 2));
    replay(&*world.log, 0).await.unwrap();
}

/// The same credit under another flow's name.
fn other_flow() -> String {
    CREDIT
        .split_once("policy \"others\"")
        .map_or("", |(flow, _)| flow)
        .replace("type \"claim\" { field \"line\" string; field \"order_id\" string; field \"amount\" money }", "")
        .replace("flow \"credit\"", "flow \"gift\"")
}

#[tokio::test]
async fn a_policy_of_one_flow_holds_no_other() {
    let policies = r#"
policy "one-flow" { on flow="gift"; deny "never" when="action.operation == 'pay.credit'"; limit "cap" count=5 }
policy "every-flow" { on "pay.credit"; limit "cap" count=1 }
"#;
    let world = World::new(plan(&[PROJECT, CREDIT, &other_flow(), policies]), healthy());
    assert_eq!(world.plan.not_runnable(&world.plan.flows["gift"]), []);
    let engine = world.open().await;
    engine.start("gift", claim("l1", "o1", "10 USD"), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["one-flow.never"]);
    engine.start("credit", claim("l1", "o1", "10 USD"), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(paid(&world), 1, "the policy of the other flow says nothing here");
    engine.start("credit", claim("l2", "o1", "10 USD"), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["one-flow.never", "every-flow.cap"]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_would_be_counted_below_nothing_is_denied_and_gives_no_room() {
    let policy = r#"policy "credits" { on "pay.credit"; limit "net" sum="=effect.amount - money('20 USD')" max="15 USD" }"#;
    let world = world(policy, |_| None);
    let engine = world.open().await;
    for (line, amount) in [("l1", "10 USD"), ("l2", "-30 USD"), ("l3", "30 USD"), ("l4", "30 USD"), ("l5", "25 USD")] {
        engine.start("credit", claim(line, "o1", amount), "test").await.unwrap();
        world.settle(&engine).await;
    }
    let rules = denied(&world.events(&engine).await);
    assert_eq!(rules, ["credits.net", "money", "credits.net"], "10 less 20, what would move back, and 10 again where 5 are left");
    assert_eq!(paid(&world), 2, "10 and then 5 of the 15: nothing that was denied made room");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_limit_counts_only_what_its_where_holds_for_and_an_error_denies() {
    let policy = r#"policy "credits" {
    on "pay.credit"
    limit "dear" count=1 where="effect.amount > '50 USD'"
    limit "odd" count=9 where="100 % size(effect.order_id) >= 0"
}"#;
    let world = world(policy, |_| None);
    let engine = world.open().await;
    for (line, order, amount) in
        [("l1", "o1", "10 USD"), ("l2", "o1", "60 USD"), ("l3", "o1", "20 USD"), ("l4", "o1", "70 USD"), ("l5", "", "10 USD")]
    {
        engine.start("credit", claim(line, order, amount), "test").await.unwrap();
        world.settle(&engine).await;
    }
    assert_eq!(paid(&world), 3, "two that it does not count, and one that it does");
    assert_eq!(denied(&world.events(&engine).await), ["credits.dear", "credits.odd"], "the second dear one, and the one it cannot judge");
    replay(&*world.log, 0).await.unwrap();
}
