//! Reading a log back: the chain is checked, the events are folded, nothing is decided again.

use crate::books::{Books, Holds};
use crate::checkpoint::{self, Checkpoint, Witness};
use crate::codec;
use crate::event::{Event, EventKind};
use crate::executor::LONGEST_SEGMENT;
use crate::image::Image;
use crate::pinned::Pinned;
use crate::ports::{LogStore, StoreError};
use crate::seal::Keyring;
use crate::segment::Segment;
use crate::summary::LogReport;
use std::collections::{BTreeMap, BTreeSet};
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
        Self::behind(log, shard, 0, Digest::default())
    }

    /// Behind an event that ends a segment of this hash.
    pub(crate) fn behind(log: &'a dyn LogStore, shard: u32, events: u64, hash: Digest) -> Self {
        Self { log, keys: log.keys(), shard, next: events + 1, hash, segments: 0 }
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
        LogReport { segments: self.segments, events: self.next - 1, head: self.hash, checkpoints: 0, archived: 0 }
    }
}

/// The events of a segment; without keys, with what is personal in them as if it were erased.
///
/// # Errors
/// Damaged, written by a newer version, or sealed with a key that is lost.
pub fn events_of(keys: Option<&dyn Keyring>, segment: &Segment) -> Result<Vec<Event>, StoreError> {
    codec::decode(segment.first, segment.count, &segment.body, keys)
}

/// Folds a log, from where the reader stands to its end, into the books of a shard.
pub(crate) async fn fold<L: Holds>(reader: &mut Reader<'_>, books: &mut Books<L>, active: &Pinned) -> Result<(), StoreError> {
    fold_until(reader, books, active, u64::MAX).await
}

/// The same, up to the segment that ends with an event.
pub(crate) async fn fold_until<L: Holds>(
    reader: &mut Reader<'_>,
    books: &mut Books<L>,
    active: &Pinned,
    until: u64,
) -> Result<(), StoreError> {
    loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            return Ok(());
        }
        for segment in &segments {
            if segment.first > until {
                return Ok(());
            }
            books.segment = segment.first;
            // What a memory keeps is what the plan of then says.
            let adopted = books.adopted.and_then(|digest| books.plans.get(&digest)).cloned();
            let active = adopted.as_deref().unwrap_or(active);
            for event in &reader.events(segment)? {
                let damaged = |message: String| StoreError::Damaged(format!("event {}: {message}", event.header.seq));
                books.apply(active, event).map_err(damaged)?;
            }
        }
    }
}

/// The books as an image has them, with the runs that had not ended folded from their own segments; none where the image is not one of
/// this log. What follows it is not read yet.
pub(crate) async fn from_image<L: Holds>(log: &dyn LogStore, shard: u32, image: Image) -> Result<Option<Books<L>>, StoreError> {
    let (events, head) = (image.events, image.head);
    if events == 0 || meets(log, shard, &checkpoint::of("", shard, events, head, 0)).await.is_err() {
        return Ok(None);
    }
    let (mut books, live) = image.books::<L>();
    let mut wanted: BTreeSet<u64> = live.values().flatten().copied().collect();
    while let Some(first) = wanted.first().copied() {
        let segments = log.scan(shard, first, PAGE).await?;
        for segment in segments.iter().filter(|segment| wanted.remove(&segment.first)) {
            if !segment.is_intact() {
                return Ok(None);
            }
            for event in &events_of(log.keys().as_deref(), segment)? {
                let Some(run) = event.header.run.as_ref().filter(|run| live.contains_key(*run)) else { continue };
                if books.fold_again(run, event).is_err() {
                    return Ok(None);
                }
            }
        }
        if wanted.contains(&first) {
            return Ok(None);
        }
    }
    books.touched = live.into_iter().collect();
    Ok(Some(books))
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
    verify_against(log, shard, Vec::new()).await
}

/// The same, held against the checkpoints that it must meet.
///
/// # Errors
/// The first damage, with its seq; a checkpoint that is not met.
pub async fn verify_against(log: &dyn LogStore, shard: u32, standing: Vec<Checkpoint>) -> Result<LogReport, StoreError> {
    // What is archived has a signature of its own, and is verified where it is.
    let (archived, hash) = anchored(log, shard)?;
    let mut reader = Reader::behind(log, shard, archived, hash);
    let mut witness = Witness::new(standing, archived + 1);
    witness.begin(archived, hash).map_err(StoreError::Older)?;
    loop {
        let segments = reader.page().await?;
        if segments.is_empty() {
            let checkpoints = witness.end(reader.next() - 1).map_err(StoreError::Older)?;
            return Ok(LogReport { checkpoints, archived, ..reader.report() });
        }
        for segment in &segments {
            witness.see(segment).map_err(StoreError::Older)?;
            let events = reader.events(segment)?;
            if let Some(event) = events.iter().find(|event| event.header.shard != segment.shard) {
                return Err(StoreError::Damaged(format!("event {} belongs to another shard", event.header.seq)));
            }
        }
    }
}

/// The last event of a shard's log that is archived, and the hash that the store goes on from; no event and zeros where nothing is.
///
/// # Errors
/// Nobody has signed for the end of what is archived.
pub fn anchored(log: &dyn LogStore, shard: u32) -> Result<(u64, Digest), StoreError> {
    let Some(anchor) = log.anchors(shard).pop() else { return Ok((0, Digest::default())) };
    let unsigned = |why: &str| StoreError::Damaged(format!("nobody vouches for the end of what is archived, event {}: {why}", anchor.last));
    let signed = checkpoint::read(&anchor.line).map_err(|why| unsigned(&why))?.checkpoint;
    if (signed.shard, signed.events, &signed.head) != (shard, anchor.last, &anchor.head.to_string()) {
        return Err(unsigned("what was signed is another place"));
    }
    Ok((anchor.last, anchor.head))
}

/// From where to read so that nothing of a segment that reaches an event is missed, and nothing of what is archived is read in vain.
pub(crate) fn reach(log: &dyn LogStore, shard: u32, event: u64) -> u64 {
    let archived = log.anchors(shard).last().map_or(0, |anchor| anchor.last);
    let before = event.saturating_sub(LONGEST_SEGMENT).max(1);
    if event > archived { before.max(archived + 1) } else { before }
}

/// Whether a shard's log meets a checkpoint. Only the segments around it are read.
///
/// # Errors
/// [`StoreError::Older`] where it does not; a log that cannot be read.
pub async fn meets(log: &dyn LogStore, shard: u32, checkpoint: &Checkpoint) -> Result<(), StoreError> {
    let events = checkpoint.events;
    let (archived, hash) = anchored(log, shard)?;
    let mut witness = Witness::new(vec![checkpoint.clone()], 1);
    if events <= archived {
        return witness.begin(archived, hash).map_err(StoreError::Older);
    }
    let mut next = reach(log, shard, events);
    loop {
        let segments = log.scan(shard, next, PAGE).await?;
        let Some(last) = segments.last() else { return witness.end(next - 1).map(drop).map_err(StoreError::Older) };
        next = last.first + u64::from(last.count);
        segments.iter().try_for_each(|segment| witness.see(segment)).map_err(StoreError::Older)?;
        if next > events {
            return Ok(());
        }
    }
}

/// Where a shard's log stands: its last event, and the hash of the segment that holds it. Reads no more than the hashes.
///
/// # Errors
/// A log that cannot be read, or whose chain is broken.
pub async fn head(log: &dyn LogStore, shard: u32) -> Result<(u64, Digest), StoreError> {
    let (archived, hash) = anchored(log, shard)?;
    let mut reader = Reader::behind(log, shard, archived, hash);
    while !reader.page().await?.is_empty() {}
    Ok((reader.next() - 1, reader.hash()))
}
