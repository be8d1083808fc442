//! Both dialects of models that talk: what is asked, what an answer says, and what is no answer.

use super::{Does, Server, ask, models, openai, prompt, silence};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tradewind_engine::question::{Answer, ToolCall, ToolOffer, Turn, Usage};
use tradewind_lang::money::Money;
use tradewind_lang::plan::Breaker;
use tradewind_models::{OfflineModels, RemoteModels};

#[tokio::test]
async fn chat_completions_are_asked_for_a_schema_and_counted() {
    let (answer, server) = ask("openai", Does::Answers(200, "", openai(&json!("{\"title\": \"Oslo\"}")))).await;
    let Answer::Said(reply) = answer else { panic!("{answer:?}") };
    assert_eq!((&*reply.text, &*reply.by), ("{\"title\": \"Oslo\"}", "m-1-2026"));
    assert_eq!(reply.usage, Some(Usage { input: 30, cached: 20, output: 7, reasoning: 3 }));
    let seen = server.seen.lock().unwrap();
    let (head, body) = &seen[0];
    assert!(head.starts_with("post /chat/completions") && head.contains("authorization: bearer sk-very-secret"), "{head}");
    assert_eq!(body["messages"], json!([{ "role": "system", "content": "You write." }, { "role": "user", "content": "A chair" }]));
    assert_eq!((&body["model"], &body["max_tokens"]), (&json!("m-1"), &json!(100)));
    assert_eq!(body["response_format"]["json_schema"]["schema"]["required"], json!(["title"]));
}

#[tokio::test]
async fn messages_of_anthropic_answer_by_a_tool_that_holds_the_schema() {
    let body = json!({
        "model": "m-1",
        "stop_reason": "tool_use",
        "content": [{ "type": "text", "text": "Here:" }, { "type": "tool_use", "id": "t1", "name": "answer", "input": { "title": "Oslo" } }],
        "usage": { "input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": 7 },
    });
    let (answer, server) = ask("anthropic", Does::Answers(200, "", body.to_string())).await;
    let Answer::Said(reply) = answer else { panic!("{answer:?}") };
    assert_eq!((&*reply.text, reply.usage), ("{\"title\":\"Oslo\"}", Some(Usage { input: 15, cached: 5, output: 7, reasoning: 0 })));
    let seen = server.seen.lock().unwrap();
    let (head, body) = &seen[0];
    assert!(
        head.starts_with("post /v1/messages") && head.contains("x-api-key: sk-very-secret") && head.contains("anthropic-version"),
        "{head}"
    );
    assert_eq!((&body["system"], &body["tool_choice"]["name"]), (&json!("You write."), &json!("answer")));
    assert_eq!(body["tools"][0]["input_schema"]["required"], json!(["title"]));
}

#[tokio::test]
async fn tools_are_offered_called_and_told_what_they_answered_in_both_dialects() {
    let call = ToolCall { id: "c1".into(), name: "order".into(), arguments: "{\"id\": \"o1\"}".into() };
    let tool = ToolOffer { name: "order".into(), about: "shop.order.get".to_owned(), schema: json!({ "type": "object" }) };
    let told = vec![Turn::Calls(vec![call.clone()]), Turn::Tool { id: "c1".into(), name: "order".into(), text: "{\"paid\": 3}".into() }];
    for (provider, answer) in [
        (
            "openai",
            json!({ "choices": [{ "message": { "content": null, "tool_calls": [{ "id": "c1", "function": { "name": "order", "arguments": "{\"id\": \"o1\"}" } }] } }] }),
        ),
        ("anthropic", json!({ "content": [{ "type": "tool_use", "id": "c1", "name": "order", "input": { "id": "o1" } }] })),
    ] {
        let server = Server::with(vec![Does::Answers(200, "", answer.to_string())]).await;
        let mut prompt = prompt(provider, &server.url);
        prompt.tools = vec![tool.clone()];
        prompt.turns.extend(told.clone());
        let Answer::Said(reply) = models().say(&prompt).await else { panic!("{provider}") };
        assert_eq!((reply.calls.len(), &*reply.calls[0].name, reply.usage), (1, "order", None), "{provider}");
        let arguments: Json = serde_json::from_str(&reply.calls[0].arguments).unwrap();
        assert_eq!(arguments, json!({ "id": "o1" }));
        let body = &server.bodies()[0];
        let messages = body["messages"].as_array().unwrap();
        let last = messages.last().unwrap();
        let (call_id, told) = match provider {
            "openai" => (&last["tool_call_id"], &last["content"]),
            _ => (&last["content"][0]["tool_use_id"], &last["content"][0]["content"]),
        };
        assert_eq!((call_id, told), (&json!("c1"), &json!("{\"paid\": 3}")), "{provider}: {body}");
    }
}

#[tokio::test]
async fn statuses_say_whether_it_may_be_paid_and_when_it_may_be_asked_again() {
    let error = || json!({ "error": { "message": "no, sk-very-secret" } }).to_string();
    for (status, headers, doubt, retry, wait) in [
        (429, "retry-after: 7\r\n", false, true, Some(7_000_000)),
        (429, "", false, true, None),
        (503, "", false, true, None),
        (529, "", false, true, None),
        (500, "", true, true, None),
        (504, "", true, true, None),
        (400, "", false, false, None),
        (401, "", false, false, None),
        (404, "", false, false, None),
        (302, "location: http://127.0.0.1:1/\r\n", false, false, None),
    ] {
        for provider in ["openai", "anthropic"] {
            let found = silence(provider, Does::Answers(status, headers, error())).await;
            assert_eq!(
                (found.code.as_str(), found.doubt, found.retry, found.retry_after),
                (format!("http-{status}").as_str(), doubt, retry, wait)
            );
            assert_eq!(found.message, format!("the provider answered {status}: no, [secret]"));
        }
    }
}

#[tokio::test]
async fn answers_of_which_nothing_can_be_made_are_no_answers_and_may_have_to_be_paid() {
    let deep = format!("{{\"choices\": {}{}}}", "[".repeat(2_000), "]".repeat(2_000));
    let huge = format!("{{\"choices\": [{{\"message\": {{\"content\": \"{}\"}}}}]}}", "x".repeat(2 << 20));
    let bad = [
        "".to_owned(),
        "<html>".to_owned(),
        "{\"choices\": NaN}".to_owned(),
        "{\"choices\": [], \"choices\": []}".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        deep,
        huge,
        openai(&json!(7)),
        json!({ "choices": [{ "message": { "content": null, "tool_calls": [{ "id": 7 }] } }] }).to_string(),
    ];
    for body in bad {
        let begin: String = body.chars().take(60).collect();
        let found = silence("openai", Does::Answers(200, "", body)).await;
        assert_eq!((found.code.as_str(), found.doubt, found.retry), ("schema", true, false), "{begin}: {}", found.message);
    }
}

#[tokio::test]
async fn a_refusal_is_one_and_is_counted() {
    let openai =
        json!({ "choices": [{ "message": { "refusal": "I will not" } }], "usage": { "prompt_tokens": 3, "completion_tokens": 1 } });
    let anthropic = json!({ "content": [], "stop_reason": "refusal", "usage": { "input_tokens": 3, "output_tokens": 1 } });
    for (provider, body) in [("openai", openai), ("anthropic", anthropic)] {
        let found = silence(provider, Does::Answers(200, "", body.to_string())).await;
        assert_eq!(
            (found.code.as_str(), found.usage),
            ("refused", Some(Usage { input: 3, cached: 0, output: 1, reasoning: 0 })),
            "{provider}"
        );
    }
}

#[tokio::test]
async fn what_hangs_drips_breaks_or_is_not_there_ends_in_time() {
    for (does, code) in [(Does::Hangs, "time-out"), (Does::Drips, "time-out"), (Does::Breaks, "connection")] {
        let found = silence("openai", does).await;
        assert_eq!((found.code.as_str(), found.doubt), (code, true), "{}", found.message);
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let Answer::Silent(found) = models().say(&prompt("openai", &url)).await else { panic!() };
    assert_eq!((found.code.as_str(), found.doubt, found.retry), ("connect", false, true), "{}", found.message);
}

#[tokio::test]
async fn nothing_leaves_for_a_private_address_or_without_its_key() {
    for url in ["http://10.0.0.1", "http://169.254.169.254", "http://2130706433", "ftp://models.example", "http://user@models.example"] {
        let Answer::Silent(found) = models().say(&prompt("openai", url)).await else { panic!("{url}") };
        assert_eq!((found.code.as_str(), found.doubt, found.retry), ("egress", false, false), "{url}: {}", found.message);
    }
    let server = Server::with(vec![Does::Hangs]).await;
    let keyless = RemoteModels::new(Arc::new(|_| None));
    let Answer::Silent(found) = keyless.say(&prompt("openai", &server.url)).await else { panic!() };
    assert_eq!((found.code.as_str(), found.message.as_str()), ("secret", "the secret `KEY` cannot be read"));
    assert!(server.bodies().is_empty());
}

#[tokio::test]
async fn a_model_that_fails_too_often_is_left_alone_until_one_call_finds_it_well() {
    let good = || Does::Answers(200, "", openai(&json!("{}")));
    let bad = || Does::Answers(500, "", String::new());
    let server = Server::with(vec![bad(), bad(), good()]).await;
    let mut prompt = prompt("openai", &server.url);
    prompt.breaker = Some(Breaker { failures: 2, within: 60_000_000, open: 300_000 });
    let models = models();
    for code in ["http-500", "http-500", "breaker", "breaker"] {
        let Answer::Silent(found) = models.say(&prompt).await else { panic!("{code}") };
        assert_eq!(found.code, code);
    }
    assert_eq!(server.bodies().len(), 2, "it is left alone");
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert!(matches!(models.say(&prompt).await, Answer::Said(_)));
    assert!(matches!(models.say(&prompt).await, Answer::Said(_)));
}

#[tokio::test]
async fn a_second_call_is_sent_when_the_first_takes_longer_than_others_did() {
    let quick = || Does::Answers(200, "", openai(&json!("{}")));
    let mut script: Vec<Does> = (0..20).map(|_| quick()).collect();
    script.push(Does::Late(650, openai(&json!("{\"late\": true}"))));
    script.push(quick());
    let server = Server::with(script).await;
    let mut prompt = prompt("openai", &server.url);
    prompt.hedge = Some(0.95);
    let models = models();
    for _ in 0..20 {
        let Answer::Said(reply) = models.say(&prompt).await else { panic!() };
        assert!(!reply.hedged);
    }
    let Answer::Said(reply) = models.say(&prompt).await else { panic!() };
    assert_eq!((reply.hedged, &*reply.text, server.bodies().len()), (true, "{}", 22));
}

#[tokio::test]
async fn the_twin_says_what_fits_without_key_or_network() {
    let mut prompt = prompt("openai", "http://10.0.0.1");
    prompt.schema = json!({ "type": "object", "properties": {
        "title": { "type": "string", "maxLength": 10 },
        "kind": { "type": "string", "enum": ["chair", "table"] },
        "price": { "type": "string", "format": "money" },
        "note": { "anyOf": [{ "type": "string" }, { "type": "null" }] },
        "tags": { "type": "array", "items": { "type": "string" }, "minItems": 2 },
    } });
    let Answer::Said(reply) = OfflineModels::say(&prompt) else { panic!() };
    let answer: Json = serde_json::from_str(&reply.text).unwrap();
    assert_eq!(answer["title"].as_str().map(str::len), Some(10));
    assert_eq!((&answer["kind"], &answer["note"], answer["tags"].as_array().map(Vec::len)), (&json!("chair"), &Json::Null, Some(2)));
    assert!(Money::parse(answer["price"].as_str().unwrap()).is_some());
    assert_eq!(OfflineModels::say(&prompt), Answer::Said(reply), "the same to the same");
}
