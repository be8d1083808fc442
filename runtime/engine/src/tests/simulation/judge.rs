//! The judge: it knows what is durable, and holds every event and every request against the invariants as they come.
//!
//! It folds nothing with the engine's own code; what it knows it has from the events alone.

mod accounts;
mod arms;
mod asked;
mod budgets;
mod family;
mod figures;
mod frozen;
mod letters;
mod limits;
mod moving;
mod order;
mod rates;
mod reborn;
mod session;
mod shelves;
mod taking;
mod talk;
mod timely;
mod together;

pub(super) use letters::LETTERS;
pub(super) use moving::left_behind;
pub(super) use reborn::{taken_up, unfinished};
pub(super) use shelves::STANDS;
pub(super) use timely::overdue as timely_overdue;

use crate::event::{Event, EventKind, Intent, Next, Outcome};
use crate::executor::BROKEN;
use crate::pinned::Pinned;
use crate::ports::Call;
use crate::recover::events_of;
use crate::segment::Segment;
use crate::twin::MemoryKeys;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Digest, Plan};
use tradewind_lang::value::Value;

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Violation {
    pub(super) invariant: &'static str,
    pub(super) what: String,
}

/// A run as its events tell of it.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) flow: Arc<str>,
    pub(super) is_part: bool,
    pub(super) parent: Option<Arc<str>>,
    pub(super) input: Value,
    pub(super) ended: Option<EventKind>,
    pub(super) paused: bool,
    /// It goes on only to settle what it has under way.
    pub(super) ending: bool,
    plan: Digest,
    cost: Option<Money>,
}

/// An intent, and what its effect came to.
#[derive(Debug, Clone)]
pub(super) struct Meant {
    pub(super) intent: Arc<Intent>,
    pub(super) run: Arc<str>,
    /// The place of its step in the flow that the run follows by now.
    step: u16,
    pub(super) settled: Option<Outcome>,
    /// What follows its last attempt, where that settled nothing.
    next: Option<Next>,
}

pub(super) struct Judge {
    /// The first plan of the life; its teams, policies and clocks are those of every other.
    pub(super) plan: Arc<Plan>,
    plans: BTreeMap<Digest, Arc<Pinned>>,
    pub(super) violations: Vec<Violation>,
    pub(super) events: Vec<Event>,
    pub(super) runs: BTreeMap<Arc<str>, Run>,
    pub(super) meant: BTreeMap<Arc<str>, Meant>,
    open: BTreeMap<(Arc<str>, u16), Arc<str>>,
    pub(super) questions: asked::Questions,
    pub(super) timely: timely::Timely,
    order: order::Order,
    limits: limits::Limits,
    families: family::Families,
    taking: taking::Taking,
    talks: talk::Talks,
    sessions: session::Sessions,
    shelves: shelves::Shelves,
    arms: arms::Arms,
    figures: figures::Figures,
    letters: letters::Letters,
    adopted: Option<Digest>,
    frozen: frozen::Held,
    received: BTreeMap<[u8; 16], (u64, i64)>,
    dispatched: BTreeSet<u64>,
}

impl Judge {
    pub(super) fn new(plans: &[&Arc<Pinned>]) -> Self {
        Self {
            plan: plans[0].plan.clone(),
            plans: plans.iter().map(|pinned| (pinned.digest, Arc::clone(pinned))).collect(),
            violations: Vec::new(),
            events: Vec::new(),
            runs: BTreeMap::new(),
            meant: BTreeMap::new(),
            open: BTreeMap::new(),
            questions: asked::Questions::default(),
            timely: timely::Timely::default(),
            order: order::Order::default(),
            limits: limits::Limits::default(),
            families: family::Families::default(),
            taking: taking::Taking::default(),
            talks: talk::Talks::default(),
            sessions: session::Sessions::default(),
            shelves: shelves::Shelves::default(),
            arms: arms::Arms::default(),
            figures: figures::Figures::default(),
            letters: letters::Letters::default(),
            adopted: None,
            frozen: frozen::Held::default(),
            received: BTreeMap::new(),
            dispatched: BTreeSet::new(),
        }
    }

    pub(super) fn violated(&mut self, invariant: &'static str, what: String) {
        self.violations.push(Violation { invariant, what });
    }

    /// A segment is durable.
    pub(super) fn durable(&mut self, segment: &Segment) {
        let next = self.events.last().map_or(1, |event| event.header.seq + 1);
        if segment.first != next {
            self.violated("I7", format!("a segment begins at {}, and {next} is next", segment.first));
        }
        match events_of(Some(&MemoryKeys::default()), segment) {
            Ok(events) => {
                self.letters.segment();
                events.into_iter().for_each(|event| self.event(event));
            }
            Err(error) => self.violated("I7", format!("{error:?}")),
        }
    }

    /// A request reaches a provider, from a process that has the log or has lost it.
    pub(super) fn sent(&mut self, call: &Call, has_log: bool) {
        if call.key.is_empty() {
            return;
        }
        let name = &call.operation.name;
        match self.meant.get(&*call.key) {
            None => self.violated("I1", format!("`{name}` was sent with the key {}, of which no intent is durable", call.key)),
            Some(meant) if meant.intent.request != call.request => {
                self.violated("I6", format!("`{name}` was sent with a request that its intent does not name"));
            }
            // Who lost the log hears of no freeze.
            Some(meant) if has_log => {
                let flow = self.runs.get(&meant.run).map(|run| run.flow.clone()).unwrap_or_default();
                if self.frozen.holds(name, flow) {
                    self.violated("freeze", format!("`{name}` is sent although it is frozen"));
                }
            }
            Some(_) => {}
        }
        accounts::sent(self, call);
    }

    fn event(&mut self, event: Event) {
        self.of_run(&event);
        self.of_effect(&event);
        self.of_arrival(&event);
        asked::look(self, &event);
        timely::look(self, &event);
        order::look(self, &event);
        family::look(self, &event);
        taking::look(self, &event);
        frozen::look(self, &event);
        talk::look(self, &event);
        session::look(self, &event);
        shelves::look(self, &event);
        together::look(self, &event);
        rates::look(self, &event);
        accounts::look(self, &event);
        arms::look(self, &event);
        figures::look(self, &event);
        letters::look(self, &event);
        moving::look(self, &event);
        self.events.push(event);
    }

    fn of_run(&mut self, event: &Event) {
        if let EventKind::PlanAdopted { digest, .. } = &event.kind {
            self.adopted = Some(*digest);
        }
        let Some(run) = &event.header.run else { return };
        if let EventKind::RunStarted { flow, parent, input, .. } = &event.kind {
            let is_part = parent.as_ref().is_some_and(|parent| parent.part != crate::child::Part::Flow);
            let begun = Run {
                flow: flow.clone(),
                is_part,
                parent: parent.as_ref().map(|parent| parent.run.clone()),
                input: input.clone(),
                ended: None,
                paused: false,
                ending: false,
                plan: event.header.plan,
                cost: None,
            };
            let wanted = parent.as_ref().map_or(self.adopted, |parent| self.runs.get(&parent.run).map(|around| around.plan));
            if wanted != Some(event.header.plan) {
                self.violated("I10", format!("run {run} follows another plan than the one of its moment"));
            }
            if self.runs.insert(run.clone(), begun).is_some() {
                self.violated("I12", format!("run {run} began twice"));
            }
            return;
        }
        let Some(known) = self.runs.get_mut(run) else {
            return self.violated("I7", format!("run {run} has no beginning"));
        };
        let (other_plan, after_end) = (known.plan != event.header.plan, known.ended.is_some());
        let stops = match &event.kind {
            EventKind::CancelRequested { reason } => reason.strip_prefix(BROKEN).map(str::to_owned),
            _ => None,
        };
        match &event.kind {
            EventKind::RunPaused => known.paused = true,
            EventKind::RunResumed => known.paused = false,
            EventKind::CancelRequested { .. }
            | EventKind::FailureHandled { .. }
            | EventKind::StepFailed { goes_on: false, .. }
            | EventKind::EffectDenied { goes_on: false, .. }
            | EventKind::EffectSettled { outcome: Outcome::Failed(_), goes_on: false, .. } => known.ending = true,
            kind if kind.ends_run() => known.ended = Some(kind.clone()),
            _ => {}
        }
        if let Some(cost) = event.cost {
            known.cost = known.cost.map_or(Some(cost), |sum| sum.plus(cost));
        }
        let (cost, flow) = (known.cost, known.flow.clone());
        if let Some(why) = stops {
            self.violated("I20", format!("the engine stopped run {run}: {why}"));
        }
        if other_plan {
            self.violated("I9", format!("run {run} changed its plan"));
        }
        if after_end {
            self.violated("I7", format!("run {run} goes on after its end with {}", event.kind.name()));
        }
        if event.kind.ends_run() {
            self.settles_all(run);
        }
        self.limits
            .cost_of(&self.plan, &flow, cost)
            .into_iter()
            .for_each(|what| self.violations.push(Violation { invariant: "I13", what }));
    }

    /// A run that ends has settled what it had under way, and nobody is asked for it any more.
    fn settles_all(&mut self, run: &Arc<str>) {
        if let Some(meant) = self.meant.values().find(|meant| meant.run == *run && meant.settled.is_none()) {
            let what = format!("run {run} ended, and `{}` is not settled", meant.intent.operation);
            self.violated("I3", what);
        }
        if let Some(child) = self.runs.iter().find(|(_, child)| child.parent.as_ref() == Some(run) && child.ended.is_none()) {
            let what = format!("run {run} ended before {} within it", child.0);
            self.violated("I3", what);
        }
        asked::ends(self, run);
        talk::ends(self, run);
    }

    /// The run of which a run is a part, or itself.
    fn whole(&self, run: &Arc<str>) -> Arc<str> {
        let around = self.runs.get(run).filter(|run| run.is_part).and_then(|run| run.parent.clone());
        around.map_or_else(|| run.clone(), |around| self.whole(&around))
    }

    fn of_effect(&mut self, event: &Event) {
        let (Some(run), Some(step)) = (&event.header.run, &event.header.step) else { return };
        let place = (run.clone(), step.id.0);
        match &event.kind {
            EventKind::IntentRecorded(intent) => {
                if self.runs.get(run).is_some_and(|run| run.paused) {
                    self.violated("pause", format!("paused run {run} means to do `{}`", intent.operation));
                }
                let meant = Meant { intent: intent.clone(), run: run.clone(), step: step.id.0, settled: None, next: None };
                // A fork does what had failed under the key that it had.
                let before = self.meant.insert(intent.key.clone(), meant);
                if before.is_some_and(|before| before.run == *run || !matches!(before.settled, Some(Outcome::Failed(_)))) {
                    self.violated("I2", format!("two intents have the key {}", intent.key));
                }
                self.open.insert(place, intent.key.clone());
                let found = self.limits.take(intent, event.header.at);
                self.violations.extend(found.into_iter().map(|what| Violation { invariant: "I13", what }));
            }
            EventKind::EffectAttempted { next, .. } => match self.open.get(&place).and_then(|key| self.meant.get_mut(key)) {
                Some(meant) => meant.next = Some(*next),
                None => self.violated("I3", format!("an effect of run {run} is attempted, and was never meant")),
            },
            EventKind::EffectSettled { outcome, .. } => {
                let Some(key) = self.open.remove(&place) else {
                    return self.violated("I3", format!("an effect of run {run} is settled twice, or was never meant"));
                };
                if matches!(outcome, Outcome::Failed(_)) {
                    self.limits.release(&key);
                }
                if let Some(meant) = self.meant.get_mut(&key) {
                    meant.settled = Some(outcome.clone());
                }
            }
            _ => {}
        }
    }

    fn of_arrival(&mut self, event: &Event) {
        let (seq, at) = (event.header.seq, event.header.at);
        match &event.kind {
            EventKind::EventReceived(arrival) => {
                if let Some((first, _)) = self.received.get(&arrival.identity()).filter(|(_, first)| at < first + crate::engine::IDS_FOR) {
                    let what = format!("event `{}` was received at {first} and again at {seq}", arrival.id);
                    self.violated("I12", what);
                }
                self.received.insert(arrival.identity(), (seq, at));
            }
            EventKind::EventDispatched { event: of, runs, .. } => {
                let distinct: BTreeSet<_> = runs.iter().collect();
                if !self.dispatched.insert(*of) || distinct.len() != runs.len() {
                    self.violated("I12", format!("event {of} was dispatched twice"));
                }
            }
            _ => {}
        }
    }

    /// Whether an event is durable under a seq.
    pub(super) fn received_at(&self, identity: &[u8; 16]) -> Option<u64> {
        self.received.get(identity).map(|(seq, _)| *seq)
    }

    /// What must be so when nothing is left to be done.
    pub(super) fn at_the_end(&mut self) {
        let hanging: Vec<String> =
            self.runs.iter().filter(|(_, run)| run.ended.is_none()).map(|(id, run)| format!("{} {id}", run.flow)).collect();
        if !hanging.is_empty() {
            self.violated("I3", format!("these runs have not ended: {hanging:?}"));
        }
        let came = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::EventReceived(_) | EventKind::EventEmitted(_) => Some(event.header.seq),
            _ => None,
        });
        let left: Vec<u64> = came.filter(|seq| !self.dispatched.contains(seq)).collect();
        if !left.is_empty() {
            self.violated("I12", format!("these events have started nothing: {left:?}"));
        }
        let open: Vec<String> = self.talks.open().map(|(_, key)| key.to_string()).collect();
        if !open.is_empty() {
            self.violated("I3", format!("these questions have no answer: {open:?}"));
        }
    }
}
