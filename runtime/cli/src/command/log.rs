//! `log`: the events; `log verify`: the whole chain.

use super::runs::text;
use crate::arguments::{Format, Log, LogCommand, Place};
use crate::desk::{MOST_EVENTS, Request};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{say, tell};
use serde_json::Value as Json;
use tradewind_lang::code::run as code;

pub(crate) fn run(place: &Place, options: &Log) -> Outcome {
    if matches!(options.command, Some(LogCommand::Verify)) {
        // A log that cannot even be opened is one whose chain does not hold.
        let broken = |failure: Failure| {
            if failure.code == code::STORE_DAMAGED.id { Failure { code: code::LOG_BROKEN.id, ..failure } } else { failure }
        };
        let answer = super::ask(place, Request::Verify, false).map_err(broken)?;
        match options.format {
            Format::Json => say!("{answer}"),
            Format::Human => {
                let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
                say!("the chain holds: {} events in {} segments, head {}", number("events"), number("segments"), text(&answer, "head"));
            }
        }
        return Ok(Exit::Fine);
    }
    let answer = super::ask(place, Request::Log { from: options.from, limit: options.limit, run: options.run.clone() }, false)?;
    if options.format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    let events = answer.get("events").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for event in events {
        let run: String = text(event, "run").chars().take(12).collect();
        let seq = event.get("seq").and_then(Json::as_u64).unwrap_or(0);
        say!(
            "{seq:>8}  {}  {run:<12}  {:<12}  {:<18}  {}",
            text(event, "at"),
            text(event, "step"),
            text(event, "kind"),
            text(event, "about")
        );
    }
    // The desk gives at most so many at once, whatever was asked for.
    let last = events.last().and_then(|event| event.get("seq")).and_then(Json::as_u64);
    if let Some(last) = last.filter(|_| events.len() >= options.limit.min(MOST_EVENTS)) {
        tell!("there may be more: --from {}", last + 1);
    }
    Ok(Exit::Fine)
}
