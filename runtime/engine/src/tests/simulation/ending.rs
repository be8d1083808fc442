//! The end of a life: the faults stop, everybody answers, and everything comes to its end.

use super::super::world::{HOUR, SECOND};
use super::life::Life;
use super::script::{KINDS, verdict, work};
use crate::decide::Wish;
use crate::event::{EventKind, Outcome};
use crate::failure::FailureKind;
use crate::frozen::Scope;
use crate::ports::Clock;
use crate::ports::LogStore;
use crate::recover::verify;
use crate::replay::replay;
use crate::seal::Keyring;
use crate::summary::RunStatus;
use crate::twin::MemoryLog;
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// How many runs were open when the faults stopped or were begun after, and how many of them completed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Share {
    pub(super) all: usize,
    pub(super) completed: usize,
}

impl Share {
    pub(super) fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.completed += other.completed;
    }
}

pub(super) async fn end(life: &mut Life) -> Share {
    life.becalm().await;
    // The clock is set right again, where it was set back.
    let newest = life.judge.lock().unwrap().events.last().map_or(0, |event| event.header.at);
    life.clock.set(newest.max(life.clock.now()));
    life.freeze(Scope::All, true).await;
    life.rest().await;
    let before: BTreeSet<Arc<str>> =
        life.judge.lock().unwrap().runs.iter().filter(|(_, run)| run.ended.is_some()).map(|(id, _)| id.clone()).collect();
    come_to_an_end(life).await;
    for kind in 0..KINDS {
        let (flow, input) = work(life, kind, &format!("last{kind}"), "5 USD");
        life.start(flow, input).await;
    }
    come_to_an_end(life).await;
    if !life.judge.lock().unwrap().violations.is_empty() {
        return Share::default();
    }
    life.compare().await;
    life.judge.lock().unwrap().at_the_end();
    happened_as_logged(life);
    chain_and_replay(life).await;
    share(life, &before)
}

async fn come_to_an_end(life: &mut Life) {
    for _ in 0..400 {
        life.rest().await;
        if !life.judge.lock().unwrap().violations.is_empty() {
            return;
        }
        let live = life.live().await;
        if live.is_empty() {
            return;
        }
        for run in live.iter().filter(|run| run.status == RunStatus::Paused) {
            life.control(run.id.clone(), Wish::Resume).await;
        }
        life.rest().await;
        let inbox = life.engine().await.approvals().await.unwrap_or_default();
        for item in &inbox {
            for by in ["ann@example.com", "bob@example.com", "fin@example.com"] {
                if let Some(verdict) = verdict(life, item) {
                    life.answer(item.approval.id.clone(), by, verdict).await;
                }
            }
        }
        life.rest().await;
        let now = life.clock.now();
        let next = if inbox.is_empty() { life.clock.next_due().unwrap_or(now + HOUR) } else { now + 61 * SECOND };
        life.pass(next).await;
    }
}

/// What the log says of each effect is what the provider's ledger says.
fn happened_as_logged(life: &Life) {
    let ledger = life.provider.ledger();
    let mut judge = life.judge.lock().unwrap();
    let mut wrong = Vec::new();
    for (key, meant) in &judge.meant {
        let happened = ledger.iter().find(|done| *done.key == **key);
        let name = &meant.intent.operation;
        match (&meant.settled, happened) {
            (None, _) => wrong.push(("I3", format!("`{name}` under {key} is not settled"))),
            (Some(Outcome::Done(_)), None) => wrong.push(("I2", format!("`{name}` under {key} is done in the log, and never happened"))),
            // Where its provider did not say that it had not.
            (Some(Outcome::Failed(_)), Some(done)) if !done.denied => {
                wrong.push(("I2", format!("`{name}` under {key} failed in the log, and it happened")));
            }
            (Some(Outcome::Done(_)), Some(done)) if done.request != meant.intent.request => {
                wrong.push(("I6", format!("`{name}` under {key} happened otherwise than it was meant")));
            }
            // What came of it is not kept of somebody who was forgotten.
            (Some(Outcome::Done(Value::Erased)), Some(_)) if judge.is_bereft(&meant.run) => {}
            (Some(Outcome::Done(answer)), Some(done)) if done.answer != *answer => {
                wrong.push(("answers", format!("`{name}` under {key} is told {answer:?}, and {:?} came of it", done.answer)));
            }
            _ => {}
        }
    }
    let refunded = |done: &&super::provider::Done| done.operation == "pay.refund" && !done.denied;
    let orders: Vec<String> = ledger.iter().filter(refunded).map(|done| format!("{:?}", done.request.get("order_id"))).collect();
    if orders.iter().collect::<BTreeSet<_>>().len() != orders.len() {
        wrong.push(("I13", format!("an order was refunded twice: {orders:?}")));
    }
    wrong.into_iter().for_each(|(invariant, what)| judge.violated(invariant, what));
}

async fn chain_and_replay(life: &mut Life) {
    let segments = life.disk.segments();
    let log = MemoryLog::new();
    // Whoever reads it has the keys that are left.
    let _ = log.vault().destroy(&life.disk.gone());
    let epoch = log.take(0).await.unwrap().epoch;
    for segment in &segments {
        let _ = log.append(epoch, segment.clone()).await;
    }
    let mut found = Vec::new();
    if let Err(error) = verify(&log, 0).await {
        found.push(("I7", format!("{error:?}")));
    }
    if let Err(error) = replay(&log, 0).await {
        found.push(("I8", format!("{error:?}")));
    }
    // One byte of one segment, and it is found there.
    let flipped = &segments[life.one_of(segments.len())];
    let byte = life.one_of(flipped.body.len());
    log.tamper(0, flipped.first, |segment| segment.body[byte] ^= 1);
    match verify(&log, 0).await {
        Err(error) if format!("{error:?}").contains(&flipped.first.to_string()) => {}
        other => found.push(("I7", format!("a byte of segment {} was changed, and it is said: {other:?}", flipped.first))),
    }
    let mut judge = life.judge.lock().unwrap();
    found.into_iter().for_each(|(invariant, what)| judge.violated(invariant, what));
}

/// What people, policies and rules decide is no failure of the engine.
fn share(life: &Life, before: &BTreeSet<Arc<str>>) -> Share {
    let judge = life.judge.lock().unwrap();
    let mut share = Share::default();
    for (id, run) in judge.runs.iter().filter(|(id, run)| !before.contains(*id) && !run.is_part) {
        let _ = id;
        match &run.ended {
            // What was taken back before, or cannot be, is left: that is said as a failure.
            Some(EventKind::RunFailed { .. }) if &*run.flow == crate::undo::UNDO => continue,
            Some(EventKind::RunCancelled { .. }) => continue,
            Some(EventKind::RunFailed { failure })
                if matches!(failure.kind, FailureKind::Policy | FailureKind::Person | FailureKind::Budget) =>
            {
                continue;
            }
            Some(EventKind::RunCompleted { .. }) => share.completed += 1,
            _ => {}
        }
        share.all += 1;
    }
    share
}
