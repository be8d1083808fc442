//! An index of facts that is behind, knows nothing of the newest, or is gone.

use super::super::random::Random;
use super::super::world::SECOND;
use super::clock::SimulatedClock;
use super::disk::Process;
use super::judge::Judge;
use super::quiet::Activity;
use crate::finding::{Finder, Ranked, Sought, Unfound};
use crate::memory::FactId;
use crate::ports::{BoxFuture, Clock};
use crate::twin::WordFinder;
use std::sync::{Arc, Mutex};

/// The index of all processes, and what befalls it.
pub(super) struct Index {
    inner: Mutex<(Random, bool)>,
    clock: Arc<SimulatedClock>,
    judge: Arc<Mutex<Judge>>,
    activity: Arc<Activity>,
}

impl Index {
    pub(super) fn new(seed: u64, clock: Arc<SimulatedClock>, judge: Arc<Mutex<Judge>>, activity: Arc<Activity>) -> Self {
        Self { inner: Mutex::new((Random(seed ^ 0x3131), false)), clock, judge, activity }
    }

    pub(super) fn calm(&self) {
        self.inner.lock().unwrap().1 = true;
    }

    fn below(&self, bound: u64) -> u64 {
        self.inner.lock().unwrap().0.below(bound)
    }
}

/// The index as one process reaches it.
pub(super) struct OwnIndex(pub(super) Arc<Index>, pub(super) Arc<Process>);

impl Finder for OwnIndex {
    fn find(&self, mut sought: Sought) -> BoxFuture<'_, Result<Ranked, Unfound>> {
        let Self(index, process) = self;
        Box::pin(async move {
            index.activity.note();
            index.judge.lock().unwrap().sought(&sought);
            let draw = if index.inner.lock().unwrap().1 { 9 } else { index.below(10) };
            tokio::task::yield_now().await;
            index.activity.note();
            match draw {
                0 | 1 => {
                    index.judge.lock().unwrap().unfound();
                    return Err("the index is gone".into());
                }
                // It comes to them first, or is asked again and again meanwhile.
                2..=4 => index.clock.sleep_until(index.clock.now() + SECOND * (1 + index.below(90) as i64)).await,
                5 => sought.passes.iter_mut().rev().take(2).for_each(|passes| *passes = false),
                _ => {}
            }
            process.awake().await;
            WordFinder.find(sought).await
        })
    }

    fn forget(&self, _: Vec<(Arc<str>, FactId)>) {}
}
