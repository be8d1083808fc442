//! `runs`: what ran and runs; `runs show`: one run with its steps.

use crate::arguments::{self, Format, Place, Runs, RunsCommand};
use crate::counted::counted;
use crate::desk::{Request, Wanted};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{printable, say, tell};
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::path::Path;
use tradewind_lang::code::run as code;

pub(crate) fn run(place: &Place, options: &Runs) -> Outcome {
    match &options.command {
        Some(RunsCommand::Show { id }) => {
            let answer = super::ask(place, Request::Run { id: id.clone(), open: false }, false)?;
            match options.format {
                Format::Json => say!("{answer}"),
                Format::Human => print_run(&answer),
            }
        }
        Some(RunsCommand::Cancel(wanted)) => control(place, options.format, wanted, Wanted::Cancel { reason: wanted.reason.clone() })?,
        Some(RunsCommand::Pause(wanted)) => control(place, options.format, wanted, Wanted::Pause)?,
        Some(RunsCommand::Fork(wanted)) => return fork(place, options.format, wanted),
        Some(RunsCommand::Resume(wanted)) => control(place, options.format, wanted, Wanted::Resume)?,
        None => {
            let request = Request::Runs { flow: options.flow.clone(), status: options.status.clone(), limit: options.limit };
            let answer = super::ask(place, request, false)?;
            match options.format {
                Format::Json => say!("{answer}"),
                Format::Human => print_runs(&answer),
            }
        }
    }
    Ok(Exit::Fine)
}

/// Wants something of a run, and says how it stands now.
fn control(place: &Place, format: Format, asked: &arguments::Wanted, wanted: Wanted) -> Result<(), Failure> {
    let request = Request::Control { id: asked.id.clone(), by: asked.by.clone(), wanted };
    let answer = super::ask(place, request, true)?;
    match format {
        Format::Json => say!("{answer}"),
        Format::Human => print_runs(&json!({ "runs": [answer.get("run")] })),
    }
    Ok(())
}

/// Starts a fork, and says how it stands when it has ended or waits.
fn fork(place: &Place, format: Format, asked: &arguments::Fork) -> Outcome {
    let input = asked.input.as_deref().map(read).transpose()?;
    let request = Request::Fork { id: asked.id.clone(), from: asked.from.clone(), input, by: asked.by.clone() };
    let answer = super::ask(place, request, true)?;
    let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
    match format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            print_runs(&json!({ "runs": [answer.get("run")] }));
            let (effects, steps) = (counted(number("takes_over"), "effect"), counted(number("keeps"), "step"));
            tell!("it takes over {effects}; as they were stay {steps}");
        }
    }
    let run = answer.get("run").cloned().unwrap_or_default();
    match &*text(&run, "status") {
        "failed" | "cancelled" => {
            Err(Failure::new(Exit::Refused, &code::NOT_ALL_DONE, format!("the fork failed: {}", text(&run, "failure")))
                .help("mend the reason, and fork the run again: what the fork did is taken over, too"))
        }
        _ => Ok(Exit::Fine),
    }
}

/// A file with one JSON object.
fn read(path: &Path) -> Result<Json, Failure> {
    let failure =
        |code, why: String| Failure::new(Exit::Usage, code, format!("`{}` {why}", path.display())).help("name a file with one JSON object");
    let bytes = std::fs::read(path).map_err(|error| failure(&code::CANNOT_READ, format!("cannot be read: {error}")))?;
    tradewind_lang::json_keys::check(&bytes).map_err(|why| failure(&code::BAD_INPUT, format!("holds no input: {why}")))?;
    match serde_json::from_slice(&bytes) {
        Ok(Json::Object(object)) => Ok(Json::Object(object)),
        Ok(_) => Err(failure(&code::BAD_INPUT, "holds no JSON object".to_owned())),
        Err(error) => Err(failure(&code::BAD_INPUT, format!("holds no JSON: {error}"))),
    }
}

/// The text of a member, fit for a line, or nothing.
pub(crate) fn text<'a>(json: &'a Json, name: &str) -> Cow<'a, str> {
    printable(json.get(name).and_then(Json::as_str).unwrap_or(""))
}

pub(crate) fn items<'a>(json: &'a Json, name: &str) -> &'a [Json] {
    json.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn print_runs(answer: &Json) {
    let runs = items(answer, "runs");
    for run in runs {
        let why = [text(run, "failure"), text(run, "cancelled")];
        let waits = run.get("waits_for").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let why: Vec<Cow<'_, str>> = why.into_iter().chain(waits.map(printable)).collect();
        let note: String = why.iter().filter(|why| !why.is_empty()).map(|why| format!("  {why}")).collect();
        let id: String = text(run, "id").chars().take(12).collect();
        say!("{id}  {:<9}  {}  {}  {}{note}", text(run, "status"), text(run, "updated_at"), text(run, "flow"), text(run, "key"));
    }
    if runs.is_empty() {
        tell!("no runs");
    }
}

fn print_run(answer: &Json) {
    let run = answer.get("run").cloned().unwrap_or_default();
    say!("{}  {} {}  {}", text(&run, "id"), text(&run, "flow"), text(&run, "key"), text(&run, "status"));
    say!("  started {}, plan {}", text(&run, "started_at"), text(&run, "plan").chars().take(12).collect::<String>());
    say!("  input {}", answer.get("input").cloned().unwrap_or_default());
    for step in items(answer, "steps") {
        let value = step.get("value").filter(|value| !value.is_null()).map(ToString::to_string).unwrap_or_default();
        let note = if text(step, "note").is_empty() { String::new() } else { format!(" ({})", text(step, "note")) };
        say!("  {:<16} {:<8}{note}  {value}", text(step, "name"), text(step, "status"));
    }
    if !text(&run, "forked_from").is_empty() {
        let of: String = text(&run, "forked_from").chars().take(12).collect();
        let from = text(&run, "from_step");
        say!("  forked from {of}{}", if from.is_empty() { String::new() } else { format!(", from step {from} on") });
    }
    for fork in items(answer, "forks") {
        let id: String = text(fork, "id").chars().take(12).collect();
        say!("  forked into: {id}  {:<9}  {}", text(fork, "status"), text(fork, "key"));
    }
    for part in items(answer, "parts") {
        let id: String = text(part, "id").chars().take(12).collect();
        say!("  within it: {id}  {:<9}  {}", text(part, "status"), text(part, "key"));
    }
    if let Some(output) = run.get("output").filter(|output| !output.is_null()) {
        say!("  output {output}");
    }
    if !text(&run, "cancelled").is_empty() {
        say!("  cancelled: {}", text(&run, "cancelled"));
    }
    if !text(&run, "failure").is_empty() {
        say!("  failure {}", text(&run, "failure"));
    }
}
