//! `recall` that looks by meaning, by condition, over all subjects, or as of a time.

use super::context::Context;
use super::step::{Place, Verb};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Search, StepKind};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::ty::{Marks, Ty};
use crate::value::Value;

const BEYOND: &[&str] = &["query", "where", "top", "all", "max", "fresh", "as-of"];

/// Whether a `recall` asks for more than the newest facts of a subject.
pub(crate) fn searches(node: &Node) -> bool {
    BEYOND.iter().any(|name| node.setting(name).is_some())
}

impl Context<'_> {
    pub(crate) fn lower_search(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let value = node.argument(0)?.clone();
        let name = self.reference(&value, "memory")?;
        let memory = self.plan.memories.get(&name)?.clone();
        let mut marks = Marks::default();
        let mut part = |context: &mut Self, setting: &str, ty: Ty, place: &mut Place<'_, '_>| {
            let value = node.setting(setting).cloned()?;
            let checked = context.value(&value, &place.scope, Some(&ty))?;
            marks = marks.with(checked.marks.choosing());
            if setting == "subject" {
                context.check_personal(&checked, Some(&value), super::personal::SUBJECT, &place.scope);
            }
            if setting == "query" {
                context.check_secret_given(&checked, value.span, "what a memory is searched for", &place.scope);
                context.check_asked(&value, checked.marks, &memory);
            }
            Some(place.note(checked).expr)
        };
        let subject = part(self, "subject", Ty::String, place);
        let query = part(self, "query", Ty::String, place);
        let as_of = part(self, "as-of", Ty::Timestamp, place);
        if let (Some(value), true) = (node.setting("query"), memory.terms.embed.is_none() && memory.terms.fulltext.is_empty()) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{name}` cannot be searched by meaning"));
            self.report(diagnostic.label("has no index").help("write `embed=\"text\"` or `fulltext \"text\"` in the memory"));
        }
        let condition = match node.setting("where").cloned() {
            Some(condition) => {
                let scope = place.scope.clone().with("fact", Ty::Record(memory.recalled()), Marks::default());
                let checked = self.condition(&condition, &scope)?;
                self.prove_picks(&scope, "this `recall`", condition.span, &checked.expr);
                place.came.note(&checked);
                marks = marks.with(checked.marks.choosing());
                place.reads.extend(checked.reads.iter().filter(|(path, _)| path.split('.').next() != Some("fact")).cloned());
                Some(checked.expr)
            }
            None => None,
        };
        if ["subject", "query", "where", "all"].iter().all(|setting| node.setting(setting).is_none()) {
            self.missing(node, "subject", "write `subject=\"=input.customer_id\"`, or `query`, `where` or `all`: which facts");
        }
        let all = match node.setting("all").cloned() {
            Some(value) => self.typed(&value, &Ty::Bool)? == Value::Bool(true),
            None => false,
        };
        let most = self.most(node, all)?;
        let fresh = if node.setting("fresh").is_some() { Some(self.span_of_time(node, "fresh")?) } else { None };
        let marks = if planted(Hole::Search) { Marks::default() } else { marks };
        let marks = self.recalled(marks, &memory.record, subject.is_some());
        if marks.steered {
            place.came.take((name.clone(), value.span), false);
        }
        let search = Search { memory: name, subject, query, condition, most, all, fresh, as_of };
        Some((StepKind::Search(Box::new(search)), Ty::List(Box::new(Ty::Record(memory.recalled()))), marks))
    }

    /// What is said of facts that were found: those of somebody whom outside text chose, or of anybody, are not his own words.
    pub(crate) fn recalled(&self, found: Marks, record: &str, of_one: bool) -> Marks {
        let inner = crate::expr::select::inner_marks(&Ty::Record(record.to_owned()), &self.plan.types);
        let steered = found.steered || self.known.recalled.whole(record);
        Marks { private: inner.pii && (!of_one || found.steered), steered, ..found }
    }

    /// How many facts at most: `max` of all, `top` of the best, `last` of the newest.
    fn most(&mut self, node: &Node, all: bool) -> Option<u32> {
        let (bound, unused): (&str, &[&str]) = if all { ("max", &["top", "last"]) } else { ("top", &["max"]) };
        for name in unused.iter().filter(|name| node.setting(name).is_some()) {
            let span = node.setting(name).map_or(node.name.span, |value| value.span);
            let message = if all { format!("`all` leaves nothing for `{name}`") } else { format!("`{name}` belongs to `all`") };
            self.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("not used").help(format!("write `{bound}=20`")));
        }
        if all {
            return self.bound(node, "max", 1_000_000, "write `max=1000`: more facts than this fail the step");
        }
        let given = ["top", "last"].into_iter().find(|name| node.setting(name).is_some());
        given.map_or(Some(20), |name| self.count(node, name, 1, 10_000))
    }
}
