//! `check`: every mistake of the repository in one of five formats, or a line that says it is fine. With `--fix` it mends first what
//! it can, and reports what is left.

use crate::arguments::{Check, CheckFormat, Fixes, Place};
use crate::counted::counted;
use crate::exit::{Exit, Failure, Outcome};
use crate::lacking;
use crate::output::{self, say, tell};
use crate::render;
use crate::replace::replace;
use crate::report::{self, Findings};
use crate::repository::Repository;
use serde_json::json;
use tradewind_lang::compile::Compiled;
use tradewind_lang::fix::{Fixed, mend};

pub(crate) fn run(place: &Place, options: &Check) -> Outcome {
    let repository = Repository::open(place)?;
    let environment = place.environment.as_deref();
    let (compiled, fixed) = match options.fix {
        Some(which) => mended(&repository, environment, which, options.format == CheckFormat::Human)?,
        None => (repository.compile(environment), Vec::new()),
    };
    let (errors, warnings) = render::counts(&compiled);
    print(&repository, &compiled, &fixed, options);
    Ok(match (errors, warnings) {
        (0, 0) => Exit::Fine,
        (0, _) if options.deny_warnings => Exit::Changes,
        (0, _) => Exit::Fine,
        _ => Exit::Mistakes,
    })
}

/// Mends the files, and returns what is left and what was done.
fn mended(repository: &Repository, environment: Option<&str>, which: Fixes, human: bool) -> Result<(Compiled, Vec<Fixed>), Failure> {
    let mut mended = repository.with_texts(environment, |texts| mend(texts, which == Fixes::All));
    let mut written: Vec<&str> = Vec::new();
    for ((path, old), (_, new)) in repository.configuration.iter().zip(&mended.configuration) {
        if old == new || !repository.is_text(path) {
            continue;
        }
        if let Err(failure) = replace(&repository.root.join(path), old, new) {
            // What was done before must not go unsaid.
            mended.fixed.iter().filter(|fixed| written.contains(&fixed.path.as_str())).for_each(|fixed| tell!("{}", told(fixed)));
            return Err(failure);
        }
        written.push(path);
    }
    // The other formats have no place for what was not done.
    for left in mended.left.iter().filter(|_| human) {
        let (path, line, column, code) = (&left.path, left.line, left.column, left.code.id);
        tell!("left {path}:{line}:{column}: {code}: {}: more would be wrong than is now", left.title);
    }
    repository.note_files(&mut mended.compiled);
    Ok((mended.compiled, mended.fixed))
}

fn print(repository: &Repository, compiled: &Compiled, fixed: &[Fixed], options: &Check) {
    let prefix = report::prefix(&repository.root);
    let findings = Findings { compiled, prefix: &prefix, files: &repository.configuration, deny_warnings: options.deny_warnings };
    let done: Vec<String> = fixed.iter().map(told).collect();
    match options.format {
        CheckFormat::Human => done.iter().for_each(|line| say!("{line}")),
        CheckFormat::Json => {}
        // These formats have no place for what is no longer there.
        CheckFormat::Sarif | CheckFormat::Github | CheckFormat::Junit => done.iter().for_each(|line| tell!("{line}")),
    }
    match options.format {
        CheckFormat::Human => {
            render::diagnostics(compiled);
            if let Some(plan) = &compiled.plan {
                let (files, flows) = (counted(repository.configuration.len(), "file"), counted(plan.flows.len(), "flow"));
                let policies = counted(plan.policies.len(), "policy");
                say!("{files}, {flows}, {policies}: no mistake; plan {}", plan.digest().short());
                lacking::lines(plan).iter().for_each(|line| tell!("{line}"));
            }
        }
        CheckFormat::Json => {
            let each = fixed.iter().map(|fixed| {
                json!({ "code": fixed.code.id, "path": fixed.path, "line": fixed.line, "column": fixed.column, "title": fixed.title })
            });
            say!("{}", report::json::report(&findings, options.fix.map(|_| each.collect())));
        }
        CheckFormat::Sarif => {
            let sarif = report::sarif::report(&findings);
            if sarif.left_out > 0 {
                let are = if sarif.left_out == 1 { "is" } else { "are" };
                tell!("{} {are} left out: a SARIF run holds no more", counted(sarif.left_out, "diagnostic"));
            }
            say!("{:#}", sarif.log);
        }
        CheckFormat::Github => output::write(format_args!("{}", report::github::report(&findings))),
        CheckFormat::Junit => output::write(format_args!("{}", report::junit::report(&findings))),
    }
}

/// `fixed flows/a.kdl:4:5: TW0102: write `currency``.
fn told(fixed: &Fixed) -> String {
    format!("fixed {}:{}:{}: {}: {}", fixed.path, fixed.line, fixed.column, fixed.code.id, fixed.title)
}
