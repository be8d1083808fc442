//! Performing: each effect in a task of its own, its answer back as an input. It never judges an answer.

use super::gather::{Road, Sending};
use super::{Entry, Inside, Ports, Shard};
use crate::decide::{Effect, Input};
use crate::history::{self, Which};
use crate::memory::Fact;
use crate::planted::{Bug, planted};
use crate::ports::{Call, CallFailure, CallOutcome};
use crate::question::{Answer, Prompt, Silence};
use crate::seal::{asks_for_people, has_hole};
use crate::state::RunState;
use crate::summary::RunSummary;
use crate::undo::reversal;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::{mpsc, oneshot};
use tradewind_lang::plan::StepId;

/// Marks in the state what is being asked.
pub(crate) fn mark(state: &mut RunState, effect: &Effect) {
    if let Effect::Read { step, .. }
    | Effect::FindDone { step, .. }
    | Effect::Recall { step, .. }
    | Effect::Search { step, .. }
    | Effect::Measure { step }
    | Effect::LookKept { step, .. }
    | Effect::Classify { step, .. } = effect
    {
        state.mark_asking(*step);
    }
    if let Effect::Begin { step, child } = effect {
        state.mark_issued(*step, child.parent.part);
    }
}

/// Sends an answer, or says that there will be none if its task ends without one.
pub(super) struct Promise {
    inside: mpsc::UnboundedSender<Inside>,
    run: Arc<str>,
    fallback: Option<Input>,
}

impl Promise {
    pub(super) fn keep(mut self, input: Input) {
        self.fallback = None;
        let _ = self.inside.send(Inside::Input { run: self.run.clone(), input });
    }
}

impl Promise {
    /// Whether an effect that was held back may still leave. Where the loop has ended nobody says so, and nobody would hear its answer.
    pub(super) async fn may_leave(&self, step: StepId) -> bool {
        let (reply, answer) = oneshot::channel();
        let _ = self.inside.send(Inside::MayLeave { run: self.run.clone(), step, reply });
        answer.await.unwrap_or(false)
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(input) = self.fallback.take() {
            let _ = self.inside.send(Inside::Input { run: self.run.clone(), input });
        }
    }
}

impl Shard {
    pub(super) fn perform(&mut self, run: &Arc<str>, effect: Effect) {
        match effect {
            Effect::Timer { timer, at } => self.set_timer(run, timer, at),
            Effect::Begin { child, .. } => self.begin_child(child),
            Effect::EndChildren { step, reason } => self.end_children(run, step, &reason),
            Effect::Listen { step, event } => self.listen(run, step, &event),
            Effect::Recall { step, memory, subject, last } => {
                let now = self.last_now;
                let facts = self.books.memories.recall(&self.active.plan, &memory, &subject, last as usize, now);
                // What a fact looks like to the run is what its own plan says.
                let own = self.books.live(run).and_then(|live| live.state.pinned.plan.memories.get(&*memory)).cloned();
                let given = |fact: &Fact| own.as_ref().map_or_else(|| fact.fields.clone(), |memory| fact.given(memory, now));
                let facts = facts.into_iter().map(|fact| (fact.seq, given(&fact))).collect();
                self.push(run, Input::Recalled { step, facts }, None);
            }
            Effect::Measure { step } => self.measure(run, step),
            Effect::Search { step, wanted } => self.search(run, step, wanted),
            Effect::Classify { step, rung, refused, model, labels, text } => {
                let answer = move |result| Input::Classified { step, rung, refused: refused.clone(), result };
                let promise = self.promise(run, answer.clone()(Err("it gave no answer".to_owned())));
                let models = self.ports.models.clone();
                tokio::spawn(async move {
                    let result = models.classify(model, labels, text).await;
                    promise.keep(answer(result));
                });
            }
            Effect::LookKept { step, looked, same, alike, max_age } => self.look_kept(run, step, looked, (same, alike), max_age),
            Effect::Say { step, prompt } => self.say(run, step, prompt),
            Effect::FindDone { step, flow, act, since } => self.find_done(run, step, (flow, act, since)),
            Effect::Read { step, attempt, not_before, failures, unreached, call } => {
                let answer = move |outcome| Input::Read { step, attempt, failures: failures.clone(), unreached, outcome };
                self.call(run, call, (not_before, i64::MAX), None, answer);
            }
            Effect::Perform { step, attempt, not_before, not_after, call } => {
                let answer = move |outcome| Input::Performed { step, attempt, outcome };
                self.call(run, call, (not_before, not_after), Some((step, attempt)), answer);
            }
            Effect::Lookup { step, attempt, tries, not_before, unreached, call } => {
                let answer = move |outcome| Input::LookedUp { step, attempt, tries, unreached, outcome };
                self.call(run, call, (not_before, i64::MAX), None, answer);
            }
        }
    }

    fn call(
        &mut self,
        run: &Arc<str>,
        call: Call,
        between: (i64, i64),
        effect: Option<(StepId, u32)>,
        answer: impl Fn(CallOutcome) -> Input + Send + 'static,
    ) {
        let promise = self.promise(run, answer(CallOutcome::Unknown("the connector gave no answer".to_owned())));
        if has_hole(&call.request) || self.is_bereft(run, &call) {
            // Nobody is sent a word that stands for what was erased.
            let (code, message) = ("erased".to_owned(), "what it would say was erased".to_owned());
            let failure = CallFailure { code, message, retry: false, retry_after: None };
            return promise.keep(answer(CallOutcome::Failed(failure)));
        }
        let (not_before, not_after) = between;
        // A repetition has waited, or was asked for by a process that took the log: whose it is now, it makes sure of once more.
        let waited = effect.is_some_and(|(_, attempt)| attempt > 1) || not_before > self.last_now;
        let gate = effect.and_then(|(step, _)| self.gate_of(run, step));
        let sending = Sending { gate, call, not_after, waited, promise, answer: Box::new(answer) };
        tokio::spawn(self.road().go(sending, not_before, self.last_now));
    }

    /// Whether a call would say what its run still holds of somebody who was forgotten.
    fn is_bereft(&mut self, run: &Arc<str>, call: &Call) -> bool {
        let Some(live) = self.books.live(run).filter(|live| live.state.erased) else { return false };
        asks_for_people(&live.state.pinned.plan, &call.operation)
    }

    fn road(&self) -> Road {
        let Ports { connectors, clock, log, .. } = self.ports.clone();
        let (shard, epoch, ended, groups) = (self.shard, self.head.epoch, self.ended.clone(), self.groups.clone());
        Road { connectors, clock, log, shard, epoch, ended, groups }
    }

    /// Asks a model. An answer that comes after its time is none: whatever a provider does, its step goes on then.
    fn say(&self, run: &Arc<str>, step: StepId, prompt: Arc<Prompt>) {
        let number = prompt.question.number;
        let answer = move |answer| Input::Said { step, number, answer };
        let silent = |code, message: &str| Answer::Silent(Silence::doubtful(code, message));
        let promise = self.promise(run, answer(silent("connection", "nobody said what became of the call")));
        let (models, clock, now, ended) = (self.ports.models.clone(), self.ports.clock.clone(), self.last_now, self.ended.clone());
        let (log, shard, epoch) = (self.ports.log.clone(), self.shard, self.head.epoch);
        tokio::spawn(async move {
            let (not_before, until) = (prompt.question.not_before, prompt.question.until);
            let waits = not_before > now;
            if waits {
                clock.sleep_until(not_before).await;
            }
            // Nobody would hear the answer, and it would have to be paid all the same. Whoever took the log meanwhile has given this up,
            // and asks anew.
            if ended.load(Ordering::Acquire) || waits && !planted(Bug::ZombieAsks) && !log.holds(shard, epoch).await {
                return;
            }
            let said = tokio::select! {
                biased;
                said = models.say(prompt) => said,
                () = clock.sleep_until(until) => Answer::Silent(Silence { retry: false, ..Silence::doubtful("time-out", "it gave no answer in time") }),
            };
            promise.keep(answer(said));
        });
    }

    /// Looks for what an act did: from the first run of its flow on that something happened to since then.
    fn find_done(&mut self, run: &Arc<str>, step: StepId, (flow, act, since): (Arc<str>, Arc<str>, Option<i64>)) {
        let promise = self.promise(run, Input::FoundDone { step, found: Err("the log was not read".to_owned()) });
        let Some(pinned) = self.books.live(run).map(|live| live.state.pinned.clone()) else { return };
        let is_wanted =
            move |flow: &Arc<str>, ended: &RunSummary| ended.flow == *flow && since.is_none_or(|since| ended.updated_at >= since);
        let runs = self.books.runs.values().filter_map(|entry| match entry {
            Entry::Live(live) => (live.state.graph.name == flow).then_some(live.state.first),
            Entry::Ended(ended) => is_wanted(&flow, ended).then_some(ended.first),
        });
        let from = runs.min().unwrap_or(u64::MAX);
        let (log, shard, past) = (self.ports.log.clone(), self.shard, self.books.past.keep());
        tokio::spawn(async move {
            let past = past.all().filter(|(ended, _)| is_wanted(&flow, ended)).map(|(ended, _)| ended.first);
            let from = past.min().unwrap_or(u64::MAX).min(from);
            let which = Which { flow: Some(flow), step: Some(act), since, ..Which::default() };
            let found = match from {
                u64::MAX => Ok(Vec::new()),
                from => history::effects(&*log, shard, from, &which, false).await,
            };
            let found = found.map(|found| found.iter().map(|done| Arc::new(reversal(&pinned, done))).collect());
            promise.keep(Input::FoundDone { step, found: found.map_err(|error| format!("the log cannot be read: {error:?}")) });
        });
    }

    pub(super) fn promise(&self, run: &Arc<str>, fallback: Input) -> Promise {
        Promise { inside: self.inside.clone(), run: run.clone(), fallback: Some(fallback) }
    }
}
