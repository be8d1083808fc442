//! The handle's part in forgetting somebody: who is affected, then the runs end, the log says so, and the keys are destroyed.
//!
//! What is wanted is noted apart from log and vault before anything is done, so that a process that dies, or a backup that is restored,
//! forgets the same. What was sent outside is settled before its run ends, as long as that does not take too long; what is not settled
//! by then goes on without the data.

use super::Engine;
use crate::books::{Books, Entry};
use crate::decide::Wish;
use crate::executor::{Live, Message, Shard, Steer};
use crate::memory::Hold;
use crate::planted::{Bug, planted};
use crate::ports::StoreError;
use crate::seal::{FORGOTTEN, KeyName, Keyring, image_key, keys_with};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::oneshot;
use tradewind_lang::plan::Micros;

/// How long runs may take to settle what they sent, before their data go all the same.
const PATIENCE: Micros = 10_000_000;

/// Whom forgetting somebody affects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Affected {
    /// The keys that go.
    pub keys: Vec<KeyName>,
    /// Runs that have not ended and that met his data, outermost first.
    pub open: Vec<Arc<str>>,
    /// How many runs that met his data have ended.
    pub ended: usize,
    /// Facts about him.
    pub facts: usize,
    /// Events that carry his data and are still kept to be looked back at.
    pub events: usize,
    /// The legal hold for which he cannot be forgotten: his own, or one of somebody whose data are sealed together with his.
    pub held: Option<Hold>,
}

impl Affected {
    /// Whether nothing is known of him.
    #[must_use]
    pub fn is_nobody(&self) -> bool {
        self.keys.is_empty() && self.facts == 0
    }
}

/// What forgetting somebody came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Whom it affected.
    pub affected: Affected,
    /// Runs that had not settled what they sent in time: they go on without the data.
    pub unsettled: Vec<Arc<str>>,
}

/// Why nobody was forgotten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForgetError {
    /// Nothing is known of him.
    Nobody,
    /// A legal hold keeps what is known of him, or of somebody with whom he shares a key.
    Held(Hold),
    /// The log or the vault failed. What was noted is done when they are opened again.
    Store(StoreError),
    /// The engine was shut down, or only looks.
    Stopped,
}

impl From<StoreError> for ForgetError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Engine {
    /// Whom forgetting a subject would affect. Changes nothing.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn foresee_forget(&self, subject: &str) -> Result<Affected, StoreError> {
        let Some(ring) = self.shared.log.keys() else { return Ok(Affected::default()) };
        let (subject, known) = (subject.to_owned(), ring.known(subject));
        self.ask(move |shard| {
            let books = &shard.books;
            let facts = books.memories.count(&shard.active.plan, &subject);
            let Some(name) = known else { return Affected { facts, ..Affected::default() } };
            let past = packed(books);
            let runs = || books.runs.iter().map(|(run, entry)| (run, met(entry)));
            let runs = runs().chain(past.iter().map(|(run, subjects)| (run, (&**subjects, None))));
            let keys = with(books, name);
            let (mut open, mut ended) = (Vec::new(), 0);
            for (run, (subjects, first)) in runs {
                match first {
                    _ if !subjects.iter().any(|name| keys.contains(name)) => {}
                    Some(first) => open.push((first, run.clone())),
                    None => ended += 1,
                }
            }
            open.sort_unstable();
            let open = open.into_iter().map(|(_, run)| run).collect();
            let held = barring(shard, &keys);
            let keys: Vec<KeyName> = keys.into_iter().collect();
            Affected { open, ended, facts, events: books.arrivals.carrying(&keys), keys, held }
        })
        .await
    }

    /// Forgets a subject: his runs end, what is kept of him in memory is dropped, the log says so, and his keys are destroyed.
    ///
    /// # Errors
    /// Nothing is known of him, the log or the vault failed, or the engine only looks.
    pub async fn forget(&self, subject: &str, by: &str) -> Result<Forgotten, ForgetError> {
        let ring = self.shared.log.keys().ok_or(ForgetError::Nobody)?;
        let mut affected = self.foresee_forget(subject).await?;
        if affected.is_nobody() {
            return Err(ForgetError::Nobody);
        }
        if affected.keys.is_empty() {
            // Facts that hold nothing personal are his all the same: they go by the name that his key would have.
            affected.keys.push(ring.of_subject(subject)?);
            let settling = ring.clone();
            on_disk(&ring, move || settling.settle()).await?;
        }
        // Between this look and what is noted nobody can set a hold.
        let keys: BTreeSet<KeyName> = affected.keys.iter().copied().collect();
        let begin = move |shard: &mut Shard| match barring(shard, &keys) {
            Some(hold) => Err(ForgetError::Held(hold)),
            None => {
                shard.begin_forgetting(&keys.iter().copied().collect::<Vec<_>>());
                Ok(())
            }
        };
        self.ask(begin).await??;
        // What was known of everybody, in the image that is there now.
        let gone = self.ask(|shard| shard.books.forgotten.len()).await?;
        affected.keys.push(image_key(gone));
        self.want_gone(&ring, &affected.keys, by).await?;
        for run in affected.open.iter().filter(|_| !planted(Bug::ForgottenGoesOn)) {
            // One that ended meanwhile, or ends with the run around it, is what was wanted.
            let _ = self.control(run, by, Wish::Cancel(FORGOTTEN.into())).await;
        }
        let unsettled = self.settled_of(subject).await?;
        // What the runs wrote as they ended may have brought another key.
        let last = self.foresee_forget(subject).await?.keys;
        let new: Vec<KeyName> = last.into_iter().filter(|name| !affected.keys.contains(name)).collect();
        // What somebody who is held shares with him since stays; so much of him stays, too.
        let new: Vec<KeyName> =
            self.ask(move |shard| new.into_iter().filter(|name| barring(shard, &BTreeSet::from([*name])).is_none()).collect()).await?;
        if !new.is_empty() {
            self.want_gone(&ring, &new, by).await?;
            affected.keys.extend(new);
        }
        let (reply, answer) = oneshot::channel();
        let steer = Steer::Forget { keys: affected.keys.clone(), by: by.into(), reply };
        let stopped = || self.stopped().map_or(ForgetError::Stopped, ForgetError::Store);
        self.outside.send(Message::Steer(steer)).await.map_err(|_| stopped())?;
        // Nothing is refused here: the answer comes when the event is durable.
        let _ = answer.await.map_err(|_| stopped())?;
        let keys = affected.keys.clone();
        let destroying = ring.clone();
        on_disk(&ring, move || destroying.destroy(&keys)).await?;
        Ok(Forgotten { affected, unsettled })
    }

    /// Returns when the runs that met somebody's data have ended, or have taken too long: those that have not.
    async fn settled_of(&self, subject: &str) -> Result<Vec<Arc<str>>, StoreError> {
        let mut progress = self.subscribe().progress;
        let mut late = self.shared.clock.sleep_until(self.shared.clock.now().saturating_add(PATIENCE));
        loop {
            progress.mark_unchanged();
            let open = self.foresee_forget(subject).await?.open;
            if open.is_empty() {
                return Ok(open);
            }
            let goes_on = tokio::select! {
                biased;
                changed = progress.changed() => changed.is_ok(),
                () = &mut late => false,
            };
            if !goes_on {
                return Ok(open);
            }
        }
    }

    async fn want_gone(&self, ring: &Arc<dyn Keyring>, keys: &[KeyName], by: &str) -> Result<(), StoreError> {
        let (wishing, keys, by, at) = (ring.clone(), keys.to_vec(), by.to_owned(), self.shared.clock.now());
        on_disk(ring, move || wishing.want_gone(&keys, &by, at)).await
    }
}

/// Runs that were packed, with whom they met.
fn packed(books: &Books<Live>) -> Vec<(Arc<str>, Vec<KeyName>)> {
    books.past.keep().all().map(|(run, _)| (run.id, run.subjects.to_vec())).collect()
}

/// A key, and those that go with it.
fn with(books: &Books<Live>, name: KeyName) -> BTreeSet<KeyName> {
    let past = packed(books);
    let runs = books.runs.iter().map(|(run, entry)| (run, met(entry).0)).chain(past.iter().map(|(run, met)| (run, &**met)));
    let mut keys = BTreeSet::new();
    keys_with(name, runs, &mut keys);
    keys
}

/// The legal hold for which keys cannot go: that of one of them, or of somebody whose data are sealed with one of them.
fn barring(shard: &Shard, keys: &BTreeSet<KeyName>) -> Option<Hold> {
    let holds = shard.holds();
    let own = keys.iter().find_map(|key| holds.of_key(*key));
    own.or_else(|| holds.all().find(|hold| !with(&shard.books, hold.key).is_disjoint(keys))).cloned()
}

/// Work of a ring that may wait for a disk.
pub(super) async fn on_disk(
    ring: &Arc<dyn Keyring>,
    work: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
) -> Result<(), StoreError> {
    if !ring.waits_for_disk() {
        return work();
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::Keys(format!("the vault was not written: {error}")))?
}

/// Whose data a run has met, and since when it goes on; none where it has ended.
fn met(entry: &Entry<Live>) -> (&[KeyName], Option<u64>) {
    match entry {
        Entry::Live(live) => (&live.state.subjects, Some(live.state.first)),
        Entry::Ended(summary) => (&summary.subjects, None),
    }
}
