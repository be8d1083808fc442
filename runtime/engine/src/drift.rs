//! What models count, by their names: folded from the log, so that it is seen where that leaves what was declared of them. It keeps nobody
//! from anything, and knows no price but those of the plan that a question was asked by.

use crate::question::{Answer, Answered, Question};
use crate::vectors::VectorsAnswered;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::plan::Model;

/// Most names by which a model is known to have answered.
const MOST_NAMES: usize = 8;

/// What one model counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counted {
    /// Answers, also those that did not fit.
    pub answers: u64,
    /// Answers of which nobody says how many tokens they were: what was reserved for them stays.
    pub uncounted: u64,
    /// Answers that cost more than was reserved for them: a price, or the way in which tokens are counted, is another than declared.
    pub beyond: u64,
    /// Answers that were longer than `max-output` allows.
    pub longer: u64,
    /// Tokens read.
    pub input: u64,
    /// Of those, kept from earlier calls.
    pub cached: u64,
    /// Tokens written.
    pub output: u64,
    /// Of those, thought and not said.
    pub reasoning: u64,
    /// The names by which it answered, in its provider's words.
    pub names: BTreeSet<Arc<str>>,
}

impl Counted {
    /// Notes vectors.
    pub(crate) fn note_vectors(&mut self, answered: &VectorsAnswered) {
        if answered.failed.is_none() {
            self.answers += 1;
            self.uncounted += u64::from(answered.usage.is_none());
        }
        self.input = self.input.saturating_add(answered.usage.map_or(0, |usage| usage.input));
    }

    /// Notes an answer.
    pub(crate) fn note(&mut self, model: Option<&Model>, question: &Question, answered: &Answered) {
        let Answer::Said(reply) = &answered.answer else { return };
        self.answers += 1;
        let costs_more = answered.spent.zip(question.reserved).and_then(|(spent, reserved)| spent.compare(reserved));
        self.beyond += u64::from(costs_more == Some(Ordering::Greater));
        if !reply.by.is_empty() && self.names.len() < MOST_NAMES {
            self.names.insert(reply.by.clone());
        }
        let Some(usage) = reply.usage else {
            self.uncounted += 1;
            return;
        };
        let most = model.and_then(|model| model.remote.as_ref()?.max_output);
        self.longer += u64::from(most.is_some_and(|most| usage.output > u64::from(most)));
        self.input = self.input.saturating_add(usage.input);
        self.cached = self.cached.saturating_add(usage.cached);
        self.output = self.output.saturating_add(usage.output);
        self.reasoning = self.reasoning.saturating_add(usage.reasoning);
    }
}
