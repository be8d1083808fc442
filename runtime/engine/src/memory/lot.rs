//! The facts of one subject in one memory, oldest first. It knows nobody else's.

use super::fact::{Fact, FactId, key_of};
use super::hold::Held;
use crate::planted::{Bug, planted};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tradewind_lang::plan::Memory;

/// The facts of a subject.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Lot {
    facts: VecDeque<Arc<Fact>>,
    /// The facts of each key that nothing took the place of.
    standing: HashMap<[u8; 16], Vec<FactId>>,
    /// How many facts something took the place of.
    retired: usize,
    /// When something was last remembered of the subject.
    last_write: i64,
}

/// What became of a fact that was remembered.
pub(super) struct Taken {
    /// It stands for itself; otherwise it only verified what was known.
    pub(super) added: bool,
    /// Facts whose place it took.
    pub(super) retired: Vec<FactId>,
}

impl Lot {
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Arc<Fact>> {
        self.facts.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.facts.is_empty()
    }

    /// The instant before which nothing is kept, judged at another one.
    pub(super) fn horizon(&self, memory: &Memory, now: i64) -> i64 {
        let Some(retention) = memory.retention else { return i64::MIN };
        let oldest = now.saturating_sub(retention);
        // Where the last write counts, all of it is kept as long as that is.
        match memory.terms.retention_after_last_write {
            true if self.last_write > oldest => i64::MIN,
            true => i64::MAX,
            false => oldest,
        }
    }

    /// Adds a fact, which takes the place of those of its key that are not better trusted. Where a record says nothing personal, the same
    /// record again only says that it is still so. What is personal is not compared: when somebody was forgotten it is not there any more,
    /// and the log must come to the same.
    pub(super) fn take(&mut self, memory: &Memory, is_plain: bool, fact: Fact) -> Taken {
        self.last_write = self.last_write.max(fact.at);
        let Some(key) = key_of(memory, &fact.fields) else {
            self.facts.push_back(Arc::new(fact));
            return Taken { added: true, retired: Vec::new() };
        };
        let standing = self.standing.get(&key).cloned().unwrap_or_default();
        let same = |known: &Fact| is_plain && known.fields == fact.fields && known.origin.trust <= fact.origin.trust;
        if let Some(known) = standing.iter().rev().find(|id| self.find(**id).is_some_and(&same)).copied() {
            if let Some(known) = self.find_mut(known) {
                known.verified_at = known.verified_at.max(fact.observed_at);
                known.valid_to = fact.valid_to;
                known.origin.trust = fact.origin.trust;
            }
            return Taken { added: false, retired: Vec::new() };
        }
        let mut stays = Vec::with_capacity(1);
        let mut retired = Vec::new();
        for id in standing {
            match self.find_mut(id) {
                Some(_) if planted(Bug::CorrectionLost) => stays.push(id),
                Some(known) if known.origin.trust <= fact.origin.trust || planted(Bug::CorrectionByWorse) => {
                    known.superseded_by = Some((fact.seq, fact.at));
                    self.retired += 1;
                    retired.push(id);
                }
                Some(_) => stays.push(id),
                None => {}
            }
        }
        stays.push(fact.id());
        self.standing.insert(key, stays);
        self.facts.push_back(Arc::new(fact));
        Taken { added: true, retired }
    }

    /// The fact that goes first when there are too many: the oldest that something took the place of, else the oldest.
    fn first_to_go(&self, held: Held<'_>) -> Option<FactId> {
        let mut goes = self.facts.iter().filter(|fact| !held.is_fact(fact));
        let retired = (self.retired > 0).then(|| goes.clone().find(|fact| fact.superseded_by.is_some())).flatten();
        retired.or_else(|| goes.next()).map(|fact| fact.id())
    }

    /// Drops what is more than a cap, without what is held. Which facts.
    pub(super) fn shrink(&mut self, memory: &Memory, cap: usize, held: Held<'_>) -> Vec<FactId> {
        let mut gone = Vec::new();
        if self.facts.len() <= cap {
            return gone;
        }
        let goes = if held.holds.is_empty() { self.facts.len() } else { self.facts.iter().filter(|fact| !held.is_fact(fact)).count() };
        for _ in cap..goes {
            let Some(first) = self.first_to_go(held) else { break };
            self.remove(memory, first);
            gone.push(first);
        }
        gone
    }

    /// Drops a fact.
    pub(super) fn remove(&mut self, memory: &Memory, id: FactId) {
        let Ok(place) = self.facts.binary_search_by_key(&id, |fact| fact.id()) else { return };
        let Some(fact) = self.facts.remove(place) else { return };
        if fact.superseded_by.is_some() {
            self.retired = self.retired.saturating_sub(1);
        } else if let Some(key) = key_of(memory, &fact.fields)
            && let Some(standing) = self.standing.get_mut(&key)
        {
            standing.retain(|other| *other != id);
            if standing.is_empty() {
                self.standing.remove(&key);
            }
        }
    }

    /// Changes facts, or drops those for which it says so.
    pub(super) fn revise(&mut self, memory: Option<&Memory>, mut keep: impl FnMut(&mut Arc<Fact>) -> bool) -> Vec<FactId> {
        let mut gone = Vec::new();
        self.facts.retain_mut(|fact| {
            let id = fact.id();
            let kept = keep(fact);
            if !kept {
                gone.push(id);
            }
            kept
        });
        if gone.is_empty() {
            return gone;
        }
        self.retired = self.facts.iter().filter(|fact| fact.superseded_by.is_some()).count();
        self.standing.clear();
        for fact in self.facts.iter().filter(|fact| fact.superseded_by.is_none()) {
            if let Some(key) = memory.and_then(|memory| key_of(memory, &fact.fields)) {
                self.standing.entry(key).or_default().push(fact.id());
            }
        }
        gone
    }

    /// Drops what is kept no longer and is not held.
    pub(super) fn expire(&mut self, memory: &Memory, now: i64, held: Held<'_>) -> Vec<FactId> {
        let horizon = self.horizon(memory, now);
        match self.facts.front() {
            Some(oldest) if oldest.at <= horizon => self.revise(Some(memory), |fact| fact.at > horizon || held.is_fact(fact)),
            _ => Vec::new(),
        }
    }

    /// What [`Lot::expire`] would drop.
    pub(super) fn expired(&self, memory: &Memory, now: i64, held: Held<'_>) -> impl Iterator<Item = FactId> {
        let horizon = self.horizon(memory, now);
        self.facts.iter().take_while(move |fact| fact.at <= horizon).filter(move |fact| !held.is_fact(fact)).map(|fact| fact.id())
    }

    /// When the next fact has been kept long enough; none where nothing goes by itself.
    pub(super) fn next_end(&self, memory: &Memory, held: Held<'_>) -> Option<i64> {
        let retention = memory.retention?;
        let oldest = self.facts.iter().find(|fact| !held.is_fact(fact))?;
        let counts = if memory.terms.retention_after_last_write { self.last_write } else { oldest.at };
        Some(counts.saturating_add(retention))
    }

    fn find(&self, id: FactId) -> Option<&Fact> {
        let place = self.facts.binary_search_by_key(&id, |fact| fact.id()).ok()?;
        self.facts.get(place).map(|fact| &**fact)
    }

    fn find_mut(&mut self, id: FactId) -> Option<&mut Fact> {
        let place = self.facts.binary_search_by_key(&id, |fact| fact.id()).ok()?;
        self.facts.get_mut(place).map(Arc::make_mut)
    }
}
