//! Reading an export, and saying what is wrong with it and where. One frame is held at a time.

use super::{CHECKPOINT, Damage, END, End, FAMILY, HEADER, Header, LONGEST, MAGIC, Report, SEGMENT, check, tag};
use crate::checkpoint::{self, PublicKey, Signed, Witness};
use crate::recover::events_of;
use crate::segment::Segment;
use std::io::{ErrorKind, Read};
use tradewind_lang::plan::Digest;

/// Bytes before what a frame holds, and behind it.
const BEFORE: u64 = 9;
const BEHIND: u64 = 16;
/// Bytes of a segment before its body.
const OF_SEGMENT: usize = 8 + 4 + 32 + 32;

/// A part of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A checkpoint.
    Checkpoint(Signed),
    /// The next segment, intact and behind the one before it.
    Segment(Segment),
}

/// An export that is being read. After a damage it gives nothing more.
#[derive(Debug)]
pub struct Reading<R> {
    from: R,
    at: u64,
    header: Header,
    segments: u64,
    next: u64,
    head: Digest,
    signed: Vec<Signed>,
    /// The key that must have signed; the first one otherwise.
    key: Option<PublicKey>,
    witness: Option<Witness>,
    checkpoints: u64,
    done: bool,
}

impl<R: Read> Reading<R> {
    /// Reads how it begins. Checkpoints must be signed by `key`, or by one and the same where none is given.
    ///
    /// # Errors
    /// A file that is no export, or damaged at its beginning.
    pub fn begin(mut from: R, key: Option<PublicKey>) -> Result<Self, Damage> {
        let begins = |what: &str| Damage { from: 0, until: MAGIC.len() as u64, part: "its beginning".to_owned(), what: what.to_owned() };
        let mut magic = [0; MAGIC.len()];
        from.read_exact(&mut magic).map_err(|error| begins(&why(&error)))?;
        if magic != *MAGIC {
            let newer = magic.starts_with(FAMILY) && magic.ends_with(b"\n");
            return Err(begins(if newer { "it has a format that this version does not read" } else { "it is no exported log" }));
        }
        let header = Header { tenant: String::new(), shard: 0, from: 1, previous: String::new(), at: 0 };
        let (at, head) = (MAGIC.len() as u64, Digest::default());
        let (signed, witness) = (Vec::new(), None);
        let mut reading = Self { from, at, header, segments: 0, next: 1, head, signed, key, witness, checkpoints: 0, done: false };
        let (kind, bytes, place) = reading.frame("the header")?;
        let no_header = |what: String| Damage { from: place.0, until: place.1, part: "the header".to_owned(), what };
        if kind != HEADER {
            return Err(no_header("it is missing".to_owned()));
        }
        let header: Header = serde_json::from_slice(&bytes).map_err(|error| no_header(error.to_string()))?;
        let previous = checkpoint::digest(&header.previous).filter(|_| header.from > 0);
        reading.head = previous.ok_or_else(|| no_header("it names no place in a log".to_owned()))?;
        reading.next = header.from;
        reading.header = header;
        Ok(reading)
    }

    /// Goes on at a place where a segment begins, as one that read the file before has found it. The chain is not held against what is
    /// before that place.
    pub fn within(from: R, header: Header, at: u64) -> Self {
        let (signed, witness) = (Vec::new(), Some(Witness::default()));
        let (next, head) = (0, Digest::default());
        Self { from, at, header, segments: 0, next, head, signed, key: None, witness, checkpoints: 0, done: false }
    }

    /// The byte at which the next part begins.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The next segment; none where there is none.
    ///
    /// # Errors
    /// The first damage.
    pub fn next_segment(&mut self) -> Result<Option<Segment>, Damage> {
        let part = format!("the segment that begins with event {}", self.next);
        let (kind, bytes, place) = self.frame(&part)?;
        if kind != SEGMENT {
            return Ok(None);
        }
        if self.next == 0 {
            // The first one says itself where it stands.
            let first = bytes.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first));
            let previous = bytes.get(12..44).and_then(|previous| <[u8; 32]>::try_from(previous).ok());
            (self.next, self.head) = (first, Digest(previous.unwrap_or_default()));
        }
        let damage = |what: String| Damage { from: place.0, until: place.1, part: part.clone(), what };
        self.segment(&bytes).map(Some).map_err(damage)
    }

    /// What it is of.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next part; none when all of it was read and found to be whole.
    ///
    /// # Errors
    /// The first damage.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would go on after a damage")]
    pub fn next(&mut self) -> Result<Option<Frame>, Damage> {
        if self.done {
            return Ok(None);
        }
        self.done = true;
        let part = format!("the segment that begins with event {}, or what follows it", self.next);
        let (kind, bytes, place) = self.frame(&part)?;
        let damage = |part: &str, what: String| Damage { from: place.0, until: place.1, part: part.to_owned(), what };
        let frame = match kind {
            CHECKPOINT if self.witness.is_none() => {
                Some(Frame::Checkpoint(self.checkpoint(&bytes).map_err(|what| damage("a checkpoint", what))?))
            }
            SEGMENT => {
                let part = format!("the segment that begins with event {}", self.next);
                Some(Frame::Segment(self.segment(&bytes).map_err(|what| damage(&part, what))?))
            }
            END => {
                self.end(&bytes).map_err(|what| damage("the end", what))?;
                None
            }
            _ => return Err(damage("a part", "it does not belong here".to_owned())),
        };
        self.done = frame.is_none();
        Ok(frame)
    }

    /// What it holds, when all of it was read.
    pub fn report(&self) -> Report {
        Report {
            header: self.header.clone(),
            segments: self.segments,
            last: self.next - 1,
            head: self.head,
            checkpoints: self.checkpoints,
            key: self.signed.last().map(|signed| signed.key),
            bytes: self.at,
        }
    }

    /// Its checkpoints, in the order in which they were signed.
    pub fn signed(&self) -> &[Signed] {
        &self.signed
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> Result<Signed, String> {
        let line = std::str::from_utf8(bytes).map_err(|_| "it is no text".to_owned())?;
        let signed = checkpoint::read(line)?;
        if self.key.is_some_and(|key| key != signed.key) {
            return Err(format!("it is signed by another key, {}", signed.key));
        }
        self.key = Some(signed.key);
        self.signed.push(signed.clone());
        Ok(signed)
    }

    fn segment(&mut self, bytes: &[u8]) -> Result<Segment, String> {
        let (first, rest) = bytes.split_first_chunk::<8>().ok_or("it is too short")?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or("it is too short")?;
        let (previous, rest) = rest.split_first_chunk::<32>().ok_or("it is too short")?;
        let (hash, body) = rest.split_first_chunk::<32>().ok_or("it is too short")?;
        if bytes.len() - body.len() != OF_SEGMENT {
            return Err("its head is of another length".to_owned());
        }
        let segment = Segment {
            shard: self.header.shard,
            first: u64::from_be_bytes(*first),
            count: u32::from_be_bytes(*count),
            previous: Digest(*previous),
            hash: Digest(*hash),
            body: body.to_vec(),
        };
        if segment.first != self.next || segment.count == 0 {
            return Err(format!("it begins with event {}", segment.first));
        }
        if segment.previous != self.head {
            return Err("it does not follow the one before it".to_owned());
        }
        if !segment.is_intact() {
            return Err("it was changed after it was written".to_owned());
        }
        let (signed, from) = (&self.signed, self.header.from);
        self.witness.get_or_insert_with(|| Witness::new(checkpoint::standing(signed), from)).see(&segment)?;
        self.next = segment.first + u64::from(segment.count);
        self.head = segment.hash;
        self.segments += 1;
        Ok(segment)
    }

    fn end(&mut self, bytes: &[u8]) -> Result<(), String> {
        let end: End = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if (end.segments, end.last, &end.head) != (self.segments, self.next - 1, &self.head.to_string()) {
            return Err("it does not count what was before it".to_owned());
        }
        let (signed, from) = (&self.signed, self.header.from);
        self.checkpoints = self.witness.take().unwrap_or_else(|| Witness::new(checkpoint::standing(signed), from)).end(self.next - 1)?;
        let mut more = [0; 1];
        match self.from.read(&mut more) {
            Ok(0) => Ok(()),
            Ok(_) => Err("something follows it".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// A frame's kind, what it holds, and from which byte to which it goes.
    fn frame(&mut self, part: &str) -> Result<Framed, Damage> {
        let at = self.at;
        let damage = |until: u64, what: String| Damage { from: at, until, part: part.to_owned(), what };
        let mut head = [0; BEFORE as usize];
        self.from.read_exact(&mut head).map_err(|error| damage(at + BEFORE, why(&error)))?;
        let [kind, rest @ ..] = head;
        let [a, b, c, d, said @ ..] = rest;
        let length = u32::from_be_bytes([a, b, c, d]);
        if said != tag(at, kind, length) || length > LONGEST {
            return Err(damage(at + BEFORE, "its kind or its length was changed".to_owned()));
        }
        let until = at + BEFORE + u64::from(length) + BEHIND;
        let mut bytes = Vec::new();
        let read = (&mut self.from).take(u64::from(length)).read_to_end(&mut bytes);
        let read = read.map_err(|error| damage(until, why(&error)))?;
        if read != length as usize {
            return Err(damage(until, CUT.to_owned()));
        }
        let mut said = [0; BEHIND as usize];
        self.from.read_exact(&mut said).map_err(|error| damage(until, why(&error)))?;
        if said != check(at, kind, &[&bytes]) {
            return Err(damage(until, "it was changed after it was written".to_owned()));
        }
        self.at = until;
        Ok((kind, bytes, (at, until)))
    }
}

/// What is said of a file that ends too early.
/// A frame's kind, what it holds, and from which byte to which it goes.
type Framed = (u8, Vec<u8>, (u64, u64));
const CUT: &str = "the file ends in it";

fn why(error: &std::io::Error) -> String {
    if error.kind() == ErrorKind::UnexpectedEof { CUT.to_owned() } else { error.to_string() }
}

/// Reads an export to its end: every byte, the chain, every event and every checkpoint.
///
/// # Errors
/// The first damage, with its place.
pub fn verify<R: Read>(from: R, key: Option<PublicKey>) -> Result<Report, Damage> {
    let mut reading = Reading::begin(from, key)?;
    loop {
        let before = reading.at;
        let Some(frame) = reading.next()? else { return Ok(reading.report()) };
        let Frame::Segment(segment) = frame else { continue };
        let part = format!("the segment that begins with event {}", segment.first);
        let damage = |what: String| Damage { from: before, until: reading.at, part: part.clone(), what };
        let events = events_of(None, &segment).map_err(|error| damage(format!("{error:?}")))?;
        if events.iter().any(|event| event.header.shard != segment.shard) {
            return Err(damage("an event of another log is in it".to_owned()));
        }
    }
}
