//! The lane of one connector: calls wait in it in the order in which they came, and leave it one by one as its terms allow.

use super::Observed;
use super::breaker::{Breaker, Says};
use super::bucket::Bucket;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tradewind_engine::ports::{Call, CallFailure, CallOutcome, Clock, UNREACHABLE};
use tradewind_lang::plan::ConnectorTerms;

/// Most calls that wait in a lane.
const QUEUE: usize = 4096;

#[derive(Debug, Default)]
struct State {
    next: u64,
    waiting: VecDeque<u64>,
    in_flight: u32,
    /// What the calls under way took of the bucket.
    under_way: f64,
    bucket: Option<Bucket>,
    breaker: Breaker,
    /// The provider asked to be left alone until then.
    not_before: i64,
}

/// A lane.
#[derive(Debug, Default)]
pub(super) struct Lane {
    state: Mutex<State>,
    moved: Notify,
}

/// A call's place among those that are under way, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    lane: Arc<Lane>,
    cost: f64,
    probe: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lane.state();
        state.in_flight = state.in_flight.saturating_sub(1);
        state.under_way = (state.under_way - self.cost).max(0.0);
        if self.probe {
            // Where its answer was heard this changes nothing any more.
            state.breaker.unprobe();
        }
        drop(state);
        self.lane.moved.notify_waiters();
    }
}

/// A place in the queue; whoever stops waiting leaves it.
struct Ticket<'a> {
    lane: &'a Lane,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.lane.state().waiting.retain(|other| *other != self.number);
        self.lane.moved.notify_waiters();
    }
}

/// What a call takes of the bucket, as its operation says.
pub(super) fn cost_of(call: &Call) -> f64 {
    f64::from(call.operation.terms.cost.unwrap_or(1))
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn. A provider that is left alone, and a queue that is full, are told like one that cannot be reached: nothing
    /// was sent, and the engine decides how long it waits.
    pub(super) async fn enter(self: &Arc<Self>, call: &Call, clock: &dyn Clock) -> Result<Place, CallFailure> {
        let connector = &call.connector;
        let ticket = {
            let mut state = self.state();
            if state.waiting.len() >= QUEUE {
                return Err(kept_back(format!("{QUEUE} calls of {} wait already", connector.name), None));
            }
            let number = state.next;
            state.next += 1;
            state.waiting.push_back(number);
            Ticket { lane: self, number }
        };
        let cost = cost_of(call);
        loop {
            let moved = self.moved.notified();
            tokio::pin!(moved);
            moved.as_mut().enable();
            let now = clock.now();
            let until = match self.state().admit(ticket.number, &connector.terms, cost, now) {
                Admission::Go { probe } => return Ok(Place { lane: self.clone(), cost, probe }),
                Admission::Alone(until) => {
                    let message = format!("{} failed again and again, and is left alone for a moment", connector.name);
                    return Err(kept_back(message, Some(until.saturating_sub(now))));
                }
                Admission::At(until) => until,
                Admission::Later => i64::MAX,
            };
            if until == i64::MAX {
                moved.await;
            } else {
                tokio::select! {
                    () = moved => {}
                    () = clock.sleep_until(until) => {}
                }
            }
        }
    }

    /// What a call's answer says of the provider.
    pub(super) fn learn(&self, terms: &ConnectorTerms, cost: f64, observed: &Observed, now: i64) {
        let mut state = self.state();
        state.breaker.learn(&observed.outcome, now);
        if let CallOutcome::Failed(failure) = &observed.outcome
            && let Some(wait) = failure.retry_after
        {
            state.not_before = state.not_before.max(now.saturating_add(wait));
        }
        let others = (state.under_way - cost).max(0.0);
        if let (Some(limit), Some(bucket)) = (&terms.rate_limit, &mut state.bucket) {
            if let Some(used) = observed.used {
                bucket.correct(limit, cost, used, now);
            }
            if let Some(left) = observed.left {
                bucket.set(limit, left, others, now);
            }
        }
        drop(state);
        self.moved.notify_waiters();
    }
}

enum Admission {
    Go {
        probe: bool,
    },
    /// When something else has moved.
    Later,
    /// At this instant, if nothing moves before.
    At(i64),
    /// The breaker is open until then.
    Alone(i64),
}

impl State {
    fn admit(&mut self, number: u64, terms: &ConnectorTerms, cost: f64, now: i64) -> Admission {
        let says = self.breaker.says(now);
        if let Says::Not(until) = says {
            return Admission::Alone(until);
        }
        if self.waiting.front() != Some(&number) || terms.in_flight.is_some_and(|most| self.in_flight >= most.max(1)) {
            return Admission::Later;
        }
        if now < self.not_before {
            return Admission::At(self.not_before);
        }
        if let Some(limit) = &terms.rate_limit
            && let Err(at) = self.bucket.get_or_insert_with(|| Bucket::full(limit, now)).take(limit, cost, now)
        {
            return Admission::At(at);
        }
        let probe = says == Says::Probe;
        if probe {
            self.breaker.probe();
        }
        self.waiting.pop_front();
        self.in_flight += 1;
        self.under_way += cost;
        Admission::Go { probe }
    }
}

fn kept_back(message: String, retry_after: Option<i64>) -> CallFailure {
    CallFailure { code: UNREACHABLE.to_owned(), message, retry: true, retry_after }
}
