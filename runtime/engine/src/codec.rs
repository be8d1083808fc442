//! Events to the bytes of a segment and back.
//!
//! What many events of a commit share (runs, steps, actors, digests) is written once, in front;
//! every decoded event carries its full header again. What an event says of people is written sealed beside it, with holes where it
//! was ([`crate::seal`]). It checks no hashes: that is [`crate::segment`]'s.

use crate::event::{Blob, EVENT_FORMAT, Event, EventKind, Header, StepRef, Used};
use crate::ports::StoreError;
use crate::seal::{self, Block, Closed, KeyName, Keyring};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Digest, StepId};

/// What is common to the events of a segment.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Front {
    format: u16,
    tenant: Arc<str>,
    shard: u32,
    semantics: u32,
    /// Plan, its format, active policies.
    digests: Vec<(Digest, u32, Digest)>,
    /// Id, trace.
    runs: Vec<(Arc<str>, [u8; 16])>,
    /// Names of steps and actors.
    names: Vec<Arc<str>>,
    /// The earliest `at`.
    from: i64,
    /// Names of keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<KeyName>,
}

/// Sealed parts of an event: keys by their place in front, holes, bytes.
type Sealed = (Vec<u32>, Vec<u32>, Blob);

/// One event, naming entries of the front by place, as it is written.
#[derive(Debug, Serialize)]
struct RowOut<'a> {
    run: Option<u32>,
    step: Option<(u16, u32)>,
    after: i64,
    actor: u32,
    digests: u32,
    causation: u64,
    kind: &'a EventKind,
    used: &'a Used,
    cost: Option<Money>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sealed: Vec<Sealed>,
}

/// The same as it is read; new fields go last and have a default.
#[derive(Debug, Deserialize)]
struct RowIn {
    run: Option<u32>,
    step: Option<(u16, u32)>,
    after: i64,
    actor: u32,
    digests: u32,
    causation: u64,
    kind: EventKind,
    used: Used,
    cost: Option<Money>,
    #[serde(default)]
    sealed: Vec<Sealed>,
}

/// A place in a segment under way.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    bytes: usize,
    count: u32,
}

/// Gathers the events of one segment.
#[derive(Debug, Default)]
pub struct Writer {
    front: Front,
    digests: HashMap<(Digest, Digest), u32>,
    runs: HashMap<Arc<str>, u32>,
    names: HashMap<Arc<str>, u32>,
    keys: HashMap<KeyName, u32>,
    rows: Vec<u8>,
    count: u32,
}

impl Writer {
    /// Adds an event, as it is or with what is personal in it sealed.
    ///
    /// # Errors
    /// A value that MessagePack cannot hold.
    pub(crate) fn push(&mut self, event: &Event, closed: Option<Closed>) -> Result<(), String> {
        let header = &event.header;
        if self.count == 0 {
            self.front.format = EVENT_FORMAT;
            self.front.tenant = header.tenant.clone();
            self.front.shard = header.shard;
            self.front.semantics = header.semantics;
            self.front.from = header.at;
        }
        let digests = match self.digests.get(&(header.plan, header.policy)) {
            Some(place) => *place,
            None => {
                let place = place_of(self.front.digests.len());
                self.front.digests.push((header.plan, header.plan_format, header.policy));
                self.digests.insert((header.plan, header.policy), place);
                place
            }
        };
        let run = header.run.as_ref().map(|run| match self.runs.get(run) {
            Some(place) => *place,
            None => {
                let place = place_of(self.front.runs.len());
                self.front.runs.push((run.clone(), header.trace));
                self.runs.insert(run.clone(), place);
                place
            }
        });
        let step = header.step.as_ref().map(|step| (step.id.0, self.name(&step.name)));
        let actor = self.name(&header.actor);
        let (kind, used, blocks) = match closed {
            Some(Closed { kind, used, blocks }) => (Some(kind), Some(used), blocks),
            None => (None, None, Vec::new()),
        };
        let sealed = blocks.into_iter().map(|block| (block.keys.iter().map(|name| self.key(*name)).collect(), block.holes, block.bytes));
        let sealed = sealed.collect();
        let row = RowOut {
            run,
            step,
            after: header.at - self.front.from,
            actor,
            digests,
            causation: header.causation,
            kind: kind.as_ref().unwrap_or(&event.kind),
            used: used.as_ref().unwrap_or(&event.used),
            cost: event.cost,
            sealed,
        };
        rmp_serde::encode::write(&mut self.rows, &row).map_err(|error| error.to_string())?;
        self.count += 1;
        Ok(())
    }

    /// Where it stands, for [`Writer::back_to`].
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark { bytes: self.rows.len(), count: self.count }
    }

    /// Takes back every event since a mark; the names that they brought stay in front, unused.
    pub fn back_to(&mut self, mark: Mark) {
        self.rows.truncate(mark.bytes);
        self.count = mark.count;
        if mark.count == 0 {
            *self = Self::default();
        }
    }

    /// How many bytes the events take so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// How many events there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether there is no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The body of the segment.
    ///
    /// # Errors
    /// A name that MessagePack cannot hold.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        let mut body = rmp_serde::to_vec(&self.front).map_err(|error| error.to_string())?;
        body.extend_from_slice(&self.rows);
        Ok(body)
    }

    fn key(&mut self, name: KeyName) -> u32 {
        let next = place_of(self.front.keys.len());
        let place = *self.keys.entry(name).or_insert(next);
        if place == next {
            self.front.keys.push(name);
        }
        place
    }

    fn name(&mut self, name: &Arc<str>) -> u32 {
        if let Some(place) = self.names.get(name) {
            return *place;
        }
        let place = place_of(self.front.names.len());
        self.front.names.push(name.clone());
        self.names.insert(name.clone(), place);
        place
    }
}

fn place_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The events of a segment's body, opened with the keys; without any, what is personal in them reads as erased.
///
/// # Errors
/// Bytes that are no events, events of a newer format, or sealed parts whose key is lost; the text names the first seq.
pub(crate) fn decode(first: u64, count: u32, body: &[u8], keys: Option<&dyn Keyring>) -> Result<Vec<Event>, StoreError> {
    let fail = |error: String| StoreError::Damaged(format!("the segment at {first} cannot be read: {error}"));
    let mut reader = rmp_serde::Deserializer::from_read_ref(body);
    let front = Front::deserialize(&mut reader).map_err(|error| fail(error.to_string()))?;
    if front.format > EVENT_FORMAT {
        let newer = format!("its events have format {}, this version reads up to {EVENT_FORMAT}", front.format);
        return Err(StoreError::Newer(format!("the segment at {first} cannot be read: {newer}")));
    }
    let mut events = Vec::with_capacity(count.min(4096) as usize);
    for place in 0..u64::from(count) {
        let mut row = RowIn::deserialize(&mut reader).map_err(|error| fail(error.to_string()))?;
        let sealed = std::mem::take(&mut row.sealed);
        let mut event = whole(&front, first + place, row).ok_or_else(|| fail("a name is missing".to_owned()))?;
        if !sealed.is_empty() {
            let blocks: Option<Vec<Block>> = sealed.into_iter().map(|sealed| block(&front, sealed)).collect();
            seal::open(&mut event, &blocks.ok_or_else(|| fail("the name of a key is missing".to_owned()))?, keys)?;
        }
        events.push(event);
    }
    Ok(events)
}

fn block(front: &Front, (keys, holes, bytes): Sealed) -> Option<Block> {
    let keys = keys.into_iter().map(|place| front.keys.get(place as usize).copied()).collect::<Option<Vec<KeyName>>>()?;
    Some(Block { keys, holes, bytes })
}

fn whole(front: &Front, seq: u64, row: RowIn) -> Option<Event> {
    let (plan, plan_format, policy) = *front.digests.get(row.digests as usize)?;
    let (run, trace) = match row.run {
        None => (None, [0; 16]),
        Some(place) => front.runs.get(place as usize).map(|(run, trace)| (Some(run.clone()), *trace))?,
    };
    let step = match row.step {
        None => None,
        Some((id, name)) => Some(StepRef { id: StepId(id), name: front.names.get(name as usize)?.clone() }),
    };
    let header = Header {
        format: front.format,
        tenant: front.tenant.clone(),
        shard: front.shard,
        seq,
        run,
        step,
        at: front.from + row.after,
        actor: front.names.get(row.actor as usize)?.clone(),
        causation: row.causation,
        trace,
        plan,
        plan_format,
        policy,
        semantics: front.semantics,
        subjects: Arc::default(),
        erased: false,
    };
    Some(Event { header, kind: row.kind, used: row.used, cost: row.cost })
}
