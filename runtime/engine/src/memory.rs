//! Facts by memory and subject: an index in memory, folded from the log. It ranks nothing and forgets by rule only.

use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// A remembered fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The event that holds it.
    pub seq: u64,
    /// When it was remembered.
    pub at: i64,
    /// The record.
    pub fields: Value,
}

/// All facts of a shard.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memories {
    facts: HashMap<Arc<str>, HashMap<Arc<str>, VecDeque<Fact>>>,
}

impl Memories {
    /// Adds a fact; the oldest beyond the memory's cap go.
    pub fn remember(&mut self, plan: &Plan, memory: &Arc<str>, subject: &Arc<str>, fact: Fact) {
        let cap = plan.memories.get(&**memory).and_then(|memory| memory.cap).map_or(usize::MAX, |cap| cap as usize);
        let facts = self.facts.entry(memory.clone()).or_default().entry(subject.clone()).or_default();
        facts.push_back(fact);
        while facts.len() > cap {
            facts.pop_front();
        }
    }

    /// The newest facts that are still to be kept at `now`, newest last.
    #[must_use]
    pub fn recall(&self, plan: &Plan, memory: &str, subject: &str, last: usize, now: i64) -> Vec<Fact> {
        let retention = plan.memories.get(memory).and_then(|memory| memory.retention).unwrap_or(i64::MAX);
        let oldest = now.saturating_sub(retention);
        let Some(facts) = self.facts.get(memory).and_then(|subjects| subjects.get(subject)) else { return Vec::new() };
        let mut newest: Vec<Fact> = facts.iter().rev().take_while(|fact| fact.at > oldest).take(last).cloned().collect();
        newest.reverse();
        newest
    }
}
