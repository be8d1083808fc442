//! The handle of an engine: start runs, answer questions, look. Cheap to clone, safe to share.
//!
//! It holds no state of its own: it asks the loop, or reads the log.

mod archive;
mod budgets;
mod forget;
mod fork;
mod hold;
mod inlet;
mod listed;
pub(crate) mod prepare;
mod remembered;
mod shown;
mod steer;
mod undo;

use crate::approval::{AnswerRefusal, PendingApproval, Verdict};
use crate::arrival::within_bounds;
use crate::books::{Books, Entry};
use crate::decide::Wish;
use crate::event::{Event, EventKind};
use crate::executor::{Head, Live, Message, Outlets, Ports, Shard, StartRequest};
use crate::finding::{Finder, NoFinder};
use crate::image::Image;
use crate::key::run_id;
use crate::memory::past::{Known, Snapshots};
use crate::pinned::{FlowGraph, Pinned};
use crate::ports::{Clock, Connectors, LogStore, Models, StoreError};
use crate::recover::{self, Reader, events_of};
use crate::state::RunState;
use crate::summary::{Progress, RunDetails, RunSummary};
use crate::vectors::Vectors;
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::sync::{Arc, OnceLock};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tradewind_lang::plan::{Digest, Plan};
use tradewind_lang::value::Value;

pub use crate::arrivals::{Became, IDS_FOR, Listed, MOST_IDS, MOST_RECENT};
pub use crate::executor::{Adopted, Busy, ControlRefusal, Receipt, Started, SteerRefusal};
pub use crate::image::Snapshot;
pub use crate::trigger::typed_record;
pub use archive::{ExportError, RebuildError};
pub use budgets::BudgetState;
pub use forget::{Affected, ForgetError, Forgotten};
pub use fork::{ForkError, PlannedFork};
pub use hold::HoldError;
pub use inlet::{Address, Answer, ReceiveError};
pub use remembered::{FoundFacts, SearchError};
pub use steer::{Adoption, SteerError};

/// How many callers may wait in the loop's queue before they are held back.
const QUEUE: usize = 1024;
/// How many ends of runs a slow subscriber may fall behind.
const ENDS: usize = 16_384;

/// What an engine is made of.
#[derive(Clone)]
pub struct Config {
    /// The active plan.
    pub plan: Arc<Plan>,
    /// The log.
    pub log: Arc<dyn LogStore>,
    /// Shops, payment providers, help desks.
    pub connectors: Arc<dyn Connectors>,
    /// Models.
    pub models: Arc<dyn Models>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What ranks facts.
    pub finder: Arc<dyn Finder>,
    /// Which shard of the log it holds.
    pub shard: u32,
    /// How many runs may be in flight; those that wait for a person are not counted.
    pub in_flight: usize,
    /// Only look: no run goes on, nothing is performed and nothing is appended.
    pub look_only: bool,
    /// Whether clocks start runs: what serves does that, and no command that does one thing.
    pub schedules: bool,
    /// Only freeze, thaw and go back: what people want of the whole engine is appended, and no run goes on.
    pub steer_only: bool,
    /// The plan that the log adopted last stays, whatever `plan` is; that one is only for an empty log.
    pub keeps: bool,
    /// Who wants `plan`, for the log; the engine itself for none.
    pub wanted_by: Option<Arc<str>>,
}

impl Config {
    /// A configuration of shard 0 with 64 runs in flight.
    #[must_use]
    pub fn new(
        plan: Arc<Plan>,
        log: Arc<dyn LogStore>,
        connectors: Arc<dyn Connectors>,
        models: Arc<dyn Models>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            plan,
            log,
            connectors,
            models,
            clock,
            finder: Arc::new(NoFinder),
            shard: 0,
            in_flight: 64,
            look_only: false,
            steer_only: false,
            schedules: false,
            keeps: false,
            wanted_by: None,
        }
    }
}

/// Why a run could not be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartError {
    /// The plan has no such flow.
    UnknownFlow(String),
    /// The input does not fit the flow's type; the text names the place.
    Input(String),
    /// The flow's key has no value for this input.
    Key(String),
    /// The store failed, and the engine stopped.
    Store(StoreError),
    /// The engine was shut down.
    Stopped,
}

/// Why an answer was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerError {
    /// The answer itself; nothing was logged.
    Refused(AnswerRefusal),
    /// The store failed, and the engine stopped: whether it was logged is not known.
    Store(StoreError),
    /// The engine was shut down.
    Stopped,
}

/// Why nothing was done with a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlError {
    /// There is nothing to be done.
    Refused(ControlRefusal),
    /// The store failed, and the engine stopped: whether it was logged is not known.
    Store(StoreError),
    /// The engine was shut down, or only looks.
    Stopped,
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlow(flow) => write!(out, "there is no flow `{flow}`"),
            Self::Input(why) => write!(out, "the input does not fit: {why}"),
            Self::Key(why) => write!(out, "the run has no key: {why}"),
            Self::Store(error) => write!(out, "the store failed: {error:?}"),
            Self::Stopped => write!(out, "the engine was shut down, or only looks"),
        }
    }
}

impl fmt::Display for AnswerError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(out),
            Self::Store(error) => write!(out, "the store failed: {error:?}"),
            Self::Stopped => write!(out, "the engine was shut down, or only looks"),
        }
    }
}

/// News of an engine.
#[derive(Debug)]
pub struct Subscription {
    /// How far it is; the newest only.
    pub progress: watch::Receiver<Progress>,
    /// Each run that ends. A subscriber that falls far behind is told how many it missed.
    pub ended: broadcast::Receiver<Arc<RunSummary>>,
}

struct Shared {
    active: watch::Receiver<Arc<Pinned>>,
    log: Arc<dyn LogStore>,
    clock: Arc<dyn Clock>,
    finder: Arc<dyn Finder>,
    vectors: Vectors,
    shard: u32,
    opened_with: u64,
    snapshots: Arc<Snapshots>,
    progress: watch::Receiver<Progress>,
    ended: broadcast::Sender<Arc<RunSummary>>,
    stopped: Arc<OnceLock<StoreError>>,
}

/// A start that was handed in and may not be durable yet. Dropping it takes nothing back.
#[derive(Debug)]
pub struct Submitted {
    answer: oneshot::Receiver<Started>,
    refused: Arc<OnceLock<StartError>>,
    stopped: Arc<OnceLock<StoreError>>,
}

impl Submitted {
    /// Returns when the start is durable, or known to have been before.
    ///
    /// # Errors
    /// The store failed, or the engine was shut down.
    pub async fn durable(mut self) -> Result<Started, StartError> {
        (&mut self.answer).await.map_err(|_| self.stop_error())
    }

    fn stop_error(&self) -> StartError {
        let stopped = || self.stopped.get().cloned().map_or(StartError::Stopped, StartError::Store);
        self.refused.get().cloned().unwrap_or_else(stopped)
    }
}

/// A running engine.
#[derive(Clone)]
pub struct Engine {
    outside: mpsc::Sender<Message>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Engine").field("shard", &self.shared.shard).finish_non_exhaustive()
    }
}

impl Engine {
    /// Takes the shard, unless it only looks; folds its log, and goes on with every unfinished run.
    ///
    /// # Errors
    /// The store cannot be taken or read, or its chain is broken.
    pub async fn open(config: Config) -> Result<Self, StoreError> {
        Self::open_with(config, None).await
    }

    /// The same, from an image of an earlier day and what came after it; from the whole log where the image is of no use.
    ///
    /// # Errors
    /// Those of [`Engine::open`].
    pub async fn open_with(config: Config, image: Option<&mut (dyn Read + Send)>) -> Result<Self, StoreError> {
        let active = Arc::new(Pinned::new(config.plan));
        // Whoever only looks appends nothing, and takes the shard from nobody.
        let epoch = if config.look_only { 0 } else { config.log.take(config.shard).await?.epoch };
        let (mut books, events, hash) = from(&*config.log, config.shard, image, &active).await?;
        books.keys = config.log.keys();
        books.at_hand = Some(active.clone());
        let snapshots = Arc::new(Snapshots::default());
        if events > 0 {
            snapshots.begin(known_by(&books, (events, hash)));
        }
        let mut reader = Reader::behind(&*config.log, config.shard, events, hash);
        recover::fold(&mut reader, &mut books, &active).await?;
        // Where a person went back from it, what they went back to stays.
        let active = match config.keeps || books.held == Some(active.digest) {
            true => books.adopted.and_then(|digest| books.plans.get(&digest)).cloned().unwrap_or(active),
            false => active,
        };
        let head = Head { next: reader.next(), hash: reader.hash(), epoch };
        let (outside, from_outside) = mpsc::channel(QUEUE);
        let (inside, from_inside) = mpsc::unbounded_channel();
        // Where the log stands is known before the loop says anything.
        let stands = Progress { events: head.next - 1, head: head.hash, ..Progress::default() };
        let (progress, progress_seen) = watch::channel(stands);
        let (ended, _) = broadcast::channel(ENDS);
        let stopped = Arc::new(OnceLock::new());
        let (active_told, active_seen) = watch::channel(active.clone());
        let vectors = Vectors::paid(config.models.clone(), &outside, config.clock.clone());
        let shared = Shared {
            active: active_seen,
            log: config.log.clone(),
            clock: config.clock.clone(),
            finder: config.finder.clone(),
            vectors: vectors.clone(),
            shard: config.shard,
            opened_with: events,
            snapshots: snapshots.clone(),
            progress: progress_seen,
            ended: ended.clone(),
            stopped: stopped.clone(),
        };
        let Config { log, connectors, models, clock, finder, .. } = config;
        let ports = Ports { log, connectors, models, vectors, clock, finder };
        let outlets = Outlets { progress, ended, stopped, active: active_told };
        let mut shard = Shard::new(books, active, ports, (config.shard, head, config.in_flight), inside, outlets);
        shard.schedules = config.schedules;
        shard.wanted_by = config.wanted_by;
        shard.sweeping.snapshots = snapshots;
        tokio::spawn(shard.run(from_outside, from_inside, (config.look_only, config.steer_only)));
        Ok(Self { outside, shared: Arc::new(shared) })
    }

    /// Starts a run and returns when that is durable; while too many are in flight, it waits for its turn.
    /// The same key and input name the same run, whatever became of it.
    ///
    /// # Errors
    /// No such flow, an input that does not fit, a key without a value, a store that failed.
    pub async fn start(&self, flow: &str, input: Value, actor: &str) -> Result<Started, StartError> {
        self.submit(flow, input, actor).await?.durable().await
    }

    /// Hands in a start without waiting until it is durable: a caller with many keeps their order and need not pay a commit for each.
    ///
    /// # Errors
    /// Those of [`Engine::start`], as far as they are known at once.
    pub async fn submit(&self, flow: &str, input: Value, actor: &str) -> Result<Submitted, StartError> {
        self.hand_in(flow, input, actor, None).await
    }

    /// As [`Engine::submit`]; where the flow names no key, the run's is what the caller knows it by, else the digest of its input.
    async fn hand_in(&self, flow: &str, input: Value, actor: &str, known_by: Option<Arc<str>>) -> Result<Submitted, StartError> {
        let (start, answer) = StartRequest::new(&self.active(), flow, input, actor.into(), known_by, self.shared.log.keys().as_deref())?;
        let submitted = Submitted { answer, refused: start.refused.clone(), stopped: self.shared.stopped.clone() };
        match self.outside.send(Message::Start(start)).await {
            Ok(()) => Ok(submitted),
            Err(_) => Err(submitted.stop_error()),
        }
    }

    /// Answers an item of the inbox; returns when the answer is durable.
    ///
    /// # Errors
    /// An answer that is not taken, or a store that failed.
    pub async fn answer(&self, approval: &str, by: &str, verdict: Verdict) -> Result<(), AnswerError> {
        within_bounds(&verdict).map_err(|why| AnswerError::Refused(AnswerRefusal::BadValue(why)))?;
        let (reply, answer) = oneshot::channel();
        let message = Message::Answer { approval: approval.into(), by: by.into(), verdict, reply };
        let stopped = || self.stopped().map_or(AnswerError::Stopped, AnswerError::Store);
        self.outside.send(message).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.map_err(AnswerError::Refused)
    }

    /// Gives several items of the inbox the same answer, handed in together; returns when each is durable or refused. One that is not
    /// taken keeps none of the others from it.
    pub async fn answer_all(&self, approvals: &[Arc<str>], by: &str, verdict: Verdict) -> Vec<(Arc<str>, Result<(), AnswerError>)> {
        let mut answers = Vec::with_capacity(approvals.len());
        let mut waiting = Vec::with_capacity(approvals.len());
        if let Err(why) = within_bounds(&verdict) {
            let refusal = AnswerError::Refused(AnswerRefusal::BadValue(why));
            return approvals.iter().map(|approval| (approval.clone(), Err(refusal.clone()))).collect();
        }
        let stopped = || self.stopped().map_or(AnswerError::Stopped, AnswerError::Store);
        for approval in approvals {
            let (reply, answer) = oneshot::channel();
            let message = Message::Answer { approval: approval.clone(), by: by.into(), verdict: verdict.clone(), reply };
            waiting.push((approval.clone(), self.outside.send(message).await.is_ok().then_some(answer)));
        }
        for (approval, answer) in waiting {
            let answer = match answer {
                Some(answer) => answer.await.map_err(|_| stopped()).and_then(|answer| answer.map_err(AnswerError::Refused)),
                None => Err(stopped()),
            };
            answers.push((approval, answer));
        }
        answers
    }

    /// Wants something of a run as a whole; returns when that is durable. What is under way outside is settled first.
    ///
    /// # Errors
    /// No such run, one that has ended, or a store that failed.
    pub async fn control(&self, run: &str, by: &str, wish: Wish) -> Result<(), ControlError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Control { run: run.into(), by: by.into(), wish, reply };
        let stopped = || self.stopped().map_or(ControlError::Stopped, ControlError::Store);
        self.outside.send(message).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.map_err(ControlError::Refused)
    }

    /// Returns when every run has ended or waits for a person.
    ///
    /// # Errors
    /// The store failed, or the engine was shut down before.
    pub async fn wait_idle(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.outside.send(Message::WhenIdle(reply)).await.map_err(|_| self.stop_error())?;
        answer.await.map_err(|_| self.stop_error())
    }

    /// Progress and ends of runs, from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription { progress: self.shared.progress.clone(), ended: self.shared.ended.subscribe() }
    }

    /// Why the engine stopped, where the store failed.
    #[must_use]
    pub fn stopped(&self) -> Option<StoreError> {
        self.shared.stopped.get().cloned()
    }

    /// The plan that is active, made ready to run.
    #[must_use]
    pub fn active(&self) -> Arc<Pinned> {
        self.shared.active.borrow().clone()
    }

    /// A run with its steps; none where there is no such run.
    ///
    /// # Errors
    /// The engine stopped, or the log cannot be read.
    pub async fn run(&self, id: &str) -> Result<Option<RunDetails>, StoreError> {
        enum Found {
            Nothing,
            Live(Box<RunDetails>),
            Ended(Arc<RunSummary>),
        }
        let wanted: Arc<str> = id.into();
        let found = self
            .ask(move |shard| match shard.books.runs.get(&wanted) {
                Some(Entry::Live(live)) => {
                    let summary = shard.summary_of(&live.state);
                    Found::Live(Box::new(RunDetails { summary, ..RunDetails::of_live(&live.state) }))
                }
                _ => shard.books.ended(&wanted).map_or(Found::Nothing, Found::Ended),
            })
            .await?;
        match found {
            Found::Nothing => Ok(None),
            Found::Live(details) => Ok(Some(*details)),
            Found::Ended(summary) => Ok(self.folded(&summary).await?.map(|state| RunDetails::of(&state))),
        }
    }

    /// The state of a run that has ended, folded from the log again.
    async fn folded(&self, summary: &Arc<RunSummary>) -> Result<Option<RunState>, StoreError> {
        let of = summary.clone();
        let pinned = self.ask(move |shard| shard.books.plans.get(&of.plan).cloned().zip(shard.books.graph_of(&of))).await?;
        let Some((pinned, graph)) = pinned else { return Ok(None) };
        let (_, trace) = run_id(&self.active().tenant, &summary.flow, &summary.key);
        let events = self.between(summary.first, summary.last + 1, usize::MAX, Some(&summary.id)).await?;
        let led_over = |event: &Event| match &event.kind {
            EventKind::RunMigrated(moved) => Some(moved.clone()),
            _ => None,
        };
        // It began by the plan before the first of which it was led to another.
        let (pinned, graph) = match events.iter().find_map(led_over) {
            Some(moved) => self.flow_of(moved.from, &summary.flow).await?.unwrap_or((pinned, graph)),
            None => (pinned, graph),
        };
        let mut state = RunState::new(summary.id.clone(), trace, pinned, graph);
        for event in &events {
            state.apply(event);
            if let Some(moved) = led_over(event)
                && let Some((pinned, graph)) = self.flow_of(moved.to, &summary.flow).await?
            {
                state.move_to(&pinned, &graph, &moved);
            }
        }
        Ok(Some(state))
    }

    async fn flow_of(&self, plan: Digest, flow: &str) -> Result<Option<(Arc<Pinned>, Arc<FlowGraph>)>, StoreError> {
        let flow = flow.to_owned();
        self.ask(move |shard| {
            let pinned = shard.books.plans.get(&plan)?.clone();
            let graph = pinned.flow(&flow)?.clone();
            Some((pinned, graph))
        })
        .await
    }

    /// The inbox, oldest first.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn approvals(&self) -> Result<Vec<PendingApproval>, StoreError> {
        let now = self.shared.clock.now();
        self.ask(move |shard| {
            let mut pending = Vec::new();
            let runs: std::collections::BTreeSet<Arc<str>> = shard.books.inbox.values().cloned().collect();
            for run in runs {
                let Some(live) = shard.books.live(&run) else { continue };
                let state = &live.state;
                pending.extend(state.inbox().map(|(step, asked)| PendingApproval::of(state, step, asked, now)));
            }
            let guards = &mut shard.books.guards;
            for item in &mut pending {
                item.would_be_denied = guards.probe(&item.approval.claims, &item.approval.over, now).refused;
            }
            pending.sort_by(|one, two| (one.asked_at, &one.approval.id).cmp(&(two.asked_at, &two.approval.id)));
            pending
        })
        .await
    }

    /// The plan that a run follows, which holds the types of its steps; none where there is no such run.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn plan_of(&self, run: &str) -> Result<Option<Arc<Pinned>>, StoreError> {
        let run: Arc<str> = run.into();
        self.ask(move |shard| match shard.books.runs.get(&run) {
            Some(Entry::Live(live)) => Some(live.state.pinned.clone()),
            _ => shard.books.plans.get(&shard.books.ended(&run)?.plan).cloned(),
        })
        .await
    }

    /// Events from a seq on, in order, of one run or of all.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn events(&self, from: u64, limit: usize, run: Option<&str>) -> Result<Vec<Event>, StoreError> {
        self.between(from, u64::MAX, limit, run).await
    }

    async fn between(&self, from: u64, until: u64, limit: usize, run: Option<&str>) -> Result<Vec<Event>, StoreError> {
        let (mut found, keys) = (Vec::new(), self.shared.log.keys());
        // A segment that begins before `from` may still reach it, and holds at most so many events.
        let mut next = recover::reach(&*self.shared.log, self.shared.shard, from);
        loop {
            let segments = self.shared.log.scan(self.shared.shard, next, 64).await?;
            let Some(last) = segments.last() else { return Ok(found) };
            next = last.first + u64::from(last.count);
            for segment in segments.iter().filter(|segment| segment.first + u64::from(segment.count) > from) {
                for event in events_of(keys.as_deref(), segment)? {
                    let seq = event.header.seq;
                    if seq >= until || found.len() >= limit {
                        return Ok(found);
                    }
                    if seq >= from && run.is_none_or(|run| event.header.run.as_deref() == Some(run)) {
                        found.push(event);
                    }
                }
            }
        }
    }

    /// Ends the engine: the commit under way is finished, unfinished runs go on when it is opened again.
    pub async fn shutdown(&self) {
        if self.outside.send(Message::Shutdown).await.is_ok() {
            self.outside.closed().await;
        }
    }

    fn stop_error(&self) -> StoreError {
        self.stopped().unwrap_or_else(|| StoreError::Other("the engine was shut down".to_owned()))
    }

    async fn ask<T: Send + 'static>(&self, question: impl FnOnce(&mut Shard) -> T + Send + 'static) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let query = Box::new(move |shard: &mut Shard| {
            let _ = reply.send(question(shard));
        });
        self.outside.send(Message::Query(query)).await.map_err(|_| self.stop_error())?;
        answer.await.map_err(|_| self.stop_error())
    }
}

/// What an image knew of facts.
fn known_by(books: &Books<Live>, (events, hash): (u64, Digest)) -> Known {
    let plans: HashMap<Digest, Arc<Plan>> = books.plans.iter().map(|(digest, pinned)| (*digest, pinned.plan.clone())).collect();
    let adopted = books.adopted.and_then(|digest| plans.get(&digest)).cloned();
    Known { events, hash, at: books.newest, memories: books.memories.clone(), plans, adopted }
}

/// The books to begin with, and where they stand in the log.
async fn from(
    log: &dyn LogStore,
    shard: u32,
    image: Option<&mut (dyn Read + Send)>,
    active: &Pinned,
) -> Result<(Books<Live>, u64, Digest), StoreError> {
    if let Some(image) = image.and_then(|image| Image::read(image, log.keys().as_deref())) {
        let (events, head) = (image.events, image.head);
        if let Some(mut books) = recover::from_image::<Live>(log, shard, image).await? {
            // The project's name of now: it goes into what is logged from now on.
            books.tenant = active.tenant.clone();
            return Ok((books, events, head));
        }
    }
    Ok((Books::new(active.tenant.clone()), 0, Digest::default()))
}
