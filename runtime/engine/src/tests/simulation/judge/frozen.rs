//! What is frozen: no effect of it is meant until it is thawed, and none leaves.

use super::Judge;
use crate::event::{Event, EventKind};
use crate::frozen::Scope;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Default)]
pub(super) struct Held(BTreeSet<Scope>);

impl Held {
    pub(super) fn holds_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether an operation is frozen where a flow does it.
    pub(super) fn holds(&self, operation: &str, flow: Arc<str>) -> bool {
        let connector = operation.split('.').next().unwrap_or_default();
        [Scope::All, Scope::Connector(connector.into()), Scope::Flow(flow)].iter().any(|scope| self.0.contains(scope))
    }
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    match &event.kind {
        EventKind::EffectsFrozen { scope, .. } => drop(judge.frozen.0.insert(scope.clone())),
        EventKind::EffectsThawed { scope: Scope::All, .. } => judge.frozen.0.clear(),
        EventKind::EffectsThawed { scope, .. } => drop(judge.frozen.0.remove(scope)),
        EventKind::IntentRecorded(intent) => {
            let flow = event.header.run.as_ref().and_then(|run| judge.runs.get(run)).map(|run| run.flow.clone()).unwrap_or_default();
            if judge.frozen.holds(&intent.operation, flow) {
                judge.violated("freeze", format!("`{}` is meant to be done although it is frozen", intent.operation));
            }
        }
        _ => {}
    }
}
