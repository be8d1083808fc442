//! `emit`: tells of an event, through the process that holds the store or with the store itself.

use super::runs::text;
use crate::arguments::events::Emit;
use crate::arguments::{Format, Place};
use crate::desk::Request;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use serde_json::Value as Json;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::ports::Clock;
use tradewind_lang::code::run as code;

pub(crate) fn run(place: &Place, options: &Emit) -> Outcome {
    let data = read(&options.data)?;
    let id = options.id.clone().unwrap_or_else(|| format!("{}-{}", SystemClock.now(), std::process::id()));
    let request = Request::Emit { event: options.event.clone(), data, by: options.by.clone(), id };
    let answer = super::ask(place, request, true)?;
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            let known = answer.get("known").and_then(Json::as_bool).unwrap_or(false);
            let seq = answer.get("seq").and_then(Json::as_u64).unwrap_or(0);
            say!("event {seq}, id {}{}", text(&answer, "id"), if known { ": it came before, nothing was done" } else { "" });
        }
    }
    Ok(Exit::Fine)
}

fn read(data: &str) -> Result<Json, Failure> {
    let bad = |message: String| Failure::new(Exit::Usage, &code::BAD_INPUT, message);
    let text = match data.trim_start().starts_with(['{', '[']) {
        true => data.to_owned(),
        false => {
            std::fs::read_to_string(data).map_err(|error| bad(format!("`{data}` is no JSON, and no file that can be read: {error}")))?
        }
    };
    serde_json::from_str(&text).map_err(|error| bad(format!("what it carries is not JSON: {error}")))
}
