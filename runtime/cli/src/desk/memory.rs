//! What the desk says of memories: facts that are kept or found, each with where it comes from.

use super::{Desk, Problem};
use crate::describe;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::SearchError;
use tradewind_engine::finding::{Checked, Renewing};
use tradewind_engine::memory::{Fact, Sweeps, Swept};
use tradewind_engine::ports::Clock;
use tradewind_engine::vectors::{UNFIT, UNPAID};
use tradewind_lang::code::run;
use tradewind_lang::conform;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::Memory;

/// What is wanted of a memory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Wanted {
    /// Facts by what they are about.
    Search { query: String, top: u32, as_of: Option<i64> },
    /// Every fact that is kept.
    History,
}

impl Desk {
    /// Facts of a memory.
    pub(super) async fn memory(&self, name: &str, subject: Option<&str>, wanted: &Wanted) -> Result<Json, Problem> {
        let memory = self.memory_of(name)?;
        let memory = &*memory;
        let now = SystemClock.now();
        let mut dropped = Json::Null;
        let (facts, by) = match wanted {
            Wanted::History => {
                let facts = self.engine.history_of(name, subject).await?;
                dropped = sweeps_as_json(&self.engine.sweeps_of(name).await?);
                (facts.iter().map(|fact| as_json(memory, fact, None, now)).collect::<Vec<_>>(), None)
            }
            Wanted::Search { query, top, as_of } => {
                let found =
                    self.engine.search(name, subject, query, *top as usize, *as_of).await.map_err(|error| of_search(error, name))?;
                let facts = found.facts.iter().map(|(fact, score)| as_json(memory, fact, Some(*score), as_of.unwrap_or(now)));
                (facts.collect(), Some(found.by))
            }
        };
        Ok(json!({ "version": 1, "memory": name, "by": by.as_deref(), "facts": facts, "dropped": dropped }))
    }

    /// The memory of a name; the session of an agent, too, which no file declares.
    fn memory_of(&self, name: &str) -> Result<Arc<Memory>, Problem> {
        let plan = self.plan();
        if let Some(memory) = plan.memories.get(name) {
            return Ok(memory.clone());
        }
        if name.strip_prefix("agent:").is_some_and(|agent| plan.agents.contains_key(agent)) {
            return Ok(tradewind_engine::memory::declared(&plan, name));
        }
        let sessions = plan.agents.keys().map(|agent| format!("agent:{agent}"));
        let known: Vec<String> = plan.memories.keys().cloned().chain(sessions).collect();
        let help = if known.is_empty() { "this plan has no memory".to_owned() } else { format!("one of: {}", known.join(", ")) };
        Err(Problem::new(&run::UNKNOWN_MEMORY, format!("there is no memory `{name}`")).help(help))
    }
}

/// What is to be learnt from the log.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Learning {
    /// Of how much use memories and kept answers were.
    Reuse { event: Option<String> },
    /// What people changed of what was proposed to them.
    Corrections { flow: Option<String> },
}

impl Desk {
    pub(super) async fn learn(&self, wanted: &Learning) -> Result<Json, Problem> {
        match wanted {
            Learning::Reuse { event } => self.reuse(event.as_deref()).await,
            Learning::Corrections { flow } => self.corrections(flow.as_deref()).await,
        }
    }

    /// How searches by vectors compared with brute force. There is no index that could miss one: this would tell of a fault.
    pub(super) fn recalls(&self) -> Vec<Json> {
        let each = |of: &Checked| json!({ "memory": &*of.memory, "looks_at": "every vector", "compared": of.compared, "differed": of.differed, "kept": of.kept });
        self.engine.checked().iter().map(each).collect()
    }

    /// Indexes that are being made anew.
    pub(super) fn renewing(&self) -> Vec<Json> {
        let each = |of: &Renewing| json!({ "memory": &*of.memory, "subject": of.subject.as_deref(), "done": of.done, "of": of.of, "by": &*of.by, "failed": of.failed.as_deref() });
        self.engine.renewing().iter().map(each).collect()
    }
}

/// What rules dropped: how many facts each, and the newest events that say which.
fn sweeps_as_json(sweeps: &Sweeps) -> Json {
    let facts: serde_json::Map<String, Json> = sweeps.facts.iter().map(|(why, facts)| (why.to_string(), json!(facts))).collect();
    let each = |swept: &Swept| json!({ "seq": swept.seq, "at": timestamp_text(swept.at), "why": swept.why.as_str(), "facts": swept.facts });
    json!({ "facts": facts, "events": sweeps.newest.iter().map(each).collect::<Vec<_>>() })
}

fn of_search(error: SearchError, memory: &str) -> Problem {
    match error {
        SearchError::Store(error) => Problem::from(error),
        SearchError::NoIndex => Problem::new(&run::UNSEARCHABLE, format!("`{memory}` has no index to search by"))
            .help("write `embed=\"text\"` or `fulltext \"text\"` in the memory, or read `tradewind memory history`"),
        SearchError::Finder(why) => {
            let code = match why.code.as_str() {
                UNFIT => &run::UNFIT_VECTORS,
                UNPAID => &run::VECTORS_UNPAID,
                _ => &run::UNSEARCHABLE,
            };
            Problem::new(code, format!("`{memory}` cannot be searched: {why}"))
        }
    }
}

fn as_json(memory: &Memory, fact: &Fact, score: Option<f64>, now: i64) -> Json {
    let at = |instant: Option<i64>| instant.map(timestamp_text);
    let sources: Vec<String> = fact.origin.sources.iter().map(ToString::to_string).collect();
    json!({
        "seq": fact.seq,
        "place": fact.place,
        "score": score,
        "subject": &*fact.subject,
        "fields": conform::to_json(&fact.fields),
        "run": &*fact.run,
        "step": &*fact.step,
        "at": timestamp_text(fact.at),
        "observed_at": timestamp_text(fact.observed_at),
        "verified_at": timestamp_text(fact.verified_at),
        "valid_to": at(fact.valid_to),
        "superseded_by": fact.superseded_by.map(|(seq, _)| seq),
        "superseded_at": at(fact.superseded_by.map(|(_, at)| at)),
        "stale": !fact.is_fresh(memory.terms.fresh, now),
        "trust": fact.origin.trust.as_str(),
        "sources": sources,
        "text": describe::shortened(&conform::to_json(&fact.fields)),
    })
}
