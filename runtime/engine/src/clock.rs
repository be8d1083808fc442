//! The machine's clock. Wall time may jump; the executor never lets it go back.

use crate::ports::{BoxFuture, Clock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    fn sleep_until(&self, at: i64) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // Looked at again at least each minute, so that a clock that jumps forward is noticed.
            loop {
                let Ok(left) = u64::try_from(at.saturating_sub(self.now())) else { return };
                if left == 0 {
                    return;
                }
                tokio::time::sleep(Duration::from_micros(left.min(60_000_000))).await;
            }
        })
    }
}
