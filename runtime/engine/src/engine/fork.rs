//! The handle's part in forks: what a run takes over from one that has ended, asked of the plan of today, and its start.

use super::prepare::{Prepared, prepare};
use super::{Engine, RunState, StartError, Started, StoreError};
use crate::books::Entry;
use crate::decide::inherit::came_to;
use crate::executor::{Message, StartRequest};
use crate::fit;
use crate::fork::{CameTo, Family, Forked, Kept};
use crate::key::run_id;
use crate::migrate::{Renames, renames};
use crate::pinned::{FlowGraph, Pinned};
use crate::state::Phase;
use crate::summary::RunSummary;
use crate::undo::{AGAIN, UNDO};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;
use tradewind_lang::plan::{OnError, StepId, StepKind};
use tradewind_lang::value::Value;

/// Why a run cannot be forked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForkError {
    /// There is no such run.
    Unknown,
    /// It has not ended, or this fork of the same run has not: two of a family never work beside each other.
    NotEnded(Arc<str>),
    /// It is a part of this run.
    Part(Arc<str>),
    /// What it did is archived, or erased.
    Archived,
    /// A migration led it, or one of its forks, over to other steps, by a version that did not write down which those are.
    Moved,
    /// It takes back, or does again what failed.
    BuiltIn,
    /// The plan of today has no such step outside of loops; it has these.
    UnknownStep(String, Vec<Arc<str>>),
    /// A step that is to keep what it came to, and why that does not fit the plan of today.
    Misfit(Arc<str>, String),
    /// What it would take over is more than one event holds.
    TooLarge,
    /// It cannot be started.
    Start(StartError),
}

impl fmt::Display for ForkError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => write!(out, "there is no such run"),
            Self::NotEnded(run) => write!(out, "run {run} has not ended"),
            Self::Part(run) => write!(out, "it is a part of run {run}"),
            Self::Archived => write!(out, "what it did is archived or erased, and nothing says any more what a fork must not do again"),
            Self::Moved => write!(out, "a migration led it over, and its log does not say what its steps were named after that"),
            Self::BuiltIn => write!(out, "a run that takes back, or does again what failed, has nothing to fork"),
            Self::UnknownStep(step, _) => write!(out, "the flow has no step `{step}` outside of its loops"),
            Self::Misfit(step, why) => write!(out, "what step `{step}` came to does not fit the plan of today: {why}"),
            Self::TooLarge => write!(out, "what it did is more than a fork can take over"),
            Self::Start(error) => error.fmt(out),
        }
    }
}

impl From<StoreError> for ForkError {
    fn from(error: StoreError) -> Self {
        Self::Start(StartError::Store(error))
    }
}

/// A fork that can be started.
#[derive(Debug, Clone)]
pub struct PlannedFork {
    /// The flow.
    pub flow: Arc<str>,
    /// The key of the run.
    pub key: Arc<str>,
    /// Its input.
    pub input: Value,
    /// What it takes over.
    pub forked: Arc<Forked>,
    active: Arc<Pinned>,
}

impl Engine {
    /// What a fork of a run that has ended would take over: by the plan of today, from a step on or as a whole, with the input of the
    /// run or another one. Nothing is started.
    ///
    /// # Errors
    /// A run that cannot be forked so.
    pub async fn plan_fork(&self, run: &str, from: Option<&str>, input: Option<Value>) -> Result<PlannedFork, ForkError> {
        let active = self.active();
        let wanted: Arc<str> = run.into();
        let known = self.ask(move |shard| match shard.books.runs.get(&wanted) {
            Some(Entry::Live(live)) => Some(Err(live.state.id.clone())),
            _ => shard.books.ended(&wanted).map(Ok),
        });
        let summary = known.await?.ok_or(ForkError::Unknown)?.map_err(ForkError::NotEnded)?;
        if let Some(parent) = &summary.parent {
            return Err(ForkError::Part(self.whole(&parent.run).await?));
        }
        if [UNDO, AGAIN].contains(&&*summary.flow) {
            return Err(ForkError::BuiltIn);
        }
        let state = self.folded(&summary).await?.ok_or(ForkError::Unknown)?;
        let origin = state.place().clone();
        let first = match self.summary(&origin).await? {
            Some(first) => first,
            None => summary.clone(),
        };
        let mut family = Family::read(&*self.shared.log, self.shared.shard, first.first, &origin).await?;
        // What is not in the store any more could be done again.
        if !family.is_whole || family.is_erased {
            return Err(ForkError::Archived);
        }
        if family.is_moved {
            return Err(ForkError::Moved);
        }
        if let Some(fork) = family.under_way() {
            return Err(ForkError::NotEnded(fork.clone()));
        }
        let graph = active.flow(&summary.flow).ok_or_else(|| ForkError::Start(StartError::UnknownFlow(summary.flow.to_string())))?;
        // The plan of today may know the steps of the run by other names, whether the run was led over or not.
        let renamed = renames(&active, graph);
        family.rename(&origin, &renamed);
        let kept = match from {
            None => Vec::new(),
            Some(from) => kept(&active, (graph, &renamed), from, &state, &family)?,
        };
        let number = family.forks.len() + 1;
        let key: Arc<str> = format!("{} fork {number}", first.key).into();
        let of = summary.id.clone();
        let forked = Forked { of, origin, from: from.map(Arc::from), kept, effects: family.into_effects() };
        if !forked.is_bounded() {
            return Err(ForkError::TooLarge);
        }
        let input = input.unwrap_or(state.input);
        prepare(&active, &summary.flow, &input, Some(&key), self.shared.log.keys().as_deref()).map_err(ForkError::Start)?;
        Ok(PlannedFork { flow: summary.flow.clone(), key, input, forked: Arc::new(forked), active })
    }

    /// Starts a fork; returns when that is durable.
    ///
    /// # Errors
    /// Another fork of the run was started in the same moment, another plan was adopted, the store failed, or the engine was shut down.
    pub async fn fork(&self, planned: PlannedFork, by: &str) -> Result<Started, ForkError> {
        let PlannedFork { flow, key, input, forked, active } = planned;
        let prepared = prepare(&active, &flow, &input, Some(&key), self.shared.log.keys().as_deref()).map_err(ForkError::Start)?;
        let Prepared { payload, concurrency_key, flow, .. } = prepared;
        // Its key is that of the run that it was forked from, and its number: an input with the flow's own key is another run.
        let (run, trace) = run_id(&active.tenant, &flow, &key);
        let ((reply, answer), refused, actor) = (oneshot::channel(), Arc::default(), by.into());
        let (fork, known_by) = (Some(forked), Some(key.clone()));
        let refusal: Arc<std::sync::OnceLock<StartError>> = Arc::clone(&refused);
        let start = StartRequest { run, trace, flow, key, input, payload, actor, concurrency_key, reply, active, refused, known_by, fork };
        let stopped = || {
            let stopped = || self.stopped().map_or(StartError::Stopped, StartError::Store);
            ForkError::Start(refusal.get().cloned().unwrap_or_else(stopped))
        };
        self.outside.send(Message::Start(start)).await.map_err(|_| stopped())?;
        let started = answer.await.map_err(|_| stopped())?;
        if started.is_new { Ok(started) } else { Err(ForkError::NotEnded(started.run_id)) }
    }

    async fn summary(&self, run: &Arc<str>) -> Result<Option<Arc<RunSummary>>, StoreError> {
        let run = run.clone();
        self.ask(move |shard| shard.books.ended(&run)).await
    }

    /// The run that a run is a part of, as a whole.
    async fn whole(&self, run: &Arc<str>) -> Result<Arc<str>, StoreError> {
        let mut whole = run.clone();
        self.ask(move |shard| {
            for _ in 0..shard.books.runs.len() {
                let parent = match shard.books.runs.get(&whole) {
                    Some(Entry::Live(live)) => live.state.parent.clone(),
                    _ => shard.books.ended(&whole).and_then(|summary| summary.parent.clone()),
                };
                match parent {
                    Some(parent) => whole = parent.run,
                    None => break,
                }
            }
            whole
        })
        .await
    }
}

/// What the steps before one keep: those that neither are it nor follow from it, as far as they came to something.
fn kept(
    active: &Pinned,
    (graph, renamed): (&FlowGraph, &Renames),
    from: &str,
    state: &RunState,
    family: &Family,
) -> Result<Vec<Arc<Kept>>, ForkError> {
    let stood = |name: &Arc<str>| {
        let earlier = renamed.iter().find(|(_, after)| after == name).and_then(|(earlier, _)| state.graph.find(earlier));
        state.graph.find(name).or(earlier)
    };
    let members = || graph.nodes.iter().zip(0_u16..).filter(|(node, _)| node.is_member);
    let Some(first) = graph.find(from) else {
        let steps = members().map(|(node, _)| node.name.clone()).collect();
        return Err(ForkError::UnknownStep(from.to_owned(), steps));
    };
    let anew = following(graph, first);
    let mut kept = Vec::new();
    for (node, place) in members().filter(|(_, place)| !anew.contains(&StepId(*place))) {
        let Some(step) = graph.step(StepId(place)) else { continue };
        let Some(before) = stood(&node.name).and_then(|id| state.step(id)) else { continue };
        let came = match (&step.kind, &before.phase) {
            // Its arms are looked at one by one: one of them may hold the step from which all is done anew.
            (StepKind::Choose { .. }, Phase::Completed(_) | Phase::Failed(_) | Phase::Waiting | Phase::Arm { .. }) => {
                family.arm(&state.id, &node.name).map(CameTo::Arm)
            }
            (_, Phase::Completed(by)) => Some(CameTo::Value(before.value.clone(), *by)),
            (_, Phase::Skipped(crate::event::SkipReason::Arm)) => None,
            (_, Phase::Skipped(why)) => Some(CameTo::Skipped(why.clone())),
            (_, Phase::Denied { rule, message }) if step.skip_denied => Some(CameTo::Denied(rule.clone(), message.clone())),
            (_, Phase::Failed(failure)) if step.on_error == OnError::Skip => Some(CameTo::Failed(failure.as_ref().clone())),
            _ => None,
        };
        let Some(came) = came else { continue };
        if let CameTo::Value(value, _) = &came {
            fit::value(&step.ty, value, &active.plan.types).map_err(|why| ForkError::Misfit(node.name.clone(), why))?;
        }
        let of = before.inherited.as_ref().unwrap_or(&state.id);
        kept.push(came_to(of, &node.name, came));
    }
    Ok(kept)
}

/// A step and everything that waits for it, directly or through others, within arms and around them. A `choose` around it keeps its arm.
fn following(graph: &FlowGraph, first: StepId) -> BTreeSet<StepId> {
    let (mut anew, mut open, mut around) = (BTreeSet::new(), vec![first], BTreeSet::new());
    while let Some(id) = open.pop() {
        if !anew.insert(id) {
            continue;
        }
        let Some(node) = graph.node(id) else { continue };
        open.extend(node.dependents.iter().chain(node.arms.iter().flatten()));
        let mut inner = id;
        while let Some((choose, _)) = graph.arm_around(inner) {
            if around.insert(choose) {
                open.extend(graph.node(choose).into_iter().flat_map(|node| node.dependents.iter()));
            }
            inner = choose;
        }
    }
    anew
}
