//! Ended runs in little memory: each packed into the bytes that its summary takes, without what many of them share, and what is full
//! compressed.
//!
//! A million of them fit where a few thousand summaries would. An answer that is long stays in the log, where it is read when somebody
//! asks for it. Nothing is ever removed, so that a key that was used stays used.

use crate::child::Parent;
use crate::event::Blob;
use crate::failure::Failure;
use crate::key::hexadecimal;
use crate::seal::KeyName;
use crate::summary::{RunStatus, RunSummary};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::Digest;
use tradewind_lang::value::Value;

/// Bytes of a chunk before it is compressed; what is full is never touched again, and shared with whoever writes a snapshot. A larger one
/// would take longer to open for one run, and be hardly smaller.
const CHUNK: usize = 1 << 16;
/// Most bytes of an answer that are kept; longer ones are read from the log.
const LONGEST_OUTPUT: usize = 96;

/// A run's name as the sixteen bytes of which it is the text.
type Name = [u8; 16];

/// Where a run is: its chunk, and its place there. In parts of two bytes, so that nothing is spent on alignment.
#[derive(Debug, Clone, Copy)]
struct Place([u16; 3]);

impl Place {
    fn of(chunk: u32, place: u16) -> Self {
        let [a, b, c, d] = chunk.to_be_bytes();
        Self([u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), place])
    }

    fn chunk(self) -> usize {
        let Self([high, low, _]) = self;
        (usize::from(high) << 16) | usize::from(low)
    }

    fn within(self) -> usize {
        let Self([.., place]) = self;
        usize::from(place)
    }
}

/// Where each run is, by the first half of its name. Names are digests, so hardly ever do two begin alike; where they do, the second one
/// stands under its whole name.
#[derive(Debug, Default)]
struct Index {
    halves: HashMap<[u16; 4], Place>,
    whole: HashMap<Name, Place>,
}

fn half(name: &Name) -> [u16; 4] {
    let mut half = [0; 4];
    half.iter_mut().zip(name.chunks_exact(2)).for_each(|(to, pair)| *to = pair.iter().fold(0, |word, byte| word << 8 | u16::from(*byte)));
    half
}

impl Index {
    fn insert(&mut self, name: Name, place: Place) {
        match self.halves.entry(half(&name)) {
            Slot::Vacant(slot) => {
                slot.insert(place);
            }
            Slot::Occupied(_) => {
                self.whole.insert(name, place);
            }
        }
    }

    /// Where it may be; who looks there sees whether it is.
    fn places(&self, name: &Name) -> impl Iterator<Item = Place> {
        [self.halves.get(&half(name)), self.whole.get(name)].into_iter().flatten().copied()
    }

    fn len(&self) -> usize {
        self.halves.len() + self.whole.len()
    }
}

/// Ended runs.
#[derive(Debug, Default)]
pub(crate) struct Past {
    full: Vec<Chunk>,
    open: Vec<u8>,
    index: Index,
    shared: Shared,
}

/// What many runs share, by place.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Shared {
    flows: Vec<Arc<str>>,
    plans: Vec<Digest>,
}

/// A run as it is packed. New fields go last and have a default.
#[derive(Debug, Serialize, Deserialize)]
struct Packed {
    name: Name,
    flow: u32,
    plan: u32,
    key: Arc<str>,
    status: u8,
    started_at: i64,
    /// Since it started.
    lasted: i64,
    first: u64,
    /// Since its first event.
    events: u64,
    payload: Digest,
    /// None where it is long.
    output: Option<Value>,
    more: Option<Box<More>>,
}

/// What few runs have.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct More {
    failure: Option<Failure>,
    cancelled: Option<Arc<str>>,
    concurrency_key: Option<Arc<str>>,
    cost: Option<Money>,
    waited: i64,
    parent: Option<Parent>,
    /// The run that it was forked from, and from which step on.
    forked: Option<(Arc<str>, Option<Arc<str>>)>,
    subjects: Vec<KeyName>,
    erased: bool,
}

/// Ended runs as they were at a moment: for a snapshot, and for whoever looks at all of them beside the loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Kept {
    chunks: Vec<Chunk>,
    shared: Shared,
}

/// Packed runs, compressed (LZ4 block format).
#[derive(Debug, Clone, PartialEq)]
struct Chunk(Arc<Vec<u8>>);

impl Chunk {
    fn of(bytes: &[u8]) -> Self {
        let mut small = lz4_flex::compress_prepend_size(bytes);
        small.shrink_to_fit();
        Self(Arc::new(small))
    }

    /// Nothing where it is none: one from outside is opened before it is believed.
    fn open(&self) -> Option<Vec<u8>> {
        // No chunk that we wrote is larger than one run and a full chunk.
        lz4_flex::decompress_size_prepended(&self.0).ok()
    }
}

impl Serialize for Chunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let chunk = Self(Arc::new(Blob::deserialize(deserializer)?.0.to_vec()));
        match chunk.open() {
            Some(_) => Ok(chunk),
            None => Err(serde::de::Error::custom("a chunk of ended runs cannot be opened")),
        }
    }
}

/// The runs of a chunk, each with its place.
fn packed(bytes: &[u8]) -> impl Iterator<Item = (u16, Packed)> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let place = u16::try_from(bytes.len() - rest.len()).ok().filter(|_| !rest.is_empty())?;
        Some((place, rmp_serde::from_read(&mut rest).ok()?))
    })
}

fn name_of(id: &str) -> Option<Name> {
    let mut name = [0; 16];
    let digits: Vec<u8> = id.chars().map_while(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    if digits.len() != 32 || id.len() != 32 {
        return None;
    }
    name.iter_mut().zip(digits.chunks_exact(2)).for_each(|(to, pair)| *to = pair.iter().fold(0, |byte, digit| byte << 4 | digit));
    Some(name)
}

fn place_in<T: PartialEq>(shared: &mut Vec<T>, wanted: T) -> u32 {
    let place = shared.iter().position(|one| *one == wanted).unwrap_or_else(|| {
        shared.push(wanted);
        shared.len() - 1
    });
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Past {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Takes a run that has ended; whether it could be packed. One whose name is none of ours is left to the caller.
    pub(crate) fn take(&mut self, run: &RunSummary) -> bool {
        self.pack(run, false)
    }

    /// The same of one whose answer is left in the log.
    fn take_left(&mut self, run: &RunSummary) {
        self.pack(run, true);
    }

    fn pack(&mut self, run: &RunSummary, is_left: bool) -> bool {
        let Some(name) = name_of(&run.id) else { return false };
        let more = More {
            failure: run.failure.clone(),
            cancelled: run.cancelled.clone(),
            concurrency_key: run.concurrency_key.clone(),
            cost: run.cost,
            waited: run.waited,
            parent: run.parent.clone(),
            forked: run.forked.clone(),
            subjects: run.subjects.to_vec(),
            erased: run.erased,
        };
        let short = !is_left && rmp_serde::to_vec(&run.output).is_ok_and(|bytes| bytes.len() <= LONGEST_OUTPUT);
        let packed = Packed {
            name,
            flow: place_in(&mut self.shared.flows, run.flow.clone()),
            plan: place_in(&mut self.shared.plans, run.plan),
            key: run.key.clone(),
            status: match run.status {
                RunStatus::Completed => 0,
                RunStatus::Cancelled => 1,
                _ => 2,
            },
            started_at: run.started_at,
            lasted: run.updated_at - run.started_at,
            first: run.first,
            events: run.last - run.first,
            payload: run.payload,
            output: short.then(|| run.output.clone()),
            more: (more != More::default()).then(|| Box::new(more)),
        };
        let Ok(bytes) = rmp_serde::to_vec(&packed) else { return false };
        if self.open.len() + bytes.len() > CHUNK && !self.open.is_empty() {
            self.full.push(Chunk::of(&self.open));
            self.open.clear();
        }
        if self.open.is_empty() {
            self.open.reserve_exact(CHUNK.max(bytes.len()));
        }
        // What begins in a chunk begins before its end.
        let (Ok(place), Ok(chunk)) = (u16::try_from(self.open.len()), u32::try_from(self.full.len())) else { return false };
        self.open.extend_from_slice(&bytes);
        self.index.insert(name, Place::of(chunk, place));
        true
    }

    /// A run; the second says whether its answer is left in the log.
    pub(crate) fn find(&self, id: &str) -> Option<(RunSummary, bool)> {
        let name = name_of(id)?;
        self.index
            .places(&name)
            .find_map(|place| self.at(place).filter(|packed| packed.name == name))
            .map(|packed| self.shared.unpack(packed))
    }

    fn at(&self, place: Place) -> Option<Packed> {
        let opened = match self.full.get(place.chunk()) {
            Some(chunk) => Some(chunk.open()?),
            None => None,
        };
        let bytes = opened.as_deref().unwrap_or(&self.open);
        packed(bytes.get(place.within()..)?).next().map(|(_, packed)| packed)
    }

    /// Whether there is such a run.
    pub(crate) fn holds(&self, id: &str) -> bool {
        // Another run's name could begin alike: only a look says which it is.
        name_of(id).is_some_and(|name| self.index.places(&name).any(|place| self.at(place).is_some_and(|packed| packed.name == name)))
    }

    /// All of them as they are now; what is full is shared with whoever asked.
    pub(crate) fn keep(&self) -> Kept {
        let mut chunks = self.full.clone();
        chunks.push(Chunk::of(&self.open));
        Kept { chunks, shared: self.shared.clone() }
    }

    /// Drops what runs say that met somebody whose keys are gone.
    pub(crate) fn erase(&mut self, keys: &[KeyName]) {
        let met = |run: &RunSummary| run.subjects.iter().any(|name| keys.contains(name));
        let kept = self.keep();
        if !kept.all().any(|(run, _)| met(&run)) {
            return;
        }
        let mut anew = Self::default();
        for (mut run, is_left) in kept.all() {
            if met(&run) {
                run.erase();
                if is_left {
                    run.output = Value::Erased;
                }
            } else if is_left {
                anew.take_left(&run);
                continue;
            }
            anew.take(&run);
        }
        *self = anew;
    }

    /// From a snapshot.
    pub(crate) fn of(kept: Kept) -> Self {
        let Kept { chunks: mut full, shared } = kept;
        let mut index = Index::default();
        for (number, chunk) in (0..).zip(&full) {
            let bytes = chunk.open().unwrap_or_default();
            packed(&bytes).for_each(|(place, packed)| index.insert(packed.name, Place::of(number, place)));
        }
        let mut open = full.pop().and_then(|open| open.open()).unwrap_or_default();
        open.reserve_exact(CHUNK.saturating_sub(open.len()));
        Self { full, open, index, shared }
    }
}

impl Kept {
    /// All of them, in the order in which they were taken; the second says whether the answer is left in the log.
    pub(crate) fn all(&self) -> impl Iterator<Item = (RunSummary, bool)> {
        let chunks = self.chunks.iter().map(|chunk| chunk.open().unwrap_or_default());
        chunks.flat_map(|bytes| packed(&bytes).collect::<Vec<_>>()).map(|(_, packed)| self.shared.unpack(packed))
    }
}

impl Shared {
    fn unpack(&self, packed: Packed) -> (RunSummary, bool) {
        let more = packed.more.map_or_else(More::default, |more| *more);
        let is_left = packed.output.is_none();
        let summary = RunSummary {
            id: hexadecimal(&packed.name),
            flow: self.flows.get(packed.flow as usize).cloned().unwrap_or_default(),
            key: packed.key,
            status: match packed.status {
                0 => RunStatus::Completed,
                1 => RunStatus::Cancelled,
                _ => RunStatus::Failed,
            },
            started_at: packed.started_at,
            updated_at: packed.started_at + packed.lasted,
            output: packed.output.unwrap_or(Value::Null),
            waiting_on: Vec::new(),
            waits_for: Vec::new(),
            failure: more.failure,
            cancelled: more.cancelled,
            concurrency_key: more.concurrency_key,
            cost: more.cost,
            waited: more.waited,
            parent: more.parent,
            forked: more.forked,
            subjects: more.subjects.into(),
            erased: more.erased,
            payload: packed.payload,
            plan: self.plans.get(packed.plan as usize).copied().unwrap_or_default(),
            first: packed.first,
            last: packed.first + packed.events,
        };
        (summary, is_left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::FailureKind;

    fn run(number: u64) -> RunSummary {
        let id = crate::key::run_id("shop", "triage", &number.to_string()).0;
        let output = Value::record([("kind", Value::string("complaint")), ("known", Value::Int(number as i64))]);
        let failed = number % 7 == 3;
        RunSummary {
            id,
            flow: if number.is_multiple_of(2) { "triage" } else { "price" }.into(),
            key: format!("message-{number}").into(),
            status: if failed { RunStatus::Failed } else { RunStatus::Completed },
            started_at: 1_767_225_600_000_000 + number as i64,
            updated_at: 1_767_225_601_000_000 + number as i64,
            output: if failed { Value::Null } else { output },
            waiting_on: Vec::new(),
            waits_for: Vec::new(),
            failure: failed.then(|| Failure::coded(FailureKind::Policy, "too-much", "it is too much")),
            cancelled: None,
            concurrency_key: None,
            cost: None,
            waited: 0,
            parent: None,
            forked: None,
            subjects: Vec::new().into(),
            erased: false,
            payload: Digest::of(&number.to_be_bytes()),
            plan: Digest::of(b"plan"),
            first: 1 + number * 12,
            last: 11 + number * 12,
        }
    }

    #[test]
    fn what_is_packed_comes_back_as_it_was_also_from_a_snapshot() {
        let mut past = Past::default();
        let runs: Vec<RunSummary> = (0..20_000).map(run).collect();
        assert!(runs.iter().all(|run| past.take(run)));
        assert!(past.full.len() > 1, "several chunks");
        let bytes = rmp_serde::to_vec(&past.keep()).unwrap();
        let again = Past::of(rmp_serde::from_slice(&bytes).unwrap());
        for past in [&past, &again] {
            assert_eq!(past.len(), runs.len());
            for run in runs.iter().step_by(97) {
                assert_eq!(past.find(&run.id), Some((run.clone(), false)));
            }
            assert!(past.keep().all().map(|(run, _)| run).eq(runs.iter().cloned()));
        }
        assert!(!past.holds("0123456789abcdef0123456789abcdef") && !past.holds("no name"));
    }

    #[test]
    fn two_whose_names_begin_alike_are_told_apart() {
        let mut past = Past::default();
        let named = |id: &str, number: u64| RunSummary { id: id.into(), ..run(number) };
        let (one, other) = (named("0123456789abcdef0000000000000000", 1), named("0123456789abcdef0000000000000001", 2));
        assert!(past.take(&one) && past.take(&other));
        let again = Past::of(past.keep());
        for past in [&past, &again] {
            assert_eq!((past.find(&one.id), past.find(&other.id)), (Some((one.clone(), false)), Some((other.clone(), false))));
            assert!(!past.holds("0123456789abcdef0000000000000002"));
            assert_eq!(past.len(), 2);
        }
    }

    #[test]
    fn a_long_answer_is_left_in_the_log() {
        let mut past = Past::default();
        let long = RunSummary { output: Value::string("x".repeat(500)), ..run(1) };
        assert!(past.take(&long));
        let (found, is_left) = past.find(&long.id).unwrap();
        assert!(is_left);
        assert_eq!(RunSummary { output: long.output.clone(), ..found }, long);
    }

    /// The claim that memory stays flat: bytes, whatever the machine.
    #[test]
    fn a_hundred_thousand_runs_take_less_than_twelve_megabytes() {
        let mut past = Past::default();
        (0..100_000).for_each(|number| assert!(past.take(&run(number))));
        let packed: usize = past.full.iter().map(|chunk| chunk.0.capacity()).sum::<usize>() + past.open.capacity();
        let index = past.index.halves.capacity() * (size_of::<([u16; 4], Place)>() + 1) * 8 / 7;
        assert!(packed + index < 12 << 20, "{packed} and {index} bytes");
    }
}
