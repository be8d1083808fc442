//! What went out with others: each item of a loop has its own answer, and its own effect.

use super::Judge;
use crate::event::{Event, EventKind, Outcome};
use tradewind_lang::value::Value;

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let (Some(run), Some(step)) = (&event.header.run, &event.header.step) else { return };
    let Some(item) = judge.runs.get(run).filter(|run| run.is_part && matches!(&*run.flow, "tag" | "relabel")).map(|run| run.input.clone())
    else {
        return;
    };
    let told: Option<&Value> = match &event.kind {
        EventKind::StepCompleted { value } if &*step.name == "now" => Some(value),
        EventKind::IntentRecorded(intent) => Some(&intent.request),
        EventKind::EffectSettled { outcome: Outcome::Done(answer), .. } => Some(answer),
        _ => None,
    };
    let id = told.map(|told| told.get("id").cloned().unwrap_or(Value::Null));
    if let Some(id) = id.filter(|id| *id != item) {
        judge.violated("batch", format!("{} of item {item:?} of run {run} is about {id:?}", event.kind.name()));
    }
}
