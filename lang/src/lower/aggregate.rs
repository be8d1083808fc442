//! Figures: expressions over aggregates such as `sum(cost) / sum(revenue)`. Each aggregate is checked by itself and stands in the
//! expression as a variable of the same length, so that every mistake keeps its exact place.

use super::context::Context;
use crate::ast::{Literal, Node};
use crate::code::{expression, meaning};
use crate::diagnostic::Diagnostic;
use crate::expr::{self, Expr, Scope, Tree};
use crate::literal::duration_text;
use crate::plan::{Aggregate, AggregateFunction, Figure, Measured, Season, Seasonal, StepKind};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Marks, Ty};

use super::step::{Place, Verb};

const FUNCTIONS: &[(&str, AggregateFunction)] = &[
    ("count", AggregateFunction::Count),
    ("sum", AggregateFunction::Sum),
    ("mean", AggregateFunction::Mean),
    ("min", AggregateFunction::Least),
    ("max", AggregateFunction::Greatest),
    ("last", AggregateFunction::Last),
    ("quantile", AggregateFunction::Quantile),
    ("oddity", AggregateFunction::Oddity),
];

/// Names that other languages give to them.
const ELSEWHERE: &[(&str, &str)] =
    &[("avg", "mean"), ("average", "mean"), ("total", "sum"), ("minimum", "min"), ("maximum", "max"), ("percentile", "quantile")];

/// What the aggregates of a figure look at.
pub(crate) struct Source {
    /// Fields of one record.
    pub(crate) rows: Scope,
    /// What stands beside aggregates: other metrics, settings.
    pub(crate) beside: Scope,
    /// An aggregate names its series first, and its window last.
    pub(crate) of_series: bool,
}

/// A call as written: bytes of the text.
struct Written {
    start: usize,
    end: usize,
    function: AggregateFunction,
    arguments: Vec<(usize, usize)>,
    /// The name as written and the one it has here, where they differ.
    renamed: Option<(&'static str, &'static str)>,
}

/// Aggregates of a text, outermost only, outside quotes.
fn find(text: &str) -> Vec<Written> {
    let bytes = text.as_bytes();
    let (mut found, mut at, mut quote) = (Vec::new(), 0, None);
    while let Some(byte) = bytes.get(at).copied() {
        if let Some(open) = quote {
            quote = (byte != open).then_some(open);
            at += 1;
            continue;
        }
        if matches!(byte, b'\'' | b'"') {
            quote = Some(byte);
        }
        let begins = byte.is_ascii_alphabetic()
            && !at
                .checked_sub(1)
                .and_then(|before| bytes.get(before))
                .is_some_and(|before| before.is_ascii_alphanumeric() || matches!(before, b'_' | b'.'));
        let rest = text.get(at..).unwrap_or("");
        let is = |name: &str| begins && rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('('));
        let renamed = ELSEWHERE.iter().find(|(name, _)| is(name)).copied();
        match FUNCTIONS.iter().find(|(name, _)| renamed.map_or_else(|| is(name), |(_, here)| here == *name)) {
            Some((name, function)) => {
                let (end, arguments) = arguments(text, at + renamed.map_or(*name, |(name, _)| name).len() + 1);
                found.push(Written { start: at, end, function: *function, arguments, renamed });
                at = end;
            }
            None => at += 1,
        }
    }
    found
}

/// The arguments of a call from after its bracket, and where the call ends.
fn arguments(text: &str, from: usize) -> (usize, Vec<(usize, usize)>) {
    let (mut depth, mut quote, mut start, mut found) = (1_usize, None, from, Vec::new());
    for (offset, byte) in text.bytes().enumerate().skip(from) {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => {
                depth -= 1;
                if depth == 0 {
                    if !text.get(start..offset).unwrap_or("").trim().is_empty() {
                        found.push((start, offset));
                    }
                    return (offset + 1, found);
                }
            }
            (None, b',') if depth == 1 => {
                found.push((start, offset));
                start = offset + 1;
            }
            _ => {}
        }
    }
    (text.len(), found)
}

impl Context<'_> {
    /// A figure, and its type and marks.
    pub(crate) fn figure(&mut self, value: &Literal, source: &Source) -> Option<(Figure, Ty, Marks)> {
        let whole = self.text(value, "a figure")?;
        let Some(text) = whole.strip_prefix('=') else {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "a figure is an expression");
            self.report(diagnostic.label("plain text").help("begin it with `=`, such as `\"=sum(cost)\"`"));
            return None;
        };
        let (mut written, mut scope) = (text.to_owned(), source.beside.clone());
        let (mut aggregates, mut originals, mut marks) = (Vec::new(), Vec::new(), Marks::default());
        for (number, call) in find(text).into_iter().enumerate() {
            let original = text.get(call.start..call.end)?;
            if let Some((name, here)) = call.renamed {
                let span = value.locate(call.start + 1, call.start + 1 + name.len());
                let diagnostic = Diagnostic::new(&expression::UNKNOWN_FUNCTION, span, format!("there is no function `{name}`"));
                let diagnostic = diagnostic.label("no such function").help(format!("it is written `{here}(…)` here"));
                self.report(diagnostic.fix(format!("write `{here}`"), span, here));
            }
            // As long as what it stands for: `count()` is the shortest.
            let variable = format!("{:_<width$}", format!("a{number}"), width = original.len());
            let (aggregate, ty, own) = self.aggregate(&call, text, value, &variable, source)?;
            marks = marks.with(own);
            written.replace_range(call.start..call.end, &variable);
            scope = scope.with(&variable, ty, own);
            originals.push((variable, original.to_owned()));
            aggregates.push(aggregate);
        }
        let (checked, found) = expr::check(&written, value, 1, &scope, &self.plan.types, None);
        for mut diagnostic in found {
            for (variable, original) in &originals {
                diagnostic.message = diagnostic.message.replace(variable, original);
                diagnostic.label = diagnostic.label.replace(variable, original);
                diagnostic.help = diagnostic.help.map(|help| help.replace(variable, original));
            }
            self.report(diagnostic);
        }
        let checked = checked?;
        let ty = checked.expr.ty.clone();
        Some((Figure { expr: checked.expr, aggregates }, ty, marks.with(checked.marks)))
    }

    fn aggregate(
        &mut self,
        call: &Written,
        text: &str,
        value: &Literal,
        variable: &str,
        source: &Source,
    ) -> Option<(Aggregate, Ty, Marks)> {
        let span = value.locate(call.start + 1, call.end + 1);
        let mut arguments = call.arguments.clone();
        let share = self.share_of(call, text, &mut arguments, span)?;
        let season = self.season_of(call, text, &mut arguments, (source.of_series, span))?;
        let counts = call.function == AggregateFunction::Count;
        let window = match arguments.len() {
            2 if source.of_series => {
                let (from, to) = arguments.remove(1);
                let quoted = text.get(from..to).map(|part| part.trim().trim_matches(['\'', '"'])).and_then(crate::literal::duration);
                match quoted.filter(|micros| *micros > 0) {
                    Some(micros) => Some(micros),
                    None => return self.misused(span, "the window of an aggregate is a span of time, such as `sum(sales.units, '7d')`"),
                }
            }
            1 if source.of_series => return self.misused(span, "an aggregate over a series has a window: `sum(sales.units, '7d')`"),
            0 if counts && !source.of_series => None,
            1 if !counts => None,
            _ => {
                return self.misused(
                    span,
                    "write `count()`, `sum(field)`, `mean`, `min`, `max`, `last` or `oddity(field)`, or `quantile(0.95, field)`",
                );
            }
        };
        let Some((from, to)) = arguments.first().copied() else {
            let aggregate =
                Aggregate { variable: variable.to_owned(), function: call.function, share, value: None, series: None, window, season };
            return Some((aggregate, Ty::Int, Marks::default()));
        };
        let part = text.get(from..to)?;
        let skipped = part.len() - part.trim_start().len();
        let (checked, found) = expr::check(part.trim(), value, 1 + from + skipped, &source.rows, &self.plan.types, None);
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        let checked = checked?;
        let mut named: Vec<&str> = checked.reads.iter().filter_map(|(path, _)| path.split('.').next()).collect();
        named.dedup();
        let series = match (source.of_series, named.as_slice()) {
            (false, _) => None,
            (true, [only]) => Some((*only).to_owned()),
            (true, _) => return self.misused(span, "an aggregate looks at one series"),
        };
        if let Some((name, window)) = series.as_ref().zip(window) {
            self.check_merged(call.function, &checked.expr, (name, window), span);
        }
        let ty = self.aggregate_type(call.function, &checked.expr.ty, span)?;
        let aggregate = Aggregate {
            variable: variable.to_owned(),
            function: call.function,
            share,
            value: (!counts).then_some(checked.expr),
            series,
            window,
            season,
        };
        Some((aggregate, ty, checked.marks))
    }

    /// The share of a `quantile`, its first argument.
    #[expect(clippy::option_option, reason = "a mistake is not the same as no share")]
    fn share_of(&mut self, call: &Written, text: &str, arguments: &mut Vec<(usize, usize)>, span: Span) -> Option<Option<f64>> {
        if call.function != AggregateFunction::Quantile || arguments.is_empty() {
            return Some(None);
        }
        let (from, to) = arguments.remove(0);
        match text.get(from..to).and_then(|share| share.trim().parse::<f64>().ok()).filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Some(Some(share)),
            None => self.misused(span, "a quantile begins with a share from 0 to 1, such as `quantile(0.95, cost)`"),
        }
    }

    /// The season of an `oddity`, its last argument.
    #[expect(clippy::option_option, reason = "a mistake is not the same as no season")]
    fn season_of(
        &mut self,
        call: &Written,
        text: &str,
        arguments: &mut Vec<(usize, usize)>,
        (of_series, span): (bool, Span),
    ) -> Option<Option<Seasonal>> {
        if call.function != AggregateFunction::Oddity {
            return Some(None);
        }
        if !of_series {
            return self.misused(span, "`oddity` looks at the newest point of a series: `oddity(sales.units, '28d')` in a `measure`");
        }
        let last = if arguments.len() == 3 { arguments.pop() } else { None };
        let Some(word) = last.and_then(|(from, to)| text.get(from..to)) else { return Some(None) };
        match Season::named(word.trim().trim_matches(['\'', '"'])) {
            Some(season) => Some(Some(Seasonal { season, time_zone: self.plan.project.time_zone.clone() })),
            None => self.misused(span, "a season is 'hour' or 'weekday', such as `oddity(sales.units, '28d', 'weekday')`"),
        }
    }

    /// Since when the points of a series are kept apart; none where all of them are, or a window lies within.
    fn merged_behind(&self, series: &str, window: i64) -> Option<i64> {
        let after = self.plan.series.get(series)?.rollups.iter().map(|(_, after)| *after).min()?;
        (window > after).then_some(after)
    }

    /// Of points that a `rollup` merged, only counts, sums, ends and the newest value of each field are known.
    fn check_merged(&mut self, function: AggregateFunction, of: &Expr, (series, window): (&str, i64), span: Span) {
        let Some(after) = self.merged_behind(series, window).filter(|_| function != AggregateFunction::Count) else { return };
        let is_field = matches!(&of.root, Tree::Select { of, .. } if matches!(**of, Tree::Variable { .. }));
        if is_field && !matches!(function, AggregateFunction::Quantile | AggregateFunction::Oddity) {
            return;
        }
        let what = match function {
            AggregateFunction::Oddity => "an oddity",
            _ if is_field => "a quantile",
            _ => "an expression",
        };
        let after = duration_text(after);
        let message = format!("{what} needs every point, and those of `{series}` are merged after {after}");
        let diagnostic = Diagnostic::new(&meaning::MERGED, span, message).label("looks behind that");
        self.report(diagnostic.help(format!("look back {after} at most, aggregate a field by itself, or let the `rollup` begin later")));
    }

    fn misused<T>(&mut self, span: crate::source::Span, help: &str) -> Option<T> {
        let diagnostic = Diagnostic::new(&expression::ARGUMENTS, span, "this aggregate is written differently").label("cannot be read");
        self.report(diagnostic.help(help));
        None
    }

    fn aggregate_type(&mut self, function: AggregateFunction, of: &Ty, span: crate::source::Span) -> Option<Ty> {
        let inner = if let Ty::Optional(inner) = of { inner.as_ref().clone() } else { of.clone() };
        let number = matches!(inner, Ty::Int | Ty::Double | Ty::Money | Ty::Duration | Ty::Unknown);
        let ordered = number || matches!(inner, Ty::Timestamp);
        let ty = match function {
            AggregateFunction::Count => Some(Ty::Int),
            AggregateFunction::Sum => number.then_some(inner.clone()),
            AggregateFunction::Mean => number.then(|| if inner == Ty::Int { Ty::Double } else { inner.clone() }.optional()),
            AggregateFunction::Last => Some(inner.clone().optional()),
            AggregateFunction::Oddity => number.then(|| Ty::Double.optional()),
            _ => ordered.then(|| inner.clone().optional()),
        };
        if ty.is_none() {
            let message = format!("this aggregate takes numbers, money or spans of time, not {of}");
            self.report(Diagnostic::new(&expression::ARGUMENTS, span, message).label(format!("of {of}")).help("name another field"));
        }
        ty
    }

    pub(crate) fn lower_measure(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Option<Verb> {
        let mut rows = Scope::default();
        for series in self.plan.series.values() {
            rows = rows.with(&series.name, Ty::Record(series.point.clone()), Marks::default());
        }
        let source = Source { rows, beside: place.scope.clone(), of_series: true };
        let by = node.property("by").cloned();
        let (mut figures, mut fields, mut marks) = (Vec::new(), Vec::new(), Marks::default());
        let mut complete = true;
        for child in &node.children {
            let Some(value) = child.argument(0).cloned() else { continue };
            self.snake_case(&child.name.text, child.name.span, "a figure");
            match self.figure(&value, &source) {
                Some((figure, ty, own)) => {
                    marks = marks.with(own);
                    fields.push((child.name.text.clone(), ty));
                    figures.push((child.name.text.clone(), figure));
                }
                None => complete = false,
            }
        }
        if node.children.is_empty() {
            let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, "this `measure` has no figure");
            self.report(diagnostic.label("measures nothing").help("write `units \"=sum(sales.units, '7d')\"` in it"));
            return None;
        }
        let by = match by {
            Some(value) => {
                let name = self.text(&value, "`by`")?;
                self.check_measured_by(&name, &value, &figures);
                Some(name)
            }
            None => None,
        };
        let ty = Ty::Object(fields);
        let ty = if by.is_some() { Ty::Map(Box::new(ty)) } else { ty };
        complete.then_some((StepKind::Measure(Box::new(Measured { by, figures })), ty, marks))
    }

    /// Figures are told apart by a text field that every series of theirs has.
    fn check_measured_by(&mut self, name: &str, value: &Literal, figures: &[(String, Figure)]) {
        let named = figures.iter().flat_map(|(_, figure)| &figure.aggregates).filter_map(|aggregate| aggregate.series.clone());
        for series in named.collect::<std::collections::BTreeSet<_>>() {
            let Some(point) = self.plan.series.get(&series).map(|series| series.point.clone()) else { continue };
            let has = self.plan.types.records.get(&point).is_some_and(|record| record.fields.iter().any(|field| field.name == name));
            if !has {
                let message = format!("points of `{series}` have no field `{name}`");
                let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, message).label("no such field");
                self.report(diagnostic.help("name a field that the points of every series have"));
            }
            let parts = figures.iter().flat_map(|(_, figure)| &figure.aggregates).filter(|part| part.series.as_ref() == Some(&series));
            let behind = parts.filter_map(|part| self.merged_behind(&series, part.window?)).next();
            let fields = self.plan.types.records.get(&point).map_or(&[][..], |record| &record.fields);
            let counts = |ty: &Ty| matches!(ty, Ty::Int | Ty::Double | Ty::Money | Ty::Duration);
            let is_number = |ty: &Ty| counts(ty) || matches!(ty, Ty::Optional(inner) if counts(inner));
            if let Some(after) = behind.filter(|_| fields.iter().any(|field| field.name == name && is_number(&field.ty))) {
                let after = duration_text(after);
                let message = format!("points of `{series}` are merged after {after}, and their numbers (`{name}`) with them");
                let diagnostic = Diagnostic::new(&meaning::MERGED, value.span, message).label("is a number");
                self.report(diagnostic.help(format!("name a field that is no number, or look back {after} at most")));
            }
        }
    }
}
