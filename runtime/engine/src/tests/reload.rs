//! Plans that change while runs are under way, and effects that are frozen: what every run notices of it, and what a replay does.

use super::random::Random;
use super::world::*;
use crate::approval::Verdict;
use crate::engine::{Engine, StartError, SteerError, SteerRefusal};
use crate::event::{Event, EventKind};
use crate::frozen::Scope;
use crate::replay::replay;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::{Fault, Reply};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

fn input(id: &str, order: &str, amount: &str) -> Value {
    message(id, order, "complaint 0.9: broken", amount)
}

/// The shop whose refunds need a person from another amount on.
fn asking_from(amount: &str) -> Arc<Plan> {
    plan(&[PROJECT, &TRIAGE.replace("'200 USD'", &format!("'{amount}'"))])
}

async fn status(engine: &Engine, key: &str) -> RunStatus {
    let filter = RunFilter { key: Some(key.to_owned()), ..RunFilter::default() };
    engine.runs(filter).await.unwrap()[0].status
}

fn refunds(world: &World) -> usize {
    world.connectors.effects().iter().filter(|(operation, ..)| operation == "pay.refund").count()
}

/// Each event names the plan and the policies that were active where it stands in the log.
fn assert_headers(events: &[Event], plans: &[Arc<Plan>]) {
    let mut active = None;
    for event in events {
        if let EventKind::PlanAdopted { digest, .. } = &event.kind {
            active = plans.iter().find(|plan| plan.digest() == *digest);
        }
        assert_eq!(event.header.policy, active.unwrap().policy_digest(), "event {}", event.header.seq);
    }
}

#[tokio::test]
async fn policies_are_those_of_now_and_steps_those_of_the_runs_own_plan() {
    let world = World::triage();
    let engine = world.open().await;
    start(&engine, message("m1", "o1", "complaint 0.2: hm", "100 USD")).await;
    world.settle(&engine).await;
    // m1 waits for a person between two waves; meanwhile refunds need one from 50 USD on, and replies have other words.
    let changed = TRIAGE.replace("'200 USD'", "'50 USD'").replace("Refunded.", "Money is on its way.");
    let next = plan(&[PROJECT, &changed]);
    let adopted = engine.adopt(next.clone()).await.unwrap().unwrap();
    assert_eq!((adopted.digest, adopted.before, adopted.is_new), (next.digest(), world.plan.digest(), true));
    assert_eq!(engine.active().digest, next.digest());
    assert!(engine.adopt(next.clone()).await.unwrap().is_none(), "it is active");
    let kind = Value::record([("kind", Value::string("complaint"))]);
    let ask = engine.approvals().await.unwrap().remove(0).approval.id.clone();
    engine.answer(&ask, "ann@example.com", Verdict::Answer(kind)).await.unwrap();
    start(&engine, input("m2", "o2", "20 USD")).await;
    world.settle(&engine).await;
    assert_eq!(refunds(&world), 1, "only that of 20 USD");
    let large = engine.approvals().await.unwrap().remove(0).approval;
    assert_eq!(large.rules, ["refunds.large"], "the limit of now, for a run that began before");
    engine.answer(&large.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    let text = |request: &Value, name: &str| request.get(name).and_then(Value::as_str).unwrap().to_owned();
    let replies = world.connectors.effects().into_iter().filter(|(operation, ..)| operation == "desk.reply");
    let mut words: Vec<(String, String)> = replies.map(|(_, _, request)| (text(&request, "message_id"), text(&request, "words"))).collect();
    words.sort();
    let wanted = [("m1", "Refunded."), ("m2", "Money is on its way.")];
    assert_eq!(words, wanted.map(|(id, words)| (id.to_owned(), words.to_owned())), "m1 keeps the words it began with");
    assert_headers(&world.events(&engine).await, &[world.plan.clone(), next]);
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_plan_without_the_flow_ends_no_run_and_begins_none() {
    let world = World::triage();
    let engine = world.open().await;
    start(&engine, input("m1", "o1", "300 USD")).await;
    world.settle(&engine).await;
    let bare = TRIAGE.replace("flow \"triage\"", "flow \"other\"");
    engine.adopt(plan(&[PROJECT, &bare])).await.unwrap();
    let refused = engine.start("triage", input("m2", "o2", "20 USD"), "test").await;
    assert_eq!(refused, Err(StartError::UnknownFlow("triage".to_owned())));
    let item = engine.approvals().await.unwrap().remove(0).approval;
    engine.answer(&item.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(status(&engine, "m1").await, RunStatus::Completed);
    engine.shutdown().await;
    // The plan of the run is in the log, whatever is active.
    let world = World { plan: plan(&[PROJECT, &bare]), ..world };
    let engine = world.open().await;
    assert!(engine.run(&engine.runs(RunFilter::default()).await.unwrap()[0].id).await.unwrap().is_some());
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_start_that_waited_for_its_turn_follows_the_plan_of_then() {
    let mut world = World::triage();
    world.in_flight = 1;
    let engine = world.open().await;
    let first = engine.submit("triage", input("m1", "o1", "20 USD"), "test").await.unwrap();
    let second = engine.submit("triage", input("m2", "o2", "20 USD"), "test").await.unwrap();
    let adopting = engine.clone();
    let bare = plan(&[PROJECT, &TRIAGE.replace("flow \"triage\"", "flow \"other\"")]);
    let adopting = tokio::spawn(async move { adopting.adopt(bare).await });
    assert!(world.moving(&engine, first.durable()).await.unwrap().is_new);
    assert!(world.moving(&engine, adopting).await.unwrap().is_ok());
    let refused = world.moving(&engine, second.durable()).await;
    assert_eq!(refused, Err(StartError::UnknownFlow("triage".to_owned())));
    world.settle(&engine).await;
    assert_eq!(status(&engine, "m1").await, RunStatus::Completed);
    replay(&*world.log, 0).await.unwrap();
}

/// The policies of now need evidence that the run's own plan never gives.
#[tokio::test]
async fn evidence_that_the_old_plan_lacks_asks_or_denies_as_the_rule_says() {
    let gives = |text: &str| text.replace("evidence paid=\"=order.paid\"", "evidence paid=\"=order.paid\" sure=\"=sure.passed\"");
    let needs = |rule: &str| {
        gives(TRIAGE).replace("needs \"paid\" money", &format!("needs \"paid\" money\n    needs \"sure\" bool untrusted\n    {rule}"))
    };
    let ask = needs("escalate \"unsure\" when=\"!evidence.sure\" to=\"leads\" within=\"1h\" on-timeout=deny");
    let deny = needs("deny \"unsure\" when=\"!evidence.sure\"");
    for (next, rule) in [(ask, "ask"), (deny, "deny")] {
        let world = World::triage();
        let engine = world.open().await;
        start(&engine, message("m1", "o1", "complaint 0.2: hm", "100 USD")).await;
        world.settle(&engine).await;
        engine.adopt(plan(&[PROJECT, &next])).await.unwrap();
        let kind = Value::record([("kind", Value::string("complaint"))]);
        let question = engine.approvals().await.unwrap().remove(0).approval.id.clone();
        engine.answer(&question, "ann@example.com", Verdict::Answer(kind)).await.unwrap();
        world.settle(&engine).await;
        assert_eq!(refunds(&world), 0, "{rule}");
        let asked: Vec<String> = engine.approvals().await.unwrap().iter().flat_map(|item| item.approval.rules.clone()).collect();
        let refused = denied(&world.events(&engine).await);
        match rule {
            "ask" => assert_eq!((asked.as_slice(), refused.len()), (["refunds.unsure".to_owned()].as_slice(), 0)),
            _ => assert_eq!((asked.len(), refused.as_slice()), (0, ["refunds.unsure".to_owned()].as_slice())),
        }
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_plan_of_another_project_is_not_adopted() {
    let world = World::triage();
    let engine = world.open().await;
    let other = plan(&[&PROJECT.replace("northfield", "southfield"), TRIAGE]);
    assert_eq!(engine.adopt(other).await, Err(SteerError::Refused(SteerRefusal::OtherProject)));
    assert_eq!(kinds(&world.events(&engine).await).get("plan-adopted"), Some(&1));
}

#[tokio::test]
async fn a_log_whose_plan_is_kept_follows_no_other_until_it_is_adopted_for_somebody() {
    let world = World::triage();
    let engine = world.open().await;
    engine.adopt_for(asking_from("50 USD"), Some("commit 4f1c")).await.unwrap();
    engine.shutdown().await;
    let kept = asking_from("50 USD").digest();
    let world = World { plan: asking_from("70 USD"), keeps: true, ..world };
    let engine = world.open().await;
    assert_eq!(engine.active().digest, kept);
    let adoptions = engine.adoptions().await.unwrap();
    assert_eq!(adoptions.iter().map(|adoption| &*adoption.by).collect::<Vec<_>>(), ["engine", "commit 4f1c"]);
    engine.shutdown().await;
    // An empty log has none to keep.
    let world = World { keeps: true, ..World::triage() };
    assert_eq!(world.open().await.active().digest, world.plan.digest());
}

#[tokio::test]
async fn whoever_goes_back_stays_there_until_the_repository_moves_on() {
    let world = World::triage();
    let engine = world.open().await;
    let nothing = engine.roll_back(None, "ann@example.com").await;
    assert_eq!(nothing, Err(SteerError::Refused(SteerRefusal::UnknownPlan(String::new()))));
    let (good, bad, better) = (world.plan.digest(), asking_from("50 USD"), asking_from("70 USD"));
    engine.adopt(bad.clone()).await.unwrap();
    let back = engine.roll_back(None, "ann@example.com").await.unwrap().unwrap();
    assert_eq!((back.digest, back.before, back.is_new), (good, bad.digest(), false));
    assert_eq!(engine.held().await.unwrap(), Some(bad.digest()));
    engine.shutdown().await;
    // The repository still says what was gone back from.
    let world = World { plan: bad.clone(), ..world };
    let engine = world.open().await;
    assert_eq!(engine.active().digest, good);
    start(&engine, input("m1", "o1", "100 USD")).await;
    world.settle(&engine).await;
    assert_eq!(refunds(&world), 1, "nobody is asked");
    let last = engine.adoptions().await.unwrap().pop().unwrap();
    assert_eq!((&*last.by, last.instead_of), ("ann@example.com", Some(bad.digest())));
    engine.adopt(better.clone()).await.unwrap();
    assert_eq!(engine.held().await.unwrap(), None);
    // By the beginning of its digest; and the name of none.
    let short = bad.digest().to_string();
    assert_eq!(engine.roll_back(short.get(..10), "ann@example.com").await.unwrap().unwrap().digest, bad.digest());
    assert_eq!(engine.held().await.unwrap(), Some(better.digest()));
    let unknown = engine.roll_back(Some("ffffffffff"), "ann@example.com").await;
    assert!(matches!(unknown, Err(SteerError::Refused(SteerRefusal::UnknownPlan(_)))), "{unknown:?}");
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn what_is_frozen_is_not_begun_and_goes_on_when_it_is_thawed() {
    for scope in [Scope::All, Scope::Connector("pay".into()), Scope::Flow("triage".into())] {
        let world = World::triage();
        let engine = world.open().await;
        assert!(engine.freeze(scope.clone(), "ann@example.com", "a test").await.unwrap());
        assert!(!engine.freeze(scope.clone(), "bob@example.com", "").await.unwrap(), "it is so already");
        start(&engine, input("m1", "o1", "20 USD")).await;
        world.settle(&engine).await;
        assert_eq!(status(&engine, "m1").await, RunStatus::Frozen, "{scope}");
        assert_eq!(refunds(&world), 0, "{scope}");
        assert!(world.connectors.requests().iter().any(|request| request.operation == "shop.order.get"), "reads go on");
        // It survives a restart, and is told with who did it.
        engine.shutdown().await;
        let engine = world.open().await;
        world.settle(&engine).await;
        let frozen = engine.frozen().await.unwrap();
        assert_eq!(frozen.0.get(&scope).map(|note| (&*note.by, &*note.reason)), Some(("ann@example.com", "a test")));
        assert_eq!((refunds(&world), status(&engine, "m1").await), (0, RunStatus::Frozen));
        let other = engine.thaw(Scope::Connector("shop".into()), "ann@example.com", "").await;
        assert!(matches!(other, Err(SteerError::Refused(SteerRefusal::NotFrozen(_)))), "{other:?}");
        engine.thaw(scope.clone(), "ann@example.com", "").await.unwrap();
        world.settle(&engine).await;
        assert_eq!((refunds(&world), status(&engine, "m1").await), (1, RunStatus::Completed), "{scope}");
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn a_freeze_of_something_else_stops_nothing_and_one_of_nothing_is_refused() {
    let world = World::triage();
    let engine = world.open().await;
    for scope in [Scope::Connector("payy".into()), Scope::Flow("nothing".into())] {
        let refused = engine.freeze(scope.clone(), "ann@example.com", "").await;
        assert_eq!(refused, Err(SteerError::Refused(SteerRefusal::UnknownScope(scope))));
    }
    engine.freeze(Scope::Connector("shop".into()), "ann@example.com", "").await.unwrap();
    start(&engine, input("m1", "o1", "20 USD")).await;
    world.settle(&engine).await;
    assert_eq!(status(&engine, "m1").await, RunStatus::Completed);
}

/// A seed that fails can only be repeated where the same happens again.
#[tokio::test]
async fn what_a_thaw_lets_go_on_goes_on_in_one_order() {
    let mut orders = BTreeSet::new();
    for _ in 0..8 {
        let world = World::triage();
        let engine = world.open().await;
        engine.freeze(Scope::All, "ann@example.com", "a test").await.unwrap();
        for number in 0..6 {
            start(&engine, input(&format!("m{number}"), &format!("o{number}"), "20 USD")).await;
        }
        world.settle(&engine).await;
        engine.thaw(Scope::All, "ann@example.com", "").await.unwrap();
        world.settle(&engine).await;
        let events = world.events(&engine).await;
        let meant = events.iter().filter_map(|event| match &event.kind {
            EventKind::IntentRecorded(intent) if &*intent.operation == "pay.refund" => intent.target.clone(),
            _ => None,
        });
        orders.insert(meant.collect::<Vec<_>>());
    }
    assert_eq!((orders.len(), orders.first().map(Vec::len)), (1, Some(6)), "{orders:?}");
}

/// A provider that is busy when it is asked first: the repetition waits while it is frozen.
#[tokio::test]
async fn a_repetition_waits_while_it_is_frozen_and_a_lookup_does_not() {
    let busy = Arc::new(AtomicBool::new(true));
    let again = busy.clone();
    let world = World::triage_with(move |request| match request.operation.as_str() {
        "pay.refund" if again.swap(false, Ordering::SeqCst) => Some(Reply::Refused(failure("503", true))),
        _ => None,
    });
    let engine = world.open().await;
    start(&engine, input("m1", "o1", "20 USD")).await;
    let attempted = |events: &[Event]| events.iter().any(|event| matches!(event.kind, EventKind::EffectAttempted { .. }));
    while !attempted(&world.events(&engine).await) {
        tokio::task::yield_now().await;
    }
    engine.freeze(Scope::All, "ann@example.com", "").await.unwrap();
    // Nothing goes on by itself, however long it takes.
    world.settle(&engine).await;
    for _ in 0..50 {
        world.clock.advance(SECOND);
        tokio::task::yield_now().await;
    }
    let sent = || world.connectors.requests().iter().filter(|request| request.operation == "pay.refund").count();
    assert_eq!((sent(), status(&engine, "m1").await), (1, RunStatus::Frozen));
    engine.thaw(Scope::All, "ann@example.com", "").await.unwrap();
    world.settle(&engine).await;
    assert_eq!((sent(), status(&engine, "m1").await), (2, RunStatus::Completed));
    replay(&*world.log, 0).await.unwrap();

    // An answer that was lost is looked up although everything is frozen.
    let world = World::triage_with(|request| match (request.operation.as_str(), request.earlier) {
        ("pay.refund", 0) => Some(Reply::Lost(Value::record([("id", Value::string("lost")), ("amount", Value::Null)]))),
        _ => None,
    });
    let engine = world.open().await;
    start(&engine, input("m1", "o1", "20 USD")).await;
    while !attempted(&world.events(&engine).await) {
        tokio::task::yield_now().await;
    }
    engine.freeze(Scope::All, "ann@example.com", "").await.unwrap();
    world.settle(&engine).await;
    assert!(world.connectors.requests().iter().any(|request| request.operation == "pay.find"));
    assert_eq!(status(&engine, "m1").await, RunStatus::Frozen, "its reply is not begun");
}

/// Everything that changes while it works, and a process that dies at every append of it.
#[tokio::test]
async fn a_process_that_dies_at_any_append_of_a_reload_or_a_freeze_loses_and_doubles_nothing() {
    let mut moments = 0;
    for append in 1.. {
        for fault in [Fault::DiesBefore(append), Fault::DiesAfter(append)] {
            let next = asking_from("500 USD");
            let mut world = World::triage();
            world.log.set_fault(Some(fault.clone()));
            let steered = match world.try_open().await {
                Ok(engine) => steered(&world, &engine, &next).await,
                Err(_) => false,
            };
            if !steered {
                moments += 1;
                world.log.set_fault(None);
                world.plan = next.clone();
                let engine = world.open().await;
                let _ = engine.thaw(Scope::All, "ann@example.com", "").await;
                for number in 0..4 {
                    start(&engine, input(&format!("m{number}"), &format!("o{number}"), "20 USD")).await;
                }
                world.settle(&engine).await;
                assert_eq!(engine.subscribe().progress.borrow().completed, 4, "{fault:?}");
            }
            assert_eq!(refunds(&world), 4, "{fault:?}");
            replay(&*world.log, 0).await.unwrap();
            if steered {
                assert!(moments > 20, "{moments}");
                return;
            }
        }
    }
}

/// Two runs, another plan, a freeze, two more runs, a thaw; whether all of it was done.
async fn steered(world: &World, engine: &Engine, next: &Arc<Plan>) -> bool {
    for number in 0..2 {
        let engine = engine.clone();
        drop(tokio::spawn(
            async move { engine.start("triage", input(&format!("m{number}"), &format!("o{number}"), "20 USD"), "test").await },
        ));
    }
    tokio::task::yield_now().await;
    let adopted = engine.adopt(next.clone()).await.is_ok();
    let frozen = engine.freeze(Scope::All, "ann@example.com", "").await.is_ok();
    for number in 2..4 {
        let _ = engine.start("triage", input(&format!("m{number}"), &format!("o{number}"), "20 USD"), "test").await;
    }
    world.settle(engine).await;
    let thawed = engine.thaw(Scope::All, "ann@example.com", "").await.is_ok();
    world.settle(engine).await;
    engine.shutdown().await;
    adopted && frozen && thawed && engine.stopped().is_none()
}

/// Two hundred reloads, with freezes between them, while runs are started all the time: from a seed.
#[tokio::test]
async fn two_hundred_random_reloads_under_load_lose_and_double_nothing() {
    let mut random = Random(2_026);
    let plans: Vec<Arc<Plan>> = (0..6).map(|number| asking_from(&format!("{} USD", 400 + number))).collect();
    let world = World { in_flight: 8, ..World::triage() };
    let engine = world.open().await;
    let mut submitted = Vec::new();
    let mut frozen = false;
    for round in 0..200 {
        for number in 0..random.below(4) {
            let id = format!("m{round}-{number}");
            submitted.push(engine.submit("triage", input(&id, &format!("o{round}-{number}"), "1 USD"), "test").await.unwrap());
        }
        match random.below(10) {
            0 if frozen => frozen = engine.thaw(Scope::All, "ann@example.com", "").await.is_err(),
            1 => frozen = engine.freeze(Scope::All, "ann@example.com", "").await.is_ok(),
            2 => drop(engine.roll_back(None, "ann@example.com").await),
            _ => drop(engine.adopt(plans[random.below(6) as usize].clone()).await.unwrap()),
        }
        for _ in 0..random.below(40) {
            tokio::task::yield_now().await;
        }
        world.clock.advance(SECOND);
    }
    let _ = engine.thaw(Scope::All, "ann@example.com", "").await;
    let wanted = submitted.len();
    for start in submitted {
        assert!(world.moving(&engine, start.durable()).await.unwrap().is_new);
    }
    world.settle(&engine).await;
    let progress = engine.subscribe().progress.borrow().clone();
    assert_eq!((progress.completed, progress.failed), (wanted, 0));
    assert_eq!(refunds(&world), wanted);
    let mut all = plans.clone();
    all.push(world.plan.clone());
    let events = world.events(&engine).await;
    assert!(kinds(&events)["plan-adopted"] > 100);
    assert_headers(&events, &all);
    // Each plan lies in the log once.
    let bytes = events.iter().filter(|event| matches!(&event.kind, EventKind::PlanAdopted { bytes: Some(_), .. })).count();
    assert_eq!(bytes, 7);
    engine.verify().await.unwrap();
    replay(&*world.log, 0).await.unwrap();
}
