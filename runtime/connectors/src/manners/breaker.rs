//! Leaves a provider alone that fails again and again, then tries it with one call. It knows no clock.

use tradewind_engine::ports::CallOutcome;

/// So many failures in a row open it.
pub(super) const FAILURES: u32 = 5;
/// So long it is open at first; each failed probe doubles it.
pub(super) const SHORTEST: i64 = 1_000_000;
/// And at most so long.
const LONGEST: i64 = 30_000_000;

/// How a provider did lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Open until then; none while it is closed.
    until: Option<i64>,
    /// How long it was open the last time.
    pause: i64,
    /// Whether one call tries the provider just now.
    probing: bool,
}

/// What the breaker says to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It may go.
    Go,
    /// It may go and is the only one: what becomes of it decides for all.
    Probe,
    /// Not before this instant.
    Not(i64),
}

impl Breaker {
    /// Whether a call may go; a probe is only taken note of by [`Breaker::probe`].
    pub(super) fn says(&self, now: i64) -> Says {
        match self.until {
            None => Says::Go,
            Some(until) if now < until => Says::Not(until),
            Some(_) if self.probing => Says::Not(now.saturating_add(SHORTEST)),
            Some(_) => Says::Probe,
        }
    }

    pub(super) fn probe(&mut self) {
        self.probing = true;
    }

    /// The call that tried the provider was never sent.
    pub(super) fn unprobe(&mut self) {
        self.probing = false;
    }

    /// What became of a call.
    pub(super) fn learn(&mut self, outcome: &CallOutcome, now: i64) {
        if !is_failure(outcome) {
            *self = Self::default();
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let failed_again = std::mem::take(&mut self.probing);
        // Calls that were under way when it opened say nothing new.
        if failed_again || self.until.is_none() && self.failures >= FAILURES {
            self.pause = if self.pause == 0 { SHORTEST } else { self.pause.saturating_mul(2).min(LONGEST) };
            self.until = Some(now.saturating_add(self.pause));
        }
    }
}

/// Whether the provider failed, and not the call: no connection, no answer in time, or an answer that says that it is broken.
fn is_failure(outcome: &CallOutcome) -> bool {
    match outcome {
        CallOutcome::Answered(_) => false,
        CallOutcome::Unknown(_) => true,
        CallOutcome::Failed(failure) => {
            failure.is_unreachable() || matches!(failure.code.as_str(), "time-out" | "connection") || failure.code.starts_with("http-5")
        }
    }
}
