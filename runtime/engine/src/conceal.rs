//! What a run did, without the secrets in it: for whoever prints an event, a run or a question. The log itself keeps them (sealed), and
//! decisions, replay and conditions see them; nothing here is for those.
//!
//! What a value is says the plan that its run followed. Where that plan, or the step that made a value, is not known, the whole value is
//! hidden. In a project that marks no secret nothing is.

use crate::event::{EventKind, Used};
use crate::pinned::{FlowGraph, Pinned};
use crate::seal::places::{Says, Slot, visit};
use crate::summary::RunDetails;
use crate::undo::{AGAIN, UNDO};
use std::sync::Arc;
use tradewind_lang::conceal::{SECRET, conceal, conceal_fields, has_secrets, hide, knows_secrets};
use tradewind_lang::plan::{Operation, Plan, Step, StepId, StepKind};
use tradewind_lang::ty::{Field, Ty};
use tradewind_lang::value::{Record, Value};

/// A plan and a flow of it, as far as they are known, by which values are shown.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    pinned: Option<Arc<Pinned>>,
    graph: Option<Arc<FlowGraph>>,
}

/// What is known of a value's parts.
enum Known<'p> {
    /// Its type.
    Ty(Ty),
    /// The fields of a request.
    Fields(&'p [Field]),
    /// The compiler lets no secret into it.
    Free,
    /// Nothing.
    Nothing,
}

impl Shown {
    pub(crate) fn new(pinned: Option<Arc<Pinned>>, graph: Option<Arc<FlowGraph>>) -> Self {
        Self { pinned, graph }
    }

    /// The plan, where something has to be hidden at all; otherwise whether the plan is known.
    fn plan(&self) -> Result<&Plan, bool> {
        match &self.pinned {
            None => Err(false),
            Some(pinned) if knows_secrets(&pinned.plan) => Ok(&pinned.plan),
            Some(_) => Err(true),
        }
    }

    /// Hides the secrets of an event of a step, or of the run as a whole.
    pub fn event(&self, step: Option<StepId>, kind: &mut EventKind, used: &mut Used) {
        let plan = match self.plan() {
            Ok(plan) => Some(plan),
            Err(false) => None,
            Err(true) => return,
        };
        let step = step.and_then(|id| self.graph.as_ref()?.step(id));
        // What a model writes may be a secret where its step is one; its words are not taken apart.
        let is_talk = matches!(kind, EventKind::ModelAsked(_) | EventKind::ModelAnswered(_) | EventKind::ToolsCalled(_));
        let says_secrets = plan.zip(step).is_some_and(|(plan, step)| has_secrets(&step.ty, &plan.types));
        visit(kind, used, &mut |slot| match slot {
            Slot::Value(value, says) => match plan {
                Some(plan) => self.by(plan, step, value, says),
                None => hide(value),
            },
            Slot::Text(text) if is_talk && says_secrets => SECRET.clone_into(text),
            Slot::Name(name) if is_talk && says_secrets => *name = SECRET.into(),
            Slot::Text(_) | Slot::Name(_) | Slot::Digest(_) => {}
        });
    }

    fn by(&self, plan: &Plan, step: Option<&Step>, value: &mut Value, says: Says<'_>) {
        match (says, step, &self.graph) {
            (Says::Step | Says::Kept, Some(step), _) => return of_step(value, step, plan),
            (Says::Input, _, Some(graph)) if matches!(&*graph.name, UNDO | AGAIN) => return of_reversals(value, plan),
            _ => {}
        }
        match self.known(plan, step, says) {
            Known::Ty(ty) => conceal(value, &ty, &plan.types),
            Known::Fields(fields) => conceal_fields(value, fields, &plan.types),
            Known::Free => {}
            Known::Nothing => hide(value),
        }
    }

    fn known<'p>(&self, plan: &'p Plan, step: Option<&Step>, says: Says<'_>) -> Known<'p> {
        let operation = |name: &str| plan.operations.get(name).map(|operation| &**operation);
        let acted = |named: Option<&str>| match (named, step.map(|step| &step.kind)) {
            (Some(name), _) => operation(name),
            (None, Some(StepKind::Act { operation: name, .. } | StepKind::Call { operation: name, .. })) => operation(name),
            _ => None,
        };
        let request = |operation: Option<&'p Operation>| operation.map_or(Known::Nothing, |operation| Known::Fields(&operation.request));
        let response = |operation: Option<&Operation>| operation.map_or(Known::Nothing, |operation| Known::Ty(operation.response.clone()));
        match says {
            Says::Input => self.graph.as_ref().map_or(Known::Nothing, |graph| record(plan, &graph.flow.input)),
            Says::Item => match step.map(|step| &step.kind) {
                Some(StepKind::Each(each)) => match &each.items.ty {
                    Ty::List(item) if !each.items.secret || has_secrets(item, &plan.types) => Known::Ty((**item).clone()),
                    _ => Known::Nothing,
                },
                _ => Known::Nothing,
            },
            Says::Begun => match step.map(|step| &step.kind) {
                Some(StepKind::Begin(begin)) => plan.flows.get(&begin.flow).map_or(Known::Nothing, |flow| record(plan, &flow.input)),
                _ => Known::Nothing,
            },
            Says::Fact(memory) => plan.memories.get(memory).map_or(Known::Nothing, |memory| record(plan, &memory.record)),
            Says::Payload(event) => record(plan, plan.events.get(event).map_or(event, |event| event.record.as_str())),
            Says::Request(name) | Says::Undone(name) => request(operation(name)),
            Says::Answer(name) => response(acted(name)),
            Says::Before(name) => {
                let before = acted(name).and_then(|operation| operation.terms.before.as_ref());
                response(before.and_then(|before| operation(&before.operation)))
            }
            Says::Found => response(acted(None).and_then(|own| own.lookup.as_ref()).and_then(|lookup| operation(&lookup.operation))),
            Says::Edits => request(acted(None)),
            Says::Told => step.map_or(Known::Nothing, |step| Known::Ty(step.ty.clone())),
            Says::Talk => match step {
                Some(step) if !has_secrets(&step.ty, &plan.types) => Known::Free,
                _ => Known::Nothing,
            },
            Says::Step | Says::Kept => Known::Nothing,
            Says::Derived => Known::Free,
        }
    }

    /// Hides the secrets of a run's input and of the values of its steps.
    pub fn details(&self, details: &mut RunDetails) {
        let plan = match self.plan() {
            Ok(plan) => plan,
            Err(true) => return,
            Err(false) => {
                hide(&mut details.input);
                return details.steps.iter_mut().for_each(|step| hide(&mut step.value));
            }
        };
        self.by(plan, None, &mut details.input, Says::Input);
        for step in &mut details.steps {
            self.step(&step.name, &mut step.value);
        }
    }

    /// Hides the secrets of the value of a step.
    pub fn step(&self, name: &str, value: &mut Value) {
        match (self.plan(), self.graph.as_ref().and_then(|graph| graph.flow.steps.iter().find(|step| step.name == name))) {
            (Err(true), _) => {}
            (Ok(plan), Some(step)) => of_step(value, step, plan),
            (Ok(_) | Err(false), _) => hide(value),
        }
    }

    /// Hides the secrets of a request of an operation.
    pub fn request(&self, operation: &str, value: &mut Value) {
        match self.plan() {
            Ok(plan) => by_name(value, Some(operation), plan),
            Err(true) => {}
            Err(false) => hide(value),
        }
    }
}

fn record<'p>(plan: &Plan, name: &str) -> Known<'p> {
    if plan.types.records.contains_key(name) {
        return Known::Ty(Ty::Record(name.to_owned()));
    }
    // A flow without an input takes none.
    if name.is_empty() { Known::Free } else { Known::Nothing }
}

/// The value that a step came to.
fn of_step(value: &mut Value, step: &Step, plan: &Plan) {
    match &step.kind {
        StepKind::Act { operation, .. } => match (plan.operations.get(operation), value) {
            (Some(operation), Value::Record(record)) => of_act(Arc::make_mut(record), operation, plan),
            (_, value) => hide(value),
        },
        // The fact, whose fields the type of the step does not list.
        StepKind::Remember { memory, .. } => match plan.memories.get(memory) {
            Some(memory) => conceal(value, &Ty::Record(memory.record.clone()), &plan.types),
            None => hide(value),
        },
        StepKind::Undo(undo) => each_of(value, "effects", &mut |effect| by_name(effect, Some(&undo.operation), plan)),
        _ => conceal(value, &step.ty, &plan.types),
    }
}

/// The input of a run that does nothing but take effects back, or do them again.
fn of_reversals(value: &mut Value, plan: &Plan) {
    each_of(value, "effects", &mut |reversal| {
        let Value::Record(record) = reversal else { return hide(reversal) };
        let named = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
        let (undone, by) = (named("undone"), named("by"));
        for (name, value) in &mut Arc::make_mut(record).0 {
            match &**name {
                "effect" => by_name(value, undone.as_deref(), plan),
                "request" => by_name(value, by.as_deref(), plan),
                _ => {}
            }
        }
    });
}

/// A request of an operation.
fn by_name(request: &mut Value, operation: Option<&str>, plan: &Plan) {
    match operation.and_then(|name| plan.operations.get(name)) {
        Some(operation) => conceal_fields(request, &operation.request, &plan.types),
        None => hide(request),
    }
}

/// Each value of a list in a record.
fn each_of(value: &mut Value, name: &str, see: &mut dyn FnMut(&mut Value)) {
    let Value::Record(record) = value else { return hide(value) };
    for (_, value) in Arc::make_mut(record).0.iter_mut().filter(|(own, _)| **own == *name) {
        match value {
            Value::List(items) => Arc::make_mut(items).iter_mut().for_each(&mut *see),
            value => hide(value),
        }
    }
}

/// What an act came to: the fields of the answer, and the request.
fn of_act(record: &mut Record, operation: &Operation, plan: &Plan) {
    let answered = match &operation.response {
        Ty::Record(name) => plan.types.records.get(name).map_or(&[][..], |declared| declared.fields.as_slice()),
        _ => &[],
    };
    for (name, value) in &mut record.0 {
        match (&**name, answered.iter().find(|field| field.name == **name)) {
            ("request", _) => conceal_fields(value, &operation.request, &plan.types),
            (_, Some(field)) if field.marks.secret => hide(value),
            (_, Some(field)) => conceal(value, &field.ty, &plan.types),
            ("response", None) => conceal(value, &operation.response, &plan.types),
            (_, None) => hide(value),
        }
    }
}
