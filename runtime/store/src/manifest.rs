//! Reads the lengths in a SurrealKV manifest before the database does, which believes them: in 0.21 a manifest has no checksum,
//! and a flipped bit in a length makes the process ask for gigabytes and die. Judges nothing but lengths.

use std::fs;
use std::path::Path;
use tradewind_engine::ports::StoreError;

/// The format whose lengths are known here; the database refuses others by itself.
const FORMAT: u16 = 1;
/// Next table, number of the write-ahead log, last sequence number.
const COUNTERS: usize = 3 * 8;

/// Refuses a store whose manifests announce more than they hold.
pub(crate) fn check(folder: &Path) -> Result<(), StoreError> {
    let Ok(entries) = fs::read_dir(folder.join("manifest")) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        // What cannot be read is for the database to name.
        let Ok(bytes) = fs::read(&path) else { continue };
        if path.extension().is_some_and(|extension| extension == "manifest") && !is_plausible(&bytes) {
            return Err(StoreError::Damaged(format!("`{}` announces more than it holds", path.display())));
        }
    }
    Ok(())
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
