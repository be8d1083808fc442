//! Points in time by series, folded from events that came or were emitted. It computes no figure.
//!
//! An event that makes no point, as an expression of the series has no value for it, is left out; it is in the log all the same.

use crate::arrival::Arrival;
use crate::event::{Event, EventKind};
use crate::scope::Names;
use crate::seal::KeyName;
use crate::trigger::complete;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tradewind_lang::plan::{Plan, Series, SeriesSource};
use tradewind_lang::value::{Record, Value};

/// A point, by its instant; of equal ones the order of the log decides.
type Place = (i64, u64, u32);

/// A point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    keys: Arc<[KeyName]>,
    fields: Arc<Value>,
}

/// All points of a shard.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Points {
    by_series: HashMap<Arc<str>, BTreeMap<Place, Point>>,
}

impl Points {
    /// Takes the points that an event makes, and drops those that are kept no longer.
    pub(crate) fn fold(&mut self, plan: &Plan, event: &Event) {
        let (EventKind::EventReceived(arrival) | EventKind::EventEmitted(arrival)) = &event.kind else { return };
        for series in plan.series.values() {
            let sources = series.sources.iter().filter(|source| source.event == *arrival.name);
            let points = sources.flat_map(|source| points_of(plan, series, source, arrival));
            for (fields, number) in points.zip(0_u32..) {
                let Some(Value::Timestamp(at)) = fields.get(&series.at) else { continue };
                let place = (*at, event.header.seq, number);
                let point = Point { keys: event.header.subjects.clone(), fields: Arc::new(fields) };
                self.by_series.entry(series.name.as_str().into()).or_default().insert(place, point);
            }
            if let (Some(retention), Some(points)) = (series.retention, self.by_series.get_mut(series.name.as_str())) {
                let oldest = event.header.at.saturating_sub(retention);
                while points.first_key_value().is_some_and(|((at, ..), _)| *at <= oldest) {
                    points.pop_first();
                }
            }
        }
    }

    /// Drops points that were made of what is said of somebody whose keys are gone.
    pub(crate) fn forget(&mut self, keys: &[KeyName]) {
        for points in self.by_series.values_mut() {
            points.retain(|_, point| !point.keys.iter().any(|name| keys.contains(name)));
        }
    }

    /// The points of a series after an instant, up to another one, oldest first. What says that it was tomorrow is none of them.
    pub(crate) fn between(&self, series: &str, after: i64, until: i64) -> Vec<(i64, Arc<Value>)> {
        let Some(points) = self.by_series.get(series) else { return Vec::new() };
        let range = (after.saturating_add(1), 0, 0)..=(until, u64::MAX, u32::MAX);
        if range.start() > range.end() {
            return Vec::new();
        }
        points.range(range).map(|((at, ..), point)| (*at, point.fields.clone())).collect()
    }
}

fn points_of(plan: &Plan, series: &Series, source: &SeriesSource, arrival: &Arrival) -> Vec<Value> {
    let event = ("event", arrival.payload.clone());
    let Some((list, name)) = &source.each else { return point(plan, series, source, &[event]).into_iter().collect() };
    let Ok(Value::List(items)) = list.evaluate(&Names(std::slice::from_ref(&event))) else { return Vec::new() };
    items.iter().filter_map(|item| point(plan, series, source, &[event.clone(), (name.as_str(), item.clone())])).collect()
}

/// A point: fields that the series names, those that the event has by the same name, and defaults.
fn point(plan: &Plan, series: &Series, source: &SeriesSource, names: &[(&str, Value)]) -> Option<Value> {
    let mut given = Record::default();
    for (name, expr) in &source.fields {
        given.set(name, expr.evaluate(&Names(names)).ok()?);
    }
    let (_, event) = names.first()?;
    for field in &plan.types.records.get(&series.point)?.fields {
        if given.get(&field.name).is_none()
            && let Some(value) = event.get(&field.name)
        {
            given.set(&field.name, value.clone());
        }
    }
    Some(complete(&plan.types, &series.point, &Value::Record(Arc::new(given))))
}
