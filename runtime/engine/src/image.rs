//! An image: the books of a shard as of one place in its log, so that a start reads what came after it and not the whole history.
//!
//! It holds everything but the states of runs that have not ended: those are folded again from their own segments, which it names. It
//! is a copy and never the truth: one that is damaged, of another log or of another version is as good as none, and everything is folded.

use crate::arrivals::Arrivals;
use crate::books::{Adoption, Books, Entry, Holds};
use crate::event::Blob;
use crate::frozen::{Frozen, Note, Scope};
use crate::guard::Guards;
use crate::kept::Answers;
use crate::memory::Memories;
use crate::past::{Kept, Past};
use crate::pinned::Pinned;
use crate::ports::StoreError;
use crate::schedules::Schedules;
use crate::seal::{self, KeyName, Keyring};
use crate::series::Points;
use crate::summary::RunSummary;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Plan};

/// The version of what an image holds. It changes with every change of that, however small: one of another version is not read.
const IMAGE_FORMAT: u32 = 4;
/// Bytes of the digest in front.
const DIGEST: usize = 32;

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

    /// As bytes, the digest of them in front.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let body = rmp_serde::to_vec(self).unwrap_or_default();
        let digest = Digest::of(&body);
        [&digest.0[..], &body].concat()
    }

    /// As bytes that say nothing of people to whoever has no keys. Its key goes when the next person is forgotten.
    pub(crate) fn sealed(&self, keys: Option<&dyn Keyring>) -> Result<Vec<u8>, StoreError> {
        seal::close_image(self.to_bytes(), self.forgotten.len(), keys)
    }

    /// From such bytes.
    pub(crate) fn opened(bytes: &[u8], keys: Option<&dyn Keyring>) -> Option<Self> {
        Self::from_bytes(&seal::open_image(bytes, keys)?)
    }

    /// From bytes; none where they are no image of this version, or not whole.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (digest, body) = bytes.split_at_checked(DIGEST)?;
        if Digest::of(body).0 != *digest {
            return None;
        }
        // The version stands first, so that it can be read whatever follows.
        let image: Self = rmp_serde::from_slice(body).ok()?;
        (image.format == IMAGE_FORMAT && image.program == env!("CARGO_PKG_VERSION")).then_some(image)
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
