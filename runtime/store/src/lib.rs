//! The action log on embedded SurrealDB: the engine's `LogStore` port, and opening a store safely.
//! The shapes of rows live here and nowhere else.
//!
//! It refuses to open a store whose settings would not make commits durable, a store that another process holds or a newer
//! version wrote, and, after a write whose outcome is in doubt, to write anything more. It decides nothing about events.

mod address;
mod anchors;
mod archive;
mod caps;
mod failure;
mod folder;
mod journal;
mod manifest;
mod opening;
mod rows;

use address::Address;
use archive::Archive;
use failure::WriteFailure;
use journal::Journal;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb_core::kvs::Datastore;
use tokio::runtime::Runtime;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::ports::{BoxFuture, LogStore, ShardHead, StoreError};
use tradewind_engine::segment::Segment;

pub use caps::{BLOCK_CACHE_BYTES, LARGEST_BODY_BYTES, MEMTABLE_BYTES, STACK_BYTES};

/// Attempts of one write that lost a race without having written anything.
const ATTEMPTS: u32 = 16;

/// The log of segments in SurrealDB.
///
/// It runs on threads of its own, with the stack that the database needs, so that its callers need no setting at all and a
/// caller that goes away never leaves half a write behind.
pub struct SurrealLog {
    durable: bool,
    archive: Arc<Archive>,
    /// `None` once it is closed.
    open: RwLock<Option<Open>>,
}

struct Open {
    database: Arc<Database>,
    runtime: Runtime,
}

struct Database {
    surreal: Surreal<Db>,
    datastore: Arc<Datastore>,
    journal: Journal,
    /// Set by the first write of which nobody knows whether it happened. A log that went on behind a torn record would lose
    /// the rest when the database repairs itself at the next start, so nothing is written until the store is opened again.
    doubt: OnceLock<StoreError>,
}

/// Opens the store at `url`; relative paths are relative to `folder`.
///
/// `surrealkv://PATH` is durable: each commit is synced to disk before it is acknowledged. `memory://` forgets everything when
/// the process ends.
///
/// # Errors
/// Whatever makes the store unusable, before anything is written to it.
pub async fn open(url: &str, folder: &Path) -> Result<Arc<SurrealLog>, StoreError> {
    let address = address::parse(url, folder)?;
    let runtime = caps::runtime().map_err(|error| StoreError::Other(format!("cannot start the threads of the store: {error}")))?;
    let durable = address != Address::Memory;
    let opened = runtime.spawn(async move { opening::database(&address).await }).await;
    match opened {
        Ok(Ok((database, anchors))) => {
            let archive = Arc::new(Archive::new(anchors));
            Ok(Arc::new(SurrealLog { durable, archive, open: RwLock::new(Some(Open { database: Arc::new(database), runtime })) }))
        }
        failed => {
            // The folder must be free again when the caller hears of the refusal.
            aside(move || drop(runtime)).await?;
            Err(match failed {
                Ok(Err(error)) => error,
                // The database panics on some broken files.
                _ => StoreError::Damaged(format!("`{url}` cannot be read: the database gave up while opening it")),
            })
        }
    }
}

/// Work that must not run on an asynchronous thread, because it waits for other threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let builder = std::thread::Builder::new().name("tradewind-store-closing".to_owned()).stack_size(STACK_BYTES);
    let gave_up = |error: &dyn std::fmt::Display| StoreError::Other(format!("the store cannot be closed: {error}"));
    builder.spawn(move || drop(sender.send(work()))).map_err(|error| gave_up(&error))?;
    receiver.await.map_err(|error| gave_up(&error))
}

impl Open {
    /// Stops writing, flushes, ends the threads and lets go of every file.
    fn close(self) -> Result<(), StoreError> {
        let Self { database, runtime } = self;
        let shut = runtime.block_on(database.datastore.shutdown());
        {
            let _context = runtime.enter();
            drop(database);
        }
        drop(runtime);
        shut.map_err(|error| failure::of_text(&format!("{error:#}")))
    }
}

impl SurrealLog {
    /// Flushes everything to its tables and lets go of the folder. Nothing can be written or read afterwards.
    ///
    /// Never needed for safety: what was acknowledged is in the log on disk. It makes the next start quick.
    ///
    /// # Errors
    /// When flushing fails; acknowledged segments are safe nevertheless.
    pub async fn close(&self) -> Result<(), StoreError> {
        let Some(open) = self.open.write().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        aside(move || open.close()).await?
    }

    /// Runs work on the store's own threads, in a task that ends even when the caller has gone.
    async fn apart<T, F>(&self, work: impl FnOnce(Arc<Database>) -> F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let task = match &*self.open.read().unwrap_or_else(PoisonError::into_inner) {
            Some(open) => open.runtime.spawn(work(Arc::clone(&open.database))),
            None => return Err(StoreError::Other("the store is closed".to_owned())),
        };
        task.await.unwrap_or_else(|error| Err(StoreError::Other(format!("the database gave up: {error}"))))
    }
}

/// How often a write is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It was not made yet.
    First,
    /// It was, and what it wrote has to be written once more: `journal.rs` says why.
    Again,
}

impl Database {
    /// Repeats a write for as long as it is certain that nothing was written, and stops all writing once it is not. Repeats it also
    /// where it may stand in a file of the journal that goes before its rows are anywhere else.
    async fn write<T, F>(&self, attempt: impl Fn(Turn) -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, WriteFailure>>,
    {
        let (mut last, mut turn) = (String::new(), Turn::First);
        for _ in 0..ATTEMPTS {
            if let Some(error) = self.doubt.get() {
                return Err(error.clone());
            }
            let before = self.journal.newest()?;
            match attempt(turn).await {
                Ok(value) => match self.journal.newest() {
                    Ok(newest) if newest == before => return Ok(value),
                    Ok(_) => turn = Turn::Again,
                    Err(error) => return Err(self.doubtful(error)),
                },
                Err(WriteFailure::Refused(error)) => return Err(error),
                Err(WriteFailure::Conflict(text)) => last = text,
                Err(WriteFailure::Doubtful(error)) => return Err(self.doubtful(error)),
            }
            tokio::task::yield_now().await;
        }
        let error = StoreError::Other(format!("other writers were faster {ATTEMPTS} times: {last}"));
        Err(if turn == Turn::Again { self.doubtful(error) } else { error })
    }

    /// Nothing is written any more.
    fn doubtful(&self, error: StoreError) -> StoreError {
        let _ = self.doubt.set(error.clone());
        error
    }
}

impl LogStore for SurrealLog {
    fn take(&self, shard: u32) -> BoxFuture<'_, Result<ShardHead, StoreError>> {
        Box::pin(self.apart(move |database| async move {
            let epoch = database.write(|_| rows::take(&database.surreal, shard)).await?;
            Ok(ShardHead { epoch })
        }))
    }

    fn append(&self, epoch: u64, segment: Segment) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.apart(move |database| async move {
            let row = rows::Row::of(segment)?;
            let epoch = rows::number(epoch)?;
            database.write(|turn| rows::append(&database.surreal, epoch, row.clone(), turn)).await
        }))
    }

    fn scan(&self, shard: u32, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Segment>, StoreError>> {
        let archive = self.archive.clone();
        Box::pin(self.apart(move |database| async move {
            let (mut found, next) = archive.read(shard, from, limit)?;
            if found.len() < limit {
                found.extend(rows::scan(&database.surreal, shard, next, limit - found.len()).await?);
            }
            Ok(found)
        }))
    }

    fn anchors(&self, shard: u32) -> Vec<Anchor> {
        self.archive.anchors(shard)
    }

    fn prune(&self, anchor: Anchor) -> BoxFuture<'_, Result<(), StoreError>> {
        let archive = self.archive.clone();
        Box::pin(self.apart(move |database| async move {
            database.write(|_| anchors::add(&database.surreal, &anchor)).await?;
            archive.add(anchor.clone());
            // Rows that come back are not read.
            database.write(|_| anchors::prune(&database.surreal, &anchor)).await
        }))
    }

    fn durable(&self) -> bool {
        self.durable
    }
}

impl Drop for SurrealLog {
    fn drop(&mut self) {
        let Some(open) = self.open.write().unwrap_or_else(PoisonError::into_inner).take() else { return };
        // A runtime cannot be waited for on an asynchronous thread. If the process ends meanwhile, nothing acknowledged is lost.
        let closing = std::thread::Builder::new().name("tradewind-store-closing".to_owned()).stack_size(STACK_BYTES);
        let _ = closing.spawn(move || drop(open.close()));
    }
}
