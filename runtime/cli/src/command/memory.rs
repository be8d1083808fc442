//! `memory`: finds facts, prints them with where they come from, writes them out; sets and lifts legal holds. Forgetting is `forget`.

use super::runs::{items, text};
use crate::arguments::memory::{Hold, Memory, MemoryCommand};
use crate::arguments::{Format, Place};
use crate::counted::counted;
use crate::desk::Request;
use crate::desk::forgetting::Holding;
use crate::desk::memory::{Learning, Wanted};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{say, tell};
use serde_json::Value as Json;
use tradewind_lang::code::run;
use tradewind_lang::literal;

pub(crate) fn run(place: &Place, options: &Memory) -> Outcome {
    match &options.command {
        MemoryCommand::Forget(options) => super::forget::run(place, options),
        MemoryCommand::Search(search) => {
            let as_of = search.as_of.as_deref().map(instant).transpose()?;
            let wanted = Wanted::Search { query: search.query.clone(), top: search.top, as_of };
            let answer = ask(place, &search.memory, search.subject.as_deref(), wanted)?;
            print(&answer, search.format, "no fact is about that")
        }
        MemoryCommand::History(history) => {
            let answer = ask(place, &history.memory, history.subject.as_deref(), Wanted::History)?;
            let done = print(&answer, history.format, "nothing is remembered")?;
            if history.format == Format::Human {
                print_dropped(&answer);
            }
            Ok(done)
        }
        MemoryCommand::Hold(options) => hold(place, options, false),
        MemoryCommand::Release(options) => hold(place, options, true),
        MemoryCommand::Corrections(options) => {
            let answer = super::ask(place, Request::Learn(Learning::Corrections { flow: options.flow.clone() }), false)?;
            items(&answer, "corrections").iter().for_each(|row| say!("{row}"));
            tell!("{}; nothing is learnt from them by itself", counted(items(&answer, "corrections").len(), "correction"));
            Ok(Exit::Fine)
        }
        MemoryCommand::Reuse(options) => super::reuse::run(place, options),
        MemoryCommand::Holds(options) => {
            let answer = super::ask(place, Request::Hold { will: None }, false)?;
            print_holds(&answer, options.format)
        }
        MemoryCommand::Export(export) => {
            let answer = ask(place, &export.memory, export.subject.as_deref(), Wanted::History)?;
            for fact in items(&answer, "facts") {
                let mut fact = fact.clone();
                // For people; the fields say it all.
                let _ = fact.as_object_mut().and_then(|fields| fields.remove("text"));
                say!("{fact}");
            }
            tell!("{} facts of `{}`", items(&answer, "facts").len(), export.memory);
            Ok(Exit::Fine)
        }
    }
}

/// How many facts are gone by each rule, and where the log says which.
fn print_dropped(answer: &Json) {
    let dropped = answer.get("dropped").cloned().unwrap_or_default();
    let Some(facts) = dropped.get("facts").and_then(Json::as_object) else { return };
    for (why, facts) in facts {
        let of_rule: Vec<&Json> = items(&dropped, "events").iter().filter(|event| text(event, "why") == *why).collect();
        let Some(last) = of_rule.last() else { continue };
        let seq = last.get("seq").and_then(Json::as_u64).unwrap_or(0);
        let many = counted(facts.as_u64().unwrap_or(0), "fact");
        say!("{many} dropped by {why}, the last at {} (event {seq} of the log says which)", text(last, "at"));
    }
}

fn hold(place: &Place, options: &Hold, releases: bool) -> Outcome {
    let (subject, by, reason) = (options.subject.clone(), options.by.clone(), options.reason.clone());
    if by.is_empty() {
        return Err(Failure::new(Exit::Usage, &run::USAGE, "nobody is named").help("say who wants it: --by ADDRESS"));
    }
    let answer = super::ask(place, Request::Hold { will: Some(Holding { subject, by, reason, releases }) }, false)?;
    if options.format == Format::Human {
        let facts = counted(answer.get("facts").and_then(Json::as_u64).unwrap_or(0), "fact");
        let is_new = answer.get("is_new") == Some(&Json::Bool(true));
        match (releases, is_new) {
            (true, _) => say!("`{}` is held no longer: {facts}, kept as its memory says", options.subject),
            (false, true) => say!("`{}` is held: {facts}", options.subject),
            (false, false) => say!("`{}` was held already: {facts}", options.subject),
        }
    }
    print_holds(&answer, options.format)
}

fn print_holds(answer: &Json, format: Format) -> Outcome {
    if format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    for hold in items(answer, "holds") {
        say!("held: {} by {} at {}  {}", text(hold, "key"), text(hold, "by"), text(hold, "at"), text(hold, "reason"));
    }
    if items(answer, "holds").is_empty() {
        tell!("nobody is held");
    }
    Ok(Exit::Fine)
}

fn instant(text: &str) -> Result<i64, Failure> {
    literal::timestamp(text).ok_or_else(|| {
        Failure::new(Exit::Usage, &run::USAGE, format!("`{text}` is no instant")).help("write one such as 2026-11-30T12:00:00Z")
    })
}

fn ask(place: &Place, memory: &str, subject: Option<&str>, wanted: Wanted) -> Result<Json, Failure> {
    super::ask(place, Request::Memory { memory: memory.to_owned(), subject: subject.map(str::to_owned), wanted }, false)
}

fn print(answer: &Json, format: Format, nothing: &str) -> Outcome {
    if format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    for fact in items(answer, "facts") {
        let seq = fact.get("seq").and_then(Json::as_u64).unwrap_or(0);
        let score = fact.get("score").and_then(Json::as_f64).map(|score| format!("{score:.4}  ")).unwrap_or_default();
        let run: String = text(fact, "run").chars().take(12).collect();
        say!(
            "{seq:>8}  {score}{}  {}  run {run} {}  {}{}",
            text(fact, "at"),
            text(fact, "trust"),
            text(fact, "step"),
            text(fact, "text"),
            standing(fact)
        );
        let sources: Vec<&str> = items(fact, "sources").iter().filter_map(Json::as_str).collect();
        if !sources.is_empty() {
            say!("          from {}", sources.join(", "));
        }
    }
    if items(answer, "facts").is_empty() {
        tell!("{nothing}");
    }
    Ok(Exit::Fine)
}

/// What is to be said of a fact that is not simply so.
fn standing(fact: &Json) -> String {
    let mut told = String::new();
    if let Some(seq) = fact.get("superseded_by").and_then(Json::as_u64) {
        told += &format!("  corrected by {seq} at {}", text(fact, "superseded_at"));
    } else if fact.get("stale") == Some(&Json::Bool(true)) {
        told += &format!("  stale, verified at {}", text(fact, "verified_at"));
    } else if text(fact, "verified_at") != text(fact, "at") {
        told += &format!("  verified at {}", text(fact, "verified_at"));
    }
    if fact.get("valid_to").is_some_and(|until| !until.is_null()) {
        told += &format!("  true until {}", text(fact, "valid_to"));
    }
    told
}
