//! A bucket of calls or costs that fills up again with time. It knows no clock.

use tradewind_lang::plan::RateLimit;

/// What is in it, and since when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bucket {
    held: f64,
    at: i64,
}

impl Bucket {
    /// A full one.
    pub(super) fn full(limit: &RateLimit, now: i64) -> Self {
        Self { held: f64::from(limit.capacity), at: now }
    }

    fn fill(&mut self, limit: &RateLimit, now: i64) {
        let passed = now.saturating_sub(self.at).max(0);
        let back = f64::from(limit.refill) * passed as f64 / limit.per.max(1) as f64;
        self.held = (self.held + back).min(f64::from(limit.capacity));
        self.at = self.at.max(now);
    }

    /// Takes a cost; else the instant at which it will be there. What costs more than the bucket holds waits for a full one.
    pub(super) fn take(&mut self, limit: &RateLimit, cost: f64, now: i64) -> Result<(), i64> {
        self.fill(limit, now);
        let needed = cost.min(f64::from(limit.capacity));
        if self.held >= needed {
            self.held -= cost;
            return Ok(());
        }
        let missing = (needed - self.held) * limit.per.max(1) as f64 / f64::from(limit.refill.max(1));
        Err(now.saturating_add((missing.ceil() as i64).max(1)))
    }

    /// A call took more or less than was thought.
    pub(super) fn correct(&mut self, limit: &RateLimit, thought: f64, used: f64, now: i64) {
        self.fill(limit, now);
        self.held = (self.held + thought - used).min(f64::from(limit.capacity));
    }

    /// The provider says what is left; `under_way` is taken already and not seen by it yet.
    pub(super) fn set(&mut self, limit: &RateLimit, left: f64, under_way: f64, now: i64) {
        self.held = (left - under_way).min(f64::from(limit.capacity));
        self.at = self.at.max(now);
    }
}
