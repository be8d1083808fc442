//! Decisions that are too large for the log: their run goes on with less, or fails; the shard never stops for it.
//!
//! What fits is kept, and the rest is decided again from there. Where the first event alone is too large, a small one
//! takes its place that claims no more than what happened.

use super::{Entry, Shard};
use crate::approval::{Approval, ApprovalKind};
use crate::decide::{Effect, Timer};
use crate::event::{Event, EventKind, Outcome, Used};
use crate::failure::{Failure, FailureKind};
use crate::state::{Phase, RunState};
use std::sync::Arc;
use tradewind_lang::plan::OnError;
use tradewind_lang::value::Value;

/// What is left of a text for people.
const TEXT: usize = 1024;

impl Shard {
    fn state(&self, run: &Arc<str>) -> Option<&RunState> {
        match self.books.runs.get(run)? {
            Entry::Live(live) => Some(&live.state),
            Entry::Ended(_) => None,
        }
    }

    /// Drops events: their claims are free again. The effects that may still be done; what else is wanted is decided again.
    pub(super) fn cut(&mut self, run: &Arc<str>, dropped: Vec<EventKind>, mut effects: Vec<Effect>) -> Vec<Effect> {
        let (mut intents, mut approvals, mut begins) = (Vec::new(), Vec::new(), true);
        for kind in dropped {
            match kind {
                EventKind::IntentRecorded(intent) => {
                    self.books.guards.release(&intent.key);
                    intents.push(intent.key.clone());
                }
                EventKind::ModelAsked(question) => {
                    self.books.guards.release(&question.key);
                    intents.push(question.key.clone());
                }
                EventKind::ApprovalRequested(approval) => approvals.push(approval.id.clone()),
                EventKind::ItemsPicked { .. } | EventKind::FlowBegun { .. } | EventKind::FailureHandled { .. } => begins = false,
                _ => {}
            }
        }
        let Some(state) = self.state(run) else { return Vec::new() };
        effects.retain(|effect| match effect {
            Effect::Timer { timer: Timer::Approval(id), .. } => !approvals.contains(id),
            // A clock and an ear of a step that does not wait after all change nothing.
            Effect::Timer { timer: Timer::Deadline | Timer::Step(_) | Timer::Wait(_) | Timer::Repetition(_), .. }
            | Effect::Listen { .. }
            | Effect::Lookup { .. }
            | Effect::EndChildren { .. } => true,
            Effect::Begin { .. } => begins,
            Effect::Perform { call, .. } => !intents.iter().any(|key| **key == *call.key),
            Effect::Say { prompt, .. } => !intents.contains(&prompt.question.key),
            Effect::Read { step, .. }
            | Effect::FindDone { step, .. }
            | Effect::Recall { step, .. }
            | Effect::Search { step, .. }
            | Effect::Measure { step }
            | Effect::LookKept { step, .. }
            | Effect::Classify { step, .. } => state
                .step(*step)
                .is_some_and(|step| matches!(step.phase, Phase::Ready | Phase::Asking | Phase::Approved(_) | Phase::Rereading(_))),
        });
        effects
    }

    /// A small event in the place of one that is too large.
    pub(super) fn reduced(&self, run: &Arc<str>, mut event: Event) -> Event {
        let failure = || Failure::new(FailureKind::Schema, "what it holds is too large for the log");
        let step = event.header.step.as_ref().map(|step| step.id);
        let goes_on = || {
            let declared = step.and_then(|step| self.state(run)?.graph.step(step).map(|step| step.on_error == OnError::Skip));
            declared == Some(true)
        };
        event.kind = match event.kind {
            // It did happen; only what was answered is lost.
            EventKind::EffectSettled { outcome: Outcome::Done(_), by, attempt, goes_on } => {
                EventKind::EffectSettled { outcome: Outcome::Done(Value::Null), by, attempt, goes_on }
            }
            EventKind::EffectSettled { outcome: Outcome::Failed(failure), by, attempt, goes_on } => {
                EventKind::EffectSettled { outcome: Outcome::Failed(shortened(failure)), by, attempt, goes_on }
            }
            EventKind::EffectAttempted { attempt, doubt, code, message, next } => {
                EventKind::EffectAttempted { attempt, doubt, code, message: short(&message), next }
            }
            EventKind::StepFailed { failure, goes_on } => EventKind::StepFailed { failure: shortened(failure), goes_on },
            EventKind::RunFailed { failure } => EventKind::RunFailed { failure: shortened(failure) },
            EventKind::RunCompleted { .. } => EventKind::RunFailed { failure: failure() },
            EventKind::ChildEnded { child, part, waited, .. } => {
                EventKind::ChildEnded { child, part, outcome: Outcome::Failed(failure()), waited }
            }
            EventKind::EffectDenied { rule, message, goes_on } => EventKind::EffectDenied { rule, message: short(&message), goes_on },
            // Whoever says what became of it goes by its key; what it would do is in the log already.
            EventKind::ApprovalRequested(approval) if approval.kind == ApprovalKind::Settle => {
                let (request, evidence, before) = (Value::Null, Value::Null, None);
                let question = short(&approval.question);
                EventKind::ApprovalRequested(Arc::new(Approval { question, request, evidence, before, ..Approval::clone(&approval) }))
            }
            EventKind::UndoPlanned { .. } if step.is_some() => EventKind::StepFailed { failure: failure(), goes_on: goes_on() },
            EventKind::UndoPlanned { .. } => EventKind::UndoPlanned { reversals: Vec::new() },
            EventKind::StepCompleted { .. }
            | EventKind::IntentRecorded(_)
            | EventKind::FactRemembered { .. }
            | EventKind::FactsRemembered { .. }
            | EventKind::ItemsPicked { .. }
            | EventKind::FlowBegun { .. }
            | EventKind::EventEmitted(_)
            | EventKind::EventTaken { .. }
            | EventKind::ModelAsked(_)
            | EventKind::AnswerTaken(..)
            | EventKind::ToolsCalled(_)
            | EventKind::ApprovalRequested(_) => EventKind::StepFailed { failure: failure(), goes_on: goes_on() },
            EventKind::PreImageRead { .. } => EventKind::PreImageRead { outcome: Outcome::Failed(failure()) },
            // These are small, or bounded where they come in.
            kept => kept,
        };
        event.used = Used::TooLarge;
        event
    }
}

fn short(text: &str) -> String {
    text.chars().take(TEXT).collect()
}

fn shortened(failure: Failure) -> Failure {
    Failure { code: short(&failure.code), message: short(&failure.message), ..failure }
}
