//! Runs within runs: they begin without waiting for a place among those in flight, as their parents hold one or wait for them.

use super::{Counted, Entry, Holds, Live, Pending, Reply, Shard, Turn};
use crate::child::{Child, ChildEnd, Parent, Part};
use crate::decide::children::end_of;
use crate::decide::{Input, Moment, Wish, decide};
use crate::engine::prepare::concurrency_key;
use crate::event::EventKind;
use crate::failure::{Failure, FailureKind};
use crate::planted::{Bug, planted};
use crate::state::RunState;
use crate::summary::{RunStatus, RunSummary};
use std::sync::Arc;
use tradewind_lang::plan::StepId;

impl Shard {
    /// Begins a run within another one, or says what it ended with where that is not in its parent's log yet.
    pub(super) fn begin_child(&mut self, child: Child) {
        match self.books.runs.get(&child.run) {
            Some(Entry::Live(_)) => return,
            Some(Entry::Ended(_)) if planted(Bug::ChildEndForgotten) => return,
            Some(Entry::Ended(summary)) => return self.report(&summary.clone()),
            None => {}
        }
        let Child { run, trace, key, input, parent } = child;
        let begun = self.books.inner(&parent, &run, trace).and_then(|state| {
            // Parts of a run share its turn; the run of another flow has one of its own.
            let concurrency_key = if state.outer.is_none() { concurrency_key(&state.graph, &input)? } else { None };
            Ok((state, concurrency_key))
        });
        let (state, concurrency_key) = match begun {
            Ok(begun) => begun,
            Err(message) => {
                let outcome = Err(Failure::new(FailureKind::Rule, message));
                let end = ChildEnd { run, step: parent.step, part: parent.part, outcome, cost: None, waited: 0 };
                return self.push(&parent.run.clone(), Input::ChildEnded(end), None);
            }
        };
        let mut live = Live::holding(state);
        live.state.frozen = self.frozen.clone();
        let busy = live.state.graph.flow.terms.concurrency.as_ref().map(|terms| terms.busy);
        let turn = self.turn_of(&run, concurrency_key.as_ref(), busy);
        self.count_in(&mut live, &turn);
        let actor = "run".into();
        let input = Input::Start { key, input, actor, concurrency_key, turn, parent: Some(parent), fork: None };
        self.enter(run, live, &input, None);
    }

    /// Takes a new run into the books, and has its beginning decided.
    pub(super) fn enter(&mut self, run: Arc<str>, mut live: Live, input: &Input, reply: Option<Reply>) {
        let now = self.now();
        let decision = decide(&self.active, &live.state, input, Moment { now });
        live.busy = true;
        self.books.runs.insert(run.clone(), Entry::Live(Box::new(live)));
        self.pending.push_back(Pending { run: Some(run), decision, now, reply, active: self.active.clone() });
    }

    pub(super) fn count_in(&mut self, live: &mut Live, turn: &Turn) {
        match turn {
            Turn::Now | Turn::Never(_) => (live.standing, self.running) = (Counted::Running, self.running + 1),
            Turn::Later => (live.standing, self.held) = (Counted::Held, self.held + 1),
        }
    }

    /// Tells the parent of a run that ended what it came to.
    pub(super) fn report(&mut self, ended: &RunSummary) {
        if let Some((parent, end)) = end_of(ended) {
            self.push(&parent, Input::ChildEnded(end), None);
        }
    }

    /// Cancels what runs within a run. What never began ends at once.
    pub(super) fn end_children(&mut self, run: &Arc<str>, step: Option<StepId>, reason: &Arc<str>) {
        let Some(live) = self.books.live(run) else { return };
        let open = live.state.open_children();
        for end in open.into_iter().filter(|end| step.is_none() || end.step == step) {
            match self.books.runs.get(&end.run) {
                Some(Entry::Live(_)) => {
                    let wish = Wish::Cancel(reason.clone());
                    self.push(&end.run, Input::Control { by: self.engine_actor.clone(), wish }, None);
                }
                Some(Entry::Ended(summary)) => self.report(&summary.clone()),
                None => {
                    let outcome = Err(Failure::coded(FailureKind::Person, "cancelled", &**reason));
                    self.push(run, Input::ChildEnded(ChildEnd { outcome, ..end }), None);
                }
            }
        }
    }

    /// Tells the run around an item that it waits for people as one of a batch.
    pub(super) fn asks_in_batch(&mut self, run: &Arc<str>) {
        let Some(live) = self.books.live(run) else { return };
        let waits = live.state.inbox().any(|(_, asked)| asked.approval.batch.is_some());
        let Some(Parent { run: around, step: Some(step), part: Part::Item(place), .. }) = live.state.parent.clone().filter(|_| waits)
        else {
            return;
        };
        self.push(&around, Input::ItemAsks { step, place }, None);
    }

    /// What a run is told as a whole goes for the runs within it.
    pub(super) fn cascade(&mut self, run: &Arc<str>, kind: &EventKind) {
        let wish = match kind {
            EventKind::RunPaused => Wish::Pause,
            EventKind::RunResumed => Wish::Resume,
            _ => return,
        };
        let open = self.books.live(run).map_or_else(Vec::new, |live| live.state.open_children());
        for end in open {
            if self.books.live(&end.run).is_some() {
                self.push(&end.run, Input::Control { by: self.engine_actor.clone(), wish: wish.clone() }, None);
            }
        }
    }

    /// A live run in a few words: one that only waits for runs within it goes on as long as one of them does.
    pub(crate) fn summary_of(&self, state: &RunState) -> RunSummary {
        let mut summary = RunSummary::of(state);
        if summary.status == RunStatus::Waiting && state.approvals == 0 && state.children > 0 {
            let goes_on = state.open_children().iter().any(|end| match self.books.runs.get(&end.run) {
                Some(Entry::Live(child)) => matches!(self.summary_of(&child.state).status, RunStatus::Running),
                Some(Entry::Ended(_)) | None => true,
            });
            if goes_on {
                summary.status = RunStatus::Running;
            }
        }
        summary
    }
}
