//! Lists of runs. Those that ended long ago are packed: they are looked at beside the loop, which goes on meanwhile.

use super::Engine;
use crate::books::Entry;
use crate::history::with_output;
use crate::past::Kept;
use crate::ports::StoreError;
use crate::summary::{RunFilter, RunStatus, RunSummary};

impl Engine {
    /// Runs, newest first.
    ///
    /// # Errors
    /// The engine stopped, or the log cannot be read.
    pub async fn runs(&self, filter: RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let wanted = filter.clone();
        let (runs, past) = self
            .ask(move |shard| {
                let all = shard.books.runs.values().map(|entry| match entry {
                    Entry::Live(live) => shard.summary_of(&live.state),
                    Entry::Ended(summary) => RunSummary::clone(summary),
                });
                let runs: Vec<RunSummary> = all.filter(|run| run.first > 0 && wanted.admits(run)).collect();
                let is_over = wanted.status.is_none_or(RunStatus::is_over);
                (runs, is_over.then(|| shard.books.past.keep()))
            })
            .await?;
        let mut runs: Vec<(RunSummary, bool)> = runs.into_iter().map(|run| (run, false)).collect();
        runs.extend(past.iter().flat_map(Kept::all).filter(|(run, _)| filter.admits(run)));
        runs.sort_unstable_by_key(|(run, _)| std::cmp::Reverse(run.first));
        runs.truncate(filter.limit.unwrap_or(usize::MAX));
        let mut whole = Vec::with_capacity(runs.len());
        for (run, is_left) in runs {
            // Whoever wants all of them counts them; whoever wants some looks at what they say.
            let is_read = is_left && filter.limit.is_some();
            whole.push(if is_read { with_output(&*self.shared.log, self.shared.shard, run).await? } else { run });
        }
        Ok(whole)
    }
}
