//! Input: the active plan may lead the run over. What it cannot lead, or need not, stays as it is, without an event.

use super::{Cause, Round};
use crate::event::{EventKind, Used};
use crate::migrate::{Leads, lead};

pub(super) fn lead_over(round: &mut Round<'_>) {
    if let Leads::Over(moved) = lead(&round.state, round.active) {
        let cause = Cause::Seq(round.used_last);
        round.emit_as(None, EventKind::RunMigrated(moved), Used::State, None, None, cause);
    }
}
