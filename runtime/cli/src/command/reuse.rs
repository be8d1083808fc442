//! `memory reuse`: of how much use what was known or answered before was, step by step, and which version of it.

use super::runs::{items, text};
use crate::arguments::memory::Reuse;
use crate::arguments::{Format, Place};
use crate::counted::counted;
use crate::desk::Request;
use crate::desk::memory::Learning;
use crate::exit::{Exit, Outcome};
use crate::output::{say, tell};
use serde_json::Value as Json;
use tradewind_lang::literal::duration_text;

/// So many versions of each are printed; all of them are in the JSON.
const VERSIONS: usize = 5;

pub(crate) fn run(place: &Place, options: &Reuse) -> Outcome {
    let answer = super::ask(place, Request::Learn(Learning::Reuse { event: options.event.clone() }), false)?;
    if options.format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    let event = options.event.as_deref();
    for reused in items(&answer, "reused") {
        let (looked, hits) = (number(reused, "looked"), number(reused, "hits"));
        say!("{}.{}  {}: {} of {looked} found something", text(reused, "flow"), text(reused, "step"), text(reused, "asset"), hits);
        for (name, what) in [("with", "with it"), ("without", "without")] {
            say!("  {what}: {}", side(reused.get(name), event));
        }
        if let Some(saved) = saved(reused) {
            say!("  saved, if those runs are alike: {saved}");
        }
        let versions = items(reused, "versions");
        for version in versions.iter().take(VERSIONS) {
            let saved = saved(version).map(|saved| format!(", saved {saved}")).unwrap_or_default();
            say!("    {}: {}, {}{saved}", named(version), counted(number(version, "hits"), "hit"), side(version.get("with"), event));
        }
        if versions.len() > VERSIONS {
            say!("    and {} more: --format json", versions.len() - VERSIONS);
        }
    }
    if items(&answer, "reused").is_empty() {
        tell!("no run that has ended looked for anything that was known or answered before");
    }
    Ok(Exit::Fine)
}

fn number(of: &Json, name: &str) -> u64 {
    of.get(name).and_then(Json::as_u64).unwrap_or(0)
}

fn side(side: Option<&Json>, event: Option<&str>) -> String {
    let Some(side) = side else { return String::new() };
    let runs = counted(number(side, "runs"), "run");
    let cost = if text(side, "mean_cost").is_empty() { "no cost".to_owned() } else { text(side, "mean_cost").into_owned() };
    let waited = span(side.get("mean_wait_seconds")).unwrap_or_else(|| "0s".to_owned());
    let converted = event.map(|event| format!(", {} came to `{event}`", number(side, "converted"))).unwrap_or_default();
    format!("{runs}, {cost} and {waited} of waiting for people each{converted}")
}

fn span(seconds: Option<&Json>) -> Option<String> {
    Some(duration_text(seconds?.as_i64()?.saturating_mul(1_000_000)))
}

/// What was saved; nothing where nothing is known of it.
fn saved(of: &Json) -> Option<String> {
    let saved = [Some(text(of, "cost_saved").into_owned()), span(of.get("seconds_saved"))];
    let saved: Vec<String> = saved.into_iter().flatten().filter(|saved| !saved.is_empty()).collect();
    (!saved.is_empty()).then(|| saved.join(" and "))
}

/// What a version is called.
fn named(version: &Json) -> String {
    let has = |name: &str| version.get(name).is_some();
    if has("template") {
        return format!("template {}", text(version, "template"));
    }
    if has("kept") {
        return format!("the answer kept in event {}", number(version, "kept"));
    }
    if has("artifact") {
        return match &*text(version, "artifact") {
            "cache" => format!("{}, kept", text(version, "name")),
            artifact => format!("{} of the artifact {artifact}", text(version, "name")),
        };
    }
    let seq = number(version, "seq");
    match (has("version"), has("at")) {
        (true, _) => {
            let (name, at) = (text(version, "name"), text(version, "at"));
            format!("{name}, version {} of {} of {at} (event {seq})", number(version, "version"), number(version, "versions"))
        }
        (false, true) => format!("the fact of {} (event {seq})", text(version, "at")),
        (false, false) => format!("a fact that is gone (event {seq})"),
    }
}
