//! Input: the run was found unfinished in the log. What was under way is taken up where the log ends.

use super::{Effect, Round, Timer, act, effect, person, question};
use crate::event::{Next, Used};
use crate::planted::{Bug, planted};
use crate::state::{Phase, RESTART};
use tradewind_lang::plan::StepId;

pub(super) fn take_up(round: &mut Round<'_>) {
    let timers: Vec<Effect> = round
        .state
        .inbox()
        .filter(|_| !planted(Bug::QuestionForgottenAtRestart))
        .filter_map(|(_, asked)| {
            let at = asked.approval.deadline?;
            Some(Effect::Timer { timer: Timer::Approval(asked.approval.id.clone()), at })
        })
        .collect();
    timers.into_iter().for_each(|timer| round.perform(timer));
    super::wait::take_up(round);
    person::rearm_deadline(round);
    for (id, since) in round.state.since_of_parts() {
        round.limit(id, since);
    }
    let places = 0..u16::try_from(round.state.steps.len()).unwrap_or(u16::MAX);
    for id in places.map(StepId) {
        question::interrupted(round, id);
        let Some(Phase::Effect(open)) = round.state.step(id).map(|step| step.phase.clone()) else { continue };
        match open.next {
            // Its first attempt, or a repetition that leaves: it may have been sent before the log ended.
            None if planted(Bug::RestartForgetsDoubt) => {
                round.decision.effects.extend(act::perform(round, id, &open.intent, open.attempt, (round.now, i64::MAX)));
            }
            None => interrupted(round, id, &open),
            // What waits for its time was not sent, as the log would say that it leaves. A process of former versions wrote no such word.
            Some(Next::Send(at)) if at <= round.now => interrupted(round, id, &open),
            Some(Next::Send(_) | Next::Lookup(_)) => effect::follow(round, id),
            // Whom nobody has asked yet, the wave asks.
            Some(Next::Person) => {}
        }
    }
}

fn interrupted(round: &mut Round<'_>, id: StepId, open: &crate::state::OpenEffect) {
    effect::doubt(round, id, open, (RESTART, "the process ended before an answer was logged"), Used::Restart);
}
