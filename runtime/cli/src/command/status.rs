//! `status`: how everything stands, from whoever holds the store.

use super::runs::text;
use crate::arguments::{Format, Place, Status};
use crate::counted::counted;
use crate::desk::Request;
use crate::exit::{Exit, Outcome};
use crate::output::{self, say};
use serde_json::Value as Json;

pub(crate) fn run(place: &Place, options: &Status) -> Outcome {
    let answer = super::ask(place, Request::Status, false)?;
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => print(&answer),
    }
    Ok(Exit::Fine)
}

fn short(json: &Json, name: &str) -> String {
    text(json, name).chars().take(12).collect()
}

fn items<'a>(json: &'a Json, name: &str) -> &'a [Json] {
    json.get(name).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn print(status: &Json) {
    let none = Json::Null;
    let part = |name: &str| status.get(name).unwrap_or(&none);
    let number = |json: &Json, name: &str| json.get(name).and_then(Json::as_u64).unwrap_or(0);
    if status.get("serving").and_then(Json::as_bool) == Some(true) {
        let listen = match text(status, "listen") {
            none if none.is_empty() => "no HTTP".to_owned(),
            address => format!("http://{address}"),
        };
        say!("{}: served by process {} since {}, {listen}", text(status, "project"), number(status, "process"), text(status, "since"));
    } else {
        say!("{}: nobody serves it", text(status, "project"));
    }
    let (plan, generation) = (part("plan"), part("generation"));
    match text(plan, "active").is_empty() {
        true => say!("  no plan was adopted yet: the first command that works does it"),
        false => say!("  plan {} since {}, by {}", short(plan, "active"), text(plan, "since"), text(plan, "by")),
    }
    if !text(plan, "held").is_empty() {
        say!("  somebody went back from plan {}, which waits until the files change", short(plan, "held"));
    }
    if !generation.is_null() {
        let wanted = if text(generation, "wanted").is_empty() { "none".to_owned() } else { short(generation, "wanted") };
        let state = text(generation, "state");
        say!("  generation {} {state} at {}; wanted plan {wanted}", number(generation, "number"), text(generation, "at"));
        if let Some(refused) = generation.get("refused").filter(|refused| !refused.is_null()) {
            say!("  refused: {}", text(refused, "why"));
            for diagnostic in items(refused, "diagnostics").iter().filter_map(Json::as_str) {
                output::write(format_args!("{diagnostic}\n"));
            }
        }
    }
    print_recalls(items(status, "recall"));
    for of in items(status, "renewing") {
        let stopped = if text(of, "failed").is_empty() { String::new() } else { format!("; it stopped: {}", text(of, "failed")) };
        let (done, all) = (number(of, "done"), counted(number(of, "of"), "fact"));
        say!("  `{}` gets vectors of another model: {done} of {all}; the old ones answer until then{stopped}", text(of, "memory"));
    }
    for kept in items(status, "kept_back") {
        let why: Vec<&str> = items(kept, "why").iter().filter_map(Json::as_str).collect();
        say!("  run {} of {} keeps plan {}: {}", text(kept, "key"), text(kept, "flow"), short(kept, "plan"), why.join("; "));
    }
    print_source(part("source"));
    for lacking in items(status, "not_runnable") {
        say!("  flow {} is checked, and cannot be run by this version: it needs {}", text(lacking, "flow"), text(lacking, "lacks"));
    }
    items(status, "rollouts").iter().filter_map(Json::as_str).for_each(|line| say!("  {line}"));
    for frozen in items(status, "frozen") {
        say!("  frozen: {} by {} at {}  {}", text(frozen, "scope"), text(frozen, "by"), text(frozen, "at"), text(frozen, "reason"));
    }
    let there = part("runs").as_object().into_iter().flatten().filter(|(_, count)| count.as_u64() != Some(0));
    let runs: Vec<String> = there.map(|(status, count)| format!("{count} {status}")).collect();
    say!("  runs: {}", if runs.is_empty() { "none".to_owned() } else { runs.join(", ") });
    let queues = part("queues");
    say!(
        "  {} waiting for their turn, {} in flight; {}",
        number(queues, "waiting_for_their_turn"),
        number(queues, "in_flight"),
        counted(number(status, "events"), "event")
    );
    if !text(status, "not_archived").is_empty() {
        say!("  the log is not archived: {}", text(status, "not_archived"));
    }
    for part in items(status, "archived") {
        say!("  events {} to {} are archived in {}", number(part, "first"), number(part, "last"), text(part, "file"));
    }
}

/// How searches by vectors compared with brute force.
fn print_recalls(recalls: &[Json]) {
    let number = |json: &Json, name: &str| json.get(name).and_then(Json::as_u64).unwrap_or(0);
    for of in recalls {
        let kept = of.get("kept").and_then(Json::as_f64);
        let kept = kept.map_or_else(String::new, |kept| format!("; bytes keep {kept:.3} of the ten nearest by floats"));
        say!(
            "  recall of `{}` looks at {}: {} compared with brute force, {} differed{kept}",
            text(of, "memory"),
            text(of, "looks_at"),
            counted(number(of, "compared"), "search"),
            number(of, "differed")
        );
    }
}

/// The source that is followed: what of it is at work, what is wanted and why it is not, and whether it can be asked.
fn print_source(source: &Json) {
    if source.is_null() {
        return;
    }
    let active = source.get("active").filter(|active| !active.is_null());
    let at_work = active.map_or_else(
        || "nothing is taken yet".to_owned(),
        |active| format!("commit {} is at work since {}", short(active, "commit"), text(active, "since")),
    );
    say!("  source {}, {}: {at_work}", text(source, "url"), text(source, "follows"));
    match &*text(source, "state") {
        "refused" => say!("  commit {} is refused: {}: {}", short(source, "wanted"), text(source, "code"), text(source, "why")),
        "waits" => say!("  commit {} waits: {}", short(source, "wanted"), text(source, "why")),
        _ => {}
    }
    if !text(source, "unreached").is_empty() {
        let failures = counted(source.get("failures").and_then(Json::as_u64).unwrap_or(0), "time");
        say!("  the source cannot be asked ({failures}): {}; asked again at {}", text(source, "unreached"), text(source, "next"));
    }
    if !text(source, "status_trouble").is_empty() {
        say!("  the statuses of commits are not written: {}", text(source, "status_trouble"));
    }
}
