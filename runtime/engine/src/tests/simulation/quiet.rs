//! When nothing goes on any more, by counting what happens in the twins: no wall clock is asked.

use std::sync::atomic::{AtomicU64, Ordering};

/// So many turns without anything in a twin, and everything waits for the clock or for people.
const TURNS: usize = 12;

#[derive(Default)]
pub(super) struct Activity(AtomicU64);

impl Activity {
    pub(super) fn note(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns when nothing happens by itself any more.
    pub(super) async fn ceases(&self) {
        let (mut still, mut seen) = (0, self.0.load(Ordering::Relaxed));
        while still < TURNS {
            tokio::task::yield_now().await;
            let now = self.0.load(Ordering::Relaxed);
            still = if now == seen { still + 1 } else { 0 };
            seen = now;
        }
    }
}
