//! Facts that enter a memory, each with what it rests on. Which facts they take the place of is for the fold of the log.

use super::Round;
use crate::event::{EventKind, Used};
use crate::key::text_of;
use crate::memory::{Origin, Source, Trust};
use crate::scope::whole;
use crate::state::RunState;
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Bindings, Cause, Facts, Plan, Rung, StepId, StepKind};
use tradewind_lang::value::Value;

pub(super) fn one(round: &mut Round<'_>, id: StepId, memory: &str, (subject, fields): (&Expr, &Bindings)) {
    match round.evaluate(subject).and_then(|subject| Ok((text_of(&subject), round.bind(fields)?))) {
        Ok((subject, values)) => {
            let origin = origin(round, memory, fields, &values);
            let kind = EventKind::FactRemembered { memory: memory.into(), subject, fields: values, origin };
            round.emit(Some(id), kind, Used::State, None);
        }
        Err(message) => round.fail_rule(id, message),
    }
}

/// Several facts, or facts about nobody.
pub(super) fn several(round: &mut Round<'_>, id: StepId, facts: &Facts) {
    let gathered = (|| {
        let subject = facts.subject.as_ref().map(|subject| round.evaluate(subject)).transpose()?;
        let (mut records, mut origins) = (Vec::new(), Vec::new());
        for (when, fields) in &facts.facts {
            if when.as_ref().map_or(Ok(true), |when| round.holds(when))? {
                let values = round.bind(fields)?;
                origins.push(origin(round, &facts.memory, fields, &values));
                records.push(values);
            }
        }
        Ok((subject.map_or_else(|| "".into(), |subject| text_of(&subject)), records, origins))
    })();
    match gathered {
        Ok((subject, records, origins)) => {
            let kind = EventKind::FactsRemembered { memory: facts.memory.as_str().into(), subject, facts: records, origins };
            round.emit(Some(id), kind, Used::State, None);
        }
        Err(message) => round.fail_rule(id, message),
    }
}

/// What a fact rests on, and how far it is to be trusted.
fn origin(round: &Round<'_>, memory: &str, fields: &Bindings, values: &Value) -> Origin {
    let plan = &round.state.pinned.plan;
    let mut followed = Followed { round, seen: BTreeSet::new(), found: Vec::new() };
    fields.iter().for_each(|(_, expr)| followed.expr(&round.state, expr));
    let sources = followed.found;
    let trust = if holds_outside_text(plan, memory, values) {
        Trust::Outside
    } else if sources.iter().any(|source| is_partner(plan, &round.state, source)) {
        Trust::Partner
    } else {
        Trust::Own
    };
    Origin { trust, sources }
}

/// Whether there is something in a field that is marked `untrusted`: words from outside stand nowhere else.
fn holds_outside_text(plan: &Plan, memory: &str, values: &Value) -> bool {
    let record = plan.memories.get(memory).and_then(|memory| plan.types.records.get(&memory.record));
    let marked = record.into_iter().flat_map(|record| &record.fields).filter(|field| field.marks.untrusted);
    marked.into_iter().any(|field| values.get(&field.name).is_some_and(|value| *value != Value::Null))
}

/// Whether what a partner's system said is in it. A run that such a system's event may start holds its word from the beginning.
fn is_partner(plan: &Plan, state: &RunState, source: &Source) -> bool {
    let partner = |connector: &str| plan.connectors.get(connector).is_some_and(|connector| connector.terms.partner);
    let of_event = |event: &str| event.split_once('.').is_some_and(|(connector, _)| partner(connector));
    match source {
        Source::Operation { operation, .. } => plan.operations.get(&**operation).is_some_and(|operation| partner(&operation.connector)),
        Source::Event { event, .. } => of_event(event),
        Source::Input => {
            let triggers = plan.flows.get(&*whole(state).graph.name).map(|flow| flow.terms.triggers.as_slice()).unwrap_or_default();
            triggers.iter().any(|trigger| matches!(&trigger.cause, Cause::Event { event } if of_event(event)))
        }
        Source::Model { .. } | Source::Person { .. } | Source::Memory { .. } | Source::Flow { .. } => false,
    }
}

/// Follows the names of expressions to where their values were first said.
struct Followed<'a, 'b> {
    round: &'a Round<'b>,
    seen: BTreeSet<(usize, String)>,
    found: Vec<Source>,
}

impl Followed<'_, '_> {
    fn expr(&mut self, state: &RunState, expr: &Expr) {
        expr.variables().into_iter().for_each(|name| self.name(state, name));
    }

    fn add(&mut self, source: Source) {
        if !self.found.contains(&source) {
            self.found.push(source);
        }
    }

    fn name(&mut self, state: &RunState, name: &str) {
        if name == "input" {
            return self.add(Source::Input);
        }
        let depth = std::iter::successors(state.outer.as_deref(), |state| state.outer.as_deref()).count();
        let Some(id) = state.graph.find(name) else {
            // A step of what runs around it, or the item of a loop.
            let Some(outer) = state.outer.as_deref() else { return };
            let around = state.parent.as_ref().and_then(|parent| outer.graph.step(parent.step?));
            return match around.map(|step| &step.kind) {
                Some(StepKind::Each(each)) if each.item == name => {
                    if self.seen.insert((depth, name.to_owned())) {
                        self.expr(outer, &each.items);
                    }
                }
                _ => self.name(outer, name),
            };
        };
        if self.seen.insert((depth, name.to_owned())) {
            self.step(state, id, name);
        }
    }

    fn step(&mut self, state: &RunState, id: StepId, name: &str) {
        let Ok(kind) = crate::cohort::verb(state, id) else { return };
        let step: Arc<str> = name.into();
        match &*kind {
            StepKind::Let { value } => self.expr(state, value),
            StepKind::Rules { rules, otherwise } => {
                rules.iter().for_each(|rule| self.expr(state, &rule.value));
                self.expr(state, otherwise);
            }
            StepKind::Choose { arms } => arms.iter().flat_map(|arm| &arm.output).for_each(|(_, expr)| self.expr(state, expr)),
            StepKind::Call { operation, .. } | StepKind::Act { operation, .. } => {
                self.add(Source::Operation { step, operation: operation.as_str().into() });
            }
            StepKind::Recall { memory, .. } => self.add(Source::Memory { step, memory: memory.as_str().into() }),
            StepKind::Search(search) => self.add(Source::Memory { step, memory: search.memory.as_str().into() }),
            StepKind::Ask { .. } => self.add(Source::Person { step }),
            StepKind::Begin(begin) => self.add(Source::Flow { step, flow: begin.flow.as_str().into() }),
            StepKind::Wait(wait) => {
                if let tradewind_lang::plan::Until::Event { event, .. } = &wait.until {
                    self.add(Source::Event { step, event: event.as_str().into() });
                }
            }
            StepKind::Each(each) => self.expr(state, &each.items),
            StepKind::Classify { route, .. } | StepKind::Draft { route, .. } => self.model(state, id, step, route),
            StepKind::Look(look) => self.model(state, id, step, &look.route),
            StepKind::Generate(generate) => self.model(state, id, step, &generate.route),
            StepKind::Agent(acting) => self.model(state, id, step, &acting.route),
            StepKind::Revise(revise) => {
                if let Some(of) = &revise.of {
                    self.name(state, of);
                }
            }
            StepKind::Reflect { .. }
            | StepKind::Remember { .. }
            | StepKind::Facts(_)
            | StepKind::Undo(_)
            | StepKind::Emit(_)
            | StepKind::Split(_)
            | StepKind::Measure(_) => {}
        }
    }

    /// Who answered, as the run knows it; where it was taken over from another run, the route that was asked. What a rung of the ladder
    /// says that is no model is the operator's own.
    fn model(&mut self, state: &RunState, id: StepId, step: Arc<str>, route: &str) {
        let label = state.step(id).and_then(|step| step.value.get("by")).and_then(Value::as_str).map(Arc::from);
        let label = label.or_else(|| state.step(id).and_then(|step| step.label.as_ref()).map(|label| label.by.clone()));
        let label = label.or_else(|| self.said_now(id));
        let rungs = state.pinned.plan.routes.get(route).map_or(&[][..], |route| &route.rungs);
        match label {
            Some(by) if matches!(&*by, "value" | "template") => {}
            Some(model) => self.add(Source::Model { step, model }),
            None if rungs.iter().any(|rung| matches!(rung, Rung::Candidate { .. } | Rung::Cached { .. })) => {
                self.add(Source::Model { step, model: format!("route {route}").into() });
            }
            None => {}
        }
    }

    /// The label of an answer that is part of this very decision.
    fn said_now(&self, id: StepId) -> Option<Arc<str>> {
        let of_step = self.round.decision.events.iter().rev().filter(|draft| draft.step == Some(id));
        of_step.into_iter().find_map(|draft| match &draft.used {
            Used::Said(label) => Some(label.by.clone()),
            _ => None,
        })
    }
}
