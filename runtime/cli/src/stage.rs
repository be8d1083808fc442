//! The real engine in virtual time, for `test` and `simulate`: nothing waits for a real clock. Time stands still while anything is at
//! work, and goes on to the next instant for which somebody waits. On one thread, with one more for what would hold that up
//! ([`crate::command::block_on_stage`]), the same work takes the same course each time. It knows nothing of scenarios and reports.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tradewind_engine::engine::Engine;
use tradewind_engine::ports::{
    BoxFuture, Call, CallFailure, CallOutcome, Classification, Clock, Connectors, Embedded, Made, Models, Permit,
};
use tradewind_engine::question::{Answer, Prompt, Silence};
use tradewind_lang::plan::{Micros, Model};

/// Looks in a row at which nothing may have moved before time goes on.
const CALM: u32 = 64;
/// Between two of them, the other thread is asked whether it has done what it was given.
const ASIDE: u32 = 16;
/// How often time goes on for one piece of work before it is given up.
const MOMENTS: u32 = 20_000;

/// What moves, as far as the ports of the engine show it.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    /// How often a clock was read or waited for, or a call began or ended.
    moved: AtomicU64,
    /// Calls of connectors and models that are under way.
    under_way: AtomicUsize,
}

impl Activity {
    fn note(&self) {
        self.moved.fetch_add(1, Ordering::Relaxed);
    }

    fn begin(self: &Arc<Self>) -> UnderWay {
        self.note();
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self.clone())
    }
}

/// A call that is under way, until it is dropped.
struct UnderWay(Arc<Activity>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.note();
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Time {
    now: i64,
    /// Who waits, by the instant and by who came first.
    waiting: BTreeMap<(i64, u64), oneshot::Sender<()>>,
    came: u64,
}

/// A clock that a stage moves.
#[derive(Debug)]
pub(crate) struct VirtualClock {
    activity: Arc<Activity>,
    time: Mutex<Time>,
}

impl VirtualClock {
    /// A clock that shows an instant.
    pub(crate) fn at(now: i64) -> Self {
        Self { activity: Arc::default(), time: Mutex::new(Time { now, waiting: BTreeMap::new(), came: 0 }) }
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves it forwards, and wakes whoever waited for that, in the order of their instants.
    pub(crate) fn set(&self, to: i64) {
        let mut time = self.time();
        time.now = time.now.max(to);
        let behind = (time.now.saturating_add(1), 0);
        let later = time.waiting.split_off(&behind);
        for waiting in std::mem::replace(&mut time.waiting, later).into_values() {
            // Who does not listen any more was told by something else.
            let _ = waiting.send(());
        }
    }

    /// The next instant for which somebody waits.
    fn next(&self) -> Option<i64> {
        let mut time = self.time();
        time.waiting.retain(|_, waiting| !waiting.is_closed());
        time.waiting.keys().next().map(|(at, _)| *at)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> i64 {
        self.activity.note();
        self.time().now
    }

    fn sleep_until(&self, at: i64) -> BoxFuture<'_, ()> {
        self.activity.note();
        let mut time = self.time();
        if at <= time.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        time.came += 1;
        let place = (at, time.came);
        time.waiting.insert(place, wake);
        Box::pin(async move {
            // An error means that the clock is gone, and nobody waits any more.
            let _ = woken.await;
        })
    }
}

/// Connectors or models whose calls are seen.
pub(crate) struct Seen<P: ?Sized> {
    activity: Arc<Activity>,
    inner: Arc<P>,
}

impl<P: ?Sized> Seen<P> {
    /// Seen by whoever moves a clock.
    pub(crate) fn by(clock: &VirtualClock, inner: Arc<P>) -> Arc<Self> {
        Arc::new(Self { activity: clock.activity.clone(), inner })
    }
}

impl<P: Connectors + ?Sized> Connectors for Seen<P> {
    // Who waits for leave waits for the clock, and is not at work.
    fn ready<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Permit, CallFailure>> {
        self.inner.ready(call)
    }

    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move {
            let _under_way = self.activity.begin();
            self.inner.call(call).await
        })
    }

    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move {
            let _under_way = self.activity.begin();
            self.inner.call_together(calls).await
        })
    }
}

impl<P: Models + ?Sized> Models for Seen<P> {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(async move {
            let _under_way = self.activity.begin();
            self.inner.classify(model, labels, text).await
        })
    }

    fn embed(&self, model: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        Box::pin(async move {
            let _under_way = self.activity.begin();
            self.inner.embed(model, texts).await
        })
    }

    fn vectors(&self, model: Arc<Model>, texts: Vec<Arc<str>>, within: Micros) -> BoxFuture<'_, Result<Made, Silence>> {
        Box::pin(async move {
            let _under_way = self.activity.begin();
            self.inner.vectors(model, texts, within).await
        })
    }

    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let _under_way = self.activity.begin();
            self.inner.say(prompt).await
        })
    }
}

/// An engine and the clock that it goes by.
pub(crate) struct Stage {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<VirtualClock>,
}

impl Stage {
    /// Waits until nothing goes on by itself: every run has ended, or waits for people, for an event or for a time. While something
    /// under way waits for the clock, time passes.
    ///
    /// # Errors
    /// The engine stopped, or nothing ends; for people.
    pub(crate) async fn settle(&self) -> Result<(), String> {
        let idle = self.engine.wait_idle();
        tokio::pin!(idle);
        for _ in 0..MOMENTS {
            tokio::select! {
                biased;
                ended = &mut idle => return ended.map_err(stopped),
                () = self.quiet() => {}
            }
            match self.clock.next() {
                Some(at) => self.clock.set(at),
                None => return idle.await.map_err(stopped),
            }
        }
        Err("the run neither ended nor waited for a person".to_owned())
    }

    /// Lets time pass from one clock that runs out to the next, so that what follows from one begins at its instant.
    ///
    /// # Errors
    /// Those of [`Stage::settle`].
    pub(crate) async fn pass(&self, micros: i64) -> Result<(), String> {
        let until = self.clock.now().saturating_add(micros);
        for _ in 0..MOMENTS {
            let Some(at) = self.next_before(until).await else { break };
            self.clock.set(at);
            self.settle().await?;
        }
        self.clock.set(until);
        self.quiet().await;
        self.settle().await
    }

    /// The next instant before another for which somebody waits, when nothing moves any more.
    pub(crate) async fn next_before(&self, until: i64) -> Option<i64> {
        self.quiet().await;
        self.clock.next().filter(|at| *at < until)
    }

    /// Returns when nothing moves: each task has had its turn many times over, the other thread has done everything, no call is under way.
    async fn quiet(&self) {
        let activity = &self.clock.activity;
        let (mut seen, mut calm) = (activity.moved.load(Ordering::Relaxed), 0);
        while calm < CALM {
            tokio::task::yield_now().await;
            if calm % ASIDE == ASIDE - 1 {
                let _ = tokio::task::spawn_blocking(|| ()).await;
            }
            let moved = activity.moved.load(Ordering::Relaxed);
            if activity.under_way.load(Ordering::Relaxed) > 0 {
                // A model that learns, or a provider that is slow on purpose.
                tokio::time::sleep(Duration::from_millis(1)).await;
                calm = 0;
            } else if moved == seen {
                calm += 1;
            } else {
                (seen, calm) = (moved, 0);
            }
        }
    }
}

fn stopped(error: tradewind_engine::ports::StoreError) -> String {
    format!("the engine stopped: {error:?}")
}
