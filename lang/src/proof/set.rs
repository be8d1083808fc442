//! The values that a path may have: ranges of ordered values, listed or excluded texts, and how two values compare.

use crate::money::Currency;
use crate::value::Value;
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A point on a line: whole numbers (also instants and spans of time), doubles, amounts of one currency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Point {
    Whole(i64),
    Real(f64),
    Amount(Decimal),
}

impl Point {
    /// The point of a value, and the currency that keeps its line apart from others. None for what has no order, or is no number.
    pub(super) fn of(value: &Value) -> Option<(Self, Option<Currency>)> {
        match value {
            Value::Int(number) | Value::Timestamp(number) | Value::Duration(number) => Some((Self::Whole(*number), None)),
            Value::Double(number) if !number.is_nan() => Some((Self::Real(*number), None)),
            Value::Money(money) => Some((Self::Amount(money.amount), Some(money.currency))),
            _ => None,
        }
    }

    /// `None` where the two are not on one line.
    fn order(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Whole(one), Self::Whole(two)) => Some(one.cmp(&two)),
            (Self::Real(one), Self::Real(two)) => one.partial_cmp(&two),
            (Self::Amount(one), Self::Amount(two)) => Some(one.cmp(&two)),
            (Self::Whole(one), Self::Real(two)) => whole_and_real(one, two),
            (Self::Real(one), Self::Whole(two)) => whole_and_real(two, one).map(Ordering::reverse),
            _ => None,
        }
    }
}

/// Exact: a whole number of 64 bits is not always a double.
fn whole_and_real(whole: i64, real: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if real.is_nan() {
        return None;
    }
    if real >= BEYOND {
        return Some(Ordering::Less);
    }
    if real < -BEYOND {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "between the two bounds, its whole part is a whole number of 64 bits")]
    let floor = real.floor() as i64;
    Some(whole.cmp(&floor).then(if real.fract() == 0.0 { Ordering::Equal } else { Ordering::Less }))
}

/// One end of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
struct End {
    at: Point,
    included: bool,
}

/// A range; an end that is absent is open for ever.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Range {
    low: Option<End>,
    high: Option<End>,
}

impl Range {
    fn is_empty(&self) -> bool {
        let (Some(low), Some(high)) = (self.low, self.high) else { return false };
        match low.at.order(high.at) {
            Some(Ordering::Greater) => true,
            Some(Ordering::Equal) => !(low.included && high.included),
            Some(Ordering::Less) | None => false,
        }
    }

    fn with(self, other: Self) -> Self {
        Self { low: tighter(self.low, other.low, Ordering::Greater), high: tighter(self.high, other.high, Ordering::Less) }
    }
}

fn tighter(one: Option<End>, two: Option<End>, wins: Ordering) -> Option<End> {
    let (Some(one), Some(two)) = (one, two) else { return one.or(two) };
    Some(match one.at.order(two.at) {
        Some(order) if order == wins => one,
        Some(Ordering::Equal) => End { included: one.included && two.included, ..one },
        Some(_) => two,
        // Not on one line: keeping either claims no more than it says.
        None => one,
    })
}

/// The values that something may have.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Set {
    /// Ordered values in any of these ranges; `apart`: also what compares with nothing, as NaN does.
    Line(Ranges, bool),
    /// These texts or truths, or everything but them.
    Names {
        /// Which. Of an enum only those that it declares.
        names: BTreeSet<Arc<str>>,
        /// Everything but them.
        inverted: bool,
        /// How many there are at all, where that is known: those of an enum, the two truths.
        of: Option<usize>,
    },
    /// How two values may compare.
    Relation(Relation),
}

/// Ranges that do not overlap.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ranges(Vec<Range>);

/// How one value may compare with another; `apart` is NaN's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Relation {
    pub(super) less: bool,
    pub(super) equal: bool,
    pub(super) more: bool,
    pub(super) apart: bool,
}

impl Relation {
    pub(super) fn turned(self) -> Self {
        Self { less: self.more, more: self.less, ..self }
    }

    pub(super) fn inverted(self) -> Self {
        Self { less: !self.less, equal: !self.equal, more: !self.more, apart: !self.apart }
    }
}

impl Set {
    /// The values that compare so with a point. `whole`: they are whole numbers, which leave no room between neighbours.
    pub(super) fn compared(relation: Relation, point: Point, whole: bool) -> Self {
        let end = |included| Some(End { at: point, included });
        let (below, above) = match point {
            Point::Whole(number) if whole => {
                let neighbour = |number| Some(End { at: Point::Whole(number), included: true });
                (number.checked_sub(1).map(neighbour), number.checked_add(1).map(neighbour))
            }
            _ => (Some(end(false)), Some(end(false))),
        };
        let mut ranges = Vec::new();
        if let Some(high) = below.filter(|_| relation.less) {
            ranges.push(Range { low: None, high });
        }
        if relation.equal {
            ranges.push(Range { low: end(true), high: end(true) });
        }
        if let Some(low) = above.filter(|_| relation.more) {
            ranges.push(Range { low, high: None });
        }
        Self::Line(Ranges(ranges), relation.apart)
    }

    /// From one point to another, both included, and what compares with nothing; an end that is absent is open for ever.
    pub(super) fn between(low: Option<Point>, high: Option<Point>) -> Self {
        let end = |at: Option<Point>| at.map(|at| End { at, included: true });
        Self::Line(Ranges(vec![Range { low: end(low), high: end(high) }]), true)
    }

    /// One of these texts, or none of them.
    pub(super) fn names(names: impl IntoIterator<Item = Arc<str>>, inverted: bool, of: Option<usize>) -> Self {
        Self::Names { names: names.into_iter().collect(), inverted, of }
    }

    /// What both allow; `None` where they are of different kinds, of which nothing is known.
    pub(super) fn with(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Line(one, apart), Self::Line(two, also)) => {
                let both = one.0.iter().flat_map(|one| two.0.iter().map(|two| one.with(*two))).filter(|range| !range.is_empty());
                // As long as it has to be: there are many of them, and most hold one range.
                let mut ranges = Vec::with_capacity(both.clone().count());
                ranges.extend(both);
                Some(Self::Line(Ranges(ranges), *apart && *also))
            }
            (Self::Names { names, inverted: false, of }, Self::Names { names: other, inverted, .. })
            | (Self::Names { names: other, inverted, .. }, Self::Names { names, inverted: false, of }) => {
                Some(Self::names(names.iter().filter(|name| other.contains(*name) != *inverted).cloned(), false, *of))
            }
            (Self::Names { names, inverted: true, of }, Self::Names { names: other, inverted: true, of: also }) => {
                Some(Self::names(names.union(other).cloned(), true, of.or(*also)))
            }
            (Self::Relation(one), Self::Relation(two)) => Some(Self::Relation(Relation {
                less: one.less && two.less,
                equal: one.equal && two.equal,
                more: one.more && two.more,
                apart: one.apart && two.apart,
            })),
            _ => None,
        }
    }

    /// Whether both allow something, without building what; `None` where they are of different kinds, of which nothing is known.
    pub(super) fn leaves(&self, other: &Self) -> Option<bool> {
        match (self, other) {
            (Self::Line(one, apart), Self::Line(two, also)) => {
                Some(*apart && *also || one.0.iter().any(|one| two.0.iter().any(|two| !one.with(*two).is_empty())))
            }
            (Self::Names { names, inverted: false, .. }, Self::Names { names: other, inverted, .. })
            | (Self::Names { names: other, inverted, .. }, Self::Names { names, inverted: false, .. }) => {
                Some(names.iter().any(|name| other.contains(name) != *inverted))
            }
            (Self::Names { names, inverted: true, of }, Self::Names { names: other, inverted: true, of: also }) => {
                let excluded = || names.len() + other.iter().filter(|name| !names.contains(*name)).count();
                Some(of.or(*also).is_none_or(|count| excluded() < count))
            }
            (Self::Relation(_), Self::Relation(_)) => self.with(other).map(|both| !both.is_empty()),
            _ => None,
        }
    }

    /// Leaves what both allow, without building anew what was excluded before. Whether the two are of one kind.
    pub(super) fn narrow(&mut self, other: &Self) -> bool {
        if let (Self::Names { names, inverted: true, of }, Self::Names { names: excluded, inverted: true, of: also }) = (&mut *self, other)
        {
            names.extend(excluded.iter().cloned());
            *of = of.or(*also);
            return true;
        }
        let Some(both) = self.with(other) else { return false };
        *self = both;
        true
    }

    /// How many ranges or names it is made of: what it costs to narrow it.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Line(ranges, _) => ranges.0.len(),
            Self::Names { names, .. } => names.len(),
            Self::Relation(_) => 1,
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Line(ranges, apart) => ranges.0.is_empty() && !apart,
            Self::Names { names, inverted: false, .. } => names.is_empty(),
            Self::Names { names, inverted: true, of } => of.is_some_and(|count| names.len() >= count),
            Self::Relation(relation) => !(relation.less || relation.equal || relation.more || relation.apart),
        }
    }
}
