//! Series: every figure is that of all points that had come at some moment while the run looked, whether they were merged since or not; and
//! one that has to be fresh is given only while it is.

use super::Judge;
use crate::event::{Event, EventKind};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// How old the newest point of `lively` may be.
const FRESH: i64 = 6 * 3_600_000_000;

#[derive(Clone, Copy)]
struct Sale {
    at: i64,
    seq: u64,
    units: i64,
}

#[derive(Default)]
pub(super) struct Figures {
    sales: Vec<Sale>,
    /// When each run that measures began.
    begun: BTreeMap<Arc<str>, (u64, i64)>,
}

/// Of what had come by a number of the log, what is said at an instant: how many, their sum, the least, the greatest and the newest.
type Said = (i64, i64, Option<i64>, Option<i64>, Option<i64>);

fn said(sales: &[Sale], now: i64) -> (Said, Option<i64>) {
    let mut there: Vec<&Sale> = sales.iter().filter(|sale| sale.at <= now).collect();
    there.sort_by_key(|sale| (sale.at, sale.seq));
    let units = || there.iter().map(|sale| sale.units);
    let newest = there.last();
    let said = (there.len() as i64, units().sum(), units().min(), units().max(), newest.map(|sale| sale.units));
    (said, newest.map(|sale| sale.at))
}

fn told(value: &Value) -> Said {
    let number = |name: &str| match value.get(name) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    let all = ["sales", "units", "least", "most", "last"].map(number);
    (all[0].unwrap_or(-1), all[1].unwrap_or(-1), all[2], all[3], all[4])
}

impl Figures {
    /// What may be said between a run's beginning and now, and when the newest point was, each with its instant.
    fn may_say(&self, run: &Arc<str>, now: i64) -> Vec<(Said, Option<i64>, i64)> {
        let Some((seq, at)) = self.begun.get(run) else { return Vec::new() };
        let least = self.sales.iter().take_while(|sale| sale.seq <= *seq).count();
        // Between two of these instants nothing changes that was to come.
        let ends = self.sales.iter().flat_map(|sale| [sale.at, sale.at + FRESH - 1, sale.at + FRESH]);
        let instants: Vec<i64> = [*at, now].into_iter().chain(ends.filter(|end| (*at..=now).contains(end))).collect();
        let pairs = (least..=self.sales.len()).flat_map(|count| instants.iter().map(move |instant| (count, *instant)));
        pairs
            .map(|(count, instant)| {
                let (said, newest) = said(&self.sales[..count], instant);
                (said, newest, instant)
            })
            .collect()
    }
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    if let EventKind::EventReceived(arrival) = &event.kind
        && &*arrival.name == "sale"
        && let (Some(Value::Timestamp(at)), Some(Value::Int(units))) = (arrival.payload.get("at"), arrival.payload.get("units"))
    {
        judge.figures.sales.push(Sale { at: *at, seq: event.header.seq, units: *units });
    }
    let Some(run) = &event.header.run else { return };
    if judge.runs.get(run).is_none_or(|known| &*known.flow != "figures") {
        return;
    }
    judge.figures.begun.entry(run.clone()).or_insert((event.header.seq, event.header.at));
    let Some(step) = &event.header.step else { return };
    let is_fresh = |(_, newest, instant): &(Said, Option<i64>, i64)| newest.is_some_and(|newest| newest > instant - FRESH);
    match &event.kind {
        EventKind::StepCompleted { value } => {
            let mut may = judge.figures.may_say(run, event.header.at);
            if &*step.name == "lively" {
                may.retain(is_fresh);
            }
            let own = told(value);
            if !may.iter().any(|(said, ..)| *said == own) {
                let (may, count) = (may.last().map(|(said, ..)| *said), judge.figures.sales.len());
                judge.violated("series", format!("run {run} says {own:?} of `{}`, and of {count} sales {may:?} may be said", step.name));
            }
        }
        EventKind::StepFailed { failure, .. } if failure.code == "stale" => {
            if judge.figures.may_say(run, event.header.at).iter().all(is_fresh) {
                judge.violated("series", format!("run {run} says that `{}` is too old, and it is not", step.name));
            }
        }
        _ => {}
    }
}
