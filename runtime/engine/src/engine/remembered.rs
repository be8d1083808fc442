//! The handle's look at memories: what is kept, whose it is, where it comes from. It changes nothing.

use super::Engine;
use crate::finding::{Checked, Renewing, Sought, Unfound};
use crate::memory::{Fact, Sweeps, past};
use crate::ports::StoreError;
use crate::reuse::{self, Reused};
use std::sync::Arc;

impl Engine {
    /// Facts of a subject, newest last, as a run that recalls them would be given them.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn facts(&self, memory: &str, subject: &str) -> Result<Vec<Arc<Fact>>, StoreError> {
        let (memory, subject, now) = (memory.to_owned(), subject.to_owned(), self.shared.clock.now());
        self.ask(move |shard| shard.books.memories.recall(&shard.active.plan, &memory, &subject, usize::MAX, now)).await
    }

    /// Every fact that is kept of a subject, or of everybody, oldest first: those too that something took the place of, that are stale,
    /// true no longer, or kept for a legal hold alone.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn history_of(&self, memory: &str, subject: Option<&str>) -> Result<Vec<Arc<Fact>>, StoreError> {
        let (memory, subject, now) = (memory.to_owned(), subject.map(str::to_owned), self.shared.clock.now());
        let ring = self.shared.log.keys();
        self.ask(move |shard| shard.books.memories.history(&shard.active.plan, &memory, subject.as_deref(), now, ring.as_deref())).await
    }

    /// How many facts of a memory its rules dropped, and the newest events of the log that say which.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn sweeps_of(&self, memory: &str) -> Result<Sweeps, StoreError> {
        let memory = memory.to_owned();
        self.ask(move |shard| shard.books.memories.sweeps(&memory)).await
    }
}

impl Engine {
    /// Of how much use memories and kept answers were to each step that looked for them, in runs that have ended. `success`: an event
    /// that a run tells of, or waits for, as which it counts as a success.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn reuse(&self, success: Option<&str>) -> Result<Vec<Reused>, StoreError> {
        reuse::measure(&*self.shared.log, self.shared.shard, success).await
    }

    /// How searches by vectors compared with brute force.
    #[must_use]
    pub fn checked(&self) -> Vec<Checked> {
        self.shared.finder.checked()
    }

    /// Indexes of memories that are being made anew, as the model of their vectors is another one.
    #[must_use]
    pub fn renewing(&self) -> Vec<Renewing> {
        self.shared.finder.renewing()
    }
}

/// Facts that were found, best first.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundFacts {
    /// Each, and how well it fits.
    pub facts: Vec<(Arc<Fact>, f64)>,
    /// What ranked them.
    pub by: Arc<str>,
}

/// Why no fact was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SearchError {
    /// The engine stopped, or the log cannot be read.
    Store(StoreError),
    /// The memory has neither `embed` nor `fulltext`.
    NoIndex,
    /// Whoever ranks could not.
    Finder(Unfound),
}

impl From<StoreError> for SearchError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Engine {
    /// Facts by what they are about, of one subject or of all, as they are known now or were known at an instant.
    ///
    /// # Errors
    /// The memory has no index, or those of store and finder.
    pub async fn search(
        &self,
        memory: &str,
        subject: Option<&str>,
        query: &str,
        most: usize,
        as_of: Option<i64>,
    ) -> Result<FoundFacts, SearchError> {
        let (shared, now) = (&self.shared, self.shared.clock.now());
        let as_of = as_of.filter(|at| *at < now);
        let (plan, facts) = match as_of {
            Some(at) => {
                let forgotten = self.ask(|shard| shard.books.forgotten.clone()).await?;
                let past = past::until(&*shared.log, shared.shard, at, &forgotten, &shared.snapshots).await?;
                let plan = past.plan.unwrap_or_else(|| self.active().plan.clone());
                let facts = past.memories.standing(&plan, memory, subject, at);
                (plan, facts)
            }
            None => {
                let (memory, subject) = (memory.to_owned(), subject.map(str::to_owned));
                let standing = move |shard: &mut crate::executor::Shard| {
                    let plan = shard.active.plan.clone();
                    let facts = shard.books.memories.standing(&plan, &memory, subject.as_deref(), now);
                    (plan, facts)
                };
                self.ask(standing).await?
            }
        };
        let memory = plan.memories.get(memory).filter(|memory| memory.terms.embed.is_some() || !memory.terms.fulltext.is_empty());
        let memory = memory.ok_or(SearchError::NoIndex)?.clone();
        let model = memory.terms.embed.as_ref().and_then(|(_, model)| plan.models.get(model.as_ref()?)).cloned();
        let (passes, subject, is_present) = (vec![true; facts.len()], subject.map(Arc::from), as_of.is_none());
        let sought = Sought {
            memory,
            model,
            subject,
            query: query.into(),
            most,
            facts: facts.clone(),
            passes,
            is_present,
            vectors: shared.vectors.clone(),
        };
        let ranked = shared.finder.find(sought).await.map_err(SearchError::Finder)?;
        let found = ranked.hits.into_iter().filter_map(|(place, score)| Some((facts.get(place)?.clone(), score)));
        Ok(FoundFacts { facts: found.collect(), by: ranked.by })
    }
}
