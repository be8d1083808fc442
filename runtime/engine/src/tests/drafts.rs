//! Drafts by models behind a network: what is asked, what counts as an answer, what it costs, and what no fault gets past.

use super::world::*;
use crate::event::{Event, EventKind, Used};
use crate::question::{Answer, Prompt, Question, Reply, Silence, Turn, Usage};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

/// Two models; `small` costs 1 USD for 1,000 tokens read and 2 USD for 1,000 written.
pub(super) const MODELS: &str = r#"
model "small" provider=openai name="s" base-url="http://127.0.0.1:1/v1" {
    price input="1 USD" output="2 USD" per="1k tokens"
    context 8000
    max-output 100
    can text classify tools
    cleared pii
}
model "large" provider=anthropic name="l" base-url="http://127.0.0.1:1" { price "0 USD"; context 200000; can text classify tools; cleared pii }
type "copy" { field "title" string max=20; field "tags" list<string>; field "note" string? }
"#;

fn flow(route: &str, settings: &str) -> String {
    format!(
        r#"
route "copy" needs=text {{ {route} }}
flow "describe" {{
    summary "Describe a product"
    input {{ field "product" string }}
    key "=input.product"
    {settings}
    decide "copy" {{ draft "copy" route="copy" {{ system "You write copy."; user "Describe {{{{ input.product }}}}" }} }}
    output {{ title "=copy.title" }}
}}
policy "others" {{ on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }}
"#
    )
}

pub(super) fn world(route: &str, settings: &str, says: impl Fn(&Prompt) -> Option<Answer> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, MODELS, &flow(route, settings)]), healthy()).saying(says)
}

pub(super) fn said(text: &str) -> Answer {
    let usage = Some(Usage { input: 100, cached: 0, output: 10, reasoning: 0 });
    Answer::Said(Reply { text: text.into(), calls: Vec::new(), usage, by: "s-1".into(), hedged: false, took: 1_000 })
}

const GOOD: &str = r#"{"title": "Oslo", "tags": ["oak"], "note": null}"#;

pub(super) fn silent(code: &str, doubt: bool, retry: bool) -> Answer {
    Answer::Silent(Silence { code: code.to_owned(), message: format!("{code} happened"), doubt, retry, retry_after: None, usage: None })
}

pub(super) async fn describe(world: &World, product: &str) -> (RunSummary, Vec<Event>) {
    let engine = world.open().await;
    let started = engine.start("describe", Value::record([("product", Value::string(product))]), "test").await.unwrap();
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    let events = world.events(&engine).await;
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    (run, events)
}

pub(super) fn questions(events: &[Event]) -> Vec<Arc<Question>> {
    let asked = events.iter().filter_map(|event| match &event.kind {
        EventKind::ModelAsked(question) => Some(question.clone()),
        _ => None,
    });
    asked.collect()
}

fn usd(text: &str) -> Option<Money> {
    Money::parse(text)
}

#[tokio::test]
async fn a_draft_is_asked_for_in_the_log_before_it_is_asked_for_and_costs_what_it_counts() {
    let world = world(r#"candidate "small"; fail "nobody wrote it""#, "", |prompt| {
        assert_eq!(prompt.turns, [Turn::System("You write copy.".into()), Turn::User("Describe chair".into())]);
        assert_eq!(prompt.schema["properties"]["title"]["maxLength"], 20);
        Some(said(GOOD))
    });
    let (run, events) = describe(&world, "chair").await;
    assert_eq!((run.status, run.output.get("title").cloned()), (RunStatus::Completed, Some(Value::string("Oslo"))));
    // 100 tokens read and 10 written.
    assert_eq!(run.cost, usd("0.12 USD"));
    let kinds: Vec<&str> = events.iter().filter(|event| event.header.step.is_some()).map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["model-asked", "model-answered", "step-completed"]);
    let asked = questions(&events);
    // Every byte is a token, with the frame; and the longest answer.
    let bytes = "You write copy.Describe chair".len() as u64;
    assert!(asked[0].reserved.unwrap().amount > Money::parse("2.2 USD").unwrap().amount, "{:?} for {bytes} bytes", asked[0].reserved);
    assert!(events.iter().any(|event| matches!(&event.used, Used::Said(label) if &*label.by == "small" && &*label.tier == "remote")));
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_repaired_once_and_then_the_ladder_goes_on() {
    let deep = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
    let long = format!(r#"{{"title": "{}", "tags": []}}"#, "x".repeat(1 << 20));
    let bad: [(&str, &str); 9] = [
        ("Sure! Here is your copy.", "no JSON"),
        (r#"{"title": "Oslo""#, "no JSON"),
        (r#"{"name": "Oslo"}"#, "`name`: there is no such field"),
        (r#"{"title": "Oslo", "tags": [], "price": 3}"#, "`price`: there is no such field"),
        (r#"{"title": NaN, "tags": []}"#, "no JSON"),
        (r#"{"title": "a", "title": "b", "tags": []}"#, "stands twice"),
        ("", "it is empty"),
        (&deep, "no JSON"),
        (&long, "`title`: has length 1048576"),
    ];
    for (text, why) in bad {
        let text = text.to_owned();
        let answers = move |prompt: &Prompt| Some(if prompt.model.name == "large" { said(GOOD) } else { said(&text) });
        let world = world(r#"candidate "small"; candidate "large"; fail "nobody wrote it""#, "", answers);
        let (run, events) = describe(&world, "chair").await;
        assert_eq!(run.status, RunStatus::Completed, "{why}");
        let asked = questions(&events);
        let models: Vec<(&str, u32)> = asked.iter().map(|question| (&*question.model, question.repair)).collect();
        assert_eq!(models, [("small", 0), ("small", 1), ("large", 0)], "{why}");
        assert!(matches!(&asked[1].says[..], [Turn::User(said)] if said.contains(why)), "{why}: {:?}", asked[1].says);
        assert!(asked[2].passed[0].contains(why), "{why}: {:?}", asked[2].passed);
        // Whoever did not fit is paid all the same: two calls of `small`.
        assert_eq!(run.cost, usd("0.24 USD"), "{why}");
    }
}

#[tokio::test]
async fn a_repaired_answer_counts() {
    let count = AtomicUsize::new(0);
    let world = world(r#"candidate "small"; fail "nobody wrote it""#, "", move |_| {
        Some(said(if count.fetch_add(1, Ordering::SeqCst) == 0 { "no" } else { "```json\n{\"title\": \"Oslo\", \"tags\": []}\n```" }))
    });
    let (run, events) = describe(&world, "chair").await;
    assert_eq!((run.status, questions(&events).len()), (RunStatus::Completed, 2));
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_when_it_wants_and_one_that_hangs_is_given_up() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let busy = world(r#"candidate "small"; fail "nobody wrote it""#, "", move |_| {
        let wait = Silence { retry_after: Some(20 * SECOND), ..Silence::free("http-429", "too many", true) };
        Some(if seen.fetch_add(1, Ordering::SeqCst) == 0 { Answer::Silent(wait) } else { said(GOOD) })
    });
    let (run, events) = describe(&busy, "chair").await;
    let asked = questions(&events);
    assert_eq!((run.status, run.cost, asked.len()), (RunStatus::Completed, usd("0.12 USD"), 2));
    assert!(asked[1].not_before >= asked[0].not_before + 20 * SECOND);

    // One that does not say when it wants to be asked again is asked later all the same, and not without end.
    let full = world(r#"candidate "small"; fail "nobody wrote it""#, "", |_| Some(silent("http-429", false, true)));
    let (run, events) = describe(&full, "chair").await;
    let asked = questions(&events);
    assert_eq!((run.status, run.cost, asked.len()), (RunStatus::Failed, None, 3));
    assert!(asked.windows(2).all(|pair| pair[1].not_before > pair[0].not_before), "{asked:?}");

    let hangs = world(r#"candidate "small"; candidate "large"; fail "nobody wrote it""#, "", |prompt| {
        (prompt.model.name == "large").then(|| said(GOOD))
    });
    let (run, events) = describe(&hangs, "chair").await;
    let asked = questions(&events);
    assert_eq!((run.status, asked.len()), (RunStatus::Completed, 2));
    assert!(asked[1].passed[0].contains("time-out"), "{:?}", asked[1].passed);
    // It may have worked all the while: what it may have cost counts.
    assert_eq!(run.cost, asked[0].reserved);
}

#[tokio::test]
async fn a_candidate_that_hangs_is_given_up_after_its_own_time() {
    let world = world(r#"candidate "small" timeout="2s"; candidate "large"; fail "nobody wrote it""#, "", |prompt| {
        (prompt.model.name == "large").then(|| said(GOOD))
    });
    let (run, events) = describe(&world, "chair").await;
    let asked = questions(&events);
    assert_eq!((run.status, asked.len()), (RunStatus::Completed, 2));
    assert_eq!(asked[0].until - asked[0].not_before, 2 * SECOND);
    assert!(asked[1].not_before < asked[0].not_before + 3 * SECOND && asked[1].until - asked[1].not_before > 30 * SECOND, "{asked:?}");
    assert!(asked[1].passed[0].contains("time-out"), "{:?}", asked[1].passed);
}

#[tokio::test]
async fn what_refuses_or_fails_for_good_ends_at_the_floor_which_says_why() {
    for (answer, tries) in
        [(silent("refused", false, false), 1), (silent("http-503", false, true), 3), (silent("connection", true, true), 3)]
    {
        let world = world(r#"candidate "small"; fail "nobody wrote it""#, "", move |_| Some(answer.clone()));
        let (run, events) = describe(&world, "chair").await;
        let failure = run.failure.unwrap();
        assert!(failure.message.starts_with("nobody wrote it (`small`: "), "{failure}");
        assert_eq!((run.status, questions(&events).len()), (RunStatus::Failed, tries));
    }
}

#[tokio::test]
async fn the_time_of_a_route_ends_its_ladder() {
    let world = world(r#"deadline "5s"; candidate "small"; candidate "large"; fail "nobody wrote it""#, "", |_| None);
    let (run, events) = describe(&world, "chair").await;
    let asked = questions(&events);
    assert_eq!((asked.len(), asked[0].until - asked[0].since), (1, 5 * SECOND));
    assert!(run.failure.unwrap().message.contains("`large`: no time is left"));
}

#[tokio::test]
async fn fifty_runs_at_once_never_spend_more_than_a_budget_holds() {
    let route = r#"candidate "small"; fail "nobody wrote it"; budget "12 USD" per=day"#;
    let world = world(route, "", |_| Some(said(GOOD)));
    let engine = world.open().await;
    let start = |place: i32| {
        let (engine, input) = (engine.clone(), Value::record([("product", Value::string(format!("p{place:02}")))]));
        tokio::spawn(async move { engine.start("describe", input, "test").await.unwrap() })
    };
    for start in (0..50).map(start).collect::<Vec<_>>() {
        start.await.unwrap();
    }
    world.settle(&engine).await;
    let events = world.events(&engine).await;
    // Worked out from the log alone: at no moment is more taken than the budget holds.
    let (mut taken, mut most) = (Money::parse("0 USD").unwrap(), Money::parse("0 USD").unwrap());
    let mut reserved = std::collections::BTreeMap::new();
    for event in &events {
        match &event.kind {
            EventKind::ModelAsked(question) => {
                reserved.insert(question.key.clone(), question.reserved.unwrap());
                taken = taken.plus(question.reserved.unwrap()).unwrap();
            }
            EventKind::ModelAnswered(answered) => {
                taken = taken.minus(reserved[&answered.key]).unwrap().plus(answered.spent.unwrap()).unwrap();
            }
            _ => {}
        }
        most = if taken.amount > most.amount { taken } else { most };
    }
    assert!(most.amount <= Money::parse("12 USD").unwrap().amount, "{most} of 12 USD");
    let all = runs(&engine, "describe").await;
    let failed: Vec<String> = all.iter().filter_map(|run| Some(run.failure.as_ref()?.to_string())).collect();
    assert!(failed.iter().all(|why| why.starts_with("budget: ") && why.contains("would be above the limit of 12.00 USD")), "{failed:?}");
    // All that was reserved and not spent is free again: the last of it is less than one more call may cost.
    let spent = all.iter().filter_map(|run| run.cost).fold(Money::parse("0 USD").unwrap(), |sum, cost| sum.plus(cost).unwrap());
    assert_eq!(spent, taken);
    assert!(!failed.is_empty() && failed.len() < 50, "{} of 50 refused", failed.len());
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn the_cap_of_a_run_a_task_and_an_unknown_price_refuse_before_anything_is_asked() {
    let cheap = r#"candidate "small"; fail "nobody wrote it""#;
    for (route, settings) in [
        (cheap.to_owned(), r#"cost-cap "1 USD""#),
        (format!(r#"{cheap}; budget "1 USD" per=task"#), ""),
        (format!(r#"{cheap}; budget "1 USD" per=run"#), ""),
    ] {
        let world = world(&route, settings, |_| Some(said(GOOD)));
        let (run, events) = describe(&world, "chair").await;
        assert_eq!((run.failure.unwrap().kind.to_string().as_str(), questions(&events).len()), ("budget", 0), "{route} {settings}");
    }
}

#[tokio::test]
async fn a_process_that_ends_while_a_model_works_leaves_the_reservation_and_asks_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let world =
        world(r#"candidate "small"; fail "nobody wrote it""#, "", move |_| (seen.fetch_add(1, Ordering::SeqCst) > 0).then(|| said(GOOD)));
    let engine = world.open().await;
    let started = engine.start("describe", Value::record([("product", Value::string("chair"))]), "test").await.unwrap();
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(count.load(Ordering::SeqCst), 1);
    engine.shutdown().await;
    let engine = world.open().await;
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    let asked = questions(&world.events(&engine).await);
    assert_eq!((run.status, asked.len()), (RunStatus::Completed, 2));
    // The first may have to be paid: it counts with all that it may have cost.
    assert_eq!(run.cost, asked[0].reserved.unwrap().plus(Money::parse("0.12 USD").unwrap()));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_person_writes_what_no_model_wrote() {
    let route = r#"candidate "small"; person "leads" within="4h" on-timeout=fail"#;
    let world = world(route, "", |_| Some(silent("refused", false, false)));
    let engine = world.open().await;
    let started = engine.start("describe", Value::record([("product", Value::string("chair"))]), "test").await.unwrap();
    world.settle(&engine).await;
    let inbox = engine.approvals().await.unwrap();
    assert_eq!(inbox[0].approval.question, "No model answered. Write the `copy`.");
    let copy = Value::record([("title", Value::string("By hand")), ("tags", Value::list([])), ("note", Value::Null)]);
    engine.answer(&inbox[0].approval.id, "ann@example.com", crate::approval::Verdict::Answer(copy)).await.unwrap();
    world.settle(&engine).await;
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    assert_eq!(run.output.get("title"), Some(&Value::string("By hand")));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_model_behind_a_network_labels_beside_one_of_this_process() {
    let parts = r#"
route "sorts" needs=classify { candidate "small"; candidate "kind"; value "praise" confidence=0.0 }
flow "describe" {
    summary "Sort"
    input { field "product" string }
    key "=input.product"
    decide "kind" { classify "kinds" route="sorts" text="=input.product" }
    output { kind "=kind.label"; by "=kind.by" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;
    let broken = "complaint 0.9: broken";
    for (answer, text, kind, by, calls) in [
        (said(r#"{"label": "complaint", "confidence": 0.8}"#), broken, "complaint", "small", 1),
        // None of the labels, or too sure: repaired once, and then the model of this process is asked.
        (said(r#"{"label": "anger", "confidence": 0.8}"#), broken, "complaint", "kind", 2),
        (said(r#"{"label": "praise", "confidence": 7}"#), broken, "complaint", "kind", 2),
        // That one gives no answer either; a replay knows that it was asked after the other one was heard.
        (said(r#"{"label": "anger", "confidence": 0.8}"#), "broken", "praise", "value", 2),
    ] {
        let world = World::new(plan(&[PROJECT, MODELS, parts]), healthy()).saying(move |_| Some(answer.clone()));
        let (run, events) = describe(&world, text).await;
        let field = |name: &str| run.output.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        assert_eq!((field("kind").as_str(), field("by").as_str(), questions(&events).len()), (kind, by, calls));
    }
}

#[tokio::test]
async fn equal_questions_get_the_answer_that_is_kept_and_its_age_is_told() {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let route = r#"candidate "small"; fail "nobody wrote it"; cache exact="2h""#;
    let world = world(route, "", move |_| {
        seen.fetch_add(1, Ordering::SeqCst);
        Some(said(GOOD))
    });
    // Another run, as its key is another, which says the same to the model.
    let engine = world.open().await;
    let input = |product: &str| Value::record([("product", Value::string(product))]);
    engine.start("describe", input("chair"), "test").await.unwrap();
    world.settle(&engine).await;
    engine.shutdown().await;
    let flow = flow(route, "").replace("key \"=input.product\"", "key \"=input.product + 'again'\"");
    let again = World { plan: plan(&[PROJECT, MODELS, &flow]), ..world.clone() };
    let engine = again.open().await;
    again.clock.advance(HOUR);
    let second = engine.start("describe", input("chair"), "test").await.unwrap();
    again.settle(&engine).await;
    assert_eq!(count.load(Ordering::SeqCst), 1, "nothing was asked");
    let run = engine.run(&second.run_id).await.unwrap().unwrap().summary;
    assert_eq!((run.status, run.cost), (RunStatus::Completed, None));
    let events = again.events(&engine).await;
    let label = events.iter().find_map(|event| if let Used::Said(label) = &event.used { label.seq.map(|_| label.clone()) } else { None });
    assert!(label.is_some_and(|label| &*label.tier == "cache" && label.age >= HOUR));
    engine.shutdown().await;
    replay(&*again.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_rung_of_kept_answers_helps_out_where_no_model_answers() {
    let told = AtomicUsize::new(0);
    let route = r#"candidate "small"; cached max-age="30d"; fail "nobody wrote it""#;
    let world = world(route, "", move |_| {
        Some(if told.fetch_add(1, Ordering::SeqCst) == 0 { said(GOOD) } else { silent("refused", false, false) })
    });
    let (run, _) = describe(&world, "chair").await;
    assert_eq!(run.status, RunStatus::Completed);
    let flow = flow(route, "").replace("key \"=input.product\"", "key \"=input.product + 'again'\"");
    let again = World { plan: plan(&[PROJECT, MODELS, &flow]), ..world.clone() };
    let (run, events) = describe(&again, "chair").await;
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.used, Used::Said(label) if &*label.tier == "cache" && label.passed[0].contains("refused")))
    );
    let (run, _) = describe(&again, "table").await;
    assert_eq!(run.failure.unwrap().message, "nobody wrote it (`small`: refused: refused happened)");
}

#[tokio::test]
async fn a_budget_that_is_used_up_ends_a_ladder_that_keeps_answers() {
    let budget = r#"budget "3 USD" per=day"#;
    let routes = [
        format!(r#"candidate "small"; cached max-age="30d"; candidate "small"; fail "nobody wrote it"; {budget}"#),
        format!(r#"candidate "small"; fail "nobody wrote it"; cache exact="1h"; {budget}"#),
    ];
    for route in routes {
        let world = world(&route, "", |_| Some(silent("connection", true, false)));
        let (first, _) = describe(&world, "chair").await;
        assert!(first.failure.is_some(), "what it may have cost is taken, and nothing is kept");
        let (second, events) = describe(&world, "table").await;
        let failure = second.failure.unwrap();
        assert_eq!(failure.kind.to_string(), "budget", "{failure}");
        assert_eq!(questions(&events).len(), 1, "the second run asks nobody");
    }
}

#[tokio::test]
async fn a_candidate_is_asked_only_for_tasks_for_which_its_condition_holds() {
    let last = r#"candidate "large"; fail "nobody wrote it""#;
    for (when, settings, asked) in [
        ("task.risk == 'low' && task.tokens < 8000 && task.capability == 'text'", "", "small"),
        ("task.tokens > 8000", "", "large"),
        ("!task.personal", "", "small"),
        ("task.left > '2 USD'", r#"cost-cap "5 USD""#, "small"),
        ("task.left > '9 USD'", r#"cost-cap "5 USD""#, "large"),
        // Without a cap nothing says what is left.
        ("task.left > '2 USD'", "", "large"),
    ] {
        let world = world(&format!("candidate \"small\" when=\"{when}\"; {last}"), settings, |_| Some(said(GOOD)));
        let (run, events) = describe(&world, "chair").await;
        let questions = questions(&events);
        assert_eq!((run.status, &*questions[0].model), (RunStatus::Completed, asked), "{when}");
        assert_eq!(questions[0].passed.is_empty(), asked == "small", "{when}: {:?}", questions[0].passed);
    }
}
