//! Which runs begin: recovered ones first, then starts by priority, each when its concurrency key is free.

use super::{Counted, Entry, Holds, Live, Reply, Shard, StartRequest, Started};
use crate::arrivals::Arrived;
use crate::decide::{Input, Timer, Turn, Wish};
use crate::event::EventKind;
use crate::planted::{Bug, planted};
use crate::seal::{FORGOTTEN, KeyName};
use crate::state::{RunState, Standing};
use crate::summary::RunSummary;
use std::collections::VecDeque;
use std::sync::Arc;
use tradewind_lang::plan::{Busy, Priority};

/// Starts that wait for their turn, by priority.
#[derive(Debug, Default)]
pub(super) struct Starts {
    high: VecDeque<StartRequest>,
    normal: VecDeque<StartRequest>,
    low: VecDeque<StartRequest>,
}

impl Starts {
    pub(super) fn push(&mut self, priority: Priority, start: StartRequest) {
        match priority {
            Priority::High => self.high.push_back(start),
            Priority::Normal => self.normal.push_back(start),
            Priority::Low => self.low.push_back(start),
        }
    }

    fn pop(&mut self) -> Option<StartRequest> {
        self.high.pop_front().or_else(|| self.normal.pop_front()).or_else(|| self.low.pop_front())
    }

    pub(super) fn len(&self) -> usize {
        self.high.len() + self.normal.len() + self.low.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// As much of a run's name as people need.
fn short(run: &str) -> &str {
    run.get(..12).unwrap_or(run)
}

fn known(run: &Arc<str>, conflict: bool) -> Started {
    Started { run_id: run.clone(), is_new: false, conflict: conflict && !planted(Bug::ConflictUnseen) }
}

impl Shard {
    /// Adopts the active plan where the log does not name it yet, and queues unfinished runs.
    pub(super) fn begin(&mut self) {
        if self.books.adopted != Some(self.active.digest) {
            let active = self.active.clone();
            let by = self.wanted_by.take();
            self.switch_to(active, by, None, None);
        }
        self.books.plans.insert(self.active.digest, self.active.clone());
        // Keys that are gone by the list, which the log does not know yet: a crash, or a backup from before.
        let gone = self.ports.log.keys().map(|keys| keys.gone()).unwrap_or_default();
        let untold: Vec<KeyName> = gone.into_iter().filter(|name| !self.books.forgotten.contains(name)).collect();
        if !untold.is_empty() {
            self.erase(untold, None, None);
        }
        self.take_up();
        // Where the process ended before the run around an item heard that it waits.
        let mut asking: Vec<Arc<str>> = self.books.inbox.values().cloned().collect();
        asking.sort_unstable();
        asking.iter().for_each(|run| self.asks_in_batch(run));
        let undispatched: Vec<Arrived> = self.books.arrivals.undispatched().cloned().collect();
        undispatched.into_iter().filter(|_| !planted(Bug::DispatchForgottenAtRestart)).for_each(|arrived| self.dispatch(&arrived));
        self.starts_are_due();
        // Where the process ended between the end of one run and the beginning of the next.
        let paused = self.books.runs.iter().filter_map(|(id, entry)| match entry {
            Entry::Live(live) if live.state.paused && live.state.children > 0 => Some(id.clone()),
            _ => None,
        });
        // In an order of their own: a restart does the same wherever it is repeated.
        let mut paused: Vec<Arc<str>> = paused.collect();
        paused.sort_unstable();
        paused.iter().for_each(|run| self.cascade(run, &EventKind::RunPaused));
        let mut waiting: Vec<Arc<str>> = self.lanes.values().filter_map(|lane| lane.front().cloned()).collect();
        waiting.sort_unstable();
        waiting.iter().for_each(|run| self.push(run, Input::Admit, None));
        self.sweep();
        self.tell_dropped();
    }

    /// Goes on with every run that has not ended, in the order in which they began.
    fn take_up(&mut self) {
        let mut unfinished: Vec<(u64, Arc<str>)> = Vec::new();
        for (id, entry) in &self.books.runs {
            if let Entry::Live(live) = entry {
                unfinished.push((live.state.first, id.clone()));
            }
        }
        unfinished.sort_unstable();
        for (_, id) in unfinished {
            self.rejoin(&id);
            let active = planted(Bug::PinForgottenAtRestart).then(|| self.active.clone());
            let Some(live) = self.books.live(&id) else { continue };
            if let Some(active) = active {
                live.state.pinned = active;
            }
            if live.state.standing == Standing::Held {
                live.standing = Counted::Held;
                self.held += 1;
                continue;
            }
            let is_erased = live.state.erased;
            // What it would go on with is gone.
            if is_erased {
                let wish = Wish::Cancel(FORGOTTEN.into());
                self.push(&id, Input::Control { by: self.engine_actor.clone(), wish }, None);
                continue;
            }
            // A run that waits for a person only needs its clocks.
            if live.state.is_parked() {
                live.standing = Counted::Waiting;
                self.waiting += 1;
                self.push(&id, Input::Resume, None);
            } else if planted(Bug::RecoveryWaits) {
                let at = self.now() + 1;
                self.set_timer(&id, Timer::Deadline, at);
            } else {
                self.resumes.push_back(id);
            }
        }
    }

    /// Takes a recovered run into its lane: the one that works first, then the others as they were started.
    fn rejoin(&mut self, run: &Arc<str>) {
        let Some(live) = self.books.live(run) else { return };
        let (is_held, key) = (live.state.standing == Standing::Held, live.state.concurrency_key.clone());
        if let Some(key) = key {
            let lane = self.lanes.entry(key).or_default();
            if is_held { lane.push_back(run.clone()) } else { lane.push_front(run.clone()) }
        }
    }

    /// A run that ended leaves its lane; the next one may begin.
    pub(super) fn free(&mut self, ended: &RunSummary) {
        let Some(key) = &ended.concurrency_key else { return };
        let Some(lane) = self.lanes.get_mut(key) else { return };
        let worked = lane.front() == Some(&ended.id);
        lane.retain(|run| *run != ended.id);
        if planted(Bug::LaneLastFirst) {
            lane.make_contiguous().reverse();
        }
        match lane.front().cloned() {
            None => drop(self.lanes.remove(key)),
            Some(next) if worked => self.push(&next, Input::Admit, None),
            Some(_) => {}
        }
    }

    /// Whether a run may begin beside those that have its concurrency key; where it replaces them, they are told.
    pub(super) fn turn_of(&mut self, run: &Arc<str>, key: Option<&Arc<str>>, busy: Option<Busy>) -> Turn {
        let Some(key) = key.filter(|_| !planted(Bug::LaneUnlocked)) else { return Turn::Now };
        let before: Vec<Arc<str>> = self.lanes.get(key).map_or_else(Vec::new, |lane| lane.iter().cloned().collect());
        let Some(first) = before.first() else {
            self.lanes.entry(key.clone()).or_default().push_back(run.clone());
            return Turn::Now;
        };
        match busy.unwrap_or(Busy::Queue) {
            Busy::Skip => return Turn::Never(format!("run {} has its concurrency key", short(first)).into()),
            Busy::Queue => {}
            Busy::Replace => {
                let reason: Arc<str> = format!("run {} takes its place", short(run)).into();
                let by = self.engine_actor.clone();
                before.iter().for_each(|run| self.push(run, Input::Control { by: by.clone(), wish: Wish::Cancel(reason.clone()) }, None));
            }
        }
        self.lanes.entry(key.clone()).or_default().push_back(run.clone());
        Turn::Later
    }

    /// Whether a queued run could begin.
    pub(super) fn admits(&self) -> bool {
        self.running < self.in_flight && !(self.resumes.is_empty() && self.starts.is_empty())
    }

    /// Lets queued runs begin while fewer than the agreed number are in flight.
    pub(super) fn admit(&mut self) {
        while self.running < self.in_flight {
            if let Some(run) = self.resumes.pop_front() {
                if let Some(live) = self.books.live(&run).filter(|live| live.standing == Counted::Queued) {
                    live.standing = Counted::Running;
                    self.running += 1;
                    self.push(&run, Input::Resume, None);
                }
            } else if let Some(start) = self.starts.pop() {
                self.start(start);
            } else {
                break;
            }
        }
    }

    fn start(&mut self, start: StartRequest) {
        let Some(start) = self.asked_again(start) else { return };
        if let Some(ended) = self.books.ended(&start.run) {
            let _ = start.reply.send(known(&start.run, !ended.erased && ended.payload != start.payload));
            return;
        }
        match self.books.runs.get_mut(&start.run) {
            Some(Entry::Ended(_)) => {}
            Some(Entry::Live(live)) if live.state.first == 0 => {
                let conflict = live.state.payload != start.payload;
                live.waiters.push((start.reply, conflict));
            }
            Some(Entry::Live(live)) => {
                let _ = start.reply.send(known(&start.run, !live.state.erased && live.state.payload != start.payload));
            }
            None => {
                let Some(graph) = self.active.flow(&start.flow).cloned() else { return };
                let busy = graph.flow.terms.concurrency.as_ref().map(|concurrency| concurrency.busy);
                let turn = self.turn_of(&start.run, start.concurrency_key.as_ref(), busy);
                let mut state = RunState::new(start.run.clone(), start.trace, self.active.clone(), graph);
                state.payload = start.payload;
                state.frozen = self.frozen.clone();
                let mut live = Live::holding(state);
                self.count_in(&mut live, &turn);
                let StartRequest { run, key, input, actor, concurrency_key, reply, fork, .. } = start;
                let input = Input::Start { key, input, actor, concurrency_key, turn, parent: None, fork };
                self.enter(run, live, &input, Some(Reply::Start(reply)));
            }
        }
    }
}
