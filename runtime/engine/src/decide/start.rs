//! Input: a run is to begin. Whether it exists already is asked before, by its name.

use super::{Cause, Effect, Round, Timer};
use crate::event::{EventKind, Used};
use crate::key::digest_of;
use crate::state::Standing;
use std::sync::Arc;
use tradewind_lang::value::Value;

pub(super) fn begin(round: &mut Round<'_>, key: &Arc<str>, input: &Value, actor: &Arc<str>) {
    if round.state.standing != Standing::New {
        return;
    }
    let kind =
        EventKind::RunStarted { flow: round.state.graph.name.clone(), key: key.clone(), input: input.clone(), payload: digest_of(input) };
    round.emit_as(None, kind, Used::State, None, Some(actor.clone()), Cause::Seq(0));
    if let Some(at) = round.state.deadline() {
        round.perform(Effect::Timer { timer: Timer::Deadline, at });
    }
}
