//! Whether formulas can hold together: facts narrow what each subject may be, and alternatives are tried one by one.

use super::Conflict;
use super::formula::{Formula, Subject};
use super::set::Set;
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

/// Why these cannot hold together; `None` where they may, or where it takes too long to know.
pub(super) fn conflict(formulas: Vec<Formula>) -> Option<Conflict> {
    if formulas.iter().map(Formula::size).sum::<usize>() > MOST_FACTS {
        return None;
    }
    let mut search = Search { tries: MOST_TRIES, about: None };
    let may = search.may_hold(formulas, BTreeMap::new());
    (!may).then(|| Conflict { about: search.about.unwrap_or_default() })
}

impl Search {
    fn may_hold(&mut self, mut pending: Vec<Formula>, mut known: BTreeMap<String, Set>) -> bool {
        if self.tries == 0 {
            return true;
        }
        self.tries -= 1;
        let mut alternatives: Vec<Vec<Formula>> = Vec::new();
        while let Some(formula) = pending.pop() {
            match formula {
                Formula::All(parts) => pending.extend(parts),
                Formula::Any(mut parts) if parts.len() == 1 => pending.extend(parts.pop()),
                Formula::Any(parts) if parts.is_empty() => return false,
                Formula::Any(parts) => alternatives.push(parts),
                Formula::Fact(subject, set) => {
                    if !self.narrow(&mut known, subject, set) {
                        return false;
                    }
                }
            }
        }
        let Some(next) = alternatives.pop() else { return true };
        let rest: Vec<Formula> = alternatives.into_iter().map(Formula::Any).collect();
        next.into_iter().any(|part| {
            let mut pending = rest.clone();
            pending.push(part);
            self.may_hold(pending, known.clone())
        })
    }

    /// Whether anything is left of the subject.
    fn narrow(&mut self, known: &mut BTreeMap<String, Set>, subject: Subject, set: Set) -> bool {
        let left = match known.get(&subject.key) {
            // Facts of two kinds about one subject: nothing follows from the second.
            Some(before) => before.with(&set).unwrap_or_else(|| before.clone()),
            None => set,
        };
        if left.is_empty() {
            if self.about.as_ref().is_none_or(String::is_empty) {
                self.about = Some(subject.path);
            }
            return false;
        }
        known.insert(subject.key, left);
        true
    }
}
