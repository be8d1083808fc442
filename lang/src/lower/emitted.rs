//! What outside text decides across events: whether one is emitted, and with what. It begins runs of the flows that wait for it, and they
//! are proved for that once all flows are there. What a connector tells of begins a run from outside, and is not looked at here.

use super::called::Bare;
use super::carried::Over;
use super::context::{Context, name_of};
use super::control::{Steering, cap_it, decides, leading_to};
use super::flow::FlowDraft;
use super::model::WrittenRoute;
use super::step::Place;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr};
use crate::plan::{Cause, Flow, StepKind, Trigger};
use crate::planted::{Hole, planted};
use crate::shape::given;
use crate::source::Span;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How a step begins something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Event(String),
    Flow(String),
    /// A trigger of a flow, which begins its runs.
    Trigger(String),
}

/// An event that a step emits, and what outside text decides of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emitted {
    /// The flow and its step.
    pub(crate) by: (String, String),
    /// The event; or the flow that is started, which may emit some.
    pub(crate) what: What,
    pub(crate) span: Span,
    /// Whether it is emitted.
    pub(crate) control: Vec<Steering>,
    /// Which of our own values its fields have.
    pub(crate) fields: Vec<(String, Steering)>,
}

impl Emitted {
    /// Whether outside text decides anything of it.
    fn is_decided(&self) -> bool {
        !self.control.is_empty() || !self.fields.is_empty()
    }
}

/// Whether an expression reads a field of the event that begins a run, or may, as it names the event alone.
pub(super) fn reads(expr: &Expr, field: &str) -> bool {
    let name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.');
    let path = format!("event.{field}");
    let of = |word: &str| word == path || word.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.'));
    expr.source.split(|letter| !name(letter)).any(|word| of(word) || word.trim_matches('.') == "event")
}

/// The events that steps of a node emit, as written.
pub(crate) fn emits(node: &Node, found: &mut BTreeSet<String>) {
    for child in &node.children {
        if node.name.text == "act" && child.name.text == "emit" {
            found.extend(name_of(child).map(|name| name.text));
        }
        emits(child, found);
    }
}

impl Context<'_> {
    /// Notes which of the values of an event outside text chose.
    pub(crate) fn note_emitted(&mut self, verb: &Node, event: &str, bound: &[(String, Checked)], place: &Place<'_, '_>) {
        let Some(step) = place.draft.drafts.get(place.at) else { return };
        let by = (place.draft.name.clone(), step.name.clone());
        let steered = bound.iter().filter(|(_, checked)| !planted(Hole::Event) && checked.marks.steered && !checked.marks.untrusted);
        let fields = steered.filter_map(|(name, checked)| {
            let span = given::place(verb, name);
            Some((name.clone(), Steering::of(checked, span)?))
        });
        let fields: Vec<(String, Steering)> = fields.collect();
        self.note_carried(Over::Event, event, bound);
        self.note_told(event, fields.iter().map(|(name, _)| name.clone()));
        // A step that is lowered again says it anew.
        self.known.emitted.retain(|emitted| emitted.by != by);
        self.known.emitted.push(Emitted { by, what: What::Event(event.to_owned()), span: step.span, control: Vec::new(), fields });
    }

    /// Notes which events of a flow outside text lets be emitted, and which flows be started.
    pub(crate) fn note_emission(&mut self, draft: &FlowDraft<'_>) {
        for (at, lowered) in &draft.lowered {
            let by = (draft.name.clone(), lowered.step.name.clone());
            match &lowered.step.kind {
                StepKind::Emit(_) => {
                    let control = if planted(Hole::Emission) { Vec::new() } else { leading_to(draft, *at) };
                    if let Some(emitted) = self.known.emitted.iter_mut().find(|emitted| emitted.by == by) {
                        emitted.control = control;
                    }
                }
                StepKind::Begin(begin) => {
                    let control = leading_to(draft, *at);
                    let Some(step) = draft.drafts.get(*at).filter(|_| !control.is_empty()) else { continue };
                    let what = What::Flow(begin.flow.clone());
                    self.known.emitted.push(Emitted { by, what, span: step.span, control, fields: Vec::new() });
                }
                _ => {}
            }
        }
    }

    /// The flows that an event starts, with the trigger that does.
    pub(crate) fn started_by(&self, event: &str) -> Vec<(Arc<Flow>, Trigger)> {
        let mut found = Vec::new();
        for flow in self.plan.flows.values() {
            let waits = |trigger: &&Trigger| matches!(&trigger.cause, Cause::Event { event: of } if of == event);
            found.extend(flow.terms.triggers.iter().filter(waits).map(|trigger| (flow.clone(), trigger.clone())));
        }
        found
    }

    /// The events that follow where something is begun, in whatever it starts in turn.
    fn told_by(&self, what: &What) -> BTreeSet<String> {
        let (mut events, mut flows) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![what.clone()];
        while let Some(what) = open.pop() {
            let flow = match what {
                What::Event(event) => {
                    if events.insert(event.clone()) {
                        open.extend(self.started_by(&event).into_iter().map(|(flow, _)| What::Flow(flow.name.clone())));
                    }
                    continue;
                }
                What::Flow(flow) | What::Trigger(flow) => flow,
            };
            let Some(found) = self.plan.flows.get(&flow).filter(|_| flows.insert(flow.clone())) else { continue };
            for step in found.steps.iter().chain(&found.terms.on_failure) {
                match &step.kind {
                    StepKind::Emit(emit) => open.push(What::Event(emit.event.clone())),
                    StepKind::Begin(begin) => open.push(What::Flow(begin.flow.clone())),
                    _ => {}
                }
            }
        }
        events
    }

    /// Proves the flows that events start for what outside text decides of those events.
    pub(crate) fn prove_emitted(&mut self, routes: &BTreeMap<String, WrittenRoute>) {
        self.known.complete = true;
        let (mut done, mut said) = (Vec::new(), BTreeSet::new());
        // What is proved may emit in turn; there are no more events than steps that emit, and no more fields than they have.
        loop {
            let open = std::mem::take(&mut self.known.emitted);
            let open: Vec<Emitted> = open.into_iter().filter(|emitted| emitted.is_decided() && !done.contains(emitted)).collect();
            if open.is_empty() {
                return;
            }
            for emitted in open {
                if !emitted.control.is_empty() {
                    let events = self.told_by(&emitted.what);
                    self.note_decided(events);
                }
                for bare in self.led_by(&emitted, routes) {
                    if said.insert((emitted.span, bare.clone())) {
                        self.report_emitted(&emitted, &bare);
                    }
                }
                done.push(emitted);
            }
        }
    }

    /// The uncapped effects of a flow's steps, with or without those that events start.
    fn bare_of(&mut self, flow: &str, events: bool) -> BTreeSet<Bare> {
        self.known.complete = events;
        let steps = self.plan.flows.get(flow).map(|flow| flow.steps.iter().chain(&flow.terms.on_failure));
        let found = steps.into_iter().flatten().flat_map(|step| self.bare_effects(&step.kind, flow, &BTreeSet::new())).collect();
        self.known.complete = true;
        found
    }

    /// The uncapped effects that outside text reaches through an event.
    fn led_by(&mut self, emitted: &Emitted, routes: &BTreeMap<String, WrittenRoute>) -> BTreeSet<Bare> {
        let event = match &emitted.what {
            What::Event(event) => event,
            // Those of its own were reported where it is started.
            What::Flow(flow) => return self.bare_of(flow, true).difference(&self.bare_of(flow, false)).cloned().collect(),
            What::Trigger(flow) if !emitted.control.is_empty() => return self.bare_of(flow, true),
            What::Trigger(flow) => {
                let given = emitted.fields.iter().map(|(name, _)| name.clone()).collect();
                let node = self.known.called.get(flow).cloned();
                return node.into_iter().flat_map(|node| self.prove_with(&node, flow, &given, routes).bare).collect();
            }
        };
        let mut found = BTreeSet::new();
        for (flow, trigger) in self.started_by(event) {
            let asked = |name: &String| trigger.condition.as_ref().is_some_and(|condition| reads(condition, name));
            if !emitted.control.is_empty() || emitted.fields.iter().any(|(name, _)| asked(name)) {
                found.extend(self.bare_of(&flow.name, true));
            }
            let input = self.plan.types.records.get(&flow.input).map(|record| record.fields.clone()).unwrap_or_default();
            let comes = |field: &str| match trigger.input.iter().find(|(of, _)| of == field) {
                Some((_, expr)) => emitted.fields.iter().any(|(name, _)| reads(expr, name)),
                None => emitted.fields.iter().any(|(name, _)| name == field),
            };
            let given = input.into_iter().filter(|field| !field.marks.untrusted && comes(&field.name));
            let given: BTreeSet<String> = given.map(|field| field.name).collect();
            if let Some(node) = self.known.called.get(&flow.name).cloned().filter(|_| !given.is_empty()) {
                found.extend(self.prove_with(&node, &flow.name, &given, routes).bare);
            }
        }
        found
    }

    fn report_emitted(&mut self, emitted: &Emitted, (flow, operation, loose): &Bare) {
        let message = format!("text from outside leads to `{operation}` in the flow `{flow}`, and no cap holds it");
        let mut diagnostic = Diagnostic::new(&meaning::STEERED, emitted.span, message).label(match &emitted.what {
            What::Event(event) => format!("`{event}` starts it"),
            What::Trigger(_) => "the run begins here".to_owned(),
            What::Flow(_) => "an event that is emitted there starts it".to_owned(),
        });
        for Steering { span, path } in emitted.control.iter().chain(emitted.fields.iter().map(|(_, steering)| steering)) {
            diagnostic = diagnostic.also(*span, decides(path));
        }
        self.report(diagnostic.help(cap_it(operation, loose)));
    }
}
