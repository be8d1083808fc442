//! `replay`: everything that was decided is decided again, and must come out the same.

use crate::arguments::log::Replay;
use crate::arguments::{Format, Place};
use crate::counted::counted;
use crate::desk::Request;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use serde_json::Value as Json;
use tradewind_lang::code::run as code;

pub(crate) fn run(place: &Place, options: &Replay) -> Outcome {
    // A decision that comes out otherwise is no trouble of the tool: it is what was asked for.
    let failed =
        |failure: Failure| Failure { exit: if failure.code == code::REPLAY_DIFFERS.id { Exit::Failed } else { failure.exit }, ..failure };
    let answer = super::ask(place, Request::Replay { run: options.run.clone() }, false).map_err(failed)?;
    if options.format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
    let (decisions, events) = (counted(number("decisions"), "decision"), counted(number("events"), "event"));
    say!("every decision comes out the same: {decisions}, {events}");
    if number("too_large") > 0 {
        say!("  {} of them used more than the log takes, and were not made again", number("too_large"));
    }
    Ok(Exit::Fine)
}
