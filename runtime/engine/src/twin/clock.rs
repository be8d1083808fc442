//! A clock that stands still until it is told to move.

use crate::ports::{BoxFuture, Clock};
use tokio::sync::watch;

/// A clock moved by hand.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<i64>,
}

impl ManualClock {
    /// A clock that shows an instant.
    #[must_use]
    pub fn at(now: i64) -> Self {
        Self { now: watch::Sender::new(now) }
    }

    /// Moves it by so many microseconds.
    pub fn advance(&self, by: i64) {
        self.now.send_modify(|now| *now = now.saturating_add(by));
    }

    /// Sets it, forwards or backwards.
    pub fn set(&self, now: i64) {
        self.now.send_replace(now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> i64 {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: i64) -> BoxFuture<'_, ()> {
        let mut seen = self.now.subscribe();
        Box::pin(async move {
            // An error means that the clock is gone, and nobody waits any more.
            let _ = seen.wait_for(|now| *now >= at).await;
        })
    }
}
