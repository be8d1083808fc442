//! An export: a shard's log, or the first part of it, in one file that says by itself whether it is whole.
//!
//! The file is a line that names the format, and frames: a header, checkpoints, segments in order, and an end that counts them. Each
//! frame begins with its kind, its length and four bytes that belong to both and to its place, and ends with sixteen bytes of the BLAKE3
//! of all of that: every byte of the file is covered, and damage is told by the frame it is in. The segments' own chain and the signed
//! checkpoints say the rest: that the frames are those of the log. Both sides read and write as they go, and hold one frame at a time.
//!
//! It opens no file, and trusts no length that it has not checked.

mod reading;

use crate::checkpoint::{PublicKey, Signed};
use crate::segment::Segment;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io::{self, Write};
use tradewind_lang::plan::Digest;

pub use reading::{Frame, Reading, verify};

/// How a file begins; the number is the version of the format.
pub const MAGIC: &[u8; 16] = b"tradewind-log 1\n";
/// The part of [`MAGIC`] that every version has.
const FAMILY: &[u8] = b"tradewind-log ";
/// Longest frame that is read; no store takes a longer segment.
const LONGEST: u32 = 64 << 20;

/// What a frame holds.
const HEADER: u8 = b'H';
const CHECKPOINT: u8 = b'C';
const SEGMENT: u8 = b'S';
const END: u8 = b'E';

/// What an export is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Whose log: the project's name.
    pub tenant: String,
    /// The shard.
    pub shard: u32,
    /// The number of its first event.
    pub from: u64,
    /// The hash of the segment before that, as hexadecimal digits; zeros at the beginning of a log.
    pub previous: String,
    /// When it was made, in microseconds since 1970 UTC.
    pub at: i64,
}

/// What a whole export holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is of.
    pub header: Header,
    /// How many segments.
    pub segments: u64,
    /// The number of its last event; one less than `header.from` where it holds none.
    pub last: u64,
    /// The hash of its last segment.
    pub head: Digest,
    /// Checkpoints that it meets.
    pub checkpoints: u64,
    /// Who signed them; none where there are none.
    pub key: Option<PublicKey>,
    /// How many bytes it has.
    pub bytes: u64,
}

impl Report {
    /// How many events it holds.
    #[must_use]
    pub fn events(&self) -> u64 {
        (self.last + 1).saturating_sub(self.header.from)
    }
}

/// The frame that ends an export.
#[derive(Debug, Serialize, Deserialize)]
struct End {
    segments: u64,
    last: u64,
    head: String,
}

/// Where an export is not what it was when it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first byte of the part that is damaged.
    pub from: u64,
    /// The byte behind it.
    pub until: u64,
    /// What that part is, such as `the segment that begins with event 17`.
    pub part: String,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "bytes {} to {}, {}: {}", self.from, self.until.saturating_sub(1), self.part, self.what)
    }
}

/// The four bytes that say that kind and length of a frame are what they were, and stand where they stood.
fn tag(at: u64, kind: u8, length: u32) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"tradewind frame");
    hasher.update(&at.to_be_bytes());
    hasher.update(&[kind]);
    hasher.update(&length.to_be_bytes());
    let mut tag = [0; 4];
    tag.iter_mut().zip(hasher.finalize().as_bytes()).for_each(|(to, from)| *to = *from);
    tag
}

/// The sixteen bytes behind what a frame holds.
fn check(at: u64, kind: u8, parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&at.to_be_bytes());
    hasher.update(&[kind]);
    for part in parts {
        hasher.update(part);
    }
    let mut check = [0; 16];
    check.iter_mut().zip(hasher.finalize().as_bytes()).for_each(|(to, from)| *to = *from);
    check
}

/// Writes an export.
#[derive(Debug)]
pub struct Writing<W> {
    out: W,
    at: u64,
    header: Header,
    segments: u64,
    next: u64,
    head: Digest,
    key: Option<PublicKey>,
    checkpoints: u64,
}

impl<W: Write> Writing<W> {
    /// Begins one.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn begin(out: W, header: Header, previous: Digest) -> io::Result<Self> {
        let next = header.from;
        let mut writing = Self { out, at: 0, header, segments: 0, next, head: previous, key: None, checkpoints: 0 };
        writing.header.previous = previous.to_string();
        writing.out.write_all(MAGIC)?;
        writing.at = MAGIC.len() as u64;
        let text = serde_json::to_vec(&writing.header)?;
        writing.frame(HEADER, &[&text])?;
        Ok(writing)
    }

    /// Adds a line of the file of checkpoints; they come before the segments.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn checkpoint(&mut self, line: &str, signed: &Signed) -> io::Result<()> {
        self.key = Some(signed.key);
        self.checkpoints += 1;
        self.frame(CHECKPOINT, &[line.trim_end().as_bytes()])
    }

    /// Adds the next segment.
    ///
    /// # Errors
    /// What cannot be written; or one that does not follow the one before it, which is never exported.
    pub fn segment(&mut self, segment: &Segment) -> io::Result<()> {
        let follows = segment.first == self.next && segment.previous == self.head && segment.count > 0;
        if !follows || !segment.is_intact() || segment.shard != self.header.shard {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("the chain of the log is broken at event {}", segment.first)));
        }
        let (first, count) = (segment.first.to_be_bytes(), segment.count.to_be_bytes());
        self.frame(SEGMENT, &[&first, &count, &segment.previous.0, &segment.hash.0, &segment.body])?;
        self.next = segment.first + u64::from(segment.count);
        self.head = segment.hash;
        self.segments += 1;
        Ok(())
    }

    /// Ends it.
    ///
    /// # Errors
    /// What cannot be written.
    pub fn end(mut self) -> io::Result<(W, Report)> {
        let (segments, last, head) = (self.segments, self.next - 1, self.head);
        let text = serde_json::to_vec(&End { segments, last, head: head.to_string() })?;
        self.frame(END, &[&text])?;
        self.out.flush()?;
        let (checkpoints, key, bytes) = (self.checkpoints, self.key, self.at);
        Ok((self.out, Report { header: self.header, segments, last, head, checkpoints, key, bytes }))
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let length = u32::try_from(length).ok().filter(|length| *length <= LONGEST);
        let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a segment is longer than any that is read"))?;
        self.out.write_all(&[kind])?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&tag(self.at, kind, length))?;
        parts.iter().try_for_each(|part| self.out.write_all(part))?;
        self.out.write_all(&check(self.at, kind, parts))?;
        self.at += 25 + u64::from(length);
        Ok(())
    }
}
