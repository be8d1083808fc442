//! `observe { measure }`: figures over series. They are reckoned outside and arrive as an input.

use super::{Effect, Round};
use crate::event::Used;
use crate::failure::Failure;
use crate::state::Phase;
use tradewind_lang::plan::{StepId, StepKind};
use tradewind_lang::value::Value;

pub(super) fn start(round: &mut Round<'_>, id: StepId) {
    round.perform(Effect::Measure { step: id });
}

pub(super) fn measured(round: &mut Round<'_>, id: StepId, points: u64, found: &Result<Value, Failure>) {
    let measures = matches!(round.state.graph.step(id).map(|step| &step.kind), Some(StepKind::Measure(_)));
    if !measures || !round.is_running() || !matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Asking)) {
        return;
    }
    match found {
        Ok(figures) => round.complete(id, figures.clone(), Used::Measured { points }, None),
        Err(failure) => round.fail(id, failure.clone(), Used::Measured { points }),
    }
}
