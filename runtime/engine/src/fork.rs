//! Forks: a run of today's plan in the place of one that has ended. What it takes over is gathered here, from the log; data and reading
//! only, what follows from it is decided in `decide/inherit`.
//!
//! What was done in a place (a step of a run, or of a run within it) is known by that place in all forks of one run, whoever did it:
//! that is how a fork knows what it must not do again.

mod renamed;

use crate::event::{Event, EventKind, Intent, Outcome, SettledBy, SkipReason};
use crate::failure::Failure;
use crate::ports::{LogStore, StoreError};
use crate::recover::events_of;
use crate::undo::AGAIN;
use renamed::Within;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use tradewind_lang::value::Value;

/// How many segments are read at once.
const PAGE: usize = 64;

/// The rule that asks a person about what a fork would do otherwise than the run it comes from.
pub const FORK: &str = "fork";

/// Most bytes of what a fork takes over: it is written down with its start, and one event has to hold it.
pub const MOST_BYTES: usize = 3 << 20;

/// What a fork takes over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Forked {
    /// The run that it was forked from.
    pub of: Arc<str>,
    /// The run that this one, and every fork between, goes back to. Places are named by it, and by the names of runs within it.
    pub origin: Arc<str>,
    /// From which step on everything is done anew; none for all of it.
    pub from: Option<Arc<str>>,
    /// Steps before that keep what they came to.
    pub kept: Vec<Arc<Kept>>,
    /// What was done before it, in the order of places and steps.
    pub effects: Vec<Arc<Inherited>>,
}

/// A step that keeps what it came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name.
    pub step: Arc<str>,
    /// The run in which it came to that.
    pub of: Arc<str>,
    /// What it came to.
    pub came_to: CameTo,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum CameTo {
    /// A value, and who settled it where it was an effect.
    Value(Value, Option<SettledBy>),
    /// Nothing: it was left out.
    Skipped(SkipReason),
    /// Nothing: its effect was denied by this rule, which said so.
    Denied(Arc<str>, Arc<str>),
    /// Nothing: it failed.
    Failed(Failure),
    /// An arm; what that comes to follows from its steps.
    Arm(u16),
}

/// What was done in a place before the fork.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inherited {
    /// The run whose place it is, as the first of the family names it.
    pub at: Arc<str>,
    /// The step there.
    pub step: Arc<str>,
    /// The run that did it.
    pub run: Arc<str>,
    /// Its key; the id of an event that was emitted.
    pub key: Arc<str>,
    /// Full name of the operation; `emit` and the event's name for an event.
    pub operation: Arc<str>,
    /// Its request, or what the event carries.
    pub request: Value,
    /// What was answered; none where it certainly did not happen.
    pub answer: Option<Value>,
    /// Who settled it.
    pub by: SettledBy,
    /// Whether it was taken back since, or is being.
    pub is_taken_back: bool,
    /// In whose name, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Arc<str>>,
}

impl Forked {
    /// What was done in a place.
    #[must_use]
    pub fn in_place(&self, at: &str, step: &str) -> Option<&Arc<Inherited>> {
        let place = self.effects.binary_search_by(|one| (&*one.at, &*one.step).cmp(&(at, step))).ok()?;
        self.effects.get(place)
    }

    /// What a step keeps.
    #[must_use]
    pub fn kept(&self, step: &str) -> Option<&Arc<Kept>> {
        self.kept.iter().find(|kept| &*kept.step == step)
    }

    /// Whether one event can hold it.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        rmp_serde::to_vec(self).is_ok_and(|bytes| bytes.len() <= MOST_BYTES)
    }
}

/// As which step what follows a failure is known.
pub(crate) const ON_FAILURE: &str = "on-failure";

/// As what an event that was emitted is known among effects.
#[must_use]
pub fn emission(event: &str) -> Arc<str> {
    format!("emit {event}").into()
}

/// What the log says of a run and of all its forks.
#[derive(Debug, Default)]
pub(crate) struct Family {
    /// Runs of the family, and the place of each as the first of the family names it.
    members: HashMap<Arc<str>, Arc<str>>,
    /// Intents that are not settled, by run and step.
    open: HashMap<(Arc<str>, u16), Arc<Intent>>,
    /// Places of effects by key.
    places: HashMap<Arc<str>, (Arc<str>, Arc<str>)>,
    effects: BTreeMap<(Arc<str>, Arc<str>), Inherited>,
    /// When each was done, by key: seqs of the log.
    since: HashMap<Arc<str>, u64>,
    /// Runs that do again what had failed.
    again: HashSet<Arc<str>>,
    /// Arms that were taken, by run and step.
    arms: HashMap<(Arc<str>, Arc<str>), u16>,
    /// Whether the beginning of the first of them was read.
    pub(crate) is_whole: bool,
    /// Whether something of what they did was erased.
    pub(crate) is_erased: bool,
    /// Whether one of them was led over by a version that did not write down which names its steps had after that.
    pub(crate) is_moved: bool,
    /// Steps that began runs, by run and place in its flow.
    began: HashMap<(Arc<str>, u16), Arc<str>>,
    /// Where runs within runs stand, by their place.
    within: HashMap<Arc<str>, Within>,
    /// Forks, and whether each has ended.
    pub(crate) forks: BTreeMap<Arc<str>, bool>,
}

impl Family {
    /// Reads what became of a run and of its forks, from a seq before which nothing of them can be.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) async fn read(log: &dyn LogStore, shard: u32, from: u64, origin: &Arc<str>) -> Result<Self, StoreError> {
        let mut family = Self::default();
        family.members.insert(origin.clone(), origin.clone());
        let (mut next, keys) = (from.saturating_sub(crate::executor::LONGEST_SEGMENT), log.keys());
        loop {
            let segments = log.scan(shard, next, PAGE).await?;
            let Some(last) = segments.last() else { return Ok(family) };
            next = last.first + u64::from(last.count);
            for segment in &segments {
                events_of(keys.as_deref(), segment)?.iter().for_each(|event| family.take(origin, event));
            }
        }
    }

    fn take(&mut self, origin: &Arc<str>, event: &Event) {
        let Some(run) = &event.header.run else { return };
        match &event.kind {
            EventKind::RunStarted { flow, key, parent, fork, .. } => {
                self.is_whole |= run == origin;
                if &**flow == AGAIN {
                    self.again.insert(run.clone());
                }
                if fork.as_ref().is_some_and(|fork| fork.origin == *origin) {
                    self.members.insert(run.clone(), origin.clone());
                    self.forks.insert(run.clone(), false);
                }
                if let Some((parent, around)) = parent.as_ref().and_then(|parent| Some((parent, self.members.get(&parent.run)?.clone()))) {
                    let place = parent.place.clone().unwrap_or_else(|| run.clone());
                    let began = parent.step.and_then(|step| self.began.get(&(parent.run.clone(), step.0)).cloned());
                    let step = began.unwrap_or_else(|| ON_FAILURE.into());
                    self.within.insert(place.clone(), Within::new(&around, step, key, parent.part));
                    self.members.insert(run.clone(), place);
                }
            }
            EventKind::RunMigrated(moved) => match (self.members.get(run).cloned(), &moved.renamed) {
                (Some(at), Some(renames)) => self.rename(&at, renames),
                (Some(_), None) => self.is_moved = true,
                (None, _) => {}
            },
            kind if kind.ends_run() => {
                if let Some(ended) = self.forks.get_mut(run) {
                    *ended = true;
                }
            }
            _ => self.of_step(run, event),
        }
    }

    fn of_step(&mut self, run: &Arc<str>, event: &Event) {
        let Some(step) = &event.header.step else { return };
        let member = self.members.get(run).cloned();
        self.is_erased |= event.header.erased && member.is_some();
        match &event.kind {
            EventKind::ItemsPicked { .. } | EventKind::FlowBegun { .. } if member.is_some() => {
                self.began.insert((run.clone(), step.id.0), step.name.clone());
            }
            EventKind::IntentRecorded(intent) => {
                let own = member.as_ref().filter(|_| intent.undoes.is_none()).map(|place| (place.clone(), step.name.clone()));
                if let Some(place) = own {
                    self.places.insert(intent.key.clone(), place);
                }
                let is_again = self.again.contains(run) && self.places.contains_key(&intent.key);
                if let Some(undone) = &intent.undoes {
                    self.taken_back(undone, true);
                }
                if is_again || member.is_some() || intent.undoes.is_some() {
                    self.open.insert((run.clone(), step.id.0), intent.clone());
                }
            }
            EventKind::EffectSettled { outcome, by, .. } => {
                let Some(intent) = self.open.remove(&(run.clone(), step.id.0)) else { return };
                match &intent.undoes {
                    Some(undone) => self.taken_back(undone, matches!(outcome, Outcome::Done(_))),
                    None => {
                        self.since.insert(intent.key.clone(), event.header.seq);
                        self.settled(run, &intent, outcome, *by);
                    }
                }
            }
            EventKind::EventEmitted(arrival) => {
                let Some(member) = member else { return };
                let place = (member, step.name.clone());
                self.since.insert(arrival.id.clone(), event.header.seq);
                let done = Inherited {
                    at: place.0.clone(),
                    step: place.1.clone(),
                    run: run.clone(),
                    key: arrival.id.clone(),
                    operation: emission(&arrival.name),
                    request: arrival.payload.clone(),
                    answer: Some(Value::Null),
                    by: SettledBy::Answer,
                    is_taken_back: false,
                    account: None,
                };
                self.effects.insert(place, done);
            }
            EventKind::ArmTaken { arm } if member.is_some() => {
                self.arms.insert((run.clone(), step.name.clone()), *arm);
            }
            _ => {}
        }
    }

    fn settled(&mut self, run: &Arc<str>, intent: &Intent, outcome: &Outcome, by: SettledBy) {
        let Some(place) = self.places.get(&intent.key).cloned() else { return };
        let answer = match outcome {
            Outcome::Done(answer) => Some(answer.clone()),
            Outcome::Failed(_) => None,
        };
        // What did not happen leaves what had happened there before.
        if answer.is_none() && self.effects.get(&place).is_some_and(|before| before.answer.is_some()) {
            return;
        }
        let done = Inherited {
            at: place.0.clone(),
            step: place.1.clone(),
            run: run.clone(),
            key: intent.key.clone(),
            operation: intent.operation.clone(),
            request: intent.request.clone(),
            answer,
            by,
            is_taken_back: false,
            account: intent.account.clone(),
        };
        self.effects.insert(place, done);
    }

    fn taken_back(&mut self, key: &Arc<str>, is_taken_back: bool) {
        let place = self.places.get(key);
        if let Some(done) = place.and_then(|place| self.effects.get_mut(place)).filter(|done| done.key == *key) {
            done.is_taken_back = is_taken_back;
        }
    }

    /// The arm that a step of a run took.
    pub(crate) fn arm(&self, run: &Arc<str>, step: &Arc<str>) -> Option<u16> {
        self.arms.get(&(run.clone(), step.clone())).copied()
    }

    /// A fork that has not ended.
    pub(crate) fn under_way(&self) -> Option<&Arc<str>> {
        self.forks.iter().find(|(_, ended)| !**ended).map(|(run, _)| run)
    }

    /// What was done, in the order of places and steps.
    pub(crate) fn into_effects(self) -> Vec<Arc<Inherited>> {
        self.effects.into_values().map(Arc::new).collect()
    }
}
