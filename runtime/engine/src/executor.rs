//! The executor: one loop owns a shard. It takes inputs, has them decided, commits, and only then performs.
//!
//! It decides nothing. While a commit is under way it gathers the next one; after an error of the store it stops.

mod admit;
mod assure;
mod children;
mod commit;
mod cut;
mod dispatch;
mod gather;
mod imaging;
mod kept;
mod listen;
mod look;
mod measure;
mod message;
mod migrate;
mod perform;
mod receive;
mod search;
mod steer;
mod strike;
mod sweep;
mod timers;
mod vectors;
mod write;

use crate::approval::AnswerRefusal;
use crate::books::{Books, Entry, Holds};
use crate::decide::{Decision, Input, Moment, Turn, decide};
use crate::finding::Finder;
use crate::frozen::Frozen;
use crate::key::short_digest;
use crate::pinned::Pinned;
use crate::planted::{Bug, planted};
use crate::ports::{Clock, Connectors, LogStore, Models, StoreError};
use crate::schedules::Clock as ClockName;
use crate::state::{RunState, Standing};
use crate::summary::{Progress, RunSummary};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tradewind_lang::plan::{Digest, StepId};

use admit::Starts;
#[cfg(test)]
pub(crate) use assure::BROKEN;
pub(crate) use commit::Batch;
use commit::Item;
pub(crate) use dispatch::StartRequest;
use dispatch::{Dispatching, Gathered, Origin};
pub(crate) use message::{Inside, Message};
pub(crate) use perform::mark;
pub(crate) use receive::ReceiveReply;
pub use receive::{Busy, Receipt};
pub use steer::{Adopted, SteerRefusal};
pub(crate) use steer::{Steer, SteerReply, Steered};
use timers::Alarm;

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

/// A run and what the loop keeps of it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) state: RunState,
    mailbox: VecDeque<(Input, Option<Reply>)>,
    /// Its events are in a commit, or about to be.
    busy: bool,
    standing: Counted,
    /// Callers that started it too, before its first event was durable.
    waiters: Vec<(oneshot::Sender<Started>, bool)>,
    /// It broke an invariant, and is being ended for that.
    stopped: bool,
}

type AnswerReply = oneshot::Sender<Result<(), AnswerRefusal>>;
type ControlReply = oneshot::Sender<Result<(), ControlRefusal>>;

/// Why nothing was done with a run as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRefusal {
    /// There is no such run.
    Unknown,
    /// It has ended.
    Ended,
}

/// As which of the numbers of [`Progress`] a live run is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counted {
    Queued,
    /// Behind another run that has its concurrency key.
    Held,
    Running,
    Waiting,
}

impl Counted {
    /// Whether it was taken up.
    fn is_at_work(self) -> bool {
        matches!(self, Self::Running | Self::Waiting)
    }
}

impl Holds for Live {
    fn holding(state: RunState) -> Self {
        Self { state, mailbox: VecDeque::new(), busy: false, standing: Counted::Queued, waiters: Vec::new(), stopped: false }
    }
    fn state(&self) -> &RunState {
        &self.state
    }
    fn state_mut(&mut self) -> &mut RunState {
        &mut self.state
    }
}

/// Someone who is told when a decision is durable.
#[derive(Debug)]
enum Reply {
    Start(oneshot::Sender<Started>),
    Answer(AnswerReply),
    Control(ControlReply),
    Receive(ReceiveReply),
    Refuse(oneshot::Sender<()>),
    Steer(SteerReply, Steered),
}

impl Reply {
    /// The run has ended, and nothing came of what was wanted.
    fn ended(self) {
        match self {
            Self::Start(_) | Self::Receive(_) | Self::Refuse(_) | Self::Steer(..) => {}
            Self::Answer(reply) => drop(reply.send(Err(AnswerRefusal::Closed))),
            Self::Control(reply) => drop(reply.send(Err(ControlRefusal::Ended))),
        }
    }
}

/// A decision that waits for a commit.
struct Pending {
    run: Option<Arc<str>>,
    decision: Decision,
    now: i64,
    reply: Option<Reply>,
    /// The plan that was active when it was decided, whatever is active when it has its place in the log.
    active: Arc<Pinned>,
}

/// The ports an executor works with.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) log: Arc<dyn LogStore>,
    pub(crate) connectors: Arc<dyn Connectors>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) vectors: crate::vectors::Vectors,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) finder: Arc<dyn Finder>,
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
    pub(crate) active: watch::Sender<Arc<Pinned>>,
}

/// One shard and its loop.
pub(crate) struct Shard {
    pub(crate) books: Books<Live>,
    pub(crate) active: Arc<Pinned>,
    /// What is frozen for the next decision, and what may not leave: that, and what the log still says.
    frozen: Arc<Frozen>,
    gate: watch::Sender<Arc<Frozen>>,
    pub(crate) ports: Ports,
    shard: u32,
    head: Head,
    in_flight: usize,
    held: usize,
    running: usize,
    waiting: usize,
    /// By concurrency key: the first works, the others follow in this order.
    lanes: HashMap<Arc<str>, VecDeque<Arc<str>>>,
    /// Starts that wait for their turn.
    starts: Starts,
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
    /// Who wants an image of the books.
    wanted: imaging::Wanted,
    /// Calls that wait for others to go out with.
    groups: Arc<gather::Groups>,
    inside: mpsc::UnboundedSender<Inside>,
    outlets: Outlets,
    /// Who wants to know how a run ends.
    ends: HashMap<Arc<str>, Vec<oneshot::Sender<Arc<RunSummary>>>>,
    /// Steps that wait for an event, by its name and by run.
    listeners: HashMap<Arc<str>, BTreeMap<Arc<str>, Vec<StepId>>>,
    /// Events that are being written down, and who else sent them meanwhile.
    receiving: HashMap<[u8; 16], Vec<ReceiveReply>>,
    /// Events whose starts are under way, by seq.
    dispatching: BTreeMap<u64, Dispatching>,
    /// Events that are gathered until their time is over, by flow, trigger and key.
    gathered: BTreeMap<(Arc<str>, usize, Arc<str>), Gathered>,
    /// Clocks whose run is being started.
    striking: BTreeSet<ClockName>,
    /// What is on its way into the log of facts that are gone, and who is held.
    pub(crate) sweeping: sweep::Sweeping,
    pub(crate) schedules: bool,
    pub(crate) wanted_by: Option<Arc<str>>,
    closing: bool,
    look_only: bool,
    steer_only: bool,
    engine_actor: Arc<str>,
    /// Set when the loop ends: nothing is sent any more, as nobody would hear the answer.
    ended: Arc<AtomicBool>,
}

impl Shard {
    pub(crate) fn new(
        mut books: Books<Live>,
        active: Arc<Pinned>,
        ports: Ports,
        place: (u32, Head, usize),
        inside: mpsc::UnboundedSender<Inside>,
        outlets: Outlets,
    ) -> Self {
        let (shard, head, in_flight) = place;
        books.hand_out_frozen();
        let last_now = books.newest;
        let (frozen, holds) = (books.frozen.clone(), books.memories.holds().clone());
        Self {
            books,
            active,
            gate: watch::channel(frozen.clone()).0,
            frozen,
            ports,
            shard,
            head,
            in_flight: in_flight.max(1),
            held: 0,
            running: 0,
            waiting: 0,
            lanes: HashMap::new(),
            starts: Starts::default(),
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
            wanted: imaging::Wanted::new(),
            groups: Arc::default(),
            inside,
            outlets,
            ends: HashMap::new(),
            listeners: HashMap::new(),
            receiving: HashMap::new(),
            dispatching: BTreeMap::new(),
            gathered: BTreeMap::new(),
            striking: BTreeSet::new(),
            sweeping: sweep::Sweeping::of(holds),
            schedules: false,
            wanted_by: None,
            closing: false,
            look_only: false,
            steer_only: false,
            engine_actor: "engine".into(),
            ended: Arc::default(),
        }
    }

    /// Runs until it is shut down or the store fails.
    pub(crate) async fn run(
        mut self,
        mut outside: mpsc::Receiver<Message>,
        mut inside: mpsc::UnboundedReceiver<Inside>,
        modes: (bool, bool),
    ) {
        (self.look_only, self.steer_only) = modes;
        if !self.look_only && !self.steer_only {
            self.begin();
        }
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

    fn now(&mut self) -> i64 {
        self.last_now = self.last_now.max(self.ports.clock.now());
        self.last_now
    }

    fn take_inside(&mut self, message: Inside) -> Result<(), StoreError> {
        match message {
            Inside::Input { run, input } => self.answered(&run, input),
            Inside::Committed(result) => {
                result?;
                self.committed()?;
            }
            Inside::Begun { of, flow, started } => self.begun(of, flow, started),
            Inside::Tick => self.ring(),
            Inside::MayLeave { run, step, reply } => drop(reply.send(self.may_leave(&run, step))),
        }
        Ok(())
    }

    fn take_outside(&mut self, message: Message) {
        match message {
            // Dropping the reply tells the caller that nothing is worked here.
            Message::Start(_) | Message::Answer { .. } | Message::Control { .. } if self.look_only || self.steer_only => {}
            Message::Steer(_) if self.look_only => {}
            Message::Receive { .. } | Message::Refuse { .. } if self.look_only || self.steer_only => {}
            Message::Receive { arrival, reply } => self.receive(arrival, reply),
            Message::Refuse { refusal, reply } => self.refuse(refusal, reply),
            Message::WhenEnded { run, reply } => self.when_ended(run, reply),
            Message::Start(start) => {
                let priority = self.active.flow(&start.flow).map(|graph| graph.flow.terms.priority).unwrap_or_default();
                self.starts.push(priority, start);
            }
            Message::Answer { approval, by, verdict, reply } => match self.books.inbox.get(&approval).cloned() {
                Some(run) => self.push(&run, Input::Answered { approval, by, verdict }, Some(Reply::Answer(reply))),
                None => {
                    let closed = self.books.closed.contains(&short_digest(&[&approval]));
                    let _ = reply.send(Err(if closed { AnswerRefusal::Closed } else { AnswerRefusal::Unknown }));
                }
            },
            Message::Control { run, by, wish, reply } => match self.books.runs.get(&run) {
                Some(Entry::Live(_)) => self.push(&run, Input::Control { by, wish }, Some(Reply::Control(reply))),
                Some(Entry::Ended(_)) => drop(reply.send(Err(ControlRefusal::Ended))),
                None if self.books.past.holds(&run) => drop(reply.send(Err(ControlRefusal::Ended))),
                None => drop(reply.send(Err(ControlRefusal::Unknown))),
            },
            Message::Steer(steer) => self.steer(steer),
            Message::Query(query) => query(self),
            Message::WhenIdle(reply) => self.idle.push(reply),
            Message::Shutdown => self.closing = true,
        }
    }

    /// Puts an input into a run's mailbox.
    fn push(&mut self, run: &Arc<str>, input: Input, reply: Option<Reply>) {
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
                    reply.ended();
                }
            }
        }
    }

    /// Everything that can be done now, up to one commit.
    fn turn(&mut self) {
        self.give_image();
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
                let reply = match (&decision.refusal, reply) {
                    (Some(refusal), Some(Reply::Answer(reply))) => {
                        let _ = reply.send(Err(refusal.clone()));
                        continue;
                    }
                    // It was so already: nothing is to be logged.
                    (_, Some(Reply::Control(reply))) if decision.events.is_empty() => {
                        let _ = reply.send(Ok(()));
                        None
                    }
                    (_, reply) => reply,
                };
                if decision.events.is_empty() {
                    let is_idle = decision.effects.is_empty() && input == Input::Advance;
                    decision.effects.iter().for_each(|effect| perform::mark(&mut live.state, effect));
                    issued.extend(decision.effects);
                    if is_idle {
                        break;
                    }
                } else {
                    live.busy = true;
                    let active = self.active.clone();
                    let now = now + i64::from(planted(Bug::InstantNotLogged));
                    self.pending.push_back(Pending { run: Some(run.clone()), decision, now, reply, active });
                }
            }
        }
        issued.into_iter().for_each(|effect| self.perform(run, effect));
        self.lead_over(run);
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
            (Counted::Held, _) if live.state.standing != Standing::Held => {
                live.standing = Counted::Running;
                self.held -= 1;
                self.running += 1;
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
            Counted::Held => self.held -= 1,
            Counted::Queued => {}
        }
        self.free(&summary);
        self.report(&summary);
        self.ends.remove(&summary.id).into_iter().flatten().for_each(|reply| drop(reply.send(summary.clone())));
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
            && self.has_dispatched()
    }

    fn tell(&mut self) {
        let progress = Progress {
            queued: self.starts.len() + self.resumes.len() + self.held,
            running: self.running,
            waiting: self.waiting,
            completed: self.books.completed,
            failed: self.books.failed,
            cancelled: self.books.cancelled,
            events: self.head.next - 1,
            head: self.head.hash,
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
}
