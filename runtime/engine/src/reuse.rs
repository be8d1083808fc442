//! What was known or answered before and was of use again: how often a step found something, what runs cost in which it did and in which
//! it did not, how long they waited for people, and what followed. Read from the log; it decides nothing and compares no cause.
//!
//! A run is the whole of it, with everything that runs within it. Runs that have not ended are left out.

use crate::event::{Event, EventKind, Used};
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
}

impl std::fmt::Display for Asset {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory(name) => write!(out, "memory {name}"),
            Self::Route(name) => write!(out, "route {name}"),
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
}

impl Reused {
    /// What runs that found something cost less than the others, if they are alike; none where either kind is missing or cost nothing is known.
    #[must_use]
    pub fn cost_saved(&self) -> Option<Money> {
        if self.with.runs == 0 || self.without.runs == 0 {
            return None;
        }
        let without = self.without.mean_cost()?;
        let with = self.with.mean_cost().unwrap_or_else(|| Money::zero(without.currency));
        without.minus(with)?.part(self.with.runs, 1)
    }

    /// How much less they waited for people, in microseconds, if they are alike; none where either kind is missing.
    #[must_use]
    pub fn time_saved(&self) -> Option<i64> {
        let both = self.with.runs > 0 && self.without.runs > 0;
        both.then(|| (self.without.mean_wait() - self.with.mean_wait()).saturating_mul(i64::try_from(self.with.runs).unwrap_or(i64::MAX)))
    }
}

/// Where something is reused.
type Place = (Arc<str>, Arc<str>, Asset);

#[derive(Debug, Default)]
struct Run {
    /// How often each place looked, and found something.
    looks: BTreeMap<Place, (u64, u64)>,
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
        if let Some((place, found)) = look {
            let looks = run.looks.entry(place).or_default();
            looks.0 += 1;
            looks.1 += u64::from(found);
        }
        Ok(())
    }

    /// Where a step looked for something, and whether it found any.
    fn look(&self, run: &Arc<str>, event: &Event) -> Option<(Place, bool)> {
        let step = event.header.step.as_ref()?;
        let found = match &event.used {
            Used::Facts { seqs } => !seqs.is_empty(),
            Used::Found(finding) => !finding.facts.is_empty(),
            Used::Said(label) => &*label.tier != "remote",
            _ => return None,
        };
        let (flow, asset) = (self.flows.get(run)?, self.kind(run, event)?);
        let asset = match asset {
            StepKind::Recall { memory, .. } => Asset::Memory(memory.clone()),
            StepKind::Search(search) => Asset::Memory(search.memory.clone()),
            StepKind::Generate(generate) => Asset::Route(generate.route.clone()),
            StepKind::Agent(acting) => Asset::Route(acting.route.clone()),
            _ => return None,
        };
        Some(((flow.clone(), step.name.clone(), asset), found))
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
            let mut reused = Reused { flow, step, asset, looked: 0, hits: 0, with: Side::default(), without: Side::default() };
            for run in &ended {
                let Some((looked, hits)) = run.looks.get(place) else { continue };
                reused.looked += looked;
                reused.hits += hits;
                if *hits > 0 { reused.with.take(run) } else { reused.without.take(run) }
            }
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
