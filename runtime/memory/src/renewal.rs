//! Vectors of another model, made beside an index that goes on answering by the one before: how far it is, what is made, and what was
//! forgotten meanwhile. What fails is taken up again by whoever searches next, where it stopped.

use crate::vector::Quantized;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tradewind_engine::finding::Renewing;
use tradewind_engine::memory::FactId;

/// The vectors of one index.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    /// The model that they are of.
    pub(crate) by: String,
    of: usize,
    /// What is made: kept here, so that nobody drops it as unused.
    vectors: HashMap<FactId, Option<Arc<Quantized>>>,
    is_running: bool,
    failed: Option<String>,
    /// Counted up when work under way is of no use any more.
    turn: u64,
}

impl Renewal {
    /// Begins, or goes on; the number of the turn, or none where it is under way.
    pub(crate) fn begin(&mut self, by: &str, of: usize) -> Option<u64> {
        if self.by != by {
            let turn = self.turn + 1;
            *self = Self { by: by.to_owned(), turn, ..Self::default() };
        }
        self.of = of;
        if self.is_running {
            return None;
        }
        self.is_running = true;
        self.failed = None;
        Some(self.turn)
    }

    /// Takes in vectors; whether the turn that made them still counts.
    pub(crate) fn take(&mut self, turn: u64, made: impl IntoIterator<Item = (FactId, Option<Arc<Quantized>>)>) -> bool {
        let counts = self.turn == turn;
        if counts {
            self.vectors.extend(made);
        }
        counts
    }

    /// A turn has ended.
    pub(crate) fn end(&mut self, turn: u64, result: Result<(), String>) {
        if self.turn == turn {
            self.is_running = false;
            self.failed = result.err();
        }
    }

    /// Drops what is of facts that were forgotten. Work under way has them before it, and is begun again without them.
    pub(crate) fn forget(&mut self, facts: &HashSet<FactId>) {
        self.vectors.retain(|fact, _| !facts.contains(fact));
        self.turn += 1;
        self.is_running = false;
    }

    /// How far it is.
    pub(crate) fn told(&self, memory: &str, subject: Option<&Arc<str>>) -> Renewing {
        Renewing {
            memory: memory.into(),
            subject: subject.cloned(),
            done: self.vectors.len().min(self.of) as u64,
            of: self.of as u64,
            by: self.by.as_str().into(),
            failed: self.failed.as_deref().map(Arc::from),
        }
    }
}
