//! The dialect of Anthropic's messages. An answer of a declared type is asked for as the call of a tool, which is how that provider
//! holds a model to a schema. It builds a request and reads an answer; it sends nothing.

use crate::exchange::{count, refused, shortened, unreadable};
use crate::pictures::Shown;
use serde_json::{Map, Value as Json, json};
use tradewind_engine::question::{Answer, Prompt, Reply, ToolCall, Turn, Usage};
use tradewind_lang::plan::Remote;

/// The version of the interface.
pub(crate) const VERSION: &str = "2023-06-01";
/// The tool that stands for the answer.
const ANSWER: &str = "answer";
/// The longest answer where a model declares none: the interface wants a number.
const LONGEST: u32 = 4_096;

/// The body of a request.
pub(crate) fn request(prompt: &Prompt, remote: &Remote, shown: &[Shown]) -> Json {
    let system = prompt.turns.iter().filter_map(|turn| if let Turn::System(text) = turn { Some(&**text) } else { None });
    let system = system.collect::<Vec<_>>().join("\n\n");
    let answer = json!({ "name": ANSWER, "description": "Give your answer.", "input_schema": prompt.schema });
    let offered = prompt.tools.iter().map(|tool| json!({ "name": &*tool.name, "description": tool.about, "input_schema": tool.schema }));
    let tools: Vec<Json> = std::iter::once(answer).chain(offered).collect();
    let choice = if prompt.tools.is_empty() { json!({ "type": "tool", "name": ANSWER }) } else { json!({ "type": "any" }) };
    let mut body = json!({
        "model": remote.model,
        "max_tokens": remote.max_output.unwrap_or(LONGEST),
        "messages": messages(&prompt.turns, shown),
        "tools": tools,
        "tool_choice": choice,
    });
    if let Some(members) = body.as_object_mut() {
        if !system.is_empty() {
            members.insert("system".to_owned(), json!(system));
        }
        if remote.stream {
            members.insert("stream".to_owned(), json!(true));
        }
    }
    body
}

/// Turns of one side that follow each other are one message there.
fn messages(turns: &[Turn], shown: &[Shown]) -> Vec<Json> {
    let mut messages: Vec<(&str, Vec<Json>)> = Vec::new();
    let mut shown = shown.iter();
    for turn in turns {
        let (role, blocks) = match turn {
            Turn::System(_) => continue,
            Turn::Image(_) => ("user", shown.next().map(Shown::anthropic).into_iter().collect()),
            Turn::User(text) => ("user", vec![json!({ "type": "text", "text": &**text })]),
            Turn::Model(text) => ("assistant", vec![json!({ "type": "text", "text": &**text })]),
            Turn::Tool { id, text, .. } => ("user", vec![json!({ "type": "tool_result", "tool_use_id": &**id, "content": &**text })]),
            Turn::Calls(calls) => {
                let input = |text: &str| {
                    serde_json::from_str::<Json>(text).ok().filter(Json::is_object).unwrap_or_else(|| Json::Object(Map::new()))
                };
                let used = calls
                    .iter()
                    .map(|call| json!({ "type": "tool_use", "id": &*call.id, "name": &*call.name, "input": input(&call.arguments) }));
                ("assistant", used.collect())
            }
        };
        match messages.last_mut().filter(|(last, _)| *last == role) {
            Some((_, last)) => last.extend(blocks),
            None => messages.push((role, blocks)),
        }
    }
    messages.into_iter().map(|(role, blocks)| json!({ "role": role, "content": blocks })).collect()
}

/// What an answer with status 200 says.
pub(crate) fn read(body: &Json) -> Answer {
    let usage = usage(body);
    if body.get("stop_reason").and_then(Json::as_str) == Some("refusal") {
        return refused("it will not answer this", usage);
    }
    let Some(blocks) = body.get("content").and_then(Json::as_array) else { return unreadable("it holds no content", usage) };
    let (mut text, mut answer, mut calls) = (String::new(), None, Vec::new());
    for block in blocks {
        let field = |name: &str| block.get(name).and_then(Json::as_str);
        match field("type") {
            Some("text") => text.push_str(field("text").unwrap_or_default()),
            Some("tool_use") => {
                let (Some(id), Some(name), Some(input)) = (field("id"), field("name"), block.get("input")) else {
                    return unreadable("a tool call in it lacks its id, name or input", usage);
                };
                match name {
                    ANSWER => answer = Some(input.to_string()),
                    _ => calls.push(ToolCall { id: id.into(), name: name.into(), arguments: input.to_string().into() }),
                }
            }
            _ => {}
        }
    }
    // Whoever still calls tools has not answered.
    let text = answer.filter(|_| calls.is_empty()).unwrap_or(text);
    let by = body.get("model").and_then(Json::as_str).unwrap_or_default();
    Answer::Said(Reply { text: text.into(), calls, usage, by: shortened(by).into(), hedged: false, took: 0 })
}

fn usage(body: &Json) -> Option<Usage> {
    let usage = body.get("usage")?;
    let cached = count(usage, "/cache_read_input_tokens").unwrap_or(0);
    let written = count(usage, "/cache_creation_input_tokens").unwrap_or(0);
    let input = count(usage, "/input_tokens")?.saturating_add(cached).saturating_add(written);
    // What it thought is among what it wrote, and is not told apart.
    Some(Usage { input, cached, output: count(usage, "/output_tokens")?, reasoning: 0 })
}
