//! Measuring: the points of the windows are taken from the books, the figures are computed beside the loop.

use super::Shard;
use crate::decide::Input;
use crate::failure::{Failure, FailureKind};
use crate::figure::{Line, Look, measure};
use crate::planted::{Bug, planted};
use crate::scope::StepScope;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::literal::{duration_text, timestamp_text};
use tradewind_lang::plan::{Measured, StepId, StepKind};

/// So many points are reckoned where the loop's own threads work; more on one that may take its time.
const FEW: usize = 10_000;

impl Shard {
    pub(super) fn measure(&mut self, run: &Arc<str>, step: StepId) {
        let failed = |why: String| Err(Failure::new(FailureKind::Rule, why));
        let unsaid = Input::Measured { step, points: 0, found: failed("nobody said what was measured".to_owned()) };
        let promise = self.promise(run, unsaid);
        let now = self.last_now;
        let Some(state) = self.books.live(run).map(|live| live.state.clone()) else { return };
        let Some(StepKind::Measure(measured)) = state.graph.step(step).map(|step| step.kind.clone()) else { return };
        let mut lines: BTreeMap<String, Line> = BTreeMap::new();
        for aggregate in measured.figures.iter().flat_map(|(_, figure)| &figure.aggregates) {
            let Some(series) = &aggregate.series else { continue };
            let after = aggregate.window.map_or(i64::MIN, |window| now.saturating_sub(window));
            let line = self.books.points.between(series, after, now);
            let longest = lines.entry(series.clone()).or_default();
            if line.len() > longest.len() {
                *longest = line;
            }
        }
        let points: usize = lines.values().map(Vec::len).sum();
        if let Some(why) = self.stale(&measured, now) {
            return promise.keep(Input::Measured { step, points: points as u64, found: Err(why) });
        }
        let work = move || {
            let scope = StepScope { state: &state, now };
            let currency = state.pinned.plan.project.currency;
            let found = measure(&measured, &Look { lines: &lines, beside: &scope, now, currency });
            Input::Measured { step, points: points as u64, found: found.or_else(failed) }
        };
        if points <= FEW {
            return promise.keep(work());
        }
        tokio::spawn(async move {
            // Where it does not come to its end, the promise says so.
            if let Ok(input) = tokio::task::spawn_blocking(work).await {
                promise.keep(input);
            }
        });
    }

    /// Why figures would say nothing of today: the newest point of a series that has a `fresh` is older than that, or there is none.
    fn stale(&self, measured: &Measured, now: i64) -> Option<Failure> {
        if planted(Bug::StaleUnseen) {
            return None;
        }
        let named: BTreeSet<&String> =
            measured.figures.iter().flat_map(|(_, figure)| &figure.aggregates).filter_map(|part| part.series.as_ref()).collect();
        named.into_iter().find_map(|name| {
            // A series that is declared no longer is asked nothing.
            let fresh = self.active.plan.series.get(name)?.fresh?;
            let newest = self.books.points.newest(name, now);
            if newest.is_some_and(|at| at > now.saturating_sub(fresh)) {
                return None;
            }
            let newest = newest.map_or_else(|| "there is none".to_owned(), |at| format!("the newest is of {}", timestamp_text(at)));
            let message = format!("`{name}` wants a point of the last {}, and {newest}", duration_text(fresh));
            Some(Failure::coded(FailureKind::Rule, "stale", message))
        })
    }
}
