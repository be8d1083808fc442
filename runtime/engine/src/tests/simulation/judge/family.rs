//! Runs and their forks: what was done in a place is not done again unasked, and nothing is taken over that was not done.

use super::Judge;
use crate::event::{Event, EventKind, Intent, Outcome};
use crate::undo::AGAIN;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::value::Value;

type Place = (Arc<str>, Arc<str>);

#[derive(Clone)]
struct Done {
    key: Arc<str>,
    operation: String,
    request: Value,
    seq: u64,
}

#[derive(Default)]
pub(super) struct Families {
    /// The place of each run, as the first of its family names it.
    places: BTreeMap<Arc<str>, Arc<str>>,
    /// The runs of a family, by the first of them.
    members: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    done: BTreeMap<Place, Done>,
    /// Places of effects by key: who does one again that had failed does it in the place where it failed.
    by_key: BTreeMap<Arc<str>, Place>,
    open: BTreeMap<(Arc<str>, u16), (Place, Arc<Intent>)>,
}

impl Families {
    /// Whether a run is a fork, or runs within one.
    pub(super) fn is_forked(&self, run: &Arc<str>) -> bool {
        self.places.get(run).is_some_and(|place| place != run)
    }

    /// What a run did in a step is done in another one by now; a fork of its may still know it by the name before.
    pub(super) fn rename(&mut self, run: &Arc<str>, old: &str, new: &str) {
        let Some(at) = self.places.get(run).filter(|_| old != new).cloned() else { return };
        let known = self.by_key.values_mut().filter(|(of, step)| *of == at && **step == *old);
        known.for_each(|(_, step)| *step = new.into());
        let Some(done) = self.done.get(&(at.clone(), old.into())).cloned() else { return };
        if self.done.get(&(at.clone(), new.into())).is_none_or(|other| other.seq < done.seq) {
            self.done.insert((at, new.into()), done);
        }
    }
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let Some(run) = &event.header.run else { return };
    if let EventKind::RunStarted { flow, parent, fork, .. } = &event.kind {
        let place = match (parent, fork) {
            (Some(parent), _) => parent.place.as_ref(),
            (None, fork) => fork.as_ref().map(|fork| &fork.origin),
        };
        judge.families.places.insert(run.clone(), place.unwrap_or(run).clone());
        if let Some(fork) = fork {
            let members = judge.families.members.entry(fork.origin.clone()).or_insert_with(|| BTreeSet::from([fork.origin.clone()]));
            let beside = members.iter().find(|other| judge.runs.get(*other).is_some_and(|other| other.ended.is_none())).cloned();
            members.insert(run.clone());
            if let Some(other) = beside {
                judge.violated("fork", format!("fork {run} works beside {other} of its family"));
            }
            by_the_names_of_now(judge, run, flow);
        }
        return;
    }
    let Some(step) = &event.header.step else { return };
    let Some(at) = judge.families.places.get(run).cloned() else { return };
    let place = (at, step.name.clone());
    match &event.kind {
        EventKind::IntentRecorded(intent) if intent.undoes.is_none() => {
            meant(judge, run, &place, intent);
            let is_again = judge.runs.get(run).is_some_and(|run| &*run.flow == AGAIN);
            let failed_in = judge.families.by_key.get(&intent.key).filter(|_| is_again).cloned();
            let place = failed_in.unwrap_or(place);
            judge.families.by_key.insert(intent.key.clone(), place.clone());
            judge.families.open.insert((run.clone(), step.id.0), (place, intent.clone()));
        }
        EventKind::EffectSettled { outcome, .. } => {
            if let (Some((place, intent)), Outcome::Done(_)) = (judge.families.open.remove(&(run.clone(), step.id.0)), outcome) {
                judge.families.done.insert(
                    place,
                    Done {
                        key: intent.key.clone(),
                        operation: intent.operation.to_string(),
                        request: intent.request.clone(),
                        seq: event.header.seq,
                    },
                );
            }
        }
        EventKind::EventEmitted(arrival) => {
            let done = Done {
                key: arrival.id.clone(),
                operation: format!("emit {}", arrival.name),
                request: arrival.payload.clone(),
                seq: event.header.seq,
            };
            let is_again = |before: &Done| before.operation == done.operation && before.request == done.request;
            if judge.families.done.get(&place).is_some_and(is_again) {
                judge.violated("I12", format!("run {run} tells again of what was told of in its place"));
            }
            judge.families.done.insert(place, done);
        }
        EventKind::EffectInherited(inherited) => {
            let is_known = judge.families.done.get(&place);
            let is_known = is_known.is_some_and(|done| *done.operation == *inherited.operation && done.request == inherited.request);
            if !is_known {
                judge.violated("fork", format!("run {run} takes over `{}`, which was not done in its place", inherited.operation));
            }
        }
        _ => {}
    }
}

/// A fork follows the plan of its day, which may know the steps of its family by other names.
fn by_the_names_of_now(judge: &mut Judge, run: &Arc<str>, flow: &str) {
    let Some(plan) = judge.adopted.and_then(|digest| judge.plans.get(&digest)).map(|pinned| pinned.plan.clone()) else { return };
    let flows = plan.migrations.values().flat_map(|migration| &migration.flows).filter(|own| own.flow == flow);
    flows.flat_map(|own| &own.moved).for_each(|(before, after)| judge.families.rename(run, before, after));
}

fn meant(judge: &mut Judge, run: &Arc<str>, place: &Place, intent: &Intent) {
    let Some(done) = judge.families.done.get(place) else { return };
    let is_same = *done.operation == *intent.operation && done.request == intent.request;
    // Somebody may be asked whether to do again what was taken back, or was about to be.
    let key = done.key.clone();
    if is_same && !judge.taking.was_tried(&key) {
        return judge.violated("I2", format!("run {run} does `{}` again, which was done in its place", intent.operation));
    }
    let was_asked = intent.approval.as_ref().is_some_and(|approval| judge.questions.is_about(approval, crate::fork::FORK));
    if !was_asked {
        judge.violated("I5", format!("run {run} does `{}` in the place of something else, and nobody was asked", intent.operation));
    }
}
