//! What the database's errors mean to the engine. Everything that is not certain to have changed nothing counts as doubtful.

use surrealdb::types::QueryError;
use tradewind_engine::ports::StoreError;

/// What `THROW` says when the epoch is not the newest.
pub(crate) const FENCED: &str = "fenced";

/// Why a write did not succeed.
#[derive(Debug)]
pub(crate) enum WriteFailure {
    /// Refused; certainly nothing was written, and repeating it would not help.
    Refused(StoreError),
    /// Another writer was faster; certainly nothing was written.
    Conflict(String),
    /// It may have been written.
    Doubtful(StoreError),
}

impl From<surrealdb::Error> for WriteFailure {
    fn from(error: surrealdb::Error) -> Self {
        let text = error.message();
        if error.is_thrown() && text.contains(FENCED) {
            return Self::Refused(StoreError::Fenced);
        }
        // The second is not typed: a snapshot too old for the conflict check, refused before anything is written.
        if matches!(error.query_details(), Some(QueryError::TransactionConflict)) || text.contains("Transaction retry required") {
            return Self::Conflict(text.to_owned());
        }
        Self::Doubtful(of_text(text))
    }
}

/// What a read's error means.
pub(crate) fn of_read(error: &surrealdb::Error) -> StoreError {
    of_text(error.message())
}

/// The database passes on errors of the system and of its files as text only.
pub(crate) fn of_text(text: &str) -> StoreError {
    let folded = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| folded.contains(word));
    if says(&["no space left", "disk full", "storage full", "quota exceeded", "disk quota"]) {
        StoreError::Full(text.to_owned())
    } else if says(&["already locked"]) {
        StoreError::Locked(text.to_owned())
    } else if says(&["permission denied", "read-only file system", "operation not permitted"]) {
        StoreError::NotWritable(text.to_owned())
    } else if says(&["newer version"]) {
        StoreError::Newer(text.to_owned())
    } else if says(&[
        "corrupt",
        "checksum",
        "manifest",
        "invalid table format",
        "table metadata",
        "block not found",
        "decompression",
        "unexpected eof",
        "failed to fill whole buffer",
        "out-of-date",
        "deserializ",
        "decode",
        "no such file",
        "sstable",
        "wal error",
        "is a directory",
    ]) {
        StoreError::Damaged(text.to_owned())
    } else {
        StoreError::Other(text.to_owned())
    }
}
