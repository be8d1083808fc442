//! Folding what happens to effects and to questions put to people.

use super::{Asked, DoneEffect, LEAVES, NOT_DONE, OpenEffect, Phase, PreImage, RESTART, RunState};
use crate::approval::{Approval, Raised, Verdict};
use crate::backoff::Unreached;
use crate::event::{Intent, Next, Outcome, SettledBy};
use crate::planted::{Bug, planted};
use crate::ports::UNREACHABLE;
use std::sync::Arc;
use tradewind_lang::plan::StepId;
use tradewind_lang::value::Value;

impl RunState {
    /// What was there before an effect is known, or known to be unknown: its action may be judged.
    pub(super) fn seen(&mut self, id: StepId, outcome: &Outcome, at: i64) {
        match self.step(id).map(|step| step.phase.clone()) {
            Some(Phase::Asking) => drop(self.set_phase(id, Phase::Ready)),
            Some(Phase::Rereading(asked)) => drop(self.set_phase(id, Phase::Approved(asked))),
            _ => {}
        }
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.before = Some(Arc::new(PreImage { outcome: outcome.clone(), at }));
        }
    }

    pub(super) fn open_effect(&mut self, id: StepId, intent: &Arc<Intent>, at: i64, seq: u64) {
        let effect = OpenEffect {
            intent: intent.clone(),
            seq,
            sent_at: at,
            attempt: 1,
            tries: 0,
            doubt: false,
            taken_up: None,
            unreached: Unreached::default(),
            left_at: at,
            waits: false,
            relies: false,
            next: None,
            asked: None,
        };
        if let Some(Phase::Approval(_)) = self.set_phase(id, Phase::Effect(Arc::new(effect))) {
            self.close_approval(at);
        }
        self.open += 1;
        self.moving += 1;
    }

    pub(super) fn attempted(&mut self, id: StepId, attempt: (u32, bool), code: &str, next: Next, at: i64) {
        let (attempt, doubt) = attempt;
        let Some(Phase::Effect(effect)) = self.step(id).map(|step| &step.phase) else { return };
        let mut effect = OpenEffect::clone(effect);
        if code == LEAVES {
            (effect.next, effect.waits, effect.left_at) = (None, false, at);
            return self.set_phase(id, Phase::Effect(Arc::new(effect))).map_or((), drop);
        }
        let was_moving = effect.next != Some(Next::Person);
        effect.doubt = doubt;
        if code == RESTART {
            effect.taken_up = Some(at);
        }
        effect.next = Some(next);
        effect.tries += u32::from(code != RESTART && code != NOT_DONE && code != UNREACHABLE);
        effect.unreached = if code == UNREACHABLE { effect.unreached.again(at) } else { Unreached::default() };
        // "Not found" is no proof either: such a repetition relies on its key as one in doubt does.
        // Whoever waits for a provider may wait longer than a key lives, whatever came before.
        effect.relies = doubt || code == NOT_DONE || code == UNREACHABLE;
        effect.waits = matches!(next, Next::Send(again) if again > at);
        if let Next::Send(again) = next {
            (effect.attempt, effect.left_at) = (attempt + 1, again);
        } else {
            effect.attempt = attempt;
        }
        if was_moving && next == Next::Person {
            self.moving = self.moving.saturating_sub(1);
        }
        self.set_phase(id, Phase::Effect(Arc::new(effect)));
    }

    /// Effects that a person has to settle whom nobody has asked yet: the question found no room in the log beside the doubt.
    pub(crate) fn unasked(&self) -> impl Iterator<Item = (StepId, &Arc<OpenEffect>)> {
        let has_doubts = self.open > self.moving && !self.has_ended();
        let steps = (0..).map(StepId).zip(&self.steps).filter(move |_| has_doubts);
        steps.filter_map(|(id, step)| match &step.phase {
            Phase::Effect(effect) if effect.next == Some(Next::Person) && effect.asked.is_none() => Some((id, effect)),
            _ => None,
        })
    }

    pub(super) fn settle_effect(&mut self, id: StepId, outcome: &Outcome, by: SettledBy, goes_on: bool, at: i64) {
        let Some(Phase::Effect(effect)) = self.step(id).map(|step| step.phase.clone()) else { return };
        match outcome {
            Outcome::Done(answer) => {
                if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
                    let done = DoneEffect { intent: effect.intent.clone(), answer: answer.clone(), seq: effect.seq, at: effect.sent_at };
                    step.done = Some(Arc::new(done));
                }
                let value = value_of_act(answer, &effect.intent.request);
                self.settle(id, Phase::Completed(Some(by)), value, at);
            }
            Outcome::Failed(failure) => {
                self.settle(id, Phase::Failed(Arc::new(failure.clone())), Value::Null, at);
                self.fail_unless(goes_on, failure);
            }
        }
    }

    pub(super) fn close_effect(&mut self, effect: &OpenEffect, at: i64) {
        self.open = self.open.saturating_sub(1);
        if effect.next != Some(Next::Person) {
            self.moving = self.moving.saturating_sub(1);
        }
        if effect.asked.is_some() {
            self.close_approval(at);
        }
    }

    pub(super) fn ask(&mut self, id: StepId, approval: &Arc<Approval>, at: i64, seq: u64) {
        let asked = Arc::new(Asked { approval: approval.clone(), at, seq, agreed: Vec::new(), request: approval.request.clone() });
        let phase = match self.step(id).map(|step| &step.phase) {
            Some(Phase::Effect(effect)) => Phase::Effect(Arc::new(OpenEffect { asked: Some(asked), ..OpenEffect::clone(effect) })),
            _ => Phase::Approval(asked),
        };
        self.set_phase(id, phase);
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.asked = step.asked.saturating_add(1);
            step.before = step.before.take().filter(|_| planted(Bug::PreImageKept));
        }
        self.approvals += 1;
        if !self.graph.flow.terms.people_count {
            self.stop_clock(at);
        }
    }

    pub(super) fn answered(
        &mut self,
        id: StepId,
        actor: Option<&Arc<str>>,
        verdict: &Verdict,
        closes: bool,
        edited: Option<&Value>,
        at: i64,
    ) {
        let Some(Phase::Approval(asked)) = self.step(id).map(|step| &step.phase) else { return };
        let mut asked = Asked::clone(asked);
        if let Some(edited) = edited {
            asked.request = edited.clone();
            asked.agreed.retain(|_| planted(Bug::EditKeepsAgreement));
        }
        asked.agreed.extend(actor.cloned());
        let approves = matches!(verdict, Verdict::Approve { .. });
        self.set_phase(id, Phase::Approval(Arc::new(asked)));
        if closes && approves {
            self.approve(id, at);
        }
    }

    /// The next team has it. Who agreed before agreed to the same thing.
    pub(super) fn raise(&mut self, id: StepId, raised: &Raised) {
        let Some(Phase::Approval(asked)) = self.step(id).map(|step| &step.phase) else { return };
        let mut asked = Asked::clone(asked);
        asked.approval = Arc::new(Approval {
            to: raised.to.clone(),
            deadline: Some(raised.deadline),
            quorum: raised.quorum,
            then: raised.then.clone(),
            ..Approval::clone(&asked.approval)
        });
        self.set_phase(id, Phase::Approval(Arc::new(asked)));
    }

    pub(super) fn approve(&mut self, id: StepId, at: i64) {
        let Some(Phase::Approval(asked)) = self.step(id).map(|step| &step.phase) else { return };
        let asked = asked.clone();
        self.set_phase(id, Phase::Approved(asked));
        self.close_approval(at);
    }

    pub(super) fn close_approval(&mut self, at: i64) {
        self.approvals = self.approvals.saturating_sub(1);
        self.start_clock(at);
    }
}

/// The value of an `act`: the response's fields, and `request`.
pub(super) fn value_of_act(answer: &Value, request: &Value) -> Value {
    let mut record = match answer {
        Value::Record(record) => tradewind_lang::value::Record::clone(record),
        _ => tradewind_lang::value::Record::default(),
    };
    record.set("request", request.clone());
    Value::Record(Arc::new(record))
}
