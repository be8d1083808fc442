//! What was known or answered before and was of use again: how often a step found something, what runs cost in which it did and in which
//! it did not, how long they waited for people, and what followed. Read from the log; it decides nothing and compares no cause.
//!
//! A run is the whole of it, with everything that runs within it. Runs that have not ended are left out.

mod version;

pub use version::{Version, Which};

use crate::event::{Event, EventKind};
use crate::ports::{LogStore, StoreError};
use crate::recover::Reader;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Digest, Plan, StepKind, Until};

/// What is reused: facts of a memory, or answers of a route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asset {
    /// Facts of a memory, by recall.
    Memory(String),
    /// Answers of a route that were kept, or come of a template, in the place of a model's.
    Route(String),
    /// Labels of an enum, such as what customers want, that a model of this process gave by its rows, or that were kept, in the place of
    /// those of a model behind a network or a person.
    Labels(String),
}

impl std::fmt::Display for Asset {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory(name) => write!(out, "memory {name}"),
            Self::Route(name) => write!(out, "route {name}"),
            Self::Labels(name) => write!(out, "labels {name}"),
        }
    }
}

/// Runs that have something in common.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Side {
    /// How many.
    pub runs: u64,
    /// What all of them cost; none where nothing cost anything.
    pub cost: Option<Money>,
    /// How long all of them waited for people, in microseconds.
    pub waited: i64,
    /// In how many of them the event came that counts as success.
    pub converted: u64,
}

impl Side {
    fn take(&mut self, run: &Run) {
        self.runs += 1;
        self.waited = self.waited.saturating_add(run.waited);
        self.converted += u64::from(run.converted);
        self.cost = both(self.cost, run.cost);
    }

    /// What a run of it cost on average.
    #[must_use]
    pub fn mean_cost(&self) -> Option<Money> {
        self.cost.filter(|_| self.runs > 0)?.part(1, self.runs)
    }

    /// What these runs cost less than others, all together; none where either kind is missing or cost nothing is known.
    #[must_use]
    pub fn cost_saved(&self, without: &Self) -> Option<Money> {
        if self.runs == 0 || without.runs == 0 {
            return None;
        }
        let others = without.mean_cost()?;
        let own = self.mean_cost().unwrap_or_else(|| Money::zero(others.currency));
        others.minus(own)?.part(self.runs, 1)
    }

    /// How much less they waited for people than others, all together, in microseconds; none where either kind is missing.
    #[must_use]
    pub fn time_saved(&self, without: &Self) -> Option<i64> {
        let both = self.runs > 0 && without.runs > 0;
        both.then(|| (without.mean_wait() - self.mean_wait()).saturating_mul(i64::try_from(self.runs).unwrap_or(i64::MAX)))
    }

    /// How long a run of it waited for people on average, in microseconds; nothing where there is none.
    #[must_use]
    pub fn mean_wait(&self) -> i64 {
        self.waited.checked_div(i64::try_from(self.runs).unwrap_or(i64::MAX)).unwrap_or(0)
    }
}

/// Of how much use something was to a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Reused {
    /// The flow.
    pub flow: Arc<str>,
    /// The step.
    pub step: Arc<str>,
    /// What is reused.
    pub asset: Asset,
    /// How often the step looked.
    pub looked: u64,
    /// How often it found something.
    pub hits: u64,
    /// Runs in which it did.
    pub with: Side,
    /// Runs in which it looked and did not.
    pub without: Side,
    /// The versions that were found, those first that were found most often.
    pub versions: Vec<Version>,
}

impl Reused {
    /// What runs that found something cost less than the others, if they are alike; none where either kind is missing or cost nothing is known.
    #[must_use]
    pub fn cost_saved(&self) -> Option<Money> {
        self.with.cost_saved(&self.without)
    }

    /// How much less they waited for people, in microseconds, if they are alike; none where either kind is missing.
    #[must_use]
    pub fn time_saved(&self) -> Option<i64> {
        self.with.time_saved(&self.without)
    }
}

/// Where something is reused.
type Place = (Arc<str>, Arc<str>, Asset);

/// How often a place looked, and found something; and which.
#[derive(Debug, Default)]
struct Looks {
    looked: u64,
    hits: u64,
    which: BTreeMap<Which, u64>,
}

#[derive(Debug, Default)]
struct Run {
    looks: BTreeMap<Place, Looks>,
    cost: Option<Money>,
    waited: i64,
    converted: bool,
    ended: bool,
}

#[derive(Default)]
struct Gathered {
    plans: HashMap<Digest, Arc<Plan>>,
    flows: HashMap<Arc<str>, Arc<str>>,
    /// Runs within others, and the outermost around them.
    roots: HashMap<Arc<str>, Arc<str>>,
    runs: BTreeMap<Arc<str>, Run>,
    /// When people were asked what is open.
    asked: HashMap<Arc<str>, i64>,
}

impl Gathered {
    fn take(&mut self, event: &Event, success: Option<&str>) -> Result<(), StoreError> {
        if let EventKind::PlanAdopted { digest, bytes: Some(bytes), .. } = &event.kind {
            self.plans.insert(*digest, Arc::new(Plan::from_bytes(&bytes.0).map_err(StoreError::Damaged)?));
        }
        let Some(id) = &event.header.run else { return Ok(()) };
        if let EventKind::RunStarted { flow, parent, .. } = &event.kind {
            self.flows.insert(id.clone(), flow.clone());
            if let Some(parent) = parent {
                let root = self.roots.get(&parent.run).unwrap_or(&parent.run).clone();
                self.roots.insert(id.clone(), root);
            }
        }
        let is_root = !self.roots.contains_key(id);
        let root = self.roots.get(id).unwrap_or(id).clone();
        let (look, converts) = (self.look(id, event), self.converts(id, event, success));
        let waited = self.waited(event);
        let run = self.runs.entry(root).or_default();
        run.cost = both(run.cost, event.cost);
        run.waited = run.waited.saturating_add(waited);
        run.converted |= converts;
        run.ended |= is_root && event.kind.ends_run();
        if let Some((place, which, found)) = look {
            let looks = run.looks.entry(place).or_default();
            looks.looked += 1;
            looks.hits += u64::from(found);
            which.into_iter().for_each(|which| *looks.which.entry(which).or_default() += 1);
        }
        Ok(())
    }

    /// Where a step looked for something, what it found, and whether it found any.
    fn look(&self, run: &Arc<str>, event: &Event) -> Option<(Place, Vec<Which>, bool)> {
        let step = event.header.step.as_ref()?;
        let (flow, plan) = (self.flows.get(run)?, self.plans.get(&event.header.plan)?);
        let (asset, which, found) = version::found(plan, self.kind(run, event)?, event)?;
        Some(((flow.clone(), step.name.clone(), asset), which, found))
    }

    /// Whether it is the event that counts as success: told by the run, or waited for.
    fn converts(&self, run: &Arc<str>, event: &Event, success: Option<&str>) -> bool {
        match &event.kind {
            EventKind::EventEmitted(arrival) => success == Some(&*arrival.name),
            EventKind::EventTaken { .. } => match self.kind(run, event) {
                Some(StepKind::Wait(wait)) => matches!(&wait.until, Until::Event { event, .. } if success == Some(event.as_str())),
                _ => false,
            },
            _ => false,
        }
    }

    /// What the step of an event does, by the plan that its run followed.
    fn kind(&self, run: &Arc<str>, event: &Event) -> Option<&StepKind> {
        let step = event.header.step.as_ref()?;
        let flow = self.plans.get(&event.header.plan)?.flows.get(&**self.flows.get(run)?)?;
        flow.steps.iter().chain(&flow.terms.on_failure).find(|known| known.name == *step.name).map(|step| &step.kind)
    }

    /// How long people took over what they answer now.
    fn waited(&mut self, event: &Event) -> i64 {
        match &event.kind {
            EventKind::ApprovalRequested(approval) => drop(self.asked.insert(approval.id.clone(), event.header.at)),
            EventKind::ApprovalAnswered { approval, closes: true, .. }
            | EventKind::ApprovalExpired { approval, .. }
            | EventKind::ApprovalWithdrawn { approval } => {
                return self.asked.remove(approval).map_or(0, |asked| event.header.at.saturating_sub(asked));
            }
            _ => {}
        }
        0
    }

    fn reused(self) -> Vec<Reused> {
        let ended: Vec<&Run> = self.runs.values().filter(|run| run.ended).collect();
        let places: BTreeSet<&Place> = ended.iter().flat_map(|run| run.looks.keys()).collect();
        let of = |place: &Place| {
            let (flow, step, asset) = place.clone();
            let (with, without) = (Side::default(), Side::default());
            let mut reused = Reused { flow, step, asset, looked: 0, hits: 0, with, without, versions: Vec::new() };
            let mut versions: BTreeMap<&Which, Version> = BTreeMap::new();
            for run in &ended {
                let Some(looks) = run.looks.get(place) else { continue };
                reused.looked += looks.looked;
                reused.hits += looks.hits;
                if looks.hits > 0 {
                    reused.with.take(run)
                } else {
                    reused.without.take(run)
                }
                for (which, hits) in &looks.which {
                    let new = || Version { which: which.clone(), hits: 0, with: Side::default() };
                    let version = versions.entry(which).or_insert_with(new);
                    version.hits += hits;
                    version.with.take(run);
                }
            }
            reused.versions = versions.into_values().collect();
            reused.versions.sort_by_key(|version| std::cmp::Reverse(version.hits));
            reused
        };
        places.into_iter().map(of).collect()
    }
}

fn both(one: Option<Money>, other: Option<Money>) -> Option<Money> {
    match (one, other) {
        (Some(one), Some(other)) => one.plus(other).or(Some(one)),
        (one, other) => one.or(other),
    }
}

/// Of how much use memories and kept answers were, by flow, step and what is reused. `success`: an event that a run tells of, or waits for.
///
/// # Errors
/// A log that cannot be read, or is damaged.
pub(crate) async fn measure(log: &dyn LogStore, shard: u32, success: Option<&str>) -> Result<Vec<Reused>, StoreError> {
    let (mut reader, mut gathered) = (Reader::new(log, shard), Gathered::default());
    loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            return Ok(gathered.reused());
        }
        for segment in &segments {
            for event in reader.events(segment)? {
                gathered.take(&event, success)?;
            }
        }
    }
}
