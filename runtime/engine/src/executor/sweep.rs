//! Facts that are gone, told to the log; those that only time ends, dropped by it; and who is held, so that he is neither swept nor
//! forgotten. Which facts go is the memory's to say.
//!
//! A fact is given to nobody from the moment on at which a rule drops it. What is dropped by a fact that takes its room is told in the
//! next commit; what only time drops is looked for within the hour in which it is due, and where the process starts.

use super::timers::TimerKey;
use super::{Entry, Reply, Shard, SteerRefusal, SteerReply, Steered};
use crate::decide::{Input, Wish};
use crate::event::{Event, EventKind};
use crate::finding::Wanted;
use crate::memory::past::Snapshots;
use crate::memory::{Gone, Hold, Holds, declared};
use crate::seal::{FORGOTTEN, KeyName};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tradewind_lang::plan::StepId;

/// How finely it is told apart when facts are due, in microseconds.
const HOUR: i64 = 3_600_000_000;

/// What is under way of facts that go, and of those that stay.
#[derive(Debug)]
pub(crate) struct Sweeping {
    /// Events on their way into the log that tell of facts that are gone.
    open: usize,
    /// When it is looked next for facts that were kept long enough.
    next: Option<i64>,
    /// Holds, also those on their way into the log.
    holds: Holds,
    /// Keys of people who are being forgotten.
    forgetting: BTreeSet<KeyName>,
    /// How often somebody was forgotten.
    forgets: u64,
    /// Events on their way into the log that tell of somebody who is forgotten.
    erasing: usize,
    /// What is being looked for, and how often somebody had been forgotten when that began.
    looking: HashMap<(Arc<str>, StepId), (u64, Arc<Wanted>)>,
    /// How many questions for vectors this process asked.
    pub(super) asked: u64,
    /// What was found while somebody was being forgotten: it is looked for again when he is.
    overtaken: Vec<(Arc<str>, StepId, Arc<Wanted>)>,
    /// What was known at some places of the log.
    pub(crate) snapshots: Arc<Snapshots>,
}

impl Sweeping {
    pub(super) fn of(holds: Holds) -> Self {
        Self {
            open: 0,
            next: None,
            holds,
            forgetting: BTreeSet::new(),
            forgets: 0,
            asked: 0,
            erasing: 0,
            looking: HashMap::new(),
            overtaken: Vec::new(),
            snapshots: Arc::default(),
        }
    }

    /// A run looks for facts.
    pub(super) fn look(&mut self, run: &Arc<str>, step: StepId, wanted: &Arc<Wanted>) {
        self.looking.insert((run.clone(), step), (self.forgets, wanted.clone()));
    }

    /// What was looked for, where somebody was forgotten before it was found, or is just being forgotten.
    pub(super) fn overtaken(&mut self, run: &Arc<str>, step: StepId) -> Option<Arc<Wanted>> {
        let (forgets, wanted) = self.looking.remove(&(run.clone(), step))?;
        (forgets != self.forgets || self.erasing > 0).then_some(wanted)
    }
}

impl Shard {
    /// Looks for facts that were kept long enough.
    pub(super) fn sweep(&mut self) {
        self.sweeping.next = None;
        let (now, ring) = (self.now(), self.ports.log.keys());
        let gone = self.books.memories.overdue(&self.active.plan, now, ring.as_deref());
        if gone.is_empty() {
            return self.look_again();
        }
        self.tell_of(gone);
    }

    /// Tells the log of facts that are gone, where it is not being told just now.
    pub(super) fn tell_dropped(&mut self) {
        if self.sweeping.open == 0 && self.books.memories.is_untold() && !self.look_only && !self.steer_only {
            let gone = self.books.memories.untold();
            self.tell_of(gone);
        }
    }

    fn tell_of(&mut self, gone: Vec<Gone>) {
        self.sweeping.open += gone.len();
        for Gone { memory, why, facts } in gone {
            self.log_of_engine(EventKind::FactsDropped { memory, why, facts }, None, None);
        }
    }

    /// What a durable event means for what is swept next.
    pub(super) fn swept(&mut self, event: &Event) {
        match &event.kind {
            EventKind::FactRemembered { memory, .. } | EventKind::FactsRemembered { memory, .. } => {
                if let Some(retention) = declared(&self.active.plan, memory).retention {
                    self.sweep_at(event.header.at.saturating_add(retention));
                }
            }
            EventKind::FactsDropped { .. } => {
                self.sweeping.open = self.sweeping.open.saturating_sub(1);
                if self.sweeping.open == 0 {
                    self.look_again();
                }
            }
            EventKind::PlanAdopted { .. } | EventKind::SubjectReleased { .. } => self.look_again(),
            EventKind::SubjectForgotten { keys } => self.erased(keys),
            _ => {}
        }
    }

    /// Tells the log that somebody is forgotten.
    pub(super) fn erase(&mut self, keys: Vec<KeyName>, by: Option<Arc<str>>, reply: Option<Reply>) {
        self.sweeping.erasing += 1;
        self.log_of_engine(EventKind::SubjectForgotten { keys }, by, reply);
    }

    /// It is in the log. Runs that met him behind the back of whoever wanted that end like those that were ended before it.
    fn erased(&mut self, keys: &[KeyName]) {
        self.sweeping.forgets += 1;
        self.sweeping.erasing = self.sweeping.erasing.saturating_sub(1);
        self.sweeping.snapshots.forget();
        for key in keys {
            self.sweeping.forgetting.remove(key);
            self.sweeping.holds.lift(*key);
        }
        let mut met: Vec<(u64, Arc<str>)> = Vec::new();
        for (id, entry) in &self.books.runs {
            if let Entry::Live(live) = entry
                && live.state.subjects.iter().any(|name| keys.contains(name))
            {
                met.push((live.state.first, id.clone()));
            }
        }
        met.sort_unstable();
        for (_, run) in met {
            let wish = Wish::Cancel(FORGOTTEN.into());
            self.push(&run, Input::Control { by: self.engine_actor.clone(), wish }, None);
        }
        if self.sweeping.erasing == 0 {
            for (run, step, wanted) in std::mem::take(&mut self.sweeping.overtaken) {
                self.search(&run, step, wanted);
            }
        }
    }

    /// What a run looked for is looked for again: at once, or when somebody is forgotten who is just being forgotten.
    pub(super) fn look_anew(&mut self, run: &Arc<str>, step: StepId, wanted: Arc<Wanted>) {
        match self.sweeping.erasing {
            0 => self.search(run, step, wanted),
            _ => self.sweeping.overtaken.push((run.clone(), step, wanted)),
        }
    }

    fn look_again(&mut self) {
        let ring = self.ports.log.keys();
        if let Some(due) = self.books.memories.next_end(&self.active.plan, ring.as_deref()) {
            self.sweep_at(due);
        }
    }

    fn sweep_at(&mut self, due: i64) {
        if self.look_only || self.steer_only {
            return;
        }
        let at = (due.max(self.last_now).div_euclid(HOUR) + 1).saturating_mul(HOUR);
        if self.sweeping.next.is_none_or(|next| at < next) {
            self.sweeping.next = Some(at);
            self.set_own_timer(at, TimerKey::Sweep);
        }
    }

    /// Holds what is known of somebody.
    pub(super) fn hold(&mut self, key: KeyName, (by, reason): (Arc<str>, Arc<str>), reply: SteerReply) {
        let known = || self.sweeping.holds.of_key(key).is_some();
        let refusal = match self.may_hold(&by) {
            Err(refusal) => Some(Err(refusal)),
            Ok(()) if self.sweeping.forgetting.contains(&key) => Some(Err(SteerRefusal::BeingForgotten)),
            Ok(()) => known().then_some(Ok(Steered::Already)),
        };
        if let Some(answer) = refusal {
            return drop(reply.send(answer));
        }
        let at = self.now();
        self.sweeping.holds.set(Hold { key, by: by.clone(), at, reason: reason.clone() });
        self.log_of_engine(EventKind::SubjectHeld { key, reason }, Some(by), Some(Reply::Steer(reply, Steered::Held)));
    }

    /// Lets go what is known of somebody.
    pub(super) fn unhold(&mut self, subject: &str, (by, reason): (Arc<str>, Arc<str>), reply: SteerReply) {
        let ring = self.ports.log.keys();
        let key = ring.and_then(|ring| self.sweeping.holds.of_subject(subject, &*ring).map(|hold| hold.key));
        let key = match (self.may_hold(&by), key) {
            (Ok(()), Some(key)) => key,
            (Ok(()), None) => return drop(reply.send(Err(SteerRefusal::NotHeld))),
            (Err(refusal), _) => return drop(reply.send(Err(refusal))),
        };
        self.sweeping.holds.lift(key);
        self.log_of_engine(EventKind::SubjectReleased { key, reason }, Some(by), Some(Reply::Steer(reply, Steered::Held)));
    }

    /// Whether somebody may set and lift holds, by the plan that is at work.
    fn may_hold(&self, by: &str) -> Result<(), SteerRefusal> {
        let plan = &self.active.plan;
        let teams = &plan.project.legal_hold;
        let is_member = |team: &String| plan.teams.get(team).is_some_and(|team| team.members.iter().any(|member| member == by));
        match teams.is_empty() {
            true => Err(SteerRefusal::NobodyMayHold),
            false if teams.iter().any(is_member) => Ok(()),
            false => Err(SteerRefusal::MayNotHold(teams.join(", "))),
        }
    }

    /// Holds, also those on their way into the log.
    pub(crate) fn holds(&self) -> &Holds {
        &self.sweeping.holds
    }

    /// From now on nobody holds what is sealed with these keys.
    pub(crate) fn begin_forgetting(&mut self, keys: &[KeyName]) {
        self.sweeping.forgetting.extend(keys);
    }
}
