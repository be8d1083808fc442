//! The dialect of `OpenAI`'s chat completions, which most servers speak. It builds a request and reads an answer; it sends nothing.

use crate::exchange::{count, refused, shortened, unreadable};
use crate::pictures::Shown;
use serde_json::{Value as Json, json};
use tradewind_engine::question::{Answer, Prompt, Reply, ToolCall, Turn, Usage};
use tradewind_lang::plan::Remote;

/// The body of a request.
pub(crate) fn request(prompt: &Prompt, remote: &Remote, own: bool, shown: &[Shown]) -> Json {
    let mut body = json!({
        "model": remote.model,
        "messages": messages(&prompt.turns, shown),
        "response_format": { "type": "json_schema", "json_schema": { "name": "answer", "schema": prompt.schema } },
    });
    let Some(members) = body.as_object_mut() else { return body };
    if remote.stream {
        members.insert("stream".to_owned(), json!(true));
        members.insert("stream_options".to_owned(), json!({ "include_usage": true }));
    }
    if let Some(most) = remote.max_output {
        // Their own service has another name for it than the servers that came after.
        members.insert(if own { "max_completion_tokens" } else { "max_tokens" }.to_owned(), json!(most));
    }
    if !prompt.tools.is_empty() {
        let tools = prompt.tools.iter().map(
            |tool| json!({ "type": "function", "function": { "name": &*tool.name, "description": tool.about, "parameters": tool.schema } }),
        );
        members.insert("tools".to_owned(), tools.collect());
    }
    body
}

fn messages(turns: &[Turn], shown: &[Shown]) -> Vec<Json> {
    let mut messages: Vec<Json> = Vec::new();
    let mut shown = shown.iter();
    for turn in turns {
        // Images, and the words that go with them, are parts of one message.
        let part = match turn {
            Turn::Image(_) => shown.next().map(Shown::openai),
            Turn::User(text) => Some(json!({ "type": "text", "text": &**text })),
            _ => None,
        };
        let open = messages.last_mut().filter(|last| last.get("role").is_some_and(|role| role == "user"));
        match (open.and_then(|last| last.get_mut("content")).and_then(Json::as_array_mut), part) {
            (Some(parts), Some(part)) => {
                parts.push(part);
                continue;
            }
            (None, Some(image)) if matches!(turn, Turn::Image(_)) => {
                messages.push(json!({ "role": "user", "content": [image] }));
                continue;
            }
            _ => {}
        }
        let message = match turn {
            Turn::Image(_) => continue,
            Turn::System(text) => json!({ "role": "system", "content": &**text }),
            Turn::User(text) => json!({ "role": "user", "content": &**text }),
            Turn::Model(text) => json!({ "role": "assistant", "content": &**text }),
            Turn::Tool { id, text, .. } => json!({ "role": "tool", "tool_call_id": &**id, "content": &**text }),
            Turn::Calls(calls) => {
                let calls = calls.iter().map(|call| {
                    json!({ "id": &*call.id, "type": "function", "function": { "name": &*call.name, "arguments": &*call.arguments } })
                });
                let calls: Json = calls.collect();
                let is_open = |last: &Json| last.get("role").is_some_and(|role| role == "assistant") && last.get("tool_calls").is_none();
                // What it said beside its calls is of the same message.
                match messages.last_mut().filter(|last| is_open(last)).and_then(Json::as_object_mut) {
                    Some(last) => {
                        last.insert("tool_calls".to_owned(), calls);
                        continue;
                    }
                    None => json!({ "role": "assistant", "content": null, "tool_calls": calls }),
                }
            }
        };
        messages.push(message);
    }
    messages
}

/// What an answer with status 200 says.
pub(crate) fn read(body: &Json) -> Answer {
    let usage = usage(body);
    let Some(choice) = body.pointer("/choices/0") else { return unreadable("it holds no choice", usage) };
    let Some(message) = choice.get("message").filter(|message| message.is_object()) else {
        return unreadable("its choice holds no message", usage);
    };
    if let Some(why) = message.get("refusal").and_then(Json::as_str) {
        return refused(why, usage);
    }
    if choice.get("finish_reason").and_then(Json::as_str) == Some("content_filter") {
        return refused("its filter kept the answer back", usage);
    }
    let text = match message.get("content") {
        None | Some(Json::Null) => "",
        Some(Json::String(text)) => text,
        Some(_) => return unreadable("its content is no text", usage),
    };
    let mut calls = Vec::new();
    for call in message.get("tool_calls").and_then(Json::as_array).into_iter().flatten() {
        let text = |at: &str| call.pointer(at).and_then(Json::as_str);
        let (Some(id), Some(name), Some(arguments)) = (text("/id"), text("/function/name"), text("/function/arguments")) else {
            return unreadable("a tool call in it lacks its id, name or arguments", usage);
        };
        calls.push(ToolCall { id: id.into(), name: name.into(), arguments: arguments.into() });
    }
    let by = body.get("model").and_then(Json::as_str).unwrap_or_default();
    Answer::Said(Reply { text: text.into(), calls, usage, by: shortened(by).into(), hedged: false, took: 0 })
}

fn usage(body: &Json) -> Option<Usage> {
    let usage = body.get("usage")?;
    let cached = count(usage, "/prompt_tokens_details/cached_tokens").unwrap_or(0);
    let reasoning = count(usage, "/completion_tokens_details/reasoning_tokens").unwrap_or(0);
    Some(Usage { input: count(usage, "/prompt_tokens")?, cached, output: count(usage, "/completion_tokens")?, reasoning })
}
