//! Words that a model mixed of outside text and private data, as they go from run to run: in an event, in a fact, or in what a flow is given
//! that another one starts. A field of a type does not say so, and flows are lowered before it is known what they are given: those that
//! such words come to are lowered once more, with the fields marked that they come in. It judges nothing.

use super::context::{Context, name_of};
use super::emitted::reads;
use super::flows::Outcome;
use super::mixture::carries;
use super::model::WrittenRoute;
use crate::ast::Node;
use crate::expr::Checked;
use crate::plan::{Cause, Flow, StepKind, Until};
use crate::ty::Record;
use std::collections::{BTreeMap, BTreeSet};

/// What carries words to another run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Over {
    /// An event of ours, by its type.
    Event,
    /// A fact, by the type of its memory's records.
    Fact,
    /// What a flow is given, by the flow.
    Input,
}

/// Fields that mixed words are put into, by what carries them and its name.
pub(crate) type Carried = BTreeSet<(Over, String, String)>;

impl Context<'_> {
    /// Notes which of these values are mixed words.
    pub(crate) fn note_carried(&mut self, over: Over, name: &str, bound: &[(String, Checked)]) {
        let mixed = bound.iter().filter(|(_, checked)| checked.speaks() && checked.marks.mixed);
        self.known.kept.mixed.extend(mixed.map(|(field, _)| (over, name.to_owned(), field.clone())));
    }

    /// Notes what flows are given by the events that begin their runs.
    pub(super) fn note_begun(&mut self) {
        let mut found = Carried::new();
        for flow in self.plan.flows.values() {
            for trigger in &flow.terms.triggers {
                let Cause::Event { event } = &trigger.cause else { continue };
                let carried: Vec<&str> = carried(&self.known.kept.mixed, Over::Event, event).collect();
                let fields = self.plan.types.records.get(&flow.input).map(|record| record.fields.as_slice()).unwrap_or_default();
                let comes = |field: &str| match trigger.input.iter().find(|(of, _)| of == field) {
                    Some((_, expr)) => carried.iter().any(|name| reads(expr, name)),
                    None => carried.contains(&field),
                };
                let given = fields.iter().filter(|field| carries(&field.ty) && comes(&field.name));
                found.extend(given.map(|field| (Over::Input, flow.name.clone(), field.name.clone())));
            }
        }
        self.known.kept.mixed.extend(found);
    }

    /// The fields of records in which mixed words come to a flow, as far as it is known.
    pub(super) fn mixed_fields(&self, flow: &Flow) -> BTreeSet<(String, String)> {
        let mixed = &self.known.recalled.mixed;
        let mut found: BTreeSet<(String, String)> = BTreeSet::new();
        if mixed.is_empty() {
            return found;
        }
        let mut add = |record: &str, over: Over, name: &str| {
            found.extend(carried(mixed, over, name).map(|field| (record.to_owned(), field.to_owned())));
        };
        add(&flow.input, Over::Input, &flow.name);
        let mut memories: Vec<&String> = Vec::new();
        for step in flow.steps.iter().chain(&flow.terms.on_failure) {
            match &step.kind {
                StepKind::Recall { memory, .. } => memories.push(memory),
                StepKind::Search(search) => memories.push(&search.memory),
                StepKind::Agent(acting) => {
                    let actor = acting.actor.as_ref().and_then(|(agent, _)| self.plan.agents.get(agent));
                    memories.extend(actor.into_iter().flat_map(|actor| &actor.memories));
                }
                StepKind::Wait(wait) => match &wait.until {
                    Until::Event { event, .. } if !self.plan.events.contains_key(event) => add(event, Over::Event, event),
                    _ => {}
                },
                _ => {}
            }
        }
        for memory in memories.into_iter().filter_map(|memory| self.plan.memories.get(memory)) {
            add(&memory.record, Over::Fact, &memory.record);
            // One that says whether it is stale has a type of its own.
            add(&memory.recalled(), Over::Fact, &memory.record);
        }
        found
    }

    /// Marks them in the types of the flow at hand.
    pub(crate) fn mark_carried(&mut self, flow: &str) {
        let fields = self.plan.flows.get(flow).map(|flow| self.mixed_fields(flow)).unwrap_or_default();
        for (record, name) in fields {
            let declared = self.plan.types.records.get_mut(&record).map(|record| &mut record.fields);
            for field in declared.into_iter().flatten().filter(|field| field.name == name) {
                field.marks.mixed = true;
            }
        }
    }

    /// Lowers a flow once more, and leaves the types as they were for the next one.
    pub(super) fn lower_carried(&mut self, node: &Node, routes: &BTreeMap<String, WrittenRoute>) -> Option<Outcome> {
        let flow = name_of(node).and_then(|name| self.plan.flows.get(&name.text).cloned());
        let marked = flow.map(|flow| self.mixed_fields(&flow)).unwrap_or_default();
        let records: BTreeSet<String> = marked.into_iter().map(|(record, _)| record).collect();
        let before = records.into_iter().filter_map(|name| Some((name.clone(), self.plan.types.records.get(&name)?.clone())));
        let before: Vec<(String, Record)> = before.collect();
        let outcome = self.lower_apart(node, routes);
        self.plan.types.records.extend(before);
        outcome
    }
}

/// The fields in which something carries mixed words.
fn carried<'c>(mixed: &'c Carried, over: Over, name: &str) -> impl Iterator<Item = &'c str> {
    mixed.iter().filter(move |(of, by, _)| *of == over && by == name).map(|(.., field)| field.as_str())
}
