//! `plan`: what a reload of these files would change. It changes nothing.

use super::runs::text;
use crate::arguments::{Format, Place, PlanOf};
use crate::desk::{Request, hex};
use crate::exit::{Exit, Outcome};
use crate::output::say;
use serde_json::Value as Json;

/// Flow and status of a run, and its verdict.
type Kind = (String, Vec<Json>);

/// Most runs of one kind that are named.
const NAMED: usize = 5;

pub(crate) fn run(place: &Place, options: &PlanOf) -> Outcome {
    let (repository, plan) = super::plan_of(place)?;
    let request = Request::Difference { plan: hex(&plan.to_bytes()) };
    let answer = super::block_on(crate::session::ask(&repository, plan, request, false))??;
    let same = answer.get("same").and_then(Json::as_bool) == Some(true);
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => print(&answer, same),
    }
    Ok(if same { Exit::Fine } else { Exit::Changes })
}

fn print(answer: &Json, same: bool) {
    let short = |name: &str| text(answer, name).chars().take(12).collect::<String>();
    let rollouts = || {
        let lines = answer.get("rollouts").and_then(Json::as_array);
        lines.into_iter().flatten().filter_map(Json::as_str).for_each(|line| say!("  {}", crate::output::printable(line)));
    };
    if same {
        say!("plan {} is at work: a reload would change nothing", short("next"));
        return rollouts();
    }
    match text(answer, "active").is_empty() {
        true => say!("plan {} would be the first", short("next")),
        false => say!("plan {} would take the place of {}", short("next"), short("active")),
    }
    let items = |json: &Json, name: &str| json.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    // What everything else is about comes first; the library's own parts only count where nothing was there before.
    if !text(answer, "active").is_empty() {
        for change in items(answer, "changes") {
            say!("  {:<8} {} {}", text(&change, "change"), text(&change, "section"), text(&change, "name"));
        }
    }
    // Runs that have one verdict are told together.
    let mut groups: Vec<(Kind, Vec<Json>)> = Vec::new();
    for run in items(answer, "runs") {
        let kind = (format!("{} {}", text(&run, "flow"), text(&run, "status")), items(&run, "verdict"));
        match groups.iter_mut().find(|(other, _)| *other == kind) {
            Some((_, runs)) => runs.push(run),
            None => groups.push((kind, vec![run])),
        }
    }
    for ((kind, verdicts), runs) in groups {
        let named: Vec<String> = runs.iter().take(NAMED).map(|run| text(run, "key").into_owned()).collect();
        let more = if runs.len() > NAMED { ", …" } else { "" };
        say!("  {} {kind}: {}{more}", runs.len(), named.join(", "));
        for verdict in verdicts.iter().filter_map(Json::as_str) {
            say!("    {}", crate::output::printable(verdict));
        }
    }
    rollouts();
}
