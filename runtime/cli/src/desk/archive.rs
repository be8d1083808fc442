//! What the desk does with the log as a whole: verify, export, decide again.

use super::{Desk, Problem};
use crate::image;
use serde_json::{Value as Json, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::checkpoint::Checkpoint;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::{ExportError, RebuildError};
use tradewind_engine::export;
use tradewind_engine::ports::Clock;
use tradewind_engine::replay::ReplayError;
use tradewind_lang::code::run;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::Digest;

/// Bytes that are written at once.
const BUFFER: usize = 1 << 20;
/// Longest text of a decision that is told.
const LONGEST: usize = 2000;

/// A part of the log: its first event, the hash before it, and its last event.
pub(crate) type Part = (u64, Digest, u64);

impl Desk {
    pub(super) async fn verify(&self, standing: Vec<Checkpoint>) -> Result<Json, Problem> {
        let report = self.engine.verify_against(standing).await?;
        Ok(json!({
            "version": 1,
            "segments": report.segments,
            "events": report.events,
            "head": report.head.to_string(),
            "checkpoints": report.checkpoints,
            "archived": report.archived,
        }))
    }

    pub(super) async fn export(&self, file: &Path, lines: &[String]) -> Result<Json, Problem> {
        let until = self.engine.subscribe().progress.borrow().events;
        self.written(file, lines, (1, Digest::default(), until)).await
    }

    /// What can be archived of what was before an instant, if anything.
    pub(crate) async fn closed(&self, before: i64) -> Result<Option<Part>, Problem> {
        Ok(self.engine.closed(before).await?)
    }

    /// Writes what can be archived; it is taken out of the store when somebody has signed for it.
    pub(super) async fn archive(&self, file: &Path, before: i64) -> Result<Json, Problem> {
        let closed = self.closed(before).await?;
        let Some(part) = closed else {
            return Err(Problem::new(
                &run::NOTHING_TO_DO,
                format!("nothing is to be archived of what was before {}", timestamp_text(before)),
            )
            .help("runs that go on, and whatever happened since they began, stay in the store")
            .refused());
        };
        self.written(file, &[], part).await
    }

    /// Takes a part out of the store, now that a file holds it; the file is read again first.
    pub(crate) async fn prune(&self, anchor: Anchor) -> Result<Json, Problem> {
        let opened = File::open(&anchor.file).map_err(|error| unwritable(Path::new(&anchor.file), &error))?;
        // Read again by whoever forgets it: nobody's word is taken for what is about to be the only copy.
        let report = export::verify(BufReader::with_capacity(BUFFER, opened), None).map_err(|damage| {
            Problem::new(&run::EXPORT_DAMAGED, format!("`{}` is not what was archived: {damage}", anchor.file)).help("archive it again")
        })?;
        if (report.header.from, report.last, report.head) != (anchor.from, anchor.last, anchor.head) {
            return Err(Problem::new(&run::EXPORT_DAMAGED, format!("`{}` holds another part of the log", anchor.file)));
        }
        let last = anchor.last;
        self.engine.prune(anchor).await?;
        Ok(json!({ "version": 1, "archived": last }))
    }

    /// Writes a part of the log to a new file, wholly or not at all.
    pub(crate) async fn written(&self, file: &Path, lines: &[String], part: Part) -> Result<Json, Problem> {
        if fs::symlink_metadata(file).is_ok() {
            return Err(Problem::new(&run::IN_THE_WAY, format!("`{}` is there already", file.display()))
                .help("name another file")
                .refused());
        }
        let beside = file.with_extension(format!("part-{}", std::process::id()));
        let written = self.write(&beside, lines, part).await;
        let renamed = written.and_then(|report| fs::rename(&beside, file).map(|()| report).map_err(|error| unwritable(file, &error)));
        if renamed.is_err() {
            // What could not be finished is of no use to anybody.
            let _ = fs::remove_file(&beside);
        }
        renamed
    }

    async fn write(&self, beside: &Path, lines: &[String], part: Part) -> Result<Json, Problem> {
        let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(beside);
        let out = BufWriter::with_capacity(BUFFER, opened.map_err(|error| unwritable(beside, &error))?);
        let (out, report) = self.engine.export_part(out, lines, SystemClock.now(), part).await.map_err(|error| match error {
            ExportError::Store(error) => Problem::from(error),
            ExportError::File(error) => unwritable(beside, &error),
        })?;
        let synced = out.into_inner().map_err(io::IntoInnerError::into_error).and_then(|file| file.sync_all());
        synced.map_err(|error| unwritable(beside, &error))?;
        Ok(json!({
            "version": 1,
            "first": report.header.from,
            "last": report.last,
            "events": report.events(),
            "segments": report.segments,
            "head": report.head.to_string(),
            "checkpoints": report.checkpoints,
            "bytes": report.bytes,
        }))
    }

    pub(super) async fn rebuild(&self, file: &Path) -> Result<Json, Problem> {
        let rebuilt = self.engine.rebuild().await.map_err(|error| match error {
            RebuildError::Store(error) => Problem::from(error),
            RebuildError::Differs(part) => {
                // One that is not there is what we want.
                let _ = fs::remove_file(file);
                Problem::new(&run::REBUILD_DIFFERS, format!("what is told of the log is not what it says: {part} differs"))
                    .help("end the process that serves, and start it again: it folds the whole log; then report it")
            }
        });
        let rebuilt = rebuilt?;
        let bytes = image::write(file, &rebuilt).map_err(|error| unwritable(file, &error))?;
        Ok(json!({ "version": 1, "events": rebuilt.events(), "bytes": bytes }))
    }

    pub(super) async fn replay(&self, run: Option<&str>) -> Result<Json, Problem> {
        let run = match run {
            Some(id) => Some(self.find(id).await?.id),
            None => None,
        };
        let report = self.engine.replay(run.as_deref()).await.map_err(|error| match error {
            ReplayError::Store(error) => Problem::from(error),
            ReplayError::Differs { seq, run, logged, decided } => {
                let message = format!("event {seq} of run {run} comes out otherwise");
                let (logged, decided) = (shortened(&logged), shortened(&decided));
                Problem::new(&run::REPLAY_DIFFERS, message).help(format!(
                    "the log says: {logged}\n  decided now: {decided}\n  keep the log and the program as they are, and report it"
                ))
            }
        })?;
        Ok(json!({
            "version": 1,
            "run": run.as_deref(),
            "decisions": report.decisions,
            "events": report.events,
            "too_large": report.too_large,
        }))
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    Problem::new(&run::CANNOT_WRITE, format!("`{}` cannot be written: {error}", path.display()))
}
