//! Points in time by series, folded from events that came or were emitted, and merged into steps when they are old. It computes no figure.
//!
//! An event that makes no point, as an expression of the series has no value for it, is left out; it is in the log all the same.

use crate::arrival::Arrival;
use crate::event::{Event, EventKind};
use crate::memory::Held;
use crate::rollup::{Merged, apart, numbers_of, step_of};
use crate::scope::Names;
use crate::seal::KeyName;
use crate::trigger::complete;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tradewind_lang::plan::{Plan, Series, SeriesSource};
use tradewind_lang::value::{Record, Value};

/// A point, by its instant; of equal ones the order of the log decides.
type Place = (i64, u64, u32);

/// A point, or several that were merged: the newest of them, and what is known of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Point {
    keys: Arc<[KeyName]>,
    fields: Arc<Value>,
    merged: Option<Arc<Merged>>,
}

/// A point as figures see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) fields: Arc<Value>,
    /// What is known of the points that were merged into it.
    pub(crate) merged: Option<Arc<Merged>>,
}

/// The points of a series.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
struct Track {
    points: BTreeMap<Place, Point>,
    /// Up to where each `rollup` has merged, by the length of its steps.
    merged_until: BTreeMap<i64, i64>,
}

/// All points of a shard.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Points {
    by_series: HashMap<Arc<str>, Track>,
}

impl Points {
    /// Takes the points that an event makes, merges those that are old enough, and drops those that are kept no longer.
    pub(crate) fn fold(&mut self, plan: &Plan, event: &Event, held: Held<'_>) {
        let (EventKind::EventReceived(arrival) | EventKind::EventEmitted(arrival)) = &event.kind else { return };
        for series in plan.series.values() {
            let sources = series.sources.iter().filter(|source| source.event == *arrival.name);
            let points = sources.flat_map(|source| points_of(plan, series, source, arrival));
            let mut late = Vec::new();
            for (fields, number) in points.zip(0_u32..) {
                let Some(Value::Timestamp(at)) = fields.get(&series.at) else { continue };
                let place = (*at, event.header.seq, number);
                late.push(*at);
                let point = Point { keys: event.header.subjects.clone(), fields: Arc::new(fields), merged: None };
                self.by_series.entry(series.name.as_str().into()).or_default().points.insert(place, point);
            }
            let Some(track) = self.by_series.get_mut(series.name.as_str()) else { continue };
            let stays = |point: &Point| is_held(series, point, held);
            track.roll_up(plan, series, (event.header.at, &late), &stays);
            if let Some(retention) = series.retention {
                track.expire(event.header.at.saturating_sub(retention), held.holds.is_empty(), &stays);
            }
        }
    }

    /// Drops points that were made of what is said of somebody whose keys are gone.
    pub(crate) fn forget(&mut self, keys: &[KeyName]) {
        for track in self.by_series.values_mut() {
            track.points.retain(|_, point| !point.keys.iter().any(|name| keys.contains(name)));
        }
    }

    /// The points of a series after an instant, up to another one, oldest first. What says that it was tomorrow is none of them. Merged
    /// ones stand where the newest of them stood.
    pub(crate) fn between(&self, series: &str, after: i64, until: i64) -> Vec<(i64, Sample)> {
        let Some(track) = self.by_series.get(series) else { return Vec::new() };
        let range = (after.saturating_add(1), 0, 0)..=(until, u64::MAX, u32::MAX);
        if range.start() > range.end() {
            return Vec::new();
        }
        let sample = |point: &Point| Sample { fields: point.fields.clone(), merged: point.merged.clone() };
        track.points.range(range).map(|((at, ..), point)| (*at, sample(point))).collect()
    }

    /// When the newest point of a series was, up to an instant.
    pub(crate) fn newest(&self, series: &str, until: i64) -> Option<i64> {
        let track = self.by_series.get(series)?;
        track.points.range(..=(until, u64::MAX, u32::MAX)).next_back().map(|((at, ..), _)| *at)
    }
}

impl Track {
    fn expire(&mut self, oldest: i64, is_nobody_held: bool, stays: &dyn Fn(&Point) -> bool) {
        if !is_nobody_held {
            self.points.retain(|(at, ..), point| *at > oldest || stays(point));
            return;
        }
        while self.points.first_key_value().is_some_and(|((at, ..), _)| *at <= oldest) {
            self.points.pop_first();
        }
    }

    /// Merges the steps that are old enough by now, and those already merged in which a point came late.
    fn roll_up(&mut self, plan: &Plan, series: &Series, (now, late): (i64, &[i64]), stays: &dyn Fn(&Point) -> bool) {
        if series.rollups.is_empty() {
            self.merged_until.clear();
            return;
        }
        let numbers = numbers_of(plan, &series.point);
        self.merged_until.retain(|step, _| series.rollups.iter().any(|(known, _)| known == step));
        for (step, after) in series.rollups.iter().filter(|(step, _)| *step > 0) {
            let until = step_of(now.saturating_sub(*after), *step);
            let before = self.merged_until.get(step).copied().unwrap_or(i64::MIN);
            let mut steps: BTreeSet<i64> = late.iter().filter(|at| **at < before.max(until)).map(|at| step_of(*at, *step)).collect();
            if before < until {
                steps.extend(self.points.range((before, 0, 0)..(until, 0, 0)).map(|((at, ..), _)| step_of(*at, *step)));
                self.merged_until.insert(*step, until);
            }
            for begin in steps {
                self.merge((begin, begin.saturating_add(*step)), &numbers, &series.at, stays);
            }
        }
    }

    /// Merges what lies between two instants.
    fn merge(&mut self, (from, until): (i64, i64), numbers: &[Arc<str>], at: &str, stays: &dyn Fn(&Point) -> bool) {
        let mut groups: BTreeMap<(Arc<[KeyName]>, String), Vec<Place>> = BTreeMap::new();
        for (place, point) in self.points.range((from, 0, 0)..(until, 0, 0)).filter(|(_, point)| !stays(point)) {
            groups.entry((point.keys.clone(), apart(&point.fields, numbers, at))).or_default().push(*place);
        }
        for places in groups.into_values().filter(|places| places.len() > 1) {
            let of = |place: &Place| {
                let point = self.points.get(place)?;
                Some(point.merged.as_deref().cloned().unwrap_or_else(|| Merged::of(&point.fields, numbers)))
            };
            let all = places.iter().map(of).reduce(|older, newer| older?.with(&newer?));
            // What cannot be added up stays as it is.
            let Some(merged) = all.flatten() else { continue };
            let Some((newest, rest)) = places.split_last() else { continue };
            rest.iter().for_each(|place| drop(self.points.remove(place)));
            if let Some(point) = self.points.get_mut(newest) {
                point.merged = Some(Arc::new(merged));
            }
        }
    }
}

/// Whether a point is of somebody who is held.
fn is_held(series: &Series, point: &Point, held: Held<'_>) -> bool {
    let subject = point.fields.get(&series.subject).and_then(Value::as_str).unwrap_or_default();
    held.is_key(&point.keys) || held.is_subject(subject)
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
