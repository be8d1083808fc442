//! Who was forgotten, as names of keys: one JSON object a line, kept apart from vault, store and backups, and only ever added to.

use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tradewind_engine::ports::StoreError;
use tradewind_engine::seal::KeyName;

#[derive(Serialize, Deserialize)]
struct Line {
    /// Microseconds since 1970 UTC.
    at: i64,
    by: String,
    keys: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct List {
    path: PathBuf,
    exists: bool,
    names: Vec<KeyName>,
}

impl List {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let fail = |why: String| StoreError::Keys(format!("the list of who was forgotten `{}` cannot be read: {why}", path.display()));
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), exists: false, names: Vec::new() });
            }
            Err(error) => return Err(fail(error.to_string())),
        };
        let mut names = Vec::new();
        for (line, number) in text.lines().zip(1..) {
            match serde_json::from_str::<Line>(line) {
                Ok(line) => {
                    for name in &line.keys {
                        names.push(name.parse().map_err(&fail)?);
                    }
                }
                // A process died while it wrote this: nobody was told that it is done.
                Err(_) if !text.ends_with('\n') && number == text.lines().count() => {}
                Err(_) if line.is_empty() => {}
                Err(error) => return Err(fail(format!("line {number}: {error}"))),
            }
        }
        Ok(Self { path: path.to_owned(), exists: true, names })
    }

    pub(crate) fn exists(&self) -> bool {
        self.exists
    }

    pub(crate) fn names(&self) -> Vec<KeyName> {
        self.names.clone()
    }

    /// Makes an empty one where there is none.
    pub(crate) fn make(&mut self) -> Result<(), StoreError> {
        if self.exists { Ok(()) } else { self.write(b"") }
    }

    pub(crate) fn add(&mut self, names: &[KeyName], by: &str, at: i64) -> Result<(), StoreError> {
        let line = Line { at, by: by.to_owned(), keys: names.iter().map(ToString::to_string).collect() };
        let mut text = serde_json::to_string(&line).map_err(|error| StoreError::Keys(error.to_string()))?;
        text.push('\n');
        // What a process left that died here becomes a line of its own, and is no part of this one.
        let torn = fs::read(&self.path).is_ok_and(|bytes| bytes.last().is_some_and(|byte| *byte != b'\n'));
        if torn {
            let whole = fs::read_to_string(&self.path).unwrap_or_default();
            let kept = whole.rfind('\n').map_or(0, |end| end + 1);
            let cut = OpenOptions::new().write(true).open(&self.path).and_then(|file| file.set_len(kept as u64));
            cut.map_err(|error| self.failed(&error))?;
        }
        self.write(text.as_bytes())?;
        self.names.extend(names);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let opened = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path);
        let written = opened.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
        written.and_then(|()| crate::file::sync_folder(&self.path)).map_err(|error| self.failed(&error))?;
        self.exists = true;
        Ok(())
    }

    fn failed(&self, error: &std::io::Error) -> StoreError {
        StoreError::Keys(format!("the list of who was forgotten `{}` cannot be written: {error}", self.path.display()))
    }
}
