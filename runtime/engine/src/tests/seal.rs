//! Personal data: sealed in every byte of the log, opened for those who have the keys, and gone when somebody is forgotten.

use super::world::*;
use crate::approval::Verdict;
use crate::arrival::Arrival;
use crate::engine::{Engine, ForgetError};
use crate::event::EventKind;
use crate::history::Which;
use crate::ports::{LogStore, StoreError};
use crate::recover::{events_of, verify};
use crate::replay::replay;
use crate::seal::{Keyring, has_hole};
use crate::summary::{RunFilter, RunStatus};
use crate::twin::{Fault, Reply, Request};
use tradewind_lang::value::Value;

/// Flows in which personal data go every way that they can go.
const EVERY_WAY: &str = r#"
type "letter" subject="customer_id" {
    field "id" string
    field "customer_id" string
    field "text" string pii untrusted
    field "street" string pii
}
type "profile" subject="customer_id" { field "customer_id" string; field "about" string pii untrusted; field "kind" string }
type "told" subject="customer_id" { field "customer_id" string; field "words" string pii untrusted }
type "verdict" subject="customer_id" { field "customer_id" string; field "note" string pii }
type "sent" { field "id" string }
memory "profiles" tier=long-term record="profile" subject="customer_id" retention="30d"
memory "outlines" tier=long-term record="profile" subject="customer_id" retention="30d" on-forget=redact
connector "mail" version="1" {
    base-url "http://127.0.0.1:1/mail"
    timeout connect="2s" total="10s"
    operation "send" effect=irreversible {
        request { field "to" string; field "body" string pii untrusted }
        http POST "/mails" { header "Idempotency-Key" "=effect.key"; body { body "=request.body" } }
        response "sent" at="=body.mail"
        target "=request.to"
        idempotent key="=effect.key" for="24h"
    }
}
policy "mails" owner="leads" { on "mail.send"; limit "flood" count=20000 per="24h" }
flow "answer" {
    input "letter"
    trigger manual=#true
    trigger event="letter"
    let "summary" "='summary of ' + input.text"
    decide "kind" { classify "kinds" route="kind" text="=input.text" }
    observe "before" { recall "profiles" subject="=input.customer_id" last=3 }
    remember "kept" in="profiles" subject="=input.customer_id" {
        customer_id "=input.customer_id"; about "=summary"; kind "letter"
    }
    remember "outline" in="outlines" subject="=input.customer_id" {
        customer_id "=input.customer_id"; about "=summary"; kind "letter"
    }
    each "lines" in="=[input.text, input.street]" as="line" max=2 {
        let "shouted" "=line + '!'"
        output { line "=shouted" }
    }
    act "tell" { emit "told" customer_id="=input.customer_id" words="=summary" }
    act "mail" { call "mail.send" to="=input.id" body="=summary" ; stage to="leads" within="4h" on-timeout=deny editable="body" }
    output { words "=summary" }
}
"#;

const CANARIES: [&str; 5] = ["zanzibar-text", "quokka-street", "edited-narwhal", "whispered-refusal", "provider-echo"];

fn letter(customer: &str, id: &str) -> Value {
    Value::record([
        ("id", Value::string(id)),
        ("customer_id", Value::string(customer)),
        ("text", Value::string(format!("praise 0.9: zanzibar-text of {customer}"))),
        ("street", Value::string("quokka-street 7")),
    ])
}

fn world() -> World {
    world_with(|request| {
        let echoes = request.operation == "mail.send" && request.request.get("to") == Some(&Value::string("l2"));
        echoes.then(|| {
            Reply::Refused(crate::ports::CallFailure { message: "no such box: provider-echo".to_owned(), ..failure("refused", false) })
        })
    })
}

fn world_with(bend: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, EVERY_WAY]), connectors(std::sync::Arc::new(bend)))
}

async fn approve(engine: &Engine, words: Option<&str>) {
    for asked in engine.approvals().await.unwrap() {
        let edits = words.map_or(Value::Null, |words| Value::record([("body", Value::string(words))]));
        engine.answer(&asked.approval.id, "ann@example.com", Verdict::Approve { edits }).await.unwrap();
    }
}

/// A log in which three customers wrote: c1 was answered with an edit, c2's mail failed, c3's was denied.
async fn lived(world: &World) -> Engine {
    let engine = world.open().await;
    for (customer, id, words) in [("c1", "l1", Some("edited-narwhal")), ("c2", "l2", None)] {
        engine.start("answer", letter(customer, id), "test").await.unwrap();
        world.settle(&engine).await;
        approve(&engine, words).await;
        world.settle(&engine).await;
    }
    let payload = letter("c3", "l3");
    engine
        .receive(Arrival { name: "letter".into(), source: "command-line".into(), account: "".into(), id: "e1".into(), payload })
        .await
        .unwrap();
    world.settle(&engine).await;
    for asked in engine.approvals().await.unwrap() {
        let verdict = Verdict::Deny { reason: "whispered-refusal".to_owned() };
        engine.answer(&asked.approval.id, "ann@example.com", verdict).await.unwrap();
    }
    world.settle(&engine).await;
    engine
}

fn holds(bytes: &[u8], words: &str) -> bool {
    bytes.windows(words.len()).any(|part| part == words.as_bytes())
}

#[tokio::test]
async fn no_word_of_a_person_is_in_the_bytes_of_the_log_and_all_are_there_for_who_has_the_keys() {
    let world = world();
    let engine = lived(&world).await;
    let told = format!("{:?}", world.events(&engine).await);
    for canary in CANARIES {
        assert!(told.contains(canary), "`{canary}` never came by, so that this test shows nothing of it");
        for segment in segments(&world.log).await {
            let seen = || format!("{:#?}", events_of(None, &segment).unwrap());
            assert!(!holds(&segment.body, canary), "`{canary}` is in the segment at {}: {}", segment.first, seen());
        }
    }
    // What tells things apart stays in clear.
    let bytes: Vec<u8> = segments(&world.log).await.iter().flat_map(|segment| segment.body.clone()).collect();
    assert!(holds(&bytes, "mail.send") && holds(&bytes, "l1"));
    // Opened again, the same is known; and every decision is made again with the same bytes.
    let again = world.open().await;
    assert_eq!(format!("{:?}", world.events(&again).await), told);
    let report = replay(&*world.log, 0).await.unwrap();
    assert_eq!(report.erased, 0);
}

#[tokio::test]
async fn whoever_is_forgotten_is_gone_from_the_log_and_from_memory_and_nobody_else_is() {
    let world = world();
    let engine = lived(&world).await;
    let before = verify(&*world.log, 0).await.unwrap();
    let affected = engine.foresee_forget("c1").await.unwrap();
    assert_eq!((affected.open.len(), affected.facts), (0, 2), "{affected:?}");
    let forgotten = engine.forget("c1", "ann@example.com").await.unwrap();
    assert_eq!(forgotten.unsettled.len(), 0);
    assert_eq!(engine.forget("c1", "ann@example.com").await, Err(ForgetError::Nobody));
    assert_eq!(engine.forget("nobody", "ann@example.com").await, Err(ForgetError::Nobody));

    // In the process that goes on, and in one that reads the log again.
    let first = engine;
    let engine = world.open().await;
    for engine in [&first, &engine] {
        assert_eq!(engine.facts("profiles", "c1").await.unwrap(), []);
        let outlines = engine.facts("outlines", "c1").await.unwrap();
        assert_eq!(outlines[0].fields.get("kind"), Some(&Value::string("letter")), "what is not marked stays");
        assert_eq!(outlines[0].fields.get("about"), Some(&Value::Erased));
        assert_eq!(engine.facts("profiles", "c2").await.unwrap().len(), 1);
        let runs = engine.runs(RunFilter::default()).await.unwrap();
        let mut erased: Vec<(bool, String)> = runs.iter().map(|run| (run.erased, format!("{:?}", run.output))).collect();
        erased.sort();
        assert_eq!(erased.iter().filter(|(erased, _)| *erased).count(), 1, "{erased:?}");
    }
    let events = world.events(&engine).await;
    let of_c1: Vec<_> = events.iter().filter(|event| event.header.erased).collect();
    assert!(of_c1.len() > 8, "{}", of_c1.len());
    assert!(!format!("{of_c1:?}").contains("edited-narwhal") && !format!("{of_c1:?}").contains("zanzibar"));
    for event in &events {
        let told = format!("{event:#?}");
        assert!(!told.contains("zanzibar-text of c1"), "{told}");
    }
    assert!(format!("{events:?}").contains("whispered-refusal"), "what was said to c3 is still there");
    assert!(events.iter().any(|event| matches!(&event.kind, EventKind::SubjectForgotten { keys } if keys.len() == 3)));
    let after = verify(&*world.log, 0).await.unwrap();
    assert_eq!(after.events, before.events + 1);
    let report = replay(&*world.log, 0).await.unwrap();
    assert!(report.erased > 5 && report.decisions > report.erased, "{report:?}");

    // He comes back, and is somebody new.
    engine.start("answer", letter("c1", "l9"), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(engine.facts("profiles", "c1").await.unwrap().len(), 1);
    assert_eq!(world.open().await.facts("profiles", "c1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn runs_under_way_end_when_their_subject_is_forgotten_and_say_why() {
    let world = world();
    let engine = world.open().await;
    engine.start("answer", letter("c1", "l1"), "test").await.unwrap();
    engine.start("answer", letter("c2", "l2"), "test").await.unwrap();
    world.settle(&engine).await;
    assert_eq!(engine.approvals().await.unwrap().len(), 2);
    let forgotten = engine.forget("c1", "ann@example.com").await.unwrap();
    assert_eq!((forgotten.affected.open.len(), forgotten.unsettled.len()), (1, 0));
    assert_eq!(engine.approvals().await.unwrap().len(), 1);
    let ended = runs(&engine, "answer").await;
    assert_eq!(ended[0].status, RunStatus::Cancelled);
    assert_eq!(ended[0].cancelled.as_deref(), Some("somebody whose data it works on was forgotten"));
    assert_eq!(ended[1].status, RunStatus::Waiting);
    assert!(world.connectors.requests().is_empty());
}

/// Nobody knows whether a mail was sent, and somebody is asked about it when its subject is forgotten.
#[tokio::test]
async fn what_is_not_settled_when_its_subject_is_forgotten_goes_on_without_a_word_of_him() {
    let world = world_with(|request| (request.operation == "mail.send").then_some(Reply::Lost(Value::Null)));
    let engine = world.open().await;
    let run = engine.start("answer", letter("c1", "l1"), "test").await.unwrap().run_id;
    world.settle(&engine).await;
    approve(&engine, None).await;
    world.settle(&engine).await;
    let forgotten = world.moving(&engine, engine.forget("c1", "ann@example.com")).await.unwrap();
    assert_eq!(forgotten.unsettled, std::slice::from_ref(&run));
    let inbox = engine.approvals().await.unwrap();
    assert_eq!((inbox.len(), inbox[0].run.clone()), (1, run.clone()), "whoever settles it is still asked");
    let shown = format!("{inbox:?} {:?} {:?}", engine.run(&run).await.unwrap(), engine.runs(RunFilter::default()).await.unwrap());
    assert!(!shown.contains("zanzibar") && !shown.contains("quokka"), "{shown}");
    // Nobody knows any more what it began with.
    let again = engine.start("answer", letter("c1", "l1"), "test").await.unwrap();
    assert!(!again.conflict, "{again:?}");
    // The next process knows as much.
    let next = world.open().await;
    world.settle(&next).await;
    assert_eq!(format!("{:?}", next.approvals().await.unwrap()), format!("{inbox:?}"));
    next.answer(&inbox[0].approval.id, "ann@example.com", Verdict::Deny { reason: "it is not there".to_owned() }).await.unwrap();
    world.settle(&next).await;
    assert_eq!(next.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Cancelled);
    replay(&*world.log, 0).await.unwrap();
}

/// The same mail again: a person wanted that before its subject was forgotten, or after.
#[tokio::test]
async fn a_dead_letter_of_somebody_who_was_forgotten_is_not_sent_and_the_log_can_be_decided_again() {
    for planned_before in [true, false] {
        let world = world();
        let engine = lived(&world).await;
        let planned =
            async || engine.dead_letters(&Which::default()).await.unwrap().into_iter().map(|(_, again)| again).collect::<Vec<_>>();
        let mut letters = planned().await;
        assert_eq!(letters.len(), 1);
        engine.forget("c2", "ann@example.com").await.unwrap();
        if !planned_before {
            letters = planned().await;
        }
        let sent = world.connectors.requests().len();
        let run = engine.do_again(&letters, "ann@example.com", "a test").await.unwrap().run_id;
        world.settle(&engine).await;
        approve(&engine, None).await;
        world.settle(&engine).await;
        assert_eq!(engine.run(&run).await.unwrap().unwrap().summary.status, RunStatus::Failed);
        assert_eq!(world.connectors.requests().len(), sent, "planned before: {planned_before}");
        let told = format!("{:?}", engine.runs(RunFilter::default()).await.unwrap());
        assert!(!told.contains("of c2"), "{told}");
        assert_eq!(format!("{:?}", world.open().await.runs(RunFilter::default()).await.unwrap()), told, "planned before: {planned_before}");
        replay(&*world.log, 0).await.unwrap();
    }
}

#[tokio::test]
async fn whoever_writes_again_before_the_vault_has_destroyed_his_keys_is_somebody_new() {
    let world = world();
    let engine = world.open().await;
    engine.start("answer", letter("c1", "l1"), "test").await.unwrap();
    world.settle(&engine).await;
    // It is in the log that he is forgotten, and the one who wanted it has not gone on to the vault yet.
    let mut forgetting = Box::pin(engine.forget("c1", "ann@example.com"));
    let mut is_logged = false;
    while !is_logged {
        let turn = std::future::poll_fn(|context| std::task::Poll::Ready(forgetting.as_mut().poll(context))).await;
        assert!(turn.is_pending(), "{turn:?}");
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        is_logged = world.events(&engine).await.iter().any(|event| matches!(event.kind, EventKind::SubjectForgotten { .. }));
    }
    engine.start("answer", letter("c1", "l2"), "test").await.unwrap();
    forgetting.await.unwrap();
    world.settle(&engine).await;
    // Another process reads his letter.
    let engine = world.open().await;
    world.settle(&engine).await;
    let ended = runs(&engine, "answer").await;
    let status: Vec<RunStatus> = ended.iter().map(|run| run.status).collect();
    assert_eq!(status, [RunStatus::Cancelled, RunStatus::Waiting], "{ended:#?}");
    assert_eq!(engine.facts("profiles", "c1").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_process_that_dies_while_it_forgets_forgets_when_it_is_opened_again() {
    let world = world();
    let engine = world.open().await;
    engine.start("answer", letter("c1", "l1"), "test").await.unwrap();
    world.settle(&engine).await;
    // The list says so, and nothing more was done; the vault destroys the keys when it is opened.
    let name = world.log.vault().known("c1").unwrap();
    world.log.vault().want_gone(&[name], "ann@example.com", START).unwrap();
    world.log.vault().destroy(&[name]).unwrap();
    let engine = world.open().await;
    world.settle(&engine).await;
    let ended = runs(&engine, "answer").await;
    assert_eq!(ended[0].status, RunStatus::Cancelled, "{ended:#?}");
    assert!(world.connectors.requests().is_empty(), "nothing that was erased is sent");
    let events = world.events(&engine).await;
    assert!(events.iter().any(|event| matches!(event.kind, EventKind::SubjectForgotten { .. })), "the log knows of it");
    assert_eq!(engine.facts("profiles", "c1").await.unwrap(), []);
    assert!(replay(&*world.log, 0).await.unwrap().erased > 0);
}

#[tokio::test]
async fn keys_that_are_lost_are_told_of_and_nothing_is_taken_for_forgotten() {
    let world = world();
    drop(lived(&world).await);
    world.log.vault().lose();
    match world.try_open().await {
        Err(StoreError::Keys(why)) => assert!(why.contains("whose key the vault does not have"), "{why}"),
        other => panic!("{other:?}"),
    }
    // Whoever has no vault at all may still check the chain, and sees that something was there.
    let segments = segments(&world.log).await;
    let events: Vec<_> = segments.iter().flat_map(|segment| events_of(None, segment).unwrap()).collect();
    let input = events.iter().find_map(|event| match &event.kind {
        EventKind::RunStarted { input, .. } => Some(input.clone()),
        _ => None,
    });
    assert!(has_hole(&input.unwrap()));
}

#[tokio::test]
async fn a_sealed_part_opens_nowhere_but_at_its_place() {
    let world = world();
    drop(lived(&world).await);
    let all = segments(&world.log).await;
    let sealed = all.iter().position(|segment| {
        let events = events_of(world.log.keys().as_deref(), segment).unwrap();
        events.len() == 1 && !events[0].header.subjects.is_empty()
    });
    let segment = &all[sealed.unwrap()];
    // The same bytes under another number: the chain would tell of it, and so does the seal.
    let moved = crate::segment::Segment { first: segment.first + 1, ..segment.clone() };
    assert!(matches!(events_of(world.log.keys().as_deref(), &moved), Err(StoreError::Damaged(_))));
}

#[tokio::test]
async fn what_dies_between_key_and_log_loses_nothing() {
    for append in 1..=6 {
        let world = world();
        world.log.set_fault(Some(Fault::DiesBefore(append)));
        let engine = world.open().await;
        let _ = engine.start("answer", letter("c1", "l1"), "test").await;
        world.settle(&engine).await;
        world.log.set_fault(None);
        let engine = world.open().await;
        engine.start("answer", letter("c1", "l1"), "test").await.unwrap();
        world.settle(&engine).await;
        approve(&engine, None).await;
        world.settle(&engine).await;
        assert_eq!(runs(&engine, "answer").await[0].status, RunStatus::Completed, "append {append}");
        replay(&*world.log, 0).await.unwrap();
    }
}
