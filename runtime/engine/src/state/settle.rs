//! Folding what settles: which steps may start after it, which arms are left, what is skipped.

use super::{Phase, RunState, Standing};
use crate::event::{Next, SkipReason};
use crate::failure::Failure;
use crate::planted::{Bug, planted};
use tradewind_lang::plan::{StepId, StepKind};
use tradewind_lang::value::Value;

fn is_to_be_sent(phase: &Phase) -> bool {
    matches!(phase, Phase::Effect(effect) if matches!(effect.next, Some(Next::Send(_))))
}

impl RunState {
    pub(super) fn may_start(&self, id: StepId) -> bool {
        self.step(id).is_some_and(|step| step.phase.may_start()) && !self.is_frozen(id) && !self.awaits_newer(id)
    }

    /// Whether somebody agreed to a reversal whose turn has not come: what was done later goes back first.
    fn awaits_newer(&self, id: StepId) -> bool {
        let is_reversal = |id: &StepId| self.graph.node(*id).is_some_and(|node| node.reverses.is_some());
        if planted(Bug::OlderBackFirst) || !is_reversal(&id) || !self.step(id).is_some_and(|step| matches!(step.phase, Phase::Approved(_)))
        {
            return false;
        }
        let around = |id: StepId| self.graph.step(id).map(|step| step.within);
        let mut newer = (0..id.0).map(StepId).filter(is_reversal).filter(|other| around(*other) == around(id));
        newer.any(|other| self.step(other).is_some_and(|step| !step.phase.is_settled()))
    }

    /// Whether a step is an act that may not begin for now.
    #[must_use]
    pub fn is_frozen(&self, id: StepId) -> bool {
        if self.frozen.is_empty() || planted(Bug::FreezeIgnored) {
            return false;
        }
        let Some(StepKind::Act { operation, .. }) = self.graph.step(id).map(|step| &step.kind) else { return false };
        let connector = self.pinned.plan.operations.get(operation).map_or("", |operation| operation.connector.as_str());
        self.frozen.holds(&self.graph.name, connector)
    }

    /// Whether an act, or the repetition of one, could go on if it were not frozen.
    #[must_use]
    pub fn awaits_thaw(&self) -> bool {
        let held = |phase: &Phase| phase.may_start() || is_to_be_sent(phase);
        let mut steps = (0..).map(StepId).zip(&self.steps);
        !self.frozen.is_empty() && !self.has_ended() && steps.any(|(id, step)| held(&step.phase) && self.is_frozen(id))
    }

    /// How many open effects wait to be sent again until they are thawed.
    pub(super) fn held_back(&self) -> u32 {
        if self.frozen.is_empty() {
            return 0;
        }
        let held = (0..).map(StepId).zip(&self.steps).filter(|(id, step)| is_to_be_sent(&step.phase) && self.is_frozen(*id));
        u32::try_from(held.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn fail_unless(&mut self, goes_on: bool, failure: &Failure) {
        if !goes_on && self.standing == Standing::Running {
            self.standing = Standing::Failing(failure.clone());
        }
    }

    /// Makes a step ready whose steps before it are settled and whose arm is taken.
    pub(super) fn wake(&mut self, id: StepId) {
        let arm_is_taken = match self.graph.arm_around(id) {
            None => true,
            Some((choose, arm)) => {
                self.step(choose).is_some_and(|step| matches!(step.phase, Phase::Arm { arm: taken, .. } if taken == arm))
            }
        };
        if let Some(step) = self.steps.get_mut(usize::from(id.0))
            && arm_is_taken
            && step.blockers == 0
            && matches!(step.phase, Phase::Waiting)
        {
            step.phase = Phase::Ready;
            self.ready.push(id);
        }
    }

    /// Lists a step whose phase changed in place among those that may start.
    pub(super) fn note_ready(&mut self, id: StepId) {
        self.ready.retain(|other| *other != id);
        if self.may_start(id) {
            self.ready.push(id);
        }
    }

    pub(super) fn set_phase(&mut self, id: StepId, phase: Phase) -> Option<Phase> {
        self.ready.retain(|other| *other != id);
        let may_start = phase.may_start();
        let old = std::mem::replace(&mut self.steps.get_mut(usize::from(id.0))?.phase, phase);
        if may_start {
            self.ready.push(id);
        }
        if matches!(old, Phase::Asking | Phase::Rereading(_)) {
            self.asking = self.asking.saturating_sub(1);
        }
        Some(old)
    }

    /// Nothing more happens to this step: those that wait for it may go on.
    pub(super) fn settle(&mut self, id: StepId, phase: Phase, value: Value, at: i64) {
        if self.step(id).is_none_or(|step| step.phase.is_settled()) {
            return;
        }
        match self.set_phase(id, phase) {
            Some(Phase::Approval(_)) => self.close_approval(at),
            Some(Phase::Effect(effect)) => self.close_effect(&effect, at),
            Some(Phase::Sleeping(_)) => self.sleeping = self.sleeping.saturating_sub(1),
            _ => {}
        }
        if let Some(step) = self.steps.get_mut(usize::from(id.0)) {
            step.value = value;
        }
        let graph = self.graph.clone();
        match graph.arm_around(id) {
            None => self.unsettled = self.unsettled.saturating_sub(1),
            Some((choose, arm)) => self.leave_arm(choose, arm),
        }
        for dependent in graph.node(id).map_or(&[][..], |node| &node.dependents) {
            if let Some(step) = self.steps.get_mut(usize::from(dependent.0)) {
                step.blockers = step.blockers.saturating_sub(1);
            }
            self.wake(*dependent);
        }
    }

    fn leave_arm(&mut self, choose: StepId, arm: u16) {
        let Some(Phase::Arm { arm: taken, left }) = self.step(choose).map(|step| &step.phase) else { return };
        if *taken == arm {
            let phase = Phase::Arm { arm, left: left.saturating_sub(1) };
            self.set_phase(choose, phase);
        }
    }

    pub(super) fn take_arm(&mut self, id: StepId, arm: u16) {
        let graph = self.graph.clone();
        let inside = graph.node(id).and_then(|node| node.arms.get(usize::from(arm))).map_or(&[][..], Vec::as_slice);
        self.set_phase(id, Phase::Arm { arm, left: u16::try_from(inside.len()).unwrap_or(u16::MAX) });
        inside.iter().for_each(|step| self.wake(*step));
        self.skip_arms(id, Some(arm));
    }

    /// Skips the steps of every arm but one, and of the arms inside those.
    pub(super) fn skip_arms(&mut self, id: StepId, but: Option<u16>) {
        let graph = self.graph.clone();
        let Some(node) = graph.node(id) else { return };
        let others = node.arms.iter().enumerate().filter(|(place, _)| but.is_none_or(|arm| usize::from(arm) != *place));
        let mut skipped: Vec<StepId> = others.flat_map(|(_, steps)| steps.iter().copied()).collect();
        while let Some(step) = skipped.pop() {
            self.settle(step, Phase::Skipped(SkipReason::Arm), Value::Null, self.updated_at);
            skipped.extend(graph.node(step).into_iter().flat_map(|node| node.arms.iter().flatten().copied()));
        }
    }
}
