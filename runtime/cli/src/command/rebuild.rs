//! `rebuild`: everything that is told of the log (runs, inbox, memories, limits) is made anew from it, and compared with what was told.

use crate::arguments::log::Rebuild;
use crate::arguments::{Format, Place};
use crate::checkpoints;
use crate::counted::counted;
use crate::desk::Request;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use crate::session;
use serde_json::Value as Json;
use tradewind_lang::code::run as code;

pub(crate) fn run(place: &Place, options: &Rebuild) -> Outcome {
    let (repository, plan) = super::plan_of(place)?;
    let Some(checkpoints) = checkpoints::place(&repository.root, &plan) else {
        return Err(Failure::new(Exit::Usage, &code::USAGE, "this environment keeps no log").help("name another with --environment"));
    };
    // That something differs is no trouble of the tool: it is what was asked for.
    let failed =
        |failure: Failure| Failure { exit: if failure.code == code::REBUILD_DIFFERS.id { Exit::Failed } else { failure.exit }, ..failure };
    let request = Request::Rebuild { image: checkpoints.image() };
    let answer = super::block_on(session::ask(&repository, plan, request, false))?.map_err(failed)?;
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            let events = counted(answer.get("events").and_then(Json::as_u64).unwrap_or(0), "event");
            say!("rebuilt from {events}, and the same as before");
        }
    }
    Ok(Exit::Fine)
}
