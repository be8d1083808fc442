//! After a death: what was under way is taken up by the log alone, whatever the clock does (I19).

use super::Judge;
use crate::event::Next;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Runs with something under way of which the log does not say what became: an attempt at an effect, or a question to a model.
pub(in super::super) fn unfinished(judge: &Judge, now: i64) -> BTreeSet<Arc<str>> {
    // No clock of the engine goes back behind its log.
    let now = judge.events.last().map_or(now, |event| event.header.at.max(now));
    let is_under_way = |next: Option<Next>| match next {
        None => true,
        Some(Next::Send(at)) => at <= now,
        Some(Next::Lookup(_) | Next::Person) => false,
    };
    let acts = judge.meant.values().filter(|meant| meant.settled.is_none() && is_under_way(meant.next)).map(|meant| meant.run.clone());
    acts.chain(judge.talks.open().map(|(run, _)| run.clone())).collect()
}

/// What a process must have come to before any clock moved: something for each of those runs that has a place among those in flight. Any
/// other run may have one before it: what waits for its next attempt, or asks a provider that is slow, keeps its own, and says nothing.
pub(in super::super) fn taken_up(judge: &mut Judge, wanted: &BTreeSet<Arc<str>>, from: usize, in_flight: usize) {
    let heard: BTreeSet<Arc<str>> = judge.events.iter().skip(from).filter_map(|event| event.header.run.clone()).collect();
    let others = judge.runs.iter().filter(|(id, run)| run.ended.is_none() && !wanted.contains(*id) && !judge.order.is_held(id)).count();
    let least = wanted.len().min(in_flight.saturating_sub(others));
    let missing: Vec<&Arc<str>> = wanted.iter().filter(|run| !heard.contains(*run)).collect();
    if wanted.len() - missing.len() < least {
        let what = format!(
            "of {} runs with something under way, {missing:?} were not taken up before the clock moved, beside {others} others with {in_flight} places",
            wanted.len()
        );
        judge.violated("I19", what);
    }
}
