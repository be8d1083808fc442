//! Reads the lengths in a SurrealKV manifest before the database does, which believes them: in 0.21 a manifest has no checksum,
//! and a flipped bit in a length makes the process ask for gigabytes and die. And it takes a folder without a manifest for an
//! empty store, whatever data lies beside it. Judges nothing but lengths and presence.

use std::fs;
use std::path::{Path, PathBuf};
use tradewind_engine::ports::StoreError;

/// The format whose lengths are known here; the database refuses others by itself.
const FORMAT: u16 = 1;
/// Next table, number of the write-ahead log, last sequence number.
const COUNTERS: usize = 3 * 8;

/// Where the database keeps data.
const DATA: [&str; 3] = ["sstables", "vlog", "wal"];

/// Refuses a store whose manifests announce more than they hold, or that has data and no manifest.
pub(crate) fn check(folder: &Path) -> Result<(), StoreError> {
    let manifests = files(&folder.join("manifest"));
    if !manifests.iter().any(|path| is_manifest(path)) {
        let has_data = |path: &PathBuf| fs::metadata(path).is_ok_and(|data| data.len() > 0);
        return match DATA.iter().flat_map(|name| files(&folder.join(name))).find(has_data) {
            Some(data) => Err(StoreError::Damaged(format!("`{}` is there, and the manifest that names it is not", data.display()))),
            None => Ok(()),
        };
    }
    for path in manifests {
        // What cannot be read is for the database to name.
        let Ok(bytes) = fs::read(&path) else { continue };
        if is_manifest(&path) && !is_plausible(&bytes) {
            return Err(StoreError::Damaged(format!("`{}` announces more than it holds", path.display())));
        }
    }
    Ok(())
}

/// What lies in a folder; nothing where there is none.
fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect())
        .unwrap_or_default()
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "manifest")
}

fn is_plausible(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    if take(&mut rest).map(u16::from_be_bytes) != Some(FORMAT) {
        return true;
    }
    lengths(rest).is_some()
}

/// Walks over everything that a length announces; nothing when the file ends before.
fn lengths(bytes: &[u8]) -> Option<()> {
    let mut rest = bytes.get(COUNTERS..)?;
    let [levels] = take(&mut rest)?;
    for _ in 0..levels {
        let tables = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        rest = rest.get(tables.checked_mul(8)?..)?;
    }
    let snapshots = u32::from_be_bytes(take(&mut rest)?);
    for _ in 0..snapshots {
        let length = usize::try_from(u32::from_be_bytes(take(&mut rest)?)).ok()?;
        rest = rest.get(length..)?;
    }
    Some(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}
