//! The handle's part in taking back, and in doing again what had failed: first what would be done, then a run that does it.

use super::{Engine, StartError, Started, StoreError};
use crate::executor::{Message, StartRequest};
use crate::history::{self, Which};
use crate::key::{digest_of, run_id};
use crate::undo::{AGAIN, Done, Reversal, UNDO, bounded, input_of, repetition, reversal};
use std::sync::Arc;
use tokio::sync::oneshot;

impl Engine {
    /// How the effects that are wanted would be taken back by the active plan, newest first; what cannot be says why.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn plan_undo(&self, which: &Which) -> Result<Vec<Arc<Reversal>>, StoreError> {
        let from = match &which.run {
            Some(run) => self.run(run).await?.map_or(1, |run| run.summary.first),
            None => 1,
        };
        let mut done = history::effects(&*self.shared.log, self.shared.shard, from, which, false).await?;
        // A reversal is only told of where somebody asks for it by name.
        done.retain(|done| done.intent.undoes.is_none() || which.key.is_some());
        let active = self.active();
        Ok(bounded(done.iter().map(|done| reversal(&active, done)).collect()))
    }

    /// Starts a run that takes back what is possible of a plan. The same plan again is the same run, as long as nothing of it was
    /// tried; effects that were taken back meanwhile are not taken back twice.
    ///
    /// # Errors
    /// Nothing can be taken back, the store failed, or the engine was shut down.
    pub async fn undo(&self, reversals: &[Arc<Reversal>], by: &str, reason: &str) -> Result<Started, StartError> {
        self.start_built_in(UNDO, reversals, by, reason).await
    }

    /// Effects that failed for good and were not done since, newest first, as they would be done again.
    ///
    /// # Errors
    /// The log cannot be read.
    pub async fn dead_letters(&self, which: &Which) -> Result<Vec<(Done, Arc<Reversal>)>, StoreError> {
        let mut done = history::effects(&*self.shared.log, self.shared.shard, 1, which, true).await?;
        // What takes back is tried again by the command that wanted it.
        done.retain(|done| done.intent.undoes.is_none());
        let active = self.active();
        let again = |done: Done| {
            let repetition = Arc::new(repetition(&active, &done));
            (done, repetition)
        };
        Ok(done.into_iter().map(again).collect())
    }

    /// Starts a run that does effects again that had failed for good, each under the key it had, by the policies of now.
    ///
    /// # Errors
    /// Those of [`Engine::undo`].
    pub async fn do_again(&self, effects: &[Arc<Reversal>], by: &str, reason: &str) -> Result<Started, StartError> {
        self.start_built_in(AGAIN, effects, by, reason).await
    }

    async fn start_built_in(&self, flow: &str, reversals: &[Arc<Reversal>], by: &str, reason: &str) -> Result<Started, StartError> {
        let possible: Vec<Arc<Reversal>> = reversals.iter().filter(|reversal| reversal.is_possible()).cloned().collect();
        let Some(newest) = possible.first() else { return Err(StartError::Input("there is nothing to be done".to_owned())) };
        let keys: Vec<&Arc<str>> = possible.iter().map(|reversal| &reversal.of).collect();
        // What was tried before and failed is tried again by a run of its own.
        let tried = self.ask(|shard| shard.books.runs.len() + shard.books.past.len()).await.map_err(StartError::Store)?;
        let key: Arc<str> = format!("{} of {} {}", possible.len(), newest.flow, digest_of(&(keys, tried)).short()).into();
        let input = input_of(&possible, reason);
        let active = self.active();
        let (run, trace) = run_id(&active.tenant, flow, &key);
        let (reply, answer) = oneshot::channel();
        let payload = digest_of(&input);
        let (flow, actor, concurrency_key) = (flow.into(), by.into(), None);
        let (known_by, refused, fork) = (None, Arc::default(), None);
        let start = StartRequest { run, trace, flow, key, input, payload, actor, concurrency_key, reply, active, refused, known_by, fork };
        let stopped = || self.stopped().map_or(StartError::Stopped, StartError::Store);
        self.outside.send(Message::Start(start)).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())
    }
}
