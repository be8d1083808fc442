//! The ledger of a twin: JSON lines, written before the twin answers; the whole state of the twin is in it.
//!
//! A line counts once its newline is there. A torn last line (the twin was killed while writing) is cut; a broken line
//! elsewhere is refused, since what follows it could not be trusted.

use super::effects::Effect;
use super::world::{TwinAnswer, TwinRequest, TwinWorld};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Entry {
    /// An order that the shop has from the start.
    Seed { seed: Json },
    /// A request, before it is worked.
    Request(Box<Recorded>),
    /// What became of a request.
    Outcome(Outcome),
}

/// A request, before it is worked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recorded {
    /// Counted from 1.
    pub(crate) n: u64,
    /// Microseconds since 1970 UTC.
    pub(crate) at: i64,
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) query: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<String>,
    #[serde(default, skip_serializing_if = "Json::is_null")]
    pub(crate) body: Json,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outcome {
    /// The request's number.
    pub(crate) n: u64,
    pub(crate) status: u16,
    /// An injected fault answered; the world never saw the request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) injected: bool,
    /// It was worked, and its answer was withheld on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dropped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) effect: Option<Effect>,
    /// What else a request did that held several calls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) further: Vec<Effect>,
}

impl Outcome {
    /// What an injected fault answers.
    pub(crate) fn injected(n: u64, status: u16) -> Self {
        Self { n, status, injected: true, dropped: false, effect: None, further: Vec::new() }
    }

    /// What the world answers.
    pub(crate) fn of(n: u64, answer: &TwinAnswer, dropped: bool) -> Self {
        let mut effects = answer.effects.iter().cloned();
        Self { n, status: answer.status, injected: false, dropped, effect: effects.next(), further: effects.collect() }
    }
}

impl Entry {
    /// What the request did.
    pub(crate) fn into_effects(self) -> Vec<Effect> {
        match self {
            Self::Outcome(outcome) => outcome.effect.into_iter().chain(outcome.further).collect(),
            Self::Seed { .. } | Self::Request(_) => Vec::new(),
        }
    }
}

impl Recorded {
    fn into_request(self) -> TwinRequest {
        TwinRequest { method: self.method, path: self.path, query: self.query, key: self.key, body: self.body }
    }
}

/// The entries of a ledger and how many bytes they fill; what follows is a torn line.
pub(crate) fn parse(bytes: &[u8]) -> Result<(Vec<Entry>, u64), String> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes.get(..whole).unwrap_or_default().split_inclusive(|byte| *byte == b'\n');
    let entries = lines
        .enumerate()
        .map(|(index, line)| serde_json::from_slice(line).map_err(|error| format!("line {} of the ledger is damaged: {error}", index + 1)));
    Ok((entries.collect::<Result<_, _>>()?, whole as u64))
}

/// An open ledger and the world it describes. One process holds it.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: File,
    length: u64,
    last: u64,
}

impl Ledger {
    /// Opens or creates a ledger, cuts a torn line, and rebuilds the world by working its requests again.
    pub(crate) fn open(path: &Path) -> io::Result<(Self, TwinWorld)> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another twin holds the ledger"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (entries, whole) = parse(&bytes).map_err(damaged)?;
        if whole < bytes.len() as u64 {
            file.set_len(whole)?;
        }
        let (world, last) = rebuild(entries).map_err(damaged)?;
        Ok((Self { file, length: whole, last }, world))
    }

    /// Adds the orders that the world does not know yet.
    pub(crate) fn seed(&mut self, world: &mut TwinWorld, orders: &Path) -> io::Result<()> {
        let text = std::fs::read_to_string(orders)?;
        let mut lines = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let wrong = |error: String| damaged(format!("{}, line {}: {error}", orders.display(), index + 1));
            let seed: Json = serde_json::from_str(line).map_err(|error| wrong(error.to_string()))?;
            if world.seed_order(&seed).map_err(wrong)? {
                push(&mut lines, &Entry::Seed { seed })?;
            }
        }
        self.write(&lines)
    }

    /// Records a request. On an error nothing may be worked.
    pub(crate) fn request(&mut self, at: i64, request: &TwinRequest) -> io::Result<u64> {
        let n = self.last + 1;
        let TwinRequest { method, path, query, key, body } = request.clone();
        self.write_entry(&Entry::Request(Box::new(Recorded { n, at, method, path, query, key, body })))?;
        self.last = n;
        Ok(n)
    }

    /// Records what became of it. On an error nothing may be answered.
    pub(crate) fn outcome(&mut self, outcome: Outcome) -> io::Result<()> {
        self.write_entry(&Entry::Outcome(outcome))
    }

    fn write_entry(&mut self, entry: &Entry) -> io::Result<()> {
        let mut line = Vec::new();
        push(&mut line, entry)?;
        self.write(&line)
    }

    /// Straight to the file: nothing is kept back in a buffer of ours when the process is killed.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(lines) {
            // A full disk may have taken half a line; what follows it must not be glued to it.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += lines.len() as u64;
        Ok(())
    }
}

fn push(lines: &mut Vec<u8>, entry: &Entry) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, entry)?;
    lines.push(b'\n');
    Ok(())
}

/// Works every request that has an outcome, in the order of the outcomes, which is the order in which they were worked.
/// A request without one was never worked as far as anybody can know: its sender has no answer and will ask again.
fn rebuild(entries: Vec<Entry>) -> Result<(TwinWorld, u64), String> {
    let mut world = TwinWorld::default();
    let mut waiting: BTreeMap<u64, TwinRequest> = BTreeMap::new();
    let mut last = 0;
    for entry in entries {
        match entry {
            Entry::Seed { seed } => {
                world.seed_order(&seed)?;
            }
            Entry::Request(recorded) => {
                last = last.max(recorded.n);
                waiting.insert(recorded.n, recorded.into_request());
            }
            Entry::Outcome(outcome) => {
                let request = waiting.remove(&outcome.n).ok_or_else(|| format!("the ledger has no request {}", outcome.n))?;
                if outcome.injected {
                    continue;
                }
                let again = Outcome::of(outcome.n, &world.handle(&request), outcome.dropped);
                if again != outcome {
                    return Err(format!("request {} of the ledger gives another outcome now", outcome.n));
                }
            }
        }
    }
    Ok((world, last))
}

fn damaged(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
