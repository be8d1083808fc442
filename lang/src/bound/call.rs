//! How long one call of an operation takes at most, with every attempt, every pause between two, and the lookups after a doubt:
//! what `runtime/engine/src/decide/effect.rs` and `read.rs` do. Three things are not in the figure and are said beside it: a
//! provider that cannot be reached, one that asks to be left alone (`Retry-After`), and a person who settles a doubt.

use crate::plan::{Connector, Micros, Operation, Plan, Retry};

/// The pauses after attempts 1 to `count`: they double, up to the longest; chance only makes them shorter.
fn pauses(retry: &Retry, count: u32) -> Micros {
    (1..=count).fold(0, |sum: Micros, attempt| sum.saturating_add(pause(retry, attempt)))
}

/// The pause after an attempt, counted from 1.
fn pause(retry: &Retry, attempt: u32) -> Micros {
    let doublings = attempt.saturating_sub(1).min(30);
    retry.from.saturating_mul(1_i64 << doublings).clamp(0, retry.to.max(0))
}

fn times(span: Micros, count: u32) -> Micros {
    span.saturating_mul(Micros::from(count))
}

fn found<'a>(plan: &'a Plan, operation: &str) -> Option<(&'a Operation, &'a Connector)> {
    let operation = plan.operations.get(operation)?;
    Some((operation, plan.connectors.get(&operation.connector)?))
}

/// A read: attempts one after the other, and every page of a long answer.
pub(super) fn read(plan: &Plan, operation: &str) -> Micros {
    let Some((operation, connector)) = found(plan, operation) else { return 0 };
    let pages = operation.terms.pages.as_ref().map_or(1, |pages| pages.max);
    times(repeated(connector, attempt(operation, connector)), pages)
}

/// So many attempts as the connector allows, each as long as it may be.
fn repeated(connector: &Connector, attempt: Micros) -> Micros {
    times(attempt, connector.retry.max.saturating_add(1)).saturating_add(pauses(&connector.retry, connector.retry.max))
}

/// How long a call waits for others that go out with it.
fn gathering(operation: &Operation) -> Micros {
    operation.terms.batch.as_ref().map_or(0, |batch| batch.wait)
}

/// One attempt: it waits for others, each time, and is answered.
fn attempt(operation: &Operation, connector: &Connector) -> Micros {
    connector.total_timeout.saturating_add(gathering(operation))
}

/// What was there before a write. Where it may be read with that of others, each attempt waits for them, and is made again alone where
/// the one call was refused.
fn before(plan: &Plan, write: &Operation) -> Micros {
    let Some(before) = &write.terms.before else { return 0 };
    let alone = read(plan, &before.operation);
    let several = before.batch.as_ref().and_then(|(several, ..)| found(plan, several));
    let (Some((_, by)), Some((_, connector))) = (several, found(plan, &before.operation)) else { return alone };
    let together = gathering(write).saturating_add(by.total_timeout);
    alone.saturating_add(times(together, connector.retry.max.saturating_add(1)))
}

/// A write: what it was like before, then attempts, each of which may end in doubt and is looked up where a lookup is declared.
pub(super) fn write(plan: &Plan, operation: &str) -> Micros {
    let Some((operation, connector)) = found(plan, operation) else { return 0 };
    let timeout = connector.total_timeout;
    let attempt = attempt(operation, connector);
    let Retry { max, .. } = connector.retry;
    let before = before(plan, operation);
    let sent = match operation.lookup.as_ref().and_then(|lookup| found(plan, &lookup.operation)) {
        // A doubt is repeated where that is harmless, and a person's where it is not: as many attempts as after failures.
        None => repeated(connector, attempt),
        Some((looking, by)) => {
            // The lookup is repeated as the effect's own connector says. It comes after a pause, and not before the provider
            // had as long again as it had.
            let lookup = repeated(connector, self::attempt(looking, by));
            let doubted = |number: u32| attempt.saturating_add(pause(&connector.retry, number).max(timeout)).saturating_add(lookup);
            if operation.idempotent.is_some() {
                (1..=max.saturating_add(1)).fold(0, |sum: Micros, number| sum.saturating_add(doubted(number)))
            } else {
                // Certain failures are repeated; the first doubt is the last attempt.
                let failed = times(attempt, max).saturating_add(pauses(&connector.retry, max));
                failed.saturating_add(doubted(max.saturating_add(1)))
            }
        }
    };
    before.saturating_add(sent)
}
