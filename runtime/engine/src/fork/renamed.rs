//! Other names for what was done: a migration says that a step has another name by now, so that what was done under the name before is
//! known by the one after. Nothing is looked up; who renames says which names.
//!
//! A run within a run is known by the step that began it, so that its place has another name, too, where that step has.

use super::{Family, Forked, Inherited, Kept};
use crate::child::Part;
use crate::key::child_id;
use crate::migrate::Renames;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Where a run within a run stands, as the first of the family names it.
#[derive(Debug, Clone)]
pub(super) struct Within {
    /// The place of the run around it.
    around: Arc<str>,
    /// The step that began it.
    step: Arc<str>,
    /// What identifies it there.
    key: Arc<str>,
    /// Whether its steps are those of the same flow.
    of_the_flow: bool,
}

/// Places by their names of now, and those whose steps are of the flow.
type ByNow = (HashMap<Arc<str>, Arc<str>>, BTreeSet<Arc<str>>);

impl Within {
    pub(super) fn new(around: &Arc<str>, step: Arc<str>, key: &Arc<str>, part: Part) -> Self {
        Self { around: around.clone(), step, key: key.clone(), of_the_flow: part != Part::Flow }
    }
}

/// The name that a step has by now. A step that another one added (`agent.2`) goes with it.
pub(super) fn by_now(renames: &Renames, step: &Arc<str>) -> Arc<str> {
    let (head, added) = match step.split_once('.') {
        Some((head, added)) => (head, Some(added)),
        None => (&**step, None),
    };
    match (renames.iter().find(|(before, _)| **before == *head), added) {
        (None, _) => step.clone(),
        (Some((_, after)), None) => after.clone(),
        (Some((_, after)), Some(added)) => format!("{after}.{added}").into(),
    }
}

impl Family {
    /// The steps of a run, and of the runs within it that are parts of its flow, have other names by now.
    pub(crate) fn rename(&mut self, origin: &Arc<str>, renames: &Renames) {
        if renames.is_empty() {
            return;
        }
        let (places, of_the_flow) = self.places_by_now(origin, renames);
        let renamed = |(at, step): &(Arc<str>, Arc<str>)| {
            let step = if of_the_flow.contains(at) { by_now(renames, step) } else { step.clone() };
            (places.get(at).unwrap_or(at).clone(), step)
        };
        // Where something was done under either name, what was done last is what was done there.
        let (moved, stayed): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.effects).into_iter().partition(|(place, _)| renamed(place) != *place);
        self.effects = stayed.into_iter().collect();
        for (place, done) in moved {
            let (at, step) = renamed(&place);
            let since = |done: &Inherited| self.since.get(&done.key).copied();
            let is_newer = self.effects.get(&(at.clone(), step.clone())).is_none_or(|other| since(other) < since(&done));
            if is_newer {
                self.effects.insert((at.clone(), step.clone()), Inherited { at, step, ..done });
            }
        }
        for place in self.places.values_mut() {
            *place = renamed(place);
        }
        let runs: BTreeSet<Arc<str>> =
            self.members.iter().filter(|(_, at)| of_the_flow.contains(*at)).map(|(run, _)| run.clone()).collect();
        let arms = std::mem::take(&mut self.arms).into_iter();
        self.arms = arms
            .map(|((run, step), arm)| if runs.contains(&run) { ((run, by_now(renames, &step)), arm) } else { ((run, step), arm) })
            .collect();
        for at in self.members.values_mut() {
            if let Some(now) = places.get(at) {
                *at = now.clone();
            }
        }
        self.within = std::mem::take(&mut self.within)
            .into_iter()
            .map(|(at, within)| {
                let step = if of_the_flow.contains(&within.around) { by_now(renames, &within.step) } else { within.step.clone() };
                let around = places.get(&within.around).unwrap_or(&within.around).clone();
                (places.get(&at).unwrap_or(&at).clone(), Within { around, step, ..within })
            })
            .collect();
    }

    /// The places that have another name by now, and those whose steps are of the flow.
    fn places_by_now(&self, origin: &Arc<str>, renames: &Renames) -> ByNow {
        let mut inside: BTreeMap<&Arc<str>, Vec<(&Arc<str>, &Within)>> = BTreeMap::new();
        for (at, within) in &self.within {
            inside.entry(&within.around).or_default().push((at, within));
        }
        let mut places = HashMap::from([(origin.clone(), origin.clone())]);
        let mut of_the_flow = BTreeSet::from([origin.clone()]);
        let mut open = vec![origin];
        while let Some(around) = open.pop() {
            let now = places.get(around).unwrap_or(around).clone();
            let is_own = of_the_flow.contains(around);
            for (at, within) in inside.get(around).into_iter().flatten() {
                let step = if is_own { by_now(renames, &within.step) } else { within.step.clone() };
                places.insert((*at).clone(), child_id(&now, &step, &within.key).0);
                if is_own && within.of_the_flow {
                    of_the_flow.insert((*at).clone());
                }
                open.push(at);
            }
        }
        (places, of_the_flow)
    }
}

impl Forked {
    /// The same where the steps of the run itself have other names by now.
    #[must_use]
    pub(crate) fn renamed(&self, place: &Arc<str>, renames: &Renames) -> Self {
        let kept = self.kept.iter().map(|kept| Arc::new(Kept { step: by_now(renames, &kept.step), ..Kept::clone(kept) })).collect();
        let effects = self.effects.iter().map(|done| match done.at == *place {
            true => Arc::new(Inherited { step: by_now(renames, &done.step), ..Inherited::clone(done) }),
            false => done.clone(),
        });
        let mut effects: Vec<_> = effects.collect();
        effects.sort_by(|one, two| (&one.at, &one.step).cmp(&(&two.at, &two.step)));
        Self { kept, effects, from: self.from.as_ref().map(|from| by_now(renames, from)), of: self.of.clone(), origin: self.origin.clone() }
    }
}
