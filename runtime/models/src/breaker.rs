//! When a model is left alone: after so many failures in a span of time, for a while; then one call tries whether it is well again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tradewind_lang::plan::{Breaker, Micros};

#[derive(Debug, Default)]
struct Circuit {
    failures: VecDeque<Instant>,
    open_until: Option<Instant>,
    probing: bool,
}

/// The breakers of all routes, each by its route and model.
#[derive(Debug, Default)]
pub(crate) struct Breakers(Mutex<BTreeMap<(String, String), Circuit>>);

/// Leave to call a model, until it says how it went; one that says nothing was given up, which is a failure.
#[derive(Debug)]
pub(crate) struct Leave<'a> {
    breakers: &'a Breakers,
    of: Option<((String, String), Breaker)>,
}

impl Breakers {
    /// Leave to call, or for how long there is none.
    pub(crate) fn leave(&self, route: &str, model: &str, breaker: Option<&Breaker>) -> Result<Leave<'_>, Duration> {
        let Some(breaker) = breaker else { return Ok(Leave { breakers: self, of: None }) };
        let key = (route.to_owned(), model.to_owned());
        let now = Instant::now();
        let mut circuits = self.lock();
        let circuit = circuits.entry(key.clone()).or_default();
        match circuit.open_until {
            Some(until) if now < until => return Err(until - now),
            Some(_) if circuit.probing => return Err(Duration::ZERO),
            Some(_) => circuit.probing = true,
            None => {}
        }
        Ok(Leave { breakers: self, of: Some((key, breaker.clone())) })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), Circuit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, key: &(String, String), breaker: &Breaker, is_well: bool) {
        let now = Instant::now();
        let mut circuits = self.lock();
        let Some(circuit) = circuits.get_mut(key) else { return };
        if is_well {
            *circuit = Circuit::default();
            return;
        }
        circuit.failures.push_back(now);
        while circuit.failures.front().is_some_and(|first| now.duration_since(*first) > span(breaker.within)) {
            circuit.failures.pop_front();
        }
        if circuit.probing || circuit.failures.len() >= breaker.failures as usize {
            circuit.open_until = Some(now + span(breaker.open));
            circuit.failures.clear();
        }
        circuit.probing = false;
    }
}

impl Leave<'_> {
    /// How it went.
    pub(crate) fn done(mut self, is_well: bool) {
        if let Some((key, breaker)) = self.of.take() {
            self.breakers.note(&key, &breaker, is_well);
        }
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if let Some((key, breaker)) = self.of.take() {
            self.breakers.note(&key, &breaker, false);
        }
    }
}

fn span(micros: Micros) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
