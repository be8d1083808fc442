//! One generation of a repository: all of its files as they stood at one moment, compiled. Files that change while they are read, or
//! cannot be read, give no generation; whoever asks tries again.

use crate::exit::Failure;
use crate::repository::Repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tradewind_lang::compile::{self, Compiled, Generation};
use tradewind_lang::plan::Digest;

/// What reading gave.
pub(crate) enum Taken {
    /// One moment.
    Stable(Box<Snapshot>),
    /// Files changed meanwhile.
    Changing,
    /// A file cannot be read.
    Unreadable(Failure),
}

/// A generation.
pub(crate) struct Snapshot {
    /// What compiling gave.
    pub(crate) compiled: Compiled,
    /// For the next compilation.
    pub(crate) generation: Generation,
    /// Every KDL file and its length.
    pub(crate) lengths: BTreeMap<String, usize>,
    /// Every file that was looked for beside them, from the root.
    pub(crate) read: BTreeSet<PathBuf>,
}

impl Snapshot {
    /// Whether a file of an earlier generation is gone or empty: an editor may be about to write it again.
    pub(crate) fn has_shrunk(&self, earlier: &BTreeMap<String, usize>) -> bool {
        earlier.iter().any(|(path, length)| *length > 0 && self.lengths.get(path).is_none_or(|length| *length == 0))
    }
}

/// Reads and compiles everything.
pub(crate) fn take(root: &Path, environment: Option<&str>, before: Generation) -> Taken {
    let repository = match Repository::read(root) {
        Ok(repository) => repository,
        Err(failure) => return Taken::Unreadable(failure),
    };
    let seen: Mutex<BTreeMap<String, Option<Digest>>> = Mutex::default();
    let digest = |text: &Option<String>| text.as_ref().map(|text| Digest::of(text.as_bytes()));
    let read = |path: &str| {
        let text = repository.file(path);
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), digest(&text));
        text
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut compiled, generation) = repository.with_reader(environment, &read, |texts| compile::compile_after(texts, before, threads));
    repository.note_files(&mut compiled);
    let again = match Repository::read(root) {
        Ok(again) => again,
        Err(failure) => return Taken::Unreadable(failure),
    };
    let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
    if again.configuration != repository.configuration || seen.iter().any(|(path, then)| digest(&again.file(path)) != *then) {
        return Taken::Changing;
    }
    let lengths = repository.configuration.iter().map(|(path, text)| (path.clone(), text.len())).collect();
    let read = seen.into_keys().map(PathBuf::from).collect();
    Taken::Stable(Box::new(Snapshot { compiled, generation, lengths, read }))
}
