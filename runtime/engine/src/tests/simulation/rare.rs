//! What chance alone brings too seldom: two who sign the same while one of them alters it, keys that are older than their provider keeps
//! them, and a process that sleeps through a day with a write in its hands.

use super::super::world::{HOUR, SECOND, money};
use super::crowd::starts;
use super::life::Life;
use super::script::AMOUNTS;
use crate::approval::Verdict;
use crate::ports::Clock;
use tradewind_lang::value::Value;

/// Longer than any key lives.
const LONG: i64 = 25 * HOUR;

/// Two sign, one after the other; the second one alters it first, or agrees, or another process has it by then.
pub(super) async fn signs(life: &mut Life) {
    let count = 1 + life.one_of(2);
    starts(life, 4, count).await;
    life.rest().await;
    let Ok(inbox) = life.engine().await.approvals().await else { return };
    for item in inbox.iter().filter(|item| item.approval.quorum > 1 && item.agreed.is_empty()).take(2) {
        let (first, second) = match life.one_of(2) {
            0 => ("ann@example.com", "bob@example.com"),
            _ => ("bob@example.com", "ann@example.com"),
        };
        life.answer(item.approval.id.clone(), first, Verdict::Approve { edits: Value::Null }).await;
        match life.one_of(8) {
            0 => life.crash(),
            1 => life.take_over().await,
            2 => {}
            _ => life.rest().await,
        }
        let edits = match life.one_of(4) {
            0 => Value::Null,
            _ => Value::record([("amount", money(AMOUNTS[life.one_of(3)]))]),
        };
        life.answer(item.approval.id.clone(), second, Verdict::Approve { edits }).await;
        life.rest().await;
    }
}

/// What was sent under a key, and whose answer was lost, is looked at again when its provider has forgotten the key: by the process that
/// sent it and slept, or by the next one.
pub(super) async fn outlives_keys(life: &mut Life) {
    let now = life.clock.now();
    life.note("answers are lost");
    life.provider.lose_answers(now + 2 * SECOND);
    let (kind, count) = ([2, 6, 22, 36][life.one_of(4)], 1 + life.one_of(2));
    starts(life, kind, count).await;
    life.rest().await;
    if life.one_of(2) == 0 {
        life.crash();
        life.rest().await;
    }
    life.note("the machine sleeps for a day");
    life.clock.set(now + LONG);
    life.rest().await;
    life.engine().await;
    life.rest().await;
}

/// A process stands still with a write that waits for others, or to be sent again, and another one does it meanwhile; a day later the first
/// goes on where it stood.
pub(super) async fn sleeps_through(life: &mut Life) {
    if life.one_of(3) == 0 {
        let now = life.clock.now();
        life.provider.storm(now + 10 * SECOND);
    }
    let (kind, count) = (25 + life.one_of(2), 1 + life.one_of(2));
    starts(life, kind, count).await;
    life.rest().await;
    // Before the writes wait, what was there is read; that waits for others, too.
    for _ in 0..life.one_of(3) {
        let until = life.clock.now() + SECOND / 5;
        life.note("as long passes as calls wait for others");
        life.pass(until).await;
    }
    life.stall().await;
    let until = life.clock.now() + LONG;
    life.note("a day passes");
    life.pass(until).await;
    life.wake().await;
}
