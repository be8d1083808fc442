//! Runs that are led over to another plan: to the active one, from their own, while nothing of them is under way, whole (I9).

use super::Judge;
use crate::event::{Event, EventKind, Outcome};
use crate::migrate::Moved;
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Plan, Step, StepKind};

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let (Some(run), EventKind::RunMigrated(moved)) = (&event.header.run, &event.kind) else { return };
    let Some((flow, plan)) = judge.runs.get(run).map(|known| (known.flow.clone(), known.plan)) else { return };
    if moved.from != plan || moved.from == moved.to {
        judge.violated("I9", format!("run {run} is led over from {}, and follows {plan}", moved.from));
    }
    if judge.adopted != Some(moved.to) {
        judge.violated("I9", format!("run {run} is led over to {}, which is not the active plan", moved.to));
    }
    stands_still(judge, run);
    let plan = |digest: &Digest| judge.plans.get(digest).map(|pinned| pinned.plan.clone());
    let (Some(before), Some(after)) = (plan(&moved.from), plan(&moved.to)) else { return };
    waits_alike(judge, run, (&before, &after, &flow), moved);
    carry(judge, run, (&before, &after, &flow), moved);
    if let Some(known) = judge.runs.get_mut(run) {
        known.plan = moved.to;
    }
}

/// No effect, question or part of it is under way, and something keeps it from going on.
fn stands_still(judge: &mut Judge, run: &Arc<str>) {
    let acts = judge.meant.values().any(|meant| meant.run == *run && meant.settled.is_none());
    let asks = judge.talks.open().any(|(of, _)| of == run);
    let parts = judge.runs.values().any(|other| other.parent.as_ref() == Some(run) && other.ended.is_none());
    if acts || asks || parts {
        judge.violated("I9", format!("run {run} is led over while something of it is under way: {acts} {asks} {parts}"));
    }
    let is_paused = judge.runs.get(run).is_some_and(|run| run.paused);
    if !is_paused && !judge.questions.waits(run) && !judge.timely.waits(run) && !judge.frozen.holds_any() {
        judge.violated("I9", format!("run {run} is led over, and waits for nothing"));
    }
}

type Between<'a> = (&'a Plan, &'a Plan, &'a str);

fn step<'a>(plan: &'a Plan, flow: &str, place: u16) -> Option<&'a Step> {
    plan.flows.get(flow)?.steps.get(usize::from(place))
}

/// Where it waits is written alike, and it waits there on.
fn waits_alike(judge: &mut Judge, run: &Arc<str>, (before, after, flow): Between<'_>, moved: &Moved) {
    for (place, until) in judge.timely.take_waits(run) {
        let new = moved.steps.iter().find(|(old, _)| old.0 == place).map(|(_, new)| new.0);
        let old = step(before, flow, place).map(|step| &step.kind);
        let is_alike = old.is_some() && new.and_then(|new| step(after, flow, new)).map(|step| &step.kind) == old;
        if !is_alike {
            judge.violated("I9", format!("run {run} is led over, and what it waits for is written differently"));
        }
        judge.timely.wait(run, new.unwrap_or(place), until);
    }
}

/// What it has done is done in the new flow, in a step that does the same, under the name that it has there.
fn carry(judge: &mut Judge, run: &Arc<str>, (before, after, flow): Between<'_>, moved: &Moved) {
    for (old, new) in &moved.steps {
        if let (Some(old), Some(new)) = (step(before, flow, old.0), step(after, flow, new.0)) {
            judge.families.rename(run, &old.name, &new.name);
        }
    }
    let mut lost = Vec::new();
    for meant in judge.meant.values_mut().filter(|meant| meant.run == *run && matches!(meant.settled, Some(Outcome::Done(_)))) {
        let new = moved.steps.iter().find(|(old, _)| old.0 == meant.step).map(|(_, new)| new.0);
        let does = new.and_then(|new| step(after, flow, new)).map(|step| &step.kind);
        if !matches!(does, Some(StepKind::Act { operation, .. }) if **operation == *meant.intent.operation) {
            lost.push(meant.intent.operation.clone());
        }
        meant.step = new.unwrap_or(meant.step);
    }
    for name in lost {
        judge.violated("I2", format!("run {run} is led over to a flow that does not know of `{name}`, which it did"));
    }
}

/// Everything is quiet, and the engine is up: whoever waits where both plans say the same follows the active one.
pub(in super::super) fn left_behind(judge: &mut Judge) {
    let Some(active) = judge.adopted else { return };
    let goes_on = |run: &super::Run| run.ended.is_none() && !run.ending && &*run.flow == "stored" && run.plan != active;
    let left = judge.runs.iter().find(|(id, run)| goes_on(run) && judge.timely.waits(id)).map(|(id, _)| id.clone());
    if let Some(run) = left {
        judge.violated("I9", format!("run {run} waits, and was not led over to the active plan"));
    }
}
