//! `run`: starts a flow for every input and works until each has an outcome or waits for a person.
//!
//! Nothing is lost by Ctrl-C or kill -9: the same command goes on where the log ends, and does nothing twice.

use crate::arguments::{Place, Run};
use crate::exit::{Exit, Failure, Outcome};
use crate::handed;
use crate::inputs::{self, Conflict, Line, Rejects};
use crate::interrupts::Interrupts;
use crate::output::{self, say, tell};
use crate::render;
use crate::repository::Repository;
use crate::session::{Options, Session, state_folder, store_failure};
use crate::summary::{self, Tally};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::{Duration, Instant};
use tradewind_engine::engine::{StartError, Submitted};
use tradewind_lang::code::run as code;
use tradewind_lang::plan::Plan;

/// How often a line says how far it is, where no bar does.
const BETWEEN_LINES: Duration = Duration::from_secs(10);
/// Inputs that are handed in before the first of them is durable, for each run in flight.
const AHEAD: usize = 2;

pub(crate) fn run(place: &Place, options: &Run) -> Outcome {
    let repository = Repository::open(place)?;
    let compiled = repository.compile(place.environment.as_deref());
    let (repository, compiled) = super::at_work(repository, compiled, place.environment.as_deref())?;
    render::diagnostics(&compiled);
    let Some(plan) = compiled.plan.clone() else { return Ok(Exit::Mistakes) };
    let flow = plan.flows.get(&options.flow).ok_or_else(|| super::graph::unknown_flow(&plan, &options.flow))?;
    if !flow.terms.starts_by_hand() {
        let message = format!("`{}` starts by its triggers, and none of them is `manual`", flow.name);
        return Err(Failure::new(Exit::Mistakes, &code::NOT_MANUAL, message)
            .help("write `trigger manual=#true` in it, or tell of the event: `tradewind emit`"));
    }
    crate::lacking::check(&compiled, &plan, flow)?;
    let lines = inputs::read(&options.input, &flow.input, &plan)?;
    let rejects = Rejects::place(options.rejects.as_deref(), &options.input, &state_folder(&repository, &plan), &repository.root)?;
    let rejects = rejects.of(&plan, flow);
    super::block_on(work(&repository, plan, options, lines, rejects))?
}

async fn work(repository: &Repository, plan: Plan, options: &Run, mut lines: Vec<Line>, rejects: Rejects) -> Outcome {
    let began = Instant::now();
    // Before anything is opened: from here on an interrupted command ends in order.
    let mut interrupts = Interrupts::listen()?;
    if !options.ephemeral
        && let Some(folder) = handed::serving(&state_folder(repository, &plan)).await
    {
        return handed::work(&folder, &plan, options, lines, rejects, interrupts).await;
    }
    let session = Session::open(repository, plan, Options::work(options.ephemeral, usize::from(options.in_flight))).await?;
    let mut tally = Tally::default();
    note_rejects(&rejects, &lines, &mut tally)?;
    let bar = progress_bar(lines.len() - tally.rejected);
    let feeding = feed(&session, options, &mut lines, &mut tally, &bar);
    let ended = tokio::select! {
        ended = feeding => Some(ended),
        _ = interrupts.next() => None,
        () = report_progress(&session, !bar.is_hidden()) => None,
    };
    bar.finish_and_clear();
    let Some(ended) = ended else {
        session.close().await?;
        tell!("interrupted: everything so far is kept; the same command goes on where this one stopped");
        return Ok(Exit::Interrupted);
    };
    if let Err(failure) = ended {
        // The store's own error matters more than that of closing it.
        let _ = session.close().await;
        return Err(failure);
    }
    // The engine may have refused some that looked well: without a key, too large, or under a key that another input has.
    for line in &mut lines {
        line.conflict = tally.conflicting.remove(&line.number);
    }
    note_rejects(&rejects, &lines, &mut tally)?;
    let report = summary::of(&session.engine, &options.flow, tally, began.elapsed()).await?;
    session.close().await?;
    match options.format {
        crate::arguments::Format::Human => output::write(format_args!("{}", report.text())),
        crate::arguments::Format::Json => say!("{}", report.json()),
    }
    Ok(match (report.has_rejects(), report.has_failures()) {
        (true, _) => Exit::Mistakes,
        (false, true) => Exit::Tool,
        (false, false) => Exit::Fine,
    })
}

/// Counts the lines that are no input, and writes them down with their reasons.
pub(crate) fn note_rejects(rejects: &Rejects, lines: &[Line], tally: &mut Tally) -> Result<(), Failure> {
    let rejected: Vec<&Line> = lines.iter().filter(|line| line.is_rejected()).collect();
    tally.rejected = rejected.iter().filter(|line| line.input.is_err()).count();
    tally.rejects = rejects.clone().write(&rejected)?;
    Ok(())
}

/// Hands the inputs in, in their order, a few ahead of what is durable: a caller who waited for each would pay a commit for each.
async fn feed(session: &Session, options: &Run, lines: &mut [Line], tally: &mut Tally, bar: &ProgressBar) -> Result<(), Failure> {
    let ahead = AHEAD * usize::from(options.in_flight);
    let mut handed: VecDeque<(usize, Submitted)> = VecDeque::with_capacity(ahead);
    for line in lines {
        let Ok(input) = &line.input else { continue };
        match session.engine.submit(&options.flow, input.clone(), "command-line").await {
            Ok(submitted) => handed.push_back((line.number, submitted)),
            Err(StartError::Store(error)) => return Err(store_failure(error)),
            Err(StartError::Input(why) | StartError::Key(why)) => line.input = Err(why),
            Err(error) => return Err(not_started(line.number, &error)),
        }
        while handed.len() >= ahead {
            let Some((number, submitted)) = handed.pop_front() else { break };
            count(session, (number, submitted), options, tally, bar).await?;
            show(session, bar);
        }
    }
    for (number, submitted) in handed {
        count(session, (number, submitted), options, tally, bar).await?;
        show(session, bar);
    }
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let idle = session.engine.wait_idle();
    tokio::pin!(idle);
    loop {
        tokio::select! {
            done = &mut idle => return done.map_err(store_failure),
            _ = tick.tick() => show(session, bar),
        }
    }
}

/// Waits until a start is durable, and counts what it was.
async fn count(
    session: &Session,
    (number, submitted): (usize, Submitted),
    options: &Run,
    tally: &mut Tally,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let started = submitted.durable().await.map_err(|error| match error {
        StartError::Store(error) => store_failure(error),
        error => not_started(number, &error),
    })?;
    if started.conflict {
        tally.conflicts += 1;
        let earlier = session.engine.run(&started.run_id).await.map_err(store_failure)?;
        let key = earlier.map(|run| run.summary.key.to_string()).unwrap_or_default();
        tally.conflicting.insert(number, Conflict { key, run: started.run_id.to_string() });
        let place = format!("{}:{number}", options.input.display());
        bar.suspend(|| tell!("{place}: error[{}]: another input was already started under this key", code::INPUT_CONFLICT.id));
    } else if started.is_new {
        tally.new += 1;
    } else {
        tally.known += 1;
    }
    tally.ids.insert(started.run_id);
    Ok(())
}

fn not_started(number: usize, error: &StartError) -> Failure {
    Failure::new(Exit::Mistakes, &code::BAD_INPUT, format!("line {number}: {error}"))
}

/// Shows how far the engine is; runs of earlier commands count too, as they are part of the same log.
fn show(session: &Session, bar: &ProgressBar) {
    let progress = session.engine.subscribe().progress.borrow().clone();
    bar.set_position((progress.waiting + progress.completed + progress.failed + progress.cancelled) as u64);
    bar.set_message(format!("{} waiting", progress.waiting));
}

/// Where nobody sees a bar: a line now and then. Never ends.
async fn report_progress(session: &Session, has_bar: bool) {
    if has_bar {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(BETWEEN_LINES).await;
        let progress = session.engine.subscribe().progress.borrow().clone();
        tell!(
            "{} ended, {} waiting, {} in flight",
            progress.completed + progress.failed + progress.cancelled,
            progress.waiting,
            progress.running
        );
    }
}

pub(crate) fn progress_bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {per_sec}  {msg}  {eta} left") {
        bar.set_style(style);
    }
    bar
}
