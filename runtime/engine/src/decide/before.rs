//! Pre-images: what a write is about to change is read first, for policies and for taking it back.
//!
//! It only asks and takes the answer down; what follows from it is decided in `act`. A pre-image is read again whenever a
//! person was asked in between: what was there hours ago is not what would be overwritten.

use super::{Round, bind, call};
use crate::event::{EventKind, Outcome, Used};
use crate::ports::{Call, Several};
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

/// The read that an operation declares, for a request; and how it is read with those of other writes.
pub(super) fn read(round: &Round<'_>, write: &Arc<Operation>, request: &Value, account: Option<&str>) -> Result<Call, String> {
    let declared = write.terms.before.as_ref().ok_or("the operation reads nothing before it writes")?;
    let asked = bind(&declared.request, &Names(&[("request", request.clone())]))?;
    let several = declared.batch.as_ref().map(|(name, ..)| round.operation(name)).transpose()?;
    // In the same name as the write, where it is asked of the same connector.
    let own = |connector: &str| account.filter(|_| connector == write.connector);
    let several = several.map(|(operation, connector)| {
        let account = call::whose(round, &connector, own(&connector.name))?;
        Ok::<_, String>(Several { connector, operation, account, write: write.clone(), request: request.clone() })
    });
    let several = several.transpose()?;
    let (operation, connector) = round.operation(&declared.operation)?;
    let account = own(&connector.name);
    let call = call::of(round, (operation, connector), asked, String::new(), account)?;
    Ok(Call { several: several.map(Arc::new), ..call })
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
