//! A memory whose facts correct each other: what stands of a thing, worked out again from what was remembered in the order of the log.
//! A fact takes the place of those that are trusted no better; the same again says that it is still so.

use super::Judge;
use crate::event::{Event, EventKind};
use crate::memory::Trust;
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// The memory.
pub(in super::super) const STANDS: &str = "stands";

struct Fact {
    sku: String,
    shelf: String,
    trust: Trust,
    stands: bool,
}

#[derive(Default)]
pub(super) struct Shelves {
    facts: Vec<Fact>,
    /// Where each thing stood, from which event on.
    stood: BTreeMap<String, Vec<(u64, Vec<String>)>>,
    /// The first event of each run that looks.
    begun: BTreeMap<Arc<str>, u64>,
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Shelves {
    fn remember(&mut self, seq: u64, fact: Fact) {
        let sku = fact.sku.clone();
        let of_it = |known: &&mut Fact| known.stands && known.sku == fact.sku && known.trust <= fact.trust;
        match self.facts.iter_mut().rev().filter(of_it).find(|known| known.shelf == fact.shelf) {
            Some(known) => known.trust = fact.trust,
            None => {
                self.facts.iter_mut().filter(of_it).for_each(|known| known.stands = false);
                self.facts.push(fact);
            }
        }
        let shelves = self.standing().into_iter().filter(|(of, _)| *of == sku).map(|(_, shelf)| shelf).collect();
        self.stood.entry(sku).or_default().push((seq, shelves));
    }

    /// What stands, in order.
    fn standing(&self) -> Vec<(String, String)> {
        let standing = self.facts.iter().filter(|fact| fact.stands).map(|fact| (fact.sku.clone(), fact.shelf.clone()));
        let mut standing: Vec<(String, String)> = standing.collect();
        standing.sort_unstable();
        standing
    }

    /// Whether this stood of a thing at some moment between two events.
    fn stood(&self, sku: &str, shelves: &[String], (from, until): (u64, u64)) -> bool {
        let all = self.stood.get(sku).map_or(&[][..], Vec::as_slice);
        let before = all.iter().rev().find(|(seq, _)| *seq <= from).map_or(&[][..], |(_, shelves)| shelves.as_slice());
        let mut since = all.iter().filter(|(seq, _)| (from..until).contains(seq));
        before == shelves || since.any(|(_, then)| then.as_slice() == shelves)
    }
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let Some(run) = &event.header.run else { return };
    let seq = event.header.seq;
    let Some((flow, sku)) = judge.runs.get(run).map(|run| (run.flow.clone(), text(&run.input, "sku"))) else { return };
    if !matches!(&*flow, "shelve" | "told") {
        return;
    }
    judge.shelves.begun.entry(run.clone()).or_insert(seq);
    match &event.kind {
        EventKind::FactsRemembered { memory, facts, origins, .. } if &**memory == STANDS => {
            let trust = if &*flow == "told" { Trust::Partner } else { Trust::Own };
            if origins.iter().any(|origin| origin.trust != trust) || origins.len() != facts.len() {
                judge.violated("memory", format!("run {run} of `{flow}` remembers with trust {origins:?}"));
            }
            for fact in facts {
                judge.shelves.remember(seq, Fact { sku: text(fact, "sku"), shelf: text(fact, "shelf"), trust, stands: true });
            }
        }
        EventKind::StepCompleted { value: Value::List(found) } => {
            let mut shelves: Vec<String> = found.iter().map(|found| text(found, "shelf")).collect();
            shelves.sort_unstable();
            let from = judge.shelves.begun.get(run).copied().unwrap_or(seq);
            if !judge.shelves.stood(&sku, &shelves, (from, seq)) {
                judge.violated("memory", format!("run {run} recalls that `{sku}` stands at {shelves:?}, and it never did meanwhile"));
            }
        }
        _ => {}
    }
}

impl Judge {
    /// The engine is up and quiet, and says what stands by now.
    pub(in super::super) fn stands(&mut self, mut told: Vec<(String, String)>) {
        told.sort_unstable();
        let known = self.shelves.standing();
        if told != known {
            self.violated("memory", format!("the engine says that {told:?} stand, and {known:?} do"));
        }
    }
}
