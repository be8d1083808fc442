//! A decision that breaks an invariant is not written: its run is stopped, with the reason in the log, and all others go on.
//!
//! What the decision says before that event is written, as it holds. The run is cancelled by the engine, which lets it settle what it has
//! under way and which a replay decides again like any other wish. One that breaks an invariant again while it ends is left as it is, as
//! nothing that it would write can be believed: it is decided no more by this process, and that is said.

use super::{Counted, Entry, Reply, Shard};
use crate::decide::{Decision, Effect, Input, Wish};
use crate::event::EventKind;
use crate::invariants::broken;
use crate::state::{Phase, RunState, Standing};
use std::sync::Arc;

/// How the reason begins for which such a run is stopped.
pub(crate) const BROKEN: &str = "an invariant of the engine does not hold: ";

impl Shard {
    /// Holds a decision against the invariants. What is left of it, and who is told of that; none where nothing more is decided for its run.
    /// What the guards refused of a decision that is stopped is nobody's business any more.
    pub(super) fn assure(
        &mut self,
        run: Option<&Arc<str>>,
        decision: Decision,
        reply: Option<Reply>,
        (refused, now): (&mut Vec<Input>, i64),
    ) -> Option<(Decision, Option<Reply>)> {
        let found = run.filter(|_| crate::planted::is_assured()).and_then(|run| {
            let Some(Entry::Live(live)) = self.books.runs.get(run) else { return None };
            Some((run, broken(&live.state, &self.books.guards, &decision.events, now)?))
        });
        let Some((run, (place, why))) = found else { return Some((decision, reply)) };
        refused.clear();
        self.stop(run, decision, reply, (place, &why))
    }

    fn stop(
        &mut self,
        run: &Arc<str>,
        mut decision: Decision,
        reply: Option<Reply>,
        (place, why): (usize, &str),
    ) -> Option<(Decision, Option<Reply>)> {
        tracing::error!(run = &**run, why, "an invariant of the engine does not hold; the run is stopped");
        let mut keys: Vec<Arc<str>> = decision.events.drain(place..).filter_map(|draft| key_of(&draft.kind)).collect();
        // What is meant twice is meant once, and is done once.
        let mut kept: Vec<Arc<str>> = decision.events.iter().filter_map(|draft| key_of(&draft.kind)).collect();
        keys.retain(|key| !kept.contains(key));
        decision.effects.retain(|effect| outlives(effect, &keys, &mut kept));
        self.give_back(run, &keys);
        let told = match reply {
            Some(reply) if place == 0 => {
                reply.ended();
                None
            }
            reply => reply,
        };
        let by = self.engine_actor.clone();
        let live = self.books.live(run)?;
        // Its beginning is not in the log where it would be in this decision and is not.
        let goes_on = matches!(live.state.standing, Standing::Held | Standing::Running) || live.state.first == 0 && place > 0;
        if live.stopped || !goes_on {
            self.leave(run);
            return None;
        }
        live.stopped = true;
        let wish = Wish::Cancel(format!("{BROKEN}{why}").into());
        live.mailbox.push_front((Input::Control { by, wish }, None));
        Some((decision, told))
    }

    /// Frees what was taken of limits under some keys, but for what the run has under way by one of them.
    fn give_back(&mut self, run: &Arc<str>, keys: &[Arc<str>]) {
        let Some(Entry::Live(live)) = self.books.runs.get(run) else { return };
        let held = held_keys(&live.state);
        keys.iter().filter(|key| !held.contains(key)).for_each(|key| self.books.guards.release(key));
    }

    /// Nothing more is decided for a run: it counts as one that waits.
    fn leave(&mut self, run: &Arc<str>) {
        tracing::error!(run = &**run, "it broke an invariant again while it ended: this process leaves it as it is");
        let Some(live) = self.books.live(run) else { return };
        let before = std::mem::replace(&mut live.standing, Counted::Waiting);
        match before {
            Counted::Running => self.running -= 1,
            Counted::Held => self.held -= 1,
            Counted::Queued | Counted::Waiting => {}
        }
        self.waiting += usize::from(before != Counted::Waiting);
    }
}

/// The key of what an event begins outside.
fn key_of(kind: &EventKind) -> Option<Arc<str>> {
    match kind {
        EventKind::IntentRecorded(intent) => Some(intent.key.clone()),
        EventKind::ModelAsked(question) => Some(question.key.clone()),
        _ => None,
    }
}

/// Whether an effect is still done when events of its decision are dropped: clocks and ears are, what was begun before, and once what the
/// events that are kept begin; nothing else.
fn outlives(effect: &Effect, dropped: &[Arc<str>], kept: &mut Vec<Arc<str>>) -> bool {
    let key: &str = match effect {
        Effect::Perform { call, .. } => &call.key,
        Effect::Say { prompt, .. } => &prompt.question.key,
        Effect::Lookup { .. } | Effect::Timer { .. } | Effect::Listen { .. } | Effect::EndChildren { .. } => return true,
        Effect::Read { .. }
        | Effect::FindDone { .. }
        | Effect::Recall { .. }
        | Effect::Search { .. }
        | Effect::Measure { .. }
        | Effect::LookKept { .. }
        | Effect::Classify { .. }
        | Effect::Begin { .. } => return false,
    };
    // The next attempt at what an earlier decision began has its key in neither.
    let is_begun_here = kept.iter().position(|own| **own == *key);
    is_begun_here.map(|place| kept.swap_remove(place)).is_some() || !dropped.iter().any(|own| **own == *key)
}
/// Keys of what a run has under way.
fn held_keys(state: &RunState) -> Vec<Arc<str>> {
    let keys = state.steps.iter().filter_map(|step| match &step.phase {
        Phase::Effect(open) => Some(open.intent.key.clone()),
        Phase::Talking => Some(step.talk.as_ref()?.question.as_ref()?.key.clone()),
        _ => None,
    });
    keys.collect()
}
