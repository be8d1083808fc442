//! The index of the facts of one memory, or of one subject in it: words, vectors, and which fact is where. It holds no text.

use crate::check::{NEAREST, SAMPLE};
use crate::fusion::{FLATNESS, Rank, VECTORS, WORDS, fuse};
use crate::vector::{Matrix, Quantized};
use crate::words::Words;
use std::collections::HashSet;
use std::sync::Arc;
use tradewind_engine::finding::words_of;
use tradewind_engine::memory::{Fact, FactId};
use tradewind_lang::plan::{Memory, Model};

/// So many facts of each order are fused, or a few times what is wanted.
const LEAST: usize = 100;
/// More facts than these are looked through by words and by vectors at the same time.
const MANY: usize = 8_192;
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
    /// The vectors again, side by side.
    matrix: Matrix,
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

impl Due {
    /// Whether each fact is at its own place in the index, and nothing else is in it.
    pub(crate) fn is_nothing(&self) -> bool {
        self.missing.is_empty() && self.gone.is_empty()
    }
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
            self.matrix.push(vector.as_deref());
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
        self.matrix = Matrix::default();
        self.slots.iter().for_each(|slot| self.matrix.push(slot.vector.as_deref()));
    }

    /// The best of the facts that may be found; places are those of `facts`. `is_same`: each fact is at its place in the index.
    pub(crate) fn find_best(
        &self,
        (facts, passes, is_same): (&[Arc<Fact>], &[bool], bool),
        asked: (Option<&str>, Option<&Quantized>),
        most: usize,
    ) -> Vec<(usize, f64)> {
        let many = LEAST.max(most.saturating_mul(4));
        if is_same {
            return fuse(&self.orders(passes, asked, many), FLATNESS, most);
        }
        let of_slot = self.places(facts, passes);
        let among: Vec<bool> = of_slot.iter().map(Option::is_some).collect();
        let fused = fuse(&self.orders(&among, asked, many), FLATNESS, most);
        fused.into_iter().filter_map(|(at, score)| Some((of_slot.get(at).copied().flatten()?, score))).collect()
    }

    /// By words, and by vectors, as far as each is asked.
    fn orders(&self, among: &[bool], (query, vector): (Option<&str>, Option<&Quantized>), many: usize) -> Vec<(f64, Rank)> {
        let by_words = || query.map(|query| self.words.best(query, among, many));
        let by_vectors = || vector.map(|wanted| self.matrix.nearest(wanted, among, many));
        let (words, vectors) = match query.is_some() && vector.is_some() && self.slots.len() > MANY {
            true => std::thread::scope(|scope| {
                let words = scope.spawn(by_words);
                let vectors = by_vectors();
                // One that broke off is begun again where that is seen.
                (words.join().unwrap_or_else(|_| by_words()), vectors)
            }),
            false => (by_words(), by_vectors()),
        };
        words.map(|order| (WORDS, order)).into_iter().chain(vectors.map(|order| (VECTORS, order))).collect()
    }

    /// Whether a search by vectors finds what brute force does, on a sample of the facts; `number` says where that begins.
    pub(crate) fn agrees(&self, wanted: &Quantized, number: u64) -> bool {
        let step = (self.slots.len() / SAMPLE).max(1);
        let first = usize::try_from(number).unwrap_or_default() % step;
        let among: Vec<bool> = (0..self.slots.len()).map(|place| place % step == first).collect();
        let each = self.slots.iter().enumerate().zip(&among).filter(|(_, among)| **among);
        let mut plain: Rank = each.filter_map(|((at, slot), _)| Some((at, slot.vector.as_ref()?.times(wanted)))).collect();
        plain.sort_by(|(one, of_one), (other, of_other)| of_other.total_cmp(of_one).then(other.cmp(one)));
        plain.truncate(NEAREST);
        self.matrix.nearest(wanted, &among, NEAREST) == plain
    }

    /// For each place of the index, which of the facts that may be found is there.
    fn places(&self, facts: &[Arc<Fact>], passes: &[bool]) -> Vec<Option<usize>> {
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
        of_slot
    }
}
