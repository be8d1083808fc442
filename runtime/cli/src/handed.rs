//! `run` while another process serves: the inputs are handed to it through its socket, and it is watched until they are settled. The
//! same is said of them as if this process had worked.

use crate::arguments::{Format, Run};
use crate::command::run::{note_rejects, progress_bar};
use crate::desk::Request;
use crate::exit::{Exit, Failure, Outcome};
use crate::inputs::{Conflict, Line, Rejects};
use crate::interrupts::Interrupts;
use crate::output::{self, say, tell};
use crate::session::ask_holder;
use crate::socket::{self, Asked};
use crate::summary::Tally;
use indicatif::ProgressBar;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_lang::code::run as code;
use tradewind_lang::plan::Plan;

/// Inputs of one request: as many, or as many bytes.
const AT_ONCE: usize = 128;
const BYTES: usize = 4 << 20;
/// Runs that are asked about at once.
const ASKED: usize = 50_000;
/// How long the serving process may take to take up the files of now.
const RELOAD: Duration = Duration::from_secs(4);

/// What a serving process says of itself, where one serves.
pub(crate) async fn status(folder: &Path) -> Option<Json> {
    match socket::ask(folder, &Request::Status).await {
        Asked::Answered(Ok(status)) if status.get("serving").and_then(Json::as_bool) == Some(true) => Some(status),
        _ => None,
    }
}

/// The folder, where a process serves there.
pub(crate) async fn serving(folder: &Path) -> Option<std::path::PathBuf> {
    status(folder).await.map(|_| folder.to_owned())
}

/// Hands everything over, and reports.
pub(crate) async fn work(
    folder: &Path,
    plan: &Plan,
    options: &Run,
    mut lines: Vec<Line>,
    rejects: Rejects,
    mut interrupts: Interrupts,
) -> Outcome {
    let began = Instant::now();
    await_plan(folder, plan).await;
    let mut tally = Tally::default();
    note_rejects(&rejects, &lines, &mut tally)?;
    let bar = progress_bar(lines.len() - tally.rejected);
    let ended = tokio::select! {
        ended = hand(folder, options, &mut lines, &mut tally, &bar) => Some(ended),
        _ = interrupts.next() => None,
    };
    bar.finish_and_clear();
    let Some(ended) = ended else {
        tell!("interrupted: what was handed over goes on in the process that serves");
        return Ok(Exit::Interrupted);
    };
    ended?;
    for line in &mut lines {
        line.conflict = tally.conflicting.remove(&line.number);
    }
    note_rejects(&rejects, &lines, &mut tally)?;
    let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let report = ask_holder(folder, &Request::Report { flow: options.flow.clone(), tally, millis }).await?;
    let is = |name: &str| report.get(name).and_then(Json::as_bool) == Some(true);
    match options.format {
        Format::Human => output::write(format_args!("{}", report.get("text").and_then(Json::as_str).unwrap_or_default())),
        Format::Json => say!("{}", report.get("json").cloned().unwrap_or_default()),
    }
    Ok(match (is("rejects"), is("failures")) {
        (true, _) => Exit::Mistakes,
        (false, true) => Exit::Tool,
        (false, false) => Exit::Fine,
    })
}

/// Waits a little until the serving process works by the files of now; says so where it does not.
async fn await_plan(folder: &Path, plan: &Plan) {
    let (wanted, until) = (plan.digest().to_string(), Instant::now() + RELOAD);
    loop {
        let status = status(folder).await.unwrap_or_default();
        let active = status.pointer("/plan/active").and_then(Json::as_str).unwrap_or_default();
        if active == wanted || active.is_empty() {
            return;
        }
        // Nobody waits for what somebody went back from.
        let held = status.pointer("/plan/held").and_then(Json::as_str) == Some(wanted.as_str());
        if held || Instant::now() >= until {
            let why = status.pointer("/generation/refused/why").and_then(Json::as_str).unwrap_or("`tradewind status` says why");
            tell!("the process that serves works by another plan than these files give: {why}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn hand(folder: &Path, options: &Run, lines: &mut [Line], tally: &mut Tally, bar: &ProgressBar) -> Result<(), Failure> {
    let mut places: Vec<usize> = Vec::new();
    let (mut inputs, mut bytes) = (Vec::new(), 0);
    for place in 0..=lines.len() {
        let line = lines.get(place).filter(|line| line.input.is_ok());
        let is_last = place == lines.len();
        if let Some(line) = line {
            bytes += line.text.len();
            inputs.push(serde_json::from_str::<Json>(&line.text).unwrap_or_default());
            places.push(place);
        }
        if inputs.len() >= AT_ONCE || bytes >= BYTES || is_last && !inputs.is_empty() {
            let request = Request::Start { flow: options.flow.clone(), inputs: std::mem::take(&mut inputs) };
            let answer = ask_holder(folder, &request).await?;
            let starts = answer.get("starts").and_then(Json::as_array).cloned().unwrap_or_default();
            for (place, start) in std::mem::take(&mut places).into_iter().zip(&starts) {
                if let Some(line) = lines.get_mut(place) {
                    count(line, start, options, tally, bar);
                }
            }
            bytes = 0;
        }
    }
    settle(folder, tally, bar).await
}

/// Counts what became of one input.
fn count(line: &mut Line, start: &Json, options: &Run, tally: &mut Tally, bar: &ProgressBar) {
    let text = |name: &str| start.get(name).and_then(Json::as_str).map(str::to_owned);
    let is = |name: &str| start.get(name).and_then(Json::as_bool) == Some(true);
    let Some(run) = text("run") else {
        line.input = Err(text("rejected").unwrap_or_else(|| "it was not taken".to_owned()));
        return;
    };
    if is("conflict") {
        tally.conflicts += 1;
        tally.conflicting.insert(line.number, Conflict { key: text("key").unwrap_or_default(), run: run.clone() });
        let place = format!("{}:{}", options.input.display(), line.number);
        bar.suspend(|| tell!("{place}: error[{}]: another input was already started under this key", code::INPUT_CONFLICT.id));
    } else if is("new") {
        tally.new += 1;
    } else {
        tally.known += 1;
    }
    tally.ids.insert(run.into());
}

/// Waits until each of the runs has ended or waits for somebody.
async fn settle(folder: &Path, tally: &Tally, bar: &ProgressBar) -> Result<(), Failure> {
    let mut open: BTreeSet<Arc<str>> = tally.ids.clone();
    while !open.is_empty() {
        bar.set_position((tally.ids.len() - open.len()) as u64);
        let runs = open.iter().take(ASKED).map(ToString::to_string).collect();
        let answer = ask_holder(folder, &Request::Unsettled { runs }).await?;
        let left = answer.get("unsettled").and_then(Json::as_array).cloned().unwrap_or_default();
        let left: BTreeSet<Arc<str>> = left.iter().filter_map(Json::as_str).map(Arc::from).collect();
        open = open.iter().skip(ASKED).cloned().chain(left).collect();
    }
    bar.set_position(tally.ids.len() as u64);
    Ok(())
}
