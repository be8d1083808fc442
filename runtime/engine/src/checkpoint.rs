//! Checkpoints: signed statements of how far a shard's log goes, and what its newest hash is there.
//!
//! Kept apart from the store, they tell a store that was put back to an earlier day, or lost its end, from the one that worked:
//! the chain alone is whole there, too. A line holds an ed25519 signature, the public key and the statement that was signed.
//! It reads and writes no file, and knows no clock.

use crate::segment::Segment;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::Digest;

/// The version of what a line says; counted up when an older binary could not judge a newer one.
pub const CHECKPOINT_FORMAT: u32 = 1;
/// Stands before what is signed, so that no signature means anything elsewhere.
const PURPOSE: &[u8] = b"tradewind checkpoint\n";

/// How far a log goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`CHECKPOINT_FORMAT`] of its writer.
    pub format: u32,
    /// Whose log: the project's name.
    pub tenant: String,
    /// The shard.
    pub shard: u32,
    /// The number of its last event; a segment ends with it.
    pub events: u64,
    /// The hash of that segment, as hexadecimal digits.
    pub head: String,
    /// When it was signed, in microseconds since 1970 UTC.
    pub at: i64,
    /// Who let the log go on from here although it had been further, or another one; none for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
}

/// An operator's word that a log which does not meet its last checkpoint is the right one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Who: an address.
    pub by: String,
    /// Why, for people.
    pub reason: String,
    /// How far the log had been.
    pub instead_of: u64,
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "the checkpoint of event {} ({})", self.events, timestamp_text(self.at))
    }
}

/// A public key: who signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl fmt::Display for PublicKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

impl PublicKey {
    /// A key from hexadecimal digits; none where they are no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        <[u8; 32]>::try_from(unhex(text)?).ok().map(Self)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes from hexadecimal digits; none where they are not.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

/// A hash from hexadecimal digits; none where they are none.
#[must_use]
pub fn digest(text: &str) -> Option<Digest> {
    <[u8; 32]>::try_from(unhex(text)?).ok().map(Digest)
}

/// Whoever signs. It has no text of its own: the secret never leaves it.
pub struct Signer(Ed25519KeyPair);

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Signer").field("key", &self.key().to_string()).finish_non_exhaustive()
    }
}

impl Signer {
    /// A new secret, as the text of a key file.
    ///
    /// # Errors
    /// The system has no chance to give.
    pub fn new_secret() -> Result<String, String> {
        let mut seed = [0; 32];
        SystemRandom::new().fill(&mut seed).map_err(|_| "the system gives no random bytes".to_owned())?;
        Ok(format!("{}\n", hex(&seed)))
    }

    /// From the text of a key file; none where it is no key.
    #[must_use]
    pub fn of_secret(text: &str) -> Option<Self> {
        let seed = unhex(text.trim()).filter(|seed| seed.len() == 32)?;
        Ed25519KeyPair::from_seed_unchecked(&seed).ok().map(Self)
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        let mut key = [0; 32];
        key.iter_mut().zip(self.0.public_key().as_ref()).for_each(|(to, from)| *to = *from);
        PublicKey(key)
    }

    /// A line, with its end, that says so.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let statement = serde_json::to_string(checkpoint).unwrap_or_default();
        let signature = self.0.sign(&purposed(&statement));
        format!("{} {} {statement}\n", hex(signature.as_ref()), self.key())
    }
}

fn purposed(statement: &str) -> Vec<u8> {
    [PURPOSE, statement.as_bytes()].concat()
}

/// A line whose signature is that of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub checkpoint: Checkpoint,
    /// By whom.
    pub key: PublicKey,
}

/// Reads a line.
///
/// # Errors
/// Why it cannot be believed, for people.
pub fn read(line: &str) -> Result<Signed, String> {
    let mut parts = line.trim_end_matches('\n').splitn(3, ' ');
    let (Some(signature), Some(key), Some(statement)) = (parts.next(), parts.next(), parts.next()) else {
        return Err("it is no checkpoint".to_owned());
    };
    let (Some(signature), Some(key)) = (unhex(signature), PublicKey::parse(key)) else {
        return Err("it is no checkpoint".to_owned());
    };
    UnparsedPublicKey::new(&ED25519, key.0)
        .verify(&purposed(statement), &signature)
        .map_err(|_| "its signature is not that of what it says".to_owned())?;
    let checkpoint: Checkpoint = serde_json::from_str(statement).map_err(|error| format!("it is no checkpoint: {error}"))?;
    if checkpoint.format > CHECKPOINT_FORMAT {
        return Err(format!("it has format {}, and this version reads up to {CHECKPOINT_FORMAT}", checkpoint.format));
    }
    Ok(Signed { checkpoint, key })
}

/// Why a file of checkpoints cannot be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbelievable {
    /// The line, from 1.
    pub line: usize,
    /// For people.
    pub why: String,
}

/// Reads the lines of a file, each of which must be signed by `key`. A last line without an end is one that was being written when the
/// process ended: it says nothing yet.
///
/// # Errors
/// The first line that cannot be believed.
pub fn read_all(text: &str, key: Option<PublicKey>) -> Result<Vec<Signed>, Unbelievable> {
    let mut signed = Vec::new();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    for (line, number) in whole.lines().zip(1..) {
        let unbelievable = |why: String| Unbelievable { line: number, why };
        let one = read(line).map_err(unbelievable)?;
        if key.is_some_and(|key| key != one.key) {
            return Err(unbelievable(format!("it is signed by another key, {}", one.key)));
        }
        signed.push(one);
    }
    Ok(signed)
}

/// The checkpoints that a log must meet: where somebody let it go on from an earlier place, those behind that place are void.
#[must_use]
pub fn standing(signed: &[Signed]) -> Vec<Checkpoint> {
    let mut standing: Vec<Checkpoint> = Vec::new();
    for Signed { checkpoint, .. } in signed {
        if checkpoint.accepted.is_some() {
            // What was accepted may be another log altogether: from here on this is where it is measured.
            standing.clear();
        }
        standing.push(checkpoint.clone());
    }
    standing.sort_by_key(|checkpoint| checkpoint.events);
    standing
}

/// Holds a log against its checkpoints while it is read in order.
#[derive(Debug, Default)]
pub struct Witness {
    due: VecDeque<Checkpoint>,
    met: u64,
}

impl Witness {
    /// Of these checkpoints, for a log that is read from event `from` on: of what was archived before, only its end is asked for.
    #[must_use]
    pub fn new(mut standing: Vec<Checkpoint>, from: u64) -> Self {
        standing.retain(|checkpoint| checkpoint.events + 1 >= from && checkpoint.events > 0);
        standing.sort_by_key(|checkpoint| checkpoint.events);
        Self { due: standing.into(), met: 0 }
    }

    /// What is before the first segment that is read ends with this event, and this hash.
    ///
    /// # Errors
    /// A checkpoint that it contradicts, for people.
    pub fn begin(&mut self, events: u64, head: Digest) -> Result<(), String> {
        while let Some(checkpoint) = self.due.front().filter(|checkpoint| checkpoint.events <= events) {
            if checkpoint.events == events && checkpoint.head != head.to_string() {
                return Err(format!("the log is not the one of {checkpoint}: what is archived ends otherwise"));
            }
            self.met += 1;
            self.due.pop_front();
        }
        Ok(())
    }

    /// The next segment of the log.
    ///
    /// # Errors
    /// A checkpoint that it contradicts, for people.
    pub fn see(&mut self, segment: &Segment) -> Result<(), String> {
        let end = segment.first + u64::from(segment.count) - 1;
        while let Some(checkpoint) = self.due.front().filter(|checkpoint| checkpoint.events <= end) {
            let is_met = match checkpoint.events {
                events if events == end => checkpoint.head == segment.hash.to_string(),
                events if events + 1 == segment.first => checkpoint.head == segment.previous.to_string(),
                _ => false,
            };
            if !is_met || checkpoint.shard != segment.shard {
                return Err(format!("the log is not the one of {checkpoint}: another segment ends there, or none does"));
            }
            self.met += 1;
            self.due.pop_front();
        }
        Ok(())
    }

    /// The log has ended with so many events.
    ///
    /// # Errors
    /// A checkpoint that it does not reach, for people.
    pub fn end(self, events: u64) -> Result<u64, String> {
        match self.due.back() {
            None => Ok(self.met),
            Some(last) => Err(format!("the log ends at event {events}, before {last}: its end is missing, or it is an older copy")),
        }
    }
}

/// The checkpoint of a log that stands so.
#[must_use]
pub fn of(tenant: &str, shard: u32, events: u64, head: Digest, at: i64) -> Checkpoint {
    Checkpoint { format: CHECKPOINT_FORMAT, tenant: tenant.to_owned(), shard, events, head: head.to_string(), at, accepted: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer::of_secret(&"17".repeat(32)).unwrap()
    }

    fn chain(count: u64) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for number in 0..count {
            let previous = segments.last().map_or(Digest::default(), |last| last.hash);
            segments.push(Segment::seal(0, 1 + number * 3, 3, previous, vec![7; 5]));
        }
        segments
    }

    fn held_against(segments: &[Segment], standing: Vec<Checkpoint>) -> Result<u64, String> {
        let mut witness = Witness::new(standing, 1);
        segments.iter().try_for_each(|segment| witness.see(segment))?;
        witness.end(segments.last().map_or(0, |last| last.first + 2))
    }

    #[test]
    fn a_line_is_believed_and_a_changed_one_is_not() {
        let line = signer().sign(&of("shop", 0, 12, Digest::of(b"head"), 1_700_000_000_000_000));
        assert_eq!(read(&line).unwrap().checkpoint.events, 12);
        assert_eq!(read(&line).unwrap().key, signer().key());
        for place in 0..line.len() - 1 {
            let mut bytes = line.clone().into_bytes();
            bytes[place] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(read(&changed).is_err(), "byte {place} was changed and nobody minded: {changed}");
        }
    }

    #[test]
    fn a_key_of_another_or_a_half_written_line_says_nothing() {
        let line = signer().sign(&of("shop", 0, 12, Digest::default(), 0));
        let half = &line[..line.len() - 9];
        assert_eq!(read_all(&format!("{line}{half}"), Some(signer().key())).unwrap().len(), 1);
        let other = Signer::of_secret(&"18".repeat(32)).unwrap();
        let refused = read_all(&format!("{line}{}", other.sign(&of("shop", 0, 13, Digest::default(), 0))), Some(signer().key()));
        assert_eq!(refused.unwrap_err().line, 2);
        assert!(Signer::of_secret("short").is_none());
        assert_ne!(Signer::new_secret().unwrap(), Signer::new_secret().unwrap());
    }

    #[test]
    fn an_older_a_shortened_and_another_log_are_told_from_the_one_that_was_signed() {
        let segments = chain(4);
        let at = |place: usize| of("shop", 0, 3 * (place as u64 + 1), segments[place].hash, 0);
        assert_eq!(held_against(&segments, vec![at(1), at(3)]), Ok(2));
        assert!(held_against(&segments[..3], vec![at(1), at(3)]).unwrap_err().contains("an older copy"));
        let other = of("shop", 0, 6, Digest::of(b"another"), 0);
        assert!(held_against(&segments, vec![other]).unwrap_err().contains("not the one"));
        assert_eq!(held_against(&segments[2..], vec![at(1), at(3)]), Ok(2), "the end of what is archived is the beginning of what follows");
        let between = of("shop", 0, 5, segments[1].hash, 0);
        assert!(held_against(&segments, vec![between]).unwrap_err().contains("not the one"));
    }

    #[test]
    fn what_was_accepted_counts_from_then_on() {
        let segments = chain(4);
        let signed = |checkpoint: Checkpoint| read(&signer().sign(&checkpoint)).unwrap();
        let last = signed(of("shop", 0, 12, segments[3].hash, 0));
        let accepted = Accepted { by: "ops".to_owned(), reason: "restored".to_owned(), instead_of: 12 };
        let accepted = signed(Checkpoint { accepted: Some(accepted), ..of("shop", 0, 6, segments[1].hash, 1) });
        assert!(held_against(&segments[..2], standing(std::slice::from_ref(&last))).is_err());
        assert_eq!(held_against(&segments[..2], standing(&[last, accepted])), Ok(1));
    }
}
