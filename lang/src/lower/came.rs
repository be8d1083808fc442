//! The way of outside text: where it came into the value of a step, and from there back to where it entered the flow. It judges nothing;
//! a mistake shows it, so that nobody has to look for the place himself.

use super::context::Context;
use super::each::LoopVariables;
use super::step::Place;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Scope};
use crate::source::Span;
use crate::ty::Marks;
use std::rc::Rc;

/// A path that outside text came in by, and where it is read.
pub(crate) type Read = (String, Span);

/// What a step read of outside text.
#[derive(Debug, Default, Clone)]
pub(crate) struct Came {
    /// The first that words of it are in.
    spoken: Option<Read>,
    /// The first that it chose.
    chosen: Option<Read>,
}

/// Where outside text came into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way {
    read: Read,
    /// Whether words of it are in the value. Where it only chose the value, words in a field of that are the field's own.
    speaks: bool,
}

impl Way {
    /// The way into a value that an expression reads; `None` where it reads nothing of outside text.
    pub(crate) fn of(checked: &Checked) -> Option<Self> {
        let read = checked.blamed().filter(|_| checked.marks.choosing().steered)?;
        Some(Self { read: read.clone(), speaks: checked.speaks() })
    }
}

impl Came {
    /// Notes an expression.
    pub(crate) fn note(&mut self, checked: &Checked) {
        if let Some(Way { read, speaks }) = Way::of(checked) {
            self.take(read, speaks);
        }
    }

    /// Notes a text with holes.
    pub(crate) fn tell(&mut self, marks: Marks, outside: Option<&Read>) {
        if let Some(read) = outside.filter(|_| marks.choosing().steered) {
            self.take(read.clone(), marks.untrusted);
        }
    }

    /// Notes what outside text is in, or chose, by name. It counts where nothing that is read by an expression does.
    pub(crate) fn take(&mut self, read: Read, speaks: bool) {
        let kept = if speaks { &mut self.spoken } else { &mut self.chosen };
        kept.get_or_insert(read);
    }

    /// Whether nothing was noted.
    pub(crate) fn is_empty(&self) -> bool {
        self.spoken.is_none() && self.chosen.is_none()
    }

    fn way(self, marks: Marks) -> Option<Way> {
        let Self { spoken, chosen } = self;
        let read = if marks.untrusted { spoken.or(chosen) } else { chosen.or(spoken) };
        read.filter(|_| marks.choosing().steered).map(|read| Way { read, speaks: marks.untrusted })
    }
}

/// What of a path names a step or an item.
pub(crate) fn first(path: &str) -> &str {
    let mut parts = path.split('.');
    match (parts.next(), parts.next()) {
        (Some("steps"), Some(step)) => step,
        (root, _) => root.unwrap_or(path),
    }
}

impl Context<'_> {
    /// Keeps where outside text came into the value of a step.
    pub(crate) fn know_way(&mut self, step: &str, came: Came, marks: Marks) {
        match came.way(marks) {
            Some(way) => drop(self.known.through.insert(step.to_owned(), way)),
            // What a lowering before this one found, in which types were not known.
            None => drop(self.known.through.remove(step)),
        }
    }

    /// A diagnostic with the steps through which outside text came into a value, the last first; the way is no longer than there are
    /// steps and loops.
    pub(crate) fn with_way(&self, diagnostic: Diagnostic, checked: &Checked, place: &Place<'_, '_>) -> Diagnostic {
        let around = self.surroundings(place.draft, place.draft.drafts.get(place.at).and_then(|step| step.within));
        self.with_way_through(diagnostic, checked, &around.loops, &place.scope)
    }

    /// The same within these loops, where these names are known.
    pub(crate) fn with_way_through(
        &self,
        diagnostic: Diagnostic,
        checked: &Checked,
        loops: &[Rc<LoopVariables>],
        scope: &Scope,
    ) -> Diagnostic {
        let mut ways: Vec<&Way> = Vec::new();
        let mut speaks = checked.speaks();
        let mut next = checked.blamed().map(|(path, _)| path);
        while let Some(path) = next {
            let item = loops.iter().rev().find(|variables| variables.names(path)).and_then(|variables| variables.came.as_ref());
            let found = item.or_else(|| self.known.through.get(first(path)));
            let Some(way) = found.filter(|way| (way.speaks || !speaks) && !ways.contains(way)) else { break };
            ways.push(way);
            speaks = way.speaks;
            next = Some(&way.read.0);
        }
        let entered = ways.last().map(|way| &way.read.0).or(checked.blamed().map(|(path, _)| path));
        let diagnostic = ways
            .iter()
            .fold(diagnostic, |diagnostic, Way { read: (path, span), .. }| diagnostic.also(*span, format!("`{path}` comes in here")));
        match entered {
            Some(path) => self.with_declared(diagnostic, scope, path),
            None => diagnostic,
        }
    }
}
