//! What is proved of conditions where they stand: rules that never decide, requirements that never or always hold.
//! The proofs themselves are in `proof`; this puts them into words.

use super::context::Context;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Scope, Tree};
use crate::proof::{Conditions, Conflict, Covered, Reading};
use crate::source::Span;
use crate::value::Value;

/// Earlier rules that are compared with one rule: of more, nothing is claimed.
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
    /// Reports a condition that no value makes true. Whether it did.
    pub(crate) fn prove_possible(&mut self, scope: &Scope, condition: &Written<'_>) -> bool {
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
        let conflict = Conditions::of(scope, &self.plan.types).conflict(&[&condition.when.root], &[]);
        let Some(conflict) = conflict else { return false };
        let message = format!("the condition of {} never holds", condition.name);
        let diagnostic = Diagnostic::new(&meaning::NEVER_TRUE, condition.span, message).label(why(&conflict));
        self.report(diagnostic.help("change one side of it, or remove what it guards"));
        true
    }

    /// Reports a condition that is true whatever the values are.
    pub(crate) fn prove_says_something(&mut self, scope: &Scope, condition: &Written<'_>) {
        if is_literal(&condition.when.root) {
            return;
        }
        if Conditions::of(scope, &self.plan.types).conflict(&[], &[&condition.when.root]).is_some() {
            let message = format!("the condition of {} always holds", condition.name);
            let diagnostic = Diagnostic::new(&meaning::ALWAYS_TRUE, condition.span, message).label("true for every value");
            self.report(diagnostic.help("an `||` may stand where `&&` was meant; write `true` if it is on purpose"));
        }
    }

    /// Conditions of which the first that holds decides.
    pub(crate) fn prove_ladder(&mut self, scope: &Scope, conditions: &[Written<'_>]) {
        let readings = self.readings(scope, conditions);
        let mut given_up = Vec::new();
        for (place, (condition, reading)) in conditions.iter().zip(&readings).enumerate() {
            if self.prove_possible(scope, condition) {
                continue;
            }
            let from = place.saturating_sub(MOST_EARLIER);
            let earlier: Vec<_> = conditions.iter().zip(&readings).take(place).skip(from).collect();
            if !self.prove_not_shadowed((condition, reading), &earlier, "always decides first") {
                given_up.push(condition);
            }
        }
        self.report_given_up(&given_up);
    }

    /// Says where it was not worked out whether a condition can ever decide: once for all of a place, at the first.
    pub(crate) fn report_given_up(&mut self, conditions: &[&Written<'_>]) {
        let Some((first, rest)) = conditions.split_first() else { return };
        let more = match rest.len() {
            0 => String::new(),
            1 => ", nor of one more below".to_owned(),
            count => format!(", nor of {count} more below"),
        };
        let message = format!("whether {} can ever decide was not worked out{more}", first.name);
        let diagnostic = Diagnostic::new(&meaning::NOT_PROVED, first.span, message).label("too many ways before it");
        self.report(diagnostic.help("nothing is wrong with it for that; with fewer `||` in the conditions before it, it would be known"));
    }

    /// Conditions, each read once.
    pub(crate) fn readings(&self, scope: &Scope, conditions: &[Written<'_>]) -> Vec<Reading> {
        let of = Conditions::of(scope, &self.plan.types);
        conditions.iter().map(|condition| of.read(&condition.when.root)).collect()
    }

    /// Reports a condition that holds only where an earlier one does, which then decides. `false` where it takes too long to know.
    pub(crate) fn prove_not_shadowed(
        &mut self,
        (condition, reading): (&Written<'_>, &Reading),
        earlier: &[(&Written<'_>, &Reading)],
        label: &str,
    ) -> bool {
        let read: Vec<&Reading> = earlier.iter().map(|(_, reading)| *reading).collect();
        let Covered { by, given_up } = reading.covered_by(&read);
        let covering: Vec<&Written<'_>> = by.iter().filter_map(|place| earlier.get(*place)).map(|(written, _)| *written).collect();
        if covering.is_empty() {
            return !given_up;
        }
        let names: Vec<&str> = covering.iter().map(|earlier| earlier.name.as_str()).collect();
        let message = format!("{} never decides: wherever it holds, {} holds too", condition.name, names.join(" or "));
        let mut diagnostic = Diagnostic::new(&meaning::SHADOWED, condition.span, message).label("never decides");
        for earlier in covering {
            diagnostic = diagnostic.also(earlier.span, label);
        }
        self.report(diagnostic.help("put the narrower condition first, or change it"));
        true
    }

    /// Requirements of one reflection: each may hold and may fail, and all may hold together.
    pub(crate) fn prove_requirements(&mut self, scope: &Scope, step: Span, requires: &[Written<'_>]) {
        let mut impossible = false;
        for require in requires {
            impossible |= self.prove_possible(scope, require);
            self.prove_says_something(scope, require);
        }
        let trees: Vec<&Tree> = requires.iter().map(|require| &require.when.root).collect();
        if impossible || trees.len() < 2 || trees.iter().any(|tree| is_literal(tree)) {
            return;
        }
        let Some(conflict) = Conditions::of(scope, &self.plan.types).conflict(&trees, &[]) else { return };
        let mut diagnostic = Diagnostic::new(&meaning::NEVER_TRUE, step, "these requirements never hold together").label(why(&conflict));
        for require in requires {
            diagnostic = diagnostic.also(require.span, "must hold");
        }
        self.report(diagnostic.help("change one of them: as they are, the step can never pass"));
    }
}
