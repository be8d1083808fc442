//! Limits that look like a bound and are none: those that can never be reached, that move with what they bound, or that count nothing;
//! and those under which nothing passes. What makes a limit a cap of outside text is in `cap`.

use super::context::Context;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Operation as Arithmetic, Tree};
use crate::plan::{Limit, LimitElse, Measure, MoneyDirection, Need};
use crate::shape::Shaped;
use crate::value::{Record, Value};
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// Effects in one window of a limit that nobody comes to.
const MOST_EFFECTS: i64 = 1_000_000;

/// An amount in one window, in whole units of any currency, that nobody comes to.
const MOST_MONEY: i64 = 10_000_000_000;

/// Another number in one window that nobody comes to.
const MOST_NUMBER: f64 = 1e12;

impl Context<'_> {
    /// Reports a limit that bounds nothing, and one that lets nothing pass. `on`: the operations that it covers.
    pub(crate) fn check_hollow(&mut self, node: &Node, limit: &Limit, on: &[String]) {
        let bound = if limit.measure == Measure::Count { "count" } else { "max" };
        let max = self.settled(&limit.max);
        if max.as_ref().is_some_and(is_never_reached) {
            let why = "its bound is more than anybody comes to";
            return self.report_hollow(node, bound, why, "write a bound that somebody could come to");
        }
        if max.as_ref().is_some_and(|max| is_nothing(max) || is_below(max)) {
            return self.check_closed(node, limit, bound);
        }
        if let Measure::Sum(sum) = &limit.measure
            && self.sums_below(&sum.root, on)
        {
            return self.check_closed(node, limit, "sum");
        }
        if let Measure::Sum(sum) = &limit.measure
            && sums_nothing(&sum.root)
        {
            let why = format!("`{}` is nothing, whatever the effect is", sum.source);
            return self.report_hollow(node, "sum", &why, "sum what is at stake, such as `=effect.amount`, or write `count`");
        }
        let moves = |path: &String| path.starts_with("effect.") || path == "effect" || path == "action.money";
        if let Some(path) = limit.max.root.paths().into_iter().find(moves) {
            let why = format!("its bound follows `{path}` of the very effect that it bounds");
            return self.report_hollow(node, bound, &why, "take the bound from a constant, a setting or trusted evidence");
        }
        let Some(by) = limit.by.as_ref().map(|by| by.root.paths()) else { return };
        if by.iter().any(|path| path == "run.now" || path == "run") {
            return self.report_hollow(node, "by", "each instant counts apart", "count by whom it concerns, or leave `by` out");
        }
        if limit.measure == Measure::Count && self.happens_once(on, &by) {
            let why = "each of what it counts by happens once anyway";
            self.report_hollow(node, "by", why, "leave `by` out, or count by something that several effects share");
        }
    }

    /// Whether what a limit counts by holds the whole business key of every operation.
    fn happens_once(&self, on: &[String], by: &[String]) -> bool {
        let mut operations = on.iter().filter_map(|name| self.plan.operations.get(name)).peekable();
        let some = operations.peek().is_some();
        some && operations.all(|operation| {
            let key: BTreeSet<String> = operation.unique.iter().flat_map(|part| part.root.renamed("request", "effect").paths()).collect();
            !key.is_empty() && key.iter().all(|path| by.contains(path))
        })
    }

    fn report_hollow(&mut self, node: &Node, setting: &str, why: &str, help: &str) {
        let span = node.setting(setting).map_or(node.name.span, |value| value.span);
        let name = node.argument(0).and_then(|name| name.text()).unwrap_or_default();
        let message = format!("`limit {name}` holds nothing: {why}");
        self.report(Diagnostic::new(&meaning::HOLLOW_LIMIT, span, message).label("no bound").help(help));
    }

    /// A limit under which nothing passes. One with a `where` is a denial of some, and one that asks is an escalation.
    fn check_closed(&mut self, node: &Node, limit: &Limit, bound: &str) {
        if limit.condition.is_some() || limit.otherwise != LimitElse::Deny {
            return;
        }
        let span = node.setting(bound).map_or(node.name.span, |value| value.span);
        let message = format!("`limit {}` lets nothing pass", limit.name);
        let diagnostic = Diagnostic::new(&meaning::CLOSED_LIMIT, span, message).label("nothing is left");
        self.report(diagnostic.help(match bound {
            "sum" => "sum what is at stake, such as `=effect.amount`: an effect of which less than nothing would be counted is denied",
            _ => "write a bound above nothing, or a `deny` whose `when` is `true` if it is meant to be off",
        }));
    }

    /// Whether a sum is below nothing whatever the effect is: a constant that is, or what moves with its sign turned.
    fn sums_below(&self, sum: &Tree, on: &[String]) -> bool {
        let is_moved = |tree: &Tree| {
            let tree = if let Tree::Default(of, _) = tree { of } else { tree };
            let mut moves = on.iter().map(|name| {
                let money = self.plan.operations.get(name).and_then(|operation| operation.money.as_ref());
                money.filter(|money| money.direction != MoneyDirection::Price).map(|money| money.value.root.renamed("request", "effect"))
            });
            !on.is_empty() && moves.all(|moved| moved.is_some_and(|moved| *tree == moved || tree.describe() == "action.money"))
        };
        match sum {
            Tree::Constant(value) => is_below(value),
            Tree::Widen(of) => self.sums_below(of, on),
            Tree::Negate(of) => is_moved(of),
            Tree::Arithmetic(Arithmetic::Subtract, left, right) => {
                matches!(left.as_ref(), Tree::Constant(value) if is_nothing(value)) && is_moved(right)
            }
            _ => false,
        }
    }

    /// The value of an expression over constants and settings.
    fn settled(&self, expr: &Expr) -> Option<Value> {
        if let Tree::Constant(value) = &expr.root {
            return Some(value.clone());
        }
        if expr.root.paths().iter().any(|path| path.split('.').next() != Some("settings")) {
            return None;
        }
        let settings = self.plan.project.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let mut scope = Record::default();
        scope.set("settings", Value::record(settings));
        expr.evaluate(&scope).ok()
    }

    /// What bounds an effect must not come from outside: evidence marked so, or words of the effect itself, cannot say what a limit sums,
    /// what it counts by, or how much it allows.
    pub(crate) fn check_limit_sources(&mut self, node: &Node, limit: &Limit, on: &[String], needs: &[Need]) {
        let bound = if limit.measure == Measure::Count { "count" } else { "max" };
        let sum = if let Measure::Sum(sum) = &limit.measure { Some(sum) } else { None };
        for (name, expr) in [("sum", sum), (bound, Some(&limit.max)), ("by", limit.by.as_ref())] {
            let Some((expr, value)) = expr.zip(node.setting(name).cloned()) else { continue };
            let said = |path: &&String| match path.split_once('.') {
                Some(("evidence", of)) => needs.iter().any(|need| need.untrusted && of.split('.').next() == Some(&need.name)),
                Some(("effect", of)) => name == "by" && self.is_said(on, of.split('.').next().unwrap_or(of)),
                _ => false,
            };
            let paths = expr.root.paths();
            let Some(path) = paths.iter().find(said) else { continue };
            let message = format!("text from outside (`{path}`) chooses `{name}` of a limit");
            let diagnostic = Diagnostic::new(&meaning::TAINTED, value.span, message).label("moves its own bound");
            self.report(diagnostic.help("take it from a trusted record or a setting"));
        }
    }

    /// Whether a parameter holds words from outside. Personal ones are reported where they would be seen.
    fn is_said(&self, on: &[String], name: &str) -> bool {
        on.iter().filter_map(|operation| self.plan.operations.get(operation)).any(|operation| {
            let chooses = self.choosing.get(&operation.name).is_some_and(|choosing| choosing.iter().any(|of| of == name));
            let marks = operation.request.iter().find(|field| field.name == name).map(|field| field.marks);
            !chooses && marks.is_some_and(|marks| marks.untrusted && !marks.pii)
        })
    }
}

/// Whether a bound is never reached.
fn is_never_reached(max: &Value) -> bool {
    match max {
        Value::Int(number) => *number > MOST_EFFECTS,
        Value::Double(number) => *number > MOST_NUMBER,
        Value::Money(money) => money.amount > Decimal::from(MOST_MONEY),
        _ => false,
    }
}

fn is_nothing(max: &Value) -> bool {
    match max {
        Value::Int(number) => *number == 0,
        Value::Double(number) => *number == 0.0,
        Value::Money(money) => money.amount.is_zero(),
        _ => false,
    }
}

fn is_below(max: &Value) -> bool {
    match max {
        Value::Int(number) => *number < 0,
        Value::Double(number) => *number < 0.0,
        Value::Money(money) => money.amount.is_sign_negative() && !money.amount.is_zero(),
        _ => false,
    }
}

/// Whether a sum is of nothing: a constant that is, or something times one.
pub(super) fn sums_nothing(sum: &Tree) -> bool {
    match sum {
        Tree::Constant(value) => is_nothing(value),
        Tree::Widen(of) => sums_nothing(of),
        Tree::Arithmetic(Arithmetic::Multiply, left, right) => sums_nothing(left) || sums_nothing(right),
        Tree::Arithmetic(Arithmetic::Divide, left, _) => sums_nothing(left),
        Tree::Arithmetic(Arithmetic::Subtract, left, right) => left == right,
        _ => false,
    }
}
