//! Agents: what a model calls is a step of the run, held by the plan and by the same policies as any act.

use super::drafts::{MODELS, questions};
use super::world::*;
use crate::approval::Verdict;
use crate::event::EventKind;
use crate::question::{Answer, Called, Prompt, Reply as Words, ToolCall, Turn, Usage};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use crate::twin::{Reply, Request};
use tradewind_lang::value::Value;

const FLOW: &str = r#"
type "answer" { field "text" string max=100 }
route "talk" needs=text { candidate "small"; fail "nobody answered" }
flow "help" {
    summary "Help with an order"
    input { field "id" string }
    key "=input.id"
    agent "reply" type="answer" route="talk" max-steps=3 {
        user "What of order {{ input.id }}?"
        tool "shop.order.get" as="order" max-calls=2 { one-of id="=[input.id]" }
        tool "pay.credit" as="credit" max-calls=1 { fixed order_id="=input.id" amount="='5 USD'" line="='goodwill'" }
        require "reply.text != ''" code="empty"
    }
    output { text "=reply.text" }
}
policy "credits" owner="leads" { on "pay.credit"; limit "all" count=9; escalate "always" when="true" to="leads" within="4h" on-timeout=deny }
policy "others" { on "desk.reply" "desk.page" "pay.refund"; limit "all" count=9 }
"#;

fn reply(text: &str, calls: &[(&str, &str)]) -> Option<Answer> {
    let call = |(place, (name, arguments)): (usize, &(&str, &str))| ToolCall {
        id: format!("c{place}").into(),
        name: (*name).into(),
        arguments: (*arguments).into(),
    };
    let calls = calls.iter().enumerate().map(call).collect();
    let usage = Some(Usage { input: 100, cached: 0, output: 10, reasoning: 0 });
    Some(Answer::Said(Words { text: text.into(), calls, usage, by: "s-1".into(), hedged: false, took: 1_000 }))
}

fn told(prompt: &Prompt) -> Vec<String> {
    prompt.turns.iter().filter_map(|turn| if let Turn::Tool { text, .. } = turn { Some(text.to_string()) } else { None }).collect()
}

fn world(says: impl Fn(&Prompt) -> Option<Answer> + Send + Sync + 'static) -> World {
    World::new(plan(&[PROJECT, MODELS, FLOW]), healthy()).saying(says)
}

async fn help(world: &World) -> (RunSummary, Vec<crate::event::Event>) {
    let engine = world.open().await;
    let started = engine.start("help", Value::record([("id", Value::string("o1"))]), "test").await.unwrap();
    world.settle(&engine).await;
    if let Some(item) = engine.approvals().await.unwrap().first() {
        engine.answer(&item.approval.id, "ann@example.com", Verdict::Approve { edits: Value::Null }).await.unwrap();
        world.settle(&engine).await;
    }
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    let events = world.events(&engine).await;
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    (run, events)
}

#[tokio::test]
async fn each_call_is_a_step_with_a_key_of_its_own_and_the_policies_hold_it() {
    let world = world(|prompt| match told(prompt).len() {
        0 => reply("", &[("order", r#"{"id": "o1"}"#), ("credit", r#"{"reason": "late"}"#)]),
        _ => reply(r#"{"text": "Done."}"#, &[]),
    });
    // The credit takes no reason: the model is told so, and asks again without it.
    let (run, events) = help(&world).await;
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
    let calls: Vec<Called> = events
        .iter()
        .filter_map(|event| if let EventKind::ToolsCalled(calls) = &event.kind { Some(calls.to_vec()) } else { None })
        .flatten()
        .collect();
    assert!(calls[0].call.is_ok());
    assert!(calls[1].call.as_ref().is_err_and(|why| why.contains("`reason`: there is no such field")), "{calls:?}");
    assert_eq!(world.connectors.effects().len(), 0);
}

#[tokio::test]
async fn a_write_waits_for_whom_the_policy_asks_and_is_done_once() {
    let world = world(|prompt| match told(prompt).len() {
        0 => reply("", &[("order", r#"{"id": "o1"}"#), ("credit", "{}")]),
        _ => reply(r#"{"text": "You have 5 USD back."}"#, &[]),
    });
    let (run, events) = help(&world).await;
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
    let steps: Vec<String> = events
        .iter()
        .filter(|event| matches!(event.kind.name(), "step-completed" | "approval-requested" | "intent-recorded" | "effect-settled"))
        .filter_map(|event| Some(format!("{} {}", event.header.step.as_ref()?.name, event.kind.name())))
        .collect();
    assert_eq!(
        steps,
        [
            "reply.1 step-completed",
            "reply.2 approval-requested",
            "reply.2 intent-recorded",
            "reply.2 effect-settled",
            "reply step-completed"
        ]
    );
    let effects = world.connectors.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(effects[0].2.get("amount"), Some(&money("5 USD")));
}

/// The shop has no such order, and the model is told why its tool came to nothing.
#[tokio::test]
async fn a_tool_that_fails_says_why_to_the_model_and_the_agent_goes_on() {
    let missing = |request: &Request| (request.operation == "shop.order.get").then(|| Reply::Refused(failure("not-found", false)));
    let says = |prompt: &Prompt| match told(prompt).first() {
        None => reply("", &[("order", r#"{"id": "o1"}"#)]),
        Some(told) if told.contains("not-found happened") => reply(r#"{"text": "There is no such order."}"#, &[]),
        Some(_) => reply(r#"{"text": "I do not know."}"#, &[]),
    };
    let world = World::new(plan(&[PROJECT, MODELS, FLOW]), connectors(std::sync::Arc::new(missing))).saying(says);
    let (run, _) = help(&world).await;
    assert_eq!(run.output.get("text"), Some(&Value::string("There is no such order.")), "{:?}", run.failure);
}

#[tokio::test]
async fn what_the_plan_does_not_offer_is_not_called() {
    let deep = format!("{{\"id\": {}{}}}", "[".repeat(2_000), "]".repeat(2_000));
    let long = format!(r#"{{"id": "{}"}}"#, "o".repeat(1 << 20));
    let odd: [(&str, &str, &str); 9] = [
        ("order", r#"{"id": NaN}"#, "no JSON"),
        ("order", &deep, "no JSON"),
        ("order", &long, "`id` is none of those that may be chosen"),
        ("refund", "{}", "there is no tool `refund`"),
        ("order", r#"{"id": "o2"}"#, "`id` is none of those that may be chosen: `o2`"),
        ("order", r#"{"id": "o1", "all": true}"#, "`all`: there is no such field"),
        ("order", r#"{"id": "#, "no JSON"),
        ("order", r#"{"id": "o1", "id": "o2"}"#, "stands twice"),
        ("credit", r#"{"amount": "500 USD"}"#, "`amount`: there is no such field"),
    ];
    for (name, arguments, why) in odd {
        let (name, arguments, why) = (name.to_owned(), arguments.to_owned(), why.to_owned());
        let called = (name.clone(), arguments.clone());
        let world = world(move |prompt| match told(prompt).first() {
            None => reply("", &[(&called.0, &called.1)]),
            Some(text) => {
                assert!(text.contains(&why) && text.len() < 2_000, "{text}");
                reply(r#"{"text": "I cannot."}"#, &[])
            }
        });
        let (run, _) = help(&world).await;
        assert_eq!(
            (run.status, world.connectors.effects().len(), world.connectors.requests().len()),
            (RunStatus::Completed, 0, 0),
            "{name}"
        );
    }
}

#[tokio::test]
async fn turns_and_calls_are_bounded() {
    let world = world(|_| reply("", &[("order", r#"{"id": "o1"}"#)]));
    let (run, events) = help(&world).await;
    let failure = run.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("max-steps", "it came to no answer in 3 turns"));
    assert_eq!((questions(&events).len(), world.connectors.requests().len()), (3, 2), "the third call is refused");
}

const CLERK: &str = r#"
type "answer" { field "text" string max=100 }
type "message" { field "id" string; field "text" string }
route "talk" needs=text { candidate "small"; fail "nobody answered" }
agent "clerk" type="answer" route="talk" max-steps=3 {
    system "You help {{ key }}."
    tool "shop.order.get" as="order" max-calls=2 { fixed id="=key" }
    require "answer.text != ''" code="empty"
    budget "50 USD" per=day
}
flow "ask" {
    summary "Ask the clerk"
    input "message"
    key "=input.text"
    agent "reply" use="clerk" key="=input.id" { user "{{ input.text }}" }
    output { text "=reply.text" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

/// Says what it was told last, and how much before that.
fn echoes(prompt: &Prompt) -> Option<Answer> {
    let said: Vec<String> =
        prompt.turns.iter().filter_map(|turn| if let Turn::User(text) = turn { Some(text.to_string()) } else { None }).collect();
    let answers = prompt.turns.iter().filter(|turn| matches!(turn, Turn::Model(_))).count();
    assert!(matches!(&prompt.turns[0], Turn::System(text) if text.starts_with("You help o")), "{:?}", prompt.turns);
    reply(&format!(r#"{{"text": "{} after {answers}"}}"#, said.last().unwrap()), &[])
}

#[tokio::test]
async fn an_agent_of_the_document_answers_each_key_in_turn_and_remembers_what_was_said() {
    let world = World::new(plan(&[PROJECT, MODELS, CLERK]), healthy()).saying(echoes);
    let engine = world.open().await;
    let message = |id: &str, text: &str| Value::record([("id", Value::string(id)), ("text", Value::string(text))]);
    let mut started = Vec::new();
    for (id, text) in [("o1", "one"), ("o1", "two"), ("o2", "other"), ("o1", "three")] {
        started.push(engine.start("ask", message(id, text), "test").await.unwrap().run_id);
    }
    world.settle(&engine).await;
    let mut said = Vec::new();
    for run in &started {
        let run = engine.run(run).await.unwrap().unwrap().summary;
        assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
        said.push(run.output.get("text").and_then(Value::as_str).unwrap().to_owned());
    }
    // The third of `o1` was told the two before it; `o2` has a session of its own.
    assert_eq!(said, ["one after 0", "two after 1", "other after 0", "three after 2"]);
    // One writer: no two runs of one key are at work at once.
    let (mut at_work, mut most) = (0_i32, 0_i32);
    for event in world.events(&engine).await {
        match &event.kind {
            EventKind::ModelAsked(question)
                if question.says.iter().any(|turn| matches!(turn, Turn::System(text) if &**text == "You help o1.")) =>
            {
                at_work += 1
            }
            EventKind::FactRemembered { memory, subject, .. } if &**memory == "agent:clerk" && &**subject == "o1" => at_work -= 1,
            _ => {}
        }
        most = most.max(at_work);
    }
    assert_eq!((at_work, most), (0, 1));
    assert!(engine.budgets().await.unwrap().iter().any(|budget| budget.of == "agent `clerk`" && budget.taken.len() == 1));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn an_agent_that_fails_fails_the_step_that_asked_it() {
    let world = World::new(plan(&[PROJECT, MODELS, CLERK]), healthy()).saying(|_| reply(r#"{"text": ""}"#, &[]));
    let engine = world.open().await;
    let message = Value::record([("id", Value::string("o1")), ("text", Value::string("one"))]);
    let started = engine.start("ask", message, "test").await.unwrap();
    world.settle(&engine).await;
    let failure = engine.run(&started.run_id).await.unwrap().unwrap().summary.failure.unwrap();
    assert!(failure.message.starts_with("nobody answered (`small`: empty: "), "{failure}");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_session_ends_when_nobody_said_anything_for_as_long_as_it_is_kept() {
    let expiring =
        CLERK.replace("    budget \"50 USD\" per=day\n", "    budget \"50 USD\" per=day\n    retention \"2h\" after=last-write\n");
    assert_ne!(expiring, CLERK);
    let world = World::new(plan(&[PROJECT, MODELS, &expiring]), healthy()).saying(echoes);
    let engine = world.open().await;
    let ask = async |text: &str| {
        let message = Value::record([("id", Value::string("o1")), ("text", Value::string(text))]);
        let started = engine.start("ask", message, "test").await.unwrap();
        world.settle(&engine).await;
        let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
        run.output.get("text").and_then(Value::as_str).map(str::to_owned).unwrap_or_else(|| panic!("{:?}", run.failure))
    };
    assert_eq!(ask("one").await, "one after 0");
    world.clock.advance(HOUR);
    assert_eq!(ask("two").await, "two after 1", "an hour later it goes on");
    world.clock.advance(HOUR + HOUR / 2);
    assert_eq!(ask("three").await, "three after 2", "it counts from what was said last");
    world.clock.advance(2 * HOUR + 1);
    assert_eq!(ask("four").await, "four after 0", "nobody said anything for two hours");
    engine.shutdown().await;
    // What is no longer told is gone from the books, too, and a restart and a replay come to the same.
    let engine = world.open().await;
    world.settle(&engine).await;
    assert_eq!(engine.history_of("agent:clerk", Some("o1")).await.unwrap().len(), 1, "of four exchanges the newest");
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}
