//! The vault's file: a header, then sealed entries, each bound to its place. It grows at its end, and is written anew to forget.
//!
//! A process that dies while it grows leaves at most a torn end, with which nothing was sealed yet; one that dies while it is written
//! anew leaves the old file or the new one.

use crate::master::Master;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tradewind_engine::ports::StoreError;
use tradewind_engine::seal::KeyName;

const MAGIC: &[u8; 8] = b"TWVAULT1";
const HEADER: usize = 24;
/// Longest entry: none has more than a hundred bytes.
const LONGEST: usize = 1024;

/// What the file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry {
    /// What names of subjects are hashed with; always the first.
    Secret([u8; 32]),
    /// A key.
    Key(KeyName, [u8; 32]),
    /// A key that was destroyed.
    Gone(KeyName),
}

/// The file, open to grow.
pub(crate) struct VaultFile {
    path: PathBuf,
    master: Master,
    open: Option<Open>,
}

struct Open {
    file: File,
    header: [u8; HEADER],
    key: LessSafeKey,
    length: u64,
    entries: u64,
}

impl std::fmt::Debug for VaultFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("VaultFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Makes durable that a file came to be, or took the place of another.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, StoreError> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).map_err(|_| StoreError::Keys("the vault cannot be sealed".to_owned()))?;
    Ok(LessSafeKey::new(key))
}

fn bound_to(header: &[u8; HEADER], place: u64) -> Vec<u8> {
    let mut bytes = header.to_vec();
    bytes.extend_from_slice(&place.to_be_bytes());
    bytes
}

impl Open {
    fn sealed(&self, entry: &Entry, place: u64) -> Result<Vec<u8>, StoreError> {
        let fail = || StoreError::Keys("a key could not be sealed".to_owned());
        let drawn = crate::drawn()?;
        let nonce = <[u8; NONCE_LEN]>::try_from(drawn.get(..NONCE_LEN).unwrap_or_default()).map_err(|_| fail())?;
        let mut plain = rmp_serde::to_vec(entry).map_err(|_| fail())?;
        let aad = Aad::from(bound_to(&self.header, place));
        self.key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut plain).map_err(|_| fail())?;
        let length = u32::try_from(NONCE_LEN + plain.len()).map_err(|_| fail())?;
        Ok([&length.to_be_bytes()[..], &nonce, &plain].concat())
    }

    fn opened(&self, bytes: &[u8], place: u64) -> Option<Entry> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let mut sealed = sealed.to_vec();
        let aad = Aad::from(bound_to(&self.header, place));
        let plain = self.key.open_in_place(Nonce::try_assume_unique_for_key(nonce).ok()?, aad, &mut sealed).ok()?;
        rmp_serde::from_slice(plain).ok()
    }
}

impl VaultFile {
    /// The file and what it holds; nothing where there is none.
    pub(crate) fn open(path: &Path, master: Master) -> Result<(Self, Option<Vec<Entry>>), StoreError> {
        let fail = |error: &dyn std::fmt::Display| StoreError::Keys(format!("the vault `{}` cannot be read: {error}", path.display()));
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Self { path: path.to_owned(), master, open: None }, None)),
            Err(error) => return Err(fail(&error)),
        };
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| fail(&error))?;
        let header = bytes.first_chunk::<HEADER>().copied().ok_or_else(|| fail(&"it is too short"))?;
        let salt = header.strip_prefix(MAGIC.as_slice()).and_then(|salt| <[u8; 16]>::try_from(salt).ok());
        let salt = salt.ok_or_else(|| fail(&"it is no vault, or one of a newer version"))?;
        let mut open = Open { file, header, key: cipher(&master.key(&salt, false)?)?, length: HEADER as u64, entries: 0 };
        let (entries, length) = read(&open, &bytes).map_err(|why| fail(&why))?;
        (open.length, open.entries) = (length, entries.len() as u64);
        Ok((Self { path: path.to_owned(), master, open: Some(open) }, Some(entries)))
    }

    pub(crate) fn exists(&self) -> bool {
        self.open.is_some()
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> StoreError {
        StoreError::Keys(format!("the vault `{}` cannot be written: {error}", self.path.display()))
    }

    /// Adds entries, and returns when they are durable.
    pub(crate) fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let path = self.path.clone();
        let fail = |error: io::Error| StoreError::Keys(format!("the vault `{}` cannot be written: {error}", path.display()));
        let Some(open) = &mut self.open else { return self.rewrite(entries) };
        let mut bytes = Vec::with_capacity(entries.len() * 128);
        for (entry, place) in entries.iter().zip(open.entries..) {
            bytes.extend(open.sealed(entry, place)?);
        }
        // Behind what is known to be whole: a torn end is written over.
        open.file.seek(SeekFrom::Start(open.length)).map_err(fail)?;
        open.file.write_all(&bytes).map_err(fail)?;
        open.file.set_len(open.length + bytes.len() as u64).map_err(fail)?;
        open.file.sync_data().map_err(fail)?;
        open.length += bytes.len() as u64;
        open.entries += entries.len() as u64;
        Ok(())
    }

    /// Writes the file anew, with these entries alone, and returns when that is durable and the old bytes are written over.
    pub(crate) fn rewrite(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        let new = self.path.with_file_name(format!("{}.new", self.path.file_name().unwrap_or_default().to_string_lossy()));
        let salt = <[u8; 16]>::try_from(crate::drawn()?.get(..16).unwrap_or_default()).map_err(|error| self.failed(&error))?;
        let mut header = [0; HEADER];
        header.iter_mut().zip(MAGIC.iter().chain(&salt)).for_each(|(to, from)| *to = *from);
        let key = cipher(&self.master.key(&salt, self.open.is_none())?)?;
        // What a process left that died here is worth nothing.
        let made = match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&new),
        };
        let file = made.map_err(|error| self.failed(&error))?;
        let mut open = Open { file, header, key, length: 0, entries: entries.len() as u64 };
        let mut bytes = header.to_vec();
        for (entry, place) in entries.iter().zip(0..) {
            bytes.extend(open.sealed(entry, place)?);
        }
        open.length = bytes.len() as u64;
        let written = open.file.write_all(&bytes).and_then(|()| open.file.sync_all()).and_then(|()| fs::rename(&new, &self.path));
        written.and_then(|()| sync_folder(&self.path)).map_err(|error| self.failed(&error))?;
        if let Some(mut old) = self.open.replace(open) {
            // As far as a file system lets us: what was in the old file is nowhere any more.
            let over = old.file.rewind().and_then(|()| io::copy(&mut io::repeat(0).take(old.length), &mut old.file));
            let _ = over.and_then(|_| old.file.sync_data());
        }
        Ok(())
    }
}

/// The entries, and how far they reach: what is torn at the end was never used.
fn read(open: &Open, bytes: &[u8]) -> Result<(Vec<Entry>, u64), String> {
    let mut entries = Vec::new();
    let mut at = HEADER;
    while let Some(length) = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>) {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(sealed) = bytes.get(at + 4..at + 4 + length).filter(|_| length <= LONGEST) else { break };
        let Some(entry) = open.opened(sealed, entries.len() as u64) else {
            if !entries.is_empty() && bytes.len() > at + 4 + length + LONGEST {
                return Err(format!("entry {} was changed after it was written", entries.len() + 1));
            }
            break;
        };
        entries.push(entry);
        at += 4 + length;
    }
    match entries.first() {
        Some(Entry::Secret(_)) => Ok((entries, at as u64)),
        _ => Err("it is sealed with another key than the one that was given".to_owned()),
    }
}
