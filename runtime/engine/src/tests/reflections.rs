//! Drafts that are judged and written anew: what a critic says reaches who wrote it, and nothing is accepted by default.

use super::drafts::{MODELS, questions, said, silent};
use super::world::*;
use crate::approval::{ApprovalKind, Verdict};
use crate::question::{Prompt, Purpose, Turn};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use tradewind_lang::value::Value;

fn flow(critic: &str, reflect: &str) -> String {
    format!(
        r#"
route "copy" needs=text {{ candidate "small"; fail "nobody wrote it" }}
route "judging" needs=text {{ candidate "large"; fail "nobody judged it" }}
type "fact" {{ field "sku" string; field "text" string }}
memory "catalogue" tier=long-term record="fact" subject="sku" retention="30d"
critic "brand" of="copy" {{ {critic} }}
flow "learn" {{
    summary "Remember a fact"
    input "fact"
    remember "fact" in="catalogue" subject="=input.sku" {{ sku "=input.sku"; text "=input.text" }}
    output {{ known "=input.sku" }}
}}
flow "describe" {{
    summary "Describe a product"
    input {{ field "product" string }}
    key "=input.product"
    observe "facts" {{ recall "catalogue" subject="=input.product" last=5 }}
    decide "copy" {{ draft "copy" route="copy" prompt="Describe {{{{ input.product }}}}: {{% for fact in facts %}}{{{{ fact.text }}}} {{% endfor %}}" }}
    reflect "accepted" of="copy" {reflect}
    output {{ title "=accepted.title"; first "=copy.title" }}
}}
policy "others" {{ on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }}
"#
    )
}

async fn describe(world: &World) -> (RunSummary, Vec<crate::event::Event>) {
    let engine = world.open().await;
    let fact = Value::record([("sku", Value::string("oslo")), ("text", Value::string("Oslo chair, 84 cm wide, 129 USD"))]);
    engine.start("learn", fact, "test").await.unwrap();
    world.settle(&engine).await;
    let started = engine.start("describe", Value::record([("product", Value::string("oslo"))]), "test").await.unwrap();
    world.settle(&engine).await;
    if let Some(item) = engine.approvals().await.unwrap().first() {
        assert_eq!(item.approval.kind, ApprovalKind::Version);
        engine.answer(&item.approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
        world.settle(&engine).await;
    }
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    let events = world.events(&engine).await;
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    (run, events)
}

fn world(critic: &str, reflect: &str, says: impl Fn(&Prompt) -> Option<&'static str> + Send + Sync + 'static) -> World {
    let answer = move |prompt: &Prompt| Some(says(prompt).map_or_else(|| silent("http-500", false, false), said));
    World::new(plan(&[PROJECT, MODELS, &flow(critic, reflect)]), healthy()).saying(answer)
}

/// A model that always boasts, whatever its critic says.
pub(super) fn stubborn(reflect: &str) -> World {
    world(NO_PROMISES, reflect, |prompt| matches!(prompt.question.purpose, Purpose::Draft | Purpose::Revision(_)).then_some(FIRST))
}

const FIRST: &str = r#"{"title": "Best chair ever", "tags": [], "note": null}"#;
const SECOND_ONE: &str = r#"{"title": "Oslo chair", "tags": [], "note": null}"#;

fn title(run: &RunSummary) -> String {
    run.output.get("title").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn drafts(prompt: &Prompt) -> Option<&'static str> {
    match prompt.question.purpose {
        Purpose::Draft => Some(FIRST),
        Purpose::Revision(_) => Some(SECOND_ONE),
        _ => None,
    }
}

const NO_PROMISES: &str = r#"require "!draft.title.matches('(?i)best')" code="promise" message="no promises""#;

#[tokio::test]
async fn what_a_critic_says_reaches_who_wrote_the_draft_and_the_new_version_is_the_steps_own() {
    let world = world(NO_PROMISES, r#"max-revisions=2 { critic "brand" }"#, drafts);
    let (run, events) = describe(&world).await;
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
    assert_eq!((title(&run).as_str(), run.output.get("first")), ("Oslo chair", Some(&Value::string("Best chair ever"))));
    let asked = questions(&events);
    let revision = asked.iter().find(|question| question.purpose == Purpose::Revision(1)).unwrap();
    assert!(matches!(&revision.says[1], Turn::Model(said) if said.contains("Best chair ever")));
    assert!(matches!(&revision.says[2], Turn::User(said) if said.contains("- promise: no promises")), "{:?}", revision.says);
}

#[tokio::test]
async fn revisions_end_and_nothing_is_accepted_by_default() {
    for (otherwise, status, revisions) in [
        (r#"max-revisions=2 { critic "brand" }"#, RunStatus::Failed, 2),
        (r#"max-revisions=2 else=continue { critic "brand" }"#, RunStatus::Completed, 2),
        (r#"max-revisions=1 else=escalate { critic "brand"; escalate to="leads" within="4h" on-timeout=stop }"#, RunStatus::Completed, 1),
        (r#"else=stop { critic "brand" }"#, RunStatus::Failed, 0),
    ] {
        let (run, events) = describe(&stubborn(otherwise)).await;
        assert_eq!((run.status, questions(&events).len()), (status, revisions + 1), "{otherwise}");
        if let Some(failure) = run.failure {
            assert_eq!((failure.code.as_str(), failure.message.as_str()), ("promise", "promise: no promises"));
        }
    }
}

#[tokio::test]
async fn a_judge_says_how_good_a_version_is_and_one_that_cannot_be_had_accepts_nothing() {
    let judge = r#"judge route="judging" min=0.7 prompt="Is this us? {{ draft.title }}""#;
    let reflect = r#"max-revisions=1 { critic "brand" }"#;
    let judged = |prompt: &Prompt| match prompt.question.purpose {
        Purpose::Judge(_) if prompt.turns.iter().any(|turn| matches!(turn, Turn::User(said) if said.contains("Best"))) => {
            Some(r#"{"score": 0.2, "reason": "it boasts"}"#)
        }
        Purpose::Judge(_) => Some(r#"{"score": 0.9, "reason": "plain"}"#),
        _ => drafts(prompt),
    };
    let (run, events) = describe(&world(judge, reflect, judged)).await;
    assert_eq!((run.status, title(&run).as_str()), (RunStatus::Completed, "Oslo chair"));
    let purposes: Vec<Purpose> = questions(&events).iter().map(|question| question.purpose).collect();
    assert_eq!(purposes, [Purpose::Draft, Purpose::Judge(0), Purpose::Revision(1), Purpose::Judge(0)]);
    let (run, _) = describe(&world(judge, reflect, drafts)).await;
    assert!(run.failure.unwrap().message.starts_with("nobody judged it"));
}

#[tokio::test]
async fn a_grounded_draft_says_only_what_recalled_facts_say() {
    let says = |first: &'static str| {
        move |prompt: &Prompt| {
            Some(if prompt.question.purpose == Purpose::Draft { first } else { r#"{"title": "Oslo, 84 cm", "tags": [], "note": null}"# })
        }
    };
    let grounded = r#"grounded { in "catalogue" }"#;
    let reflect = r#"max-revisions=1 { critic "brand" }"#;
    let (run, events) = describe(&world(grounded, reflect, says(r#"{"title": "Oslo, 85 cm", "tags": [], "note": null}"#))).await;
    assert_eq!((title(&run).as_str(), questions(&events).len()), ("Oslo, 84 cm", 2), "{:?}", run.failure);
    let (run, events) = describe(&world(grounded, reflect, says(r#"{"title": "Oslo at 129 USD", "tags": [], "note": null}"#))).await;
    assert_eq!((title(&run).as_str(), questions(&events).len()), ("Oslo at 129 USD", 1), "{:?}", run.failure);
}
