//! `wait`: for a span of time, until an instant, or for an event within a span of time.

use super::context::Context;
use super::control::{Steering, leading_to};
use super::flow::FlowDraft;
use super::step::{Place, Verb};
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Tree;
use crate::plan::{OnTimeout, StepKind, Until, Wait};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};

impl Context<'_> {
    pub(crate) fn lower_wait(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let given: Vec<&str> = ["for", "until", "event"].into_iter().filter(|name| node.setting(name).is_some()).collect();
        let [only] = given.as_slice() else {
            let (message, label) = match given.as_slice() {
                [] => ("this `wait` does not say what it waits for", "for what?"),
                _ => ("this `wait` waits for two things", "one too many"),
            };
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, node.name.span, message).label(label);
            self.report(diagnostic.help("write one of `for=\"2h\"`, `until=\"=order.due\"` and `event=\"shop.parcel.received\"`"));
            return None;
        };
        let value = node.setting(only)?.clone();
        if *only == "event" {
            return self.lower_wait_event(node, place);
        }
        for unused in ["where", "within", "on-timeout"].into_iter().filter(|name| node.setting(name).is_some()) {
            let span = node.setting(unused).map_or(node.name.span, |value| value.span);
            let diagnostic =
                Diagnostic::new(&meaning::WRONG_VALUE, span, format!("`{unused}` says nothing where time alone is waited for"));
            self.report(diagnostic.label("not used").help("leave it out, or wait for an `event`"));
        }
        let (ty, make): (Ty, fn(crate::expr::Expr) -> Until) = match *only {
            "for" => (Ty::Duration, Until::Span),
            _ => (Ty::Timestamp, Until::Instant),
        };
        let checked = self.value(&value, &place.scope, Some(&ty))?;
        if checked.marks.untrusted {
            let diagnostic = Diagnostic::new(&meaning::TAINTED, value.span, "text from outside chooses how long this waits");
            let diagnostic = self.with_way(diagnostic.label("derived from outside text"), &checked, place);
            self.report(diagnostic.help("bound it with `between(x, lo, hi)`"));
        }
        if let Tree::Constant(Value::Duration(micros)) = checked.expr.root
            && micros <= 0
        {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "`for` must be longer than nothing");
            self.report(diagnostic.label("no time at all").help("write a span such as \"4h\" or \"30d\", or remove the step"));
        }
        let until = make(place.note(checked).expr);
        Some((StepKind::Wait(Box::new(Wait { until, on_timeout: None })), Ty::Object(Vec::new()), Marks::default()))
    }

    fn lower_wait_event(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let value = node.setting("event")?.clone();
        let record = self.event_record(&value);
        let within = match node.setting("within") {
            Some(_) => self.span_of_time(node, "within"),
            None => {
                self.missing(node, "within", "write `within=\"21d\"`: how long it waits at most");
                None
            }
        };
        let on_timeout = match node.setting("on-timeout").cloned() {
            Some(word) => self.word(&word, "`on-timeout`", &["skip", "stop"]).map(|word| match word.as_str() {
                "skip" => OnTimeout::Skip,
                _ => OnTimeout::Stop,
            }),
            None => {
                let message = "this `wait` does not say what happens when the event does not come";
                let diagnostic = Diagnostic::new(&meaning::NO_TIMEOUT, node.name.span, message).label("no `on-timeout`");
                self.report(diagnostic.help("write `on-timeout=skip` to go on without it, or `on-timeout=stop`"));
                None
            }
        };
        let (event, record) = record?;
        // Which event it is, and whether it comes at all.
        let mut marks = Marks::default();
        if !self.plan.events.contains_key(&event) && self.known.recalled.whole(&record) {
            marks.steered = true;
            place.control.push(Steering { span: value.span, path: String::new() });
            place.came.take((event.clone(), value.span), false);
        }
        let condition = match node.setting("where").cloned() {
            Some(condition) => {
                let scope = place.scope.clone().with("event", Ty::Record(record.clone()), Marks::default());
                let checked = self.condition(&condition, &scope)?;
                self.prove_picks(&scope, "this `wait`", condition.span, &checked.expr);
                if !planted(Hole::Wait) {
                    place.steer(&checked, condition.span);
                    place.came.note(&checked);
                    marks = marks.with(checked.marks.choosing());
                }
                place.reads.extend(checked.reads.iter().filter(|(path, _)| path.split('.').next() != Some("event")).cloned());
                Some(checked.expr)
            }
            None => None,
        };
        if place.draft.taken.contains(&event) && !planted(Hole::Taken) {
            marks.steered = true;
            place.control.push(Steering { span: value.span, path: String::new() });
        }
        let until = Until::Event { event, condition, within: within? };
        Some((StepKind::Wait(Box::new(Wait { until, on_timeout: Some(on_timeout?) })), Ty::Record(record), marks))
    }
}

/// Events that several waits of a flow wait for, one of which outside text leads to, or picks one for: what it takes, the others do not get.
pub(crate) fn taken(draft: &FlowDraft<'_>) -> BTreeSet<String> {
    let mut waits: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, lowered) in &draft.lowered {
        if let StepKind::Wait(wait) = &lowered.step.kind
            && let Until::Event { event, .. } = &wait.until
        {
            waits.entry(event).or_default().push(*at);
        }
    }
    let led = |waits: &Vec<usize>| waits.len() > 1 && waits.iter().any(|at| !leading_to(draft, *at).is_empty());
    waits.into_iter().filter(|(_, waits)| led(waits)).map(|(event, _)| event.to_owned()).collect()
}

/// Whether outside text decides how long a flow waits, or whether it does: for a time, an event, or somebody's answer.
pub(crate) fn delayed(draft: &FlowDraft<'_>) -> bool {
    draft.lowered.iter().any(|(at, lowered)| match &lowered.step.kind {
        StepKind::Wait(_) => !lowered.failing.over.is_empty() || !leading_to(draft, *at).is_empty(),
        StepKind::Ask { .. } => !leading_to(draft, *at).is_empty(),
        _ => false,
    })
}
