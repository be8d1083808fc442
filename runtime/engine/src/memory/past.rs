//! What was known at an instant: the facts of a log up to there, folded anew, without those of people who were forgotten since.

use super::Memories;
use crate::event::EventKind;
use crate::ports::{LogStore, StoreError};
use crate::recover::Reader;
use crate::seal::KeyName;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Plan};

/// The memories of a shard as of an instant, and the plan that was at work then.
///
/// # Errors
/// A log that cannot be read, or is damaged.
pub(crate) async fn until(
    log: &dyn LogStore,
    shard: u32,
    at: i64,
    forgotten: &HashSet<KeyName>,
) -> Result<(Memories, Option<Arc<Plan>>), StoreError> {
    let mut reader = Reader::new(log, shard);
    let (mut memories, mut plans, mut adopted) = (Memories::default(), HashMap::<Digest, Arc<Plan>>::new(), None::<Arc<Plan>>);
    'log: loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            break;
        }
        for segment in &segments {
            for event in reader.events(segment)? {
                // No event is before the one in front of it.
                if event.header.at > at {
                    break 'log;
                }
                if let EventKind::PlanAdopted { digest, bytes, .. } = &event.kind {
                    if let Some(bytes) = bytes {
                        plans.insert(*digest, Arc::new(Plan::from_bytes(&bytes.0).map_err(StoreError::Damaged)?));
                    }
                    adopted = plans.get(digest).cloned();
                } else if let Some(plan) = &adopted {
                    memories.fold(plan, &event);
                }
            }
        }
    }
    let keys: Vec<KeyName> = forgotten.iter().copied().collect();
    if !keys.is_empty() {
        memories.forget(adopted.as_deref(), &keys, log.keys().as_deref());
    }
    Ok((memories, adopted))
}
