//! Answers of models that routes keep: by what was asked, folded from the log. The oldest go first; it judges no age but the one asked for,
//! and no likeness at all.

use crate::question::{Alike, Kept};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

/// Most answers that are kept.
const MOST: usize = 10_000;
/// Of those that differ in one text, so many are held against a new one: the newest.
const MOST_ALIKE: usize = 500;

/// Answers by question.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answers {
    by_question: HashMap<Digest, Kept>,
    /// Texts of questions that say the same but for them, and what tells each, oldest first.
    alike: BTreeMap<[u8; 32], Vec<(Arc<str>, Digest)>>,
    order: VecDeque<(Digest, u64)>,
}

impl Answers {
    /// Keeps an answer in the place of an older one to the same question.
    pub(crate) fn keep(&mut self, same: Digest, alike: Option<&Alike>, (seq, at): (u64, i64), value: &Value) {
        self.by_question.insert(same, Kept { seq, at, value: value.clone(), likeness: None });
        self.order.push_back((same, seq));
        if let Some(alike) = alike {
            let texts = self.alike.entry(alike.group.0).or_default();
            texts.retain(|(_, known)| *known != same);
            texts.push((alike.text.clone(), same));
            let surplus = texts.len().saturating_sub(MOST_ALIKE);
            texts.drain(..surplus);
        }
        while self.order.len() > MOST {
            let Some((oldest, seq)) = self.order.pop_front() else { return };
            if self.by_question.get(&oldest).is_some_and(|kept| kept.seq == seq) {
                self.by_question.remove(&oldest);
                self.alike.retain(|_, texts| {
                    texts.retain(|(_, known)| *known != oldest);
                    !texts.is_empty()
                });
            }
        }
    }

    /// The answer to a question, if it was given after an instant.
    pub(crate) fn get(&self, same: Digest, after: i64) -> Option<Kept> {
        self.by_question.get(&same).filter(|kept| kept.at > after).cloned()
    }

    /// The answers to questions of a group that were given after an instant, each with its text.
    pub(crate) fn alike(&self, group: Digest, after: i64) -> Vec<(Arc<str>, Kept)> {
        let texts = self.alike.get(&group.0).map(Vec::as_slice).unwrap_or_default();
        texts.iter().filter_map(|(text, same)| Some((text.clone(), self.get(*same, after)?))).collect()
    }
}
