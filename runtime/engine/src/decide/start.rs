//! Input: a run is to begin. Whether it exists already, and whether its turn has come, is asked before.

use super::{Cause, Effect, Round, Timer, Turn};
use crate::child::Parent;
use crate::event::{EventKind, Used};
use crate::fork::Forked;
use crate::key::digest_of;
use crate::state::Standing;
use std::sync::Arc;
use tradewind_lang::value::Value;

pub(super) fn begin(
    round: &mut Round<'_>,
    (key, input): (&Arc<str>, &Value),
    actor: &Arc<str>,
    (concurrency_key, turn): (Option<&Arc<str>>, &Turn),
    (parent, fork): (Option<&Parent>, Option<&Arc<Forked>>),
) {
    if round.state.standing != Standing::New {
        return;
    }
    let kind = EventKind::RunStarted {
        flow: round.state.graph.name.clone(),
        key: key.clone(),
        input: input.clone(),
        payload: digest_of(input),
        concurrency_key: concurrency_key.cloned(),
        held: *turn != Turn::Now,
        parent: parent.cloned(),
        fork: fork.cloned(),
    };
    round.emit_as(None, kind, Used::State, None, Some(actor.clone()), Cause::Seq(0));
    match turn {
        Turn::Now => set_deadline(round),
        Turn::Later => {}
        Turn::Never(reason) => round.emit(None, EventKind::RunCancelled { reason: reason.clone() }, Used::State, None),
    }
}

/// The run before it has ended.
pub(super) fn admit(round: &mut Round<'_>) {
    if round.state.standing == Standing::Held {
        round.emit(None, EventKind::RunAdmitted, Used::State, None);
        set_deadline(round);
    }
}

fn set_deadline(round: &mut Round<'_>) {
    if let Some(at) = round.state.deadline() {
        round.perform(Effect::Timer { timer: Timer::Deadline, at });
    }
}
