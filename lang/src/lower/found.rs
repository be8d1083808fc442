//! Diagnostics as they are found, each once. It judges none.

use crate::diagnostic::Diagnostic;
use crate::source::Span;
use std::collections::BTreeMap;

/// The mistakes so far, in the order found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    list: Vec<Diagnostic>,
    /// Where in the list those of a place and a code are: asking whether one is there already takes no walk through all.
    places: BTreeMap<(Span, &'static str), Vec<usize>>,
    reports: usize,
    compared: usize,
}

/// How many names are compared for suggestions before it is enough: a text with that many mistakes is mended from the top.
const COMPARED: usize = 500_000;

impl Found {
    /// Adds one that is not there yet.
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        let Self { list, places, reports, .. } = self;
        *reports += 1;
        let same = places.entry((diagnostic.span, diagnostic.code.id)).or_default();
        if !same.iter().any(|at| list.get(*at) == Some(&diagnostic)) {
            same.push(list.len());
            list.push(diagnostic);
        }
    }

    /// Whether one was found that says the same.
    pub(crate) fn has(&self, diagnostic: &Diagnostic) -> bool {
        let same = self.places.get(&(diagnostic.span, diagnostic.code.id));
        same.is_some_and(|same| same.iter().any(|at| self.list.get(*at) == Some(diagnostic)))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether one of a code was found at a place.
    pub(crate) fn says(&self, span: Span, code: &'static str) -> bool {
        self.places.get(&(span, code)).is_some_and(|same| !same.is_empty())
    }

    /// How often one was reported, those that were there already and those forgotten since included.
    pub(crate) fn reports(&self) -> usize {
        self.reports
    }

    /// Whether so many more names may be compared with one that does not exist. Where mistakes and names go into the thousands,
    /// looking for what is near would take longer than everything else.
    pub(crate) fn affords(&mut self, names: usize) -> bool {
        self.compared = self.compared.saturating_add(names);
        self.compared <= COMPARED
    }

    /// Forgets all but the first `length`.
    pub(crate) fn truncate(&mut self, length: usize) {
        for forgotten in self.list.drain(length.min(self.list.len())..) {
            if let Some(same) = self.places.get_mut(&(forgotten.span, forgotten.code.id)) {
                same.retain(|at| *at < length);
            }
        }
    }

    /// All of them.
    pub(crate) fn into_list(self) -> Vec<Diagnostic> {
        self.list
    }
}

impl Extend<Diagnostic> for Found {
    fn extend<I: IntoIterator<Item = Diagnostic>>(&mut self, more: I) {
        more.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }
}
