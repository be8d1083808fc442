//! Looks at a store's folder before the database does, because the database reports errors of the system as text only,
//! and forgets who holds the lock. Creates the folder and nothing in it but the database's own lock file; removes nothing but
//! the remains of a repair that was interrupted.

use std::fs::{self, OpenOptions, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::Path;
use tradewind_engine::ports::StoreError;

/// The database's lock file; it holds the number of the process that has locked it.
const LOCK: &str = "LOCK";
/// Where the database copies the good part of its write-ahead log before it puts the copy in place of the log.
const REPAIR: &str = "wal/repair_temp";

/// Makes sure that the folder exists, can be written and is nobody's.
pub(crate) fn prepare(folder: &Path) -> Result<(), StoreError> {
    if folder.exists() && !folder.is_dir() {
        return Err(StoreError::NotWritable(format!("`{}` is a file; a store needs a folder", folder.display())));
    }
    fs::create_dir_all(folder).map_err(|error| of_system(folder, &error))?;
    let path = folder.join(LOCK);
    // Not truncated: the holder's number is in it.
    let lock = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(|error| of_system(folder, &error))?;
    match lock.try_lock() {
        Ok(()) => forget_repair(folder),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked(format!("`{}` is held by {}", folder.display(), holder(&path)))),
        // Locks do not work here; the database will say so itself if it minds.
        Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// SurrealKV 0.21 appends to what an interrupted repair left, puts the result in place of the log, and at the next start cuts it
/// at the seam: a kill or a full disk during a repair would cost acknowledged commits. The log itself is whole until then.
fn forget_repair(folder: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(folder.join(REPAIR)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(of_system(folder, &error)),
        _ => Ok(()),
    }
}

fn holder(lock: &Path) -> String {
    match fs::read_to_string(lock).ok().and_then(|text| text.trim().parse::<u32>().ok()) {
        Some(process) => format!("process {process}"),
        None => "another process".to_owned(),
    }
}

fn of_system(folder: &Path, error: &Error) -> StoreError {
    let text = format!("`{}`: {error}", folder.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreError::Full(text),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            StoreError::NotWritable(text)
        }
        ErrorKind::IsADirectory => StoreError::Damaged(text),
        _ => StoreError::Other(text),
    }
}
