//! Input: an answer to the same question, or to one that is alike, was looked for among those that are kept.

use super::{Round, draft, model};
use crate::cohort::verb;
use crate::event::Used;
use crate::question::{Kept, Label, Looked};
use crate::state::Phase;
use std::borrow::Cow;
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
        let is_label = matches!(verb(&round.state, id).as_deref(), Ok(StepKind::Classify { .. } | StepKind::Look(_)));
        let value = if is_label { model::again(&kept.value) } else { kept.value.clone() };
        return round.complete(id, value, Used::Said(label), None);
    }
    match verb(&round.state, id).map(Cow::into_owned) {
        Ok(StepKind::Generate(generate)) => draft::nothing_kept(round, id, &generate, looked),
        Ok(StepKind::Classify { .. } | StepKind::Look(_)) => model::nothing_kept(round, id, looked),
        Ok(_) => {}
        Err(message) => round.fail_rule(id, message),
    }
}
