//! Arms of a rollout: a unit has one arm under a share, whichever run asks, and a larger share takes nobody back.

use super::Judge;
use crate::event::{Event, EventKind};
use std::collections::BTreeMap;
use tradewind_lang::value::Value;

/// The arm of each order, by the share in thousandths.
#[derive(Default)]
pub(super) struct Arms(BTreeMap<(String, i64), String>);

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let (Some(run), Some(step), EventKind::StepCompleted { value }) = (&event.header.run, &event.header.step, &event.kind) else { return };
    let Some(known) = judge.runs.get(run).filter(|known| &*known.flow == "offer" && &*step.name == "amount") else { return };
    let order = known.input.get("order").and_then(Value::as_str).unwrap_or_default().to_owned();
    let share = judge.plans.get(&known.plan).and_then(|pinned| Some(pinned.plan.rollouts.get("prices")?.stages.first()?.share));
    let share = (share.unwrap_or_default() * 1000.0).round() as i64;
    let arm = value.get("arm").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (asked, told) = (known.input.get("amount").cloned(), value.get("value").cloned());
    let is_right = match (&asked, &told, &*arm) {
        (Some(Value::Money(asked)), Some(Value::Money(told)), "lower") => told.plus(*told) == Some(*asked),
        (asked, told, "current") => asked == told,
        _ => false,
    };
    let of_order = judge.arms.0.iter().filter(|((of, _), _)| *of == order);
    let against = of_order.clone().find(|((_, other), theirs)| match share.cmp(other) {
        std::cmp::Ordering::Equal => **theirs != arm,
        std::cmp::Ordering::Greater => *theirs == "lower" && arm == "current",
        std::cmp::Ordering::Less => *theirs == "current" && arm == "lower",
    });
    let against = against.map(|((_, share), theirs)| format!("`{theirs}` under {share}"));
    judge.arms.0.insert((order.clone(), share), arm.clone());
    if !is_right || against.is_some() {
        let what = format!("run {run} has {told:?} for {asked:?} of `{order}`, as `{arm}` under {share}; it was {against:?}");
        judge.violated("arms", what);
    }
}
