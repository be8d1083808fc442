//! Personal data in the log: what an event says of people is sealed with their keys before it is written, and opened when it is read.
//!
//! Values that a type marks `pii` or `secret` are sealed with the key of the subject that their record names. Whatever else a run that
//! has to do with personal data says (drafts, labels of people, failures, questions) is derived from them, and is sealed with the keys
//! of everybody whose data it had met by then: without one of those keys, nothing of it can be read. What remains in clear is the
//! shape of events, names, times, money and keys of effects, so that guards, chain and recovery need no key. It keeps no keys itself:
//! that is the [`Keyring`]'s.

mod cipher;
mod keyring;
mod personal;
pub(crate) mod places;
mod walk;

pub use keyring::{Kept, Key, KeyName, Keyring};
pub(crate) use personal::asks as asks_for_people;
pub use personal::{flow as is_personal, is_plain};

use crate::event::{Blob, Event, EventKind, Header, Used};
use crate::pinned::FlowGraph;
use crate::ports::StoreError;
use places::{Slot, visit};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Plan};
use tradewind_lang::value::Value;
use walk::Taker;

pub use walk::has_hole;

/// What stands where a text was that nobody can read any more.
pub const ERASED: &str = "erased";

/// Why a run ends that met somebody who was forgotten.
pub(crate) const FORGOTTEN: &str = "somebody whose data it works on was forgotten";

/// What a run says belongs to so many people at most; where it has met more, to a key of the run itself.
const CROWD: usize = 32;

/// Sealed parts of an event, all with the same keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The keys that open it, all of them together.
    pub(crate) keys: Vec<KeyName>,
    /// Which holes of the event its parts fill, counted in the order of [`places`].
    pub(crate) holes: Vec<u32>,
    /// The parts, sealed.
    pub(crate) bytes: Blob,
}

impl Block {
    /// Whether its parts were dropped as they were to be written, since somebody of them had been forgotten.
    fn is_hollow(&self) -> bool {
        self.bytes.0.is_empty()
    }
}

/// An event as it is written: with holes where personal data were.
pub(crate) struct Closed {
    pub(crate) kind: EventKind,
    pub(crate) used: Used,
    pub(crate) blocks: Vec<Block>,
}

/// Where an event happens, as far as it says whose its data are.
pub(crate) struct Scope<'a> {
    /// The plan that its run follows.
    pub(crate) plan: &'a Plan,
    /// The flow of its run.
    pub(crate) graph: Option<&'a FlowGraph>,
    /// Everybody whose data the run had met before it.
    pub(crate) subjects: &'a [KeyName],
}

/// Everybody whose data a run within another one meets by what is around it.
pub(crate) fn inherited(subjects: &[KeyName], run: &str) -> Vec<KeyName> {
    if subjects.len() > CROWD { vec![KeyName::of_run(run)] } else { subjects.to_vec() }
}

/// Every key that goes when somebody is forgotten: his own, those of runs that met him among too many others, and those of runs that
/// met him and hold what names nobody, such as an input whose flow says no type of it: that is his, for all that anybody knows.
pub(crate) fn keys_with<'a>(of: KeyName, runs: impl Iterator<Item = (&'a Arc<str>, &'a [KeyName])>, names: &mut BTreeSet<KeyName>) {
    names.insert(of);
    let met_him = runs.filter(|(_, met)| met.contains(&of));
    let own = met_him.map(|(run, met)| (KeyName::of_run(run), met)).filter(|(own, met)| met.len() > CROWD || met.contains(own));
    names.extend(own.map(|(own, _)| own));
}

/// Takes what an event says of people out of a copy of it; none where it says nothing. Notes in its header whose data those are.
///
/// # Errors
/// There are no keys, or a new one cannot be made.
pub(crate) fn close(event: &mut Event, scope: &Scope<'_>, keys: Option<&dyn Keyring>) -> Result<Option<Closed>, StoreError> {
    let is_personal = scope.graph.is_some_and(|graph| graph.personal) || !scope.subjects.is_empty();
    if !is_personal && !personal::carries(scope.plan, &event.kind) {
        return Ok(None);
    }
    // What could not be started is told in words that may be the sender's.
    let is_personal = is_personal || matches!(event.kind, EventKind::EventDispatched { .. });
    let keys =
        keys.ok_or_else(|| StoreError::Keys("the log was opened without keys, and personal data are never written in clear".to_owned()))?;
    let (mut kind, mut used) = (event.kind.clone(), event.used.clone());
    let place = event.header.run.clone().unwrap_or_else(|| format!("event {}", event.header.seq).into());
    let mut taker = Taker::new(scope, &event.header, is_personal, keys, owners(scope.subjects, &place, keys));
    visit(&mut kind, &mut used, &mut |slot| taker.take(slot));
    let groups = taker.finish()?;
    if groups.is_empty() {
        event.header.subjects = Arc::default();
        return Ok(None);
    }
    let mut blocks = Vec::with_capacity(groups.len());
    let mut subjects = BTreeSet::new();
    for (names, holes, parts) in groups {
        let Some(bytes) = sealed(&event.header, &names, &holes, &parts, keys)? else {
            // That something stood there is written all the same: whoever reads it knows that nothing can be decided from it again.
            event.header.erased = true;
            let keys = if names.is_empty() { gone(scope.subjects, keys) } else { names };
            blocks.push(Block { keys, holes, bytes: Blob(Arc::default()) });
            continue;
        };
        subjects.extend(names.iter().copied());
        blocks.push(Block { keys: names, holes, bytes });
    }
    event.header.subjects = subjects.into_iter().collect();
    Ok(Some(Closed { kind, used, blocks }))
}

/// Those who were forgotten.
fn gone(subjects: &[KeyName], keys: &dyn Keyring) -> Vec<KeyName> {
    subjects.iter().filter(|name| matches!(keys.key(**name), Kept::Erased)).copied().collect()
}

/// Whose what a run derives is; none where one of them was forgotten, so that nothing of it may be kept.
fn owners(subjects: &[KeyName], place: &str, keys: &dyn Keyring) -> Option<Vec<KeyName>> {
    if !gone(subjects, keys).is_empty() {
        return None;
    }
    let names: BTreeSet<KeyName> = subjects.iter().copied().collect();
    Some(if names.is_empty() || names.len() > CROWD { vec![KeyName::of_run(place)] } else { names.into_iter().collect() })
}

/// None where one of the keys is gone for good: then nothing may be written.
fn sealed(header: &Header, names: &[KeyName], holes: &[u32], parts: &[Value], keys: &dyn Keyring) -> Result<Option<Blob>, StoreError> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        match keys.make(*name)? {
            Kept::Here(key) => found.push(key),
            Kept::Erased => return Ok(None),
            Kept::Missing => return Err(missing(header.seq)),
        }
    }
    let plain = rmp_serde::to_vec(parts).map_err(|error| StoreError::Other(error.to_string()))?;
    let bytes = cipher::seal(&found, &bound_to(header, names, holes), plain);
    Ok(Some(Blob(bytes.ok_or_else(|| StoreError::Keys("a value could not be sealed".to_owned()))?.into())))
}

fn missing(seq: u64) -> StoreError {
    StoreError::Keys(format!("event {seq} holds personal data whose key the vault does not have"))
}

/// Fills the holes of an event from its blocks; without keys, as if all were erased.
///
/// # Errors
/// A block that was changed, or whose key is lost without having been forgotten.
pub(crate) fn open(event: &mut Event, blocks: &[Block], keys: Option<&dyn Keyring>) -> Result<(), StoreError> {
    let mut filled: HashMap<u32, Value> = HashMap::new();
    let mut subjects = BTreeSet::new();
    for block in blocks {
        if !block.is_hollow() {
            subjects.extend(block.keys.iter().copied());
        }
        let Some(parts) = opened(&event.header, block, keys)? else {
            event.header.erased = true;
            filled.extend(block.holes.iter().map(|hole| (*hole, Value::Erased)));
            continue;
        };
        filled.extend(block.holes.iter().copied().zip(parts));
    }
    event.header.subjects = subjects.into_iter().collect();
    let mut next = 0;
    visit(&mut event.kind, &mut event.used, &mut |slot| fill(slot, &mut next, &mut filled));
    Ok(())
}

fn opened(header: &Header, block: &Block, keys: Option<&dyn Keyring>) -> Result<Option<Vec<Value>>, StoreError> {
    let Some(keys) = keys.filter(|_| !block.is_hollow()) else { return Ok(None) };
    let mut found = Vec::with_capacity(block.keys.len());
    let mut is_missing = false;
    for name in &block.keys {
        match keys.key(*name) {
            Kept::Here(key) => found.push(key),
            Kept::Erased => return Ok(None),
            Kept::Missing => is_missing = true,
        }
    }
    if is_missing {
        return Err(missing(header.seq));
    }
    let damaged = || StoreError::Damaged(format!("event {}: its personal data were changed after they were sealed", header.seq));
    let plain = cipher::open(&found, &bound_to(header, &block.keys, &block.holes), &block.bytes.0).ok_or_else(damaged)?;
    rmp_serde::from_slice(&plain).map(Some).map_err(|_| damaged())
}

fn fill(slot: Slot<'_>, next: &mut u32, filled: &mut HashMap<u32, Value>) {
    let mut part = || {
        *next += 1;
        filled.remove(&(*next - 1))
    };
    match slot {
        Slot::Value(value, _) => walk::fill(value, &mut part),
        Slot::Text(text) => match part() {
            Some(Value::String(was)) => *text = was.to_string(),
            Some(_) => ERASED.clone_into(text),
            None => {}
        },
        Slot::Name(name) => match part() {
            Some(Value::String(was)) => *name = was,
            Some(_) => *name = ERASED.into(),
            None => {}
        },
        Slot::Digest(digest) => match part() {
            Some(Value::Bytes(was)) => *digest = Digest(<[u8; 32]>::try_from(&*was).unwrap_or_default()),
            Some(_) => *digest = Digest::default(),
            None => {}
        },
    }
}

/// The key of images that were made after so many keys had gone.
pub(crate) fn image_key(gone: usize) -> KeyName {
    KeyName::of_run(&format!("image {gone}"))
}

/// The same, made where it is not there yet.
pub(crate) fn make_image_key(gone: usize, keys: &dyn Keyring) -> Result<Key, StoreError> {
    let Kept::Here(key) = keys.make(image_key(gone))? else {
        return Err(StoreError::Keys("the key of the image is gone".to_owned()));
    };
    keys.settle()?;
    Ok(key)
}

/// The key that opens an image; none where it is gone, and no key where there are none at all: then there is nothing personal in it.
pub(crate) fn image_key_of(gone: u64, keys: Option<&dyn Keyring>) -> Option<Option<Key>> {
    let Some(keys) = keys else { return Some(None) };
    match keys.key(image_key(usize::try_from(gone).ok()?)) {
        Kept::Here(key) => Some(Some(key)),
        _ => None,
    }
}

fn place_of_block(number: u64) -> Vec<u8> {
    [&b"image"[..], &number.to_be_bytes()].concat()
}

/// A block of an image, sealed; none where it is longer than the cipher takes.
pub(crate) fn close_block(key: &Key, number: u64, plain: Vec<u8>) -> Option<Vec<u8>> {
    cipher::seal(std::slice::from_ref(key), &place_of_block(number), plain)
}

/// The same, opened; none where it is not that block, or the key another one.
pub(crate) fn open_block(key: &Key, number: u64, bytes: &[u8]) -> Option<Vec<u8>> {
    cipher::open(std::slice::from_ref(key), &place_of_block(number), bytes)
}

/// What a block is bound to: it opens nowhere else in the log.
fn bound_to(header: &Header, names: &[KeyName], holes: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96 + names.len() * 20 + holes.len() * 4);
    for text in [&*header.tenant, header.run.as_deref().unwrap_or_default()] {
        bytes.extend_from_slice(&(text.len() as u64).to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(&header.shard.to_be_bytes());
    bytes.extend_from_slice(&header.seq.to_be_bytes());
    bytes.extend_from_slice(&header.step.as_ref().map_or(u32::MAX, |step| u32::from(step.id.0)).to_be_bytes());
    for name in names {
        bytes.extend_from_slice(&name.of);
        bytes.extend_from_slice(&name.generation.to_be_bytes());
    }
    holes.iter().for_each(|hole| bytes.extend_from_slice(&hole.to_be_bytes()));
    bytes
}
