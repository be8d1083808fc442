//! The log as a whole: verified, exported, decided again. It reads what is durable and asks the loop nothing.

use super::Engine;
use crate::anchor::Anchor;
use crate::books::Books;
use crate::checkpoint::{self, Checkpoint};
use crate::export::{Header, Report, Writing};
use crate::image::{Image, Snapshot};
use crate::ports::StoreError;
use crate::recover::{self, Reader, events_of};
use crate::replay::{ReplayError, ReplayReport, replay_run};
use crate::segment::Segment;
use crate::state::RunState;
use crate::summary::LogReport;
use std::io::{self, Write};
use tokio::sync::oneshot;
use tradewind_lang::plan::Digest;

/// How many segments are read at once.
const PAGE: usize = 64;

/// Why a log was not exported.
#[derive(Debug)]
pub enum ExportError {
    /// The log cannot be read.
    Store(StoreError),
    /// The file cannot be written.
    File(io::Error),
}

impl From<StoreError> for ExportError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // What the writer says of a segment that does not follow the one before it.
            io::ErrorKind::InvalidData => Self::Store(StoreError::Damaged(error.to_string())),
            _ => Self::File(error),
        }
    }
}

/// Why nothing was rebuilt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RebuildError {
    /// The engine stopped, or the log cannot be read.
    Store(StoreError),
    /// What the engine holds is not what the log says; in which part.
    Differs(&'static str),
}

impl From<StoreError> for RebuildError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Engine {
    /// Reads the whole log and checks its chain and every event.
    ///
    /// # Errors
    /// The first damage, with its seq.
    pub async fn verify(&self) -> Result<LogReport, StoreError> {
        self.verify_against(Vec::new()).await
    }

    /// The same, held against the checkpoints that it must meet.
    ///
    /// # Errors
    /// The first damage, with its seq; a checkpoint that is not met.
    pub async fn verify_against(&self, standing: Vec<Checkpoint>) -> Result<LogReport, StoreError> {
        recover::verify_against(&*self.shared.log, self.shared.shard, standing).await
    }

    /// Writes a part of the log as an export: from an event behind a segment with this hash, to the segment that ends with another;
    /// `lines` are the checkpoints that go into it.
    ///
    /// # Errors
    /// A log that cannot be read, or a file that cannot be written.
    pub async fn export_part<W: Write + Send>(
        &self,
        out: W,
        lines: &[String],
        at: i64,
        (from, previous, until): (u64, Digest, u64),
    ) -> Result<(W, Report), ExportError> {
        let header = Header { tenant: self.active().tenant.to_string(), shard: self.shared.shard, from, previous: String::new(), at };
        let mut writing = Writing::begin(out, header, previous)?;
        for line in lines {
            // One that cannot be believed belongs into no export; the caller has said so already.
            if let Ok(signed) = checkpoint::read(line)
                && signed.checkpoint.events <= until
            {
                writing.checkpoint(line, &signed)?;
            }
        }
        let mut next = from;
        while next <= until {
            let segments = self.segments(next, PAGE).await?;
            let Some(last) = segments.last() else { break };
            next = last.first + u64::from(last.count);
            for segment in segments.iter().filter(|segment| segment.first <= until) {
                writing.segment(segment)?;
            }
        }
        Ok(writing.end()?)
    }

    /// The part of the log that can be archived: behind what is archived already, decided before an instant, and older than anything that
    /// a run that goes on has left. Its first event, the hash before that, and its last event; none where there is nothing of the kind.
    ///
    /// # Errors
    /// The engine stopped, or the log cannot be read.
    pub async fn closed(&self, before: i64) -> Result<Option<(u64, Digest, u64)>, StoreError> {
        let image = self.take_image().await?;
        let until = image.live.values().flatten().copied().min().unwrap_or(image.events + 1).min(image.events + 1);
        let (archived, previous) = recover::anchored(&*self.shared.log, self.shared.shard)?;
        let mut next = archived + 1;
        'log: while next < until {
            let segments = self.segments(next, PAGE).await?;
            if segments.is_empty() {
                break;
            }
            for segment in &segments {
                let end = segment.first + u64::from(segment.count);
                let is_old = events_of(None, segment)?.last().is_some_and(|event| event.header.at < before);
                if end > until || !is_old {
                    break 'log;
                }
                next = end;
            }
        }
        Ok((next > archived + 1).then_some((archived + 1, previous, next - 1)))
    }

    /// Takes a part of the log out of the store, now that an export holds it and somebody has signed for its end.
    ///
    /// # Errors
    /// A part that is not the next one, or that the log does not hold so; a store that failed.
    pub async fn prune(&self, anchor: Anchor) -> Result<(), StoreError> {
        let (log, shard) = (&*self.shared.log, self.shared.shard);
        let (archived, _) = recover::anchored(log, shard)?;
        if anchor.shard != shard || anchor.from != archived + 1 {
            return Err(StoreError::Other(format!("event {} is not the first one that is not archived", anchor.from)));
        }
        recover::meets(log, shard, &checkpoint::of("", shard, anchor.last, anchor.head, 0)).await?;
        log.prune(anchor).await
    }

    /// What is archived.
    #[must_use]
    pub fn anchors(&self) -> Vec<Anchor> {
        self.shared.log.anchors(self.shared.shard)
    }

    /// Decides everything in the log again, or the decisions of one run, and compares.
    ///
    /// # Errors
    /// A log that cannot be read, or the first decision that comes out otherwise.
    pub async fn replay(&self, run: Option<&str>) -> Result<ReplayReport, ReplayError> {
        replay_run(&*self.shared.log, self.shared.shard, run).await
    }

    /// The last event of the image with which it was opened; 0 where it folded the whole log.
    #[must_use]
    pub fn opened_with(&self) -> u64 {
        self.shared.opened_with
    }

    /// An image of what is durable now, for a later [`Engine::open_with`].
    ///
    /// # Errors
    /// The engine stopped, or the key of images cannot be made.
    pub async fn image(&self) -> Result<Snapshot, StoreError> {
        self.take_image().await?.snapshot(self.shared.log.keys().as_deref())
    }

    /// Folds the whole log again and compares everything that is told of it with what this engine holds; returns an image of that.
    /// None of it is ever read for a decision that the log does not decide: where they differ, the program has a mistake.
    ///
    /// # Errors
    /// The engine stopped, the log cannot be read, or something differs.
    pub async fn rebuild(&self) -> Result<Snapshot, RebuildError> {
        let image = self.take_image().await?;
        let (log, shard) = (&*self.shared.log, self.shared.shard);
        let mut books: Books<RunState> = Books::new(self.active().tenant.clone());
        books.keys = log.keys();
        books.at_hand = Some(self.active());
        let mut reader = Reader::new(log, shard);
        recover::fold_until(&mut reader, &mut books, &self.active(), image.events).await?;
        let folded = Image::of(&books, image.events, image.head);
        match image.differs_from(&folded) {
            Some(part) => Err(RebuildError::Differs(part)),
            None => Ok(folded.snapshot(log.keys().as_deref())?),
        }
    }

    pub(crate) async fn take_image(&self) -> Result<Image, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.ask(|shard| shard.want_image(reply)).await?;
        answer.await.map_err(|_| self.stop_error())
    }

    async fn segments(&self, from: u64, limit: usize) -> Result<Vec<Segment>, StoreError> {
        self.shared.log.scan(self.shared.shard, from, limit).await
    }
}
