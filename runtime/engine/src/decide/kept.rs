//! Input: an answer to the same question, or to one that is alike, was looked for among those that are kept.

use super::{Round, draft, model};
use crate::event::Used;
use crate::question::{Kept, Label, Looked};
use crate::state::Phase;
use tradewind_lang::plan::{StepId, StepKind};

pub(super) fn found(round: &mut Round<'_>, id: StepId, looked: &Looked, found: Option<&Kept>) {
    if !round.is_running() || !matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Asking)) {
        return;
    }
    if let Some(kept) = found {
        let (by, tier) = ("cache".into(), "cache".into());
        let (rung, age) = (looked.next.saturating_sub(1), round.now.saturating_sub(kept.at));
        let passed = looked.passed.clone();
        let label = Label { by, rung, tier, age, seq: Some(kept.seq), passed, likeness: kept.likeness };
        return round.complete(id, kept.value.clone(), Used::Said(label), None);
    }
    let graph = round.state.graph.clone();
    match graph.step(id).map(|step| &step.kind) {
        Some(StepKind::Generate(generate)) => draft::nothing_kept(round, id, generate, looked),
        Some(StepKind::Classify { .. } | StepKind::Look(_)) => model::nothing_kept(round, id, looked),
        _ => {}
    }
}
