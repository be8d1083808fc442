//! Pre-images: what a write is about to change is read first, for policies and for taking it back.
//!
//! It only asks and takes the answer down; what follows from it is decided in `act`. A pre-image is read again whenever a
//! person was asked in between: what was there hours ago is not what would be overwritten.

use super::{Round, bind};
use crate::event::{EventKind, Outcome, Used};
use crate::ports::Call;
use crate::scope::Names;
use crate::state::{Phase, PreImage};
use std::sync::Arc;
use tradewind_lang::plan::{Micros, Operation, StepId};
use tradewind_lang::value::Value;

/// How long what was read is taken for what is there: the guards may send an action back, and a person may pause the run.
const FRESH: Micros = 60_000_000;

/// What a step may rely on.
pub(super) enum Seen {
    /// The operation reads nothing before it writes.
    Nothing,
    /// This was read, or could not be.
    Read(Arc<PreImage>),
    /// It must be read first.
    Unread,
}

/// What was there before the step's effect, as far as it is known by now.
pub(super) fn seen(round: &Round<'_>, id: StepId, operation: &Operation) -> Seen {
    if operation.terms.before.is_none() {
        return Seen::Nothing;
    }
    match round.state.step(id).and_then(|step| step.before.clone()) {
        Some(before) if round.now < before.at.saturating_add(FRESH) => Seen::Read(before),
        _ => Seen::Unread,
    }
}

/// The read that an operation declares, for a request.
pub(super) fn call(round: &Round<'_>, operation: &Operation, request: &Value) -> Result<Call, String> {
    let declared = operation.terms.before.as_ref().ok_or("the operation reads nothing before it writes")?;
    let request = bind(&declared.request, &Names(&[("request", request.clone())]))?;
    let (operation, connector) = round.operation(&declared.operation)?;
    Ok(Call { connector, operation, request, key: String::new(), types: round.state.pinned.types.clone() })
}

/// It was read, or could not be: the wave that follows judges the action with it.
pub(super) fn found(round: &mut Round<'_>, id: StepId, outcome: Outcome, used: Used) {
    round.emit(Some(id), EventKind::PreImageRead { outcome }, used, None);
}

/// Whether the step's read under way is one of a pre-image.
pub(super) fn is_under_way(round: &Round<'_>, id: StepId) -> bool {
    let Some(step) = round.state.step(id) else { return false };
    matches!(step.phase, Phase::Rereading(_)) || matches!(step.phase, Phase::Asking) && super::act::is_act(round, id)
}
