//! What events start: each flow with a trigger that holds, once, however often the process ends on the way.
//!
//! A start is named by the event or by the flow's key, so that it can be handed in again; an event counts as dispatched when all
//! its starts are durable.

use super::timers::TimerKey;
use super::{Inside, Shard, Started};
use crate::arrivals::Arrived;
use crate::engine::StartError;
use crate::engine::prepare::{Prepared, prepare};
use crate::event::EventKind;
use crate::fork::Forked;
use crate::key::run_id;
use crate::pinned::{FlowGraph, Pinned};
use crate::schedules::Clock;
use crate::seal::Keyring;
use crate::trigger::{self, Happening};
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

/// Most events that start one run together.
const MOST_GATHERED: usize = 1000;

/// What a start came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Events, by seq: several where they were gathered.
    Events(Vec<u64>),
    /// A clock, the instant it stood for, and how many it passed over.
    Clock { clock: Clock, at: i64, passed: u64 },
}

/// An event whose starts are under way.
#[derive(Debug, Default)]
pub(super) struct Dispatching {
    left: usize,
    /// How many of those left are gathered and wait for their time.
    gathered: usize,
    runs: Vec<Arc<str>>,
    failed: Vec<(Arc<str>, String)>,
}

/// Events that start one run together.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) until: i64,
    /// The first of them, where the log says already that they belong together.
    settled: Option<u64>,
    events: Vec<u64>,
    key: Option<Arc<str>>,
    input: Value,
    actor: Arc<str>,
}

/// A start that waits for its turn.
#[derive(Debug)]
pub(crate) struct StartRequest {
    pub(crate) run: Arc<str>,
    pub(crate) trace: [u8; 16],
    pub(crate) flow: Arc<str>,
    pub(crate) key: Arc<str>,
    pub(crate) input: Value,
    pub(crate) payload: Digest,
    pub(crate) actor: Arc<str>,
    pub(crate) concurrency_key: Option<Arc<str>>,
    pub(crate) reply: oneshot::Sender<Started>,
    /// The plan that was asked whether it can be started; another may be active when its turn comes.
    pub(crate) active: Arc<Pinned>,
    /// Why the plan of then refuses it.
    pub(crate) refused: Arc<OnceLock<StartError>>,
    /// Its key, where its flow names none.
    pub(crate) known_by: Option<Arc<str>>,
    /// What it takes over, where it is a fork.
    pub(crate) fork: Option<Arc<Forked>>,
}

impl StartRequest {
    /// A start, and where its answer comes.
    ///
    /// # Errors
    /// The plan has no such flow, or its input, key or concurrency key has no value.
    pub(crate) fn new(
        active: &Arc<Pinned>,
        flow: &str,
        input: Value,
        actor: Arc<str>,
        known_by: Option<Arc<str>>,
        keys: Option<&dyn Keyring>,
    ) -> Result<(Self, oneshot::Receiver<Started>), StartError> {
        let Prepared { run, trace, flow, key, payload, concurrency_key } = prepare(active, flow, &input, known_by.as_ref(), keys)?;
        let ((reply, answer), refused, active) = (oneshot::channel(), Arc::new(OnceLock::new()), active.clone());
        Ok((Self { run, trace, flow, key, input, payload, actor, concurrency_key, reply, active, refused, known_by, fork: None }, answer))
    }
}

/// What a start needs, where a trigger holds.
type Wanted = Option<(Option<Arc<str>>, Value)>;

impl Shard {
    /// Starts what a durable event starts.
    pub(super) fn dispatch(&mut self, arrived: &Arrived) {
        let (seq, name) = (arrived.seq, arrived.arrival.name.clone());
        if self.dispatching.contains_key(&seq) {
            return;
        }
        self.dispatching.insert(seq, Dispatching::default());
        let active = self.active.clone();
        let mut flow_before: Option<&Arc<str>> = None;
        for place in active.triggers.of_event(&name) {
            // One event starts a flow once, by the first of its triggers that holds.
            if flow_before == Some(&place.0) {
                continue;
            }
            let Some((graph, trigger)) = active.trigger(place) else { continue };
            match self.wanted(&active, graph, trigger, arrived) {
                Ok(None) => continue,
                Ok(Some((key, input))) => {
                    flow_before = Some(&place.0);
                    let actor: Arc<str> = format!("event {name}").into();
                    self.count_start(seq, trigger.debounce.is_some());
                    match trigger.debounce {
                        None => {
                            let key = key.unwrap_or_else(|| event_key(arrived));
                            self.begin_start(graph, (key, input, actor), Origin::Events(vec![seq]));
                        }
                        Some(span) => {
                            let settled = self.books.arrivals.gathered_from(seq, &place.0);
                            let until = settled.map_or(arrived.at.saturating_add(span), |_| arrived.at);
                            let apart = key.clone().or_else(|| settled.map(from_key)).unwrap_or_else(|| "".into());
                            let gathered = Gathered { until, settled, events: vec![seq], key, input, actor };
                            self.gather((place.0.clone(), place.1, apart), gathered, arrived.at);
                        }
                    }
                }
                Err(why) => {
                    flow_before = Some(&place.0);
                    self.failed(seq, graph.name.clone(), why);
                }
            }
        }
        self.dispatched(seq);
    }

    fn wanted(
        &self,
        active: &Pinned,
        graph: &FlowGraph,
        trigger: &tradewind_lang::plan::Trigger,
        arrived: &Arrived,
    ) -> Result<Wanted, String> {
        let (id, _) = run_id(&active.tenant, &graph.name, &event_key(arrived));
        let happening = Happening { carried: Some(("event", &arrived.arrival.payload)), at: arrived.at, id: &id };
        if !trigger::holds(active, graph, trigger, &happening)? {
            return Ok(None);
        }
        runnable(active, graph)?;
        let input = trigger::input(active, graph, trigger, &happening)?;
        Ok(Some((trigger::key(graph, &input)?, input)))
    }

    fn count_start(&mut self, seq: u64, is_gathered: bool) {
        if let Some(dispatching) = self.dispatching.get_mut(&seq) {
            dispatching.left += 1;
            dispatching.gathered += usize::from(is_gathered);
        }
    }

    fn failed(&mut self, seq: u64, flow: Arc<str>, why: String) {
        if let Some(dispatching) = self.dispatching.get_mut(&seq) {
            dispatching.failed.push((flow, why));
        }
    }

    /// The time runs from the first of those that are gathered, so that a stream of them is no reason never to begin; the newest counts.
    fn gather(&mut self, place: (Arc<str>, usize, Arc<str>), new: Gathered, at: i64) {
        // One that came after the time belongs to the next run, however late the clock is heard.
        if self.gathered.get(&place).is_some_and(|old| old.settled.is_none() && (at >= old.until || old.events.len() >= MOST_GATHERED)) {
            self.release(&place);
        }
        match self.gathered.get_mut(&place) {
            Some(old) => {
                old.events.extend(new.events);
                (old.key, old.input) = (new.key, new.input);
            }
            None => {
                self.set_own_timer(new.until, TimerKey::Starts);
                self.gathered.insert(place, new);
            }
        }
    }

    fn release(&mut self, place: &(Arc<str>, usize, Arc<str>)) {
        let Some(gathered) = self.gathered.remove(place) else { return };
        let Gathered { events, settled, key, input, actor, .. } = gathered;
        for seq in &events {
            if let Some(dispatching) = self.dispatching.get_mut(seq) {
                dispatching.gathered = dispatching.gathered.saturating_sub(1);
            }
        }
        // The first of them names the run where no key does.
        let first = settled.or_else(|| events.first().copied()).unwrap_or(0);
        if key.is_none() && settled.is_none() {
            self.write_down(EventKind::EventsGathered { flow: place.0.clone(), events: events.clone() }, None, first, None);
        }
        let key = key.unwrap_or_else(|| from_key(first));
        match self.active.flow(&place.0).cloned() {
            Some(graph) => self.begin_start(&graph, (key, input, actor), Origin::Events(events)),
            None => self.begun(Origin::Events(events), place.0.clone(), Err("there is no such flow any more".to_owned())),
        }
    }

    /// Clocks of the shard ran out: gathered events begin, and schedules strike.
    pub(super) fn starts_are_due(&mut self) {
        let now = self.now();
        let due: Vec<_> = self.gathered.iter().filter(|(_, gathered)| gathered.until <= now).map(|(place, _)| place.clone()).collect();
        due.iter().for_each(|place| self.release(place));
        self.strike();
    }

    /// Hands a start in, and hears of it when it is durable.
    pub(super) fn begin_start(&mut self, graph: &FlowGraph, (key, input, actor): (Arc<str>, Value, Arc<str>), of: Origin) {
        let flow = graph.name.clone();
        match StartRequest::new(&self.active, &flow, input, actor, Some(key), self.ports.log.keys().as_deref()) {
            Ok((start, answer)) => {
                let (inside, refused) = (self.inside.clone(), start.refused.clone());
                tokio::spawn(async move {
                    let why = || refused.get().map_or_else(|| "it was not started".to_owned(), ToString::to_string);
                    let started = answer.await.map_err(|_| why());
                    let _ = inside.send(Inside::Begun { of, flow, started });
                });
                self.starts.push(graph.flow.terms.priority, start);
            }
            Err(error) => self.begun(of, flow, Err(error.to_string())),
        }
    }

    /// A start is durable, or there will be none.
    pub(super) fn begun(&mut self, of: Origin, flow: Arc<str>, started: Result<Started, String>) {
        match of {
            Origin::Clock { clock, at, passed } => self.fired(clock, (at, passed), started.map(|started| started.run_id)),
            Origin::Events(events) => {
                for seq in events {
                    let Some(dispatching) = self.dispatching.get_mut(&seq) else { continue };
                    dispatching.left = dispatching.left.saturating_sub(1);
                    match &started {
                        Ok(started) => dispatching.runs.push(started.run_id.clone()),
                        Err(why) => dispatching.failed.push((flow.clone(), why.clone())),
                    }
                    self.dispatched(seq);
                }
            }
        }
    }

    /// Writes down that an event is dispatched, where it is.
    fn dispatched(&mut self, seq: u64) {
        if self.dispatching.get(&seq).is_some_and(|dispatching| dispatching.left == 0)
            && let Some(Dispatching { runs, failed, .. }) = self.dispatching.remove(&seq)
        {
            self.write_down(EventKind::EventDispatched { event: seq, runs, failed }, None, seq, None);
        }
    }

    /// Whether nothing is being started but what waits for its time.
    pub(super) fn has_dispatched(&self) -> bool {
        self.striking.is_empty() && self.dispatching.values().all(|dispatching| dispatching.left <= dispatching.gathered)
    }
}

/// The key of a run whose flow declares none: two events are two happenings, however alike.
fn event_key(arrived: &Arrived) -> Arc<str> {
    format!("event {}", arrived.seq).into()
}

/// The key of a run that several events start, by the first of them.
fn from_key(first: u64) -> Arc<str> {
    format!("events from {first}").into()
}

/// Whether this version can run a flow.
///
/// # Errors
/// What it cannot, in words.
pub(super) fn runnable(active: &Pinned, graph: &FlowGraph) -> Result<(), String> {
    match active.plan.not_runnable(&graph.flow).first() {
        None => Ok(()),
        Some(lacking) => Err(format!("this version checks {} but cannot run it yet", lacking.what)),
    }
}
