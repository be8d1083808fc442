//! The index of the facts of one memory, or of one subject in it: words, vectors, and which fact is where. It holds no text.

use crate::fusion::{Rank, fuse};
use crate::vector::{Quantized, nearest};
use crate::words::Words;
use std::collections::HashSet;
use std::sync::Arc;
use tradewind_engine::finding::words_of;
use tradewind_engine::memory::{Fact, FactId};
use tradewind_lang::plan::{Memory, Model};

/// So many facts of each order are fused, or a few times what is wanted.
const LEAST: usize = 100;
/// Up to so many facts, what is gone goes at once; among more, when it is a sixteenth of them.
const SMALL: usize = 4_096;

/// A fact in the index.
#[derive(Debug)]
struct Slot {
    id: FactId,
    vector: Option<Arc<Quantized>>,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Partition {
    /// In the order of their ids.
    slots: Vec<Slot>,
    words: Words,
    /// The digest of the model of its vectors.
    pub(crate) by: String,
    /// That model, as long as the index answers by it.
    pub(crate) model: Option<Arc<Model>>,
}

/// What has to be done so that an index holds what it should.
#[derive(Debug, Default)]
pub(crate) struct Due {
    /// Places of facts that it does not hold.
    pub(crate) missing: Vec<usize>,
    /// Its own places that are of no use any more.
    gone: Vec<usize>,
}

impl Partition {
    /// An empty one for vectors of a model.
    pub(crate) fn by(digest: &str, model: Option<Arc<Model>>) -> Self {
        Self { by: digest.to_owned(), model, ..Self::default() }
    }

    /// Of how many numbers its vectors are; none where it has none.
    pub(crate) fn width(&self) -> Option<usize> {
        self.slots.iter().find_map(|slot| slot.vector.as_ref()).map(|vector| vector.width())
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// What is missing and what is gone; `facts` are in the order of their ids. A fact keeps what it says: one of which something was
    /// erased was taken out before.
    pub(crate) fn compare(&self, facts: &[Arc<Fact>]) -> Due {
        let mut due = Due::default();
        let mut slots = self.slots.iter().enumerate().peekable();
        for (place, fact) in facts.iter().enumerate() {
            while let Some((at, _)) = slots.next_if(|(_, slot)| slot.id < fact.id()) {
                due.gone.push(at);
            }
            if slots.next_if(|(_, slot)| slot.id == fact.id()).is_none() {
                due.missing.push(place);
            }
        }
        due.gone.extend(slots.map(|(at, _)| at));
        due
    }

    /// Takes in what is missing, each with its vector, and drops what is gone.
    pub(crate) fn update(&mut self, memory: &Memory, facts: &[Arc<Fact>], due: &Due, vectors: Vec<Option<Arc<Quantized>>>) {
        let live = self.slots.len() - due.gone.len();
        let sweeps = !due.gone.is_empty() && (live <= SMALL || due.gone.len() > live / 16);
        let last = self.slots.last().map(|slot| slot.id);
        let mut in_order = true;
        for (place, vector) in due.missing.iter().zip(vectors) {
            let Some(fact) = facts.get(*place) else { continue };
            in_order &= last.is_none_or(|last| last < fact.id());
            self.words.push(&words_of(memory, fact));
            self.slots.push(Slot { id: fact.id(), vector });
        }
        if sweeps || !in_order {
            let gone: Vec<usize> = if sweeps { due.gone.clone() } else { Vec::new() };
            self.arrange(&gone);
        }
    }

    /// Drops facts that are gone for good, or say something else from now on.
    pub(crate) fn forget(&mut self, facts: &HashSet<FactId>) {
        let gone: Vec<usize> = self.slots.iter().enumerate().filter(|(_, slot)| facts.contains(&slot.id)).map(|(place, _)| place).collect();
        if !gone.is_empty() {
            self.arrange(&gone);
        }
    }

    /// Without some, in the order of ids.
    fn arrange(&mut self, gone: &[usize]) {
        let mut keeps = vec![true; self.slots.len()];
        gone.iter().for_each(|place| keeps.get_mut(*place).into_iter().for_each(|keeps| *keeps = false));
        let mut slots: Vec<(usize, Slot)> = std::mem::take(&mut self.slots).into_iter().enumerate().collect();
        slots.retain(|(place, _)| keeps.get(*place).copied().unwrap_or(false));
        slots.sort_by_key(|(_, slot)| slot.id);
        let mut places = vec![None; keeps.len()];
        for ((from, _), to) in slots.iter().zip(0_u32..) {
            if let Some(place) = places.get_mut(*from) {
                *place = Some(to);
            }
        }
        self.words.move_to(&places, slots.len());
        self.slots = slots.into_iter().map(|(_, slot)| slot).collect();
    }

    /// The best of the facts that may be found; places are those of `facts`.
    pub(crate) fn find_best(
        &self,
        facts: &[Arc<Fact>],
        passes: &[bool],
        (query, vector): (Option<&str>, Option<&Quantized>),
        most: usize,
    ) -> Vec<(usize, f64)> {
        let mut of_slot: Vec<Option<usize>> = vec![None; self.slots.len()];
        let mut slots = self.slots.iter().enumerate().peekable();
        for (place, (fact, passes)) in facts.iter().zip(passes).enumerate() {
            while slots.next_if(|(_, slot)| slot.id < fact.id()).is_some() {}
            if let Some((at, _)) = slots.next_if(|(_, slot)| slot.id == fact.id())
                && *passes
                && let Some(of) = of_slot.get_mut(at)
            {
                *of = Some(place);
            }
        }
        let many = LEAST.max(most.saturating_mul(4));
        let mut orders: Vec<Rank> = Vec::new();
        if let Some(query) = query {
            let among: Vec<bool> = of_slot.iter().map(Option::is_some).collect();
            orders.push(nearest(self.words.fit(query, &among).into_iter(), many));
        }
        if let Some(wanted) = vector {
            let near = self.slots.iter().enumerate().filter(|(at, _)| of_slot.get(*at).is_some_and(Option::is_some));
            orders.push(nearest(near.filter_map(|(at, slot)| Some((at, slot.vector.as_ref()?.times(wanted)))), many));
        }
        let fused = fuse(&orders, most);
        fused.into_iter().filter_map(|(at, score)| Some((of_slot.get(at).copied().flatten()?, score))).collect()
    }
}
