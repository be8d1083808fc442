//! `check`: every mistake of the repository, or a line that says it is fine.

use crate::arguments::{Check, Format, Place};
use crate::exit::{Exit, Outcome};
use crate::output::say;
use crate::render;
use crate::repository::Repository;

pub(crate) fn run(place: &Place, options: &Check) -> Outcome {
    let repository = Repository::open(place)?;
    let compiled = repository.compile(place.environment.as_deref());
    let (errors, warnings) = render::counts(&compiled);
    match options.format {
        Format::Json => say!("{}", render::diagnostics_as_json(&compiled)),
        Format::Human => {
            render::diagnostics(&compiled);
            if let Some(plan) = &compiled.plan {
                let (files, flows, policies) = (repository.configuration.len(), plan.flows.len(), plan.policies.len());
                say!("{files} files, {flows} flows, {policies} policies: no mistake; plan {}", plan.digest().short());
            }
        }
    }
    Ok(match (errors, warnings) {
        (0, 0) => Exit::Fine,
        (0, _) if options.deny_warnings => Exit::Changes,
        (0, _) => Exit::Fine,
        _ => Exit::Mistakes,
    })
}
