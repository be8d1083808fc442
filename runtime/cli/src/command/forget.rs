//! `forget`: destroys the keys of somebody's personal data. First it only tells whom and what that affects; with `--yes` it is done.

use super::runs::{items, text};
use crate::arguments::{Forget, Format, Place};
use crate::counted::counted;
use crate::desk::Request;
use crate::exit::{Exit, Outcome};
use crate::output::{say, tell};
use serde_json::Value as Json;

pub(crate) fn run(place: &Place, options: &Forget) -> Outcome {
    let by = options.by.clone().filter(|_| options.yes);
    let does = by.is_some();
    let answer = super::ask(place, Request::Forget { subject: options.subject.clone(), by }, does)?;
    if options.format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
    let open = items(&answer, "open");
    let told = |name: &str, what: &str| counted(number(name), what);
    say!("{}, {}, {} to look back at", told("keys", "key"), told("facts", "fact"), told("events", "event"));
    say!("{} ended, {} not yet", told("ended", "run"), open.len());
    for run in open {
        say!("  {} {}", run.as_str().unwrap_or_default(), if does { "was ended" } else { "would be ended" });
    }
    if let Some(hold) = answer.get("held").filter(|hold| !hold.is_null()) {
        tell!("a legal hold that {} set at {} keeps this: {}", text(hold, "by"), text(hold, "at"), text(hold, "reason"));
    }
    match does {
        false => tell!("nothing was changed; `--yes --by ADDRESS` destroys the keys, and nothing brings them back"),
        true => {
            for run in items(&answer, "unsettled") {
                tell!("run {} still settles what it sent; it goes on without the data", run.as_str().unwrap_or_default());
            }
            tell!("the keys are destroyed; give the list of who was forgotten to every restored backup: it lies beside the store");
        }
    }
    Ok(Exit::Fine)
}
