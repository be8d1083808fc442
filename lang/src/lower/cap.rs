//! What makes a limit a cap: it bounds what one whose text decides could do, however often he writes. A limit that is none may still
//! hold something, and is no mistake: `hollow` says which hold nothing at all.

use super::context::Context;
use crate::expr::Tree;
use crate::money::Money;
use crate::plan::{Limit, Measure, MoneyDirection, Operation, Policy, Window};
use crate::value::Value;
use std::collections::BTreeSet;

/// A rolling window that is shorter only slows down what goes on and on: nobody looks so soon.
const SHORTEST: i64 = 3_600_000_000;

/// The first name of a path, and the second.
fn begins(path: &str) -> (&str, &str) {
    let mut parts = path.split('.');
    (parts.next().unwrap_or(""), parts.next().unwrap_or(""))
}

/// Whether a tree is true whatever happens.
fn always(tree: &Tree) -> bool {
    matches!(tree, Tree::Constant(Value::Bool(true)))
}

impl Context<'_> {
    /// Why a limit is no cap of an operation; `None` where it is one. `chosen`: the parameters that outside text chose, and evidence as `evidence.NAME`.
    pub(crate) fn no_cap(&self, limit: &Limit, policy: &Policy, operation: &Operation, chosen: &BTreeSet<String>) -> Option<String> {
        if limit.condition.as_ref().is_some_and(|condition| !always(&condition.root)) {
            return Some("its `where` counts only some".to_owned());
        }
        if matches!(limit.window, Some(Window::Rolling(length)) if length < SHORTEST) {
            return Some("it begins anew within the hour".to_owned());
        }
        if let Some(path) = limit.max.root.paths().into_iter().find(|path| begins(path).0 != "settings") {
            return Some(format!("its bound follows `{path}`, so that it is not the same for all"));
        }
        if !measures_stake(&limit.measure, operation) {
            return Some(match &operation.money {
                Some(_) => "what it sums is not the money that moves".to_owned(),
                None => "what it sums may be nothing: `count` says how often".to_owned(),
            });
        }
        self.told_apart(limit, policy, operation, chosen)
    }

    /// Why what a limit counts by leaves it without bound.
    fn told_apart(&self, limit: &Limit, policy: &Policy, operation: &Operation, chosen: &BTreeSet<String>) -> Option<String> {
        let paths = limit.by.as_ref().map(|by| by.root.paths())?;
        let apart = |path: &str, why: &str| Some(format!("it counts apart for each `{path}`, {why}"));
        for path in &paths {
            match begins(path) {
                ("settings" | "before", _) | ("action", "operation" | "flow" | "step") | ("run", "flow") => {}
                ("evidence", name) => {
                    if policy.needs.iter().find(|need| need.name == name).is_none_or(|need| need.untrusted) {
                        return apart(path, "which outside text may say");
                    }
                    if chosen.iter().any(|of| of.strip_prefix("evidence.") == Some(name)) {
                        return apart(path, "which outside text chose");
                    }
                }
                ("effect", name) if chosen.contains(name) => return apart(path, "which outside text chose"),
                ("effect", name) => {
                    let choosing = self.choosing.get(&operation.name).is_some_and(|choosing| choosing.iter().any(|of| of == name));
                    let marked = operation.request.iter().find(|field| field.name == name).is_none_or(|field| field.marks.untrusted);
                    if marked && !choosing {
                        return apart(path, "which outside text may say");
                    }
                }
                _ => return apart(path, "and each is another one"),
            }
        }
        let unique: BTreeSet<String> = operation.unique.iter().flat_map(|part| part.root.renamed("request", "effect").paths()).collect();
        let once = !unique.is_empty() && unique.iter().all(|path| paths.contains(path));
        if once { apart(paths.first().map_or("", String::as_str), "which happens once anyway") } else { None }
    }

    /// The limits that cover an operation of a flow, each with why it is no cap; none of them where one is.
    pub(crate) fn loose_limits(&self, operation: &Operation, flow: &str, chosen: &BTreeSet<String>) -> Option<Vec<String>> {
        let covering = self.plan.policies.values().filter(|policy| policy.covers(&operation.name, flow));
        let limits = covering.flat_map(|policy| policy.limits.iter().map(move |limit| (policy, limit)));
        let mut loose = Vec::new();
        for (policy, limit) in limits {
            let why = self.no_cap(limit, policy, operation, chosen)?;
            loose.push(format!("`limit {}` of the policy `{}` is no cap: {why}", limit.name, policy.name));
        }
        Some(loose)
    }
}

/// Whether what a limit measures is what the operation puts at stake: the money that it moves, or that it happens.
fn measures_stake(measure: &Measure, operation: &Operation) -> bool {
    let Measure::Sum(sum) = measure else { return true };
    let Some(money) = operation.money.as_ref().filter(|money| money.direction != MoneyDirection::Price) else {
        return positive(&sum.root);
    };
    let moved = money.value.root.renamed("request", "effect");
    let whole = |tree: &Tree| *tree == moved || tree.describe() == "action.money";
    match &sum.root {
        Tree::Default(of, _) => whole(of),
        other => whole(other),
    }
}

/// Whether a tree is a constant above nothing.
fn positive(tree: &Tree) -> bool {
    match tree {
        Tree::Constant(Value::Int(number)) => *number > 0,
        Tree::Constant(Value::Double(number)) => *number > 0.0,
        Tree::Constant(Value::Money(money)) => money.amount > Money::zero(money.currency).amount,
        _ => false,
    }
}
