//! A clock that wakes its sleepers in one order, and says when the next of them is due.

use super::disk::Process;
use super::quiet::Activity;
use crate::ports::{BoxFuture, Clock};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

struct Inner {
    now: i64,
    /// What it has shown at most: the time of those whose clocks nobody set back.
    latest: i64,
    count: u64,
    sleepers: BTreeMap<(i64, u64), oneshot::Sender<()>>,
}

pub(super) struct SimulatedClock {
    inner: Mutex<Inner>,
    activity: Arc<Activity>,
}

impl SimulatedClock {
    pub(super) fn at(now: i64, activity: Arc<Activity>) -> Self {
        Self { inner: Mutex::new(Inner { now, latest: now, count: 0, sleepers: BTreeMap::new() }), activity }
    }

    /// Sets it, forwards or backwards.
    pub(super) fn set(&self, now: i64) {
        let mut inner = self.inner.lock().unwrap();
        inner.now = now;
        inner.latest = inner.latest.max(now);
        while let Some(first) = inner.sleepers.first_entry().filter(|first| first.key().0 <= now) {
            self.activity.note();
            let _ = first.remove().send(());
        }
    }

    /// The time of others, which never goes back: a clock that was set back here is put right by what passes next.
    pub(super) fn latest(&self) -> i64 {
        self.inner.lock().unwrap().latest
    }

    /// When the next sleeper that still sleeps is due.
    pub(super) fn next_due(&self) -> Option<i64> {
        let mut inner = self.inner.lock().unwrap();
        inner.sleepers.retain(|_, sleeper| !sleeper.is_closed());
        inner.sleepers.keys().next().map(|(at, _)| *at)
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> i64 {
        self.inner.lock().unwrap().now
    }

    fn sleep_until(&self, at: i64) -> BoxFuture<'_, ()> {
        let mut inner = self.inner.lock().unwrap();
        if at <= inner.now {
            return Box::pin(std::future::ready(()));
        }
        let (wake, woken) = oneshot::channel();
        inner.count += 1;
        let count = inner.count;
        inner.sleepers.insert((at, count), wake);
        Box::pin(async move {
            let _ = woken.await;
        })
    }
}

/// The clock as one process hears it: while the process stands still, nothing that it waits for wakes it.
pub(super) struct OwnClock(pub(super) Arc<SimulatedClock>, pub(super) Arc<Process>);

impl Clock for OwnClock {
    fn now(&self) -> i64 {
        self.0.now()
    }

    fn sleep_until(&self, at: i64) -> BoxFuture<'_, ()> {
        let slept = self.0.sleep_until(at);
        Box::pin(async move {
            slept.await;
            self.1.awake().await;
        })
    }
}
