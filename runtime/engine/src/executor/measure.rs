//! Measuring: the points of the windows are taken from the books, the figures are computed beside the loop.

use super::Shard;
use crate::decide::Input;
use crate::failure::{Failure, FailureKind};
use crate::figure::{Line, Look, measure};
use crate::scope::StepScope;
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::plan::{StepId, StepKind};

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
}
