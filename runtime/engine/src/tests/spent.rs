//! What an answer cost where it is no common one: refused and counted all the same, or dearer than all that was reserved for it.

use super::drafts::{describe, said, silent, world};
use crate::event::{Event, EventKind};
use crate::question::{Answer, Question, Silence, Usage};
use std::sync::Arc;
use tradewind_lang::money::Money;

fn usd(text: &str) -> Money {
    Money::parse(&format!("{text} USD")).unwrap()
}

fn asked(events: &[Event]) -> Vec<Arc<Question>> {
    let asked = events.iter().filter_map(|event| match &event.kind {
        EventKind::ModelAsked(question) => Some(question.clone()),
        _ => None,
    });
    asked.collect()
}

/// A provider that will not answer, and says what it read and wrote.
fn refused_at(usage: Option<Usage>) -> Answer {
    let Answer::Silent(silence) = silent("refused", true, false) else { unreachable!() };
    Answer::Silent(Silence { usage, ..silence })
}

#[tokio::test]
async fn a_call_that_was_refused_costs_what_the_provider_counts_and_no_reservation_beside_it() {
    let usage = Usage { input: 100, cached: 0, output: 10, reasoning: 0 };
    let lone = world(r#"candidate "small"; fail "nobody wrote it""#, "", move |_| Some(refused_at(Some(usage))));
    let (run, _) = describe(&lone, "chair").await;
    assert_eq!(run.cost, Some(usd("0.12")));

    // Where nobody counts, the reservation stays.
    let uncounted = world(r#"candidate "small"; fail "nobody wrote it""#, "", move |_| Some(refused_at(None)));
    let (run, events) = describe(&uncounted, "chair").await;
    assert_eq!((run.cost, asked(&events).len()), (asked(&events)[0].reserved, 1));

    // A second call may have been sent beside it: of that one nobody knows more than what it may cost.
    let two = world(r#"candidate "small" hedge="p95"; fail "nobody wrote it""#, "", move |_| Some(refused_at(Some(usage))));
    let (run, events) = describe(&two, "chair").await;
    let half = asked(&events)[0].reserved.unwrap().part(1, 2).unwrap();
    assert_eq!(run.cost, half.plus(usd("0.12")));
}

#[tokio::test]
async fn an_answer_that_cost_more_than_was_reserved_counts_before_the_next_question_is_asked() {
    let route = r#"candidate "small"; fail "nobody wrote it"; budget "10 USD" per=day"#;
    // It does not fit, so it would be said back; and the provider counts more than the model is declared to read.
    let dear = |_: &_| {
        let Answer::Said(mut reply) = said("Sure!") else { unreachable!() };
        reply.usage = Some(Usage { input: 9_000, cached: 0, output: 10, reasoning: 0 });
        Some(Answer::Said(reply))
    };
    let (run, events) = describe(&world(route, "", dear), "chair").await;
    assert_eq!((run.cost, asked(&events).len()), (Some(usd("9.02")), 1));

    // Where the budget has room for what the second one may cost, it is asked.
    let (run, events) = describe(&world(&route.replace("10 USD", "20 USD"), "", dear), "chair").await;
    assert_eq!((run.cost, asked(&events).len()), (Some(usd("18.04")), 2));
}
