//! `rollback`: an earlier plan becomes the active one.

use super::runs::text;
use crate::arguments::{Format, Place, Rollback};
use crate::desk::Request;
use crate::exit::{Exit, Outcome};
use crate::output::say;

pub(crate) fn run(place: &Place, options: &Rollback) -> Outcome {
    let to = options.digest.clone().or_else(|| options.to.clone());
    let answer = super::ask(place, Request::RollBack { to, by: options.by.clone() }, false)?;
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            let short = |name: &str| text(&answer, name).chars().take(12).collect::<String>();
            say!("plan {} is active instead of {}", short("active"), short("before"));
            if !text(&answer, "held").is_empty() {
                say!("  plan {} waits until the files change; runs in flight keep the plan they began with", short("held"));
            }
        }
    }
    Ok(Exit::Fine)
}
