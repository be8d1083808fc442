//! The handle's side of what people and reloads want of the whole engine: another plan, effects frozen or thawed.

use super::{Engine, Message};
use crate::books::Entry;
use crate::executor::{Adopted, Steer, SteerRefusal, SteerReply, Steered};
use crate::frozen::{Frozen, Scope};
use crate::migrate::Leads;
use crate::pinned::Pinned;
use crate::ports::StoreError;
use crate::summary::RunSummary;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::oneshot;
use tradewind_lang::plan::{Digest, Plan};

pub use crate::books::Adoption;

/// Why nothing was done with the whole engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SteerError {
    /// There is nothing to be done, or nothing of that name.
    Refused(SteerRefusal),
    /// The store failed, and the engine stopped: whether it was logged is not known.
    Store(StoreError),
    /// The engine was shut down, or only looks.
    Stopped,
}

impl Engine {
    /// Makes a plan the active one and returns when that is durable; none where it is already. Runs in flight keep their steps, types
    /// and prompts; policies, limits, budgets and teams are those of the new plan from now on.
    ///
    /// # Errors
    /// A plan of another project, or a store that failed.
    pub async fn adopt(&self, plan: Arc<Plan>) -> Result<Option<Adopted>, SteerError> {
        self.adopt_for(plan, None).await
    }

    /// The same, with whoever wants it, for the log: such as the commit that the plan is of.
    ///
    /// # Errors
    /// A plan of another project, or a store that failed.
    pub async fn adopt_for(&self, plan: Arc<Plan>, by: Option<&str>) -> Result<Option<Adopted>, SteerError> {
        let (plan, by) = (Arc::new(Pinned::new(plan)), by.map(Arc::from));
        Ok(adopted(self.steer(|reply| Steer::Adopt { plan, by, reply }).await?))
    }

    /// Goes back to an earlier plan of the log, by the beginning of its digest, or to the one before the active plan. The plan that was
    /// active is not taken up again when the engine is opened with it.
    ///
    /// # Errors
    /// No such plan, or a store that failed.
    pub async fn roll_back(&self, to: Option<&str>, by: &str) -> Result<Option<Adopted>, SteerError> {
        let (to, by) = (to.map(str::to_owned), by.into());
        Ok(adopted(self.steer(|reply| Steer::RollBack { to, by, reply }).await?))
    }

    /// Lets no effect of a scope leave until it is thawed: acts are not begun, and what was sent is not sent again. Reads and lookups
    /// go on. Whether that is new.
    ///
    /// # Errors
    /// Nothing of that name, or a store that failed.
    pub async fn freeze(&self, scope: Scope, by: &str, reason: &str) -> Result<bool, SteerError> {
        let (by, reason) = (by.into(), reason.into());
        Ok(self.steer(|reply| Steer::Freeze { scope, by, reason, reply }).await? != Steered::Already)
    }

    /// Lets the effects of a scope leave again; those of everything for [`Scope::All`].
    ///
    /// # Errors
    /// It is not frozen, or a store that failed.
    pub async fn thaw(&self, scope: Scope, by: &str, reason: &str) -> Result<(), SteerError> {
        let (by, reason) = (by.into(), reason.into());
        self.steer(|reply| Steer::Thaw { scope, by, reason, reply }).await.map(|_| ())
    }

    /// What is frozen.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn frozen(&self) -> Result<Arc<Frozen>, StoreError> {
        self.ask(|shard| shard.books.frozen.clone()).await
    }

    /// Every plan that became active, oldest first.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn adoptions(&self) -> Result<Vec<Adoption>, StoreError> {
        self.ask(|shard| shard.books.adoptions.clone()).await
    }

    /// A plan of the log.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn plan(&self, digest: Digest) -> Result<Option<Arc<Plan>>, StoreError> {
        self.ask(move |shard| shard.books.plans.get(&digest).map(|pinned| pinned.plan.clone())).await
    }

    /// The plan that a person went back from, which is not taken up again by itself.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn held(&self) -> Result<Option<Digest>, StoreError> {
        self.ask(|shard| shard.books.held).await
    }

    /// Runs that have not ended, oldest first.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn live(&self) -> Result<Vec<RunSummary>, StoreError> {
        self.ask(|shard| {
            let live = shard.books.runs.values().filter_map(|entry| match entry {
                Entry::Live(live) if live.state.first > 0 => Some(RunSummary::of(&live.state)),
                _ => None,
            });
            let mut live: Vec<RunSummary> = live.collect();
            live.sort_unstable_by_key(|run| run.first);
            live
        })
        .await
    }

    /// Which of these runs still go on by themselves: neither ended, nor waiting for a person, a thaw or another run.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn unsettled(&self, runs: BTreeSet<Arc<str>>) -> Result<BTreeSet<Arc<str>>, StoreError> {
        self.ask(move |shard| runs.into_iter().filter(|run| shard.goes_on_by_itself(run)).collect()).await
    }

    /// What a plan would mean for a run as it stands now: whether a migration of it leads the run over.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn lead(&self, run: &str, next: Arc<Pinned>) -> Result<Leads, StoreError> {
        let run: Arc<str> = run.into();
        self.ask(move |shard| shard.lead_of(&run, &next)).await
    }

    pub(super) async fn steer(&self, wanted: impl FnOnce(SteerReply) -> Steer) -> Result<Steered, SteerError> {
        let (reply, answer) = oneshot::channel();
        let stopped = || self.stopped().map_or(SteerError::Stopped, SteerError::Store);
        self.outside.send(Message::Steer(wanted(reply))).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.map_err(SteerError::Refused)
    }
}

fn adopted(done: Steered) -> Option<Adopted> {
    match done {
        Steered::Adopted(adopted) => Some(adopted),
        Steered::Frozen | Steered::Forgotten | Steered::Held | Steered::Already => None,
    }
}
