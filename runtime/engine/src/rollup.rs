//! Merged points: what a step of a `rollup` holds. Points of a step are merged that say the same but for their numbers and their
//! instants; for each number it is kept how many points have one, their sum, the least, the greatest and the newest. The rest is gone.
//!
//! What cannot be added up stays as it is.

use crate::figure::{compare, plus};
use crate::planted::{Bug, planted};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::plan::Plan;
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// What is known of the values of a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Number {
    /// How many points have one.
    pub(crate) many: u64,
    pub(crate) sum: Value,
    pub(crate) least: Value,
    pub(crate) greatest: Value,
    pub(crate) last: Value,
}

impl Number {
    /// Of one value.
    pub(crate) fn of(value: &Value) -> Self {
        Self { many: 1, sum: value.clone(), least: value.clone(), greatest: value.clone(), last: value.clone() }
    }

    /// With another one that is newer.
    fn with(&self, newer: &Self) -> Option<Self> {
        let (one, other) = (self, newer);
        let least = if compare(&one.least, &other.least)? == Ordering::Greater { &other.least } else { &one.least };
        let greatest = if compare(&one.greatest, &other.greatest)? == Ordering::Less { &other.greatest } else { &one.greatest };
        Some(Self {
            many: one.many.checked_add(other.many)? - u64::from(planted(Bug::MergedOneTooFew)),
            sum: plus(&one.sum, &other.sum).ok()?,
            least: least.clone(),
            greatest: greatest.clone(),
            last: other.last.clone(),
        })
    }
}

/// What a merged point holds beside the fields of the newest of its points.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Merged {
    /// How many points it is made of.
    pub(crate) points: u64,
    pub(crate) numbers: BTreeMap<Arc<str>, Number>,
}

impl Merged {
    /// Of one point.
    pub(crate) fn of(fields: &Value, numbers: &[Arc<str>]) -> Self {
        let known = |name: &Arc<str>| fields.get(name).filter(|value| !matches!(value, Value::Null | Value::Erased));
        let each = numbers.iter().filter_map(|name| Some((name.clone(), Number::of(&plain(known(name)?)?))));
        Self { points: 1, numbers: each.collect() }
    }

    /// With another one that is newer; none where they cannot be added up.
    pub(crate) fn with(&self, newer: &Self) -> Option<Self> {
        let mut numbers = self.numbers.clone();
        for (name, newer) in &newer.numbers {
            let both = match numbers.get(name) {
                Some(older) => older.with(newer)?,
                None => newer.clone(),
            };
            numbers.insert(name.clone(), both);
        }
        Some(Self { points: self.points.checked_add(newer.points)?, numbers })
    }
}

/// A value without the wrapping of an optional one; none where there is none.
pub(crate) fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Erased | Value::Optional(None) => None,
        Value::Optional(Some(inner)) => plain(inner),
        value => Some(value.clone()),
    }
}

/// The numbers of a record type.
pub(crate) fn numbers_of(plan: &Plan, record: &str) -> Vec<Arc<str>> {
    let fields = plan.types.records.get(record).map_or(&[][..], |record| &record.fields);
    fields.iter().filter(|field| is_number(&field.ty)).map(|field| field.name.as_str().into()).collect()
}

fn is_number(ty: &Ty) -> bool {
    match ty {
        Ty::Optional(inner) => is_number(inner),
        ty => matches!(ty, Ty::Int | Ty::Double | Ty::Money | Ty::Duration),
    }
}

/// The beginning of the step that an instant lies in.
pub(crate) fn step_of(at: i64, step: i64) -> i64 {
    at.div_euclid(step.max(1)).saturating_mul(step.max(1))
}

/// What tells points of a step apart: everything but their numbers and their instant, and the currencies.
pub(crate) fn apart(fields: &Value, numbers: &[Arc<str>], at: &str) -> String {
    let Value::Record(record) = fields else { return String::new() };
    let mut key = String::new();
    for (name, value) in &record.0 {
        let is_number = numbers.contains(name);
        match plain(value) {
            _ if **name == *at => {}
            Some(Value::Money(money)) if is_number => key += &format!("{name}:{}\n", money.currency.as_str()),
            _ if is_number => {}
            _ => key += &format!("{name}={value:?}\n"),
        }
    }
    key
}
