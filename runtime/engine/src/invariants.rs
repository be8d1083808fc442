//! Invariants that every decision is held against in every build, before it has a place in the log: by the run's state and the guards alone,
//! whatever was worked out before. They are no second `decide`: they say what must never be written, not what should be.
//!
//! What breaks one is not written. What follows for its run is the executor's business (`executor/assure.rs`).

use crate::approval::Approval;
use crate::decide::Draft;
use crate::event::{EventKind, Intent};
use crate::guard::{Claim, Guards};
use crate::migrate::Moved;
use crate::question::{Answered, Question};
use crate::state::{Phase, RunState, Sleep};
use std::cmp::Ordering;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Digest, StepId};

/// The first event of a decision that breaks an invariant, by its place, and which one, in words for people.
pub(crate) fn broken(state: &RunState, guards: &Guards, drafts: &[Draft], now: i64) -> Option<(usize, String)> {
    let mut held = Held { state, guards, now, forced: forced(drafts), has_ended: state.has_ended(), cost: None, steps: Vec::new() };
    drafts.iter().enumerate().find_map(|(place, draft)| held.take(draft).err().map(|why| (place, why)))
}

/// Limits that people let pass in a decision: another effect of it may stand above their cap because of that.
fn forced(drafts: &[Draft]) -> Vec<&str> {
    let forced = drafts.iter().filter_map(|draft| match &draft.kind {
        EventKind::IntentRecorded(intent) => Some(intent.forced.iter().map(String::as_str)),
        _ => None,
    });
    forced.flatten().collect()
}

/// What became of a step within the decision.
#[derive(PartialEq)]
enum Became {
    Meant,
    Settled,
    Asked(u32, Option<Money>),
    Answered,
}

/// The state, and what the events before have made of it as far as an invariant asks for that.
struct Held<'a> {
    state: &'a RunState,
    guards: &'a Guards,
    now: i64,
    forced: Vec<&'a str>,
    has_ended: bool,
    cost: Option<Money>,
    steps: Vec<(StepId, Became)>,
}

impl<'a> Held<'a> {
    fn take(&mut self, draft: &'a Draft) -> Result<(), String> {
        if self.has_ended {
            return Err(format!("it has ended, and would go on with {}", draft.kind.name()));
        }
        let found = match (&draft.kind, draft.step) {
            (EventKind::IntentRecorded(intent), Some(step)) => self.intent(step, intent),
            (EventKind::EffectAttempted { .. }, Some(step)) => self.outcome(step, false),
            (EventKind::EffectSettled { .. }, Some(step)) => self.outcome(step, true),
            (EventKind::ModelAsked(question), Some(step)) => self.question(step, question),
            (EventKind::ModelAnswered(answered), Some(step)) => self.answer(step, answered),
            (EventKind::WaitEnded { .. }, Some(step)) => self.wait(step),
            (EventKind::EventTaken { received_at, .. }, Some(step)) => self.taken(step, *received_at),
            (EventKind::ApprovalExpired { approval, .. }, _) => self.expired(approval),
            (EventKind::ApprovalAnswered { approval, .. }, _) => self.answered(approval),
            (EventKind::RunMigrated(moved), _) => self.moved(moved),
            _ => Ok(()),
        };
        self.has_ended = draft.kind.ends_run();
        self.cost = sum(self.cost, draft.cost);
        found
    }

    fn phase(&self, step: StepId) -> Option<&'a Phase> {
        self.state.step(step).map(|step| &step.phase)
    }

    fn became(&self, step: StepId) -> Option<&Became> {
        self.steps.iter().rev().find(|(id, _)| *id == step).map(|(_, became)| became)
    }

    /// Whether an effect of a step is under way.
    fn is_open(&self, step: StepId) -> bool {
        match self.became(step) {
            Some(Became::Meant) => true,
            Some(_) => false,
            None => matches!(self.phase(step), Some(Phase::Effect(_))),
        }
    }

    /// An effect is meant once under its key, within its limits, and with the approval that its step was given.
    fn intent(&mut self, step: StepId, intent: &Intent) -> Result<(), String> {
        let (name, key) = (&intent.operation, &intent.key);
        let has_key = |phase: &Phase| matches!(phase, Phase::Effect(open) if open.intent.key == *key);
        let was_done = self.state.steps.iter().any(|step| {
            let done = step.done.as_ref().is_some_and(|done| done.intent.key == *key);
            done || self.state.open > 0 && has_key(&step.phase)
        });
        if was_done || self.is_open(step) {
            return Err(format!("`{name}` is meant twice under the key {key}"));
        }
        if let Some(id) = &intent.approval {
            let of = match self.phase(step) {
                Some(Phase::Approval(asked) | Phase::Approved(asked) | Phase::Rereading(asked)) => Some(&asked.approval.id),
                _ => None,
            };
            if of != Some(id) {
                return Err(format!("`{name}` names the approval {id}, which its step was not given"));
            }
        }
        self.claims(key, &intent.claims, name)?;
        self.steps.push((step, Became::Meant));
        Ok(())
    }

    /// What is claimed is taken, and no limit is passed by it.
    fn claims(&self, key: &str, claims: &[Claim], name: &str) -> Result<(), String> {
        if claims.is_empty() {
            return Ok(());
        }
        if !self.guards.holds(key) {
            return Err(format!("`{name}` takes of limits that were not asked"));
        }
        let passed = claims.iter().find_map(|claim| match claim {
            Claim::Limit { rule, .. } if !self.forced.contains(&&**rule) && self.guards.is_passed(claim) => Some(rule),
            _ => None,
        });
        passed.map_or(Ok(()), |rule| Err(format!("`{name}` passes the limit {rule}")))
    }

    /// Only what was meant, and is not settled, comes to something.
    fn outcome(&mut self, step: StepId, settles: bool) -> Result<(), String> {
        if !self.is_open(step) {
            return Err("an effect that was not meant, or is settled, comes to something".to_owned());
        }
        if settles {
            self.steps.push((step, Became::Settled));
        }
        Ok(())
    }

    /// A step asks one model at once, and only what the run's cap leaves.
    fn question(&mut self, step: StepId, question: &Question) -> Result<(), String> {
        if self.open_question(step).is_some() {
            return Err(format!("question {} is put while another one is open", question.key));
        }
        self.claims(&question.key, &question.claims, &question.model)?;
        if let (Some(cap), Some(reserved)) = (self.state.graph.flow.cost_cap, question.reserved) {
            let total = [self.state.spent(), self.cost, self.outstanding(), Some(reserved)].into_iter().fold(None, sum);
            if total.and_then(|total| total.compare(cap)).is_none_or(Ordering::is_gt) {
                return Err(format!("question {} may cost {reserved}, which passes the cap of {cap}", question.key));
            }
        }
        self.steps.push((step, Became::Asked(question.number, question.reserved)));
        Ok(())
    }

    fn answer(&mut self, step: StepId, answered: &Answered) -> Result<(), String> {
        if self.open_question(step) != Some(answered.number) {
            return Err(format!("question {} is answered, and is not open", answered.key));
        }
        self.steps.push((step, Became::Answered));
        Ok(())
    }

    /// The number of the question that a step waits for.
    fn open_question(&self, step: StepId) -> Option<u32> {
        match self.became(step) {
            Some(Became::Asked(number, _)) => Some(*number),
            Some(Became::Answered) => None,
            _ => self.asked(step).map(|question| question.number),
        }
    }

    fn asked(&self, step: StepId) -> Option<&'a Arc<Question>> {
        let step = self.state.step(step).filter(|step| matches!(step.phase, Phase::Talking))?;
        step.talk.as_ref()?.question.as_ref()
    }

    /// What open questions may cost.
    fn outstanding(&self) -> Option<Money> {
        let places = (0..).map(StepId).zip(&self.state.steps);
        let open = places.filter(|(_, step)| matches!(step.phase, Phase::Talking)).map(|(id, _)| id);
        let before = open.filter(|id| self.became(*id).is_none()).filter_map(|id| self.asked(id)?.reserved);
        let now = self.steps.iter().filter_map(|(id, became)| match became {
            Became::Asked(_, reserved) if self.became(*id) == Some(became) => *reserved,
            _ => None,
        });
        before.chain(now).map(Some).fold(None, sum)
    }

    fn sleep(&self, step: StepId) -> Result<&'a Sleep, String> {
        match self.phase(step) {
            Some(Phase::Sleeping(sleep)) => Ok(sleep),
            _ => Err("a wait ends that has not begun".to_owned()),
        }
    }

    fn wait(&self, step: StepId) -> Result<(), String> {
        let until = self.sleep(step)?.until;
        if self.now < until { Err(format!("a wait until {until} ends early, at {}", self.now)) } else { Ok(()) }
    }

    fn taken(&self, step: StepId, received_at: i64) -> Result<(), String> {
        let until = self.sleep(step)?.until;
        if received_at < until { Ok(()) } else { Err(format!("a wait until {until} takes an event of {received_at}")) }
    }

    fn approval(&self, id: &str) -> Result<&'a Arc<Approval>, String> {
        let found = self.state.inbox().find(|(_, asked)| *asked.approval.id == *id);
        found.map(|(_, asked)| &asked.approval).ok_or_else(|| format!("{id} was not asked, or is closed"))
    }

    fn expired(&self, id: &str) -> Result<(), String> {
        let is_over = self.approval(id)?.deadline.is_some_and(|deadline| self.now >= deadline);
        if is_over { Ok(()) } else { Err(format!("{id} runs out before its time")) }
    }

    fn answered(&self, id: &str) -> Result<(), String> {
        let is_over = self.approval(id)?.deadline.is_some_and(|deadline| self.now >= deadline);
        if is_over { Err(format!("{id} is answered after its time")) } else { Ok(()) }
    }

    fn moved(&self, moved: &Moved) -> Result<(), String> {
        let here: Digest = self.state.pinned.digest;
        let is_still = self.state.open == 0 && self.state.children == 0;
        match moved.from == here && moved.to != here && is_still {
            true => Ok(()),
            false => Err(format!("it is led from plan {} to {}, and follows {}, or is at work", moved.from, moved.to, here)),
        }
    }
}

fn sum(one: Option<Money>, other: Option<Money>) -> Option<Money> {
    match (one, other) {
        (Some(one), Some(other)) => one.plus(other),
        (one, other) => one.or(other),
    }
}
