//! Input: somebody wants something of the whole run. What is under way outside is settled first, whatever is wanted.

use super::{Cause, Round, Wish, person};
use crate::event::{EventKind, Used};
use crate::state::Standing;
use std::sync::Arc;

pub(super) fn wish(round: &mut Round<'_>, by: &Arc<str>, wish: &Wish) {
    let goes_on = matches!(round.state.standing, Standing::Held | Standing::Running);
    // What takes back what was done is only put off: ended half-way, it would leave more behind than either way.
    let works = goes_on || matches!(round.state.standing, Standing::Undoing(_));
    let kind = match wish {
        Wish::Cancel(reason) if goes_on => EventKind::CancelRequested { reason: reason.clone() },
        Wish::Pause if works && !round.state.paused => EventKind::RunPaused,
        Wish::Resume if works && round.state.paused => EventKind::RunResumed,
        // It is so already.
        Wish::Cancel(_) | Wish::Pause | Wish::Resume => return,
    };
    let cause = Cause::Seq(round.used_last);
    round.emit_as(None, kind, Used::State, None, Some(by.clone()), cause);
    if *wish == Wish::Resume {
        person::rearm_deadline(round);
    }
}
