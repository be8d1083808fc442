//! Answers that come as a stream, in both dialects: put together they are what would have come as a whole; one that drips, stands still,
//! breaks off or ends before its end is no answer.

use super::{Does, Server, models, prompt};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_engine::question::{Answer, Silence, Usage};
use tradewind_lang::plan::Model;

async fn streamed(provider: &str, does: Does) -> (Answer, Server) {
    let server = Server::with(vec![does]).await;
    let mut prompt = prompt(provider, &server.url);
    let mut model = Model::clone(&prompt.model);
    model.remote.as_mut().unwrap().stream = true;
    prompt.model = Arc::new(model);
    (models().say(&prompt).await, server)
}

fn events(events: &[Json]) -> Vec<(u64, String)> {
    events.iter().map(|event| (0, format!("event: x\ndata: {event}\n\n"))).collect()
}

fn openai(text: &[&str]) -> Vec<(u64, String)> {
    let mut said = vec![json!({ "model": "m-1", "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "" } }] })];
    said.extend(text.iter().map(|text| json!({ "choices": [{ "index": 0, "delta": { "content": text } }] })));
    said.push(json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] }));
    said.push(json!({ "choices": [], "usage": { "prompt_tokens": 30, "completion_tokens": 7 } }));
    events(&said)
}

fn with_end(mut events: Vec<(u64, String)>) -> Vec<(u64, String)> {
    events.push((0, "data: [DONE]\n\n".to_owned()));
    events
}

fn anthropic() -> Vec<Json> {
    vec![
        json!({ "type": "message_start", "message": { "model": "m-1", "content": [], "usage": { "input_tokens": 25, "output_tokens": 1 } } }),
        json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        json!({ "type": "ping" }),
        json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": "Here" } }),
        json!({ "type": "content_block_stop", "index": 0 }),
        json!({ "type": "content_block_start", "index": 1, "content_block": { "type": "tool_use", "id": "t1", "name": "answer", "input": {} } }),
        json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "input_json_delta", "partial_json": "{\"title\": \"Os" } }),
        json!({ "type": "content_block_delta", "index": 1, "delta": { "type": "input_json_delta", "partial_json": "lo\"}" } }),
        json!({ "type": "content_block_stop", "index": 1 }),
        json!({ "type": "message_delta", "delta": { "stop_reason": "tool_use" }, "usage": { "output_tokens": 15 } }),
        json!({ "type": "message_stop" }),
    ]
}

#[tokio::test]
async fn a_stream_of_either_dialect_comes_to_one_answer() {
    let (answer, server) = streamed("openai", Does::Streams(with_end(openai(&["{\"title\":", " \"Os", "lo\"}"])))).await;
    let Answer::Said(reply) = answer else { panic!("{answer:?}") };
    assert_eq!((&*reply.text, &*reply.by), ("{\"title\": \"Oslo\"}", "m-1"));
    assert_eq!(reply.usage, Some(Usage { input: 30, output: 7, ..Usage::default() }));
    let body = &server.bodies()[0];
    assert_eq!((&body["stream"], &body["stream_options"]["include_usage"]), (&json!(true), &json!(true)));

    let (answer, server) = streamed("anthropic", Does::Streams(events(&anthropic()))).await;
    let Answer::Said(reply) = answer else { panic!("{answer:?}") };
    assert_eq!((&*reply.text, reply.usage), ("{\"title\":\"Oslo\"}", Some(Usage { input: 25, output: 15, ..Usage::default() })));
    assert_eq!(server.bodies()[0]["stream"], json!(true));
}

#[tokio::test]
async fn calls_of_tools_are_put_together_by_their_places() {
    let delta = |calls: Json| json!({ "choices": [{ "delta": { "tool_calls": calls } }] });
    let script = events(&[
        delta(json!([{ "index": 0, "id": "c1", "function": { "name": "order", "arguments": "" } }])),
        delta(json!([{ "index": 0, "function": { "arguments": "{\"id\":" } }])),
        delta(json!([{ "index": 1, "id": "c2", "function": { "name": "order", "arguments": "{}" } }])),
        delta(json!([{ "index": 0, "function": { "arguments": " 1}" } }])),
        json!({ "choices": [{ "delta": {}, "finish_reason": "tool_calls" }] }),
    ]);
    let (answer, _) = streamed("openai", Does::Streams(with_end(script))).await;
    let Answer::Said(reply) = answer else { panic!("{answer:?}") };
    let calls: Vec<(&str, &str)> = reply.calls.iter().map(|call| (&*call.id, &*call.arguments)).collect();
    assert_eq!(calls, [("c1", "{\"id\": 1}"), ("c2", "{}")]);
}

#[tokio::test]
async fn a_server_that_answers_as_a_whole_is_read_all_the_same() {
    let (answer, _) = streamed("openai", Does::Answers(200, "", super::openai(&json!("{}")))).await;
    assert!(matches!(&answer, Answer::Said(reply) if &*reply.text == "{}"), "{answer:?}");
    let (answer, _) = streamed("openai", Does::Answers(429, "retry-after: 7\r\n", String::new())).await;
    assert!(matches!(&answer, Answer::Silent(silence) if silence.retry_after == Some(7_000_000)), "{answer:?}");
}

#[tokio::test]
async fn a_stream_that_says_it_is_through_needs_no_last_word() {
    let (answer, _) = streamed("openai", Does::Streams(openai(&["{}"]))).await;
    assert!(matches!(&answer, Answer::Said(reply) if &*reply.text == "{}"), "{answer:?}");
}

#[tokio::test]
async fn a_stream_that_dies_stands_still_or_is_no_stream_is_no_answer_and_may_have_to_be_paid() {
    let begun = |more: &str| {
        let mut script = openai(&["{\"title\":"]);
        script.truncate(2);
        script.push((0, more.to_owned()));
        script
    };
    let mut cut = anthropic();
    cut.truncate(7);
    let late = |event: &str| vec![(0, openai(&["{"])[0].1.clone()), (5_000, event.to_owned())];
    let drips = std::iter::repeat_n((60, "d".to_owned()), 60);
    let cases = vec![
        ("openai", begun(""), "connection"),
        ("anthropic", events(&cut), "connection"),
        ("openai", begun("data: {\"error\": {\"message\": \"overloaded, sk-very-secret\"}}\n\n"), "connection"),
        ("anthropic", events(&[json!({ "type": "error", "error": { "type": "overloaded_error", "message": "busy" } })]), "connection"),
        ("openai", begun("data: {no json}\n\n"), "schema"),
        ("openai", begun("data: {\"choices\": [], \"choices\": []}\n\n"), "schema"),
        ("openai", begun("data: {\"choices\": [{\"delta\": {\"content\": 7}}]}\n\n"), "schema"),
        ("openai", begun("data: {\"choices\": [{\"delta\": {\"tool_calls\": [{\"index\": 900}]}}]}\n\n"), "schema"),
        ("anthropic", events(&[json!({ "type": "content_block_delta", "index": 3, "delta": {} })]), "schema"),
        // Half of its time without anything whole is enough.
        ("openai", late("data: [DONE]\n\n"), "time-out"),
        ("openai", openai(&["{"]).into_iter().take(1).chain(drips).collect(), "time-out"),
        ("openai", begun(&format!("data: {{\"x\": \"{}\"}}\n\n", "x".repeat(2 << 20))), "schema"),
    ];
    for (place, (provider, script, wanted)) in cases.into_iter().enumerate() {
        let since = Instant::now();
        let (answer, _) = streamed(provider, Does::Streams(script)).await;
        let Answer::Silent(Silence { code, doubt, message, usage, .. }) = answer else { panic!("{place}: {answer:?}") };
        assert_eq!((code.as_str(), doubt, usage), (wanted, true, None), "{place}: {message}");
        assert!(!message.contains("very-secret"), "{message}");
        assert!(since.elapsed() < Duration::from_secs(2), "{place} ends in time");
    }
}
