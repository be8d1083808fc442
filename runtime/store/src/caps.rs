//! What the embedded database may use: memory, threads, stack. The only file that touches the database's unstable interface.
//!
//! Left alone, SurrealKV sizes itself from the memory of the host (half of it for the block cache, up to 4 GiB for a memtable)
//! and not from the container's, and the `surrealdb` crate offers no way to say otherwise.

use std::sync::Arc;
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb_cnf::ConfigMap;
use surrealdb_core::kvs::Datastore;
use tokio::runtime::Runtime;

/// Most memory that blocks read from disk may take.
pub const BLOCK_CACHE_BYTES: u64 = 32 << 20;
/// Size at which newly written rows move from memory to a table on disk; up to three of these exist at a time.
pub const MEMTABLE_BYTES: usize = 32 << 20;
/// Largest body of a segment: a new memtable must hold it twice with room to spare, as it may be written once more (`journal.rs`).
pub const LARGEST_BODY_BYTES: usize = 8 << 20;
/// Stack of the store's threads. The database recurses deeply, most of all in builds without optimisation: there our statements
/// overflow 1 MiB and fit into 2. Its vendor asks for 10; untouched stack costs nothing.
pub const STACK_BYTES: usize = 16 << 20;
/// One commits while the other reads.
const THREADS: usize = 2;

/// The store's own threads.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_stack_size(STACK_BYTES)
        .thread_name("tradewind-store")
        .enable_all()
        .build()
}

/// Opens a datastore under the caps, each commit synced, and a connection to it.
pub(crate) async fn datastore(path: &str) -> Result<(Arc<Datastore>, Surreal<Db>), String> {
    let text = |error: &dyn std::fmt::Display| format!("{error:#}");
    let datastore = Datastore::builder()
        .with_config(settings())
        // Started below: they write, and a write before the version check makes a new store look like an old one.
        .without_maintenance_tasks()
        .build_with_path(path)
        .await
        .map_err(|error| text(&error))?;
    // Fails at once on a damaged file or a full disk; everything that starts a store up otherwise tries for two minutes. For the same
    // reason the database's `bootstrap` is left out: it only enters this process into a list of the members of a cluster.
    datastore.get_version().await.map_err(|error| text(&error))?;
    datastore.check_version().await.map_err(|error| text(&error))?;
    datastore.start_maintenance_tasks();
    let surreal = Surreal::<Db>::unstable_from_datastore(Arc::clone(&datastore), None).await.map_err(|error| text(&error))?;
    Ok((datastore, surreal))
}

fn settings() -> ConfigMap {
    ConfigMap::empty()
        .with_key_value("datastore_sync", "every")
        .with_key_value("surrealkv_block_cache_capacity", BLOCK_CACHE_BYTES.to_string())
        .with_key_value("surrealkv_max_memtable_size", MEMTABLE_BYTES.to_string())
}
