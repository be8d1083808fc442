//! Whether formulas can hold together: facts narrow what each subject may be, alternatives of which one is left are facts, and those of
//! which more are left are tried one by one, the fewest first.

use super::Conflict;
use super::formula::Formula;
use super::set::Set;
use super::ways::Way;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What may be looked at for one question before it is given up, in facts and alternatives. Rules as people write them take some hundreds;
/// sixty-four of which each may hold in three ways, some thousands.
pub(super) const MOST_WORK: u32 = 30_000;
/// Facts above which the question is given up before it is asked.
pub(super) const MOST_FACTS: usize = 1024;

/// What came of the question whether conditions can hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// They exclude each other.
    Conflict(Conflict),
    /// They may hold together.
    May,
    /// It takes too long to know.
    GivenUp,
}

/// A formula whose subjects are numbers.
enum Part<'f> {
    Fact(usize, &'f Set),
    All(Vec<Part<'f>>),
    Any(Vec<Part<'f>>),
}

/// What is known of a subject. There are many of them in a question, so it is small.
enum Known<'f> {
    Given(&'f Set),
    Narrowed(Box<Set>),
}

impl Known<'_> {
    fn set(&self) -> &Set {
        match self {
            Self::Given(set) => set,
            Self::Narrowed(set) => set,
        }
    }

    fn into_set(self) -> Set {
        match self {
            Self::Given(set) => set.clone(),
            Self::Narrowed(set) => *set,
        }
    }
}

/// Alternatives, and which of them are left.
type Alternatives<'p, 'f> = Vec<&'p Part<'f>>;

struct Search<'f> {
    /// The path of each subject, for people.
    paths: Vec<&'f str>,
    /// What each subject may still be; nothing where it may be anything.
    known: Vec<Option<Known<'f>>>,
    /// What was narrowed, and what it was before.
    trail: Vec<(usize, Option<Known<'f>>)>,
    work: u32,
    /// The first subject of which nothing was left.
    about: Option<usize>,
    /// Whether facts of two kinds were met about one subject: what is known then depends on which came first.
    mixed: bool,
}

/// Whether these can hold together; `work` is how much may be spent on it, and becomes what is left. The last narrow first.
pub(super) fn ask(formulas: &[&Formula], work: &mut u32) -> Answer {
    Numbered::of(formulas).map_or(Answer::GivenUp, |mut asked| asked.ask(work).0)
}

/// Whether a formula can hold in a way that is known, and what of it is narrower then. `None` where it cannot, and where that is not certain.
pub(super) fn within(way: &Way, formula: &Formula, work: &mut u32) -> Option<Way> {
    if formula.size() > MOST_FACTS {
        return None;
    }
    let mut numbers = BTreeMap::new();
    let mut search = Search::with((*work).min(MOST_WORK));
    let granted = search.work;
    let part = search.number(formula, &mut numbers);
    for (key, at) in &numbers {
        if let (Some(slot), Some(set)) = (search.known.get_mut(*at), way.get(*key)) {
            *slot = Some(Known::Given(set));
        }
    }
    let may = search.may_hold(vec![&part]);
    *work = work.saturating_sub(granted.saturating_sub(search.work));
    let certain = may && search.work > 0;
    certain.then(|| search.way(&numbers)).flatten()
}

/// Formulas that are read once, to be asked whether they can hold together, and which of them exclude each other.
pub(super) struct Numbered<'f> {
    search: Search<'f>,
    numbers: BTreeMap<&'f Arc<str>, usize>,
    parts: Vec<Part<'f>>,
}

impl<'f> Numbered<'f> {
    /// `None` where they hold so many facts that the question is given up before it is asked.
    pub(super) fn of(formulas: &[&'f Formula]) -> Option<Self> {
        if formulas.iter().map(|formula| formula.size()).sum::<usize>() > MOST_FACTS {
            return None;
        }
        let (mut search, mut numbers) = (Search::with(0), BTreeMap::new());
        let parts = formulas.iter().map(|formula| search.number(formula, &mut numbers)).collect();
        Some(Self { search, numbers, parts })
    }

    /// Whether all of them can hold together, as [`ask`] says, and where they can, the way that was found; none where another order of the same
    /// facts would have found another.
    pub(super) fn ask(&mut self, work: &mut u32) -> (Answer, Option<Way>) {
        let Self { search, numbers, parts } = self;
        let granted = (*work).min(MOST_WORK);
        search.begin(granted);
        let may = search.may_hold(parts.iter().collect());
        *work = work.saturating_sub(granted.saturating_sub(search.work));
        match may {
            false => {
                let about = search.about.and_then(|at| search.paths.get(at)).map_or_else(String::new, |path| (*path).to_owned());
                (Answer::Conflict(Conflict { about }), None)
            }
            true if search.work == 0 => (Answer::GivenUp, None),
            true => (Answer::May, search.way(numbers)),
        }
    }

    /// Whether it is certain that those at these places exclude each other. The last narrow first.
    pub(super) fn exclude(&mut self, places: &[usize], work: &mut u32) -> bool {
        let Self { search, parts, .. } = self;
        let granted = (*work).min(MOST_WORK);
        search.begin(granted);
        let may = search.may_hold(places.iter().filter_map(|place| parts.get(*place)).collect());
        *work = work.saturating_sub(granted.saturating_sub(search.work));
        !may
    }
}

impl<'f> Search<'f> {
    /// Forgets what another question narrowed.
    fn begin(&mut self, work: u32) {
        self.known.iter_mut().for_each(|known| *known = None);
        self.trail.clear();
        (self.work, self.about, self.mixed) = (work, None, false);
    }

    fn with(work: u32) -> Self {
        Self { paths: Vec::new(), known: Vec::new(), trail: Vec::new(), work, about: None, mixed: false }
    }

    /// What is known of each subject that was narrowed.
    fn way(&mut self, numbers: &BTreeMap<&'f Arc<str>, usize>) -> Option<Way> {
        let Self { known, trail, mixed, .. } = self;
        let mut narrowed = vec![false; known.len()];
        for (subject, _) in trail {
            if let Some(slot) = narrowed.get_mut(*subject) {
                *slot = true;
            }
        }
        let of = |(key, at): (&&'f Arc<str>, &usize)| {
            let set = known.get_mut(*at).filter(|_| narrowed.get(*at) == Some(&true))?.take()?;
            Some((Arc::clone(key), set.into_set()))
        };
        let way = numbers.iter().filter_map(of).collect();
        (!*mixed).then_some(way)
    }

    fn number(&mut self, formula: &'f Formula, numbers: &mut BTreeMap<&'f Arc<str>, usize>) -> Part<'f> {
        match formula {
            Formula::Fact(subject, set) => {
                let next = self.paths.len();
                let at = *numbers.entry(&subject.key).or_insert(next);
                if at == next {
                    self.paths.push(&subject.path);
                    self.known.push(None);
                }
                Part::Fact(at, set)
            }
            // Of what is not read nothing was asked.
            Formula::Unread => Part::All(Vec::new()),
            Formula::All(parts) => {
                let mut all = Vec::with_capacity(parts.len());
                parts.iter().for_each(|part| self.number_all(part, numbers, &mut all));
                Part::All(all)
            }
            Formula::Any(parts) => Part::Any(parts.iter().map(|part| self.number(part, numbers)).collect()),
        }
    }

    /// What must hold together with others stands beside them, however deep it is written.
    fn number_all(&mut self, formula: &'f Formula, numbers: &mut BTreeMap<&'f Arc<str>, usize>, all: &mut Vec<Part<'f>>) {
        match formula {
            Formula::All(parts) => parts.iter().for_each(|part| self.number_all(part, numbers, all)),
            formula => all.push(self.number(formula, numbers)),
        }
    }

    /// Whether all of these may hold with what is known. Without work left they may.
    fn may_hold<'p>(&mut self, mut pending: Vec<&'p Part<'f>>) -> bool {
        let mut alternatives: Alternatives<'p, 'f> = Vec::new();
        let tried: Alternatives<'p, 'f> = loop {
            while let Some(part) = pending.pop() {
                match part {
                    Part::All(parts) => pending.extend(parts),
                    Part::Any(_) => alternatives.push(part),
                    Part::Fact(subject, set) => {
                        if !self.narrow(*subject, set) {
                            return false;
                        }
                    }
                }
            }
            let Some(left) = self.fewest(&mut alternatives) else { return true };
            match left.as_slice() {
                _ if self.work == 0 => return true,
                [] => return false,
                [only] => pending.push(only),
                _ => break left,
            }
        };
        tried.into_iter().any(|part| {
            let before = self.trail.len();
            let mut pending: Vec<&Part<'f>> = alternatives.iter().rev().copied().collect();
            pending.push(part);
            let may = self.may_hold(pending);
            if !may {
                self.undo(before);
            }
            may
        })
    }

    /// Takes out the alternatives of which the fewest are left, the last of several, and gives those; `None` where there are none.
    fn fewest<'p>(&mut self, alternatives: &mut Alternatives<'p, 'f>) -> Option<Alternatives<'p, 'f>> {
        // Two lists for all that are looked at: one each would be most of what is asked of the allocator where hundreds of conditions are held
        // against each other.
        let (mut found, mut fewest, mut left): (Option<usize>, Alternatives<'p, 'f>, Alternatives<'p, 'f>) = (None, Vec::new(), Vec::new());
        for (at, part) in alternatives.iter().enumerate().rev() {
            let Part::Any(parts) = part else { continue };
            self.work = self.work.saturating_sub(1);
            left.clear();
            left.extend(parts.iter().filter(|part| self.fits(part)));
            let certain = left.len() < 2;
            if found.is_none() || left.len() < fewest.len() {
                found = Some(at);
                std::mem::swap(&mut fewest, &mut left);
            }
            if certain {
                break;
            }
        }
        let at = found?;
        alternatives.remove(at);
        Some(fewest)
    }

    /// Whether a part may hold with what is known, each of its facts looked at alone.
    fn fits(&mut self, part: &Part<'f>) -> bool {
        match part {
            Part::All(parts) => parts.iter().all(|part| self.fits(part)),
            Part::Any(parts) => parts.iter().any(|part| self.fits(part)),
            Part::Fact(subject, set) => {
                let left = match self.known.get(*subject).and_then(Option::as_ref) {
                    Some(before) => {
                        self.work = self.work.saturating_sub(1);
                        before.set().leaves(set) != Some(false)
                    }
                    None => !set.is_empty(),
                };
                if !left {
                    self.emptied(*subject);
                }
                left
            }
        }
    }

    /// Whether anything is left of the subject.
    fn narrow(&mut self, subject: usize, set: &'f Set) -> bool {
        self.work = self.work.saturating_sub(1);
        let Some(slot) = self.known.get_mut(subject) else { return true };
        let left = match slot {
            // Facts of two kinds about one subject: nothing follows from the second.
            Some(before) => match before.set().with(set) {
                Some(both) => Known::Narrowed(Box::new(both)),
                None => {
                    self.mixed = true;
                    return true;
                }
            },
            None => Known::Given(set),
        };
        if left.set().is_empty() {
            self.emptied(subject);
            return false;
        }
        let before = slot.replace(left);
        self.trail.push((subject, before));
        true
    }

    fn emptied(&mut self, subject: usize) {
        let named = |at: usize| self.paths.get(at).is_some_and(|path| !path.is_empty());
        if self.about.is_none_or(|about| !named(about)) {
            self.about = Some(subject);
        }
    }

    fn undo(&mut self, length: usize) {
        for (subject, before) in self.trail.drain(length..).rev() {
            if let Some(slot) = self.known.get_mut(subject) {
                *slot = before;
            }
        }
    }
}
