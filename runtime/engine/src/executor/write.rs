//! Events into the commit: what they say of people is sealed on the way, with the keys of everybody whose data their run has met.

use super::{Entry, Inside, Shard};
use crate::codec::Writer;
use crate::event::{Event, EventKind};
use crate::pinned::Pinned;
use crate::ports::{LogStore, StoreError};
use crate::seal::{self, KeyName, Scope};
use crate::undo::{AGAIN, UNDO, of_input};
use std::sync::Arc;

/// Returns when every key that was made is durable.
pub(super) async fn settled(log: &Arc<dyn LogStore>) -> Result<(), StoreError> {
    let Some(keys) = log.keys() else { return Ok(()) };
    if !keys.is_unsettled() {
        return Ok(());
    }
    let failed = |error: tokio::task::JoinError| StoreError::Keys(format!("the vault was not written: {error}"));
    tokio::task::spawn_blocking(move || keys.settle()).await.map_err(failed)?
}

impl Shard {
    /// Everybody whose data a run has met by what the log says of it.
    pub(super) fn subjects_of(&self, run: Option<&Arc<str>>) -> Vec<KeyName> {
        match run.and_then(|run| self.books.runs.get(run)) {
            Some(Entry::Live(live)) => live.state.subjects.clone(),
            Some(Entry::Ended(ended)) => ended.subjects.to_vec(),
            None => run.and_then(|run| self.books.ended(run)).map_or_else(Vec::new, |ended| ended.subjects.to_vec()),
        }
    }

    /// Whose data an event brings from other runs: those that it takes back, does again or takes over from, or that it tells the end of.
    fn met_by(&self, event: &Event, subjects: &mut Vec<KeyName>) {
        let mut meet = |run: &Arc<str>| {
            let met = seal::inherited(&self.subjects_of(Some(run)), run);
            subjects.extend(met.iter().filter(|name| !subjects.contains(name)).copied().collect::<Vec<_>>());
        };
        match &event.kind {
            EventKind::RunStarted { flow, input, .. } if [UNDO, AGAIN].contains(&&**flow) => {
                of_input(input).iter().for_each(|reversal| meet(&reversal.run));
            }
            EventKind::RunStarted { fork: Some(fork), .. } => {
                let runs = fork.kept.iter().map(|kept| &kept.of).chain(fork.effects.iter().map(|done| &done.run));
                runs.chain([&fork.of]).for_each(meet);
            }
            EventKind::UndoPlanned { reversals } => reversals.iter().for_each(|reversal| meet(&reversal.run)),
            EventKind::ChildEnded { child, .. } => meet(child),
            _ => {}
        }
    }

    /// Writes an event into the commit that is gathered.
    pub(super) fn write(&mut self, writer: &mut Writer, event: &mut Event, active: &Pinned, subjects: &mut Vec<KeyName>) {
        self.met_by(event, subjects);
        let keys = self.ports.log.keys();
        let live = event.header.run.as_ref().and_then(|run| self.books.runs.get(run)).and_then(|entry| match entry {
            Entry::Live(live) => Some(live),
            Entry::Ended(_) => None,
        });
        let plan = live.map_or(&active.plan, |live| &live.state.pinned.plan);
        let scope = Scope { plan, graph: live.map(|live| &*live.state.graph), subjects };
        if let (EventKind::SubjectForgotten { keys: gone }, Some(ring)) = (&event.kind, &keys) {
            // Whoever comes back behind this event is somebody new, however long the vault takes to destroy what is gone.
            ring.lay_aside(gone);
        }
        let written = seal::close(event, &scope, keys.as_deref()).and_then(|closed| writer.push(event, closed).map_err(StoreError::Other));
        for name in event.header.subjects.iter() {
            if !subjects.contains(name) {
                subjects.push(*name);
            }
        }
        if let Err(error) = written {
            tracing::error!(?error, "an event cannot be written");
            let _ = self.inside.send(Inside::Committed(Err(error)));
        }
    }
}
