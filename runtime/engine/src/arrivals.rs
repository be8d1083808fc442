//! Events as the log holds them: which came already, which still start something, and the newest by name for waits that look back.
//!
//! It decides nothing. Everything it keeps has a bound.

use crate::arrival::{Arrival, Refusal};
use crate::event::{Event, EventKind};
use crate::seal::{KeyName, has_hole};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use tradewind_lang::plan::Micros;
use tradewind_lang::value::Value;

/// How long an id is remembered: providers repeat a delivery for three days at most.
pub const IDS_FOR: Micros = 7 * 86_400 * 1_000_000;
/// Most ids that are remembered; the oldest go first.
pub const MOST_IDS: usize = 1 << 20;
/// Most events of one name that a wait looks back over.
pub const MOST_RECENT: usize = 4096;
/// Most bytes of them.
const MOST_RECENT_BYTES: usize = 16 << 20;
/// Most entries of the list for people.
const MOST_LISTED: usize = 1000;

/// An event in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arrived {
    pub(crate) seq: u64,
    pub(crate) at: i64,
    pub(crate) arrival: Arc<Arrival>,
    /// The keys with which what it carries is sealed.
    pub(crate) keys: Arc<[KeyName]>,
}

/// A line of the list for people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// Its seq in the log.
    pub seq: u64,
    /// When.
    pub at: i64,
    /// What came of it.
    pub became: Became,
    /// Its name.
    pub name: Arc<str>,
    /// Who told of it.
    pub source: Arc<str>,
    /// Its id there.
    pub id: Arc<str>,
}

/// What came of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Became {
    /// It is in the log, and what it starts is not started yet.
    Waiting,
    /// It started these runs, and failed to start those flows.
    Dispatched {
        /// The runs.
        runs: Vec<Arc<str>>,
        /// Flow and reason.
        failed: Vec<(Arc<str>, String)>,
    },
    /// It was not taken.
    Refused(String),
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Recent {
    events: VecDeque<(Arrived, usize)>,
    bytes: usize,
}

/// Events as the log holds them.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    recent: HashMap<Arc<str>, Recent>,
    undispatched: BTreeMap<u64, Arrived>,
    /// Events of which it is settled with which first one they start a run of a flow.
    gathered: BTreeMap<(u64, Arc<str>), u64>,
    seen: HashMap<[u8; 16], u64>,
    order: VecDeque<(i64, [u8; 16])>,
    listed: VecDeque<Listed>,
}

impl Arrived {
    fn erase(&mut self) {
        self.arrival = Arc::new(Arrival { payload: Value::Erased, ..Arrival::clone(&self.arrival) });
    }
}

/// Bytes that a payload takes.
fn size(payload: &Value) -> usize {
    rmp_serde::to_vec(payload).map_or(0, |bytes| bytes.len())
}

impl Arrivals {
    pub(crate) fn fold(&mut self, event: &Event) {
        let (seq, at) = (event.header.seq, event.header.at);
        match &event.kind {
            EventKind::EventReceived(arrival) => {
                let identity = arrival.identity();
                self.seen.insert(identity, seq);
                self.order.push_back((at, identity));
                self.forget(at);
                self.keep(Arrived { seq, at, arrival: arrival.clone(), keys: event.header.subjects.clone() });
            }
            EventKind::EventEmitted(arrival) => {
                self.keep(Arrived { seq, at, arrival: arrival.clone(), keys: event.header.subjects.clone() })
            }
            EventKind::EventsGathered { flow, events } => {
                for event in events.iter().filter(|event| self.undispatched.contains_key(event)) {
                    self.gathered.insert((*event, flow.clone()), events.first().copied().unwrap_or(*event));
                }
            }
            EventKind::EventDispatched { event, runs, failed } => {
                self.undispatched.remove(event);
                self.gathered.retain(|(other, _), _| other != event);
                let place = self.listed.binary_search_by_key(event, |listed| listed.seq);
                if let Some(listed) = place.ok().and_then(|place| self.listed.get_mut(place)) {
                    listed.became = Became::Dispatched { runs: runs.clone(), failed: failed.clone() };
                }
            }
            EventKind::EventRefused(refusal) => {
                let Refusal { name, source, id, why } = &**refusal;
                let (name, source, id) = (name.clone(), source.clone(), id.clone());
                self.list(Listed { seq, at, became: Became::Refused(why.clone()), name, source, id });
            }
            _ => {}
        }
    }

    fn keep(&mut self, mut arrived: Arrived) {
        // Of somebody who is forgotten an event says nothing, also what the log still says in clear.
        if has_hole(&arrived.arrival.payload) {
            arrived.erase();
        }
        let Arrival { name, source, id, payload, .. } = &*arrived.arrival;
        let (seq, at, name) = (arrived.seq, arrived.at, name.clone());
        self.list(Listed { seq, at, became: Became::Waiting, name: name.clone(), source: source.clone(), id: id.clone() });
        let bytes = size(payload);
        self.undispatched.insert(seq, arrived.clone());
        let recent = self.recent.entry(name).or_default();
        recent.events.push_back((arrived, bytes));
        recent.bytes += bytes;
        while recent.events.len() > MOST_RECENT || recent.bytes > MOST_RECENT_BYTES {
            let Some((_, bytes)) = recent.events.pop_front() else { break };
            recent.bytes -= bytes;
        }
    }

    /// How many events that are kept carry data sealed with one of these keys.
    pub(crate) fn carrying(&self, keys: &[KeyName]) -> usize {
        let kept = self.recent.values().flat_map(|recent| &recent.events);
        kept.filter(|(arrived, _)| arrived.keys.iter().any(|name| keys.contains(name))).count()
    }

    /// Drops what events carry of somebody whose keys are gone.
    pub(crate) fn erase(&mut self, keys: &[KeyName]) {
        let kept = self.recent.values_mut().flat_map(|recent| recent.events.iter_mut().map(|(arrived, _)| arrived));
        for arrived in kept.chain(self.undispatched.values_mut()).filter(|arrived| arrived.keys.iter().any(|name| keys.contains(name))) {
            arrived.erase();
        }
        for recent in self.recent.values_mut() {
            for (arrived, bytes) in &mut recent.events {
                let now = size(&arrived.arrival.payload);
                recent.bytes = recent.bytes.saturating_sub(*bytes) + now;
                *bytes = now;
            }
        }
    }

    fn list(&mut self, listed: Listed) {
        self.listed.push_back(listed);
        if self.listed.len() > MOST_LISTED {
            self.listed.pop_front();
        }
    }

    /// Forgets ids that are older than any repetition, or too many.
    fn forget(&mut self, now: i64) {
        while let Some((at, identity)) = self.order.front().copied() {
            if self.order.len() <= MOST_IDS && at > now.saturating_sub(IDS_FOR) {
                break;
            }
            self.order.pop_front();
            self.seen.remove(&identity);
        }
    }

    /// The seq under which the same event was received before.
    pub(crate) fn seen(&self, identity: &[u8; 16]) -> Option<u64> {
        self.seen.get(identity).copied()
    }

    /// Events whose starts are not all durable.
    pub(crate) fn undispatched(&self) -> impl Iterator<Item = &Arrived> {
        self.undispatched.values()
    }

    /// The first of the events with which an event starts a run of a flow, where that is settled.
    pub(crate) fn gathered_from(&self, seq: u64, flow: &Arc<str>) -> Option<u64> {
        self.gathered.get(&(seq, flow.clone())).copied()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.undispatched.len()
    }

    /// Events of a name after a seq, oldest first, as far back as they are kept.
    pub(crate) fn after(&self, name: &str, seq: u64) -> impl Iterator<Item = &Arrived> {
        let events = self.recent.get(name).map(|recent| &recent.events);
        let from = events.map_or(0, |events| events.partition_point(|(arrived, _)| arrived.seq <= seq));
        events.into_iter().flat_map(move |events| events.iter().skip(from)).map(|(arrived, _)| arrived)
    }

    /// The newest, newest first.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.listed.iter().rev()
    }

    /// Whether the same delivery was refused a moment ago: repeating it tells nobody anything new.
    pub(crate) fn was_refused(&self, refusal: &Refusal) -> bool {
        self.listed.iter().any(|listed| {
            matches!(&listed.became, Became::Refused(why) if *why == refusal.why)
                && (&listed.source, &listed.id, &listed.name) == (&refusal.source, &refusal.id, &refusal.name)
        })
    }
}
