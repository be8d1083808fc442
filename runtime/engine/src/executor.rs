//! The executor: one loop owns a shard. It takes inputs, has them decided, commits, and only then performs.
//!
//! It decides nothing itself. While a commit is under way it gathers the next one; after an error of the store
//! it stops, and nothing that was not durable has happened.

mod commit;
mod cut;
mod perform;

use crate::approval::{AnswerRefusal, Verdict};
use crate::books::{Books, Entry, Holds};
use crate::decide::{Decision, Input, Moment, Timer, decide};
use crate::event::EventKind;
use crate::pinned::Pinned;
use crate::ports::{Clock, Connectors, LogStore, Models, StoreError};
use crate::state::RunState;
use crate::summary::{Progress, RunSummary};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

pub(crate) use commit::Batch;
use commit::Item;
pub(crate) use perform::mark;

/// More events than a segment ever holds.
pub(crate) const LONGEST_SEGMENT: u64 = 4096;

/// What the executor says to a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The run.
    pub run_id: Arc<str>,
    /// Whether it began just now.
    pub is_new: bool,
    /// Whether a run with the same key but another input exists; that one is `run_id`, and nothing was started.
    pub conflict: bool,
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
    pub(crate) reply: oneshot::Sender<Started>,
}

/// A question to the loop, answered from its state.
pub(crate) type Query = Box<dyn FnOnce(&mut Shard) + Send>;

/// What callers send.
pub(crate) enum Message {
    Start(StartRequest),
    Answer { approval: Arc<str>, by: Arc<str>, verdict: Verdict, reply: oneshot::Sender<Result<(), AnswerRefusal>> },
    Query(Query),
    WhenIdle(oneshot::Sender<()>),
    Shutdown,
}

/// What the loop's own tasks send.
pub(crate) enum Inside {
    Input { run: Arc<str>, input: Input },
    Committed(Result<(), StoreError>),
    Tick,
}

/// A run and what the loop keeps of it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) state: RunState,
    mailbox: VecDeque<(Input, Option<AnswerReply>)>,
    /// Its events are in a commit, or about to be.
    busy: bool,
    standing: Counted,
    /// Callers that started it too, before its first event was durable.
    waiters: Vec<(oneshot::Sender<Started>, bool)>,
}

type AnswerReply = oneshot::Sender<Result<(), AnswerRefusal>>;

/// As which of the numbers of [`Progress`] a live run is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Queued,
    Running,
    Waiting,
}

impl Holds for Live {
    fn holding(state: RunState) -> Self {
        Self { state, mailbox: VecDeque::new(), busy: false, standing: Counted::Queued, waiters: Vec::new() }
    }
    fn state_mut(&mut self) -> &mut RunState {
        &mut self.state
    }
}

/// Someone who is told when a decision is durable.
enum Reply {
    Start(oneshot::Sender<Started>),
    Answer(AnswerReply),
}

/// A decision that waits for a commit.
struct Pending {
    run: Option<Arc<str>>,
    decision: Decision,
    now: i64,
    reply: Option<Reply>,
}

/// The ports an executor works with.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) log: Arc<dyn LogStore>,
    pub(crate) connectors: Arc<dyn Connectors>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Where the log stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) next: u64,
    pub(crate) hash: Digest,
    pub(crate) epoch: u64,
}

/// What the handles see of the loop.
pub(crate) struct Outlets {
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) ended: broadcast::Sender<Arc<RunSummary>>,
    pub(crate) stopped: Arc<OnceLock<StoreError>>,
}

/// One shard and its loop.
pub(crate) struct Shard {
    pub(crate) books: Books<Live>,
    pub(crate) active: Arc<Pinned>,
    pub(crate) ports: Ports,
    shard: u32,
    head: Head,
    in_flight: usize,
    running: usize,
    waiting: usize,
    /// Starts that wait for their turn.
    starts: VecDeque<StartRequest>,
    /// Recovered runs that wait for theirs.
    resumes: VecDeque<Arc<str>>,
    runnable: VecDeque<Arc<str>>,
    pending: VecDeque<Pending>,
    committing: Option<Batch>,
    /// Sealed, but too large for the commit under way.
    carried: Option<Item>,
    timers: BinaryHeap<Reverse<Alarm>>,
    timer_count: u64,
    alarm: Option<(i64, JoinHandle<()>)>,
    last_now: i64,
    commits: u64,
    idle: Vec<oneshot::Sender<()>>,
    inside: mpsc::UnboundedSender<Inside>,
    outlets: Outlets,
    closing: bool,
    look_only: bool,
    engine_actor: Arc<str>,
    /// Set when the loop ends: nothing is sent any more, as nobody would hear the answer.
    ended: Arc<AtomicBool>,
}

/// When, a number that breaks ties, whose, and what for.
type Alarm = (i64, u64, Arc<str>, TimerKey);

/// A timer in an order that only breaks ties.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum TimerKey {
    Approval(Arc<str>),
    Deadline,
}

impl Shard {
    pub(crate) fn new(
        books: Books<Live>,
        active: Arc<Pinned>,
        ports: Ports,
        place: (u32, Head, usize),
        inside: mpsc::UnboundedSender<Inside>,
        outlets: Outlets,
    ) -> Self {
        let (shard, head, in_flight) = place;
        let last_now = books.newest;
        Self {
            books,
            active,
            ports,
            shard,
            head,
            in_flight: in_flight.max(1),
            running: 0,
            waiting: 0,
            starts: VecDeque::new(),
            resumes: VecDeque::new(),
            runnable: VecDeque::new(),
            pending: VecDeque::new(),
            committing: None,
            carried: None,
            timers: BinaryHeap::new(),
            timer_count: 0,
            alarm: None,
            last_now,
            commits: 0,
            idle: Vec::new(),
            inside,
            outlets,
            closing: false,
            look_only: false,
            engine_actor: "engine".into(),
            ended: Arc::default(),
        }
    }

    /// Runs until it is shut down or the store fails.
    pub(crate) async fn run(mut self, mut outside: mpsc::Receiver<Message>, mut inside: mpsc::UnboundedReceiver<Inside>, look_only: bool) {
        if !look_only {
            self.begin();
        }
        self.look_only = look_only;
        loop {
            self.turn();
            if self.closing && self.committing.is_none() {
                break;
            }
            let stopped = tokio::select! {
                biased;
                Some(message) = inside.recv() => self.take_inside(message),
                message = outside.recv() => {
                    self.take_outside(message.unwrap_or(Message::Shutdown));
                    Ok(())
                }
            };
            let stopped = stopped.and_then(|()| {
                while let Ok(message) = inside.try_recv() {
                    self.take_inside(message)?;
                }
                while let Ok(message) = outside.try_recv() {
                    self.take_outside(message);
                }
                Ok(())
            });
            if let Err(error) = stopped {
                tracing::error!(?error, "the store failed; the engine stops");
                let _ = self.outlets.stopped.set(error);
                break;
            }
        }
        self.ended.store(true, Ordering::Release);
        if let Some((_, alarm)) = self.alarm.take() {
            alarm.abort();
        }
        self.tell();
    }

    /// Adopts the active plan where the log does not name it yet, and queues unfinished runs.
    fn begin(&mut self) {
        if self.books.adopted != Some(self.active.digest) {
            let known = self.books.plans.contains_key(&self.active.digest);
            let bytes = (!known).then(|| crate::event::Blob(self.active.plan.to_bytes().into()));
            let kind = EventKind::PlanAdopted { digest: self.active.digest, bytes };
            let draft = crate::decide::Draft {
                step: None,
                kind,
                used: crate::event::Used::State,
                cost: None,
                actor: None,
                cause: crate::decide::Cause::Seq(0),
            };
            let decision = Decision { events: vec![draft], ..Decision::default() };
            let now = self.now();
            self.pending.push_back(Pending { run: None, decision, now, reply: None });
        }
        self.books.plans.insert(self.active.digest, self.active.clone());
        let mut unfinished: Vec<(u64, Arc<str>)> = Vec::new();
        for (id, entry) in &self.books.runs {
            if let Entry::Live(live) = entry {
                unfinished.push((live.state.first, id.clone()));
            }
        }
        unfinished.sort_unstable();
        for (_, id) in unfinished {
            let Some(live) = self.books.live(&id) else { continue };
            // A run that waits for a person only needs its clocks.
            if live.state.is_parked() {
                live.standing = Counted::Waiting;
                self.waiting += 1;
                self.push(&id, Input::Resume, None);
            } else {
                self.resumes.push_back(id);
            }
        }
    }

    fn now(&mut self) -> i64 {
        self.last_now = self.last_now.max(self.ports.clock.now());
        self.last_now
    }

    fn take_inside(&mut self, message: Inside) -> Result<(), StoreError> {
        match message {
            Inside::Input { run, input } => self.push(&run, input, None),
            Inside::Committed(result) => {
                result?;
                self.committed()?;
            }
            Inside::Tick => self.ring(),
        }
        Ok(())
    }

    fn take_outside(&mut self, message: Message) {
        match message {
            // Dropping the reply tells the caller that nothing is worked here.
            Message::Start(_) | Message::Answer { .. } if self.look_only => {}
            Message::Start(start) => self.starts.push_back(start),
            Message::Answer { approval, by, verdict, reply } => match self.books.inbox.get(&approval).cloned() {
                Some(run) => self.push(&run, Input::Answered { approval, by, verdict }, Some(reply)),
                None => {
                    let closed = self.books.closed.contains(&approval);
                    let _ = reply.send(Err(if closed { AnswerRefusal::Closed } else { AnswerRefusal::Unknown }));
                }
            },
            Message::Query(query) => query(self),
            Message::WhenIdle(reply) => self.idle.push(reply),
            Message::Shutdown => self.closing = true,
        }
    }

    /// Puts an input into a run's mailbox.
    fn push(&mut self, run: &Arc<str>, input: Input, reply: Option<AnswerReply>) {
        match self.books.live(run) {
            Some(live) => {
                // A recovered run first takes up what was under way, whatever else it is told meanwhile.
                if live.standing == Counted::Queued && input != Input::Resume {
                    live.standing = Counted::Running;
                    live.mailbox.push_back((Input::Resume, None));
                    self.running += 1;
                }
                let Some(live) = self.books.live(run) else { return };
                live.mailbox.push_back((input, reply));
                self.runnable.push_back(run.clone());
            }
            None => {
                if let Some(reply) = reply {
                    let _ = reply.send(Err(AnswerRefusal::Closed));
                }
            }
        }
    }

    /// Everything that can be done now, up to one commit.
    fn turn(&mut self) {
        if self.closing {
            return;
        }
        loop {
            self.admit();
            while let Some(run) = self.runnable.pop_front() {
                self.step(&run);
            }
            // A run that waits for a person by now has made room for the next.
            if self.committing.is_some() || !self.commit() && self.runnable.is_empty() && !self.admits() {
                break;
            }
        }
        self.set_alarm();
        self.tell();
    }

    /// Whether a queued run could begin.
    fn admits(&self) -> bool {
        self.running < self.in_flight && !(self.resumes.is_empty() && self.starts.is_empty())
    }

    /// Lets queued runs begin while fewer than the agreed number are in flight.
    fn admit(&mut self) {
        while self.running < self.in_flight {
            if let Some(run) = self.resumes.pop_front() {
                if let Some(live) = self.books.live(&run).filter(|live| live.standing == Counted::Queued) {
                    live.standing = Counted::Running;
                    self.running += 1;
                    self.push(&run, Input::Resume, None);
                }
            } else if let Some(start) = self.starts.pop_front() {
                self.start(start);
            } else {
                break;
            }
        }
    }

    fn start(&mut self, start: StartRequest) {
        let known = |is_new, conflict| Started { run_id: start.run.clone(), is_new, conflict };
        match self.books.runs.get_mut(&start.run) {
            Some(Entry::Ended(summary)) => {
                let _ = start.reply.send(known(false, summary.payload != start.payload));
            }
            Some(Entry::Live(live)) if live.state.first == 0 => {
                let conflict = live.state.payload != start.payload;
                live.waiters.push((start.reply, conflict));
            }
            Some(Entry::Live(live)) => {
                let _ = start.reply.send(known(false, live.state.payload != start.payload));
            }
            None => {
                let Some(graph) = self.active.flow(&start.flow) else { return };
                let mut state = RunState::new(start.run.clone(), start.trace, self.active.clone(), graph.clone());
                state.payload = start.payload;
                let mut live = Live::holding(state);
                live.standing = Counted::Running;
                self.running += 1;
                let input = Input::Start { key: start.key, input: start.input, actor: start.actor };
                let now = self.now();
                let decision = decide(&self.active, &live.state, &input, Moment { now });
                live.busy = true;
                self.books.runs.insert(start.run.clone(), Entry::Live(Box::new(live)));
                self.pending.push_back(Pending { run: Some(start.run), decision, now, reply: Some(Reply::Start(start.reply)) });
            }
        }
    }

    /// Has a run's inputs decided until one of them needs a commit.
    fn step(&mut self, run: &Arc<str>) {
        let now = self.now();
        let mut issued = Vec::new();
        if let Some(live) = self.books.live(run) {
            while !live.busy {
                let (input, reply) = match live.mailbox.pop_front() {
                    Some(input) => input,
                    None if live.state.can_advance() => (Input::Advance, None),
                    None => break,
                };
                let decision = decide(&self.active, &live.state, &input, Moment { now });
                if let (Some(refusal), Some(_)) = (&decision.refusal, &reply) {
                    let _ = reply.map(|reply| reply.send(Err(refusal.clone())));
                    continue;
                }
                if decision.events.is_empty() {
                    let is_idle = decision.effects.is_empty() && input == Input::Advance;
                    decision.effects.iter().for_each(|effect| perform::mark(&mut live.state, effect));
                    issued.extend(decision.effects);
                    if is_idle {
                        break;
                    }
                } else {
                    live.busy = true;
                    let reply = reply.map(Reply::Answer);
                    self.pending.push_back(Pending { run: Some(run.clone()), decision, now, reply });
                }
            }
        }
        issued.into_iter().for_each(|effect| self.perform(run, effect));
        self.count(run);
    }

    /// Keeps the numbers of running and waiting runs.
    fn count(&mut self, run: &Arc<str>) {
        let Some(live) = self.books.live(run) else { return };
        let parked = !live.busy && live.mailbox.is_empty() && live.state.is_parked();
        match (live.standing, parked) {
            (Counted::Running, true) => {
                live.standing = Counted::Waiting;
                self.running -= 1;
                self.waiting += 1;
            }
            (Counted::Waiting, false) => {
                live.standing = Counted::Running;
                self.waiting -= 1;
                self.running += 1;
            }
            _ => {}
        }
    }

    /// A run has ended; `standing` is how it was counted.
    fn ended(&mut self, standing: Counted, summary: Arc<RunSummary>) {
        match standing {
            Counted::Running => self.running -= 1,
            Counted::Waiting => self.waiting -= 1,
            Counted::Queued => {}
        }
        let _ = self.outlets.ended.send(summary);
    }

    fn is_idle(&self) -> bool {
        self.running == 0
            && self.starts.is_empty()
            && self.resumes.is_empty()
            && self.pending.is_empty()
            && self.committing.is_none()
            && self.carried.is_none()
            && self.runnable.is_empty()
    }

    fn tell(&mut self) {
        let progress = Progress {
            queued: self.starts.len() + self.resumes.len(),
            running: self.running,
            waiting: self.waiting,
            completed: self.books.completed,
            failed: self.books.failed,
            events: self.head.next - 1,
            commits: self.commits,
            stopped: self.outlets.stopped.get().cloned(),
        };
        self.outlets.progress.send_if_modified(|old| {
            let changed = *old != progress;
            *old = progress;
            changed
        });
        if self.is_idle() {
            self.idle.drain(..).for_each(|reply| {
                let _ = reply.send(());
            });
        }
    }

    fn ring(&mut self) {
        self.alarm = None;
        let now = self.now();
        while self.timers.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Some(Reverse((_, _, run, key))) = self.timers.pop() else { break };
            let timer = match key {
                TimerKey::Approval(approval) if !self.books.inbox.contains_key(&approval) => continue,
                TimerKey::Approval(approval) => Timer::Approval(approval),
                TimerKey::Deadline => Timer::Deadline,
            };
            self.push(&run, Input::Due { timer }, None);
        }
    }

    fn set_timer(&mut self, run: &Arc<str>, timer: Timer, at: i64) {
        let key = match timer {
            Timer::Approval(approval) => TimerKey::Approval(approval),
            Timer::Deadline => TimerKey::Deadline,
        };
        self.timer_count += 1;
        // Clocks of runs that ended are dropped now and then, so that they cost no more than those that still run.
        if self.timers.len() > 1024 + 4 * (self.running + self.waiting) {
            let books = &mut self.books;
            self.timers.retain(|Reverse((_, _, run, _))| books.live(run).is_some());
        }
        self.timers.push(Reverse((at, self.timer_count, run.clone(), key)));
    }

    /// One sleeper for the nearest timer.
    fn set_alarm(&mut self) {
        let Some(Reverse((at, ..))) = self.timers.peek() else { return };
        let at = *at;
        match &self.alarm {
            Some((set, _)) if *set <= at => return,
            Some((_, sleeper)) => sleeper.abort(),
            None => {}
        }
        let (clock, inside) = (self.ports.clock.clone(), self.inside.clone());
        let sleeper = tokio::spawn(async move {
            clock.sleep_until(at).await;
            let _ = inside.send(Inside::Tick);
        });
        self.alarm = Some((at, sleeper));
    }
}
