//! An image: the books of a shard as of one place in its log, so that a start reads what came after it and not the whole history.
//!
//! It holds everything but the states of runs that have not ended: those are folded again from their own segments, which it names. It
//! is a copy and never the truth: one that is damaged, of another log or of another version is as good as none, and everything is folded.

mod blocks;

use crate::arrivals::Arrivals;
use crate::books::{Adoption, Books, Entry, Holds};
use crate::drift::Counted;
use crate::event::Blob;
use crate::frozen::{Frozen, Note, Scope};
use crate::guard::Guards;
use crate::kept::Answers;
use crate::memory::Memories;
use crate::past::{Kept, Past};
use crate::pinned::Pinned;
use crate::ports::StoreError;
use crate::schedules::Schedules;
use crate::seal::{self, Key, KeyName, Keyring};
use crate::series::Points;
use crate::summary::RunSummary;
use blocks::{Reading, Writing};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Plan};

/// The version of what an image holds. It changes with every change of that, however small: one of another version is not read.
const IMAGE_FORMAT: u32 = 6;

/// A plan with everything derived from it; written down as the plan alone.
#[derive(Debug, Clone)]
struct Whole(Arc<Pinned>);

impl PartialEq for Whole {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest == other.0.digest
    }
}

impl Serialize for Whole {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0.digest, Blob(self.0.plan.to_bytes().into())).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (digest, bytes) = <(Digest, Blob)>::deserialize(deserializer)?;
        let plan = Plan::from_bytes(&bytes.0).map_err(serde::de::Error::custom)?;
        Ok(Self(Arc::new(Pinned::with_digest(Arc::new(plan), digest))))
    }
}

/// The books as of one place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Image {
    format: u32,
    program: String,
    /// The last event that it knows.
    pub(crate) events: u64,
    /// The hash of the segment that ends with it.
    pub(crate) head: Digest,
    tenant: Arc<str>,
    plans: Vec<Whole>,
    adopted: Option<Digest>,
    held: Option<Digest>,
    adoptions: Vec<Adoption>,
    frozen: Vec<(Scope, Note)>,
    guards: Guards,
    memories: Memories,
    points: Points,
    kept: Answers,
    counted: BTreeMap<Arc<str>, Counted>,
    inbox: BTreeMap<Arc<str>, Arc<str>>,
    closed: BTreeSet<[u8; 16]>,
    arrivals: Arrivals,
    schedules: Schedules,
    completed: usize,
    failed: usize,
    cancelled: usize,
    newest: i64,
    /// Runs that have not ended, and the first events of the segments that hold theirs.
    pub(crate) live: BTreeMap<Arc<str>, Vec<u64>>,
    recent: Vec<RunSummary>,
    past: Kept,
    forgotten: BTreeSet<KeyName>,
}

impl Image {
    /// Of books that have folded the log up to there, and nothing more.
    pub(crate) fn of<L: Holds>(books: &Books<L>, events: u64, head: Digest) -> Self {
        let recent = books.recent.iter().filter_map(|run| match books.runs.get(run) {
            Some(Entry::Ended(summary)) => Some(RunSummary::clone(summary)),
            _ => None,
        });
        let mut plans: Vec<Whole> = books.plans.values().cloned().map(Whole).collect();
        plans.sort_unstable_by_key(|plan| plan.0.digest);
        Self {
            format: IMAGE_FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            events,
            head,
            tenant: books.tenant.clone(),
            plans,
            adopted: books.adopted,
            held: books.held,
            adoptions: books.adoptions.clone(),
            frozen: books.frozen.0.iter().map(|(scope, note)| (scope.clone(), note.clone())).collect(),
            guards: books.guards.clone(),
            memories: books.memories.clone(),
            points: books.points.clone(),
            kept: books.kept.clone(),
            counted: books.counted.clone(),
            inbox: books.inbox.iter().map(|(item, run)| (item.clone(), run.clone())).collect(),
            closed: books.closed.iter().copied().collect(),
            arrivals: books.arrivals.clone(),
            schedules: books.schedules.clone(),
            completed: books.completed,
            failed: books.failed,
            cancelled: books.cancelled,
            newest: books.newest,
            live: books.touched.iter().map(|(run, segments)| (run.clone(), segments.clone())).collect(),
            recent: recent.collect(),
            past: books.past.keep(),
            forgotten: books.forgotten.iter().copied().collect(),
        }
    }

    /// From a file of such blocks; none where it is no image of this version, not whole, or its key is gone.
    pub(crate) fn read(file: &mut dyn Read, keys: Option<&dyn Keyring>) -> Option<Self> {
        let mut reading = Reading::begin(file, |gone| seal::image_key_of(gone, keys)).ok()?;
        // The version stands first, so that one of another version fails there or is known by it.
        let image: Self = rmp_serde::from_read(&mut reading).ok()?;
        reading.end().ok()?;
        (image.format == IMAGE_FORMAT && image.program == env!("CARGO_PKG_VERSION")).then_some(image)
    }

    /// One that can be written down, and says nothing of people to whoever has no keys. Its key goes when the next person is forgotten.
    pub(crate) fn snapshot(self, keys: Option<&dyn Keyring>) -> Result<Snapshot, StoreError> {
        let key = keys.map(|keys| seal::make_image_key(self.forgotten.len(), keys)).transpose()?;
        Ok(Snapshot { image: self, key })
    }

    /// The books, without the runs that have not ended; and those, with their segments.
    pub(crate) fn books<L: Holds>(self) -> (Books<L>, BTreeMap<Arc<str>, Vec<u64>>) {
        let mut books: Books<L> = Books::new(self.tenant);
        books.plans = self.plans.into_iter().map(|plan| (plan.0.digest, plan.0)).collect();
        (books.adopted, books.held, books.adoptions) = (self.adopted, self.held, self.adoptions);
        books.frozen = Arc::new(Frozen(self.frozen.into_iter().collect()));
        (books.guards, books.memories, books.arrivals) = (self.guards, self.memories, self.arrivals);
        books.points = self.points;
        books.kept = self.kept;
        books.counted = self.counted;
        books.inbox = self.inbox.into_iter().collect();
        books.closed = self.closed.into_iter().collect();
        books.schedules = self.schedules;
        (books.completed, books.failed, books.cancelled, books.newest) = (self.completed, self.failed, self.cancelled, self.newest);
        for summary in self.recent {
            books.recent.push_back(summary.id.clone());
            books.runs.insert(summary.id.clone(), Entry::Ended(Arc::new(summary)));
        }
        books.past = Past::of(self.past);
        books.forgotten = self.forgotten.into_iter().collect();
        (books, self.live)
    }

    /// The first part in which two images of one place differ; none where they say the same. What has passed out of a limit's window
    /// is forgotten when somebody asks, so it may still be in one of them.
    pub(crate) fn differs_from(&self, other: &Self) -> Option<&'static str> {
        let parts = [
            ("where the log stands", (self.events, self.head) == (other.events, other.head)),
            ("the plans that were adopted", self.adoptions == other.adoptions && self.plans == other.plans),
            ("which plan is at work", (self.adopted, self.held) == (other.adopted, other.held)),
            ("what is frozen", self.frozen == other.frozen),
            ("what limits and business keys have taken", self.guards.agrees_with(&other.guards)),
            ("what is remembered", self.memories == other.memories),
            ("the points of series", self.points == other.points),
            ("which answers of models are kept", self.kept == other.kept),
            ("what models counted", self.counted == other.counted),
            ("the inbox", self.inbox == other.inbox && self.closed == other.closed),
            ("which events came", self.arrivals == other.arrivals),
            ("how far each clock is", self.schedules == other.schedules),
            ("how many runs ended", (self.completed, self.failed, self.cancelled) == (other.completed, other.failed, other.cancelled)),
            ("which runs have not ended", self.live == other.live),
            ("what ended runs came to", self.recent == other.recent && self.past == other.past),
        ];
        parts.into_iter().find(|(_, same)| !same).map(|(part, _)| part)
    }
}

/// An image that can be written to a file. It shares what is large with the books that it is of.
#[derive(Debug)]
pub struct Snapshot {
    image: Image,
    key: Option<Key>,
}

impl Snapshot {
    /// The last event that it knows.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.image.events
    }

    /// Writes it, block by block, for a later [`crate::engine::Engine::open_with`].
    ///
    /// # Errors
    /// Those of whoever is written to.
    pub fn write<W: Write>(&self, out: W) -> io::Result<W> {
        let mut writing = Writing::begin(out, self.image.forgotten.len() as u64, self.key.clone())?;
        rmp_serde::encode::write(&mut writing, &self.image).map_err(io::Error::other)?;
        writing.end()
    }
}
