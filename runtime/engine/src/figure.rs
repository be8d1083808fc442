//! Figures over points: each aggregate over its own window, for everything or for each value of a field. It reads nothing.
//!
//! Of points that were merged there are only counts, sums, ends and the newest value, each of a field: the compiler lets nothing else
//! look that far back.

use crate::key::text_of;
use crate::robust::{Usual, part as part_of};
use crate::rollup::{Merged, Number, plain};
use crate::scope::{Beside, Names};
use crate::series::Sample;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::expr::{Expr, Resolve, Tree};
use tradewind_lang::money::{Currency, Money};
use tradewind_lang::plan::{Aggregate, AggregateFunction, Measured, Seasonal};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::{Record, Value};

/// Points of a series, oldest first.
pub(crate) type Line = Vec<(i64, Sample)>;

/// What a `measure` looks at.
pub(crate) struct Look<'a> {
    /// The points of each series, of the longest window at least.
    pub(crate) lines: &'a BTreeMap<String, Line>,
    /// What stands beside aggregates.
    pub(crate) beside: &'a dyn Resolve,
    /// The instant at which windows end.
    pub(crate) now: i64,
    /// That of nothing at all.
    pub(crate) currency: Currency,
}

/// The figures; for each value of the field that they are told apart by.
///
/// # Errors
/// A figure without a value; the text is for people.
pub(crate) fn measure(measured: &Measured, look: &Look<'_>) -> Result<Value, String> {
    let Some(by) = &measured.by else { return figures(measured, look, None) };
    let mut groups: BTreeMap<Arc<str>, BTreeMap<String, Line>> = BTreeMap::new();
    for (series, line) in look.lines {
        for (at, point) in line {
            let Some(value) = point.fields.get(by).filter(|value| !matches!(value, Value::Null | Value::Erased)) else { continue };
            groups.entry(text_of(value)).or_default().entry(series.clone()).or_default().push((*at, point.clone()));
        }
    }
    let mut found = Record::default();
    for (group, lines) in &groups {
        let own = Look { lines, ..*look };
        found.0.push((group.clone(), figures(measured, &own, Some(group))?));
    }
    Ok(Value::Record(Arc::new(found)))
}

fn figures(measured: &Measured, look: &Look<'_>, group: Option<&str>) -> Result<Value, String> {
    let mut found = Record::default();
    for (name, figure) in &measured.figures {
        let of = |why: String| group.map_or_else(|| format!("`{name}`: {why}"), |group| format!("`{name}` of `{group}`: {why}"));
        let mut variables: Vec<(Arc<str>, Value)> = Vec::with_capacity(figure.aggregates.len());
        for part in &figure.aggregates {
            variables.push((part.variable.as_str().into(), aggregate(part, look).map_err(of)?));
        }
        let value = figure.expr.evaluate(&Beside { scope: look.beside, names: &variables }).map_err(|error| of(error.0))?;
        found.set(name, value);
    }
    Ok(Value::Record(Arc::new(found)))
}

/// An aggregate over its window.
fn aggregate(part: &Aggregate, look: &Look<'_>) -> Result<Value, String> {
    let series = part.series.as_deref().unwrap_or_default();
    let line = look.lines.get(series).map_or(&[][..], Vec::as_slice);
    let after = part.window.map_or(i64::MIN, |window| look.now.saturating_sub(window));
    let within = line.iter().filter(|(at, _)| *at > after && *at <= look.now);
    if let Some(expr) = part.value.as_ref().filter(|_| part.function == AggregateFunction::Oddity) {
        return oddity(expr, part.season.as_ref(), series, within);
    }
    let within = within.map(|(_, sample)| sample);
    let Some(expr) = &part.value else {
        let many = within.map(|sample| sample.merged.as_ref().map_or(1, |merged| merged.points)).sum::<u64>();
        return Ok(Value::Int(i64::try_from(many).unwrap_or(i64::MAX)));
    };
    let mut numbers = Vec::new();
    for sample in within {
        match &sample.merged {
            Some(merged) => numbers.extend(of_merged(expr, sample, merged)?),
            None => match expr.evaluate(&Names(&[(series, Value::clone(&sample.fields))])).map_err(|error| error.0)? {
                Value::Null | Value::Erased => {}
                value => numbers.push(Number::of(&value)),
            },
        }
    }
    let many = numbers.iter().map(|number| number.many).sum::<u64>();
    let picked = |pick: fn(&Number) -> &Value| numbers.iter().map(pick).cloned().collect::<Vec<Value>>();
    match part.function {
        AggregateFunction::Count => Ok(Value::Int(i64::try_from(many).unwrap_or(i64::MAX))),
        AggregateFunction::Sum => sum(&picked(|number| &number.sum), &expr.ty, look.currency),
        AggregateFunction::Mean if many == 0 => Ok(Value::Null),
        AggregateFunction::Mean => mean(&sum(&picked(|number| &number.sum), &expr.ty, look.currency)?, many),
        AggregateFunction::Last => Ok(numbers.pop().map_or(Value::Null, |number| number.last)),
        AggregateFunction::Least => Ok(sorted(picked(|number| &number.least))?.into_iter().next().unwrap_or(Value::Null)),
        AggregateFunction::Greatest => Ok(sorted(picked(|number| &number.greatest))?.pop().unwrap_or(Value::Null)),
        // Told apart above.
        AggregateFunction::Oddity => Ok(Value::Null),
        AggregateFunction::Quantile if numbers.iter().any(|number| number.many > 1) => {
            Err("these were merged: what each was is gone".to_owned())
        }
        AggregateFunction::Quantile => Ok(quantile(sorted(picked(|number| &number.last))?, part.share.unwrap_or(0.5))),
    }
}

/// How far the newest point lies from what the others say is usual; of a season, those of the same part of it.
fn oddity<'a>(
    expr: &Expr,
    season: Option<&Seasonal>,
    series: &str,
    within: impl Iterator<Item = &'a (i64, Sample)>,
) -> Result<Value, String> {
    let mut numbers: Vec<(Option<u8>, f64)> = Vec::new();
    let mut currency = None;
    for (at, sample) in within {
        if sample.merged.is_some() {
            return Err("these were merged: what each was is gone".to_owned());
        }
        let value = expr.evaluate(&Names(&[(series, Value::clone(&sample.fields))])).map_err(|error| error.0)?;
        let number = match &value {
            Value::Null | Value::Erased => continue,
            Value::Money(money) if *currency.get_or_insert(money.currency) != money.currency => {
                return Err("these are of several currencies".to_owned());
            }
            value => double(value).ok_or_else(|| "these are no numbers".to_owned())?,
        };
        numbers.push((season.and_then(|season| part_of(season, *at)), number));
    }
    let Some((part, newest)) = numbers.pop() else { return Ok(Value::Null) };
    let others: Vec<f64> = numbers.iter().filter(|(other, _)| *other == part).map(|(_, number)| *number).collect();
    Ok(Usual::of(&others).map_or(Value::Null, |usual| Value::Double(usual.distance(newest))))
}

/// A number, an amount, or the seconds of a span, as a double.
fn double(value: &Value) -> Option<f64> {
    let number = match value {
        #[expect(clippy::cast_precision_loss, reason = "a distance is a double, whatever it is of")]
        Value::Int(number) | Value::Duration(number) => *number as f64,
        Value::Double(number) => *number,
        Value::Money(money) => money.amount.to_string().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// What is known of a field of merged points.
fn of_merged(expr: &Expr, sample: &Sample, merged: &Merged) -> Result<Option<Number>, String> {
    let Tree::Select { field, .. } = &expr.root else {
        return Err(format!("`{}`: the points were merged, and only their fields are known", expr.source));
    };
    // What is no number is the same in all of them.
    let same = || sample.fields.get(field).and_then(plain).map(|value| Number { many: merged.points, ..Number::of(&value) });
    Ok(merged.numbers.get(field).cloned().or_else(same))
}

fn zero(ty: &Ty, currency: Currency) -> Value {
    match ty {
        Ty::Optional(inner) => zero(inner, currency),
        Ty::Double => Value::Double(0.0),
        Ty::Money => Value::Money(Money::zero(currency)),
        Ty::Duration => Value::Duration(0),
        _ => Value::Int(0),
    }
}

fn sum(values: &[Value], ty: &Ty, currency: Currency) -> Result<Value, String> {
    let Some((first, rest)) = values.split_first() else { return Ok(zero(ty, currency)) };
    rest.iter().try_fold(first.clone(), |sum, value| plus(&sum, value))
}

/// One more.
pub(crate) fn plus(sum: &Value, value: &Value) -> Result<Value, String> {
    match (sum, value) {
        (Value::Int(sum), Value::Int(value)) => sum.checked_add(*value).map(Value::Int).ok_or_else(|| "the sum is too large".to_owned()),
        (Value::Double(sum), Value::Double(value)) => Ok(Value::Double(sum + value)),
        (Value::Money(sum), Value::Money(value)) => {
            sum.plus(*value).map(Value::Money).ok_or_else(|| format!("{sum} and {value} cannot be added"))
        }
        (Value::Duration(sum), Value::Duration(value)) => {
            sum.checked_add(*value).map(Value::Duration).ok_or_else(|| "the sum is too large".to_owned())
        }
        _ => Err("these cannot be added".to_owned()),
    }
}

fn mean(sum: &Value, many: u64) -> Result<Value, String> {
    let many = u32::try_from(many).map_err(|_| "there are too many points".to_owned())?;
    match sum {
        #[expect(clippy::cast_precision_loss, reason = "a mean is a double, whatever it is of")]
        Value::Int(sum) => Ok(Value::Double(*sum as f64 / f64::from(many))),
        Value::Double(sum) => Ok(Value::Double(sum / f64::from(many))),
        Value::Money(sum) => sum.part(1, u64::from(many)).map(Value::Money).ok_or_else(|| "the mean cannot be written as money".to_owned()),
        Value::Duration(sum) => Ok(Value::Duration(sum / i64::from(many))),
        _ => Err("there is no mean of these".to_owned()),
    }
}

pub(crate) fn compare(one: &Value, other: &Value) -> Option<Ordering> {
    match (one, other) {
        (Value::Int(one), Value::Int(other)) => Some(one.cmp(other)),
        (Value::Double(one), Value::Double(other)) => Some(one.total_cmp(other)),
        (Value::Money(one), Value::Money(other)) => one.compare(*other),
        (Value::Duration(one), Value::Duration(other)) | (Value::Timestamp(one), Value::Timestamp(other)) => Some(one.cmp(other)),
        _ => None,
    }
}

fn sorted(mut values: Vec<Value>) -> Result<Vec<Value>, String> {
    // Two currencies have no order.
    if values.iter().zip(values.iter().skip(1)).any(|(one, other)| compare(one, other).is_none()) {
        return Err("these cannot be put in an order".to_owned());
    }
    values.sort_by(|one, other| compare(one, other).unwrap_or(Ordering::Equal));
    Ok(values)
}

/// The least value that at least such a share of all does not exceed.
fn quantile(mut values: Vec<Value>, share: f64) -> Value {
    if values.is_empty() {
        return Value::Null;
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of points")]
    let place = (share * values.len() as f64).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share from 0 to 1 of a count")]
    let place = (place as usize).saturating_sub(1).min(values.len() - 1);
    values.swap_remove(place)
}
