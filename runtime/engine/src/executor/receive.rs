//! Events from outside: written down before they are acknowledged, each once, and no more than can be worked.

use super::{Pending, Reply, Shard};
use crate::arrival::{Arrival, Refusal};
use crate::arrivals::Arrived;
use crate::decide::{Cause, Decision, Draft};
use crate::event::{Event, EventKind, Used};
use crate::history::with_output;
use crate::planted::{Bug, planted};
use crate::summary::RunSummary;
use std::sync::Arc;
use tokio::sync::oneshot;
use tradewind_lang::plan::Micros;

/// Most events that may wait until what they start is started.
pub(super) const MOST_WAITING: usize = 10_000;
/// When a sender who was turned away should come again.
const COME_AGAIN: Micros = 5_000_000;

/// An event that is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its seq there.
    pub seq: u64,
    /// Whether it was there before; nothing was done then.
    pub was_known: bool,
}

/// Too many events wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    /// The sender should come again after so many microseconds.
    pub retry_after: Micros,
}

pub(crate) type ReceiveReply = oneshot::Sender<Result<Receipt, Busy>>;

/// An event of the engine itself.
pub(super) fn own(kind: EventKind, actor: Option<Arc<str>>, cause: u64) -> Decision {
    let draft = Draft { step: None, kind, used: Used::State, cost: None, actor, cause: Cause::Seq(cause) };
    Decision { events: vec![draft], ..Decision::default() }
}

impl Shard {
    pub(super) fn write_down(&mut self, kind: EventKind, actor: Option<Arc<str>>, cause: u64, reply: Option<Reply>) {
        let (now, active) = (self.now(), self.active.clone());
        self.pending.push_back(Pending { run: None, decision: own(kind, actor, cause), now, reply, active });
    }

    pub(super) fn receive(&mut self, arrival: Arc<Arrival>, reply: ReceiveReply) {
        let identity = arrival.identity();
        if let Some(seq) = self.books.arrivals.seen(&identity).filter(|_| !planted(Bug::EventTwice)) {
            let _ = reply.send(Ok(Receipt { seq, was_known: true }));
        } else if let Some(others) = self.receiving.get_mut(&identity) {
            others.push(reply);
        } else if self.books.arrivals.waiting() + self.receiving.len() >= MOST_WAITING {
            let _ = reply.send(Err(Busy { retry_after: COME_AGAIN }));
        } else {
            self.receiving.insert(identity, Vec::new());
            let actor = Some(arrival.source.clone());
            self.write_down(EventKind::EventReceived(arrival), actor, 0, Some(Reply::Receive(reply)));
        }
    }

    /// It is durable: whoever sent it is told, and whoever sent it again meanwhile.
    pub(super) fn received(&mut self, events: &[Event], reply: ReceiveReply) {
        let Some(event) = events.first() else { return };
        let EventKind::EventReceived(arrival) = &event.kind else { return };
        let seq = event.header.seq;
        let _ = reply.send(Ok(Receipt { seq, was_known: false }));
        for other in self.receiving.remove(&arrival.identity()).into_iter().flatten() {
            let _ = other.send(Ok(Receipt { seq, was_known: true }));
        }
    }

    pub(super) fn refuse(&mut self, refusal: Arc<Refusal>, reply: oneshot::Sender<()>) {
        if self.books.arrivals.was_refused(&refusal) {
            let _ = reply.send(());
            return;
        }
        let actor = Some(refusal.source.clone());
        self.write_down(EventKind::EventRefused(refusal), actor, 0, Some(Reply::Refuse(reply)));
    }

    /// An event of the log that others may wait for, or be started by.
    pub(super) fn heard(&mut self, event: &Event) {
        match &event.kind {
            EventKind::EventReceived(arrival) | EventKind::EventEmitted(arrival) => {
                let (seq, at, keys) = (event.header.seq, event.header.at, event.header.subjects.clone());
                let arrived = Arrived { seq, at, arrival: arrival.clone(), keys };
                self.tell_listeners(&arrived);
                self.dispatch(&arrived);
            }
            EventKind::ScheduleFired { flow, clock, .. } => self.struck(flow, clock),
            EventKind::PlanAdopted { .. } => self.starts_are_due(),
            _ => {}
        }
    }

    /// Tells how a run ended, as soon as it has.
    pub(super) fn when_ended(&mut self, run: Arc<str>, reply: oneshot::Sender<Arc<RunSummary>>) {
        match self.books.runs.get(&run) {
            Some(super::Entry::Ended(summary)) => drop(reply.send(summary.clone())),
            Some(super::Entry::Live(_)) => self.ends.entry(run).or_default().push(reply),
            None => {
                let Some((ended, is_left)) = self.books.past.find(&run) else { return };
                let (log, shard) = (self.ports.log.clone(), self.shard);
                tokio::spawn(async move {
                    let ended = if is_left { with_output(&*log, shard, ended).await } else { Ok(ended) };
                    match ended {
                        Ok(ended) => drop(reply.send(Arc::new(ended))),
                        // Whoever asked hears that nobody can tell.
                        Err(error) => tracing::warn!(?error, "what a run answered cannot be read"),
                    }
                });
            }
        }
    }
}
