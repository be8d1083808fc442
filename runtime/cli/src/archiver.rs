//! Archives the log while a process serves, as `log-retention` of its environment says: what is closed and old enough is written to a
//! file of its own, read again, signed for, and taken out of the store. `log archive` does the same once, by hand.
//!
//! It is never waited for. What cannot be archived is told, once, stays in the store and is tried again.

use crate::checkpoints::Place;
use crate::desk::Desk;
use crate::host::Host;
use crate::output::tell;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::checkpoint;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::export;
use tradewind_engine::ports::Clock;
use tradewind_lang::plan::{Digest, LogRetention, Micros};

/// How often it looks whether it is due.
const LOOK: Duration = Duration::from_secs(1);
/// A part is archived so many times in the span of a retention, so that the store holds little more than it must.
const PARTS: Micros = 20;
/// No more often than that, whatever the retention; nor more seldom.
const OFTEN: Micros = 1_000_000;
const SELDOM: Micros = 86_400_000_000;

/// Archives until it is dropped or the engine has ended.
#[derive(Debug)]
pub(crate) struct Archiver(JoinHandle<()>);

struct Archiving {
    desk: Desk,
    host: Arc<Host>,
    place: Place,
}

impl Archiver {
    /// Begins. Whether anything is archived is the active plan's to say at each moment.
    pub(crate) fn start(desk: Desk, host: Arc<Host>, place: Place) -> Self {
        let archiving = Archiving { desk, host, place };
        Self(tokio::spawn(async move {
            // When it was tried last; a start tries at once, as a process may never live for a whole day.
            let mut tried: Option<Instant> = None;
            loop {
                tokio::time::sleep(LOOK).await;
                let plan = archiving.desk.engine.active();
                let Some(retention) = &plan.plan.project.log_retention else {
                    archiving.host.set_archiving(None);
                    continue;
                };
                if tried.is_some_and(|tried| tried.elapsed() < pause(retention.after)) {
                    continue;
                }
                let failed = archiving.archive(&plan.tenant, retention).await.err();
                if let Some(why) = &failed
                    && archiving.host.set_archiving(Some(why.clone()))
                {
                    tell!("the log is not archived: {why}");
                }
                if failed.is_none() {
                    archiving.host.set_archiving(None);
                }
                tried = Some(Instant::now());
            }
        }))
    }
}

impl Drop for Archiver {
    fn drop(&mut self) {
        // Broken off at any point it leaves a file that the next one uses, or rows that nobody reads.
        self.0.abort();
    }
}

/// How long it waits between two parts.
fn pause(after: Micros) -> Duration {
    Duration::from_micros((after / PARTS).clamp(OFTEN, SELDOM).unsigned_abs())
}

impl Archiving {
    /// Archives what is due, if anything. The error is for people.
    async fn archive(&self, tenant: &str, retention: &LogRetention) -> Result<(), String> {
        let before = SystemClock.now().saturating_sub(retention.after);
        let told = |problem: crate::desk::Problem| format!("error[{}]: {}", problem.code, problem.message);
        let Some((from, previous, last)) = self.desk.closed(before).await.map_err(told)? else { return Ok(()) };
        let folder = self.host.root.join(&retention.archive);
        fs::create_dir_all(&folder).map_err(|error| format!("`{}` cannot be made: {error}", folder.display()))?;
        let file = folder.join(format!("{tenant}-{from:012}-{last:012}.log"));
        let head = match head_of(&file, from, last).await? {
            Some(head) => head,
            None => {
                let written = self.desk.written(&file, &[], (from, previous, last)).await.map_err(told)?;
                let head = written.get("head").and_then(serde_json::Value::as_str).and_then(checkpoint::digest);
                head.ok_or_else(|| format!("`{}` has no end", file.display()))?
            }
        };
        let signer = self.place.signer_or_new().map_err(|failure| failure.message)?;
        let line = signer.sign(&checkpoint::of(tenant, 0, last, head, SystemClock.now()));
        let anchor = Anchor { shard: 0, from, last, head, file: file.display().to_string(), line };
        self.desk.prune(anchor).await.map_err(told)?;
        tell!("events {from} to {last} are archived in {}", file.display());
        Ok(())
    }
}

/// The end of a file that a process wrote which ended before it could use it; none where there is no such file.
async fn head_of(file: &Path, from: u64, last: u64) -> Result<Option<Digest>, String> {
    let file: PathBuf = file.to_owned();
    let read = tokio::task::spawn_blocking(move || {
        let Ok(opened) = File::open(&file) else { return Ok(None) };
        let in_the_way = || format!("`{}` is there already, and is no archive of events {from} to {last}: move it away", file.display());
        let report = export::verify(BufReader::new(opened), None).map_err(|_| in_the_way())?;
        match (report.header.from, report.last) == (from, last) {
            true => Ok(Some(report.head)),
            false => Err(in_the_way()),
        }
    });
    read.await.map_err(|error| error.to_string())?
}
