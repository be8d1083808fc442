//! Calls that go out together: how few requests they are, and that each of them is judged, written down, answered, doubted, repeated
//! and taken back by itself.

use super::world::*;
use crate::approval::Verdict;
use crate::engine::Engine;
use crate::event::{Event, EventKind, Outcome, SettledBy};
use crate::frozen::Scope;
use crate::history::Which;
use crate::ports::CallFailure;
use crate::replay::replay;
use crate::summary::RunStatus;
use crate::twin::{Fault, MemoryLog, Reply, Request, ScriptedConnectors};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tradewind_lang::value::Value;

const LABELS: &str = r#"
type "label" { field "id" string; field "label" string }
connector "stock" version="1" {
    base-url "http://127.0.0.1:1/stock"
    timeout connect="2s" total="10s"
    retry max=3 from="100ms" to="5s" { when "status == 503" }
    operation "get" effect=read {
        request { field "id" string }
        http GET "/labels/{id}"
        response "label" at="=body"
        batch max=50 wait="200ms" {
            http POST "/labels/search" safe=#true { body { ids "=requests.map(r, r.id)" } }
            failed "=body.errors" as="e" index="=e.index"
            answered "=body.labels"
        }
    }
    operation "many" effect=read {
        request { field "ids" list<string> max=250 }
        http POST "/labels/list" safe=#true { body { ids "=request.ids" } }
        response list<label> at="=body.labels"
    }
    operation "find" effect=read {
        request { field "key" string }
        http GET "/labels" { query { key "=request.key" } }
        response list<label> at="=body.labels"
    }
    operation "set" effect=reversible {
        request { field "id" string; field "label" string }
        response "label"
        target "=request.id"
        idempotent key="=effect.key" for="24h"
        batch max=250 wait="200ms" group="=request.label" {
            http POST "/labels" { body { labels "=calls.map(c, {'id': c.request.id, 'key': c.effect.key})"; label "=group" } }
            failed "=body.errors" as="e" index="=e.index" code="=e.code" message="=e.message" retry="e.code == 'busy'"
            answered "=body.labels"
        }
        before { call "get" id="=request.id"; batch-call "many" ids="=requests.map(r, r.id)" key="id" }
        undo { call "set" id="=request.id" label="=before.label" }
        lookup { call "find" key="=effect.key"; done when="size(found) > 0" result="=found[0]" }
    }
    operation "tag" effect=irreversible {
        request { field "id" string; field "tag" string }
        response "label"
        batch max=250 wait="200ms" {
            http POST "/tags" { body { tags "=calls.map(c, c.request.id)" } }
            failed "=body.errors" as="e" index="=e.index" code="=e.code" message="=e.message"
            answered "=body.tags"
        }
        lookup { call "find" key="=effect.key"; done when="size(found) > 0" result="=found[0]" }
    }
}
policy "labels" owner="leads" {
    on "stock.set" "stock.tag"
    limit "flood" count=20000 per="24h"
    escalate "loud" when="effect.id == 'asks'" to="leads" within="6h" on-timeout=deny
    deny "never" when="effect.id == 'never'" message="not this one"
}
flow "relabel" {
    summary "Give many products a label"
    input { field "ids" list<string>; field "label" string }
    deadline "10h"
    each "all" in="=input.ids" as="id" max=10000 max-parallel=1000 on-error=skip {
        act "set" on-denied="skip" { call "stock.set" id="=id" label="=input.label" }
        output { id "=id"; done "=steps.set.ran" }
    }
    output { count "=size(all.filter(one, one.done))" }
}
flow "look" {
    summary "Look at many products"
    input { field "ids" list<string>; field "label" string }
    each "all" in="=input.ids" as="id" max=10000 max-parallel=1000 on-error=skip {
        observe "now" { call "stock.get" id="=id" }
        output { id "=id"; done "=steps.now.ran" }
    }
    output { count "=size(all.filter(one, one.done))" }
}
flow "tag" {
    summary "Tag many products"
    input { field "ids" list<string>; field "label" string }
    deadline "10h"
    each "all" in="=input.ids" as="id" max=10000 max-parallel=1000 on-error=skip {
        act "tag" { call "stock.tag" id="=id" tag="=input.label" }
        output { id "=id"; done "=steps.tag.ran" }
    }
    output { count "=size(all.filter(one, one.done))" }
}
"#;

fn ids(of: &[&str]) -> Value {
    Value::list(of.iter().map(|id| Value::string(*id)))
}

fn input(of: Value, label: &str) -> Value {
    Value::record([("ids", of), ("label", Value::string(label))])
}

/// The provider's answers: every label was `old`, and an effect is found by its key. `bend` may answer first.
fn provider(bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Arc<ScriptedConnectors> {
    Arc::new_cyclic(|me: &std::sync::Weak<ScriptedConnectors>| {
        let me = me.clone();
        ScriptedConnectors::new(move |request| {
            if let Some(reply) = bend(request) {
                return reply;
            }
            let field = |name: &str| request.request.get(name).cloned().unwrap_or(Value::Null);
            let label = |text: Value| Reply::Done(Value::record([("id", field("id")), ("label", text)]));
            match request.operation.as_str() {
                "stock.get" => label(Value::string("old")),
                "stock.many" => {
                    let Value::List(ids) = field("ids") else { return Reply::Refused(failure("http-400", false)) };
                    let known = ids.iter().filter(|id| **id != Value::string("ghost"));
                    Reply::Done(Value::list(known.map(|id| Value::record([("id", id.clone()), ("label", Value::string("old"))]))))
                }
                "stock.find" => {
                    let found = me.upgrade().and_then(|me| me.answer_of(field("key").as_str().unwrap_or_default()));
                    Reply::Done(Value::list(found))
                }
                "stock.tag" => label(field("tag")),
                _ => label(field("label")),
            }
        })
    })
}

fn world(bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, LABELS]), provider(bend))
}

/// Runs a flow to its end; its run and how many items were done.
async fn run(world: &World, engine: &Engine, flow: &str, input: Value) -> (Arc<str>, Option<Value>) {
    let run = engine.start(flow, input, "test").await.unwrap().run_id;
    world.settle(engine).await;
    let summary = engine.run(&run).await.unwrap().unwrap().summary;
    (run, summary.output.get("count").cloned())
}

fn count(of: i64) -> Option<Value> {
    Some(Value::Int(of))
}

/// How often each target was written to, as the provider counts it.
fn written(world: &World) -> BTreeMap<String, usize> {
    let mut written = BTreeMap::new();
    for (_, _, request) in world.connectors.effects() {
        *written.entry(request.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()).or_default() += 1;
    }
    written
}

/// Requests that held a write of an operation, one for each call in them.
fn sent(world: &World, operation: &str) -> Vec<Request> {
    world.connectors.requests().into_iter().filter(|request| request.operation == operation).collect()
}

/// What each effect ended with, by what it acted on.
fn ended(events: &[Event]) -> BTreeMap<String, (String, SettledBy)> {
    let (mut targets, mut ended) = (BTreeMap::new(), BTreeMap::new());
    for event in events {
        let run = event.header.run.clone().unwrap_or_default();
        match &event.kind {
            EventKind::IntentRecorded(intent) => {
                targets.insert(run, intent.request.get("id").and_then(Value::as_str).unwrap_or_default().to_owned());
            }
            EventKind::EffectSettled { outcome, by, .. } => {
                let said = match outcome {
                    Outcome::Done(_) => "done".to_owned(),
                    Outcome::Failed(failure) => failure.code.clone(),
                };
                ended.insert(targets[&run].clone(), (said, *by));
            }
            _ => {}
        }
    }
    ended
}

fn busy() -> CallFailure {
    CallFailure { retry_after: Some(30 * SECOND), ..failure("http-429", true) }
}

#[tokio::test]
async fn ten_thousand_items_are_forty_requests_and_each_is_written_down_by_itself() {
    let world = world(|_| None);
    assert_eq!(world.plan.not_runnable(&world.plan.flows["tag"]), []);
    let engine = world.open().await;
    let all: Vec<String> = (0..10_000).map(|number| format!("p{number}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (_, done) = run(&world, &engine, "tag", input(ids(&all), "new")).await;
    assert_eq!(done, count(10_000));
    let batches = world.connectors.batches();
    assert_eq!(batches.iter().sum::<usize>(), 10_000);
    // Forty where no group is ever left alone for as long as it may wait; a slow machine lets one or two go earlier.
    assert!(batches.len() <= 60 && batches.iter().all(|held| *held <= 250), "{batches:?}");
    assert_eq!((world.connectors.effects().len(), written(&world).len()), (10_000, 10_000));
    let kinds = kinds(&world.events(&engine).await);
    assert_eq!((kinds["intent-recorded"], kinds["effect-settled"]), (10_000, 10_000));
    let keys: BTreeSet<String> = world.connectors.effects().into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(keys.len(), 10_000, "each has a key of its own");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn no_byte_leaves_before_every_intent_in_it_is_durable() {
    let world = world(|_| None);
    let engine = world.open().await;
    run(&world, &engine, "relabel", input(ids(&["a", "b", "c"]), "new")).await;
    engine.shutdown().await;
    // At each length of the log that a death could leave, whoever was sent something is in it.
    let appends = world.log.appends();
    for at in 1..=appends {
        let world = World { log: Arc::new(MemoryLog::new()), connectors: provider(|_| None), ..world.clone() };
        world.log.set_fault(Some(Fault::DiesBefore(at)));
        play(&world, "relabel", &["a", "b", "c"]).await;
        let written: BTreeSet<String> = written(&world).into_keys().collect();
        world.log.set_fault(None);
        let engine = world.open().await;
        let events = world.events(&engine).await;
        let intents = events.iter().filter_map(|event| match &event.kind {
            EventKind::IntentRecorded(intent) => Some(intent.request.get("id")?.as_str()?.to_owned()),
            _ => None,
        });
        assert!(written.is_subset(&intents.collect()), "before append {at}");
    }
}

#[tokio::test]
async fn what_one_call_fails_with_is_said_of_that_one() {
    let world = world(|request| match (request.operation.as_str(), request.request.get("id")?.as_str()?, request.earlier) {
        ("stock.set", "b", _) => Some(Reply::Refused(failure("refused", false))),
        ("stock.set", "d", 0) => Some(Reply::Refused(failure("busy", true))),
        ("stock.set", "e", 0) => Some(Reply::Lost(Value::record([("id", Value::string("e")), ("label", Value::string("new"))]))),
        _ => None,
    });
    let engine = world.open().await;
    let (_, done) = run(&world, &engine, "relabel", input(ids(&["a", "b", "never", "c", "d", "e"]), "new")).await;
    assert_eq!(done, count(4));
    let told = ended(&world.events(&engine).await);
    let told: Vec<(&str, &str, SettledBy)> = told.iter().map(|(id, (said, by))| (id.as_str(), said.as_str(), *by)).collect();
    let wanted = [
        ("a", "done", SettledBy::Answer),
        ("b", "refused", SettledBy::Answer),
        ("c", "done", SettledBy::Answer),
        ("d", "done", SettledBy::Answer),
        ("e", "done", SettledBy::Lookup),
    ];
    assert_eq!(told, wanted);
    assert_eq!(sent(&world, "stock.many").len(), 1);
    assert_eq!(denied(&world.events(&engine).await), ["labels.never"], "it never left");
    assert_eq!(world.connectors.batches(), [5, 1], "five writes, and one of them again");
    assert_eq!(written(&world).values().copied().collect::<Vec<_>>(), [1, 1, 1, 1]);
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn only_calls_of_one_group_go_together_whichever_runs_they_are_of() {
    let world = world(|_| None);
    let engine = world.open().await;
    for (label, of) in [("red", &["a", "b"][..]), ("blue", &["c"]), ("red", &["d"]), ("blue", &["e", "f", "g"])] {
        engine.start("relabel", input(ids(of), label), "test").await.unwrap();
    }
    world.settle(&engine).await;
    let mut sizes = world.connectors.batches();
    sizes.sort_unstable();
    assert_eq!(sizes, [3, 4], "three are red, four are blue");
    assert_eq!(written(&world).len(), 7);
}

#[tokio::test]
async fn a_whole_request_that_is_refused_is_repeated_and_one_that_is_lost_is_looked_up_call_by_call() {
    // 429: nothing happened to any of them.
    let world_of_429 = world(|request| (request.operation == "stock.tag" && request.earlier == 0).then(|| Reply::Refused(busy())));
    let engine = world_of_429.open().await;
    let (_, done) = run(&world_of_429, &engine, "tag", input(ids(&["a", "b", "c"]), "new")).await;
    assert_eq!((done, world_of_429.connectors.batches()), (count(3), vec![3, 3]));
    // The answer is lost: two happened, of one nothing is found, and what is not harmless is never sent again.
    let lost = world(|request| {
        let id = request.request.get("id").cloned().unwrap_or(Value::Null);
        let answer = Value::record([("id", id.clone()), ("label", Value::string("new"))]);
        (request.operation == "stock.tag").then(|| if id == Value::string("b") { Reply::Silence } else { Reply::Lost(answer) })
    });
    let engine = lost.open().await;
    let run = engine.start("tag", input(ids(&["a", "b", "c"]), "new"), "test").await.unwrap().run_id;
    lost.settle(&engine).await;
    assert_eq!((lost.connectors.batches(), sent(&lost, "stock.find").len()), (vec![3], 3), "each is looked up by its own key");
    let inbox = engine.approvals().await.unwrap();
    assert_eq!(inbox.len(), 1, "a person is asked of one of the three");
    engine.answer(&inbox[0].approval.id, "ann@example.com", Verdict::Deny { reason: "it did not happen".into() }).await.unwrap();
    lost.settle(&engine).await;
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.output.get("count"), Some(&Value::Int(2)));
    assert_eq!(sent(&lost, "stock.tag").len(), 3);
    replay(&*lost.log, 0).await.unwrap();
}

#[tokio::test]
async fn whoever_waits_for_a_person_goes_later_and_the_others_go_without_him() {
    let world = world(|_| None);
    let engine = world.open().await;
    let run = engine.start("relabel", input(ids(&["a", "asks", "b"]), "new"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(written(&world).into_keys().collect::<Vec<_>>(), ["a", "b"]);
    let inbox = engine.approvals().await.unwrap();
    engine.answer(&inbox[0].approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(world.connectors.batches(), [2, 1]);
    assert_eq!((sent(&world, "stock.many").len(), sent(&world, "stock.get").len()), (1, 1), "what was there is read again, of one alone");
    assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.output.get("count"), Some(&Value::Int(3)));
}

#[tokio::test]
async fn what_is_frozen_while_it_waits_for_others_stays_and_the_others_go() {
    let world = world(|_| None);
    let engine = world.open().await;
    engine.start("tag", input(ids(&["a", "b"]), "new"), "test").await.unwrap();
    engine.start("relabel", input(ids(&["c"]), "new"), "test").await.unwrap();
    // The intents are durable, and the calls wait for others: no time has passed.
    while kinds(&world.events(&engine).await).get("intent-recorded") != Some(&2) {
        tokio::task::yield_now().await;
    }
    assert_eq!(sent(&world, "stock.tag"), []);
    engine.freeze(Scope::Flow("tag".into()), "ann@example.com", "a test").await.unwrap();
    while written(&world).is_empty() {
        world.clock.advance(SECOND);
        turns().await;
    }
    turns().await;
    assert_eq!(written(&world).into_keys().collect::<Vec<_>>(), ["c"]);
    engine.thaw(Scope::Flow("tag".into()), "ann@example.com", "").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(written(&world).into_keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(sent(&world, "stock.tag").len(), 2);
}

#[tokio::test]
async fn an_engine_that_lost_its_shard_sends_no_batch_that_could_happen_twice() {
    let world = world(|_| None);
    let old = world.open().await;
    old.start("tag", input(ids(&["a", "b"]), "new"), "test").await.unwrap();
    while kinds(&world.events(&old).await).get("intent-recorded") != Some(&2) {
        tokio::task::yield_now().await;
    }
    let new = world.open().await;
    world.clock.advance(SECOND);
    world.settle(&new).await;
    assert_eq!(sent(&world, "stock.tag"), [], "both engines are in doubt, and neither sends it");
    assert_eq!(new.approvals().await.unwrap().len(), 2);
}

#[tokio::test]
async fn one_item_of_a_batch_is_taken_back_and_the_others_stay() {
    let world = world(|_| None);
    let engine = world.open().await;
    run(&world, &engine, "relabel", input(ids(&["a", "b", "c"]), "new")).await;
    let key = world.connectors.effects().into_iter().find(|(.., request)| request.get("id") == Some(&Value::string("b"))).unwrap().1;
    let which = Which { key: Some(key.as_str().into()), ..Which::default() };
    let planned = engine.plan_undo(&which).await.unwrap();
    assert_eq!(planned.len(), 1);
    let back = engine.undo(&planned, "ann@example.com", "a test").await.unwrap().run_id;
    world.settle(&engine).await;
    assert_eq!(engine.run(&back).await.unwrap().unwrap().summary.status, RunStatus::Completed);
    let last = sent(&world, "stock.set").pop().unwrap();
    assert_eq!((last.request.get("id"), last.request.get("label")), (Some(&Value::string("b")), Some(&Value::string("old"))));
    assert_eq!(written(&world), BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 1)]));
}

/// The pre-image that each intent keeps, by what it acts on.
async fn befores(world: &World, engine: &Engine) -> BTreeMap<String, Option<String>> {
    let events = world.events(engine).await;
    let found = events.iter().filter_map(|event| match &event.kind {
        EventKind::IntentRecorded(intent) => {
            let before = intent.before.as_ref().and_then(|before| Some(before.get("label")?.as_str()?.to_owned()));
            Some((intent.request.get("id")?.as_str()?.to_owned(), before))
        }
        _ => None,
    });
    found.collect()
}

#[tokio::test]
async fn what_was_there_before_many_writes_is_read_in_one_call_and_each_keeps_its_own() {
    let of = ["a", "b", "ghost", "c"];
    let old = |id: &str| (id.to_owned(), Some("old".to_owned()));
    let world_at_once = world(|_| None);
    let engine = world_at_once.open().await;
    run(&world_at_once, &engine, "relabel", input(ids(&of), "new")).await;
    let read = sent(&world_at_once, "stock.many");
    assert_eq!((read.len(), sent(&world_at_once, "stock.get").len()), (1, 0));
    assert_eq!(read[0].request.get("ids"), Some(&ids(&of)));
    let found = befores(&world_at_once, &engine).await;
    assert_eq!(found, BTreeMap::from([old("a"), old("b"), old("c"), ("ghost".to_owned(), None)]));
    engine.shutdown().await;
    replay(&*world_at_once.log, 0).await.unwrap();
    // Where the one call is refused, each is read by itself; where the provider is busy, all are read again, together.
    let asked = AtomicUsize::new(0);
    let refused = world(move |request| match (request.operation.as_str(), asked.load(Ordering::SeqCst)) {
        ("stock.many", 0) => {
            asked.store(1, Ordering::SeqCst);
            Some(Reply::Refused(failure("http-503", true)))
        }
        ("stock.many", _) => Some(Reply::Refused(failure("http-400", false))),
        _ => None,
    });
    let engine = refused.open().await;
    let (_, done) = run(&refused, &engine, "relabel", input(ids(&["a", "b", "c"]), "new")).await;
    assert_eq!((done, sent(&refused, "stock.many").len(), sent(&refused, "stock.get").len()), (count(3), 2, 3));
    assert_eq!(befores(&refused, &engine).await, BTreeMap::from([old("a"), old("b"), old("c")]));
}

#[tokio::test]
async fn reads_go_together_too_and_one_that_fails_fails_alone() {
    let world = world(|request| match (request.operation.as_str(), request.request.get("id")?.as_str()?, request.earlier) {
        ("stock.get", "b", _) => Some(Reply::Refused(failure("not-found", false))),
        ("stock.get", "c", 0) => Some(Reply::Refused(failure("http-503", true))),
        _ => None,
    });
    let engine = world.open().await;
    let (_, done) = run(&world, &engine, "look", input(ids(&["a", "b", "c", "d"]), "")).await;
    // The one that is tried again is alone, and goes by the operation's own request.
    assert_eq!((done, world.connectors.batches(), sent(&world, "stock.get").len()), (count(3), vec![4], 5));
    replay(&*world.log, 0).await.unwrap();
}

/// Lets everything happen that does not wait for the clock.
async fn turns() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// Starts a flow where it is not started yet, lets it go on as far as it gets, and answers whoever asks: nothing happened.
async fn play(world: &World, flow: &str, of: &[&str]) {
    let Ok(engine) = world.try_open().await else { return };
    let _ = engine.start(flow, input(ids(of), "new"), "test").await;
    world.settle(&engine).await;
    engine.shutdown().await;
}

#[tokio::test]
async fn dying_at_any_append_leaves_one_effect_for_each_item() {
    let of = ["a", "b", "c", "d", "e", "f", "g"];
    let bend = |request: &Request| match (request.operation.as_str(), request.request.get("id")?.as_str()?, request.earlier) {
        ("stock.set", "b", _) => Some(Reply::Refused(failure("refused", false))),
        ("stock.set", "d", 0) => Some(Reply::Refused(failure("busy", true))),
        _ => None,
    };
    let once: BTreeMap<String, usize> = of.iter().filter(|id| **id != "b").map(|id| ((*id).to_owned(), 1)).collect();
    let calm = world(bend);
    play(&calm, "relabel", &of).await;
    assert_eq!(written(&calm), once);
    for at in 1..=calm.log.appends() + 1 {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let world = World { log: Arc::new(MemoryLog::new()), connectors: provider(bend), ..calm.clone() };
            world.log.set_fault(Some(fault.clone()));
            play(&world, "relabel", &of).await;
            world.log.set_fault(None);
            play(&world, "relabel", &of).await;
            assert_eq!(written(&world), once, "{fault:?}");
            let engine = world.open().await;
            engine.verify().await.unwrap();
            let all = runs(&engine, "relabel").await;
            let around = all.iter().find(|run| run.parent.is_none()).unwrap();
            assert_eq!((around.status, around.output.get("count")), (RunStatus::Completed, Some(&Value::Int(6))), "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}

/// What is not harmless is sent once for each item, wherever the process dies within a batch: some of it may have happened by then.
#[tokio::test]
async fn dying_within_a_batch_leaves_each_call_to_its_own_lookup() {
    let of = ["a", "b", "c", "d"];
    for at in 1..=of.len() {
        for happened in [false, true] {
            let (log, seen, died) = (Arc::new(MemoryLog::new()), AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
            let (dying, dead) = (log.clone(), died.clone());
            let connectors = provider(move |request| {
                if request.operation != "stock.tag" || dead.load(Ordering::SeqCst) {
                    // Behind the call at which the process died nothing of its request was worked.
                    return (request.operation == "stock.tag").then_some(Reply::Silence);
                }
                if seen.fetch_add(1, Ordering::SeqCst) + 1 != at {
                    return None;
                }
                dying.die();
                dead.store(true, Ordering::SeqCst);
                (!happened).then_some(Reply::Silence)
            });
            let world = World { log: log.clone(), connectors, ..world(|_| None) };
            play(&world, "tag", &of).await;
            log.set_fault(None);
            let engine = world.open().await;
            world.settle(&engine).await;
            let worked = if happened { at } else { at - 1 };
            assert_eq!(world.connectors.batches(), [4], "at {at}, happened: {happened}: nothing is sent again");
            assert_eq!(written(&world).values().sum::<usize>(), worked);
            assert_eq!(sent(&world, "stock.find").len(), 4, "each by its own key");
            assert_eq!(engine.approvals().await.unwrap().len(), of.len() - worked, "a person is asked of those without a trace");
            engine.shutdown().await;
            replay(&*log, 0).await.unwrap();
        }
    }
}
