//! Reading a log back: the chain is checked, the events are folded, nothing is decided again.

use crate::books::{Books, Holds};
use crate::codec;
use crate::event::{Event, EventKind};
use crate::pinned::Pinned;
use crate::ports::{LogStore, StoreError};
use crate::seal::Keyring;
use crate::segment::Segment;
use crate::summary::LogReport;
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Plan};

/// How many segments are read at once.
const PAGE: usize = 256;

/// Reads a shard's log in order and checks its chain.
pub(crate) struct Reader<'a> {
    log: &'a dyn LogStore,
    keys: Option<Arc<dyn Keyring>>,
    shard: u32,
    next: u64,
    hash: Digest,
    segments: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(log: &'a dyn LogStore, shard: u32) -> Self {
        Self { log, keys: log.keys(), shard, next: 1, hash: Digest::default(), segments: 0 }
    }

    /// The next segments, checked; none at the end.
    pub(crate) async fn page(&mut self) -> Result<Vec<Segment>, StoreError> {
        let segments = self.log.scan(self.shard, self.next, PAGE).await?;
        for segment in &segments {
            self.check(segment).map_err(StoreError::Damaged)?;
        }
        Ok(segments)
    }

    fn check(&mut self, segment: &Segment) -> Result<(), String> {
        let at = segment.first;
        if at != self.next {
            return Err(format!("the log goes on at {at}, but {} is missing", self.next));
        }
        if segment.shard != self.shard || segment.count == 0 {
            return Err(format!("the segment at {at} does not belong here"));
        }
        if segment.previous != self.hash {
            return Err(format!("the segment at {at} does not follow the one before it"));
        }
        if !segment.is_intact() {
            return Err(format!("the segment at {at} was changed after it was written"));
        }
        self.next = at + u64::from(segment.count);
        self.hash = segment.hash;
        self.segments += 1;
        Ok(())
    }

    /// The events of one of its segments.
    pub(crate) fn events(&self, segment: &Segment) -> Result<Vec<Event>, StoreError> {
        events_of(self.keys.as_deref(), segment)
    }

    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    pub(crate) fn hash(&self) -> Digest {
        self.hash
    }

    pub(crate) fn report(&self) -> LogReport {
        LogReport { segments: self.segments, events: self.next - 1, head: self.hash }
    }
}

/// The events of a segment; without keys, with what is personal in them as if it were erased.
///
/// # Errors
/// Damaged, written by a newer version, or sealed with a key that is lost.
pub fn events_of(keys: Option<&dyn Keyring>, segment: &Segment) -> Result<Vec<Event>, StoreError> {
    codec::decode(segment.first, segment.count, &segment.body, keys)
}

/// Folds a whole log into the books of a shard.
pub(crate) async fn fold<L: Holds>(reader: &mut Reader<'_>, books: &mut Books<L>, active: &Pinned) -> Result<(), StoreError> {
    loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            return Ok(());
        }
        for segment in &segments {
            for event in &reader.events(segment)? {
                let damaged = |message: String| StoreError::Damaged(format!("event {}: {message}", event.header.seq));
                books.apply(active, event).map_err(damaged)?;
            }
        }
    }
}

/// The plan that a shard's log adopted last; none in an empty log.
///
/// # Errors
/// A log that cannot be read, or is damaged.
pub async fn last_plan(log: &dyn LogStore, shard: u32) -> Result<Option<Plan>, StoreError> {
    let mut reader = Reader::new(log, shard);
    let (mut plans, mut last) = (BTreeMap::new(), None);
    loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            break;
        }
        for segment in &segments {
            for event in reader.events(segment)? {
                let EventKind::PlanAdopted { digest, bytes, .. } = event.kind else { continue };
                last = Some(digest);
                if let Some(bytes) = bytes {
                    plans.insert(digest, bytes);
                }
            }
        }
    }
    let bytes = last.and_then(|digest| plans.remove(&digest));
    bytes.map(|bytes| Plan::from_bytes(&bytes.0).map_err(StoreError::Damaged)).transpose()
}

/// Reads a shard's whole log and checks every hash and every event.
///
/// # Errors
/// The first damage, with its seq.
pub async fn verify(log: &dyn LogStore, shard: u32) -> Result<LogReport, StoreError> {
    let mut reader = Reader::new(log, shard);
    loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            return Ok(reader.report());
        }
        for segment in &segments {
            let events = reader.events(segment)?;
            if let Some(event) = events.iter().find(|event| event.header.shard != segment.shard) {
                return Err(StoreError::Damaged(format!("event {} belongs to another shard", event.header.seq)));
            }
        }
    }
}
