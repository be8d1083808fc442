//! Opens the database, checks who wrote it, and defines its tables. Refuses a store of a newer version untouched.

use crate::Database;
use crate::address::Address;
use crate::anchors;
use crate::caps;
use crate::failure;
use crate::folder;
use crate::journal::Journal;
use crate::manifest;
use std::path::Path;
use std::sync::OnceLock;
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::ports::StoreError;

/// The version of the shapes of rows. Another one needs a file among the statements that leads to it, an entry below, and a golden
/// store of the one before (`tests/golden`).
const SCHEMA_VERSION: i64 = 2;

/// What leads from each version to the next; each in one transaction, with the number that it leads to.
const MIGRATIONS: [(i64, &str); 1] = [(2, include_str!("statements/to_version_2.surql"))];

/// Who makes rows, or migrates them.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// Tables that are not defined conflict with each other on first use, so all of them are defined at start-up.
const DEFINE_META: &str = "
DEFINE TABLE IF NOT EXISTS meta SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS version ON meta TYPE int;
DEFINE FIELD IF NOT EXISTS program ON meta TYPE option<string>;
";

const DEFINE_LOG: &str = "
DEFINE TABLE IF NOT EXISTS epoch SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS number ON epoch TYPE int;
DEFINE FIELD IF NOT EXISTS head ON epoch TYPE int;
DEFINE TABLE IF NOT EXISTS segment SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS count ON segment TYPE int;
DEFINE FIELD IF NOT EXISTS previous ON segment TYPE bytes;
DEFINE FIELD IF NOT EXISTS hash ON segment TYPE bytes;
DEFINE FIELD IF NOT EXISTS body ON segment TYPE bytes;
DEFINE TABLE IF NOT EXISTS archive SCHEMAFULL;
DEFINE FIELD IF NOT EXISTS last ON archive TYPE int;
DEFINE FIELD IF NOT EXISTS head ON archive TYPE bytes;
DEFINE FIELD IF NOT EXISTS place ON archive TYPE string;
DEFINE FIELD IF NOT EXISTS signed ON archive TYPE string;
";

pub(crate) async fn database(address: &Address) -> Result<(Database, Vec<Anchor>), StoreError> {
    let path = match address {
        Address::Memory => "memory".to_owned(),
        Address::Folder(folder) => {
            folder::prepare(folder)?;
            manifest::check(folder)?;
            format!("surrealkv://{}", plain(folder)?)
        }
    };
    let (datastore, surreal) = caps::datastore(&path).await.map_err(|text| of_opening(&text, address))?;
    let defined = match define(&surreal).await {
        Ok(()) => anchors::all(&surreal).await,
        Err(error) => Err(error),
    };
    match defined {
        Ok(anchors) => {
            let folder = match address {
                Address::Memory => None,
                Address::Folder(folder) => Some(folder.as_path()),
            };
            Ok((Database { surreal, datastore, journal: Journal::of(folder), doubt: OnceLock::new() }, anchors))
        }
        Err(error) => {
            let _ = datastore.shutdown().await;
            Err(error)
        }
    }
}

/// The database cuts its address at the first `?` and takes the rest for settings.
fn plain(folder: &Path) -> Result<&str, StoreError> {
    let refused = || StoreError::Other(format!("`{}` cannot be the folder of a store: use plain letters", folder.display()));
    folder.to_str().filter(|path| !path.contains('?')).ok_or_else(refused)
}

fn of_opening(text: &str, address: &Address) -> StoreError {
    let place = match address {
        Address::Memory => "memory".to_owned(),
        Address::Folder(folder) => folder.display().to_string(),
    };
    failure::of_text(&format!("`{place}`: {text}"))
}

async fn define(surreal: &Surreal<Db>) -> Result<(), StoreError> {
    let read = |error: surrealdb::Error| failure::of_read(&error);
    let run = async |text: &str| surreal.query(text).await.and_then(surrealdb::IndexedResults::check);
    run("DEFINE NAMESPACE IF NOT EXISTS tradewind").await.map_err(read)?;
    surreal.use_ns("tradewind").await.map_err(read)?;
    run("DEFINE DATABASE IF NOT EXISTS log").await.map_err(read)?;
    surreal.use_db("log").await.map_err(read)?;
    run(DEFINE_META).await.map_err(read)?;
    let version: Option<i64> = run("SELECT VALUE version FROM ONLY meta:schema").await.and_then(|mut rows| rows.take(0)).map_err(read)?;
    match version {
        Some(version) if version > SCHEMA_VERSION => {
            let program: Option<String> =
                run("SELECT VALUE program FROM ONLY meta:schema").await.and_then(|mut rows| rows.take(0)).unwrap_or_default();
            let by = program.map(|program| format!(", made by tradewind {program}")).unwrap_or_default();
            let text = format!("the store has rows of version {version}{by}; this program knows those up to {SCHEMA_VERSION}");
            return Err(StoreError::Newer(text));
        }
        Some(version) => {
            for (to, statements) in MIGRATIONS.into_iter().filter(|(to, _)| *to > version) {
                let migrate = surreal.query(statements).bind(("version", to)).bind(("program", PROGRAM));
                migrate.await.and_then(surrealdb::IndexedResults::check).map_err(read)?;
            }
        }
        None => {
            let create = surreal.query("CREATE meta:schema SET version = $version, program = $program RETURN NONE");
            let create = create.bind(("version", SCHEMA_VERSION)).bind(("program", PROGRAM));
            create.await.and_then(surrealdb::IndexedResults::check).map_err(read)?;
        }
    }
    run(DEFINE_LOG).await.map_err(read)?;
    Ok(())
}
