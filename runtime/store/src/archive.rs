//! The older parts of a log that were taken out of the store: read from their export files as if they were still in it.

use std::fs::File;
use std::io::{BufReader, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tradewind_engine::anchor::Anchor;
use tradewind_engine::export::{Frame, Header, Reading};
use tradewind_engine::ports::StoreError;
use tradewind_engine::segment::Segment;

/// One in so many segments of a file is remembered with its place.
const SPARSE: usize = 64;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 18;

/// Where segments begin in a file: some of them, by first event.
#[derive(Debug)]
struct Places {
    header: Header,
    starts: Vec<(u64, u64)>,
}

/// What was taken out of the store.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    anchors: RwLock<Vec<Anchor>>,
    known: Mutex<Vec<(String, Arc<Places>)>>,
}

impl Archive {
    pub(crate) fn new(anchors: Vec<Anchor>) -> Self {
        Self { anchors: RwLock::new(anchors), known: Mutex::default() }
    }

    pub(crate) fn anchors(&self, shard: u32) -> Vec<Anchor> {
        let anchors = self.anchors.read().unwrap_or_else(PoisonError::into_inner);
        anchors.iter().filter(|anchor| anchor.shard == shard).cloned().collect()
    }

    pub(crate) fn add(&self, anchor: Anchor) {
        let mut anchors = self.anchors.write().unwrap_or_else(PoisonError::into_inner);
        anchors.retain(|known| (known.shard, known.from) != (anchor.shard, anchor.from));
        anchors.push(anchor);
        anchors.sort_by_key(|anchor| (anchor.shard, anchor.from));
    }

    /// Segments from a seq on, as far as they are archived, and the seq from which on the store holds them.
    pub(crate) fn read(&self, shard: u32, from: u64, limit: usize) -> Result<(Vec<Segment>, u64), StoreError> {
        let mut found = Vec::new();
        let mut next = from;
        for anchor in self.anchors(shard) {
            if anchor.last < next || found.len() >= limit {
                continue;
            }
            let missing = |why: String| {
                StoreError::Archived(format!("events {} to {} are archived in `{}`: {why}", anchor.from, anchor.last, anchor.file))
            };
            found.extend(self.part(&anchor, next, limit - found.len()).map_err(missing)?);
            next = anchor.last + 1;
        }
        Ok((found, next))
    }

    fn part(&self, anchor: &Anchor, from: u64, limit: usize) -> Result<Vec<Segment>, String> {
        let opened = File::open(&anchor.file).map_err(|error| error.to_string())?;
        let mut file = BufReader::with_capacity(BUFFER, opened);
        let places = self.places(anchor, &mut file)?;
        let place = places.starts.partition_point(|(first, _)| *first <= from).saturating_sub(1);
        let Some((_, at)) = places.starts.get(place) else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(*at)).map_err(|error| error.to_string())?;
        let mut reading = Reading::within(file, places.header.clone(), *at);
        let mut found = Vec::new();
        while found.len() < limit {
            match reading.next_segment().map_err(|damage| damage.to_string())? {
                None => break,
                Some(segment) if segment.first >= from => found.push(segment),
                Some(_) => {}
            }
        }
        Ok(found)
    }

    /// Where the segments of a file begin: read once, and all of it checked.
    fn places(&self, anchor: &Anchor, file: &mut BufReader<File>) -> Result<Arc<Places>, String> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, places)) = known.iter().find(|(name, _)| *name == anchor.file) {
            return Ok(places.clone());
        }
        let mut reading = Reading::begin(file, None).map_err(|damage| damage.to_string())?;
        let (header, mut starts, mut number) = (reading.header().clone(), Vec::new(), 0);
        loop {
            let at = reading.at();
            match reading.next().map_err(|damage| damage.to_string())? {
                None => break,
                Some(Frame::Checkpoint(_)) => {}
                Some(Frame::Segment(segment)) => {
                    if number % SPARSE == 0 {
                        starts.push((segment.first, at));
                    }
                    number += 1;
                }
            }
        }
        let report = reading.report();
        if (report.header.from, report.last, report.head) != (anchor.from, anchor.last, anchor.head) {
            return Err("the file holds another part of a log".to_owned());
        }
        let places = Arc::new(Places { header, starts });
        known.push((anchor.file.clone(), places.clone()));
        Ok(places)
    }
}
