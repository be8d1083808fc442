//! What rules dropped: why, which facts, and what the log has told of it. It drops nothing itself.

use super::fact::FactId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

/// So many sweeps of a memory are kept to be looked back at; the log holds all of them.
const KEPT: usize = 32;
/// Most facts that one event names.
const MOST: usize = 1_000;

/// The rule by which facts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Why {
    /// They were kept as long as the memory keeps any.
    Retention,
    /// There were more than the memory holds.
    Cap,
}

impl Why {
    /// In the word of the language.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retention => "retention",
            Self::Cap => "cap",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// An event that told of facts that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swept {
    /// Its seq.
    pub seq: u64,
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
    /// The rule.
    pub why: Why,
    /// How many facts.
    pub facts: u64,
}

/// What a memory dropped, as far as the log has told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sweeps {
    /// How many facts each rule dropped.
    pub facts: BTreeMap<Why, u64>,
    /// The newest events that tell of it, oldest first.
    pub newest: VecDeque<Swept>,
}

impl Sweeps {
    pub(super) fn note(&mut self, swept: Swept) {
        *self.facts.entry(swept.why).or_default() += swept.facts;
        self.newest.push_back(swept);
        if self.newest.len() > KEPT {
            self.newest.pop_front();
        }
    }
}

/// Facts of one memory that one rule dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) memory: Arc<str>,
    pub(crate) why: Why,
    pub(crate) facts: Vec<FactId>,
}

/// Facts that are gone and of which no event tells yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Untold(BTreeMap<(Arc<str>, Why), BTreeSet<FactId>>);

impl Untold {
    pub(super) fn add(&mut self, memory: &Arc<str>, why: Why, facts: Vec<FactId>) {
        if !facts.is_empty() {
            self.0.entry((memory.clone(), why)).or_default().extend(facts);
        }
    }

    /// An event tells of them. Those that are not gone yet.
    pub(super) fn told(&mut self, memory: &Arc<str>, why: Why, facts: &[FactId]) -> HashSet<FactId> {
        let key = (memory.clone(), why);
        let Some(waiting) = self.0.get_mut(&key) else { return facts.iter().copied().collect() };
        let rest = facts.iter().copied().filter(|fact| !waiting.remove(fact)).collect();
        if waiting.is_empty() {
            self.0.remove(&key);
        }
        rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As events tell of it.
    pub(super) fn drops(&self) -> Vec<Gone> {
        let each = self.0.iter().map(|((memory, why), facts)| (memory, *why, facts.iter().copied().collect::<Vec<_>>()));
        each.flat_map(|(memory, why, facts)| in_events(memory, why, &facts)).collect()
    }
}

/// Facts that a rule drops, cut into as many as an event names.
pub(super) fn in_events(memory: &Arc<str>, why: Why, facts: &[FactId]) -> Vec<Gone> {
    facts.chunks(MOST).map(|facts| Gone { memory: memory.clone(), why, facts: facts.to_vec() }).collect()
}
