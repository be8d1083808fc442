//! `runs`: what ran and runs; `runs show`: one run with its steps.

use crate::arguments::{self, Format, Place, Runs, RunsCommand};
use crate::desk::{Request, Wanted};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{printable, say, tell};
use serde_json::{Value as Json, json};
use std::borrow::Cow;

pub(crate) fn run(place: &Place, options: &Runs) -> Outcome {
    match &options.command {
        Some(RunsCommand::Show { id }) => {
            let answer = super::ask(place, Request::Run { id: id.clone() }, false)?;
            match options.format {
                Format::Json => say!("{answer}"),
                Format::Human => print_run(&answer),
            }
        }
        Some(RunsCommand::Cancel(wanted)) => control(place, options.format, wanted, Wanted::Cancel { reason: wanted.reason.clone() })?,
        Some(RunsCommand::Pause(wanted)) => control(place, options.format, wanted, Wanted::Pause)?,
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
