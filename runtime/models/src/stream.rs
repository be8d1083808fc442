//! Answers that come as a stream of events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>): they are put together to the
//! body that would have come as a whole, so that one reader reads both. A stream that ends before its end is no answer.

use crate::exchange::{shortened, unreadable};
use serde_json::{Map, Value as Json, json};
use std::time::Duration;
use tokio::time::Instant;
use tradewind_engine::question::{Answer, Silence};
use tradewind_lang::json_keys;

/// A stream that has begun and says nothing whole for so long is given up.
const STALL: Duration = Duration::from_secs(20);
/// More blocks than this, no answer has.
const MOST_BLOCKS: usize = 256;

/// How long a stream may say nothing.
pub(crate) fn stall(within: Duration) -> Duration {
    (within / 2).min(STALL)
}

/// What is said of one that did.
pub(crate) fn stalled() -> Silence {
    Silence { retry: false, ..Silence::doubtful("time-out", "its stream said nothing more") }
}

/// A stream so far.
pub(crate) struct Streamed {
    /// The bytes of the line that is not whole.
    line: Vec<u8>,
    /// The data of the event that is not whole.
    data: Vec<u8>,
    last: Option<Instant>,
    parts: Parts,
}

enum Parts {
    OpenAi { message: Map<String, Json>, calls: Vec<Json>, body: Map<String, Json>, finish: Option<Json> },
    Anthropic { body: Map<String, Json>, blocks: Vec<(Json, String)> },
}

/// What an event says of the stream.
enum Next {
    GoesOn,
    Ends,
}

impl Streamed {
    pub(crate) fn of(provider: &str) -> Self {
        let parts = match provider {
            "anthropic" => Parts::Anthropic { body: Map::new(), blocks: Vec::new() },
            _ => Parts::OpenAi { message: Map::new(), calls: Vec::new(), body: Map::new(), finish: None },
        };
        Self { line: Vec::new(), data: Vec::new(), last: None, parts }
    }

    /// Until when something whole must come; none before the first event, which takes as long as a model thinks.
    pub(crate) fn quiet_until(&self, stall: Duration) -> Option<Instant> {
        self.last.map(|last| last + stall)
    }

    /// Takes bytes; the body where they end the stream, or why there is none.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Option<Result<Json, Answer>> {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let mut line = std::mem::take(&mut self.line);
            line.pop_if(|last| *last == b'\r');
            match self.take_line(&line) {
                Ok(Next::GoesOn) => {}
                Ok(Next::Ends) => return Some(self.body()),
                Err(answer) => return Some(Err(answer)),
            }
        }
        None
    }

    /// The stream ended.
    pub(crate) fn whole(&mut self) -> Result<Json, Answer> {
        // Some servers leave out the last word, and have said all the same that they are through.
        let is_through = match &self.parts {
            Parts::OpenAi { finish, .. } => finish.is_some(),
            Parts::Anthropic { .. } => false,
        };
        match is_through {
            true => self.body(),
            false => Err(Answer::Silent(Silence::doubtful("connection", "its stream ended before its end"))),
        }
    }

    fn take_line(&mut self, line: &[u8]) -> Result<Next, Answer> {
        if let Some(data) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(data.strip_prefix(b" ").unwrap_or(data));
            return Ok(Next::GoesOn);
        }
        // Names of events, comments and identities say nothing that the data do not say.
        if !line.is_empty() || self.data.is_empty() {
            return Ok(Next::GoesOn);
        }
        let data = std::mem::take(&mut self.data);
        self.last = Some(Instant::now());
        if data == b"[DONE]" {
            return Ok(Next::Ends);
        }
        json_keys::check(&data).map_err(|why| unreadable(&why, None))?;
        let event: Json = serde_json::from_slice(&data).map_err(|error| unreadable(&error.to_string(), None))?;
        if let Some(told) = event.get("error") {
            return Err(broken(told));
        }
        match &mut self.parts {
            Parts::OpenAi { message, calls, body, finish } => openai(&event, message, calls, body, finish),
            Parts::Anthropic { body, blocks } => anthropic(&event, body, blocks),
        }
    }

    fn body(&mut self) -> Result<Json, Answer> {
        match &mut self.parts {
            Parts::OpenAi { message, calls, body, finish } => {
                let mut message = std::mem::take(message);
                if !calls.is_empty() {
                    message.insert("tool_calls".to_owned(), Json::Array(std::mem::take(calls)));
                }
                let choice = json!({ "message": message, "finish_reason": finish.take() });
                let mut body = std::mem::take(body);
                body.insert("choices".to_owned(), json!([choice]));
                Ok(Json::Object(body))
            }
            Parts::Anthropic { body, blocks } => {
                let mut content = Vec::new();
                for (mut block, input) in std::mem::take(blocks) {
                    if let (Some(members), false) = (block.as_object_mut(), input.is_empty()) {
                        json_keys::check(input.as_bytes()).map_err(|why| unreadable(&why, None))?;
                        let input: Json = serde_json::from_str(&input).map_err(|error| unreadable(&error.to_string(), None))?;
                        members.insert("input".to_owned(), input);
                    }
                    content.push(block);
                }
                let mut body = std::mem::take(body);
                body.insert("content".to_owned(), Json::Array(content));
                Ok(Json::Object(body))
            }
        }
    }
}

/// The provider says within its stream that it cannot go on.
fn broken(told: &Json) -> Answer {
    let message = told.get("message").and_then(Json::as_str).or_else(|| told.as_str()).unwrap_or("it does not say why");
    Answer::Silent(Silence::doubtful("connection", format!("its stream broke off: {}", shortened(message))))
}

fn openai(
    event: &Json,
    message: &mut Map<String, Json>,
    calls: &mut Vec<Json>,
    body: &mut Map<String, Json>,
    finish: &mut Option<Json>,
) -> Result<Next, Answer> {
    for name in ["model", "usage"] {
        if let Some(value) = event.get(name).filter(|value| !value.is_null()) {
            body.insert(name.to_owned(), value.clone());
        }
    }
    let Some(choice) = event.pointer("/choices/0") else { return Ok(Next::GoesOn) };
    if let Some(why) = choice.get("finish_reason").filter(|why| !why.is_null()) {
        *finish = Some(why.clone());
    }
    let Some(delta) = choice.get("delta") else { return Ok(Next::GoesOn) };
    for name in ["content", "refusal"] {
        match delta.get(name) {
            None | Some(Json::Null) => {}
            Some(Json::String(more)) => append(message.entry(name).or_insert_with(|| json!("")), more),
            Some(_) => return Err(unreadable(&format!("the `{name}` of an event is no text"), None)),
        }
    }
    for call in delta.get("tool_calls").and_then(Json::as_array).into_iter().flatten() {
        let place = call.get("index").and_then(Json::as_u64).and_then(|place| usize::try_from(place).ok()).unwrap_or(0);
        if place >= MOST_BLOCKS || place > calls.len() {
            return Err(unreadable("a tool call in it has no place", None));
        }
        if place == calls.len() {
            calls.push(json!({ "function": { "arguments": "" } }));
        }
        let Some(known) = calls.get_mut(place) else { continue };
        if let (Some(members), Some(id)) = (known.as_object_mut(), call.get("id").filter(|id| id.is_string())) {
            members.insert("id".to_owned(), id.clone());
        }
        let Some(function) = known.get_mut("function").and_then(Json::as_object_mut) else { continue };
        if let Some(name) = call.pointer("/function/name").filter(|name| name.is_string()) {
            function.insert("name".to_owned(), name.clone());
        }
        if let (Some(more), Some(arguments)) = (call.pointer("/function/arguments").and_then(Json::as_str), function.get_mut("arguments")) {
            append(arguments, more);
        }
    }
    Ok(Next::GoesOn)
}

fn anthropic(event: &Json, body: &mut Map<String, Json>, blocks: &mut Vec<(Json, String)>) -> Result<Next, Answer> {
    let place = event.get("index").and_then(Json::as_u64).and_then(|place| usize::try_from(place).ok());
    match event.get("type").and_then(Json::as_str) {
        Some("message_start") => {
            let message = event.get("message").and_then(Json::as_object).cloned().unwrap_or_default();
            body.extend(message.into_iter().filter(|(name, _)| name != "content"));
        }
        Some("content_block_start") if place == Some(blocks.len()) && blocks.len() < MOST_BLOCKS => {
            blocks.push((event.get("content_block").cloned().unwrap_or_default(), String::new()));
        }
        Some("content_block_start") => return Err(unreadable("a block in it is out of place", None)),
        Some("content_block_delta") => {
            let Some((block, input)) = place.and_then(|place| blocks.get_mut(place)) else {
                return Err(unreadable("it goes on with a block that was not begun", None));
            };
            let more = |name: &str| event.pointer(&format!("/delta/{name}")).and_then(Json::as_str);
            if let (Some(more), Some(text)) = (more("text"), block.get_mut("text")) {
                append(text, more);
            }
            input.push_str(more("partial_json").unwrap_or_default());
        }
        Some("message_delta") => {
            if let Some(why) = event.pointer("/delta/stop_reason") {
                body.insert("stop_reason".to_owned(), why.clone());
            }
            // The counts of the end take the place of those of the beginning.
            let counts = event.get("usage").and_then(Json::as_object).cloned().unwrap_or_default();
            if let Some(usage) = body.entry("usage").or_insert_with(|| json!({})).as_object_mut() {
                usage.extend(counts.into_iter().filter(|(_, count)| !count.is_null()));
            }
        }
        Some("message_stop") => return Ok(Next::Ends),
        _ => {}
    }
    Ok(Next::GoesOn)
}

fn append(to: &mut Json, more: &str) {
    if let Json::String(text) = to {
        text.push_str(more);
    }
}

#[cfg(test)]
mod tests;
