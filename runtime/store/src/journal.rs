//! The database's write-ahead log, seen from outside: which of its files is written now.
//!
//! SurrealKV 0.21 writes a commit to the file of now, then puts it into its table in memory. Where that table is full, it begins the
//! next file and the next table between the two: the commit is in the file of the former table and in the table of the next one. Once
//! the former table is on disk its file is removed, and a process that dies then, before the next table is on disk, too, has lost
//! a commit that was acknowledged long before. So whoever writes looks whether a file was begun meanwhile, and writes once more.

use std::fs;
use std::path::{Path, PathBuf};
use tradewind_engine::ports::StoreError;

/// Where the files are, in a store's folder.
const FOLDER: &str = "wal";
/// How they end; a name is their number.
const ENDING: &str = "wal";

/// The files of one store; none of a store in memory.
#[derive(Debug)]
pub(crate) struct Journal(Option<PathBuf>);

impl Journal {
    /// Of the store in a folder.
    pub(crate) fn of(store: Option<&Path>) -> Self {
        Self(store.map(|store| store.join(FOLDER)))
    }

    /// The number of the newest file.
    pub(crate) fn newest(&self) -> Result<u64, StoreError> {
        let Some(folder) = &self.0 else { return Ok(0) };
        let failed = |error: std::io::Error| StoreError::Other(format!("`{}` cannot be read: {error}", folder.display()));
        let mut newest = 0;
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
            if path.extension().is_some_and(|ending| ending == ENDING) {
                newest = newest.max(number.unwrap_or(0));
            }
        }
        Ok(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_file_is_the_one_with_the_greatest_number() {
        let store = std::env::temp_dir().join(format!("tradewind-journal-{}", std::process::id()));
        fs::create_dir_all(store.join("wal/repair_temp")).unwrap();
        let journal = Journal::of(Some(&store));
        assert_eq!(journal.newest(), Ok(0));
        for name in ["00000000000000000009.wal", "00000000000000000010.wal", "00000000000000000099.tmp"] {
            fs::write(store.join("wal").join(name), "").unwrap();
        }
        assert_eq!(journal.newest(), Ok(10));
        fs::remove_dir_all(&store).unwrap();
        assert!(journal.newest().is_err());
        assert_eq!(Journal::of(None).newest(), Ok(0));
    }
}
