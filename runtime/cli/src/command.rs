//! The commands, one file each; and what several of them need: a runtime, a plan, somebody to ask.

pub(crate) mod approvals;
pub(crate) mod assets;
pub(crate) mod backup;
pub(crate) mod budget;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod dead_letters;
pub(crate) mod emit;
pub(crate) mod eval;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod forget;
pub(crate) mod freeze;
pub(crate) mod graph;
pub(crate) mod licenses;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod models;
pub(crate) mod plan;
pub(crate) mod rebuild;
pub(crate) mod replay;
mod reuse;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod serve;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod test;
pub(crate) mod undo;

use crate::arguments::Place;
use crate::desk::Request;
use crate::exit::{Exit, Failure};
use crate::last_plan::{self, Known};
use crate::output::tell;
use crate::render;
use crate::repository::{Followed, Repository};
use crate::session;
use std::future::Future;
use tradewind_lang::code;
use tradewind_lang::compile::Compiled;
use tradewind_lang::plan::Plan;

/// Runs asynchronous work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Tool, &code::run::STORE_FAILED, format!("no threads can be started: {error}")))?;
    Ok(runtime.block_on(work))
}

/// Runs what happens on a stage: on one thread, with one more for what takes long, so that it takes the same course each time.
pub(crate) fn block_on_stage<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Tool, &code::run::STORE_FAILED, format!("no threads can be started: {error}")))?;
    Ok(runtime.block_on(work))
}

/// What is at work in a repository: where the chosen environment follows a source, the commit that was taken last; else the files as they
/// are. A commit that does not compile by this version leaves the files, which nothing adopts then.
pub(crate) fn at_work(repository: Repository, compiled: Compiled, environment: Option<&str>) -> Result<(Repository, Compiled), Failure> {
    let Some(plan) = compiled.plan.as_ref().filter(|plan| plan.project.source.is_some()) else { return Ok((repository, compiled)) };
    let current = crate::follow::folder_of(&repository, plan).join(tradewind_source::CURRENT);
    let Ok(folder) = std::fs::canonicalize(&current) else {
        return Ok((repository.following(Followed::Nothing), compiled));
    };
    let taken = Repository::read(&folder)?.compile(environment);
    let compiled = if taken.plan.is_some() { taken } else { compiled };
    Ok((repository.following(Followed::Commit(current)), compiled))
}

/// The repository and its plan; mistakes are printed and are a failure.
pub(crate) fn plan_of(place: &Place) -> Result<(Repository, Plan), Failure> {
    let repository = Repository::open(place)?;
    let compiled = repository.compile(place.environment.as_deref());
    match compiled.plan {
        Some(plan) => Ok((repository, plan)),
        None => {
            render::diagnostics(&compiled);
            Err(Failure::new(Exit::Mistakes, &code::run::CONFIGURATION, "the repository has mistakes, so nothing was done")
                .help("mend them: `tradewind check`"))
        }
    }
}

/// Asks whoever holds the store of a place. Where the files do not compile, the plan that was adopted last says how it is read;
/// only what would begin something new is refused then.
pub(crate) fn ask(place: &Place, request: Request, perform: bool) -> Result<serde_json::Value, Failure> {
    let repository = match Repository::open(place) {
        Ok(repository) => repository,
        Err(failure) => return block_on(ask_whatever_the_files(place, &request, failure))?,
    };
    let compiled = repository.compile(place.environment.as_deref());
    let (repository, compiled) = at_work(repository, compiled, place.environment.as_deref())?;
    if let Some(plan) = compiled.plan {
        return block_on(session::ask(&repository, plan, request, perform))?;
    }
    let known = if request.begins_something() { Known::Nothing } else { block_on(last_plan::find(&repository))?? };
    match known {
        Known::Nothing => {
            render::diagnostics(&compiled);
            Err(Failure::new(Exit::Mistakes, &code::run::CONFIGURATION, "the repository has mistakes, so nothing was done")
                .help("mend them: `tradewind check`"))
        }
        Known::Served(folder) => {
            warn();
            block_on(session::ask_holder(&folder, &request))?
        }
        Known::Plan(plan) => {
            warn();
            block_on(session::ask(&repository, *plan, request, perform))?
        }
    }
}

/// Where a file cannot be read, whoever serves still answers.
async fn ask_whatever_the_files(place: &Place, request: &Request, failure: Failure) -> Result<serde_json::Value, Failure> {
    let Ok(root) = Repository::root(place) else { return Err(failure) };
    let folder = last_plan::usual_folder(&root);
    if !crate::socket::is_served(&folder).await {
        return Err(failure);
    }
    tell!("warning[{}]: {}; this goes by the plan that is at work", failure.code, failure.message);
    session::ask_holder(&folder, request).await
}

fn warn() {
    tell!(
        "warning[{}]: the repository has mistakes (`tradewind check`); this goes by the plan that was adopted last",
        code::run::CONFIGURATION.id
    );
}
