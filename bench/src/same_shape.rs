//! The floor under the engine: the segments it wrote, written again without it, and the same bytes in a plain file.

use crate::machine::{Lap, Stopwatch};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use tradewind_engine::ports::LogStore;
use tradewind_engine::segment::Segment;

/// Appends segments one at a time, as one writer does, each durable before the next. `warm` of them are not measured.
///
/// # Errors
/// The store's, for people.
pub async fn append(log: &dyn LogStore, segments: &[Segment], warm: usize) -> Result<Lap, String> {
    let text = |error: tradewind_engine::ports::StoreError| format!("{error:?}");
    let shard = segments.first().map_or(0, |segment| segment.shard);
    let epoch = log.take(shard).await.map_err(text)?.epoch;
    let (first, measured) = segments.split_at(warm.min(segments.len()));
    for segment in first {
        log.append(epoch, segment.clone()).await.map_err(text)?;
    }
    let watch = Stopwatch::start();
    for segment in measured {
        log.append(epoch, segment.clone()).await.map_err(text)?;
    }
    Ok(watch.lap())
}

/// Writes the bytes of each segment to the end of a plain file and syncs it before the next: what the disk allows.
///
/// # Errors
/// The file's.
pub fn sync_file(path: &Path, segments: &[Segment]) -> std::io::Result<Lap> {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path)?;
    let watch = Stopwatch::start();
    for segment in segments {
        file.write_all(&segment.body)?;
        file.sync_data()?;
    }
    Ok(watch.lap())
}
