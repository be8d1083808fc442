//! What is told to people and programs: events and runs without the secrets in them.

use super::Engine;
use crate::approval::PendingApproval;
use crate::books::{Books, Entry};
use crate::conceal::Shown;
use crate::event::Event;
use crate::executor::Live;
use crate::ports::StoreError;
use crate::summary::{RunDetails, RunSummary};
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_lang::plan::Digest;

/// A run, and the plan of one of its events.
type Followed = (Option<Arc<str>>, Digest);

impl Engine {
    /// By what the values of a run are shown; everything is hidden where there is no such run.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn shown(&self, run: &str) -> Result<Shown, StoreError> {
        let run: Arc<str> = run.into();
        self.ask(move |shard| match shard.books.runs.get(&run) {
            Some(Entry::Live(live)) => Shown::new(Some(live.state.pinned.clone()), Some(live.state.graph.clone())),
            _ => shard.books.ended(&run).map_or_else(Shown::default, |summary| of_ended(&shard.books, &summary)),
        })
        .await
    }

    /// By what values that belong to no run are shown: the active plan.
    #[must_use]
    pub fn shown_now(&self) -> Shown {
        Shown::new(Some(self.active()), None)
    }

    /// A run with its steps, without the secrets in them; none where there is no such run.
    ///
    /// # Errors
    /// The engine stopped, or the log cannot be read.
    pub async fn shown_run(&self, id: &str) -> Result<Option<RunDetails>, StoreError> {
        let Some(mut details) = self.run(id).await? else { return Ok(None) };
        self.shown(id).await?.details(&mut details);
        Ok(Some(details))
    }

    /// As [`Engine::events`], without the secrets in them.
    ///
    /// # Errors
    /// The engine stopped, or the log cannot be read.
    pub async fn shown_events(&self, from: u64, limit: usize, run: Option<&str>) -> Result<Vec<Event>, StoreError> {
        let mut events = self.events(from, limit, run).await?;
        let followed: Vec<Followed> = events.iter().map(|event| (event.header.run.clone(), event.header.plan)).collect();
        let by = self.ask(move |shard| by_plan(&shard.books, followed)).await?;
        let nothing = Shown::default();
        for event in &mut events {
            let shown = by.get(&(event.header.run.clone(), event.header.plan)).unwrap_or(&nothing);
            let step = event.header.step.as_ref().map(|step| step.id);
            shown.event(step, &mut event.kind, &mut event.used);
        }
        Ok(events)
    }

    /// Hides the secrets of what people are asked about.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn conceal_approvals<'i>(&self, items: impl Iterator<Item = &'i mut PendingApproval> + Send) -> Result<(), StoreError> {
        for item in items {
            let shown = self.shown(&item.run).await?;
            match item.approval.operation.clone() {
                Some(operation) => shown.request(&operation, &mut item.request),
                None => shown.step(&item.step, &mut item.request),
            }
        }
        Ok(())
    }
}

fn by_plan(books: &Books<Live>, followed: Vec<Followed>) -> HashMap<Followed, Shown> {
    let mut by = HashMap::new();
    for (run, plan) in followed {
        if by.contains_key(&(run.clone(), plan)) {
            continue;
        }
        let graph = run.as_ref().and_then(|run| {
            let summary = match books.runs.get(run) {
                Some(Entry::Live(live)) if live.state.pinned.digest == plan => return Some(live.state.graph.clone()),
                Some(Entry::Live(live)) => Arc::new(RunSummary::of(&live.state)),
                _ => books.ended(run)?,
            };
            // A run that was led to another plan followed this one before.
            books.graph_of(&RunSummary { plan, ..RunSummary::clone(&summary) })
        });
        let shown = Shown::new(books.plans.get(&plan).cloned(), graph);
        by.insert((run, plan), shown);
    }
    by
}

fn of_ended(books: &Books<Live>, summary: &RunSummary) -> Shown {
    Shown::new(books.plans.get(&summary.plan).cloned(), books.graph_of(summary))
}
