//! One world: a disk, a clock, providers, and the processes that come and go on them.

mod processes;

use super::super::random::Random;
use super::super::world::START;
use super::clock::{OwnClock, SimulatedClock};
use super::disk::{Disk, Process};
use super::flows;
use super::index::{Index, OwnIndex};
use super::judge::{Judge, LETTERS, STANDS, left_behind, timely_overdue};
use super::models::{SimulatedModels, Vendor};
use super::provider::{Line, Provider};
use super::quiet::Activity;
use crate::approval::Verdict;
use crate::arrival::Arrival;
use crate::decide::Wish;
use crate::engine::{Config, Engine, RebuildError};
use crate::frozen::Scope;
use crate::history::Which;
use crate::memory::Fact;
use crate::ports::{Clock, StoreError};
use crate::summary::{RunFilter, RunStatus, RunSummary};
use std::sync::{Arc, Mutex};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// A process that runs, and the engine in it.
struct Up {
    engine: Engine,
    process: Arc<Process>,
}

pub(super) struct Life {
    pub(super) random: Random,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) judge: Arc<Mutex<Judge>>,
    pub(super) provider: Arc<Provider>,
    vendor: Arc<Vendor>,
    index: Arc<Index>,
    pub(super) disk: Arc<Disk>,
    pub(super) trace: Vec<String>,
    pub(super) calm: bool,
    plan: Arc<Plan>,
    /// The plan of a reload.
    other: Arc<Plan>,
    is_reloaded: bool,
    activity: Arc<Activity>,
    up: Option<Up>,
    /// Processes that do not know yet that another one has the log.
    zombies: Vec<Up>,
    in_flight: usize,
    /// An image of the last time that engine and log were compared.
    image: Option<Vec<u8>>,
    /// How many keys were to be gone by then, and were by the log: an image of before somebody was forgotten is opened by nobody.
    gone_then: (usize, usize),
}

impl Life {
    pub(super) fn new(seed: u64, plans: &flows::Plans) -> Self {
        let (plan, other) = (plans.shop.plan.clone(), plans.reloaded.plan.clone());
        let mut random = Random(seed);
        let activity: Arc<Activity> = Arc::default();
        let judge = Arc::new(Mutex::new(Judge::new(&[&plans.shop, &plans.reloaded])));
        // Some lives begin hours before the clocks of a zone change.
        let days = [0, 65, 66, 86, 87, 305][random.below(6) as usize];
        let clock = Arc::new(SimulatedClock::at(START + days * 86_400_000_000 + random.below(86_400) as i64 * 1_000_000, activity.clone()));
        let provider = Arc::new(Provider::new(seed, clock.clone(), judge.clone(), activity.clone()));
        let vendor = Arc::new(Vendor::new(seed, clock.clone(), judge.clone(), activity.clone()));
        let index = Arc::new(Index::new(seed, clock.clone(), judge.clone(), activity.clone()));
        let disk = Arc::new(Disk::new(judge.clone()));
        let in_flight = 1 + random.below(12) as usize;
        Self {
            random,
            clock,
            judge,
            provider,
            vendor,
            index,
            disk,
            trace: Vec::new(),
            calm: false,
            plan,
            other,
            is_reloaded: false,
            activity,
            up: None,
            zombies: Vec::new(),
            in_flight,
            image: None,
            gone_then: (0, 0),
        }
    }

    pub(super) fn note(&mut self, what: impl Into<String>) {
        self.trace.push(what.into());
    }

    /// One of so many.
    pub(super) fn one_of(&mut self, bound: usize) -> usize {
        self.random.below(bound.max(1) as u64) as usize
    }

    fn config(&self, process: &Arc<Process>, look_only: bool, seed: u64) -> Config {
        Config {
            plan: self.plan(),
            log: process.clone(),
            connectors: Arc::new(Line(self.provider.clone(), process.clone())),
            models: Arc::new(SimulatedModels { own: Mutex::new(Random(seed)), vendor: self.vendor.clone(), process: process.clone() }),
            clock: Arc::new(OwnClock(self.clock.clone(), process.clone())),
            finder: Arc::new(OwnIndex(self.index.clone(), process.clone())),
            shard: 0,
            in_flight: self.in_flight,
            look_only,
            steer_only: false,
            schedules: true,
            keeps: false,
            wanted_by: None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.as_ref().is_some_and(|up| !up.process.is_dead() && up.engine.stopped().is_none())
    }

    pub(super) async fn rest(&self) {
        self.activity.ceases().await;
    }

    pub(super) async fn turns(&self, count: u64) {
        for _ in 0..count {
            tokio::task::yield_now().await;
        }
    }

    /// From now on nothing befalls anything any more.
    pub(super) async fn becalm(&mut self) {
        self.note("the faults stop");
        self.calm = true;
        self.provider.calm();
        self.vendor.calm();
        self.index.calm();
        self.up.iter().chain(&self.zombies).for_each(|up| up.process.spare());
        self.wake().await;
        self.engine().await;
    }

    pub(super) async fn start(&mut self, flow: &'static str, input: Value) {
        self.note(format!("start {flow} {input:?}"));
        let (engine, judge, wanted) = (self.engine().await, self.judge.clone(), input.clone());
        tokio::spawn(async move {
            let Ok(started) = engine.start(flow, input, "caller").await else { return };
            let mut judge = judge.lock().unwrap();
            let Some(logged) = judge.runs.get(&started.run_id).map(|run| run.input.clone()) else {
                return judge.violated("I4", format!("a start of `{flow}` was acknowledged and is not in the log"));
            };
            // With what a run began of which somebody was forgotten, nobody knows any more.
            if started.conflict != (logged != wanted) && !judge.is_erased(&started.run_id) {
                judge.violated("I4", format!("a start of `{flow}` with another input was taken for a known one, or the reverse"));
            }
        });
    }

    pub(super) async fn receive(&mut self, arrival: Arrival) {
        self.note(format!("event {} {} {:?}", arrival.name, arrival.id, arrival.payload));
        let (engine, judge) = (self.engine().await, self.judge.clone());
        tokio::spawn(async move {
            let identity = arrival.identity();
            let Ok(receipt) = engine.receive(arrival).await else { return };
            let mut judge = judge.lock().unwrap();
            match judge.received_at(&identity) {
                Some(seq) if seq == receipt.seq => {}
                other => {
                    judge.violated("I4", format!("event {identity:?} was acknowledged as {}, and is in the log as {other:?}", receipt.seq))
                }
            }
        });
    }

    pub(super) async fn answer(&mut self, approval: Arc<str>, by: &'static str, verdict: Verdict) {
        self.note(format!("{by} answers {approval}: {verdict:?}"));
        let (engine, judge) = (self.engine().await, self.judge.clone());
        tokio::spawn(async move {
            if engine.answer(&approval, by, verdict).await.is_ok() {
                let mut judge = judge.lock().unwrap();
                if !judge.questions.has_answer(&approval, by) {
                    judge.violated("I4", format!("the answer of {by} to {approval} was acknowledged and is not in the log"));
                }
            }
        });
    }

    pub(super) async fn fork(&mut self, run: Arc<str>, from: Option<String>, input: Option<Value>) {
        self.note(format!("fork {run} from {from:?} with {input:?}"));
        let (engine, judge) = (self.engine().await, self.judge.clone());
        tokio::spawn(async move {
            let Ok(planned) = engine.plan_fork(&run, from.as_deref(), input).await else { return };
            let Ok(started) = engine.fork(planned, "caller").await else { return };
            let mut judge = judge.lock().unwrap();
            if !judge.runs.contains_key(&started.run_id) {
                judge.violated("I4", format!("a fork of {run} was acknowledged and is not in the log"));
            }
        });
    }

    pub(super) async fn undo(&mut self, run: Arc<str>, times: u64) {
        self.note(format!("take back {run}, {times} times"));
        for _ in 0..times {
            let (engine, which) = (self.engine().await, Which { run: Some(run.clone()), ..Which::default() });
            tokio::spawn(async move {
                let Ok(planned) = engine.plan_undo(&which).await else { return };
                let _ = engine.undo(&planned, "ann@example.com", "a test").await;
            });
        }
    }

    /// What a run did is taken back by several, who have all looked before the first of them begins.
    pub(super) async fn undo_at_once(&mut self, run: Arc<str>, times: u64) {
        self.note(format!("{times} take back {run} at once"));
        let (engine, which) = (self.engine().await, Which { run: Some(run), ..Which::default() });
        let Ok(planned) = engine.plan_undo(&which).await else { return };
        for _ in 0..times {
            let (engine, planned) = (self.engine().await, planned.clone());
            tokio::spawn(async move {
                let _ = engine.undo(&planned, "ann@example.com", "a test").await;
            });
            let turns = self.random.below(12);
            self.turns(turns).await;
        }
    }

    /// Somebody is forgotten.
    pub(super) async fn forget(&mut self, subject: &'static str) {
        self.note(format!("{subject} is forgotten"));
        let (engine, judge) = (self.engine().await, self.judge.clone());
        tokio::spawn(async move {
            let Ok(forgotten) = engine.forget(subject, "ann@example.com").await else { return };
            let mut judge = judge.lock().unwrap();
            if !judge.has_forgotten(&forgotten.affected.keys) {
                judge.violated("I4", format!("that {subject} is forgotten was acknowledged and is not in the log"));
            }
        });
    }

    /// What failed for good is done again, by one or by two at once.
    pub(super) async fn do_again(&mut self, times: u64) {
        self.note(format!("what failed is done again, {times} times"));
        for _ in 0..times {
            let engine = self.engine().await;
            tokio::spawn(async move {
                let Ok(letters) = engine.dead_letters(&Which::default()).await else { return };
                let again: Vec<_> = letters.into_iter().map(|(_, again)| again).take(3).collect();
                let _ = engine.do_again(&again, "ann@example.com", "a test").await;
            });
        }
    }

    /// Somebody goes back to the plan before, whatever the files say.
    pub(super) async fn roll_back(&mut self) {
        self.note("somebody goes back to the plan before");
        let engine = self.engine().await;
        tokio::spawn(async move {
            let _ = engine.roll_back(None, "ann@example.com").await;
        });
    }

    pub(super) async fn freeze(&mut self, scope: Scope, thaws: bool) {
        self.note(format!("{} {scope}", if thaws { "thaw" } else { "freeze" }));
        let engine = self.engine().await;
        tokio::spawn(async move {
            let _ = match thaws {
                true => engine.thaw(scope, "ann@example.com", "a test").await,
                false => engine.freeze(scope, "ann@example.com", "a test").await.map(drop),
            };
        });
    }

    /// The operator's files are others from now on; whoever is up takes them up.
    pub(super) async fn reload(&mut self) {
        self.is_reloaded = !self.is_reloaded;
        self.note("the plan is another one");
        let (engine, plan) = (self.engine().await, self.plan());
        tokio::spawn(async move {
            let _ = engine.adopt(plan).await;
        });
    }

    fn plan(&self) -> Arc<Plan> {
        if self.is_reloaded { self.other.clone() } else { self.plan.clone() }
    }

    pub(super) async fn control(&mut self, run: Arc<str>, wish: Wish) {
        self.note(format!("{wish:?} run {run}"));
        let engine = self.engine().await;
        tokio::spawn(async move {
            let _ = engine.control(&run, "ann@example.com", wish).await;
        });
    }

    /// Runs that have not ended; parts among them.
    pub(super) async fn live(&mut self) -> Vec<RunSummary> {
        let filter = RunFilter { parts: true, ..RunFilter::default() };
        let runs = self.engine().await.runs(filter).await.unwrap_or_default();
        runs.into_iter().filter(|run| run.status < RunStatus::Completed).collect()
    }

    /// Moves the clock to an instant over everything that is due on the way.
    pub(super) async fn pass(&mut self, until: i64) {
        for _ in 0..2000 {
            match self.clock.next_due().filter(|due| *due <= until) {
                Some(due) => self.clock.set(due.max(self.clock.now())),
                None => break,
            }
            self.rest().await;
            if !self.judge.lock().unwrap().violations.is_empty() {
                return;
            }
            self.engine().await;
        }
        self.clock.set(until.max(self.clock.now()));
        self.rest().await;
    }

    /// Nothing goes on: the log says what the engine knows, and nothing is late.
    pub(super) async fn compare(&mut self) {
        self.rest().await;
        if !self.is_up() {
            return;
        }
        let engine = self.engine().await;
        let Ok(facts) = engine.history_of(STANDS, None).await else { return };
        let text = |fact: &Fact, field: &str| fact.fields.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let standing = facts.iter().filter(|fact| fact.superseded_by.is_none()).map(|fact| (text(fact, "sku"), text(fact, "shelf")));
        self.judge.lock().unwrap().stands(standing.collect());
        if let Ok(budgets) = engine.budgets().await {
            self.judge.lock().unwrap().budgets(&budgets, self.clock.now());
        }
        timely_overdue(&mut self.judge.lock().unwrap(), self.clock.now());
        left_behind(&mut self.judge.lock().unwrap());
        // To fold a whole log takes a while: in the middle of a life it is done in one of two ways, at its end in both.
        let draw = self.one_of(2);
        if self.calm || draw == 0 {
            self.hold_against_log(&engine).await;
        }
        if self.calm || draw == 1 {
            match engine.rebuild().await {
                Err(RebuildError::Differs(part)) => {
                    let what = format!("what the engine holds is not what its log says: {part}");
                    self.judge.lock().unwrap().violated("recovery", what);
                }
                // What was folded is what the engine holds.
                rebuilt => {
                    self.image = rebuilt.ok().and_then(|image| image.write(Vec::new()).ok());
                    self.gone_then = self.gone_now();
                }
            }
        }
    }

    fn gone_now(&self) -> (usize, usize) {
        (self.disk.gone().len(), self.judge.lock().unwrap().gone_by_log())
    }

    /// What the engine knows, the whole log says, and so does an image of earlier with what came after it.
    async fn hold_against_log(&mut self, engine: &Engine) {
        let Some(up) = &self.up else { return };
        let Ok(folded) = Engine::open(self.config(&up.process, true, 0)).await else { return };
        let (live, log) = (known(engine).await, known(&folded).await);
        if let (Ok(live), Ok(log)) = (live, log)
            && live != log
        {
            let differing = live.iter().zip(&log).find(|(one, other)| one != other);
            let what = format!("the engine and its log differ: {differing:?}, {} and {}", live.len(), log.len());
            self.judge.lock().unwrap().violated("recovery", what);
        }
        if let Some(image) = &self.image {
            let Ok(partly) = Engine::open_with(self.config(&up.process, true, 0), Some(&mut &image[..])).await else { return };
            let (one, other) = (known(&partly).await.unwrap_or_default(), known(&folded).await.unwrap_or_default());
            let is_opened = partly.opened_with() > 0 || self.gone_then != self.gone_now();
            if one != other || !is_opened {
                let differing = one.iter().zip(&other).find(|(one, other)| one != other);
                let what = format!("a start from an image and one from the log differ: {differing:?}, {} and {}", one.len(), other.len());
                self.judge.lock().unwrap().violated("recovery", what);
            }
        }
    }
}

/// What an engine knows, apart from what it is asking just now.
async fn known(engine: &Engine) -> Result<Vec<String>, StoreError> {
    let mut runs = engine.runs(RunFilter { parts: true, ..RunFilter::default() }).await?;
    let mut known: Vec<String> = Vec::new();
    for run in &mut runs {
        if matches!(run.status, RunStatus::Running | RunStatus::Waiting | RunStatus::Frozen) {
            run.status = RunStatus::Running;
        }
        known.push(format!("{run:?}"));
    }
    known.extend(engine.approvals().await?.iter().map(|item| format!("{item:?}")));
    for subject in ["c1", "o1", "o2", "o3"] {
        known.push(format!("{:?}", engine.facts("notes", subject).await?));
    }
    for memory in [STANDS, LETTERS] {
        known.push(format!("{:?}", engine.history_of(memory, None).await?));
    }
    Ok(known)
}
