//! A test hook: ends the process, as a power cut would, beside an append to the log that an environment variable names.
//!
//! `TRADEWIND_ABORT_AT=before:3` aborts instead of the third append, `after:3` when it is durable and nobody has heard of it.
//! Without the variable it is not there at all.

use crate::exit::{Exit, Failure};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tradewind_engine::anchor::Anchor;
use tradewind_engine::ports::{BoxFuture, LogStore, ShardHead, StoreError};
use tradewind_engine::segment::Segment;
use tradewind_lang::code::run;

/// Where the process ends: `before:N` or `after:N`.
const VARIABLE: &str = "TRADEWIND_ABORT_AT";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Before(u64),
    After(u64),
}

struct Crashing {
    log: Arc<dyn LogStore>,
    appends: AtomicU64,
    moment: Moment,
}

/// The log, or one that ends the process where the variable says so.
pub(crate) fn wrapped(log: Arc<dyn LogStore>) -> Result<Arc<dyn LogStore>, Failure> {
    let Ok(text) = std::env::var(VARIABLE) else { return Ok(log) };
    let Some(moment) = moment(&text) else {
        let failure = Failure::new(Exit::Usage, &run::USAGE, format!("`{VARIABLE}={text}` names no moment"));
        return Err(failure.help("it is a test hook: write before:N or after:N, or unset it"));
    };
    Ok(Arc::new(Crashing { log, appends: AtomicU64::new(0), moment }))
}

fn moment(text: &str) -> Option<Moment> {
    let (side, number) = text.split_once(':')?;
    let number = number.parse().ok()?;
    match side {
        "before" => Some(Moment::Before(number)),
        "after" => Some(Moment::After(number)),
        _ => None,
    }
}

impl LogStore for Crashing {
    fn take(&self, shard: u32) -> BoxFuture<'_, Result<ShardHead, StoreError>> {
        self.log.take(shard)
    }

    fn append(&self, epoch: u64, segment: Segment) -> BoxFuture<'_, Result<(), StoreError>> {
        let number = self.appends.fetch_add(1, Ordering::SeqCst) + 1;
        Box::pin(async move {
            if self.moment == Moment::Before(number) {
                std::process::abort();
            }
            let appended = self.log.append(epoch, segment).await;
            if self.moment == Moment::After(number) {
                std::process::abort();
            }
            appended
        })
    }

    fn scan(&self, shard: u32, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Segment>, StoreError>> {
        self.log.scan(shard, from, limit)
    }

    fn holds(&self, shard: u32, epoch: u64) -> BoxFuture<'_, bool> {
        self.log.holds(shard, epoch)
    }

    fn anchors(&self, shard: u32) -> Vec<Anchor> {
        self.log.anchors(shard)
    }

    fn prune(&self, anchor: Anchor) -> BoxFuture<'_, Result<(), StoreError>> {
        self.log.prune(anchor)
    }

    fn durable(&self) -> bool {
        self.log.durable()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_side_and_a_number() {
        assert_eq!(moment("before:1"), Some(Moment::Before(1)));
        assert_eq!(moment("after:12"), Some(Moment::After(12)));
        for text in ["", "1", "before", "before:", "after:x", "during:1"] {
            assert_eq!(moment(text), None, "`{text}`");
        }
    }
}
