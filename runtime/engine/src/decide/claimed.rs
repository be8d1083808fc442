//! Input: the guards do not let an effect pass. It is denied, or a person is asked, as its limit declares.

use super::question::Barred;
use super::{Round, act, advance};
use crate::event::Used;
use crate::state::Phase;
use tradewind_lang::plan::StepId;

pub(super) fn refused(round: &mut Round<'_>, id: StepId, refused: Option<&(String, String)>, over: &[String]) {
    // What is frozen meanwhile is asked again when it is thawed.
    if !round.is_working() || round.state.is_frozen(id) {
        return;
    }
    let phase = round.state.step(id).map(|step| step.phase.clone());
    if !act::is_act(round, id) {
        // A step that talks to models: the rung that is refused is passed over.
        if matches!(phase, Some(Phase::Ready | Phase::Asking | Phase::Heard | Phase::Arm { left: 0, .. })) {
            advance::talk(round, id, Barred { rungs: over, refused });
        }
        return;
    }
    if !matches!(phase, Some(Phase::Ready | Phase::Approved(_))) {
        return;
    }
    if let Some((rule, message)) = refused {
        let used = Used::Guard { over: over.to_vec(), refused: Some((rule.clone(), message.clone())) };
        return round.deny(id, rule.clone(), message.clone(), used);
    }
    match phase {
        Some(Phase::Approved(asked)) => act::go_on(round, id, &asked, over),
        _ => act::start(round, id, over),
    }
}
