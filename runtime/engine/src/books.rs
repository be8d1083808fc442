//! The books of a shard: everything folded from its log. The executor and recovery fold alike, through here.

use crate::actor::flow_name;
use crate::arrivals::Arrivals;
use crate::child::{Parent, Part};
use crate::drift::Counted;
use crate::event::{Event, EventKind, Outcome, Used};
use crate::frozen::{Frozen, Note};
use crate::guard::Guards;
use crate::kept::Answers;
use crate::key::short_digest;
use crate::memory::{FactId, Held, Memories};
use crate::migrate::Moved;
use crate::past::Past;
use crate::pinned::{FlowGraph, Pinned};
use crate::planted::{Bug, planted};
use crate::question::Answered;
use crate::schedules::Schedules;
use crate::seal::{KeyName, Keyring, inherited};
use crate::series::Points;
use crate::state::{Phase, RunState};
use crate::summary::RunSummary;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Plan, StepKind};

/// A run in the books.
#[derive(Debug)]
pub(crate) enum Entry<L> {
    /// Not ended.
    Live(Box<L>),
    /// Ended a moment ago: its summary is kept as it is, until it is packed; details are folded from the log again.
    Ended(Arc<RunSummary>),
}

/// A plan that became active.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// Its digest.
    pub digest: Digest,
    /// When.
    pub at: i64,
    /// Who wanted it; `engine` where nobody did.
    pub by: Arc<str>,
    /// Where a person went back to it: from which plan.
    pub instead_of: Option<Digest>,
}

/// What holds a live run's state.
pub(crate) trait Holds {
    fn holding(state: RunState) -> Self;
    fn state(&self) -> &RunState;
    fn state_mut(&mut self) -> &mut RunState;
}

/// Whoever only folds needs nothing else of a run.
impl Holds for RunState {
    fn holding(state: RunState) -> Self {
        state
    }
    fn state(&self) -> &RunState {
        self
    }
    fn state_mut(&mut self) -> &mut RunState {
        self
    }
}

/// Ended runs whose summaries are kept as they are; others are packed.
const RECENT: usize = 4096;

/// Everything folded from a shard's log.
#[derive(Debug)]
pub(crate) struct Books<L> {
    pub(crate) tenant: Arc<str>,
    pub(crate) runs: HashMap<Arc<str>, Entry<L>>,
    pub(crate) plans: HashMap<Digest, Arc<Pinned>>,
    /// A plan that is not read from the log again where that adopts it. Not folded.
    pub(crate) at_hand: Option<Arc<Pinned>>,
    /// The plan that the log says is active.
    pub(crate) adopted: Option<Digest>,
    /// The plan that a person went back from, which is not taken up again by itself.
    pub(crate) held: Option<Digest>,
    /// Every plan that became active, in order.
    pub(crate) adoptions: Vec<Adoption>,
    pub(crate) frozen: Arc<Frozen>,
    pub(crate) guards: Guards,
    pub(crate) memories: Memories,
    /// Points of series.
    pub(crate) points: Points,
    /// Facts of people who were forgotten, which whoever ranks facts has not been told of. Not in the log's image: nobody ranks there.
    pub(crate) unfound: Vec<(Arc<str>, FactId)>,
    /// The keys that tell whose a forgotten subject's facts are.
    pub(crate) keys: Option<Arc<dyn Keyring>>,
    /// Keys of which the log says that they are gone.
    pub(crate) forgotten: HashSet<KeyName>,
    /// Answers of models that routes keep.
    pub(crate) kept: Answers,
    /// What models counted, by their names.
    pub(crate) counted: BTreeMap<Arc<str>, Counted>,
    /// Open inbox items and their runs.
    pub(crate) inbox: HashMap<Arc<str>, Arc<str>>,
    /// Digests of closed inbox items, so that a second answer is told so.
    pub(crate) closed: HashSet<[u8; 16]>,
    /// Ended runs that are not packed yet, in the order of their ends.
    pub(crate) recent: VecDeque<Arc<str>>,
    /// Those that are.
    pub(crate) past: Past,
    /// The first event of the segment whose events are folded; whoever folds says so.
    pub(crate) segment: u64,
    /// Runs that have not ended, and the segments that hold their events.
    pub(crate) touched: HashMap<Arc<str>, Vec<u64>>,
    /// Events that came or were emitted.
    pub(crate) arrivals: Arrivals,
    /// How far each clock is.
    pub(crate) schedules: Schedules,
    pub(crate) completed: usize,
    pub(crate) failed: usize,
    pub(crate) cancelled: usize,
    /// When the newest event was decided: no clock goes back behind it.
    pub(crate) newest: i64,
}

impl<L: Holds> Books<L> {
    pub(crate) fn new(tenant: Arc<str>) -> Self {
        Self {
            tenant,
            runs: HashMap::new(),
            plans: HashMap::new(),
            at_hand: None,
            adopted: None,
            held: None,
            adoptions: Vec::new(),
            frozen: Arc::default(),
            guards: Guards::default(),
            memories: Memories::default(),
            points: Points::default(),
            unfound: Vec::new(),
            keys: None,
            forgotten: HashSet::new(),
            kept: Answers::default(),
            counted: BTreeMap::new(),
            inbox: HashMap::new(),
            closed: HashSet::new(),
            recent: VecDeque::new(),
            past: Past::default(),
            segment: 0,
            touched: HashMap::new(),
            arrivals: Arrivals::default(),
            schedules: Schedules::default(),
            completed: 0,
            failed: 0,
            cancelled: 0,
            newest: 0,
        }
    }

    pub(crate) fn live(&mut self, run: &str) -> Option<&mut L> {
        match self.runs.get_mut(run)? {
            Entry::Live(live) => Some(live),
            Entry::Ended(_) => None,
        }
    }

    /// The summary of a run that has ended. A long answer may be left in the log.
    pub(crate) fn ended(&self, run: &str) -> Option<Arc<RunSummary>> {
        match self.runs.get(run) {
            Some(Entry::Live(_)) => None,
            Some(Entry::Ended(summary)) => Some(summary.clone()),
            None => self.past.find(run).map(|(summary, _)| Arc::new(summary)),
        }
    }

    /// Packs runs that ended a while ago. A part of a run that goes on stays: that may have to be told what it came to.
    fn pack(&mut self) {
        // Two for each that comes, so that those that stay are passed and the list grows no longer than by them.
        for _ in 0..2 {
            if self.recent.len() <= RECENT {
                return;
            }
            let Some(run) = self.recent.pop_front() else { return };
            let Some(Entry::Ended(summary)) = self.runs.get(&run) else { continue };
            let goes_on = |parent: &Parent| matches!(self.runs.get(&parent.run), Some(Entry::Live(_)));
            if summary.parent.as_ref().is_some_and(goes_on) || !self.past.take(summary) {
                self.recent.push_back(run);
            } else {
                self.runs.remove(&run);
            }
        }
    }

    /// Folds a durable event. The summary of the run, where this event ended it.
    pub(crate) fn apply(&mut self, active: &Pinned, event: &Event) -> Result<Option<Arc<RunSummary>>, String> {
        self.newest = self.newest.max(event.header.at);
        self.arrivals.fold(event);
        self.points.fold(&active.plan, event, Held { holds: self.memories.holds(), ring: self.keys.as_deref() });
        let Some(run) = &event.header.run else { return self.adopt(event).map(|()| None) };
        self.keep_index(active, run, event);
        if let EventKind::RunStarted { flow, .. } = &event.kind
            && !self.runs.contains_key(run)
        {
            let state = self.begun(event, run, flow)?;
            self.runs.insert(run.clone(), Entry::Live(Box::new(L::holding(state))));
        }
        let state = self.fold_state(run, event)?;
        let ended = state.has_ended().then(|| RunSummary::of(state));
        self.touch(run);
        let Some(mut summary) = ended else { return Ok(None) };
        if summary.subjects.iter().any(|name| self.forgotten.contains(name)) {
            summary.erase();
        }
        let summary = Arc::new(summary);
        if !summary.is_part() {
            self.guards.forget(run, crate::decide::is_budget);
        }
        match event.kind {
            _ if summary.is_part() => {}
            EventKind::RunCompleted { .. } => self.completed += 1,
            EventKind::RunCancelled { .. } => self.cancelled += 1,
            _ => self.failed += 1,
        }
        self.runs.insert(run.clone(), Entry::Ended(summary.clone()));
        self.touched.remove(run);
        self.recent.push_back(run.clone());
        self.pack();
        Ok(Some(summary))
    }

    /// Folds an event into its run, which another plan may lead from now on.
    fn fold_state(&mut self, run: &Arc<str>, event: &Event) -> Result<&RunState, String> {
        let led_to = match &event.kind {
            EventKind::RunMigrated(moved) => Some((moved, self.plan_of_move(run, moved)?)),
            _ => None,
        };
        let live = self.live(run).ok_or_else(|| format!("run {run} has no beginning in the log"))?;
        let state = live.state_mut();
        state.apply(event);
        if let Some((moved, pinned)) = led_to {
            let flow = state.graph.name.clone();
            let graph = pinned.flow(&flow).ok_or_else(|| format!("run {run} is led over to a plan without its flow `{flow}`"))?.clone();
            state.move_to(&pinned, &graph, moved);
        }
        Ok(state)
    }

    fn plan_of_move(&self, run: &str, moved: &Moved) -> Result<Arc<Pinned>, String> {
        let pinned = self.plans.get(&moved.to).cloned();
        pinned.ok_or_else(|| format!("run {run} is led over to plan {}, which the log does not hold", moved.to.short()))
    }

    /// Folds an event of a run that an image knows and does not hold: what it did to everything else is in the image.
    pub(crate) fn fold_again(&mut self, run: &Arc<str>, event: &Event) -> Result<(), String> {
        if let EventKind::RunStarted { flow, .. } = &event.kind {
            let state = self.begun(event, run, flow)?;
            self.runs.insert(run.clone(), Entry::Live(Box::new(L::holding(state))));
        }
        self.fold_state(run, event).map(drop)
    }

    /// Notes that the segment that is being folded holds an event of a run.
    fn touch(&mut self, run: &Arc<str>) {
        match self.touched.get_mut(run) {
            Some(segments) if segments.last() == Some(&self.segment) => {}
            Some(segments) => segments.push(self.segment),
            None => drop(self.touched.insert(run.clone(), vec![self.segment])),
        }
    }

    pub(crate) fn begun(&mut self, event: &Event, run: &Arc<str>, flow: &str) -> Result<RunState, String> {
        if let EventKind::RunStarted { parent: Some(parent), .. } = &event.kind {
            return self.inner(parent, run, event.header.trace);
        }
        let pinned = self.plans.get(&event.header.plan);
        let pinned = pinned.ok_or_else(|| format!("run {run} follows plan {}, which the log does not hold", event.header.plan.short()))?;
        let graph = pinned.flow(flow).ok_or_else(|| format!("run {run} follows flow `{flow}`, which its plan does not have"))?;
        let mut state = RunState::new(run.clone(), event.header.trace, pinned.clone(), graph.clone());
        state.frozen = self.frozen.clone();
        Ok(state)
    }

    /// A run within another one, before its first event.
    pub(crate) fn inner(&mut self, parent: &Parent, run: &Arc<str>, trace: [u8; 16]) -> Result<RunState, String> {
        let Some(live) = self.live(&parent.run) else { return Err(format!("run {run} runs within {}, which has ended", parent.run)) };
        let around = &*live.state_mut();
        let nothing = || format!("run {run} is no part of {}", parent.run);
        let phase = parent.step.and_then(|id| around.step(id)).map(|step| &step.phase);
        let (graph, outer) = match (parent.part, phase) {
            (Part::Item(_), Some(Phase::Items(items))) => {
                let graph = parent.step.and_then(|each| around.loops().body_of(each)).ok_or_else(nothing)?;
                (graph.clone(), Some(items.outer.clone()))
            }
            (Part::OnFailure, None) => (around.graph.on_failure().ok_or_else(nothing)?.clone(), Some(Arc::new(around.clone()))),
            (Part::Flow, Some(Phase::Flow { .. })) => {
                let flow = match parent.step.and_then(|id| around.graph.step(id)).map(|step| &step.kind) {
                    Some(StepKind::Begin(begin)) => begin.flow.clone(),
                    Some(StepKind::Agent(acting)) => acting.actor.as_ref().map(|(name, _)| flow_name(name)).ok_or_else(nothing)?,
                    _ => return Err(nothing()),
                };
                (around.pinned.flow(&flow).ok_or_else(nothing)?.clone(), None)
            }
            _ => return Err(nothing()),
        };
        let fork = around.fork.clone();
        let mut state = RunState::new(run.clone(), trace, around.pinned.clone(), graph);
        state.subjects = inherited(&around.subjects, &around.id);
        state.erased = around.erased;
        state.outer = outer;
        state.fork.clone_from(&fork);
        state.frozen = self.frozen.clone();
        Ok(state)
    }

    /// The graph that an ended run followed.
    pub(crate) fn graph_of(&self, summary: &RunSummary) -> Option<Arc<FlowGraph>> {
        let flow = self.plans.get(&summary.plan)?.flow(&summary.flow)?;
        let mut around = summary.parent.clone();
        let mut body = None;
        // Up to the run whose graph holds the bodies of all loops within it.
        while let Some(parent) = around {
            match parent.part {
                Part::Flow => break,
                Part::OnFailure => {
                    let graph = flow.on_failure()?;
                    return body.map_or_else(|| Some(graph.clone()), |each| graph.body_of(each).cloned());
                }
                Part::Item(_) => {
                    body = body.or(parent.step);
                    around = match self.runs.get(&parent.run) {
                        Some(Entry::Live(live)) => live.state().parent.clone(),
                        _ => self.ended(&parent.run)?.parent.clone(),
                    };
                }
            }
        }
        body.map_or_else(|| Some(flow.clone()), |each| flow.body_of(each).cloned())
    }

    /// Folds an event of the engine itself.
    pub(crate) fn adopt(&mut self, event: &Event) -> Result<(), String> {
        self.schedules.fold(event);
        let (digest, bytes, instead_of) = match &event.kind {
            EventKind::PlanAdopted { digest, bytes, instead_of } => (digest, bytes, instead_of),
            EventKind::EffectsFrozen { scope, reason } => {
                let note = Note { by: event.header.actor.clone(), at: event.header.at, reason: reason.clone() };
                self.frozen = Arc::new(self.frozen.with(scope, note));
                return Ok(());
            }
            EventKind::SubjectForgotten { keys } => {
                self.forget(keys);
                return Ok(());
            }
            EventKind::EffectsThawed { scope, .. } => {
                self.frozen = Arc::new(self.frozen.without(scope));
                return Ok(());
            }
            EventKind::VectorsAsked(asked) => {
                self.guards.hold(&asked.key, &asked.claims, event.header.at);
                return Ok(());
            }
            EventKind::VectorsAnswered(answered) => {
                match answered.spent {
                    Some(spent) => self.guards.spend(&answered.key, spent),
                    // What nobody knows stays reserved.
                    None => self.guards.keep(&answered.key),
                }
                self.counted.entry(answered.model.clone()).or_default().note_vectors(answered);
                return Ok(());
            }
            EventKind::FactsDropped { .. } | EventKind::SubjectHeld { .. } | EventKind::SubjectReleased { .. } => {
                if let Some(pinned) = self.adopted.and_then(|digest| self.plans.get(&digest)) {
                    self.memories.fold(&pinned.plan, event, self.keys.as_deref());
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        if let Some(bytes) = bytes
            && !self.plans.contains_key(digest)
        {
            let pinned = match self.at_hand.clone().filter(|pinned| pinned.digest == *digest) {
                Some(pinned) => pinned,
                None => Arc::new(Pinned::with_digest(Arc::new(Plan::from_bytes(&bytes.0)?), *digest)),
            };
            self.plans.insert(*digest, pinned);
        }
        if let Some(pinned) = self.plans.get(digest) {
            self.schedules.adopt(&pinned.plan, event.header.at);
        }
        self.adopted = Some(*digest);
        self.held = *instead_of;
        let (at, by) = (event.header.at, event.header.actor.clone());
        self.adoptions.push(Adoption { digest: *digest, at, by, instead_of: *instead_of });
        Ok(())
    }

    /// Drops what is kept of people whose keys are gone, as if it were read from the log again.
    fn forget(&mut self, keys: &[KeyName]) {
        self.forgotten.extend(keys);
        let adopted = self.adopted.and_then(|digest| self.plans.get(&digest));
        let touched = self.memories.forget(adopted.map(|pinned| &*pinned.plan), keys, self.keys.as_deref());
        self.unfound.extend(touched);
        self.points.forget(keys);
        self.arrivals.erase(keys);
        self.past.erase(keys);
        // Whose words an answer repeats is not kept beside it.
        self.kept = Answers::default();
        for entry in self.runs.values_mut() {
            match entry {
                Entry::Ended(summary) if summary.subjects.iter().any(|name| keys.contains(name)) => {
                    let mut erased = RunSummary::clone(summary);
                    erased.erase();
                    *summary = Arc::new(erased);
                }
                // What it holds in memory goes with its end; until then nobody is shown or sent it.
                Entry::Live(live) if live.state().subjects.iter().any(|name| keys.contains(name)) => live.state_mut().erased = true,
                Entry::Ended(_) | Entry::Live(_) => {}
            }
        }
    }

    /// Tells every live run what is frozen now.
    pub(crate) fn hand_out_frozen(&mut self) {
        for entry in self.runs.values_mut() {
            if let Entry::Live(live) = entry {
                live.state_mut().frozen = self.frozen.clone();
            }
        }
    }

    /// The key of the effect that an event is about: its own intent's. Not worked out again, as the project may be renamed.
    fn key_of(&mut self, run: &Arc<str>, event: &Event) -> Option<Arc<str>> {
        let step = event.header.step.as_ref()?;
        match &self.live(run)?.state_mut().step(step.id)?.phase {
            Phase::Effect(effect) => Some(effect.intent.key.clone()),
            _ => None,
        }
    }

    /// Notes what a model counted.
    fn count(&mut self, run: &Arc<str>, event: &Event, answered: &Answered) {
        let step = event.header.step.as_ref().map(|step| step.id);
        let asked = self.live(run).and_then(|live| {
            let state = live.state_mut();
            let question = state.step(step?)?.talk.as_ref()?.question.clone()?;
            Some((state.pinned.plan.models.get(&*question.model).cloned(), question))
        });
        if let Some((model, question)) = asked.filter(|(_, question)| question.number == answered.number) {
            self.counted.entry(question.model.clone()).or_default().note(model.as_deref(), &question, answered);
        }
    }

    fn keep_index(&mut self, active: &Pinned, run: &Arc<str>, event: &Event) {
        let at = event.header.at;
        match &event.kind {
            EventKind::IntentRecorded(_) if planted(Bug::GuardsForgottenAtRestart) => {}
            EventKind::IntentRecorded(intent) => self.guards.hold(&intent.key, &intent.claims, at),
            EventKind::EffectSettled { outcome, .. } => match (self.key_of(run, event), outcome) {
                (Some(key), Outcome::Done(_)) if !planted(Bug::GuardsFreedByDone) => self.guards.keep(&key),
                (Some(key), _) => self.guards.release(&key),
                (None, _) => {}
            },
            EventKind::StepCompleted { value } if matches!(&event.used, Used::Said(label) if &*label.tier == "remote") => {
                let step = event.header.step.as_ref().map(|step| step.id);
                let talk = self.live(run).and_then(|live| live.state_mut().step(step?)?.talk.clone());
                let question = talk.and_then(|talk| talk.question.clone());
                if let Some((same, question)) = question.as_ref().and_then(|question| Some((question.same?, question))) {
                    self.kept.keep(same, question.alike.as_ref(), (event.header.seq, at), value);
                }
            }
            EventKind::ModelAsked(question) => self.guards.hold(&question.key, &question.claims, at),
            EventKind::ModelAnswered(answered) => {
                match answered.spent {
                    Some(spent) => self.guards.spend(&answered.key, spent),
                    // What nobody knows stays reserved.
                    None => self.guards.keep(&answered.key),
                }
                self.count(run, event, answered);
            }
            EventKind::ApprovalRequested(approval) => {
                self.inbox.insert(approval.id.clone(), run.clone());
            }
            EventKind::ApprovalAnswered { approval, closes: true, .. }
            | EventKind::ApprovalExpired { approval, .. }
            | EventKind::ApprovalWithdrawn { approval } => {
                self.inbox.remove(approval);
                self.closed.insert(short_digest(&[approval]));
            }
            EventKind::FactRemembered { .. } | EventKind::FactsRemembered { .. } => {
                self.memories.fold(&active.plan, event, self.keys.as_deref());
            }
            _ => {}
        }
    }
}
