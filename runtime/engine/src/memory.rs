//! Facts by memory and subject, folded from the log: what takes the place of what, how long each is kept, how many there are. It ranks
//! nothing and forgets by rule only.

mod fact;
mod gone;
mod hold;
mod lot;
pub(crate) mod past;

pub use fact::{Fact, FactId, Origin, Source, Trust};
pub use gone::{Sweeps, Swept, Why};
pub use hold::{Hold, Holds};

use crate::actor::agent_of;
use crate::event::{Event, EventKind};
use crate::planted::{Bug, planted};
use crate::seal::{KeyName, Keyring, has_hole, is_plain};
use fact::instant;
pub(crate) use gone::Gone;
use gone::{Untold, in_events};
pub(crate) use hold::Held;
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
    /// What is held is not among them, and counts for no cap.
    in_order: Option<BTreeMap<(bool, FactId), Arc<str>>>,
    /// What the log told of facts that rules dropped.
    sweeps: Sweeps,
}

/// All facts of a shard.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memories {
    shelves: HashMap<Arc<str>, Shelf>,
    /// What is gone, and not told of.
    untold: Untold,
    holds: Holds,
}

/// The memory of a name. The session of an agent is kept as the agent says; a memory that no file declares any more, for ever.
#[must_use]
pub fn declared(plan: &Plan, name: &str) -> Arc<Memory> {
    plan.memories.get(name).cloned().unwrap_or_else(|| {
        let session = agent_of(name).and_then(|agent| plan.agents.get(agent)).and_then(|agent| agent.session).unwrap_or_default();
        let terms = MemoryTerms { retention_after_last_write: session.after_last_write, ..MemoryTerms::default() };
        let (name, tier, record, subject) = (name.to_owned(), "session".to_owned(), String::new(), String::new());
        Arc::new(Memory { name, tier, record, subject, retention: session.retention, cap: session.cap, terms })
    })
}

impl Memories {
    /// Takes the facts of an event, where it holds some; and what it says of facts that are gone, or stay.
    pub(crate) fn fold(&mut self, plan: &Plan, event: &Event, ring: Option<&dyn Keyring>) {
        match &event.kind {
            EventKind::FactRemembered { memory, subject, fields, origin } => {
                self.remember(plan, (memory, subject), (event, ring), (0, fields, origin.clone()));
            }
            EventKind::FactsRemembered { memory, subject, facts, origins } => {
                for (fields, place) in facts.iter().zip(0_u32..) {
                    let origin = usize::try_from(place).ok().and_then(|place| origins.get(place)).cloned().unwrap_or_default();
                    self.remember(plan, (memory, subject), (event, ring), (place, fields, origin));
                }
            }
            EventKind::FactsDropped { memory, why, facts } => self.told(plan, event, memory, (*why, facts)),
            EventKind::SubjectHeld { key, reason } => {
                let (by, at) = (event.header.actor.clone(), event.header.at);
                self.holds.set(Hold { key: *key, by, at, reason: reason.clone() });
                self.count_anew();
            }
            EventKind::SubjectReleased { key, .. } => {
                self.holds.lift(*key);
                self.count_anew();
                self.overtake(plan, event.header.at, ring);
            }
            _ => {}
        }
    }

    /// An event tells of facts that are gone: those that a fact took the room of, or that only time has ended, and go now.
    fn told(&mut self, plan: &Plan, event: &Event, memory: &Arc<str>, (why, facts): (Why, &[FactId])) {
        let rest = self.untold.told(memory, why, facts);
        let Some(shelf) = self.shelves.get_mut(memory) else { return };
        if !rest.is_empty() {
            let (declared, mut gone) = (declared(plan, memory), Vec::new());
            shelf.lots.retain(|_, lot| {
                if lot.all().next().is_some_and(|oldest| oldest.at < event.header.at) {
                    gone.extend(lot.revise(Some(&declared), |fact| !rest.contains(&fact.id())));
                }
                !lot.is_empty()
            });
            shelf.strike(&gone);
        }
        let (seq, at) = (event.header.seq, event.header.at);
        shelf.sweeps.note(Swept { seq, at, why, facts: facts.len() as u64 });
    }

    /// Whom caps count is another matter now.
    fn count_anew(&mut self) {
        self.shelves.values_mut().for_each(|shelf| shelf.in_order = None);
    }

    /// Drops what a hold that is lifted kept from being dropped.
    fn overtake(&mut self, plan: &Plan, now: i64, ring: Option<&dyn Keyring>) {
        let held = Held { holds: &self.holds, ring };
        for (name, shelf) in &mut self.shelves {
            let (expired, over) = shelf.overtake(&declared(plan, name), now, held);
            self.untold.add(name, Why::Retention, expired);
            self.untold.add(name, Why::Cap, over);
        }
    }

    fn remember(
        &mut self,
        plan: &Plan,
        (memory, subject): (&Arc<str>, &Arc<str>),
        (event, ring): (&Event, Option<&dyn Keyring>),
        (place, fields, origin): (u32, &Value, Origin),
    ) {
        let (header, declared) = (&event.header, declared(plan, memory));
        // What says that it was seen tomorrow would never be stale.
        let observed_at = instant(fields, declared.terms.observed_at.as_ref()).map_or(header.at, |at| at.min(header.at));
        let mut fact = Fact {
            subject: subject.clone(),
            observed_at,
            verified_at: observed_at,
            valid_to: instant(fields, declared.terms.valid_to.as_ref()),
            origin,
            keys: header.subjects.clone(),
            ..Fact::new((header.seq, place), header.at, fields.clone())
        };
        header.run.iter().for_each(|run| fact.run = run.clone());
        header.step.iter().for_each(|step| fact.step = step.name.clone());
        let held = Held { holds: &self.holds, ring };
        let shelf = self.shelves.entry(memory.clone()).or_default();
        let (expired, over) = shelf.take(&declared, is_plain(plan, &declared.record), fact, held);
        self.untold.add(memory, Why::Retention, expired);
        self.untold.add(memory, Why::Cap, over);
    }

    /// Who is held.
    pub(crate) fn holds(&self) -> &Holds {
        &self.holds
    }

    /// Whether facts are gone of which no event of the log tells yet.
    pub(crate) fn is_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// The same, as events tell of it.
    pub(crate) fn untold(&self) -> Vec<Gone> {
        self.untold.drops()
    }

    /// Facts that were kept long enough and that nothing which was remembered since has dropped, as events tell of it.
    pub(crate) fn overdue(&self, plan: &Plan, now: i64, ring: Option<&dyn Keyring>) -> Vec<Gone> {
        let held = Held { holds: &self.holds, ring };
        let mut names: Vec<&Arc<str>> = self.shelves.keys().collect();
        names.sort_unstable();
        let mut drops = Vec::new();
        for name in names {
            let memory = declared(plan, name);
            let Some(shelf) = self.shelves.get(name).filter(|_| memory.retention.is_some()) else { continue };
            let mut facts: Vec<FactId> = shelf.lots.values().flat_map(|lot| lot.expired(&memory, now, held)).collect();
            facts.sort_unstable();
            drops.extend(in_events(name, Why::Retention, &facts));
        }
        drops
    }

    /// When the next fact has been kept long enough.
    pub(crate) fn next_end(&self, plan: &Plan, ring: Option<&dyn Keyring>) -> Option<i64> {
        let held = Held { holds: &self.holds, ring };
        let of = |(name, shelf): (&Arc<str>, &Shelf)| {
            let memory = declared(plan, name);
            shelf.lots.values().filter_map(|lot| lot.next_end(&memory, held)).min()
        };
        self.shelves.iter().filter_map(of).min()
    }

    /// What a memory dropped, as far as the log has told.
    #[must_use]
    pub fn sweeps(&self, memory: &str) -> Sweeps {
        self.shelves.get(memory).map(|shelf| shelf.sweeps.clone()).unwrap_or_default()
    }

    /// Drops the facts of somebody whose keys are gone, and every other fact that was sealed with one of them. A memory that says
    /// `on-forget redact` keeps what its type does not mark as personal.
    /// Which facts were dropped or redacted, each with its memory.
    pub(crate) fn forget(&mut self, plan: Option<&Plan>, keys: &[KeyName], ring: Option<&dyn Keyring>) -> Vec<(Arc<str>, FactId)> {
        let mut touched = Vec::new();
        if planted(Bug::ForgottenKept) {
            return touched;
        }
        // Nothing is left that could be held.
        keys.iter().for_each(|key| drop(self.holds.lift(*key)));
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
        self.gather(&declared, subject, |horizon, fact| fact.at > horizon && is_given(&declared, fact, now), now)
    }

    /// All facts that are kept, those too that something took the place of, of one subject or of all, oldest first. What only a hold
    /// keeps is among them, and is given to no run.
    #[must_use]
    pub fn history(&self, plan: &Plan, memory: &str, subject: Option<&str>, now: i64, ring: Option<&dyn Keyring>) -> Vec<Arc<Fact>> {
        let held = Held { holds: &self.holds, ring };
        self.gather(&declared(plan, memory), subject, |horizon, fact| fact.at > horizon || held.is_fact(fact), now)
    }

    /// Whose facts a memory holds, in order, and how many each.
    #[must_use]
    pub fn subjects(&self, memory: &str) -> Vec<(Arc<str>, usize)> {
        let lots = self.shelves.get(memory).into_iter().flat_map(|shelf| &shelf.lots);
        let mut found: Vec<(Arc<str>, usize)> = lots.map(|(subject, lot)| (subject.clone(), lot.len())).collect();
        found.sort_unstable();
        found
    }

    fn gather(&self, memory: &Memory, subject: Option<&str>, wanted: impl Fn(i64, &Fact) -> bool, now: i64) -> Vec<Arc<Fact>> {
        let Some(shelf) = self.shelves.get(&*memory.name) else { return Vec::new() };
        let lots: Vec<&Lot> = match subject {
            Some(subject) => shelf.lots.get(subject).into_iter().collect(),
            None => shelf.lots.values().collect(),
        };
        let mut found = Vec::new();
        for lot in lots {
            let horizon = lot.horizon(memory, now);
            found.extend(lot.all().filter(|fact| wanted(horizon, fact)).cloned());
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
    /// Takes a fact. What had been kept long enough, and what it took the room of.
    fn take(&mut self, memory: &Memory, is_plain: bool, fact: Fact, held: Held<'_>) -> (Vec<FactId>, Vec<FactId>) {
        let (id, at, subject, is_held) = (fact.id(), fact.at, &fact.subject.clone(), held.is_fact(&fact));
        let lot = self.lots.entry(subject.clone()).or_default();
        let expired = lot.expire(memory, at, held);
        let taken = lot.take(memory, is_plain, fact);
        self.strike(&expired);
        let over = match (memory.cap.filter(|_| memory.terms.cap_whole), memory.cap) {
            (Some(cap), _) => {
                self.put_in_order(subject, (taken.added && !is_held).then_some(id), &taken.retired, held);
                self.shrink(memory, cap as usize)
            }
            (None, cap) => {
                self.in_order = None;
                let lot = self.lots.get_mut(subject).zip(cap);
                lot.map(|(lot, cap)| lot.shrink(memory, cap as usize, held)).unwrap_or_default()
            }
        };
        (expired, over)
    }

    /// Drops what is kept no longer, and what is more than the cap.
    fn overtake(&mut self, memory: &Memory, now: i64, held: Held<'_>) -> (Vec<FactId>, Vec<FactId>) {
        let (mut expired, mut over) = (Vec::new(), Vec::new());
        let own = memory.cap.filter(|_| !memory.terms.cap_whole);
        self.lots.retain(|_, lot| {
            expired.extend(lot.expire(memory, now, held));
            over.extend(own.map(|cap| lot.shrink(memory, cap as usize, held)).unwrap_or_default());
            !lot.is_empty()
        });
        if let Some(cap) = memory.cap.filter(|_| memory.terms.cap_whole) {
            self.in_order = None;
            self.put_in_order(&"".into(), None, &[], held);
            over.extend(self.shrink(memory, cap as usize));
        }
        (expired, over)
    }

    fn put_in_order(&mut self, subject: &Arc<str>, added: Option<FactId>, retired: &[FactId], held: Held<'_>) {
        let Some(order) = &mut self.in_order else {
            let of = |(subject, lot): (&Arc<str>, &Lot)| -> Vec<_> {
                let goes = lot.all().filter(|fact| !held.is_fact(fact));
                goes.map(|fact| ((fact.superseded_by.is_none(), fact.id()), subject.clone())).collect()
            };
            self.in_order = Some(self.lots.iter().flat_map(of).collect());
            return;
        };
        for id in retired {
            if order.remove(&(true, *id)).is_some() {
                order.insert((false, *id), subject.clone());
            }
        }
        if let Some(id) = added {
            order.insert((true, id), subject.clone());
        }
    }

    /// Drops what is more than a cap for the whole memory. Which facts.
    fn shrink(&mut self, memory: &Memory, cap: usize) -> Vec<FactId> {
        let mut gone = Vec::new();
        let Some(order) = &mut self.in_order else { return gone };
        while order.len() > cap {
            let Some(((_, id), subject)) = order.pop_first() else { break };
            gone.push(id);
            if let Some(lot) = self.lots.get_mut(&subject) {
                lot.remove(memory, id);
                if lot.is_empty() {
                    self.lots.remove(&subject);
                }
            }
        }
        gone
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
