//! How often a model is asked: so many requests and tokens in a span of time, so many at once, and no more while its provider wants to be
//! left in peace. Whoever finds no room waits in the order of arrival, within the time of his call. The counts are those of this process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tradewind_lang::plan::ModelLimit;

/// One request in the window.
#[derive(Debug, Clone, Copy)]
struct Sent {
    number: u64,
    at: Instant,
    tokens: u64,
}

#[derive(Debug, Default)]
struct Window {
    sent: VecDeque<Sent>,
    next: u64,
    /// The provider wants no request before this.
    closed_until: Option<Instant>,
}

/// The limit of one model.
#[derive(Debug)]
struct Limiter {
    limit: ModelLimit,
    window: Mutex<Window>,
    /// Whoever waits for room keeps it, so that nobody overtakes him.
    turn: tokio::sync::Mutex<()>,
    at_once: Option<Arc<Semaphore>>,
}

/// The limits of all models, by their names.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<BTreeMap<String, Arc<Limiter>>>);

/// Leave to send one request; it counts as one under way until it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Room {
    of: Option<(Arc<Limiter>, u64)>,
    _at_once: Option<OwnedSemaphorePermit>,
}

impl Limits {
    /// Waits for room for a request of so many tokens, for so long at most; none where there will be none in time.
    pub(crate) async fn room(&self, model: &str, limit: Option<&ModelLimit>, tokens: u64, within: Duration) -> Option<Room> {
        let Some(limiter) = limit.map(|limit| self.limiter(model, limit)) else { return Some(Room::default()) };
        let until = Instant::now() + within;
        tokio::time::timeout_at(until, limiter.room(tokens, until)).await.ok().flatten()
    }

    /// Room where there is some at once and nobody waits for it.
    pub(crate) fn room_now(&self, model: &str, limit: Option<&ModelLimit>, tokens: u64) -> Option<Room> {
        let Some(limiter) = limit.map(|limit| self.limiter(model, limit)) else { return Some(Room::default()) };
        let _turn = limiter.turn.try_lock().ok()?;
        let at_once = match &limiter.at_once {
            Some(semaphore) => Some(semaphore.clone().try_acquire_owned().ok()?),
            None => None,
        };
        let number = limiter.take(tokens).ok()?;
        Some(Room { of: Some((limiter.clone(), number)), _at_once: at_once })
    }

    fn limiter(&self, model: &str, limit: &ModelLimit) -> Arc<Limiter> {
        let mut limiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match limiters.get(model).filter(|known| known.limit == *limit) {
            Some(known) => known.clone(),
            None => {
                let at_once = limit.in_flight.map(|most| Arc::new(Semaphore::new(most as usize)));
                let (limit, window, turn) = (limit.clone(), Mutex::default(), tokio::sync::Mutex::default());
                let limiter = Arc::new(Limiter { limit, window, turn, at_once });
                limiters.insert(model.to_owned(), limiter.clone());
                limiter
            }
        }
    }
}

impl Limiter {
    async fn room(self: &Arc<Self>, tokens: u64, until: Instant) -> Option<Room> {
        let _turn = self.turn.lock().await;
        let at_once = match &self.at_once {
            Some(semaphore) => Some(semaphore.clone().acquire_owned().await.ok()?),
            None => None,
        };
        loop {
            match self.take(tokens) {
                Ok(number) => return Some(Room { of: Some((self.clone(), number)), _at_once: at_once }),
                Err(free_at) if free_at > until => return None,
                Err(free_at) => tokio::time::sleep_until(free_at).await,
            }
        }
    }

    /// Takes room, or says when there may be some.
    fn take(&self, tokens: u64) -> Result<u64, Instant> {
        let (now, span) = (Instant::now(), Duration::from_micros(u64::try_from(self.limit.per).unwrap_or(0)));
        let mut window = self.window();
        if let Some(until) = window.closed_until.filter(|until| *until > now) {
            return Err(until);
        }
        while window.sent.front().is_some_and(|sent| now.duration_since(sent.at) >= span) {
            window.sent.pop_front();
        }
        let (count, sum) = (window.sent.len() as u64, window.sent.iter().map(|sent| sent.tokens).sum::<u64>());
        let fits_count = self.limit.requests.is_none_or(|most| count < u64::from(most));
        // What is more than a whole span holds goes alone: it would never go otherwise.
        let fits_tokens = self.limit.tokens.is_none_or(|most| sum.saturating_add(tokens) <= u64::from(most) || window.sent.is_empty());
        match window.sent.front() {
            Some(first) if !(fits_count && fits_tokens) => Err(first.at + span),
            _ => {
                let number = window.next;
                window.next += 1;
                if self.limit.requests.is_some() || self.limit.tokens.is_some() {
                    window.sent.push_back(Sent { number, at: now, tokens });
                }
                Ok(number)
            }
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// What the request came to, where the provider counts it.
    pub(crate) fn counted(&self, tokens: u64) {
        let Some((limiter, number)) = &self.of else { return };
        if let Some(sent) = limiter.window().sent.iter_mut().find(|sent| sent.number == *number) {
            sent.tokens = tokens;
        }
    }

    /// The provider wants no other request for so long.
    pub(crate) fn close(&self, pause: Duration) {
        let Some((limiter, _)) = &self.of else { return };
        let until = Instant::now() + pause;
        let mut window = limiter.window();
        window.closed_until = Some(window.closed_until.map_or(until, |known| known.max(until)));
    }
}
