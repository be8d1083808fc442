//! A disk that many processes open, one after the other or at once, and the fate of each of them.

use super::judge::Judge;
use super::keys::OwnKeys;
use super::quiet::Activity;
use crate::planted::{Bug, planted};
use crate::ports::{BoxFuture, LogStore, ShardHead, StoreError};
use crate::seal::{KeyName, Keyring};
use crate::segment::Segment;
use crate::twin::MemoryKeys;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;

#[derive(Default)]
struct Inner {
    segments: Vec<Segment>,
    /// Acknowledged and lost with the power: only where that bug is planted.
    unsynced: Vec<Segment>,
    epoch: u64,
}

pub(super) struct Disk {
    inner: Mutex<Inner>,
    judge: Arc<Mutex<Judge>>,
    keys: Arc<MemoryKeys>,
}

impl Disk {
    pub(super) fn new(judge: Arc<Mutex<Judge>>) -> Self {
        Self { inner: Mutex::default(), judge, keys: Arc::default() }
    }

    pub(super) fn segments(&self) -> Vec<Segment> {
        self.inner.lock().unwrap().segments.clone()
    }

    /// Keys that are to be gone.
    pub(super) fn gone(&self) -> Vec<KeyName> {
        self.keys.gone()
    }

    /// Destroys them.
    pub(super) fn destroy_wanted(&self) {
        let _ = self.keys.destroy(&self.keys.gone());
    }

    fn sync(&self, inner: &mut Inner, segment: Segment) {
        self.judge.lock().unwrap().durable(&segment);
        inner.segments.push(segment);
    }

    fn append(&self, epoch: u64, segment: Segment) -> Result<(), StoreError> {
        // What is wrong is found: a bug that would write without end has no more to say.
        if !self.judge.lock().unwrap().violations.is_empty() {
            return Err(StoreError::Other("the judge has seen enough".to_owned()));
        }
        let mut inner = self.inner.lock().unwrap();
        for earlier in std::mem::take(&mut inner.unsynced) {
            self.sync(&mut inner, earlier);
        }
        let taken = inner.segments.iter().any(|other| other.first == segment.first);
        if epoch != inner.epoch && !planted(Bug::EpochUnchecked) {
            return Err(StoreError::Fenced);
        }
        if taken && !planted(Bug::EpochUnchecked) {
            return Err(StoreError::Other(format!("there is a segment at {} already", segment.first)));
        }
        if planted(Bug::AcknowledgedBeforeSync) {
            inner.unsynced.push(segment);
        } else {
            self.sync(&mut inner, segment);
        }
        Ok(())
    }
}

/// How a process ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    Lives,
    /// At this append: when it is durable, or before.
    AtAppend(u64, bool),
    /// At this call of a provider: after it left, or before.
    AtCall(u64, bool),
}

/// A process: what it asks of the disk and of others is nothing once it is dead.
pub(super) struct Process {
    disk: Arc<Disk>,
    keys: Arc<OwnKeys>,
    fate: Mutex<Fate>,
    dead: AtomicBool,
    /// The epoch that it took; 0 before.
    epoch: AtomicU64,
    /// Who waits until it goes on; none while it does.
    still: Mutex<Option<Vec<oneshot::Sender<()>>>>,
    activity: Arc<Activity>,
}

fn died() -> StoreError {
    StoreError::Other("the process died".to_owned())
}

impl Process {
    pub(super) fn new(disk: Arc<Disk>, fate: Fate, activity: Arc<Activity>) -> Self {
        let keys = Arc::new(OwnKeys::of(disk.keys.clone()));
        Self {
            disk,
            keys,
            fate: Mutex::new(fate),
            dead: AtomicBool::new(false),
            epoch: AtomicU64::new(0),
            still: Mutex::default(),
            activity,
        }
    }

    /// It stands still (a machine that is suspended, a long collection of garbage): it writes nothing, hears no answer and no clock.
    pub(super) fn stall(&self) {
        self.still.lock().unwrap().get_or_insert_default();
    }

    /// It goes on where it stood.
    pub(super) fn wake(&self) {
        for waiting in self.still.lock().unwrap().take().into_iter().flatten() {
            self.activity.note();
            let _ = waiting.send(());
        }
    }

    /// Returns when it does not stand still.
    pub(super) async fn awake(&self) {
        let woken = self.still.lock().unwrap().as_mut().map(|waiting| {
            let (wake, woken) = oneshot::channel();
            waiting.push(wake);
            woken
        });
        if let Some(woken) = woken {
            let _ = woken.await;
        }
    }

    pub(super) fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.disk.inner.lock().unwrap().unsynced.clear();
    }

    /// Whether no other process took the log after it.
    pub(super) fn has_the_log(&self) -> bool {
        self.epoch.load(Ordering::Relaxed) == self.disk.inner.lock().unwrap().epoch
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Nothing befalls it any more.
    pub(super) fn spare(&self) {
        *self.fate.lock().unwrap() = Fate::Lives;
    }

    /// Whether it dies now: at this append or call, and whether after it.
    fn is_up(&self, append: bool) -> Option<bool> {
        let mut fate = self.fate.lock().unwrap();
        let (left, after) = match &mut *fate {
            Fate::AtAppend(left, after) if append => (left, *after),
            Fate::AtCall(left, after) if !append => (left, *after),
            _ => return None,
        };
        *left = left.saturating_sub(1);
        (*left == 0).then_some(after)
    }

    /// A call leaves, or the process ends with it; `false` where nothing leaves.
    pub(super) fn sends(&self) -> bool {
        if self.is_dead() {
            return false;
        }
        match self.is_up(false) {
            None => true,
            Some(after) => {
                self.die();
                after
            }
        }
    }
}

impl LogStore for Process {
    fn take(&self, _: u32) -> BoxFuture<'_, Result<ShardHead, StoreError>> {
        Box::pin(async move {
            let mut inner = self.disk.inner.lock().unwrap();
            inner.epoch += 1;
            self.epoch.store(inner.epoch, Ordering::Relaxed);
            Ok(ShardHead { epoch: inner.epoch })
        })
    }

    fn append(&self, epoch: u64, segment: Segment) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            self.awake().await;
            self.activity.note();
            for _ in 0..segment.first % 3 {
                tokio::task::yield_now().await;
            }
            self.activity.note();
            if self.is_dead() {
                return Err(died());
            }
            let end = self.is_up(true);
            if end != Some(false) {
                self.disk.append(epoch, segment)?;
            }
            if end.is_some() {
                self.die();
                return Err(died());
            }
            Ok(())
        })
    }

    fn scan(&self, _: u32, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Segment>, StoreError>> {
        Box::pin(async move {
            let inner = self.disk.inner.lock().unwrap();
            let all = inner.segments.iter().chain(&inner.unsynced);
            Ok(all.filter(|segment| segment.first >= from).take(limit).cloned().collect())
        })
    }

    fn holds(&self, _: u32, epoch: u64) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.disk.inner.lock().unwrap().epoch == epoch || planted(Bug::ZombieSends) })
    }

    fn keys(&self) -> Option<Arc<dyn Keyring>> {
        Some(self.keys.clone())
    }

    fn durable(&self) -> bool {
        true
    }
}
