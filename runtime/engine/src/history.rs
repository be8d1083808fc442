//! What was done, read from the log again: effects with their outcomes, and whether they were taken back.
//!
//! It reads and never decides. Ended runs are not kept in memory; this is how an operator, or a step, looks at what they did.

use crate::event::{Event, EventKind, Outcome};
use crate::ports::{LogStore, StoreError};
use crate::recover::{events_of, reach};
use crate::summary::RunSummary;
use crate::undo::{Done, TakenBack};
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// How many segments are read at once.
const PAGE: usize = 64;

/// Which effects are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Which {
    /// Of this run and those within it only.
    pub run: Option<Arc<str>>,
    /// With a key that begins so.
    pub key: Option<Arc<str>>,
    /// Of runs of this flow only.
    pub flow: Option<Arc<str>>,
    /// Of this step only.
    pub step: Option<Arc<str>>,
    /// Not before this instant.
    pub since: Option<i64>,
}

impl Which {
    fn admits(&self, done: &Done, around: &HashMap<Arc<str>, Arc<str>>) -> bool {
        let same = |wanted: &Option<Arc<str>>, is: &Arc<str>| wanted.as_ref().is_none_or(|wanted| wanted == is);
        let mut outward = std::iter::successors(Some(&done.run), |run| around.get(*run));
        self.run.as_ref().is_none_or(|wanted| outward.any(|run| run == wanted))
            && self.key.as_ref().is_none_or(|key| done.intent.key.starts_with(&**key))
            && same(&self.flow, &done.flow)
            && same(&self.step, &done.step)
            && self.since.is_none_or(|since| done.at >= since)
    }
}

/// A summary with the answer that was left in the log.
///
/// # Errors
/// The log cannot be read.
pub(crate) async fn with_output(log: &dyn LogStore, shard: u32, summary: RunSummary) -> Result<RunSummary, StoreError> {
    let mut next = reach(log, shard, summary.last);
    loop {
        let segments = log.scan(shard, next, PAGE).await?;
        let Some(last) = segments.last() else { return Ok(summary) };
        next = last.first + u64::from(last.count);
        let Some(segment) = segments.iter().find(|segment| summary.last < segment.first + u64::from(segment.count)) else { continue };
        let output = events_of(log.keys().as_deref(), segment)?.into_iter().find_map(|event| match event.kind {
            EventKind::RunCompleted { output } if event.header.seq == summary.last => Some(output),
            _ => None,
        });
        return Ok(RunSummary { output: output.unwrap_or(Value::Null), ..summary });
    }
}

/// The key of an effect, and the key of the one that it takes back.
type Keys = (Arc<str>, Option<Arc<str>>);

#[derive(Default)]
struct Effects {
    flows: HashMap<Arc<str>, Arc<str>>,
    /// Runs within others, and those around them.
    around: HashMap<Arc<str>, Arc<str>>,
    /// Effects that are wanted, by key.
    wanted: HashMap<Arc<str>, Done>,
    /// Effects that are not settled, by run and step.
    open: HashMap<(Arc<str>, u16), Keys>,
    back: HashMap<Arc<str>, TakenBack>,
}

impl Effects {
    fn take(&mut self, which: &Which, event: &Event) {
        let Some(run) = &event.header.run else { return };
        if let EventKind::RunStarted { flow, parent, .. } = &event.kind {
            self.flows.insert(run.clone(), flow.clone());
            self.around.extend(parent.as_ref().map(|parent| (run.clone(), parent.run.clone())));
        }
        let Some(step) = &event.header.step else { return };
        let place = (run.clone(), step.id.0);
        match &event.kind {
            EventKind::IntentRecorded(intent) => {
                self.open.insert(place, (intent.key.clone(), intent.undoes.clone()));
                if let Some(undone) = &intent.undoes {
                    self.back.insert(undone.clone(), TakenBack::UnderWay);
                }
                let done = Done {
                    run: run.clone(),
                    flow: self.flows.get(run).cloned().unwrap_or_else(|| "".into()),
                    step: step.name.clone(),
                    seq: event.header.seq,
                    at: event.header.at,
                    intent: intent.clone(),
                    outcome: None,
                    back: None,
                };
                if which.admits(&done, &self.around) {
                    self.wanted.insert(intent.key.clone(), done);
                }
            }
            EventKind::EffectSettled { outcome, .. } => {
                let Some((key, undone)) = self.open.remove(&place) else { return };
                match (undone, outcome) {
                    (Some(undone), Outcome::Done(_)) => drop(self.back.insert(undone, TakenBack::Done)),
                    (Some(undone), Outcome::Failed(_)) => drop(self.back.remove(&undone)),
                    (None, _) => {}
                }
                if let Some(done) = self.wanted.get_mut(&key) {
                    done.outcome = Some(outcome.clone());
                }
            }
            _ => {}
        }
    }
}

/// Effects that happened or are open, newest first; those that certainly did not happen are left out unless `failed`.
///
/// `from` is a seq before which nothing of what is wanted can be.
///
/// # Errors
/// The log cannot be read.
pub async fn effects(log: &dyn LogStore, shard: u32, from: u64, which: &Which, failed: bool) -> Result<Vec<Done>, StoreError> {
    let (mut found, keys) = (Effects::default(), log.keys());
    let mut next = reach(log, shard, from);
    loop {
        let segments = log.scan(shard, next, PAGE).await?;
        let Some(last) = segments.last() else { break };
        next = last.first + u64::from(last.count);
        for segment in &segments {
            events_of(keys.as_deref(), segment)?.iter().for_each(|event| found.take(which, event));
        }
    }
    let Effects { wanted, back, .. } = found;
    let is_failed = |done: &Done| matches!(done.outcome, Some(Outcome::Failed(_)));
    let mut done: Vec<Done> = wanted.into_values().filter(|done| is_failed(done) == failed).collect();
    done.iter_mut().for_each(|done| done.back = back.get(&done.intent.key).copied());
    done.sort_unstable_by_key(|done| std::cmp::Reverse(done.seq));
    Ok(done)
}
