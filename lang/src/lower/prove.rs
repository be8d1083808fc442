//! What is proved of conditions where they stand: rules that never decide, requirements that never or always hold.
//! The proofs themselves are in `proof`; this puts them into words. What they give up is in `unproved`.

use super::context::Context;
use super::unproved::{Question, Unproved};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Scope, Tree};
use crate::proof::{Answer, Conditions, Conflict, Covered, Reading, Ways};
use crate::source::Span;
use crate::value::Value;
use std::ops::Range;

/// Earlier rules that one rule is held against first: of a long ladder, what takes everything from it mostly stands near, and to look at
/// all costs much. Where those leave something, all are looked at.
pub(crate) const MOST_EARLIER: usize = 64;

/// A condition as written.
pub(crate) struct Written<'e> {
    /// Its name in messages, such as ``rule `late` ``.
    pub(crate) name: String,
    /// Where its condition stands.
    pub(crate) span: Span,
    /// The condition.
    pub(crate) when: &'e Expr,
}

/// Conditions before another one, of which some are held against it first.
pub(crate) struct Earlier<'e> {
    pub(crate) written: &'e [Written<'e>],
    pub(crate) read: &'e [Reading],
    pub(crate) near: Range<usize>,
}

fn why(conflict: &Conflict) -> String {
    match conflict.about.as_str() {
        "" => "it asks for things that exclude each other".to_owned(),
        path => format!("no value of `{path}` is left"),
    }
}

fn is_literal(tree: &Tree) -> bool {
    matches!(tree, Tree::Constant(Value::Bool(_)))
}

impl Context<'_> {
    /// Reports a condition that no value makes true, of a place that has no other. Whether it did.
    pub(crate) fn prove_possible_alone(&mut self, scope: &Scope, condition: &Written<'_>) -> bool {
        let mut unproved = Unproved::default();
        let never = self.prove_possible(scope, condition, &mut unproved);
        self.report_unproved(unproved);
        never
    }

    /// The same of a condition that picks something, such as the `where` of a loop.
    pub(crate) fn prove_picks(&mut self, scope: &Scope, what: &str, span: Span, when: &Expr) {
        self.prove_possible_alone(scope, &Written { name: what.to_owned(), span, when });
    }

    /// Reports a condition that no value makes true. Whether it did.
    pub(crate) fn prove_possible(&mut self, scope: &Scope, condition: &Written<'_>, unproved: &mut Unproved) -> bool {
        if is_literal(&condition.when.root) {
            // Switched off, it would look like a guard, or like a step, and be none.
            let off = matches!(condition.when.root, Tree::Constant(Value::Bool(false)));
            if off {
                let message = format!("the condition of {} never holds", condition.name);
                let diagnostic = Diagnostic::new(&meaning::NEVER_TRUE, condition.span, message).label("always false");
                self.report(diagnostic.help("remove what it guards, or write when it holds"));
            }
            return off;
        }
        let conflict = match Conditions::of(scope, &self.plan.types).conflict(&[&condition.when.root], &[]) {
            Answer::Conflict(conflict) => conflict,
            Answer::May => return false,
            Answer::GivenUp => {
                unproved.note(Question::Holds(&condition.name), condition.span);
                return false;
            }
        };
        let message = format!("the condition of {} never holds", condition.name);
        let diagnostic = Diagnostic::new(&meaning::NEVER_TRUE, condition.span, message).label(why(&conflict));
        self.report(diagnostic.help("change one side of it, or remove what it guards"));
        true
    }

    /// Reports a condition that is true whatever the values are.
    pub(crate) fn prove_says_something(&mut self, scope: &Scope, condition: &Written<'_>, unproved: &mut Unproved) {
        if is_literal(&condition.when.root) {
            return;
        }
        match Conditions::of(scope, &self.plan.types).conflict(&[], &[&condition.when.root]) {
            Answer::Conflict(_) => {
                let message = format!("the condition of {} always holds", condition.name);
                let diagnostic = Diagnostic::new(&meaning::ALWAYS_TRUE, condition.span, message).label("true for every value");
                self.report(diagnostic.help("an `||` may stand where `&&` was meant; write `true` if it is on purpose"));
            }
            Answer::May => {}
            Answer::GivenUp => unproved.note(Question::Fails(&condition.name), condition.span),
        }
    }

    /// Conditions of which the first that holds decides.
    pub(crate) fn prove_ladder(&mut self, scope: &Scope, conditions: &[Written<'_>]) {
        let mut unproved = Unproved::default();
        self.prove_each_decides(scope, conditions, "always decides first", &mut unproved);
        self.report_unproved(unproved);
    }

    /// Of conditions of which the first that holds decides, each may, and somewhere all before it fail.
    pub(crate) fn prove_each_decides(&mut self, scope: &Scope, conditions: &[Written<'_>], label: &str, unproved: &mut Unproved) {
        let readings = self.readings(scope, conditions);
        let mut ways = Ways::default();
        for (place, (condition, reading)) in conditions.iter().zip(&readings).enumerate() {
            if !self.prove_possible(scope, condition, unproved) {
                let earlier = Earlier {
                    written: conditions.get(..place).unwrap_or_default(),
                    read: readings.get(..place).unwrap_or_default(),
                    near: place.saturating_sub(MOST_EARLIER)..place,
                };
                self.prove_not_shadowed((condition, reading), &earlier, &mut ways, label, unproved);
            }
            ways.also_fails(reading);
        }
    }

    /// Conditions, each read once.
    pub(crate) fn readings(&self, scope: &Scope, conditions: &[Written<'_>]) -> Vec<Reading> {
        let of = Conditions::of(scope, &self.plan.types);
        conditions.iter().map(|condition| of.read(&condition.when.root)).collect()
    }

    /// Reports a condition that holds only where an earlier one does, which then decides. `ways` are those of all of the earlier ones.
    pub(crate) fn prove_not_shadowed(
        &mut self,
        (condition, reading): (&Written<'_>, &Reading),
        earlier: &Earlier<'_>,
        ways: &mut Ways,
        label: &str,
        unproved: &mut Unproved,
    ) {
        let Earlier { written, read, near } = earlier;
        let among = |of: &Range<usize>| read.get(of.clone()).unwrap_or_default().iter().collect::<Vec<_>>();
        let far = read.iter().take(near.start).chain(read.iter().skip(near.end));
        let mut first = near.start;
        let mut covered = ways.covered(reading, &among(near), far);
        if covered.beyond {
            first = 0;
            covered = ways.covered(reading, &among(&(0..read.len())), std::iter::empty());
        }
        let Covered { by, given_up, .. } = covered;
        let covering: Vec<&Written<'_>> = by.iter().filter_map(|place| written.get(first + place)).collect();
        if covering.is_empty() {
            if given_up {
                unproved.note(Question::Decides(&condition.name), condition.span);
            }
            return;
        }
        let names: Vec<&str> = covering.iter().map(|earlier| earlier.name.as_str()).collect();
        let message = format!("{} never decides: wherever it holds, {} holds too", condition.name, names.join(" or "));
        let mut diagnostic = Diagnostic::new(&meaning::SHADOWED, condition.span, message).label("never decides");
        for earlier in covering {
            diagnostic = diagnostic.also(earlier.span, label);
        }
        self.report(diagnostic.help("put the narrower condition first, or change it"));
    }

    /// Requirements of one reflection: each may hold and may fail, and all may hold together.
    pub(crate) fn prove_requirements(&mut self, scope: &Scope, step: Span, requires: &[Written<'_>]) {
        let (mut impossible, mut unproved) = (false, Unproved::default());
        for require in requires {
            impossible |= self.prove_possible(scope, require, &mut unproved);
            self.prove_says_something(scope, require, &mut unproved);
        }
        let trees: Vec<&Tree> = requires.iter().map(|require| &require.when.root).collect();
        if !impossible && trees.len() > 1 && !trees.iter().any(|tree| is_literal(tree)) {
            match Conditions::of(scope, &self.plan.types).conflict(&trees, &[]) {
                Answer::Conflict(conflict) => self.report_apart(step, requires, &conflict),
                Answer::May => {}
                Answer::GivenUp => unproved.note(Question::Together, step),
            }
        }
        self.report_unproved(unproved);
    }

    /// Requirements that exclude each other.
    fn report_apart(&mut self, step: Span, requires: &[Written<'_>], conflict: &Conflict) {
        let mut diagnostic = Diagnostic::new(&meaning::NEVER_TRUE, step, "these requirements never hold together").label(why(conflict));
        for require in requires {
            diagnostic = diagnostic.also(require.span, "must hold");
        }
        self.report(diagnostic.help("change one of them: as they are, the step can never pass"));
    }
}
