//! `undo`: takes back what was done. First it only tells how; with `--yes` it is done.

use super::runs::{items, print_runs, text};
use crate::arguments::{Format, Place, Undo};
use crate::counted::counted;
use crate::desk::Request;
use crate::desk::undo::{Wanted, Will};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{say, tell};
use serde_json::{Value as Json, json};
use tradewind_engine::clock::SystemClock;
use tradewind_engine::ports::Clock;
use tradewind_lang::code::run as code;
use tradewind_lang::literal::{duration, timestamp};

pub(crate) fn run(place: &Place, options: &Undo) -> Outcome {
    if [options.run.is_some(), options.effect.is_some(), options.flow.is_some()].iter().filter(|given| **given).count() != 1 {
        return Err(Failure::new(
            Exit::Usage,
            &code::USAGE,
            "say what is to be taken back: a run, --effect KEY, or --flow FLOW --since WHEN",
        )
        .help("`tradewind runs` lists runs, `tradewind log` prints keys of effects"));
    }
    let wanted = Wanted {
        run: options.run.clone(),
        effect: options.effect.clone(),
        flow: options.flow.clone(),
        since: options.since.as_deref().map(instant).transpose()?,
        condition: options.condition.clone(),
    };
    let will = match (options.yes, &options.by) {
        (true, Some(by)) => Some(Will { by: by.clone(), reason: options.reason.clone() }),
        _ => None,
    };
    let does = will.is_some();
    let answer = super::ask(place, Request::Undo { wanted, will }, does)?;
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => print(&answer, does),
    }
    judge(&answer, "not everything was taken back")
}

/// Fine where every run that did something ended well or waits for a person.
pub(crate) fn judge(answer: &Json, message: &str) -> Result<Exit, Failure> {
    let failed = items(answer, "runs").iter().find(|run| matches!(&*text(run, "status"), "failed" | "cancelled"));
    match failed {
        None => Ok(Exit::Fine),
        Some(run) => Err(Failure::new(Exit::Refused, &code::NOT_ALL_DONE, format!("{message}: {}", text(run, "failure")))
            .help("mend the reason and run the same command again: it goes on where it stopped")),
    }
}

/// A timestamp, or so long ago.
fn instant(given: &str) -> Result<i64, Failure> {
    let ago = || duration(given).map(|span| SystemClock.now().saturating_sub(span));
    timestamp(given).or_else(ago).ok_or_else(|| {
        Failure::new(Exit::Usage, &code::USAGE, format!("`{given}` is neither an instant nor a span of time"))
            .help("such as 2026-11-25T10:00:00Z, or 2h")
    })
}

fn print(answer: &Json, does: bool) {
    let effects = items(answer, "effects");
    for effect in effects {
        let back = match text(effect, "not") {
            why if why.is_empty() => format!("{} {}", text(effect, "by"), effect.get("request").cloned().unwrap_or_default()),
            why => format!("not: {why}"),
        };
        let key: String = text(effect, "key").chars().take(12).collect();
        say!(
            "{key}  {}  {} {}  {} {}",
            text(effect, "at"),
            text(effect, "flow"),
            text(effect, "step"),
            text(effect, "operation"),
            effect.get("effect").cloned().unwrap_or_default()
        );
        say!("    {back}");
    }
    let possible = effects.iter().filter(|effect| text(effect, "not").is_empty()).count();
    match (effects.len(), does) {
        (0, _) => tell!("nothing was done that could be taken back"),
        (all, false) => {
            let all = counted(all, "effect");
            tell!("{possible} of {all} can be taken back, in this order; `--yes --by ADDRESS` does it");
        }
        (_, true) if possible == 0 => tell!("there is nothing to be taken back"),
        (_, true) => print_runs(&json!({ "runs": answer.get("runs") })),
    }
}
