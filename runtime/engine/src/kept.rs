//! Answers of models that routes keep: by what was asked, folded from the log. The oldest go first; it judges no age but the one asked for.

use crate::question::Kept;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

/// Most answers that are kept.
const MOST: usize = 10_000;

/// Answers by question.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answers {
    by_question: HashMap<Digest, Kept>,
    order: VecDeque<(Digest, u64)>,
}

impl Answers {
    /// Keeps an answer in the place of an older one to the same question.
    pub(crate) fn keep(&mut self, same: Digest, (seq, at): (u64, i64), value: &Value) {
        self.by_question.insert(same, Kept { seq, at, value: value.clone() });
        self.order.push_back((same, seq));
        while self.order.len() > MOST {
            let Some((oldest, seq)) = self.order.pop_front() else { return };
            if self.by_question.get(&oldest).is_some_and(|kept| kept.seq == seq) {
                self.by_question.remove(&oldest);
            }
        }
    }

    /// The answer to a question, if it was given after an instant.
    pub(crate) fn get(&self, same: Digest, after: i64) -> Option<Kept> {
        self.by_question.get(&same).filter(|kept| kept.at > after).cloned()
    }
}
