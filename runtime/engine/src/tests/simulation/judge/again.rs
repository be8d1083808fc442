//! Dead letters: what is done again is what had failed for good, under its key and as it was; by one run at a time, once, and because a
//! person said so.

use super::Judge;
use crate::event::{Event, EventKind, Intent, Outcome};
use crate::guard::Claim;
use crate::undo::{AGAIN, DONE_AGAIN};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Again {
    /// Who started each run that does something again.
    by: BTreeMap<Arc<str>, Arc<str>>,
}

/// Looks before the intent takes the place of the one that it repeats.
pub(super) fn look(judge: &mut Judge, event: &Event) {
    let Some(run) = &event.header.run else { return };
    match &event.kind {
        EventKind::RunStarted { flow, .. } if &**flow == AGAIN => {
            judge.again.by.insert(run.clone(), event.header.actor.clone());
        }
        EventKind::IntentRecorded(intent) => match judge.again.by.get(run).cloned() {
            Some(by) => repeats(judge, (run, &by), intent),
            None => is_new(judge, run, intent),
        },
        _ => {}
    }
}

fn repeats(judge: &mut Judge, (run, by): (&Arc<str>, &str), intent: &Intent) {
    let key = &intent.key;
    let Some(before) = judge.meant.get(key).filter(|before| matches!(before.settled, Some(Outcome::Failed(_)))).cloned() else {
        return judge
            .violated("again", format!("run {run} does `{}` again under {key}, and nothing had failed under it", intent.operation));
    };
    let was =
        |intent: &Intent| (intent.operation.clone(), intent.request.clone(), intent.target.clone(), intent.money, intent.account.clone());
    if was(&before.intent) != was(intent) {
        judge.violated("again", format!("run {run} does {:?} in the place of {:?}, which had failed", was(intent), was(&before.intent)));
    }
    let is_apart = |claim: &Claim| matches!(claim, Claim::Unique { operation, key: of } if &**operation == DONE_AGAIN && of == key);
    if !intent.claims.iter().any(is_apart) {
        judge.violated("again", format!("run {run} does {key} again, and keeps nobody else from that"));
    }
    if !judge.plan.teams.values().any(|team| team.members.iter().any(|member| **member == *by)) {
        judge.violated("again", format!("run {run} does {key} again because `{by}` said so"));
    }
}

/// Nobody else has the key of something before, but a fork of its run, and whoever tries once more to take something back.
fn is_new(judge: &mut Judge, run: &Arc<str>, intent: &Intent) {
    let was_meant = judge.meant.get(&intent.key).is_some_and(|before| before.run != *run);
    if was_meant && intent.undoes.is_none() && !judge.families.is_forked(run) {
        judge.violated("again", format!("run {run} does `{}` again, which nobody wanted: {}", intent.operation, intent.key));
    }
}
