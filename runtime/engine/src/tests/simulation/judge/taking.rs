//! Taking back: only what was done, and once; and what was there before is read before each verdict.

use super::Judge;
use crate::event::{Event, EventKind, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Taking {
    /// Keys of effects that were taken back.
    back: BTreeSet<Arc<str>>,
    /// Reversals under way, by run and step.
    open: BTreeMap<(Arc<str>, u16), Arc<str>>,
    /// Runs that take back, and their questions that nobody has answered yet, by run and step.
    backs: BTreeSet<Arc<str>>,
    asked: BTreeSet<(Arc<str>, u16)>,
    /// Steps whose pre-image was read since they began, or since a person was asked.
    read: BTreeSet<(Arc<str>, u16)>,
}

impl Taking {
    /// Whether an effect was taken back, or somebody tried to.
    pub(super) fn was_tried(&self, key: &Arc<str>) -> bool {
        self.back.contains(key) || self.open.values().any(|of| of == key)
    }
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let Some(run) = &event.header.run else { return };
    if let EventKind::UndoPlanned { .. } = &event.kind {
        judge.taking.backs.insert(run.clone());
    }
    let Some(step) = &event.header.step else { return };
    let place = (run.clone(), step.id.0);
    match &event.kind {
        EventKind::PreImageRead { .. } => drop(judge.taking.read.insert(place)),
        EventKind::ApprovalRequested(_) => {
            judge.taking.read.remove(&place);
            if judge.taking.backs.contains(run) {
                judge.taking.asked.insert(place);
            }
        }
        EventKind::ApprovalAnswered { closes: true, .. } | EventKind::ApprovalExpired { .. } | EventKind::ApprovalWithdrawn { .. } => {
            judge.taking.asked.remove(&place);
        }
        EventKind::IntentRecorded(intent) => {
            let looks = matches!(&*intent.operation, "stock.hold" | "tags.set");
            if looks && !judge.taking.read.contains(&place) {
                judge.violated("undo", format!("run {run} does `{}`, and nobody looked before", intent.operation));
            }
            // What was read before several writes at once is told apart again.
            let of_another =
                intent.before.as_ref().and_then(|before| before.get("id")).is_some_and(|id| Some(id) != intent.request.get("id"));
            if &*intent.operation == "tags.set" && of_another {
                judge.violated("undo", format!("run {run} does `{}`, and what it knows of before is of another one", intent.operation));
            }
            let Some(of) = &intent.undoes else { return };
            let was_done = judge.meant.get(of).is_some_and(|meant| matches!(meant.settled, Some(Outcome::Done(_))));
            if !was_done {
                judge.violated("undo", format!("run {run} takes back {of}, which was not done"));
            }
            if judge.taking.was_tried(of) {
                judge.violated("undo", format!("run {run} takes back {of} beside another one, or again"));
            }
            // The newest goes first: what comes before it waits until that has come to its end.
            let newer = (run.clone(), 0)..place.clone();
            if judge.taking.asked.range(newer.clone()).next().is_some() || judge.taking.open.range(newer).next().is_some() {
                judge.violated("undo", format!("run {run} takes back {of} before something newer came to its end"));
            }
            judge.taking.open.insert(place, of.clone());
        }
        EventKind::EffectSettled { outcome, .. } => {
            if let (Some(of), Outcome::Done(_)) = (judge.taking.open.remove(&place), outcome) {
                judge.taking.back.insert(of);
            }
        }
        _ => {}
    }
}
