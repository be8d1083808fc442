//! How an image lies in a file: in blocks, each with a digest that also holds the block before it, sealed where there are keys.
//!
//! So that neither who writes nor who reads ever holds more of an image than a block beside what it is of: the image of a million runs
//! would otherwise take several times its own size. Nothing of a block is believed before its digest is right, nothing is read behind one
//! that is not, and an image that has no end is none.

use crate::seal::{self, Key};
use std::io::{self, Read, Write};
use tradewind_lang::plan::Digest;

/// Bytes of a block before it is sealed.
const BLOCK: usize = 1 << 18;
/// What a sealed block is longer by, at most.
const SEALED: usize = 64;
/// Begins the chain of digests.
const BEGINNING: &[u8] = b"tradewind image";

/// A block's digest, which holds all blocks before it.
fn chained(previous: Digest, bytes: &[u8]) -> Digest {
    Digest::of(&[&previous.0[..], bytes].concat())
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

/// Writes blocks.
#[derive(Debug)]
pub(super) struct Writing<W> {
    out: W,
    key: Option<Key>,
    open: Vec<u8>,
    number: u64,
    previous: Digest,
}

impl<W: Write> Writing<W> {
    /// Begins; `gone` says which key it is sealed with.
    pub(super) fn begin(mut out: W, gone: u64, key: Option<Key>) -> io::Result<Self> {
        let first = gone.to_be_bytes();
        out.write_all(&first)?;
        Ok(Self { out, key, open: Vec::with_capacity(BLOCK), number: 0, previous: chained(Digest::of(BEGINNING), &first) })
    }

    /// Everything was written: an empty block says so.
    pub(super) fn end(mut self) -> io::Result<W> {
        if !self.open.is_empty() {
            self.block()?;
        }
        self.block()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn block(&mut self) -> io::Result<()> {
        let plain = std::mem::replace(&mut self.open, Vec::with_capacity(BLOCK));
        let bytes = match &self.key {
            Some(key) => seal::close_block(key, self.number, plain).ok_or_else(|| damaged("a block could not be sealed"))?,
            None => plain,
        };
        let length = u32::try_from(bytes.len()).map_err(|_| damaged("a block is too long"))?;
        self.previous = chained(self.previous, &bytes);
        self.number += 1;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&self.previous.0)?;
        self.out.write_all(&bytes)
    }
}

impl<W: Write> Write for Writing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (now, _) = bytes.split_at(bytes.len().min(BLOCK - self.open.len()));
        self.open.extend_from_slice(now);
        if self.open.len() == BLOCK {
            self.block()?;
        }
        Ok(now.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // What is not a whole block waits for the end.
        Ok(())
    }
}

/// Reads them again.
pub(super) struct Reading<R> {
    file: R,
    key: Option<Key>,
    open: Vec<u8>,
    /// How much of the open block was read.
    read: usize,
    number: u64,
    previous: Digest,
    ended: bool,
}

impl<R: Read> Reading<R> {
    /// Begins: `key_of` has the key of images that were made after so many keys had gone; none where it is gone, too.
    pub(super) fn begin(mut file: R, key_of: impl FnOnce(u64) -> Option<Option<Key>>) -> io::Result<Self> {
        let mut first = [0; 8];
        file.read_exact(&mut first)?;
        let key = key_of(u64::from_be_bytes(first)).ok_or_else(|| damaged("its key is gone"))?;
        let previous = chained(Digest::of(BEGINNING), &first);
        Ok(Self { file, key, open: Vec::new(), read: 0, number: 0, previous, ended: false })
    }

    /// Reads to the end, which must be there, with nothing of the image before it.
    pub(super) fn end(mut self) -> io::Result<()> {
        if self.read < self.open.len() || !self.ended && self.block()? > 0 {
            return Err(damaged("there is more behind it"));
        }
        match self.file.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(damaged("there is more behind its end")),
        }
    }

    fn block(&mut self) -> io::Result<usize> {
        let (mut length, mut digest) = ([0; 4], Digest::default());
        self.file.read_exact(&mut length)?;
        self.file.read_exact(&mut digest.0)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > BLOCK + SEALED {
            return Err(damaged("a block is too long"));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact(&mut bytes)?;
        self.previous = chained(self.previous, &bytes);
        if self.previous != digest {
            return Err(damaged("a block is not what was written"));
        }
        self.open = match &self.key {
            Some(key) => seal::open_block(key, self.number, &bytes).ok_or_else(|| damaged("a block cannot be opened"))?,
            None => bytes,
        };
        self.number += 1;
        self.read = 0;
        self.ended = self.open.is_empty();
        Ok(self.open.len())
    }
}

impl<R: Read> Read for Reading<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.read == self.open.len() && (self.ended || self.block()? == 0) {
            return Ok(0);
        }
        let mut rest = self.open.get(self.read..).unwrap_or_default();
        let count = rest.read(into)?;
        self.read += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8], key: Option<Key>) -> Vec<u8> {
        let mut writing = Writing::begin(Vec::new(), 7, key).unwrap();
        bytes.chunks(1000).for_each(|part| writing.write_all(part).unwrap());
        writing.end().unwrap()
    }

    fn read(file: &[u8], key: Option<Key>) -> io::Result<Vec<u8>> {
        let mut reading = Reading::begin(file, |gone| (gone == 7).then_some(key))?;
        let mut bytes = Vec::new();
        reading.read_to_end(&mut bytes)?;
        reading.end()?;
        Ok(bytes)
    }

    #[test]
    fn what_was_written_is_read_again_with_its_key_and_without_keys() {
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
            let bytes: Vec<u8> = (0..length).map(|place| (place % 251) as u8).collect();
            for key in [None, Some(Key([3; 32]))] {
                let file = written(&bytes, key.clone());
                assert!(read(&file, key.clone()).unwrap() == bytes, "{length}");
                assert!(read(&file, Some(Key([4; 32]))).is_err(), "another key: {length}");
            }
        }
    }

    #[test]
    fn one_changed_byte_a_missing_end_and_two_blocks_the_other_way_round_are_found() {
        let file = written(&vec![5; 2 * BLOCK + 9], None);
        for place in (0..file.len()).step_by(file.len() / 97) {
            let mut changed = file.clone();
            changed[place] ^= 1;
            assert!(read(&changed, None).is_err(), "byte {place}");
        }
        let block = 36 + BLOCK;
        let (first, second) = (8..8 + block, 8 + block..8 + 2 * block);
        let swapped = [&file[..8], &file[second], &file[first], &file[8 + 2 * block..]].concat();
        assert!(read(&swapped, None).is_err());
        for end in [0, 5, 8, 8 + block, file.len() - 36, file.len() - 1] {
            assert!(read(&file[..end], None).is_err(), "{end} of {}", file.len());
        }
        assert!(read(&[&file[..], b"x"].concat(), None).is_err());
    }
}
