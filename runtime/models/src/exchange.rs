//! What came back from a provider, and what it says of the call: answered, refused, not begun, or in doubt. It sends nothing.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value as Json;
use tradewind_engine::question::{Answer, Silence, Usage};
use tradewind_lang::json_keys;

/// Longest message that is kept of a provider, in characters.
const LONGEST: usize = 300;
/// Nobody is made to wait longer: a day, in seconds.
const LONGEST_WAIT: u32 = 86_400;

/// A model that will not answer.
pub(crate) fn refused(why: &str, usage: Option<Usage>) -> Answer {
    let silence = Silence { usage, ..Silence::doubtful("refused", shortened(why)) };
    Answer::Silent(Silence { retry: false, ..silence })
}

/// An answer of which nothing can be made; whoever wrote it worked, and may want to be paid.
pub(crate) fn unreadable(why: &str, usage: Option<Usage>) -> Answer {
    Answer::Silent(Silence { usage, retry: false, ..Silence::doubtful("schema", format!("the provider's answer cannot be read: {why}")) })
}

/// A body as JSON in which no key stands twice.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, Answer> {
    json_keys::check(bytes).map_err(|why| unreadable(&why, None))?;
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error.to_string(), None))
}

/// What an answer with another status than 200 says.
pub(crate) fn failed(status: u16, headers: &HeaderMap, bytes: &[u8]) -> Answer {
    let told = serde_json::from_slice::<Json>(bytes).ok();
    let told = told.as_ref().and_then(|body| body.pointer("/error/message").or_else(|| body.get("error")).or_else(|| body.get("message")));
    let told = told.and_then(Json::as_str).map(|told| format!(": {}", shortened(told))).unwrap_or_default();
    let (code, message) = (format!("http-{status}"), format!("the provider answered {status}{told}"));
    let silence = match status {
        // Too many requests, or overloaded: it has not begun.
        429 | 503 | 529 => Silence { retry_after: retry_after(headers), ..Silence::free(&code, message, true) },
        408 | 500..=599 => Silence { retry_after: retry_after(headers), ..Silence::doubtful(&code, message) },
        _ => Silence::free(&code, message, false),
    };
    Answer::Silent(silence)
}

/// Seconds, as RFC 9110 has it; a date is not read, as this clock may be another than theirs.
fn retry_after(headers: &HeaderMap) -> Option<i64> {
    let seconds: u32 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(i64::from(seconds.min(LONGEST_WAIT)) * 1_000_000)
}

/// A count in an object.
pub(crate) fn count(of: &Json, at: &str) -> Option<u64> {
    of.pointer(at)?.as_u64()
}

/// One line without control characters, of bounded length.
pub(crate) fn shortened(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().filter(|letter| !letter.is_control()).take(LONGEST).collect()
}
