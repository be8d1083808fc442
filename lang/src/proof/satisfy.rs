//! Whether formulas can hold together: facts narrow what each subject may be, and alternatives are tried one by one.

use super::Conflict;
use super::formula::{Formula, Subject};
use super::set::Set;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Alternatives that are tried before the question is given up.
const MOST_TRIES: u32 = 2048;
/// Facts above which the question is not asked.
const MOST_FACTS: usize = 1024;

struct Search {
    tries: u32,
    /// The first subject of which nothing was left.
    about: Option<String>,
}

/// Why these cannot hold together; `None` where they may, or where it takes too long to know. The last narrow first.
pub(super) fn conflict(formulas: Vec<&Formula>) -> Option<Conflict> {
    if formulas.iter().map(|formula| formula.size()).sum::<usize>() > MOST_FACTS {
        return None;
    }
    let mut search = Search { tries: MOST_TRIES, about: None };
    let may = search.may_hold(formulas, BTreeMap::new());
    (!may).then(|| Conflict { about: search.about.unwrap_or_default() })
}

impl Search {
    fn may_hold<'f>(&mut self, mut pending: Vec<&'f Formula>, mut known: BTreeMap<&'f str, Cow<'f, Set>>) -> bool {
        if self.tries == 0 {
            return true;
        }
        self.tries -= 1;
        let mut alternatives: Vec<&Formula> = Vec::new();
        let mut next: &[Formula] = &[];
        while let Some(formula) = pending.pop() {
            match formula {
                Formula::All(parts) => pending.extend(parts),
                Formula::Any(parts) if parts.is_empty() => return false,
                Formula::Any(parts) if parts.len() == 1 => pending.extend(parts),
                Formula::Any(parts) => {
                    alternatives.push(formula);
                    next = parts;
                }
                Formula::Fact(subject, set) => {
                    if !self.narrow(&mut known, subject, set) {
                        return false;
                    }
                }
            }
        }
        if alternatives.pop().is_none() {
            return true;
        }
        next.iter().any(|part| {
            let mut pending = alternatives.clone();
            pending.push(part);
            self.may_hold(pending, known.clone())
        })
    }

    /// Whether anything is left of the subject.
    fn narrow<'f>(&mut self, known: &mut BTreeMap<&'f str, Cow<'f, Set>>, subject: &'f Subject, set: &'f Set) -> bool {
        let left = match known.get(subject.key.as_str()) {
            // Facts of two kinds about one subject: nothing follows from the second.
            Some(before) => before.with(set).map_or_else(|| before.clone(), Cow::Owned),
            None => Cow::Borrowed(set),
        };
        if left.is_empty() {
            if self.about.as_ref().is_none_or(String::is_empty) {
                self.about = Some(subject.path.clone());
            }
            return false;
        }
        known.insert(&subject.key, left);
        true
    }
}
