//! Every place of an event where something may be said of a person, or a secret may stand. A new kind of event does not compile
//! before it is said here.
//!
//! The order is part of the format: sealed parts are named by the place they had in it.

use super::FORGOTTEN;
use crate::approval::{Approval, Verdict};
use crate::event::{EventKind, Intent, Outcome, Used};
use crate::failure::Failure;
use crate::fork::{CameTo, Forked, Inherited, Kept};
use crate::question::{Answer, Answered, Called, Picture, Question, Turn};
use crate::undo::{Back, NotBack, Reversal};
use std::sync::Arc;
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

/// One place.
pub(crate) enum Slot<'a> {
    /// A value, and by what its parts are known.
    Value(&'a mut Value, Says<'a>),
    /// A text for people.
    Text(&'a mut String),
    /// The same, shared.
    Name(&'a mut Arc<str>),
    /// A digest of something personal.
    Digest(&'a mut Digest),
}

/// By what the parts of a value are known.
#[derive(Clone, Copy)]
pub(crate) enum Says<'a> {
    /// The input of the run.
    Input,
    /// An item that the step picked.
    Item,
    /// The input of the flow that the step begins.
    Begun,
    /// What the step is: a declared type where it reads, derived otherwise.
    Step,
    /// The request of an operation.
    Request(&'a str),
    /// A fact of a memory.
    Fact(&'a str),
    /// What an event of this name carries.
    Payload(&'a str),
    /// What an operation answered; that of the step where none is named.
    Answer(Option<&'a str>),
    /// What was there before this operation, or that of the step.
    Before(Option<&'a str>),
    /// What the lookup of the step's operation found.
    Found,
    /// Parameters of the step's operation that a person wrote.
    Edits,
    /// What a person answered to the step.
    Told,
    /// The request of an operation that is taken back, or takes back.
    Undone(&'a str),
    /// What the step came to in the run that this one was forked from.
    Kept,
    /// What a model said.
    Talk,
    /// Made of whatever the run had met.
    Derived,
}

type See<'s> = dyn FnMut(Slot<'_>) + 's;

/// Shows every place of an event, in order.
pub(crate) fn visit(kind: &mut EventKind, used: &mut Used, see: &mut See<'_>) {
    of_kind(kind, see);
    match used {
        Used::Answer { failures: texts, .. } | Used::Model { refused: texts, .. } => {
            texts.iter_mut().for_each(|text| see(Slot::Text(text)))
        }
        Used::Said(label) => label.passed.iter_mut().for_each(|text| see(Slot::Text(text))),
        Used::NothingKept(looked) => looked.passed.iter_mut().for_each(|text| see(Slot::Text(text))),
        Used::Lookup { found } => see(Slot::Value(found, Says::Found)),
        Used::Guard { refused: Some((_, message)), .. } => see(Slot::Text(message)),
        Used::Guard { refused: None, .. }
        | Used::State
        | Used::Facts { .. }
        | Used::Found(_)
        | Used::Measured { .. }
        | Used::Clock
        | Used::Restart
        | Used::TooLarge => {}
    }
}

fn derived(value: &mut Value, see: &mut See<'_>) {
    see(Slot::Value(value, Says::Derived));
}

fn failed(failure: &mut Failure, see: &mut See<'_>) {
    see(Slot::Text(&mut failure.message));
}

fn outcome(outcome: &mut Outcome, says: Says<'_>, see: &mut See<'_>) {
    match outcome {
        Outcome::Done(value) => see(Slot::Value(value, says)),
        Outcome::Failed(failure) => failed(failure, see),
    }
}

fn of_kind(kind: &mut EventKind, see: &mut See<'_>) {
    match kind {
        EventKind::RunStarted { input, payload, fork, .. } => {
            see(Slot::Value(input, Says::Input));
            see(Slot::Digest(payload));
            fork.iter_mut().for_each(|of| forked(Arc::make_mut(of), see));
        }
        EventKind::StepInherited(of) => kept(Arc::make_mut(of), see),
        EventKind::EffectInherited(of) => done(Arc::make_mut(of), see),
        EventKind::CancelRequested { reason } | EventKind::RunCancelled { reason } => ended(reason, see),
        EventKind::ItemsPicked { items } => items.iter_mut().for_each(|item| see(Slot::Value(&mut item.value, Says::Item))),
        EventKind::FlowBegun { input } => see(Slot::Value(input, Says::Begun)),
        EventKind::FailureHandled { failure, .. }
        | EventKind::StepOverdue { failure }
        | EventKind::StepFailed { failure, .. }
        | EventKind::RunFailed { failure } => failed(failure, see),
        EventKind::ChildEnded { outcome: of, .. } => outcome(of, Says::Derived, see),
        EventKind::PreImageRead { outcome: of } => outcome(of, Says::Before(None), see),
        EventKind::EffectSettled { outcome: of, .. } => outcome(of, Says::Answer(None), see),
        EventKind::StepCompleted { value } | EventKind::EventTaken { value, .. } => see(Slot::Value(value, Says::Step)),
        EventKind::UndoPlanned { reversals } => reversals.iter_mut().for_each(|of| reversal(Arc::make_mut(of), see)),
        EventKind::IntentRecorded(of) => intent(Arc::make_mut(of), see),
        EventKind::EffectAttempted { message, .. } | EventKind::EffectDenied { message, .. } => see(Slot::Text(message)),
        EventKind::ApprovalRequested(of) => approval(Arc::make_mut(of), see),
        EventKind::ApprovalAnswered { verdict: of, edited, .. } => verdict(of, edited, see),
        EventKind::EventEmitted(of) | EventKind::EventReceived(of) => {
            let arrival = Arc::make_mut(of);
            see(Slot::Value(&mut arrival.payload, Says::Payload(&arrival.name)));
        }
        EventKind::EventDispatched { failed, .. } => failed.iter_mut().for_each(|(_, why)| see(Slot::Text(why))),
        EventKind::FactRemembered { memory, fields, .. } => see(Slot::Value(fields, Says::Fact(memory))),
        EventKind::FactsRemembered { memory, facts, .. } => facts.iter_mut().for_each(|fact| see(Slot::Value(fact, Says::Fact(memory)))),
        EventKind::ModelAsked(of) => question(Arc::make_mut(of), see),
        EventKind::ModelAnswered(of) => answered(Arc::make_mut(of), see),
        EventKind::AnswerTaken(_, value) => see(Slot::Value(value, Says::Talk)),
        EventKind::ToolsCalled(calls) => Arc::make_mut(calls).iter_mut().for_each(|called| tool(called, see)),
        EventKind::RunMigrated(of) => Arc::make_mut(of).filled.iter_mut().for_each(|(_, value)| derived(value, see)),
        EventKind::RunCompleted { output } => derived(output, see),
        // Names, times and numbers; what is refused is told by its place alone, and is not kept.
        EventKind::PlanAdopted { .. }
        | EventKind::EffectsFrozen { .. }
        | EventKind::EffectsThawed { .. }
        | EventKind::SubjectForgotten { .. }
        | EventKind::SubjectHeld { .. }
        | EventKind::SubjectReleased { .. }
        | EventKind::FactsDropped { .. }
        | EventKind::VectorsAsked(_)
        | EventKind::VectorsAnswered(_)
        | EventKind::RunAdmitted
        | EventKind::RunPaused
        | EventKind::RunResumed
        | EventKind::ArmTaken { .. }
        | EventKind::ItemSetAside { .. }
        | EventKind::ApprovalRaised(_)
        | EventKind::ItemsCompleted
        | EventKind::StepSkipped { .. }
        | EventKind::ApprovalExpired { .. }
        | EventKind::ApprovalWithdrawn { .. }
        | EventKind::WaitBegun { .. }
        | EventKind::WaitEnded { .. }
        | EventKind::EventRefused(_)
        | EventKind::EventsGathered { .. }
        | EventKind::ScheduleFired { .. } => {}
    }
}

fn verdict(of: &mut Verdict, edited: &mut Option<Value>, see: &mut See<'_>) {
    match of {
        Verdict::Approve { edits } => see(Slot::Value(edits, Says::Edits)),
        Verdict::Answer(said) => see(Slot::Value(said, Says::Told)),
        Verdict::Deny { reason } => see(Slot::Text(reason)),
    }
    edited.iter_mut().for_each(|edited| see(Slot::Value(edited, Says::Edits)));
}

/// That somebody was forgotten is said of nobody.
fn ended(reason: &mut Arc<str>, see: &mut See<'_>) {
    if **reason != *FORGOTTEN {
        see(Slot::Name(reason));
    }
}

fn forked(of: &mut Forked, see: &mut See<'_>) {
    of.kept.iter_mut().for_each(|of| kept(Arc::make_mut(of), see));
    of.effects.iter_mut().for_each(|of| done(Arc::make_mut(of), see));
}

fn kept(of: &mut Kept, see: &mut See<'_>) {
    match &mut of.came_to {
        CameTo::Value(value, _) => see(Slot::Value(value, Says::Kept)),
        CameTo::Denied(_, message) => see(Slot::Name(message)),
        CameTo::Failed(failure) => failed(failure, see),
        CameTo::Skipped(_) | CameTo::Arm(_) => {}
    }
}

fn done(of: &mut Inherited, see: &mut See<'_>) {
    // What an event carries was made of what its run had met.
    match of.operation.starts_with("emit ") {
        true => derived(&mut of.request, see),
        false => see(Slot::Value(&mut of.request, Says::Request(&of.operation))),
    }
    of.answer.iter_mut().for_each(|answer| see(Slot::Value(answer, Says::Answer(Some(&of.operation)))));
}

fn tool(called: &mut Called, see: &mut See<'_>) {
    match &mut called.call {
        Ok((operation, request)) => see(Slot::Value(request, Says::Request(operation))),
        Err(why) => see(Slot::Text(why)),
    }
}

fn question(of: &mut Question, see: &mut See<'_>) {
    of.says.iter_mut().for_each(|said| turn(said, see));
    of.same.iter_mut().for_each(|same| see(Slot::Digest(same)));
    of.alike.iter_mut().for_each(|alike| {
        see(Slot::Digest(&mut alike.group));
        see(Slot::Name(&mut alike.text));
    });
    of.passed.iter_mut().for_each(|why| see(Slot::Text(why)));
}

fn turn(said: &mut Turn, see: &mut See<'_>) {
    match said {
        Turn::System(text) | Turn::User(text) | Turn::Model(text) | Turn::Tool { text, .. } => see(Slot::Name(text)),
        Turn::Image(Picture::Inline { base64: told, .. } | Picture::Url(told)) => see(Slot::Name(told)),
        Turn::Image(Picture::Asset { .. }) => {}
        Turn::Calls(calls) => calls.iter_mut().for_each(|call| see(Slot::Name(&mut call.arguments))),
    }
}

fn answered(of: &mut Answered, see: &mut See<'_>) {
    match &mut of.answer {
        Answer::Said(reply) => {
            see(Slot::Name(&mut reply.text));
            reply.calls.iter_mut().for_each(|call| see(Slot::Name(&mut call.arguments)));
        }
        Answer::Silent(silence) => see(Slot::Text(&mut silence.message)),
    }
}

fn reversal(of: &mut Reversal, see: &mut See<'_>) {
    see(Slot::Value(&mut of.effect, Says::Undone(&of.undone)));
    derived(&mut of.evidence, see);
    match &mut of.back {
        Back::By { operation, request } => see(Slot::Value(request, Says::Undone(operation))),
        Back::Not(NotBack::NoValue(why)) => see(Slot::Text(why)),
        Back::Not(_) => {}
    }
}

fn intent(of: &mut Intent, see: &mut See<'_>) {
    see(Slot::Value(&mut of.request, Says::Request(&of.operation)));
    derived(&mut of.evidence, see);
    of.before.iter_mut().for_each(|before| see(Slot::Value(before, Says::Before(Some(&of.operation)))));
    see(Slot::Digest(&mut of.digest));
}

fn approval(of: &mut Approval, see: &mut See<'_>) {
    see(Slot::Text(&mut of.question));
    of.shown.iter_mut().for_each(|(_, value)| derived(value, see));
    match &of.operation {
        Some(operation) => see(Slot::Value(&mut of.request, Says::Request(operation))),
        None => derived(&mut of.request, see),
    }
    derived(&mut of.evidence, see);
    of.before.iter_mut().for_each(|before| see(Slot::Value(before, Says::Before(of.operation.as_deref()))));
    see(Slot::Digest(&mut of.digest));
}
