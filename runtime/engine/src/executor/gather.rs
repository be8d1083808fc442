//! From an effect to its request: when a call may leave, and which others leave with it.
//!
//! Calls of an operation with a `batch` are gathered here, whichever runs they are of, until so many are there or the first has waited
//! long enough. Each keeps its own intent, key and answer: what is gathered is only in memory, and every member was durable before it
//! came here. After a death each is in doubt by itself. Nothing here judges an answer.

use super::perform::Promise;
use crate::decide::Input;
use crate::frozen::Frozen;
use crate::key::digest_of;
use crate::planted::{Bug, planted};
use crate::ports::{Call, CallFailure, CallOutcome, Clock, Connectors, LogStore};
use crate::scope::Names;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tradewind_lang::plan::{Batch, Digest, Micros, StepId};

/// What an effect's flow and connector are frozen by, the flow, and the step.
type Gate = (watch::Receiver<Arc<Frozen>>, Arc<str>, StepId);

/// Code of an effect that was held back until its run ended.
const HELD_BACK: &str = "held-back";

/// A call on its way, and who hears its answer.
pub(super) struct Sending {
    pub(super) call: Call,
    /// None for what changes nothing.
    pub(super) gate: Option<Gate>,
    /// From then on it may not be sent any more.
    pub(super) not_after: i64,
    /// Whether it has waited for a clock, so that nobody knows for how long: a process may have stood still meanwhile.
    pub(super) waited: bool,
    pub(super) promise: Promise,
    pub(super) answer: Box<dyn Fn(CallOutcome) -> Input + Send>,
}

impl Sending {
    pub(super) fn tell(self, outcome: CallOutcome) {
        self.promise.keep((self.answer)(outcome));
    }

    /// A second request of this one would be a second effect, or its key may be forgotten by the time that it leaves: another process that
    /// took the log may have sent it.
    fn is_once(&self) -> bool {
        let is_late = self.waited && !planted(Bug::ZombieRepeats);
        !self.call.key.is_empty() && (is_late || self.call.operation.idempotent.is_none())
    }

    fn is_frozen(&self) -> bool {
        self.gate.as_ref().is_some_and(|(gate, flow, _)| gate.borrow().holds(flow, &self.call.connector.name))
    }

    /// Waits while it is frozen; whether it may leave then. Its run may have been ended meanwhile: nothing more is done for that one.
    async fn is_let_through(&mut self) -> bool {
        while self.is_frozen() {
            let Some((gate, _, step)) = &mut self.gate else { return true };
            // An error means that the loop has ended, which is seen before it leaves.
            let goes_on = gate.changed().await.is_ok();
            let step = *step;
            if !goes_on || !self.promise.may_leave(step).await {
                return !goes_on;
            }
        }
        true
    }
}

/// Which calls may go together: the same operation of the same plan, in the same name, and the same group.
type Place = (usize, usize, Digest);

/// Calls that wait for others.
struct Group {
    number: u64,
    waiting: Vec<Sending>,
}

#[derive(Default)]
struct Open {
    groups: HashMap<Place, Group>,
    next: u64,
}

/// Every group that is open.
#[derive(Default)]
pub(super) struct Groups(Mutex<Open>);

/// What became of a call that joined a group.
enum Joined {
    /// It is the first: it waits for the others.
    First(u64),
    /// Others lead.
    Led,
    /// It is the last that had a place.
    Full(Vec<Sending>),
}

impl Groups {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, place: Place, sending: Sending, max: u32) -> Joined {
        let mut open = self.open();
        let next = open.next;
        let group = open.groups.entry(place).or_insert_with(|| Group { number: next, waiting: Vec::new() });
        group.waiting.push(sending);
        let most = max.max(1) as usize + usize::from(planted(Bug::BatchOneTooMany));
        let (is_full, is_first, number) = (group.waiting.len() >= most, group.waiting.len() == 1, group.number);
        if is_full {
            return Joined::Full(open.groups.remove(&place).map(|group| group.waiting).unwrap_or_default());
        }
        if is_first {
            open.next += 1;
            return Joined::First(number);
        }
        Joined::Led
    }

    /// Those that wait, where they are still the group of this number.
    fn take(&self, place: Place, number: u64) -> Vec<Sending> {
        let mut open = self.open();
        match open.groups.get(&place) {
            Some(group) if group.number == number => open.groups.remove(&place).map(|group| group.waiting).unwrap_or_default(),
            _ => Vec::new(),
        }
    }
}

/// What a call needs on its way out of a shard.
#[derive(Clone)]
pub(super) struct Road {
    pub(super) connectors: Arc<dyn Connectors>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) log: Arc<dyn LogStore>,
    pub(super) shard: u32,
    pub(super) epoch: u64,
    pub(super) ended: Arc<AtomicBool>,
    pub(super) groups: Arc<Groups>,
}

impl Road {
    /// Sends a call when nothing keeps it back: alone, or with others.
    pub(super) async fn go(self, mut sending: Sending, not_before: i64, now: i64) {
        if not_before > now {
            self.clock.sleep_until(not_before).await;
        }
        if !sending.is_let_through().await {
            let message = "it was held back, and its run ended before it was sent".to_owned();
            let failure = CallFailure { code: HELD_BACK.to_owned(), message, retry: false, retry_after: None };
            return sending.tell(CallOutcome::Failed(failure));
        }
        let by = sending.call.several.as_ref().map_or(&sending.call.operation, |several| &several.write).clone();
        match &by.terms.batch {
            None => self.send(vec![sending]).await,
            Some(batch) => self.gather(sending, batch).await,
        }
    }

    async fn gather(self, mut sending: Sending, batch: &Batch) {
        sending.waited = true;
        let place = match place_of(&sending.call, batch) {
            Ok(place) => place,
            Err(message) => {
                let failure = CallFailure { code: "request".to_owned(), message, retry: false, retry_after: None };
                return sending.tell(CallOutcome::Failed(failure));
            }
        };
        match self.groups.join(place, sending, batch.max) {
            Joined::Led => {}
            Joined::Full(together) => self.leave(together).await,
            Joined::First(number) => {
                self.wait(batch.wait).await;
                let together = self.groups.take(place, number);
                self.leave(together).await;
            }
        }
    }

    async fn leave(self, together: Vec<Sending>) {
        let reads = together.len() > 1 && together.iter().all(|one| one.call.several.is_some());
        if reads { self.look(together).await } else { self.send(together).await }
    }

    async fn wait(&self, span: Micros) {
        self.clock.sleep_until(self.clock.now().saturating_add(span)).await;
    }

    /// Sends calls as one request: one leave, one last look, and an answer for each.
    pub(super) async fn send(self, mut together: Vec<Sending>) {
        let Some(first) = together.first().map(|first| first.call.clone()) else { return };
        let permit = match self.connectors.ready(&first).await {
            Ok(permit) => permit,
            Err(failure) => return together.into_iter().for_each(|one| one.tell(CallOutcome::Failed(failure.clone()))),
        };
        // The last look before it leaves: a machine may have slept, or another process may hold the shard by now.
        let once = together.iter().any(Sending::is_once);
        if self.ended.load(Ordering::Acquire) || once && !self.log.holds(self.shard, self.epoch).await {
            return;
        }
        let now = self.clock.now();
        for late in together.extract_if(.., |one| now >= one.not_after) {
            late.tell(CallOutcome::Unknown("its key may be forgotten by now".to_owned()));
        }
        // What was frozen while it waited for others, or for its turn, waits on.
        for frozen in together.extract_if(.., |one| one.is_frozen()) {
            self.clone().again(frozen);
        }
        let calls: Vec<Call> = together.iter().map(|one| one.call.clone()).collect();
        let outcomes = match <[Call; 1]>::try_from(calls) {
            Ok([call]) if !is_sent_together(&call) => vec![self.connectors.call(call).await],
            Ok([call]) => self.connectors.call_together(vec![call]).await,
            Err(calls) if calls.is_empty() => return,
            Err(calls) => self.together(calls).await,
        };
        drop(permit);
        // Whoever gets no answer here is told that there was none.
        together.into_iter().zip(outcomes).for_each(|(one, outcome)| one.tell(outcome));
    }

    /// Several calls as one request. What is planted is what mistakes in telling its answers apart would come to.
    async fn together(&self, calls: Vec<Call>) -> Vec<CallOutcome> {
        let again = planted(Bug::BatchRepeatedWhole).then(|| calls.clone());
        let mut outcomes = self.connectors.call_together(calls).await;
        if let Some(calls) = again.filter(|_| outcomes.iter().any(is_unknown)) {
            outcomes = self.connectors.call_together(calls).await;
        }
        if planted(Bug::BatchAnswersShifted) {
            outcomes.rotate_right(1);
        }
        if planted(Bug::BatchFailsWhole)
            && let Some(failed) = outcomes.iter().find(|outcome| matches!(outcome, CallOutcome::Failed(_))).cloned()
        {
            outcomes.fill(failed);
        }
        if planted(Bug::BatchSilenceIsDone)
            && let Some(done) = outcomes.iter().find(|outcome| matches!(outcome, CallOutcome::Answered(_))).cloned()
        {
            outcomes.iter_mut().filter(|outcome| is_unknown(outcome)).for_each(|outcome| *outcome = done.clone());
        }
        outcomes
    }

    fn again(self, sending: Sending) {
        // A task of its own, as the others go on; boxed, as it may come here again.
        let road: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(self.go(sending, i64::MIN, i64::MIN));
        tokio::spawn(road);
    }
}

fn is_unknown(outcome: &CallOutcome) -> bool {
    matches!(outcome, CallOutcome::Unknown(_))
}

/// Whether a call that is alone goes as a batch of one: its operation has no request of its own.
fn is_sent_together(call: &Call) -> bool {
    call.operation.terms.batch.is_some() && call.operation.path.is_empty()
}

fn place_of(call: &Call, batch: &Batch) -> Result<Place, String> {
    let account = call.account.as_ref().map(|account| &account.name);
    if let Some(several) = &call.several {
        // What was there before writes is read beside the writes themselves, whatever their groups.
        return Ok((Arc::as_ptr(&several.write).addr(), Arc::as_ptr(&call.operation).addr(), digest_of(&("before", account))));
    }
    let scope = [("request", call.request.clone())];
    let group = batch.group.as_ref().filter(|_| !planted(Bug::BatchGroupIgnored));
    let group = group.map(|group| group.evaluate(&Names(&scope))).transpose();
    let group = group.map_err(|error| format!("its group has no value: {}", error.0))?;
    Ok((Arc::as_ptr(&call.operation).addr(), Arc::as_ptr(&call.connector).addr(), digest_of(&(group, account))))
}
