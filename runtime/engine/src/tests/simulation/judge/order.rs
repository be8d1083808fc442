//! Who works beside whom: one run of a concurrency key in the order of starts, so many items as a step allows.

use super::Judge;
use crate::child::Part;
use crate::event::{Event, EventKind};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tradewind_lang::plan::StepKind;

#[derive(Default)]
struct Lane {
    works: Option<Arc<str>>,
    held: VecDeque<Arc<str>>,
}

#[derive(Default)]
pub(super) struct Order {
    lanes: BTreeMap<Arc<str>, Lane>,
    lane_of: BTreeMap<Arc<str>, Arc<str>>,
    items: BTreeMap<(Arc<str>, u16), usize>,
    /// Items that wait in a batch, or did, and have not ended.
    aside: BTreeSet<(Arc<str>, u16, u32)>,
}

impl Order {
    /// Whether a run waits for its concurrency key.
    pub(super) fn is_held(&self, run: &Arc<str>) -> bool {
        self.lane_of.get(run).and_then(|key| self.lanes.get(key)).is_some_and(|lane| lane.held.contains(run))
    }
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let Some(run) = &event.header.run else { return };
    match &event.kind {
        EventKind::RunStarted { concurrency_key, held, parent, .. } => {
            if let Some(key) = concurrency_key {
                begins(judge, run, key, *held);
            }
            if let Some((step, Part::Item(_))) = parent.as_ref().and_then(|parent| Some((parent.step?, parent.part))) {
                let around = parent.as_ref().map(|parent| parent.run.clone()).unwrap_or_default();
                let count = judge.order.items.entry((around.clone(), step.0)).or_default();
                *count += 1;
                let count = *count;
                let flow = judge.runs.get(&around).and_then(|around| judge.plan.flows.get(&*around.flow));
                let most = match flow.and_then(|flow| flow.steps.get(usize::from(step.0))).map(|step| &step.kind) {
                    Some(StepKind::Each(each)) => each.parallel as usize,
                    _ => usize::MAX,
                };
                if count > most {
                    judge.violated("max-parallel", format!("{count} items of run {around} are at work, and {most} may be"));
                }
            }
        }
        EventKind::ItemSetAside { place } => {
            let Some(step) = &event.header.step else { return };
            if let Some(count) = judge.order.items.get_mut(&(run.clone(), step.id.0)) {
                *count = count.saturating_sub(1);
            }
            if !judge.order.aside.insert((run.clone(), step.id.0, *place)) {
                judge.violated("max-parallel", format!("item {place} of run {run} is set aside twice"));
            }
        }
        EventKind::ChildEnded { part: Part::Item(place), .. } => {
            let Some(step) = &event.header.step else { return };
            if judge.order.aside.remove(&(run.clone(), step.id.0, *place)) {
                return;
            }
            if let Some(count) = judge.order.items.get_mut(&(run.clone(), step.id.0)) {
                *count = count.saturating_sub(1);
            }
        }
        EventKind::RunAdmitted => admitted(judge, run),
        kind if kind.ends_run() => {
            let Some(key) = judge.order.lane_of.get(run) else { return };
            if let Some(lane) = judge.order.lanes.get_mut(key) {
                lane.held.retain(|other| other != run);
                if lane.works.as_ref() == Some(run) {
                    lane.works = None;
                }
            }
        }
        _ => {}
    }
}

fn begins(judge: &mut Judge, run: &Arc<str>, key: &Arc<str>, held: bool) {
    judge.order.lane_of.insert(run.clone(), key.clone());
    let lane = judge.order.lanes.entry(key.clone()).or_default();
    if held {
        lane.held.push_back(run.clone());
    } else if let Some(other) = lane.works.replace(run.clone()) {
        judge.violated("concurrency", format!("run {run} works beside {other}"));
    }
}

fn admitted(judge: &mut Judge, run: &Arc<str>) {
    let Some(lane) = judge.order.lane_of.get(run).cloned().and_then(|key| judge.order.lanes.get_mut(&key)) else { return };
    let is_next = lane.held.front() == Some(run);
    lane.held.retain(|other| other != run);
    let beside = lane.works.replace(run.clone());
    if !is_next || beside.is_some() {
        judge.violated("concurrency", format!("run {run} begins out of its turn"));
    }
}
