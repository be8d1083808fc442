//! What an answer cost where it is no common one: refused and counted all the same, or dearer than all that was reserved for it.

use super::drafts::{describe, said, silent, world};
use crate::event::{Event, EventKind};
use crate::guard::{Amount, Claim, Guards, Span};
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

/// A day's share of three dollars.
fn of_day(day: i64) -> [Claim; 1] {
    let (rule, by) = ("budget of route `copy` per day".into(), "".into());
    [Claim::Limit { rule, by, amount: Amount::Money(usd("3")), max: Amount::Money(usd("10")), span: Span::Day(day), escalates: false }]
}

#[test]
fn what_is_settled_after_midnight_is_of_the_day_in_which_it_was_reserved() {
    let mut guards = Guards::default();
    assert!(guards.take(&"yesterday".into(), &of_day(1), &[], 10).is_yes());
    assert!(guards.take(&"today".into(), &of_day(2), &[], 20).is_yes());
    guards.spend(&"yesterday".into(), usd("1"));
    let taken = |guards: &mut Guards| guards.taken("budget of route `copy` per day", Span::Day(2), 30);
    assert_eq!(taken(&mut guards), [("".into(), Amount::Money(usd("3")))], "nothing of yesterday is in the sum of today");
    // What is settled on its own day frees what it did not spend.
    guards.spend(&"today".into(), usd("2"));
    assert_eq!(taken(&mut guards), [("".into(), Amount::Money(usd("2")))]);
    // Nobody who asks for more than was reserved, after midnight, takes of today either.
    assert!(guards.take(&"late".into(), &of_day(2), &[], 50).is_yes());
    assert!(guards.take(&"tomorrow".into(), &of_day(3), &[], 60).is_yes());
    guards.overspend(&"late".into(), usd("9"));
    assert_eq!(guards.taken("budget of route `copy` per day", Span::Day(3), 70), [("".into(), Amount::Money(usd("3")))]);
}
