//! `events`: what came and was emitted, what started by it, and what was refused.

use super::runs::text;
use crate::arguments::events::Events;
use crate::arguments::{Format, Place};
use crate::desk::Request;
use crate::exit::{Exit, Outcome};
use crate::output::{say, tell};
use serde_json::{Value as Json, json};

pub(crate) fn run(place: &Place, options: &Events) -> Outcome {
    let mut answer = super::ask(place, Request::Events { limit: options.limit }, false)?;
    let wanted = match (options.undispatched, options.refused) {
        (true, _) => Some("undispatched"),
        (_, true) => Some("refused"),
        _ => None,
    };
    let events: Vec<Json> = answer.get("events").and_then(Json::as_array).cloned().unwrap_or_default();
    let events: Vec<Json> = events.into_iter().filter(|event| wanted.is_none_or(|wanted| text(event, "became") == wanted)).collect();
    if options.format == Format::Json {
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("events".to_owned(), json!(events));
        }
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    for event in &events {
        let seq = event.get("seq").and_then(Json::as_u64).unwrap_or(0);
        let runs = event.get("runs").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let runs: Vec<String> = runs.map(|run| run.chars().take(12).collect()).collect();
        let failed = event.get("failed").and_then(Json::as_array).into_iter().flatten();
        let failed: String = failed.map(|failed| format!("  {}: {}", text(failed, "flow"), text(failed, "why"))).collect();
        say!(
            "{seq:>8}  {}  {:<12}  {}  {}  {}  {}{}{failed}",
            text(event, "at"),
            text(event, "became"),
            text(event, "event"),
            text(event, "source"),
            text(event, "id"),
            runs.join(" "),
            text(event, "why")
        );
    }
    if events.is_empty() {
        tell!("no events");
    }
    Ok(Exit::Fine)
}
