//! Which flows and events have to do with personal data, by what the plan says of types, requests and facts. It looks at no value.

use crate::event::EventKind;
use std::collections::BTreeSet;
use tradewind_lang::plan::{Decision, Flow, Operation, Plan, Step, StepKind};
use tradewind_lang::ty::{Field, Marks, Ty};

/// How deep types are followed.
const DEEPEST: u8 = 16;

struct Search<'a> {
    plan: &'a Plan,
    records: BTreeSet<String>,
    flows: BTreeSet<String>,
}

/// Whether a run of a flow may meet personal data or a secret.
#[must_use]
pub fn flow(plan: &Plan, flow: &Flow) -> bool {
    Search { plan, records: BTreeSet::new(), flows: BTreeSet::new() }.flow(flow)
}

/// Whether the request of an operation may say something of people.
pub(crate) fn asks(plan: &Plan, operation: &Operation) -> bool {
    Search { plan, records: BTreeSet::new(), flows: BTreeSet::new() }.fields(&operation.request)
}

/// Whether what an event carries, or says of what it could not start, may be personal.
pub(super) fn carries(plan: &Plan, kind: &EventKind) -> bool {
    let mut search = Search { plan, records: BTreeSet::new(), flows: BTreeSet::new() };
    match kind {
        EventKind::EventReceived(arrival) | EventKind::EventEmitted(arrival) => search.record(record_of(plan, &arrival.name)),
        EventKind::EventDispatched { failed, .. } => {
            failed.iter().any(|(name, _)| plan.flows.get(&**name).is_none_or(|flow| search.flow(flow)))
        }
        _ => false,
    }
}

/// Whether nothing personal can stand in a record: then two of them may be compared, whoever is forgotten later.
#[must_use]
pub fn is_plain(plan: &Plan, record: &str) -> bool {
    let mut search = Search { plan, records: BTreeSet::new(), flows: BTreeSet::new() };
    let fields = plan.types.records.get(record).map(|record| record.fields.as_slice());
    fields.is_some_and(|fields| !search.fields(fields) && fields.iter().all(|field| is_typed(plan, &field.ty, 0)))
}

/// Whether a type says of all its parts what they are: parts that nothing is said of are sealed with whatever the run has met.
fn is_typed(plan: &Plan, ty: &Ty, depth: u8) -> bool {
    match ty {
        Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => is_typed(plan, inner, depth),
        Ty::Record(name) => {
            let fields = plan.types.records.get(name).map(|record| record.fields.as_slice());
            depth < DEEPEST && fields.is_some_and(|fields| fields.iter().all(|field| is_typed(plan, &field.ty, depth + 1)))
        }
        Ty::Bool | Ty::Int | Ty::Double | Ty::String | Ty::Timestamp | Ty::Duration | Ty::Money | Ty::Enum(_) => true,
        _ => false,
    }
}

/// The record type that an event of a name carries.
pub(super) fn record_of<'a>(plan: &'a Plan, event: &'a str) -> &'a str {
    plan.events.get(event).map_or(event, |event| event.record.as_str())
}

pub(super) fn is_marked(marks: Marks) -> bool {
    marks.pii || marks.secret
}

impl Search<'_> {
    fn flow(&mut self, flow: &Flow) -> bool {
        self.flows.insert(flow.name.clone())
            && (self.record(&flow.input) || flow.steps.iter().chain(&flow.terms.on_failure).any(|step| self.step(step)))
    }

    fn step(&mut self, step: &Step) -> bool {
        self.ty(&step.ty)
            || match &step.kind {
                StepKind::Call { operation, .. } | StepKind::Act { operation, .. } => self.operation(operation),
                StepKind::Undo(undo) => self.operation(&undo.operation) || self.operation(&undo.by),
                StepKind::Agent(acting) => acting.tools.iter().any(|tool| self.operation(&tool.operation)),
                StepKind::Remember { memory, .. } | StepKind::Recall { memory, .. } => self.memory(memory),
                StepKind::Facts(facts) => self.memory(&facts.memory),
                StepKind::Search(search) => self.memory(&search.memory),
                StepKind::Emit(emit) => self.record(&emit.event),
                StepKind::Begin(begin) => self.plan.flows.get(&begin.flow).is_some_and(|begun| self.flow(&begun.clone())),
                StepKind::Ask { answer, .. } => self.record(answer),
                StepKind::Draft { record, .. } => self.record(record),
                StepKind::Generate(generate) => self.record(&generate.record),
                StepKind::Split(split) => split.arms.iter().any(|(_, decision)| match decision {
                    Decision::Draft(generate) => self.record(&generate.record),
                    Decision::Rules { .. } | Decision::Classify { .. } => false,
                }),
                StepKind::Each(each) => self.ty(&each.items.ty),
                _ => false,
            }
    }

    fn operation(&mut self, name: &str) -> bool {
        let Some(operation) = self.plan.operations.get(name).cloned() else { return false };
        let read =
            |before: &Operation| before.terms.before.as_ref().and_then(|before| self.plan.operations.get(&before.operation)).cloned();
        let before = read(&operation);
        self.fields(&operation.request)
            || self.ty(&operation.response)
            || before.is_some_and(|before| self.fields(&before.request) || self.ty(&before.response))
    }

    fn memory(&mut self, name: &str) -> bool {
        self.plan.memories.get(name).cloned().is_some_and(|memory| self.record(&memory.record))
    }

    fn record(&mut self, name: &str) -> bool {
        let Some(record) = self.plan.types.records.get(name) else { return false };
        self.records.insert(name.to_owned()) && self.fields(&record.fields)
    }

    fn fields(&mut self, fields: &[Field]) -> bool {
        fields.iter().any(|field| is_marked(field.marks) || self.ty(&field.ty))
    }

    fn ty(&mut self, ty: &Ty) -> bool {
        match ty {
            Ty::Record(name) => self.record(name),
            Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => self.ty(inner),
            Ty::Keyed(key, inner) => self.ty(key) || self.ty(inner),
            Ty::Object(fields) => fields.iter().any(|(_, ty)| self.ty(ty)),
            _ => false,
        }
    }
}
