//! What was known at an instant: the facts of a log up to there, without those of people who were forgotten since.
//!
//! They are folded anew, from the nearest snapshot before that instant where there is one and from the beginning of the log otherwise;
//! the answer is the same. Snapshots are in this process alone, few, and go when somebody is forgotten.

use super::Memories;
use crate::event::{Event, EventKind};
use crate::ports::{LogStore, StoreError};
use crate::recover::Reader;
use crate::seal::{KeyName, Keyring};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use tradewind_lang::plan::{Digest, Plan};

/// Most snapshots that are kept.
const MOST: usize = 6;
/// So many events lie between two of them at least.
const APART: u64 = 4_096;

/// What was known at the end of a segment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Its last event, and the hash of the segment that ends with it.
    pub(crate) events: u64,
    pub(crate) hash: Digest,
    /// When that was.
    pub(crate) at: i64,
    pub(crate) memories: Memories,
    pub(crate) plans: HashMap<Digest, Arc<Plan>>,
    pub(crate) adopted: Option<Arc<Plan>>,
}

impl Known {
    fn fold(&mut self, event: &Event, ring: Option<&dyn Keyring>) -> Result<(), StoreError> {
        if let EventKind::PlanAdopted { digest, bytes, .. } = &event.kind {
            if let Some(bytes) = bytes {
                self.plans.insert(*digest, Arc::new(Plan::from_bytes(&bytes.0).map_err(StoreError::Damaged)?));
            }
            self.adopted = self.plans.get(digest).cloned();
        } else if let Some(plan) = &self.adopted {
            self.memories.fold(plan, event, ring);
        }
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Kept {
    /// In the order of the log.
    snapshots: Vec<Arc<Known>>,
    /// How often they were dropped.
    drops: u64,
}

/// Snapshots of a shard's memories.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(Mutex<Kept>);

impl Snapshots {
    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last one before or at an instant, and how often they were dropped so far.
    fn before(&self, at: i64) -> (Option<Arc<Known>>, u64) {
        let kept = self.kept();
        (kept.snapshots.iter().rev().find(|snapshot| snapshot.at <= at).cloned(), kept.drops)
    }

    /// Keeps one, unless they were dropped since it was begun, or another one lies near; the one that lies nearest to another goes.
    fn keep(&self, snapshot: Known, drops: u64) {
        let mut kept = self.kept();
        let is_near = |other: &Arc<Known>| other.events.abs_diff(snapshot.events) < APART;
        if kept.drops != drops || kept.snapshots.iter().any(is_near) {
            return;
        }
        let place = kept.snapshots.partition_point(|other| other.events < snapshot.events);
        kept.snapshots.insert(place, Arc::new(snapshot));
        if kept.snapshots.len() > MOST {
            let gaps = kept.snapshots.iter().zip(kept.snapshots.iter().skip(1)).enumerate();
            let nearest = gaps.min_by_key(|(_, (one, next))| next.events - one.events).map(|(place, _)| place);
            nearest.into_iter().for_each(|place| drop(kept.snapshots.remove(place)));
        }
    }

    /// Keeps what an image knew.
    pub(crate) fn begin(&self, snapshot: Known) {
        self.keep(snapshot, 0);
    }

    /// Drops all: somebody was forgotten, and they hold what he said.
    pub(crate) fn forget(&self) {
        let mut kept = self.kept();
        kept.snapshots.clear();
        kept.drops += 1;
    }
}

/// What was known at an instant.
pub(crate) struct Past {
    pub(crate) memories: Memories,
    /// The plan that was at work then.
    pub(crate) plan: Option<Arc<Plan>>,
}

/// The memories of a shard as of an instant.
///
/// # Errors
/// A log that cannot be read, or is damaged.
pub(crate) async fn until(
    log: &dyn LogStore,
    shard: u32,
    at: i64,
    forgotten: &HashSet<KeyName>,
    snapshots: &Snapshots,
) -> Result<Past, StoreError> {
    let ring = log.keys();
    let (begin, drops) = snapshots.before(at);
    let mut known = begin.map(|snapshot| Known::clone(&snapshot)).unwrap_or_default();
    let mut saved = known.events;
    let mut reader = Reader::behind(log, shard, known.events, known.hash);
    'log: loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            if known.events > saved {
                snapshots.keep(known.clone(), drops);
            }
            break;
        }
        for segment in &segments {
            let events = reader.events(segment)?;
            // No event is before the one in front of it.
            if events.last().is_some_and(|event| event.header.at > at) && known.events > saved {
                snapshots.keep(known.clone(), drops);
            }
            for event in &events {
                if event.header.at > at {
                    break 'log;
                }
                known.fold(event, ring.as_deref())?;
                known.at = event.header.at;
            }
            known.events = segment.first + u64::from(segment.count) - 1;
            known.hash = segment.hash;
            if known.events - saved >= APART {
                saved = known.events;
                snapshots.keep(known.clone(), drops);
            }
        }
    }
    let keys: Vec<KeyName> = forgotten.iter().copied().collect();
    let mut memories = known.memories;
    if !keys.is_empty() {
        memories.forget(known.adopted.as_deref(), &keys, ring.as_deref());
    }
    Ok(Past { memories, plan: known.adopted })
}
