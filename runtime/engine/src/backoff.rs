//! When to try again: exponential, doubling, with jitter. It knows no clock.

use crate::key::jitter;
use tradewind_lang::plan::{Micros, Retry};

/// The instant before which attempt `attempt + 1` may not begin, after attempt `attempt` (from 1) ended at `now`.
#[must_use]
pub fn retry_at(retry: &Retry, seed: &str, attempt: u32, now: i64) -> i64 {
    let doublings = attempt.saturating_sub(1).min(30);
    let longest = retry.from.saturating_mul(1_i64 << doublings).clamp(0, retry.to.max(0));
    let delay = (longest as f64 * jitter(seed, attempt)) as i64;
    now.saturating_add(delay)
}

/// Longest wait that a provider may ask for: a day. Whoever wants more is asked again all the same: a slip in a header must not put off
/// what a run does for years.
const LONGEST: Micros = 86_400_000_000;

/// The instant before which a provider that asked to be left alone for so long is not asked again.
#[must_use]
pub fn asked_for(retry_after: Option<Micros>, now: i64) -> i64 {
    now.saturating_add(retry_after.unwrap_or(0).clamp(0, LONGEST))
}

/// How long a run whose flow declares no `deadline` waits for a provider that cannot be reached: an hour.
/// With a deadline, the deadline says it.
pub const UNREACHABLE_FOR: Micros = 3_600_000_000;
/// The longest pause between two attempts to reach a provider: 30 seconds.
pub const LONGEST_PAUSE: Micros = 30_000_000;
/// The first pause, which doubles.
const FIRST_PAUSE: Micros = 500_000;

/// Attempts in a row that did not reach their provider. They use up no retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unreached {
    /// How many.
    pub tries: u32,
    /// When the first of them failed, in microseconds since 1970 UTC.
    pub since: i64,
}

impl Unreached {
    /// With one more, which failed at `now`.
    #[must_use]
    pub fn again(self, now: i64) -> Self {
        Self { tries: self.tries.saturating_add(1), since: if self.tries == 0 { now } else { self.since } }
    }

    /// The instant before which it is not tried again; every pause is between half its length and all of it.
    #[must_use]
    pub fn next_at(self, seed: &str, now: i64) -> i64 {
        let doublings = self.tries.saturating_sub(1).min(30);
        let longest = FIRST_PAUSE.saturating_mul(1_i64 << doublings).min(LONGEST_PAUSE);
        let half = longest as f64 / 2.0;
        now.saturating_add((half + half * jitter(seed, self.tries)) as i64)
    }
}
