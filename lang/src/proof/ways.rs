//! Ways in which all of some conditions fail, kept from question to question: where a later condition can hold in one of them, they do not
//! take everything from it, and nothing has to be searched to know that. What is not known in this way is searched for, and a way that
//! the search finds is kept. It claims nothing itself: without a way that fits, the search alone decides.

use super::formula::Formula;
use super::satisfy::{Answer, MOST_WORK, Numbered, within};
use super::set::Set;
use super::{Covered, Reading};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What each subject may still be; anything where it is not named.
pub(super) type Way = BTreeMap<Arc<str>, Set>;

/// Ways that are kept: one suits most conditions, and each is narrowed by every condition that is added.
const MOST_WAYS: usize = 4;
/// What the questions of one place may take together, in facts and alternatives, beside what each of them is granted.
const MOST_TOGETHER: u32 = 8 * MOST_WORK;
/// What each question and each condition adds to that: about what it takes as people write them. So the whole is in proportion to the text.
const FOR_EACH: u32 = 4_000;

/// Ways in which the conditions before a place fail, and the work that is left for questions about it.
#[derive(Debug, Clone)]
pub(crate) struct Ways {
    ways: Vec<Way>,
    /// The one behind the first that makes room for the next.
    oldest: usize,
    work: u32,
}

impl Default for Ways {
    /// Where no condition came before.
    fn default() -> Self {
        Self { ways: vec![Way::new()], oldest: 0, work: MOST_TOGETHER }
    }
}

impl Ways {
    /// From here on, this condition is one of those before.
    pub(crate) fn also_fails(&mut self, condition: &Reading) {
        self.work = self.work.saturating_add(FOR_EACH);
        let Self { ways, work, .. } = self;
        ways.retain_mut(|way| narrow(way, &condition.fails, work));
    }

    /// Which of the conditions before together hold wherever this one does. `near` are asked; `far` are all others that came before.
    pub(crate) fn covered<'r>(
        &mut self,
        condition: &Reading,
        near: &[&'r Reading],
        far: impl Iterator<Item = &'r Reading> + Clone,
    ) -> Covered {
        if near.is_empty() {
            return Covered::default();
        }
        self.work = self.work.saturating_add(FOR_EACH);
        let Self { ways, work, .. } = self;
        if ways.iter().any(|way| within(way, &condition.holds, work).is_some()) {
            return Covered::default();
        }
        // Without one, it begins one of its own: mostly the first alternative that is left of each other condition suits.
        let mut way = Way::new();
        let mut before = near.iter().copied().chain(far.clone());
        if narrow(&mut way, &condition.holds, work) && before.all(|earlier| narrow(&mut way, &earlier.fails, work)) {
            self.keep(way);
            return Covered::default();
        }
        // What holds comes last, and so narrows first: what is left of few values costs little to narrow further.
        let formulas: Vec<&Formula> = near.iter().map(|earlier| &earlier.fails).chain([&condition.holds]).collect();
        let Some(mut asked) = Numbered::of(&formulas) else { return Covered { given_up: true, ..Covered::default() } };
        match asked.ask(work) {
            (Answer::Conflict(_), _) => Covered { by: fewest_of(&mut asked, near.len(), work), ..Covered::default() },
            (Answer::GivenUp, _) => Covered { given_up: true, ..Covered::default() },
            (Answer::May, way) => {
                let is_all = far.clone().next().is_none();
                let way = way.and_then(|mut way| far.clone().all(|earlier| narrow(&mut way, &earlier.fails, work)).then_some(way));
                let beyond = !is_all && way.is_none();
                way.into_iter().for_each(|way| self.keep(way));
                Covered { beyond, ..Covered::default() }
            }
        }
    }

    /// What of the work of this place is left.
    #[cfg(test)]
    pub(super) fn work(&self) -> u32 {
        self.work
    }

    /// Keeps a way. The first is the widest, as no condition but those before narrowed it; the others make room for the next.
    fn keep(&mut self, way: Way) {
        if self.ways.len() < MOST_WAYS {
            self.ways.push(way);
        } else if let Some(slot) = self.ways.get_mut(1 + self.oldest) {
            *slot = way;
            self.oldest = (self.oldest + 1) % (MOST_WAYS - 1);
        }
    }
}

/// Leaves of a way what a formula allows, of each choice what suits first. Whether it is certain that something is left: without, the
/// way is of no more use.
fn narrow(way: &mut Way, formula: &Formula, work: &mut u32) -> bool {
    // What there is no choice of narrows first, so that what is chosen suits it.
    let (mut certain, mut choices) = (vec![formula], Vec::new());
    loop {
        while let Some(part) = certain.pop() {
            match part {
                Formula::Fact(subject, set) => {
                    if !narrow_one(way, &subject.key, set, work) {
                        return false;
                    }
                }
                Formula::All(parts) => certain.extend(parts),
                Formula::Any(parts) => choices.push(parts),
                Formula::Unread => return false,
            }
        }
        let Some(parts) = choices.pop() else { return *work > 0 };
        let Some(part) = parts.iter().find(|part| suits(way, part, work)) else { return false };
        certain.push(part);
    }
}

/// Whether something is certainly left of a subject.
fn narrow_one(way: &mut Way, key: &Arc<str>, set: &Set, work: &mut u32) -> bool {
    let Some(known) = way.get_mut(key) else {
        way.insert(Arc::clone(key), set.clone());
        return !set.is_empty();
    };
    let is_kind = known.narrow(set);
    spend(work, known);
    is_kind && !known.is_empty()
}

/// Whether each fact of a part, looked at alone, leaves something.
fn suits(way: &Way, part: &Formula, work: &mut u32) -> bool {
    match part {
        Formula::Fact(subject, set) => match way.get(&subject.key) {
            Some(known) => {
                spend(work, known);
                known.leaves(set) == Some(true)
            }
            None => !set.is_empty(),
        },
        Formula::All(parts) => parts.iter().all(|part| suits(way, part, work)),
        Formula::Any(parts) => parts.iter().any(|part| suits(way, part, work)),
        Formula::Unread => false,
    }
}

/// One fact is looked at, which takes longer where much is known of its subject.
fn spend(work: &mut u32, known: &Set) {
    *work = work.saturating_sub(1 + u32::try_from(known.size() / 64).unwrap_or(u32::MAX / 2));
}

/// Of so many conditions that together hold wherever another does, those that are not needed are left out of what is said, many at once and
/// then fewer, as far as the work of one more question goes. What is asked of holds them, and then that other.
fn fewest_of(asked: &mut Numbered<'_>, holds: usize, work: &mut u32) -> Vec<usize> {
    let granted = MOST_WORK.min(*work);
    let mut left = granted;
    let mut places: Vec<usize> = (0..holds).collect();
    let mut size = places.len().next_power_of_two() / 2;
    let mut fewer: Vec<usize> = Vec::with_capacity(places.len() + 1);
    while size > 0 {
        let mut at = 0;
        while at < places.len() {
            let end = at.saturating_add(size).min(places.len());
            fewer.clear();
            fewer.extend(places.iter().take(at).chain(places.iter().skip(end)));
            let is_any = !fewer.is_empty();
            fewer.push(holds);
            if is_any && asked.exclude(&fewer, &mut left) {
                fewer.pop();
                places.clone_from(&fewer);
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    *work = work.saturating_sub(granted.saturating_sub(left));
    places
}
