//! When to try again: exponential, doubling, with full jitter. It knows no clock.

use crate::key::jitter;
use crate::ports::CallFailure;
use tradewind_lang::plan::Retry;

/// The instant before which attempt `attempt + 1` may not begin, after attempt `attempt` (from 1) ended at `now`.
#[must_use]
pub fn retry_at(retry: &Retry, seed: &str, attempt: u32, now: i64) -> i64 {
    let doublings = attempt.saturating_sub(1).min(30);
    let longest = retry.from.saturating_mul(1_i64 << doublings).clamp(0, retry.to.max(0));
    let delay = (longest as f64 * jitter(seed, attempt)) as i64;
    now.saturating_add(delay)
}

/// Longest wait that a provider may ask for: a day.
const LONGEST: i64 = 86_400_000_000;

/// The instant before which the provider does not want to hear of us again.
#[must_use]
pub fn asked_for(failure: &CallFailure, now: i64) -> i64 {
    now.saturating_add(failure.retry_after.unwrap_or(0).clamp(0, LONGEST))
}
