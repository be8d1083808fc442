//! Facts by memory and subject: an index in memory, folded from the log. It ranks nothing and forgets by rule only.

use crate::seal::{KeyName, Keyring, has_hole};
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
    /// The keys with which its event is sealed.
    pub keys: Arc<[KeyName]>,
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

    /// Drops the facts of somebody whose keys are gone, and every other fact that was sealed with one of them. A memory that says
    /// `on-forget redact` keeps what its type does not mark as personal.
    pub(crate) fn forget(&mut self, plan: Option<&Plan>, keys: &[KeyName], ring: Option<&dyn Keyring>) {
        for (memory, subjects) in &mut self.facts {
            let declared = plan.and_then(|plan| plan.memories.get(&**memory));
            let redacts = declared.is_some_and(|declared| declared.terms.forget_redacts);
            let record = declared.and_then(|declared| plan?.types.records.get(&declared.record));
            let fields = record.iter().flat_map(|record| &record.fields).filter(|field| field.marks.pii || field.marks.secret);
            let marked: Vec<&str> = fields.map(|field| &*field.name).collect();
            subjects.retain(|subject, facts| {
                let is_his = ring.is_some_and(|ring| keys.iter().any(|name| ring.is_of(*name, subject)));
                let is_gone = |fact: &Fact| is_his || fact.keys.iter().any(|name| keys.contains(name));
                match redacts {
                    true => facts.iter_mut().filter(|fact| is_gone(fact)).for_each(|fact| redact(&mut fact.fields, &marked)),
                    false => facts.retain(|fact| !is_gone(fact)),
                }
                !facts.is_empty()
            });
        }
    }

    /// How many facts of a subject would be dropped, or lose something, if he were forgotten.
    pub(crate) fn count(&self, plan: &Plan, subject: &str) -> usize {
        let redacts = |memory: &Arc<str>| plan.memories.get(&**memory).is_some_and(|memory| memory.terms.forget_redacts);
        let of = self.facts.iter().filter_map(|(memory, subjects)| Some((redacts(memory), subjects.get(subject)?)));
        of.map(|(redacts, facts)| facts.iter().filter(|fact| !redacts || !fact.keys.is_empty() && !has_hole(&fact.fields)).count()).sum()
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

fn redact(fields: &mut Value, marked: &[&str]) {
    let Value::Record(record) = fields else { return };
    for (name, value) in &mut Arc::make_mut(record).0 {
        if marked.contains(&&**name) && *value != Value::Null {
            *value = Value::Erased;
        }
    }
}
