//! Every combination of verdicts, and what people may change.

use super::world::*;
use crate::approval::{AnswerRefusal, Verdict};
use crate::engine::AnswerError;
use crate::guard::{Amount, Claim, Guards, Span};
use crate::key::effect_key;
use crate::replay::replay;
use std::sync::Arc;
use tradewind_lang::plan::OnTimeout;
use tradewind_lang::value::Value;

fn credit(amount: &str, stage: &str) -> String {
    format!(
        r#"
type "claim" {{ field "line" string; field "amount" money; field "rate" int }}
flow "credit" {{
    summary "Pay a claim"
    input "claim"
    key "=input.line"
    act "pay" on-denied="skip" {{
        call "pay.credit" order_id="o1" amount="={amount}" line="=input.line"
        evidence rate="=input.rate"
        {stage}
    }}
    output {{ paid "=steps.pay.ran" }}
}}
policy "others" {{ on "desk.reply" "desk.page" "pay.refund"; limit "all" count=9 }}
"#
    )
}

fn claim(line: &str, amount: &str, rate: i64) -> Value {
    Value::record([("line", Value::string(line)), ("amount", money(amount)), ("rate", Value::Int(rate))])
}

/// What becomes of one credit of 10 USD: `paid`, the rule that denied, or the rules a person is asked about.
async fn verdict(policies: &[&str], rate: i64) -> String {
    let mut parts = vec![PROJECT];
    let flow = credit("input.amount", "");
    parts.push(&flow);
    parts.extend(policies);
    let world = World::new(plan(&parts), healthy());
    let engine = world.open().await;
    engine.start("credit", claim("l1", "10 USD", rate), "test").await.unwrap();
    world.settle(&engine).await;
    let inbox = engine.approvals().await.unwrap();
    let denied = denied(&world.events(&engine).await);
    replay(&*world.log, 0).await.unwrap();
    match (inbox.first(), denied.first()) {
        (Some(item), None) => format!("ask {}", item.approval.rules.join(" ")),
        (None, Some(rule)) => format!("deny {rule}"),
        (None, None) if world.connectors.effects().len() == 1 => "paid".to_owned(),
        other => panic!("{other:?}"),
    }
}

fn rules(deny: bool, limit: Option<&str>, escalate: bool) -> String {
    let deny = format!("deny \"no\" when=\"evidence.rate {} 0\"", if deny { ">=" } else { "<" });
    let limit = match limit {
        None => "limit \"cap\" count=5".to_owned(),
        Some("deny") => "limit \"cap\" sum=\"=effect.amount\" max=\"5 USD\"".to_owned(),
        Some(_) => {
            "limit \"cap\" sum=\"=effect.amount\" max=\"5 USD\" else=escalate to=\"finance\" within=\"1h\" on-timeout=deny".to_owned()
        }
    };
    let escalate =
        if escalate { "escalate \"ask\" when=\"effect.amount > '1 USD'\" to=\"leads\" within=\"2h\" on-timeout=deny" } else { "" };
    format!("policy \"p\" {{ on \"pay.credit\"; needs \"rate\" int; {deny}; {limit}; {escalate} }}")
}

#[tokio::test]
async fn deny_comes_before_limit_and_limit_before_escalate() {
    for (deny, limit, escalate, wanted) in [
        (false, None, false, "paid"),
        (true, None, false, "deny p.no"),
        (true, Some("deny"), true, "deny p.no"),
        (true, Some("escalate"), true, "deny p.no"),
        (false, Some("deny"), false, "deny p.cap"),
        (false, Some("deny"), true, "deny p.cap"),
        (false, Some("escalate"), false, "ask p.cap"),
        (false, Some("escalate"), true, "ask p.ask p.cap"),
        (false, None, true, "ask p.ask"),
    ] {
        assert_eq!(verdict(&[&rules(deny, limit, escalate)], 1).await, wanted, "{deny} {limit:?} {escalate}");
    }
}

#[tokio::test]
async fn an_error_denies_in_deny_and_limit_and_asks_in_escalate() {
    let policy = |rule: &str| format!("policy \"p\" {{ on \"pay.credit\"; needs \"rate\" int; limit \"cap\" count=5; {rule} }}");
    // A division by zero, where the rate is zero.
    for (rule, wanted) in [
        ("deny \"no\" when=\"100 % evidence.rate == 7\"", "deny p.no"),
        ("limit \"sum\" sum=\"=100 % evidence.rate\" max=50", "deny p.sum"),
        ("escalate \"ask\" when=\"100 % evidence.rate == 7\" to=\"leads\" within=\"1h\" on-timeout=deny", "ask p.ask"),
    ] {
        assert_eq!(verdict(&[&policy(rule)], 0).await, wanted);
        assert_eq!(verdict(&[&policy(rule)], 3).await, "paid", "{rule}");
    }
}

#[tokio::test]
async fn policies_add_up_whatever_their_order() {
    let ask = |name: &str, team: &str| {
        format!(
            "policy \"{name}\" {{ on \"pay.credit\"; limit \"cap\" count=5; escalate \"ask\" when=\"effect.amount > '1 USD'\" to=\"{team}\" within=\"1h\" on-timeout=deny }}"
        )
    };
    let (one, two) = (ask("one", "leads"), ask("two", "finance"));
    assert_eq!(verdict(&[&one, &two], 1).await, "ask one.ask two.ask");
    assert_eq!(verdict(&[&two, &one], 1).await, "ask one.ask two.ask");
    let no = "policy \"zero\" { on \"pay.credit\"; deny \"never\" when=\"effect.amount > '5 USD'\"; limit \"cap\" count=5 }";
    assert_eq!(verdict(&[&one, no], 1).await, "deny zero.never");
}

/// A plan that is no longer covered: the compiler refuses it, and so does the engine if it ever meets one.
#[tokio::test]
async fn money_that_would_flow_backwards_is_denied() {
    let flow = credit("input.amount", "");
    let world = World::new(plan(&[PROJECT, &flow, "policy \"p\" { on \"pay.credit\"; limit \"cap\" count=5 }"]), healthy());
    let engine = world.open().await;
    engine.start("credit", claim("l1", "-10 USD", 1), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["money"]);
    assert!(world.connectors.effects().is_empty());
}

#[tokio::test]
async fn money_that_no_policy_covers_does_not_move() {
    let flow = credit("input.amount", "");
    let mut bare = tradewind_lang::plan::Plan::clone(&plan(&[PROJECT, &flow, "policy \"p\" { on \"pay.credit\"; limit \"cap\" count=5 }"]));
    bare.policies.remove("p");
    let world = World::new(Arc::new(bare), healthy());
    let engine = world.open().await;
    engine.start("credit", claim("l1", "10 USD", 1), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["uncovered"]);
    assert!(world.connectors.effects().is_empty());
}

const STAGE: &str = "stage to=\"leads\" within=\"3h\" on-timeout=skip quorum=2 { editable \"amount\" }";
const STAGED: &str = "policy \"p\" { on \"pay.credit\"; deny \"no\" when=\"effect.amount > '50 USD'\"; limit \"cap\" count=5; escalate \"large\" when=\"effect.amount > '20 USD'\" to=\"finance\" within=\"1h\" on-timeout=deny }";

async fn staged() -> (World, crate::engine::Engine) {
    let world = World::new(plan(&[PROJECT, &credit("input.amount", STAGE), STAGED]), healthy());
    let engine = world.open().await;
    engine.start("credit", claim("l1", "10 USD", 1), "test").await.unwrap();
    world.settle(&engine).await;
    (world, engine)
}

fn approve(amount: Option<&str>) -> Verdict {
    let edits = amount.map_or(Value::Null, |amount| Value::record([("amount", money(amount))]));
    Verdict::Approve { edits }
}

#[tokio::test]
async fn a_stage_waits_for_two_people_who_saw_the_same_thing() {
    let (world, engine) = staged().await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!((item.quorum, item.on_timeout, item.rules.join(" ")), (2, OnTimeout::Skip, "stage".to_owned()));
    let other = Verdict::Approve { edits: Value::record([("line", Value::string("l9"))]) };
    let refused = engine.answer(&item.id, "ann@example.com", other).await;
    assert_eq!(refused, Err(AnswerError::Refused(AnswerRefusal::BadValue("`line` may not be changed".to_owned()))));
    engine.answer(&item.id, "ann@example.com", approve(None)).await.unwrap();
    // Bob changes the amount: what Ann agreed to is no longer what would be sent.
    engine.answer(&item.id, "bob@example.com", approve(Some("15 USD"))).await.unwrap();
    world.settle(&engine).await;
    assert!(world.connectors.effects().is_empty());
    let waiting = engine.approvals().await.unwrap().remove(0);
    assert_eq!(waiting.request.get("amount"), Some(&money("15 USD")), "and she is shown what she would agree to now");
    assert_eq!(waiting.agreed.len(), 1);
    engine.answer(&item.id, "ann@example.com", approve(None)).await.unwrap();
    world.settle(&engine).await;
    let effects = world.connectors.effects();
    assert_eq!(effects[0].2.get("amount"), Some(&money("15 USD")));
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_edit_that_changes_nothing_keeps_the_agreement_of_those_before() {
    let (world, engine) = staged().await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    engine.answer(&item.id, "ann@example.com", approve(None)).await.unwrap();
    let nothing = Verdict::Approve { edits: Value::Record(std::sync::Arc::default()) };
    engine.answer(&item.id, "bob@example.com", nothing).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(world.connectors.effects().len(), 1, "both agreed to the same");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_edit_is_judged_again_and_may_need_another_team_or_be_refused() {
    let (world, engine) = staged().await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    engine.answer(&item.id, "bob@example.com", approve(Some("30 USD"))).await.unwrap();
    engine.answer(&item.id, "ann@example.com", approve(None)).await.unwrap();
    world.settle(&engine).await;
    let again = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!((again.rules.join(" "), again.to.join(" ")), ("p.large stage".to_owned(), "finance leads".to_owned()));
    assert_eq!(again.on_timeout, OnTimeout::Deny, "the strictest");
    assert!(world.connectors.effects().is_empty());
    engine.answer(&again.id, "fin@example.com", Verdict::Deny { reason: "too much".to_owned() }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["p.large and stage"]);

    let (world, engine) = staged().await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    let refused = engine.answer(&item.id, "bob@example.com", approve(Some("60 USD"))).await;
    assert!(
        matches!(&refused, Err(AnswerError::Refused(AnswerRefusal::WouldBeDenied(rule, _))) if rule == "p.no"),
        "it could only be denied: {refused:?}"
    );
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), Vec::<String>::new());
    assert_eq!(engine.approvals().await.unwrap().remove(0).agreed.len(), 0, "the item still waits, unchanged");
    assert!(world.connectors.effects().is_empty());
}

#[tokio::test]
async fn an_approval_under_other_policies_is_void() {
    let (world, engine) = staged().await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    engine.answer(&item.id, "ann@example.com", approve(None)).await.unwrap();
    engine.shutdown().await;
    // The same flow under a stricter policy: the run keeps its steps, the policies are those of now.
    let stricter = STAGED.replace("'20 USD'", "'5 USD'");
    let world = World { plan: plan(&[PROJECT, &credit("input.amount", STAGE), &stricter]), ..world };
    let engine = world.open().await;
    world.settle(&engine).await;
    engine.answer(&item.id, "bob@example.com", approve(None)).await.unwrap();
    world.settle(&engine).await;
    assert!(world.connectors.effects().is_empty());
    let again = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!(again.rules.join(" "), "p.large stage");
    replay(&*world.log, 0).await.unwrap();
}

#[test]
fn a_forced_limit_passes_and_still_counts() {
    let mut guards = Guards::default();
    let claim = |amount: f64| {
        vec![Claim::Limit {
            rule: "p.cap".into(),
            by: "".into(),
            amount: Amount::Number(amount),
            max: Amount::Number(10.0),
            span: Span::Rolling(100),
            escalates: true,
        }]
    };
    let key = |name: &str| effect_key("t", "r", name);
    assert!(guards.take(&key("a"), &claim(8.0), &[], 0).is_yes());
    assert_eq!(guards.take(&key("b"), &claim(8.0), &[], 1).over, ["p.cap"]);
    assert!(guards.take(&key("b"), &claim(8.0), &["p.cap".to_owned()], 2).is_yes());
    assert!(!guards.probe(&claim(3.0), &[], 100).is_yes(), "the second is still in the window");
    assert!(guards.probe(&claim(10.0), &[], 102).is_yes());
    guards.release(&key("b"));
    guards.keep(&key("a"));
    assert!(guards.take(&key("c"), &claim(10.0), &[], 103).is_yes());
}

#[tokio::test]
async fn whoever_started_a_run_does_not_let_its_effects_pass_and_may_say_no() {
    let world = World::new(plan(&[PROJECT, &credit("input.amount", ""), ASKS]), healthy());
    let engine = world.open().await;
    engine.start("credit", claim("l1", "10 USD", 1), "Ann@Example.com").await.unwrap();
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    let own = engine.answer(&item.id, "ann@example.com", approve(None)).await;
    assert_eq!(own, Err(AnswerError::Refused(AnswerRefusal::OwnRun)));
    engine.answer(&item.id, "bob@example.com", approve(None)).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(world.connectors.effects().len(), 1);
    engine.start("credit", claim("l2", "10 USD", 1), "ann@example.com").await.unwrap();
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    engine.answer(&item.id, "ann@example.com", Verdict::Deny { reason: "a mistake".to_owned() }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(denied(&world.events(&engine).await), ["p.ask"]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn time_to_answer_counts_only_in_the_hours_of_the_team() {
    // The clock stands at the midnight before a Thursday, UTC; the project is six hours behind.
    let hours = PROJECT.replace("team \"leads\" {", "team \"leads\" hours=\"mon-fri 08:00-18:00\" {");
    let world = World::new(plan(&[&hours, &credit("input.amount", ""), ASKS]), healthy());
    assert_eq!(world.plan.not_runnable(&world.plan.flows["credit"]), []);
    let engine = world.open().await;
    engine.start("credit", claim("l1", "10 USD", 1), "test").await.unwrap();
    world.settle(&engine).await;
    let item = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!(item.deadline, Some(START + 15 * HOUR), "an hour from eight in the morning there");
    world.clock.set(START + 14 * HOUR);
    engine.answer(&item.id, "bob@example.com", approve(None)).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(world.connectors.effects().len(), 1);
    replay(&*world.log, 0).await.unwrap();
}

const ASKS: &str = "policy \"p\" { on \"pay.credit\"; limit \"cap\" count=5; escalate \"ask\" when=\"effect.amount > '1 USD'\" to=\"leads\" within=\"1h\" on-timeout=deny }";
