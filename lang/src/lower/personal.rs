//! Places that personal data and secrets do not reach: keys and labels that stand in lists and logs as they are, parameters that do
//! not say that they take them, and answers that are kept for somebody else. Prompts are in `talk`, fields of records in `trigger`.

use super::context::Context;
use super::marked::{Mark, Paths};
use super::model::WrittenRoute;
use super::step::Place;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr, Scope, closed};
use crate::plan::{Memory, Operation};
use crate::planted::{Hole, planted};
use crate::shape::given;
use crate::source::Span;
use crate::ty::{Field, Marks, Ty};

/// What a value stands in that names a person in a memory.
pub(crate) const SUBJECT: &str = "the subject of a memory";

impl Context<'_> {
    /// What a value tells of a person or an account, where it does.
    fn told_of(&self, checked: &Checked, scope: &Scope) -> Option<&'static str> {
        let truth = |mark, what| self.is_marked_truth(checked, scope, mark).then_some(what);
        checked.tells().or_else(|| truth(Mark::Secret, "a secret")).or_else(|| truth(Mark::Personal, "personal data"))
    }

    /// A diagnostic with the way of what a value tells of a person or an account.
    fn with_told(&self, diagnostic: Diagnostic, checked: &Checked, scope: &Scope) -> Diagnostic {
        let mark = if checked.marks.secret { Mark::Secret } else { Mark::Personal };
        self.with_mark(diagnostic, Paths { scope, reads: &checked.reads }, mark)
    }

    /// A value that stands somewhere as it is, such as the key of a run.
    pub(crate) fn check_personal(&mut self, checked: &Checked, value: Option<&Literal>, place: &str, scope: &Scope) {
        if let (Some(what), Some(value)) = (self.told_of(checked, scope), value) {
            let message = format!("{what} would stand in {place}, where it is not sealed");
            let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, value.span, message).label(format!("holds {what}"));
            let diagnostic = self.with_told(diagnostic, checked, scope);
            self.report(diagnostic.help("name a field that only tells one from another, such as an id"));
        }
    }

    /// Parameters of a call: each says whether it takes personal data.
    pub(crate) fn check_personal_call(&mut self, call: &Node, operation: &Operation, bound: &[(String, Checked)], scope: &Scope) {
        let choosing = self.choosing.get(&operation.name).cloned().unwrap_or_default();
        // That outside text chooses a target is said already.
        for (name, checked) in bound.iter().filter(|(name, checked)| !(checked.speaks() && choosing.contains(name))) {
            let Some(field) = operation.request.iter().find(|field| field.name == *name) else { continue };
            let what = match self.told_of(checked, scope) {
                Some("a secret") if !field.marks.secret => "a secret",
                Some("personal data") if !field.marks.pii => "personal data",
                _ => continue,
            };
            let span = given::place(call, name);
            let message = format!("{what} would go to `{name}` of `{}`, which is not cleared for it", operation.name);
            let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, span, message).label(format!("is {what}"));
            let diagnostic = self.with_told(diagnostic, checked, scope);
            let mark = if what == "a secret" { "secret" } else { "pii" };
            self.report(
                diagnostic
                    .help(format!("write `field \"{name}\" {} {mark}` in the operation's request if the provider may have it", field.ty)),
            );
        }
    }

    /// What one customer was told is not kept for a customer whose message is like his.
    pub(crate) fn check_kept_answers(&mut self, route: &str, written: &WrittenRoute, marks: Marks, span: Span, paths: Paths<'_>) {
        if marks.pii && written.terms.cache_similar.is_some() {
            let message = format!("the route `{route}` gives an answer made of personal data to whoever asks something similar");
            let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, span, message).label("kept for others");
            let diagnostic = self.with_mark(diagnostic, paths, Mark::Personal);
            self.report(diagnostic.help("write `cache exact=` alone in the route, or leave the personal fields out of the prompt"));
        }
    }

    /// What a metric is told apart by is a label, and what a flow that the metric starts is given.
    pub(crate) fn check_metric_label(&mut self, value: &Literal, name: &str, marks: Marks, fields: &[(String, Ty)]) {
        if marks.pii || marks.secret {
            let message = format!("personal data (`{name}`) would stand in the labels of a metric, where it is not sealed");
            let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, value.span, message).label("holds personal data");
            self.report(diagnostic.help("tell apart by a field that names no person"));
        }
        let words = fields.iter().any(|(of, ty)| of == name && !closed(ty));
        if marks.untrusted && words {
            let message = format!("text from outside (`{name}`) would be the label of a metric");
            let diagnostic = Diagnostic::new(&meaning::TAINTED, value.span, message).label("as many as somebody thinks up");
            self.report(diagnostic.help("tell apart by a field of an enum"));
        }
    }

    /// What a policy says to people, or counts by, is in the log as it stands.
    pub(crate) fn check_personal_rule(&mut self, on: &[String], reads: &[(String, Span)], place: &str) {
        for (path, span) in reads {
            let Some(name) = path.strip_prefix("effect.").map(|rest| rest.split('.').next().unwrap_or(rest)) else { continue };
            let marked = |field: &Field| field.name == name && (field.marks.pii || field.marks.secret);
            let operations = on.iter().filter_map(|of| self.plan.operations.get(of));
            let mut marking = operations.filter(|operation| operation.request.iter().any(marked));
            let Some(operation) = marking.next() else { continue };
            let declared = self.field_of(&operation.name, name);
            let message = format!("personal data (`{path}`) would stand in {place}, where it is not sealed");
            let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, *span, message).label("holds personal data");
            let diagnostic = declared.into_iter().fold(diagnostic, |diagnostic, field| diagnostic.also(field, "marked here"));
            self.report(diagnostic.help("name a parameter that only tells one effect from another, such as an id"));
        }
    }

    /// Evidence that a limit counts by: its claims stand in the log for as long as the log does, as they are.
    pub(crate) fn check_counted_by(
        &mut self,
        operation: &Operation,
        flow: &str,
        name: &str,
        (checked, span): (&Checked, Span),
        scope: &Scope,
    ) {
        // A secret is no evidence at all.
        let Some(what) = self.told_of(checked, scope).filter(|_| !checked.marks.secret) else { return };
        let is_it = |path: &String| path.strip_prefix("evidence.").is_some_and(|rest| rest.split('.').next() == Some(name));
        let covering = self.plan.policies.values().filter(|policy| policy.covers(&operation.name, flow));
        let mut limits = covering.flat_map(|policy| policy.limits.iter().map(move |limit| (policy, limit)));
        let counts = limits.find(|(_, limit)| limit.by.as_ref().is_some_and(|by| by.root.paths().iter().any(is_it)));
        let Some(rule) = counts.map(|(policy, limit)| format!("{}.{}", policy.name, limit.name)) else { return };
        let message = format!("{what} would stand in what the limit `{rule}` counts by, where it is not sealed");
        let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, span, message).label(format!("holds {what}"));
        let diagnostic = self.with_told(diagnostic, checked, scope);
        self.report(diagnostic.help(format!("give `{name}` a value that only tells one from another, such as an id")));
    }

    /// What an operation is told apart by, which guards and lists keep for ever.
    pub(crate) fn check_personal_request(&mut self, request: &[Field], checked: &Checked, place: &str) {
        for (path, span) in &checked.reads {
            let Some(name) = path.strip_prefix("request.").map(|rest| rest.split('.').next().unwrap_or(rest)) else { continue };
            if !request.iter().any(|field| field.name == name && (field.marks.pii || field.marks.secret)) {
                continue;
            }
            let message = format!("personal data (`{path}`) would stand in {place}, where it is not sealed");
            let diagnostic = Diagnostic::new(&meaning::PERSONAL_PLACE, *span, message).label("holds personal data");
            self.report(diagnostic.help("name a parameter that only tells one effect from another, such as an id"));
        }
    }

    /// The message of a `deny`.
    pub(crate) fn deny_message(&mut self, value: &Literal, scope: &Scope, on: &[String]) -> Option<crate::template::Template> {
        let text = self.text(value, "a text")?;
        let checked = self.worded(&text, value, scope)?;
        self.check_personal_rule(on, &checked.reads, "the message of a `deny`");
        Some(checked.template)
    }

    /// Whose facts are meant: the name under which they are sealed is not sealed itself.
    pub(crate) fn subject(&mut self, value: &Literal, scope: &Scope) -> Option<Checked> {
        let checked = self.value(value, scope, Some(&Ty::String))?;
        self.check_personal(&checked, Some(value), SUBJECT, scope);
        Some(checked)
    }

    /// Whose fact is remembered: words from outside do not say whose memory is written to, and what they chose decides what is in it.
    pub(crate) fn written_subject(&mut self, value: &Literal, place: &mut Place<'_, '_>) -> Option<Checked> {
        let checked = self.subject(value, &place.scope)?;
        if checked.speaks() {
            let read = checked.blamed().map(|(path, _)| format!(" (`{path}`)")).unwrap_or_default();
            let message = format!("text from outside{read} chooses whose fact this is");
            let diagnostic = Diagnostic::new(&meaning::TAINTED, value.span, message).label("says whom it is about");
            let diagnostic = self.with_way(diagnostic, &checked, place);
            self.report(diagnostic.help("take it from a trusted record, or bound it with `among(x, own_list)`"));
        }
        if !planted(Hole::Subject) {
            place.steer(&checked, value.span);
        }
        Some(checked)
    }

    /// The text that a memory is searched by: a model of a provider reads it.
    pub(crate) fn check_embedded(&mut self, value: &Literal, field: Option<&Field>, model: Option<&str>) {
        let (Some(field), Some(name)) = (field, model) else { return };
        let remote = self.plan.models.get(name).and_then(|model| model.remote.as_ref());
        let cleared = remote.is_none_or(|remote| remote.cleared.iter().any(|word| word == "pii"));
        if field.marks.pii && !cleared {
            let message = format!("personal text would reach the model `{name}`, which is not cleared for it");
            let diagnostic = Diagnostic::new(&meaning::NOT_CLEARED, value.span, message).label(format!("`{name}` embeds it"));
            self.report(diagnostic.help(format!("write `cleared pii` in the model `{name}` if its provider may see personal data")));
        }
    }

    /// What a memory is searched for: the model of its vectors reads that, too.
    pub(crate) fn check_asked(&mut self, value: &Literal, marks: Marks, memory: &Memory) {
        let name = memory.terms.embed.as_ref().and_then(|(_, model)| model.as_ref()).filter(|_| marks.pii);
        let Some((name, remote)) = name.and_then(|name| Some((name, self.plan.models.get(name)?.remote.as_ref()?))) else { return };
        if !remote.cleared.iter().any(|word| word == "pii") {
            let message = format!("personal text would reach the model `{name}`, which is not cleared for it");
            let diagnostic = Diagnostic::new(&meaning::NOT_CLEARED, value.span, message).label(format!("`{name}` embeds it"));
            self.report(diagnostic.help(format!("write `cleared pii` in the model `{name}` if its provider may see personal data")));
        }
    }

    /// A key that stands in lists as it is.
    pub(crate) fn plain_key(&mut self, value: &Literal, scope: &Scope, place: &str) -> Option<Expr> {
        let checked = self.value(value, scope, None)?;
        self.check_personal(&checked, Some(value), place, scope);
        Some(checked.expr)
    }
}
