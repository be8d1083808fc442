//! Facts by memory and subject, folded from the log: what takes the place of what, how long each is kept, how many there are. It ranks
//! nothing and forgets by rule only.

mod fact;
mod lot;
pub(crate) mod past;

pub use fact::{Fact, FactId, Origin, Source, Trust};

use crate::event::{Event, EventKind};
use crate::seal::{KeyName, Keyring, has_hole, is_plain};
use fact::instant;
use lot::Lot;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tradewind_lang::plan::{Memory, MemoryTerms, Plan};
use tradewind_lang::value::Value;

/// The facts of a memory.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Shelf {
    lots: HashMap<Arc<str>, Lot>,
    /// Whose each fact is, those first that something took the place of, then by age; only where a cap counts all of them.
    in_order: Option<BTreeMap<(bool, FactId), Arc<str>>>,
}

/// All facts of a shard.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memories {
    shelves: HashMap<Arc<str>, Shelf>,
}

/// The memory of a name; one that no file declares, such as an agent's session, keeps everything for ever.
fn declared(plan: &Plan, name: &str) -> Arc<Memory> {
    plan.memories.get(name).cloned().unwrap_or_else(|| {
        let (name, tier, terms) = (name.to_owned(), "session".to_owned(), MemoryTerms::default());
        Arc::new(Memory { name, tier, record: String::new(), subject: String::new(), retention: None, cap: None, terms })
    })
}

impl Memories {
    /// Takes the facts of an event, where it holds some.
    pub(crate) fn fold(&mut self, plan: &Plan, event: &Event) {
        match &event.kind {
            EventKind::FactRemembered { memory, subject, fields, origin } => {
                self.remember(plan, (memory, subject), event, (0, fields, origin.clone()));
            }
            EventKind::FactsRemembered { memory, subject, facts, origins } => {
                for (fields, place) in facts.iter().zip(0_u32..) {
                    let origin = usize::try_from(place).ok().and_then(|place| origins.get(place)).cloned().unwrap_or_default();
                    self.remember(plan, (memory, subject), event, (place, fields, origin));
                }
            }
            _ => {}
        }
    }

    fn remember(
        &mut self,
        plan: &Plan,
        (memory, subject): (&Arc<str>, &Arc<str>),
        event: &Event,
        (place, fields, origin): (u32, &Value, Origin),
    ) {
        let (header, declared) = (&event.header, declared(plan, memory));
        // What says that it was seen tomorrow would never be stale.
        let observed_at = instant(fields, declared.terms.observed_at.as_ref()).map_or(header.at, |at| at.min(header.at));
        let fact = Fact {
            seq: header.seq,
            place,
            subject: subject.clone(),
            run: header.run.clone().unwrap_or_else(|| "".into()),
            step: header.step.as_ref().map_or_else(|| "".into(), |step| step.name.clone()),
            at: header.at,
            observed_at,
            verified_at: observed_at,
            valid_to: instant(fields, declared.terms.valid_to.as_ref()),
            superseded_by: None,
            origin,
            keys: header.subjects.clone(),
            fields: fields.clone(),
        };
        self.shelves.entry(memory.clone()).or_default().take(&declared, is_plain(plan, &declared.record), fact);
    }

    /// Drops the facts of somebody whose keys are gone, and every other fact that was sealed with one of them. A memory that says
    /// `on-forget redact` keeps what its type does not mark as personal.
    /// Which facts were dropped or redacted, each with its memory.
    pub(crate) fn forget(&mut self, plan: Option<&Plan>, keys: &[KeyName], ring: Option<&dyn Keyring>) -> Vec<(Arc<str>, FactId)> {
        let mut touched = Vec::new();
        for (name, shelf) in &mut self.shelves {
            let memory = plan.and_then(|plan| plan.memories.get(&**name));
            let redacts = memory.is_some_and(|memory| memory.terms.forget_redacts);
            let record = memory.and_then(|memory| plan?.types.records.get(&memory.record));
            let fields = record.iter().flat_map(|record| &record.fields).filter(|field| field.marks.pii || field.marks.secret);
            let marked: Vec<&str> = fields.map(|field| &*field.name).collect();
            let mut gone = Vec::new();
            shelf.lots.retain(|subject, lot| {
                let is_his = ring.is_some_and(|ring| keys.iter().any(|name| ring.is_of(*name, subject)));
                let is_gone = |fact: &Fact| is_his || fact.keys.iter().any(|name| keys.contains(name));
                gone.extend(lot.revise(memory.map(AsRef::as_ref), |fact| {
                    let of_him = is_gone(fact);
                    touched.extend(of_him.then(|| (name.clone(), fact.id())));
                    if of_him && redacts {
                        redact(&mut Arc::make_mut(fact).fields, &marked);
                    }
                    !of_him || redacts
                }));
                !lot.is_empty()
            });
            shelf.strike(&gone);
        }
        touched
    }

    /// How many facts of a subject would be dropped, or lose something, if he were forgotten.
    pub(crate) fn count(&self, plan: &Plan, subject: &str) -> usize {
        let redacts = |memory: &Arc<str>| plan.memories.get(&**memory).is_some_and(|memory| memory.terms.forget_redacts);
        let of = self.shelves.iter().filter_map(|(memory, shelf)| Some((redacts(memory), shelf.lots.get(subject)?)));
        of.map(|(redacts, lot)| lot.all().filter(|fact| !redacts || !fact.keys.is_empty() && !has_hole(&fact.fields)).count()).sum()
    }

    /// The newest facts of a subject that hold at `now` and that the memory gives, newest last.
    #[must_use]
    pub fn recall(&self, plan: &Plan, memory: &str, subject: &str, last: usize, now: i64) -> Vec<Arc<Fact>> {
        let declared = declared(plan, memory);
        let Some(lot) = self.shelves.get(memory).and_then(|shelf| shelf.lots.get(subject)) else { return Vec::new() };
        let horizon = lot.horizon(&declared, now);
        let given = |fact: &&Arc<Fact>| is_given(&declared, fact, now);
        let mut newest: Vec<Arc<Fact>> = lot.all().rev().take_while(|fact| fact.at > horizon).filter(given).take(last).cloned().collect();
        newest.reverse();
        newest
    }

    /// All facts that hold at `now` and that the memory gives, of one subject or of all, oldest first.
    #[must_use]
    pub fn standing(&self, plan: &Plan, memory: &str, subject: Option<&str>, now: i64) -> Vec<Arc<Fact>> {
        let declared = declared(plan, memory);
        self.gather(&declared, subject, now, |fact| is_given(&declared, fact, now))
    }

    /// All facts that are kept, those too that something took the place of, of one subject or of all, oldest first.
    #[must_use]
    pub fn history(&self, plan: &Plan, memory: &str, subject: Option<&str>, now: i64) -> Vec<Arc<Fact>> {
        self.gather(&declared(plan, memory), subject, now, |_| true)
    }

    /// Whose facts a memory holds, in order, and how many each.
    #[must_use]
    pub fn subjects(&self, memory: &str) -> Vec<(Arc<str>, usize)> {
        let lots = self.shelves.get(memory).into_iter().flat_map(|shelf| &shelf.lots);
        let mut found: Vec<(Arc<str>, usize)> = lots.map(|(subject, lot)| (subject.clone(), lot.len())).collect();
        found.sort_unstable();
        found
    }

    fn gather(&self, memory: &Memory, subject: Option<&str>, now: i64, wanted: impl Fn(&Fact) -> bool) -> Vec<Arc<Fact>> {
        let Some(shelf) = self.shelves.get(&*memory.name) else { return Vec::new() };
        let lots: Vec<&Lot> = match subject {
            Some(subject) => shelf.lots.get(subject).into_iter().collect(),
            None => shelf.lots.values().collect(),
        };
        let mut found = Vec::new();
        for lot in lots {
            let horizon = lot.horizon(memory, now);
            found.extend(lot.all().filter(|fact| fact.at > horizon && wanted(fact)).cloned());
        }
        if subject.is_none() {
            found.sort_unstable_by_key(|fact| fact.id());
        }
        found
    }
}

/// Whether a memory gives a fact: it holds and, unless the memory flags what is stale, it is fresh.
fn is_given(memory: &Memory, fact: &Fact, now: i64) -> bool {
    fact.holds_at(now) && (memory.terms.stale_flagged || fact.is_fresh(memory.terms.fresh, now))
}

impl Shelf {
    fn take(&mut self, memory: &Memory, is_plain: bool, fact: Fact) {
        let (id, at, subject) = (fact.id(), fact.at, &fact.subject.clone());
        let lot = self.lots.entry(subject.clone()).or_default();
        let expired = lot.expire(memory, at);
        let taken = lot.take(memory, is_plain, fact);
        self.strike(&expired);
        match (memory.cap.filter(|_| memory.terms.cap_whole), memory.cap) {
            (Some(cap), _) => {
                self.put_in_order(subject, taken.added.then_some(id), &taken.retired);
                self.shrink(memory, cap as usize);
            }
            (None, cap) => {
                self.in_order = None;
                let Some(lot) = self.lots.get_mut(subject) else { return };
                while cap.is_some_and(|cap| lot.len() > cap as usize) {
                    let Some(first) = lot.first_to_go() else { return };
                    lot.remove(memory, first);
                }
            }
        }
    }

    fn put_in_order(&mut self, subject: &Arc<str>, added: Option<FactId>, retired: &[FactId]) {
        let Some(order) = &mut self.in_order else {
            let of = |(subject, lot): (&Arc<str>, &Lot)| -> Vec<_> {
                lot.all().map(|fact| ((fact.superseded_by.is_none(), fact.id()), subject.clone())).collect()
            };
            self.in_order = Some(self.lots.iter().flat_map(of).collect());
            return;
        };
        for id in retired {
            order.remove(&(true, *id));
            order.insert((false, *id), subject.clone());
        }
        if let Some(id) = added {
            order.insert((true, id), subject.clone());
        }
    }

    /// Drops what is more than a cap for the whole memory.
    fn shrink(&mut self, memory: &Memory, cap: usize) {
        let Some(order) = &mut self.in_order else { return };
        while order.len() > cap {
            let Some(((_, id), subject)) = order.pop_first() else { return };
            if let Some(lot) = self.lots.get_mut(&subject) {
                lot.remove(memory, id);
                if lot.is_empty() {
                    self.lots.remove(&subject);
                }
            }
        }
    }

    /// Takes what is gone out of the order.
    fn strike(&mut self, gone: &[FactId]) {
        for id in gone {
            if let Some(order) = &mut self.in_order {
                order.remove(&(true, *id));
                order.remove(&(false, *id));
            }
        }
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
