//! The image of the books beside the store: a copy that lets a start read what came since, and not the whole log.
//!
//! It is written while an engine works, now and then, and when a session ends. It may be removed at any time; one that is damaged, of
//! another log or of another version is passed over by the engine.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, IntoInnerError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tradewind_engine::engine::{Engine, Snapshot};

/// Fewest events after which it is written again while an engine works; for a long log, an eighth of it.
const WORKING: u64 = 20_000;
/// The same at the end, where nobody waits; for a long log, a part of it.
const ENDING: u64 = 256;
/// Most events that a start has to fold.
const MOST: u64 = 100_000;
/// How often it looks whether it is due.
const LOOK: Duration = Duration::from_secs(2);

/// Opens it, where there is one.
pub(crate) fn open(file: &Path) -> Option<BufReader<File>> {
    File::open(file).ok().map(BufReader::new)
}

/// Writes it whole, or not at all; returns how many bytes it takes.
pub(crate) fn write(file: &Path, image: &Snapshot) -> io::Result<u64> {
    let part = file.with_extension(format!("image-{}", std::process::id()));
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
    let written = opened.and_then(|out| image.write(BufWriter::new(out))?.into_inner().map_err(IntoInnerError::into_error)?.metadata());
    let written = written.and_then(|metadata| fs::rename(&part, file).map(|()| metadata.len()));
    if written.is_err() {
        // A copy that could not be made is of no use to anybody.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Writes it while an engine works.
#[derive(Debug)]
pub(crate) struct Imager {
    file: PathBuf,
    /// The last event that the file knows.
    last: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Imager {
    /// Begins.
    pub(crate) fn start(engine: &Engine, file: PathBuf) -> Self {
        let last = Arc::new(AtomicU64::new(engine.opened_with()));
        let (engine, path, seen) = (engine.clone(), file.clone(), last.clone());
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let events = engine.subscribe().progress.borrow().events;
                if events >= seen.load(Ordering::Relaxed) + WORKING.max(events / 8) {
                    take(&engine, &path, &seen).await;
                }
            }
        });
        Self { file, last, task }
    }

    /// Writes it for the last time, before the engine is shut down.
    pub(crate) async fn end(self, engine: &Engine) {
        self.task.abort();
        let events = engine.subscribe().progress.borrow().events;
        if events >= self.last.load(Ordering::Relaxed) + (events / 64).clamp(ENDING, MOST) {
            take(engine, &self.file, &self.last).await;
        }
    }
}

async fn take(engine: &Engine, file: &Path, last: &AtomicU64) {
    let Ok(image) = engine.image().await else { return };
    let (path, events) = (file.to_owned(), image.events());
    // A large one takes a while.
    match tokio::task::spawn_blocking(move || write(&path, &image)).await {
        Ok(Ok(_)) => last.store(events, Ordering::Relaxed),
        failed => tracing::warn!(?failed, "the next start reads the whole log: its image cannot be written"),
    }
}
