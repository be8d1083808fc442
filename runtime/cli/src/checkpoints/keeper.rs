//! Signs checkpoints while an engine works: every thousand events, every minute in which there were any, and at the end.
//!
//! It stands beside the appender and is never waited for: it looks at how far the log is durable, a few times a second at most. A
//! checkpoint that cannot be written is told, once, and stops nothing: the next one vouches for more.

use super::{Known, Place};
use crate::exit::Failure;
use crate::output::tell;
use std::fs::File;
use std::io;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tradewind_engine::checkpoint::{self, Signer};
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::Engine;
use tradewind_engine::ports::Clock;
use tradewind_engine::summary::Progress;

/// Events after which the next one is signed.
const EVENTS: u64 = 1000;
/// Time after which it is signed where there were fewer.
const EVERY: Duration = Duration::from_secs(60);
/// It looks no more often than that, so that it costs a busy appender nothing.
const PAUSE: Duration = Duration::from_millis(5);
/// The file is made durable no more often than that; what a power cut takes of it only vouches for less.
const SYNC: Duration = Duration::from_secs(1);

/// Signs until the engine has ended.
#[derive(Debug)]
pub(crate) struct Keeper(JoinHandle<()>);

struct Keeping {
    place: Place,
    signer: Signer,
    file: File,
    tenant: String,
    /// The last event that was signed for, and when.
    last: u64,
    signed_at: Instant,
    synced_at: Instant,
    complained: bool,
}

impl Keeper {
    /// Begins; `known` is what was signed before.
    pub(crate) fn start(engine: &Engine, place: &Place, known: &Known) -> Result<Self, Failure> {
        let signer = place.signer_or_new()?;
        place.shorten(known)?;
        let file = place.open()?;
        let last = known.standing().last().map_or(0, |last| last.events);
        let (tenant, now) = (engine.active().tenant.to_string(), Instant::now());
        let keeping = Keeping { place: place.clone(), signer, file, tenant, last, signed_at: now, synced_at: now, complained: false };
        let progress = engine.subscribe().progress;
        Ok(Self(tokio::spawn(keeping.keep(progress))))
    }

    /// Returns when the engine has ended and its last event is signed for.
    pub(crate) async fn end(self) {
        if let Err(error) = self.0.await {
            tell!("the last checkpoint was not signed: {error}");
        }
    }
}

impl Keeping {
    async fn keep(mut self, mut progress: watch::Receiver<Progress>) {
        loop {
            let has_ended = tokio::select! {
                changed = progress.changed() => changed.is_err(),
                () = tokio::time::sleep_until(self.signed_at + EVERY) => false,
            };
            let (events, head) = {
                let seen = progress.borrow_and_update();
                (seen.events, seen.head)
            };
            let is_due = has_ended || events >= self.last + EVENTS || self.signed_at.elapsed() >= EVERY;
            if is_due {
                if events > self.last {
                    let line = self.signer.sign(&checkpoint::of(&self.tenant, 0, events, head, SystemClock.now()));
                    self.write(&line, has_ended).await;
                    self.last = events;
                }
                self.signed_at = Instant::now();
            }
            if has_ended {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn write(&mut self, line: &str, is_last: bool) {
        let written = self.place.add(&mut self.file, line);
        let written = match written {
            Ok(()) if is_last || self.synced_at.elapsed() >= SYNC => {
                self.synced_at = Instant::now();
                self.sync().await
            }
            other => other,
        };
        match written {
            Ok(()) => self.complained = false,
            Err(_) if self.complained => {}
            Err(error) => {
                self.complained = true;
                tell!("no checkpoint can be written to `{}`: {error}", self.place.file.display());
            }
        }
    }

    /// On a thread that may wait for the disk.
    async fn sync(&self) -> io::Result<()> {
        let file = self.file.try_clone()?;
        tokio::task::spawn_blocking(move || file.sync_data()).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}
