//! What a fork takes over: steps keep what they came to, and what was done is not done again.
//!
//! The same effect is taken for its own. Another one in its place, one that was taken back since, or one like what a step did that the
//! flow does not have any more, is put to a person whatever the policies say. What certainly did not happen before is done under the key that it had, so that nobody can do it beside.

use super::act::flow_of;
use super::{Round, person};
use crate::event::{EventKind, Used};
use crate::fork::{CameTo, FORK, Inherited, Kept, emission};
use crate::guard::Claim;
use crate::planted::{Bug, planted};
use crate::undo::DONE_AGAIN;
use std::sync::Arc;
use tradewind_lang::plan::{Escalation, Micros, OnTimeout, StepId, StepKind};
use tradewind_lang::value::Value;

/// How long people have for what no policy asks about.
const DAY: Micros = 86_400_000_000;

/// Whether a step keeps what it came to before the fork; then that is its end.
pub(super) fn keeps(round: &mut Round<'_>, id: StepId) -> bool {
    let state = &round.state;
    // The steps of runs within it have places of their own, and are begun by a step that does not keep what it came to.
    let Some(fork) = state.fork.as_ref().filter(|_| state.parent.is_none()) else { return false };
    let Some(kept) = state.graph.node(id).and_then(|node| fork.kept(&node.name)).cloned() else { return false };
    match (&kept.came_to, state.graph.step(id).map(|step| &step.kind)) {
        (CameTo::Arm(arm), Some(StepKind::Choose { arms })) if usize::from(*arm) < arms.len() => {
            super::advance::take_arm(round, id, *arm);
            true
        }
        (CameTo::Arm(_), _) => false,
        _ => {
            round.emit(Some(id), EventKind::StepInherited(kept), Used::State, None);
            true
        }
    }
}

/// What was done before the fork in the place of a step, whatever became of it.
fn before(round: &Round<'_>, id: StepId) -> Option<Arc<Inherited>> {
    let (state, node) = (&round.state, round.state.graph.node(id)?);
    // A reversal has a key of its own, that of what it takes back.
    if node.reverses.is_some() {
        return None;
    }
    state.fork.as_ref()?.in_place(state.place(), &node.name).cloned()
}

/// The same operation as it was done by a step that the flow does not have any more: under another name it may be this one.
fn elsewhere(round: &Round<'_>, id: StepId, operation: &str) -> Option<Arc<Inherited>> {
    let state = &round.state;
    if state.graph.node(id)?.reverses.is_some() {
        return None;
    }
    let is_lost = |done: &Inherited| {
        let own = done.step.split_once('.').map_or(&*done.step, |(own, _)| own);
        done.at == *state.place() && !state.graph.has_step(own)
    };
    let effects = &state.fork.as_ref()?.effects;
    effects.iter().find(|done| &*done.operation == operation && done.answer.is_some() && !done.is_taken_back && is_lost(done)).cloned()
}

/// What a step wants to do, as it is compared with what was done.
pub(super) struct Asked<'a> {
    pub(super) operation: &'a str,
    pub(super) request: &'a Value,
    /// In whose name.
    pub(super) account: Option<&'a str>,
}

/// Whether an effect is what was done before the fork, so that it is not done again.
pub(super) fn is_done(round: &mut Round<'_>, id: StepId, asked: &Asked<'_>) -> bool {
    let Some(done) = before(round, id).filter(|done| is_same(done, asked)) else { return false };
    round.emit(Some(id), EventKind::EffectInherited(done), Used::State, None);
    true
}

/// Whether an event was told of before the fork.
pub(super) fn is_told(round: &mut Round<'_>, id: StepId, event: &str, payload: &Value) -> bool {
    is_done(round, id, &Asked { operation: &emission(event), request: payload, account: None })
}

fn is_same(done: &Inherited, asked: &Asked<'_>) -> bool {
    done.answer.is_some() && !done.is_taken_back && asks_for(done, asked) && !planted(Bug::ForkRepeats)
}

fn asks_for(done: &Inherited, asked: &Asked<'_>) -> bool {
    &*done.operation == asked.operation && done.request == *asked.request && done.account.as_deref() == asked.account
}

/// What is special about an effect because of what was done before the fork.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The key that it had, where it is the same and did not happen.
    pub(super) key: Option<Arc<str>>,
    /// What keeps everybody else from doing it, too.
    pub(super) claim: Option<Claim>,
    /// What was done in its place.
    pub(super) instead_of: Option<Arc<Inherited>>,
    /// Its key is its own, and not that of its place.
    pub(super) is_apart: bool,
}

/// What is special about an effect because of what was done before the fork; none where it is that, and not done again.
pub(super) fn place(round: &mut Round<'_>, id: StepId, asked: &Asked<'_>) -> Option<Place> {
    if round.state.fork.is_none() {
        return Some(Place::default());
    }
    if is_done(round, id, asked) {
        return None;
    }
    Some(match before(round, id) {
        None => Place { instead_of: elsewhere(round, id, asked.operation), ..Place::default() },
        Some(done) if done.answer.is_some() => Place { instead_of: Some(done), is_apart: true, ..Place::default() },
        Some(failed) => {
            let claim = Some(Claim::Unique { operation: DONE_AGAIN.into(), key: failed.key.clone() });
            // A provider knows a key by its request: another request has another one.
            let is_same = asks_for(&failed, asked);
            Place { key: is_same.then(|| failed.key.clone()), claim, is_apart: !is_same, ..Place::default() }
        }
    })
}

/// Who is asked about an effect in the place of another one; where no policy that covers it names anybody, why it may not be done.
pub(super) fn asks(round: &Round<'_>, id: StepId, operation: &str, place: &Place) -> Result<Option<(String, Escalation)>, String> {
    let Some(done) = place.instead_of.as_ref().filter(|_| !planted(Bug::ForkAsksNobody)) else { return Ok(None) };
    let Some(to) = person::settlers(round, id, operation).into_iter().next() else { return Err(refusal(round, id, done)) };
    let escalation = Escalation { to, within: DAY, on_timeout: OnTimeout::Deny, quorum: 1, batch: false, then: Vec::new() };
    Ok(Some((FORK.to_owned(), escalation)))
}

fn refusal(round: &Round<'_>, id: StepId, done: &Inherited) -> String {
    let flow = flow_of(round, id);
    let what = if done.is_taken_back { "did it, and it was taken back" } else { "did something else" };
    format!("run {} {what} in its place, and no policy of `{flow}` names a team that could agree", short(&done.run))
}

/// What the people who are asked are shown of what was done.
pub(super) fn shown(done: &Inherited) -> (String, Value) {
    let back = if done.is_taken_back { ", and was taken back" } else { "" };
    (format!("run {} did `{}`{back}", short(&done.run), done.operation), done.request.clone())
}

fn short(run: &str) -> &str {
    run.get(..12).unwrap_or(run)
}

/// What a step came to before the fork, as its run holds it.
#[must_use]
pub(crate) fn came_to(of: &Arc<str>, step: &Arc<str>, came_to: CameTo) -> Arc<Kept> {
    Arc::new(Kept { step: step.clone(), of: of.clone(), came_to })
}
