//! What the desk says of what was reused: memories, routes and labels, each with its versions. It names a fact by its key and by where the
//! log holds it, and says nothing else of it.

use super::{Desk, Problem};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_engine::memory::{Fact, FactId};
use tradewind_engine::reuse::{Asset, Reused, Side, Version, Which};
use tradewind_lang::conform;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::money::Money;

impl Desk {
    /// Of how much use what was known or answered before was. `event`: as which a run counts as a success.
    pub(super) async fn reuse(&self, event: Option<&str>) -> Result<Json, Problem> {
        let mut each = Vec::new();
        for reused in self.engine.reuse(event).await? {
            let content = match &reused.asset {
                Asset::Memory(name) if !reused.versions.is_empty() => Some(self.content(name).await?),
                _ => None,
            };
            each.push(reused_as_json(&reused, content.as_ref()));
        }
        Ok(json!({ "version": 1, "event": event, "reused": each }))
    }

    /// Everything that a memory keeps, by which its versions are told apart.
    async fn content(&self, name: &str) -> Result<Content, Problem> {
        let memory = self.plan().memories.get(name).cloned();
        let key = memory.as_ref().map_or(&[][..], |memory| &memory.terms.key);
        Ok(Content::of(key, &self.engine.history_of(name, None).await?))
    }
}

/// What each fact of a memory is called: its key, and which version it is of how many that are kept.
struct Content(HashMap<FactId, Map<String, Json>>);

impl Content {
    /// Of facts, oldest first.
    fn of(key: &[String], facts: &[Arc<Fact>]) -> Self {
        let name = |fact: &Fact| -> String {
            let words = key.iter().filter_map(|field| fact.fields.get(field)).map(|value| word(&conform::to_json(value)));
            words.collect::<Vec<_>>().join(" ")
        };
        let mut known: HashMap<String, u64> = HashMap::new();
        facts.iter().for_each(|fact| *known.entry(name(fact)).or_default() += 1);
        let (mut met, mut told): (HashMap<String, u64>, HashMap<FactId, Map<String, Json>>) = (HashMap::new(), HashMap::new());
        for fact in facts {
            let mut of = Map::new();
            of.insert("at".to_owned(), json!(timestamp_text(fact.at)));
            of.insert("superseded_at".to_owned(), json!(fact.superseded_by.map(|(_, at)| timestamp_text(at))));
            if !key.is_empty() {
                let name = name(fact);
                let version = met.entry(name.clone()).or_default();
                *version += 1;
                of.insert("version".to_owned(), json!(version));
                of.insert("versions".to_owned(), json!(known.get(&name)));
                of.insert("name".to_owned(), json!(name));
            }
            told.insert(fact.id(), of);
        }
        Self(told)
    }
}

fn word(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn money(money: Option<Money>) -> Option<String> {
    money.map(|money| money.rounded().to_string())
}

/// Whole seconds of microseconds.
fn seconds(micros: i64) -> i64 {
    micros / 1_000_000
}

fn side(side: &Side) -> Json {
    let (cost, waited) = (money(side.mean_cost()), seconds(side.mean_wait()));
    json!({ "runs": side.runs, "mean_cost": cost, "mean_wait_seconds": waited, "converted": side.converted })
}

fn reused_as_json(reused: &Reused, content: Option<&Content>) -> Json {
    let versions: Vec<Json> = reused.versions.iter().map(|version| version_as_json(version, &reused.without, content)).collect();
    json!({
        "flow": &*reused.flow,
        "step": &*reused.step,
        "asset": reused.asset.to_string(),
        "looked": reused.looked,
        "hits": reused.hits,
        "with": side(&reused.with),
        "without": side(&reused.without),
        "cost_saved": money(reused.cost_saved()),
        "seconds_saved": reused.time_saved().map(seconds),
        "versions": versions,
    })
}

fn version_as_json(version: &Version, without: &Side, content: Option<&Content>) -> Json {
    let mut told = Map::new();
    match &version.which {
        Which::Fact(id) => {
            told.insert("seq".to_owned(), json!(id.0));
            told.insert("place".to_owned(), json!(id.1));
            told.extend(content.and_then(|content| content.0.get(id)).cloned().unwrap_or_default());
        }
        Which::Label { label, artifact } => {
            told.insert("name".to_owned(), json!(&**label));
            told.insert("artifact".to_owned(), json!(&**artifact));
        }
        Which::Template(digest) => drop(told.insert("template".to_owned(), json!(&**digest))),
        Which::Kept(seq) => drop(told.insert("kept".to_owned(), json!(seq))),
    }
    told.insert("hits".to_owned(), json!(version.hits));
    told.insert("with".to_owned(), side(&version.with));
    told.insert("cost_saved".to_owned(), json!(money(version.with.cost_saved(without))));
    told.insert("seconds_saved".to_owned(), json!(version.with.time_saved(without).map(seconds)));
    Json::Object(told)
}
