//! `approvals`: what waits for people, and deciding it.

use super::runs::{items, text};
use crate::arguments::{Approvals, ApprovalsCommand, Format, Place};
use crate::became::{UNDER_WAY, WAITS};
use crate::counted::counted;
use crate::desk::{Decision, Request, Which};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{printable, say, tell};
use serde_json::Value as Json;
use tradewind_lang::code::run as code;

pub(crate) fn run(place: &Place, options: &Approvals) -> Outcome {
    let (id, by, which, decision) = match &options.command {
        None => {
            let answer = super::ask(place, Request::Approvals, false)?;
            match options.format {
                Format::Json => say!("{answer}"),
                Format::Human => print_items(&answer),
            }
            return Ok(Exit::Fine);
        }
        Some(ApprovalsCommand::Approve { id, by, edit, which }) => (id, by, which, Decision::Approve { edits: fields(edit)? }),
        Some(ApprovalsCommand::Deny { id, by, reason, which }) => {
            (id, by, which, Decision::Deny { reason: reason.clone().unwrap_or_default() })
        }
        Some(ApprovalsCommand::Answer { id, by, field, which }) => (id, by, which, Decision::Fields(fields(field)?)),
    };
    let agrees = !matches!(decision, Decision::Deny { .. });
    let which = Which { seen: which.seen.clone(), only: which.only.clone(), except: which.except.clone() };
    let answer = super::ask(place, Request::Answer { id: id.clone(), by: by.clone(), decision, which }, true)?;
    if answer.get("batch").is_some() {
        return decided_batch(&answer, options.format);
    }
    match options.format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            say!("decided {}; run {}", text(&answer, "approval"), text(&answer, "run").chars().take(12).collect::<String>());
            print_became(&answer);
        }
    }
    // Whoever said no wanted the step to be denied.
    Ok(match text(answer.get("became").unwrap_or(&Json::Null), "status").as_ref() {
        "denied" if agrees => Exit::Refused,
        "failed" if agrees => Exit::Tool,
        _ => Exit::Fine,
    })
}

/// How many items of a batch are decided, and which are not and why.
fn decided_batch(answer: &Json, format: Format) -> Outcome {
    let number = |name: &str| answer.get(name).and_then(Json::as_u64).unwrap_or(0);
    let refused = items(answer, "refused");
    match format {
        Format::Json => say!("{answer}"),
        Format::Human => {
            say!("decided {} of batch {}; {} wait on", number("taken"), text(answer, "batch"), number("left"));
            refused.iter().for_each(|one| say!("  {} is not decided: {}", text(one, "approval"), text(one, "why")));
        }
    }
    match refused.first() {
        None => Ok(Exit::Fine),
        Some(one) => Err(Failure::new(Exit::Refused, &code::NOT_ALL_DONE, format!("not every item was decided: {}", text(one, "why")))
            .help("`tradewind approvals` lists those that still wait")),
    }
}

/// What became of the step that was decided.
fn print_became(answer: &Json) {
    let became = answer.get("became").cloned().unwrap_or_default();
    let (step, operation) = (text(answer, "step"), text(answer, "operation"));
    let number = |name: &str| became.get(name).and_then(Json::as_u64).unwrap_or(0);
    match text(&became, "status").as_ref() {
        "done" => say!("  {step} done: {operation} {}", became.get("value").cloned().unwrap_or_default()),
        "denied" => say!("  {step} denied by {}: {}", text(&became, "rule"), text(&became, "message")),
        WAITS if text(&became, "approval") == text(answer, "approval") => {
            say!("  {step} still waits: {} of {} agreed", number("agreed"), number("needed"));
        }
        WAITS => say!("  {step} waits again, as {} because of {}", text(&became, "approval"), text(&became, "because")),
        UNDER_WAY => say!("  {step} is under way: `tradewind runs show` says what becomes of it"),
        status => say!("  {step} {status}: {}", text(&became, "message")),
    }
}

/// `name=value` pairs as an object; a value that reads as JSON is that, anything else is text.
fn fields(pairs: &[String]) -> Result<Json, Failure> {
    let mut object = serde_json::Map::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::new(Exit::Usage, &code::USAGE, format!("`{pair}` is not `name=value`"))
                .help("write, for instance, kind=complaint"));
        };
        let value = match serde_json::from_str::<Json>(value) {
            Ok(json @ (Json::Number(_) | Json::Bool(_) | Json::Null)) => json,
            _ => Json::String(value.to_owned()),
        };
        object.insert(name.to_owned(), value);
    }
    Ok(Json::Object(object))
}

fn print_items(answer: &Json) {
    let alone = items(answer, "approvals");
    let words = |item: &Json, name: &str| -> String {
        let words = item.get(name).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        printable(&words.collect::<Vec<_>>().join(", ")).into_owned()
    };
    for item in alone {
        let until = if text(item, "deadline").is_empty() {
            String::new()
        } else {
            format!(", until {}, then {}", text(item, "deadline"), text(item, "on_timeout"))
        };
        say!(
            "{}  {} {}  because of {}; asks {}{until}",
            text(item, "id"),
            text(item, "flow"),
            text(item, "step"),
            words(item, "rules"),
            words(item, "to")
        );
        if item.get("overdue").and_then(Json::as_bool) == Some(true) {
            say!("    overdue: its time ran out at {}, and nothing counts any more", text(item, "deadline"));
        }
        if let Some(denial) = item.get("would_be_denied").filter(|denial| !denial.is_null()) {
            say!("    would be denied: {}: {}", text(denial, "rule"), text(denial, "message"));
        }
        if !text(item, "question").is_empty() {
            say!("    {}", text(item, "question"));
        }
        if !text(item, "operation").is_empty() {
            say!("    {} {}", text(item, "operation"), item.get("request").cloned().unwrap_or_default());
        }
        for shown in item.get("shown").and_then(Json::as_array).into_iter().flatten() {
            say!("    {} = {}", text(shown, "name"), shown.get("value").cloned().unwrap_or_default());
        }
        if !text(item, "answer").is_empty() {
            say!(
                "    wants an answer of type {}: tradewind approvals answer {} --by ADDRESS name=value …",
                text(item, "answer"),
                text(item, "id")
            );
        }
    }
    let batches = items(answer, "batches");
    batches.iter().for_each(print_batch);
    tell!("{} waiting", alone.len() + batches.len());
}

/// A batch and its items, one a line.
fn print_batch(batch: &Json) {
    let words = |name: &str| -> String {
        let words = batch.get(name).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        printable(&words.collect::<Vec<_>>().join(", ")).into_owned()
    };
    let (id, held) = (text(batch, "id"), items(batch, "items"));
    say!(
        "{id}  {} {}  {} because of {}; asks {}, until {}, then {}",
        text(batch, "flow"),
        text(batch, "step"),
        counted(held.len(), "item"),
        words("rules"),
        words("to"),
        text(batch, "deadline"),
        text(batch, "on_timeout")
    );
    for item in held {
        let denial = item.get("would_be_denied").filter(|denial| !denial.is_null());
        let denial = denial.map(|denial| format!("  would be denied: {}", text(denial, "message"))).unwrap_or_default();
        let asked = if text(item, "operation").is_empty() { text(item, "question") } else { text(item, "operation") };
        say!("    {}  {asked} {}{denial}", text(item, "id"), item.get("request").cloned().unwrap_or_default());
    }
    say!("    all of these: --seen {}; some: --only ITEM; the others: --except ITEM", text(batch, "seen"));
}
