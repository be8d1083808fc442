//! `backup`: the whole log into a folder, while others work; `restore`: a new store from such a folder.
//!
//! A backup is an export and a page that says what is in it. The page is written last, when the export was read again and found to be
//! whole: a folder without one is no backup. Keys are in none: neither that of the checkpoints nor any other.

use crate::arguments::Place;
use crate::arguments::log::{Backup, Restore};
use crate::checkpoints;
use crate::counted::counted;
use crate::desk::Request;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{say, tell};
use crate::repository::Repository;
use crate::session::{self, store_failure};
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tradewind_engine::checkpoint::PublicKey;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::export::{self, Frame, Reading, Report};
use tradewind_engine::ports::{Clock, LogStore};
use tradewind_lang::code::run as code;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::Plan;

/// The export in the folder.
const LOG: &str = "log.export";
/// The page that says that it is whole.
const PAGE: &str = "backup.json";
/// The version of the page.
const VERSION: u32 = 1;
/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;

#[derive(Debug, Serialize, Deserialize)]
struct Page {
    version: u32,
    project: String,
    made_at: String,
    events: u64,
    segments: u64,
    head: String,
    signed_by: Option<String>,
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Tool, &code::CANNOT_WRITE, format!("`{}` cannot be written: {error}", path.display()))
}

fn in_the_way(path: &Path, help: &str) -> Failure {
    Failure::new(Exit::Refused, &code::IN_THE_WAY, format!("`{}` is there already, and not empty", path.display())).help(help)
}

fn no_backup(folder: &Path, why: &str) -> Failure {
    let message = format!("`{}` is no backup that can be restored: {why}", folder.display());
    Failure::new(Exit::Tool, &code::NO_BACKUP, message).help("name a folder that `tradewind backup` has written to its end")
}

/// Whether a folder is not there, or empty.
fn is_free(folder: &Path) -> Result<bool, Failure> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(Failure::new(Exit::Tool, &code::CANNOT_READ, format!("`{}` cannot be read: {error}", folder.display()))),
    }
}

fn verified(folder: &Path, key: Option<PublicKey>) -> Result<Report, Failure> {
    let path = folder.join(LOG);
    let file = File::open(&path).map_err(|error| no_backup(folder, &format!("`{LOG}`: {error}")))?;
    export::verify(BufReader::with_capacity(BUFFER, file), key).map_err(|damage| {
        Failure::new(Exit::Tool, &code::EXPORT_DAMAGED, format!("`{}` is not what was exported: {damage}", path.display()))
            .help("take another copy of the backup")
    })
}

pub(crate) fn backup(place: &Place, options: &Backup) -> Outcome {
    let folder = absolute(&options.folder)?;
    if !is_free(&folder)? {
        return Err(in_the_way(&folder, "name another folder: a backup never replaces one"));
    }
    let (repository, plan) = super::plan_of(place)?;
    let Some(checkpoints) = checkpoints::place(&repository.root, &plan) else { return Err(keeps_nothing()) };
    let known = checkpoints.known()?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(|error| unwritable(&folder, &error))?;
    let request = Request::Export { file: folder.join(LOG), lines: known.lines };
    super::block_on(session::ask(&repository, plan.clone(), request, false))??;
    let report = verified(&folder, checkpoints.key()?)?;
    let page = Page {
        version: VERSION,
        project: plan.project.name,
        made_at: timestamp_text(SystemClock.now()),
        events: report.events(),
        segments: report.segments,
        head: report.head.to_string(),
        signed_by: report.key.map(|key| key.to_string()),
    };
    let path = folder.join(PAGE);
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).and_then(|mut file| {
        file.write_all(format!("{}\n", serde_json::to_string_pretty(&page)?).as_bytes())?;
        file.sync_all()?;
        File::open(&folder)?.sync_all()
    });
    written.map_err(|error| unwritable(&path, &error))?;
    say!("{} holds {}, head {}", folder.display(), counted(page.events, "event"), page.head);
    tell!("it was read again and is whole; what is sealed in it can only be read with the keys, which are not in it");
    Ok(Exit::Fine)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::new(Exit::Usage, &code::USAGE, format!("`{}` names no folder: {error}", path.display())))
}

fn keeps_nothing() -> Failure {
    Failure::new(Exit::Usage, &code::USAGE, "this environment keeps no log").help("name another with --environment")
}

fn page_of(folder: &Path, plan: &Plan) -> Result<Page, Failure> {
    let text = fs::read_to_string(folder.join(PAGE)).map_err(|error| no_backup(folder, &format!("`{PAGE}`: {error}")))?;
    let page: Page = serde_json::from_str(&text).map_err(|error| no_backup(folder, &format!("`{PAGE}`: {error}")))?;
    if page.version > VERSION {
        return Err(no_backup(folder, &format!("it has version {}, and this program reads up to {VERSION}", page.version)));
    }
    if page.project != plan.project.name {
        return Err(no_backup(folder, &format!("it is one of the project `{}`, and this is `{}`", page.project, plan.project.name)));
    }
    Ok(page)
}

pub(crate) fn restore(place: &Place, options: &Restore) -> Outcome {
    let folder = absolute(&options.folder)?;
    let (repository, plan) = super::plan_of(place)?;
    let Some(checkpoints) = checkpoints::place(&repository.root, &plan) else { return Err(keeps_nothing()) };
    let store = session::store_folder(&repository.root, &plan);
    if !is_free(&store)? {
        return Err(in_the_way(&store, "a backup is restored where no store is: move this one away, or restore in another environment"));
    }
    let page = page_of(&folder, &plan)?;
    let report = verified(&folder, None)?;
    if report.head.to_string() != page.head || report.events() != page.events || report.header.from != 1 {
        return Err(no_backup(&folder, &format!("`{PAGE}` tells of another log than `{LOG}` holds")));
    }
    super::block_on(fill(&repository, &folder, &store, report.header.shard))??;
    say!("restored {}, head {}", counted(page.events, "event"), page.head);
    let keys = tradewind_vault::Paths::beside(&store).vault;
    if !keys.exists() {
        tell!("the keys of personal data are in no backup: put `{}` and its key back from their own, before anything else", keys.display());
    }
    match checkpoints.known()?.standing().last() {
        Some(last) if last.events > report.last => {
            tell!("the store that was here went further, to {}: what happened since then is not in the backup", checkpoints::told(last));
            tell!("to work on from it on purpose: tradewind log accept --by WHO --reason WHY");
        }
        _ => {}
    }
    Ok(Exit::Fine)
}

/// Writes every segment into a store of its own beside the place, and puts it there when all of them are in it.
async fn fill(repository: &Repository, folder: &Path, store: &Path, shard: u32) -> Result<(), Failure> {
    let beside = store.with_extension("restoring");
    // What an interrupted restore left.
    match fs::remove_dir_all(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(unwritable(&beside, &error)),
        _ => {}
    }
    let url = format!("surrealkv://{}", beside.display());
    let log = tradewind_store::open(&url, &repository.root).await.map_err(store_failure)?;
    let filled = copy(folder, &*log, shard).await;
    log.close().await.map_err(store_failure)?;
    filled?;
    if store.exists() {
        fs::remove_dir(store).map_err(|error| unwritable(store, &error))?;
    }
    fs::rename(&beside, store).map_err(|error| unwritable(store, &error))
}

async fn copy(folder: &Path, log: &dyn LogStore, shard: u32) -> Result<(), Failure> {
    let damaged = |what: String| Failure::new(Exit::Tool, &code::EXPORT_DAMAGED, what).help("take another copy of the backup");
    let file = File::open(folder.join(LOG)).map_err(|error| no_backup(folder, &format!("`{LOG}`: {error}")))?;
    let mut reading = Reading::begin(BufReader::with_capacity(BUFFER, file), None).map_err(|damage| damaged(damage.to_string()))?;
    let epoch = log.take(shard).await.map_err(store_failure)?.epoch;
    while let Some(frame) = reading.next().map_err(|damage| damaged(damage.to_string()))? {
        if let Frame::Segment(segment) = frame {
            log.append(epoch, segment).await.map_err(store_failure)?;
        }
    }
    Ok(())
}
