//! When the source is asked again: at its interval where all is well, more and more seldom where it cannot be reached, and never at the
//! same moment as everybody else.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The first pause after a failure; it doubles with each further one.
const FIRST: Duration = Duration::from_secs(2);
/// The longest pause after failures, where the interval itself is not longer.
const LONGEST: Duration = Duration::from_secs(600);

/// How often a source is asked.
#[derive(Debug, Clone)]
pub struct Pace {
    every: Duration,
    failures: u32,
}

impl Pace {
    /// At an interval.
    #[must_use]
    pub fn new(every: Duration) -> Self {
        Self { every, failures: 0 }
    }

    /// It was reached.
    pub fn reached(&mut self) {
        self.failures = 0;
    }

    /// It was not.
    pub fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// How often it failed since it was reached.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The pause before it is asked again.
    #[must_use]
    pub fn pause(&self) -> Duration {
        self.drawn(RandomState::new().build_hasher().finish())
    }

    /// The same, with a number that was drawn.
    fn drawn(&self, chance: u64) -> Duration {
        let whole = match self.failures {
            0 => return self.every + part(self.every / 2, chance),
            failures => FIRST.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST.max(self.every)),
        };
        whole / 2 + part(whole / 2, chance)
    }
}

/// A part of a span.
fn part(span: Duration, chance: u64) -> Duration {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX).saturating_add(1);
    Duration::from_micros(chance % micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_after_failures_up_to_ten_minutes_and_never_meet() {
        let mut pace = Pace::new(Duration::from_secs(120));
        let span = |pace: &Pace| {
            let drawn: Vec<Duration> = (0..2_000_u64).map(|chance| pace.drawn(chance.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
            (drawn.iter().min().unwrap().as_secs_f64().round(), drawn.iter().max().unwrap().as_secs_f64().round())
        };
        assert_eq!(span(&pace), (120.0, 180.0));
        let mut spans = Vec::new();
        for _ in 0..11 {
            pace.failed();
            spans.push(span(&pace));
        }
        assert_eq!(spans[..4], [(1.0, 2.0), (2.0, 4.0), (4.0, 8.0), (8.0, 16.0)]);
        assert_eq!(spans[10], (300.0, 600.0));
        pace.reached();
        assert_eq!(span(&pace), (120.0, 180.0));
    }
}
