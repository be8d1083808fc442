//! What is asked of a flow's steps again and again, worked out once: their names, the arms around them, and the names they mention.
//! Without it every step would look at all others, and a flow of thousands of steps would take minutes.

use super::around::{conditions, tells};
use super::each::Surroundings;
use super::flow::FlowDraft;
use super::order::{Glance, mentioned, mentioned_in};
use crate::ast::Literal;
use crate::shape::Shaped;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A step's place among the arms of `choose` steps: the step and the number of its arm.
type Arm = (usize, u16);

/// The value that tells what became of each step.
const STEPS: &str = "steps";

/// The index of one flow.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_name: BTreeMap<String, Vec<usize>>,
    /// Of each step: the arms around it, outermost first.
    arms: Vec<Vec<Arm>>,
    /// Steps that other steps stand in.
    holders: BTreeSet<usize>,
    /// Of each step: the names that its texts mention, as far as a glance tells.
    mentioned: Vec<BTreeSet<String>>,
    /// Of each step: every step that has a word of its texts for its name.
    words: Vec<BTreeSet<String>>,
    /// The step whose words are all that a scope holds for now.
    narrowed: Option<usize>,
    /// What is around the arms that were asked for since a step was lowered.
    around: RefCell<BTreeMap<Arm, Rc<Surroundings>>>,
    /// The steps behind which nothing may be reached, in their order; known until a step is lowered.
    stopping: RefCell<Option<Rc<[usize]>>>,
}

impl Index {
    /// Works it out, once all steps are collected.
    pub(crate) fn of(draft: &FlowDraft<'_>) -> Self {
        let mut index = Self::default();
        for (at, step) in draft.drafts.iter().enumerate() {
            index.by_name.entry(step.name.clone()).or_default().push(at);
            index.holders.extend(step.within.map(|(holder, _)| holder));
            // What a step stands in was collected before it.
            let mut arms = step.within.and_then(|(holder, _)| index.arms.get(holder).cloned()).unwrap_or_default();
            arms.extend(step.within);
            index.arms.push(arms);
            let (mut names, mut words) = (BTreeSet::new(), BTreeSet::new());
            mentioned(step.node, draft, &mut names, Glance::Names);
            mentioned(step.node, draft, &mut words, Glance::Words);
            // What an item of a loop is follows from the list that the loop goes over.
            for (outer, _) in index.arms.last().into_iter().flatten() {
                let Some(node) = draft.drafts.get(*outer).map(|step| step.node) else { continue };
                if let Some(text) = node.setting("in").filter(|_| node.name.text == "each").and_then(Literal::text) {
                    mentioned_in(text, &mut names, Glance::Names);
                    mentioned_in(text, &mut words, Glance::Words);
                }
                // What has a value there may follow from the conditions around.
                let conditions = conditions(node).filter(|value| tells(value)).filter_map(Literal::text);
                conditions.for_each(|text| mentioned_in(text, &mut words, Glance::Words));
            }
            index.mentioned.push(names);
            index.words.push(words);
        }
        // Most words name nothing.
        let Self { by_name, words, .. } = &mut index;
        words.iter_mut().for_each(|words| words.retain(|word| word == STEPS || by_name.contains_key(word)));
        index
    }

    /// Scopes hold only what this step has words for, until [`Index::widen`].
    pub(crate) fn narrow(&mut self, at: usize) {
        self.narrowed = Some(at);
        self.forget();
    }

    /// Scopes hold everything again.
    pub(crate) fn widen(&mut self) {
        self.narrowed = None;
        self.forget();
    }

    /// What is around an arm is no longer what it was: a step was lowered, or a scope holds something else.
    pub(crate) fn forget(&mut self) {
        self.around.get_mut().clear();
        *self.stopping.get_mut() = None;
    }

    /// The steps behind which nothing may be reached, looked for once as long as no step is lowered.
    pub(crate) fn stopping(&self, find: impl FnOnce() -> Rc<[usize]>) -> Rc<[usize]> {
        if let Some(known) = self.stopping.try_borrow().ok().and_then(|known| known.clone()) {
            return known;
        }
        let found = find();
        if let Ok(mut known) = self.stopping.try_borrow_mut() {
            *known = Some(Rc::clone(&found));
        }
        found
    }

    /// What was found to be around an arm.
    pub(crate) fn recall(&self, arm: Arm) -> Option<Rc<Surroundings>> {
        self.around.try_borrow().ok()?.get(&arm).cloned()
    }

    /// Keeps what is around an arm, until [`Index::forget`].
    pub(crate) fn remember(&self, arm: Arm, found: Rc<Surroundings>) {
        if let Ok(mut around) = self.around.try_borrow_mut() {
            around.insert(arm, found);
        }
    }

    /// Whether other steps stand in this one.
    pub(crate) fn is_holder(&self, at: usize) -> bool {
        self.holders.contains(&at)
    }

    /// The names that a step mentions.
    pub(crate) fn mentioned(&self, at: usize) -> impl Iterator<Item = &str> {
        self.mentioned.get(at).into_iter().flatten().map(String::as_str)
    }

    /// Steps that may be named from a place: those of the same arm and of the arms around it.
    pub(crate) fn visible(&self, from: Option<Arm>) -> Vec<usize> {
        let around = self.around(from);
        self.arms.iter().enumerate().filter(|(_, arms)| around.starts_with(arms)).map(|(at, _)| at).collect()
    }

    /// Those of them with one of these names, in their order.
    pub(crate) fn named<'n>(&self, names: impl Iterator<Item = &'n str>, from: Option<Arm>) -> BTreeSet<usize> {
        let around = self.around(from);
        let steps = names.filter_map(|name| self.by_name.get(name)).flatten().copied();
        steps.filter(|at| self.arms.get(*at).is_some_and(|arms| around.starts_with(arms))).collect()
    }

    /// What a scope at a place holds.
    pub(crate) fn in_scope(&self, from: Option<Arm>) -> Vec<usize> {
        // The states of all steps are one value, which has them all or is another value.
        match self.narrowed.and_then(|at| self.words.get(at)).filter(|words| !words.contains(STEPS)) {
            Some(words) => self.named(words.iter().map(String::as_str), from).into_iter().collect(),
            None => self.visible(from),
        }
    }

    /// The arms around a place, outermost first.
    pub(crate) fn around(&self, from: Option<Arm>) -> Vec<Arm> {
        let mut arms = from.and_then(|(holder, _)| self.arms.get(holder).cloned()).unwrap_or_default();
        arms.extend(from);
        arms
    }
}
