//! `dead-letters`: effects that failed for good; `dead-letters replay` does one again, under the key it had.

use super::runs::{items, print_runs, text};
use crate::arguments::{DeadLetters, DeadLettersCommand, Format, Place};
use crate::counted::counted;
use crate::desk::Request;
use crate::desk::undo::Will;
use crate::exit::{Exit, Outcome};
use crate::output::{say, tell};
use serde_json::json;

pub(crate) fn run(place: &Place, options: &DeadLetters) -> Outcome {
    let (effect, will) = match &options.command {
        None => (None, None),
        Some(DeadLettersCommand::Replay { key, by, reason }) => (Some(key.clone()), Some(Will { by: by.clone(), reason: reason.clone() })),
    };
    let does = will.is_some();
    let answer = super::ask(place, Request::DeadLetters { effect, will }, does)?;
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human if does => print_runs(&json!({ "runs": answer.get("runs") })),
        Format::Human => {
            let letters = items(&answer, "dead_letters");
            for letter in letters {
                let key: String = text(letter, "key").chars().take(12).collect();
                say!(
                    "{key}  {}  {} {}  {} {}",
                    text(letter, "at"),
                    text(letter, "flow"),
                    text(letter, "step"),
                    text(letter, "operation"),
                    letter.get("effect").cloned().unwrap_or_default()
                );
                say!("    {}", text(letter, "failure"));
            }
            tell!("{} failed for good, not done since", counted(letters.len(), "effect"));
        }
    }
    match does {
        true => super::undo::judge(&answer, "it was not done"),
        false => Ok(Exit::Fine),
    }
}
