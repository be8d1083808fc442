//! What a flow takes and costs at most beside what it may: its `deadline` and its `cost-cap`. The bounds come from `bound`; a
//! mistake is only what cannot go well, as `docs/decisions/0006-bounds.md` says. A worst case above a cap is drawn, not reported.

use super::context::{Context, name_of};
use super::flow::VERBS;
use crate::ast::Node;
use crate::bound::{Bound, Bounds, Leg, Open, least, length};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::graph::span as written;
use crate::money::Money;
use crate::plan::{Flow, Plan, StepKind};
use crate::shape::Shaped;
use crate::source::Span;

impl Context<'_> {
    /// Compares every flow's bounds with its caps.
    pub(crate) fn check_limits(&mut self, nodes: &[Node]) {
        let mut found = Vec::new();
        let bounds = Bounds::of(&self.plan);
        for node in nodes.iter().filter(|node| node.name.text == "flow") {
            let Some(flow) = name_of(node).and_then(|name| self.plan.flows.get(&name.text)) else { continue };
            let bound = bounds.flow(flow);
            found.extend(deadline(node, flow, &bound));
            found.extend(endless(node, flow, &bound));
            match flow.cost_cap {
                Some(cap) => found.extend(unpaid(&self.plan, node, flow, cap)),
                None => found.extend(uncapped(node, flow, &bound)),
            }
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }
}

/// Where a step of a flow has its name.
pub(crate) fn step_span(node: &Node, step: &str) -> Option<Span> {
    node.children.iter().find_map(|child| {
        let name = name_of(child).filter(|name| VERBS.contains(&child.name.text.as_str()) && name.text == step);
        name.map(|name| name.span).or_else(|| step_span(child, step))
    })
}

pub(crate) fn flow_span(node: &Node) -> Span {
    name_of(node).map_or(node.name.span, |name| name.span)
}

/// The waiting that a flow declares does not fit into its deadline: whoever declared what follows a time-out would never see it.
fn deadline(node: &Node, flow: &Flow, bound: &Bound) -> Option<Diagnostic> {
    let given = flow.deadline.filter(|deadline| bound.time.declared.micros > *deadline)?;
    let place = node.setting("deadline")?.span;
    let waits = length(bound.time.declared.micros);
    let message = format!("`{}` may wait for {waits}, its deadline is {}", flow.name, length(given));
    let mut diagnostic = Diagnostic::new(&meaning::DEADLINE_TOO_SHORT, place, message).label("too short");
    let mut legs: Vec<&Leg> = bound.time.declared.legs.iter().collect();
    while let Some(leg) = legs.pop() {
        match step_span(node, &leg.step) {
            Some(span) if leg.inside.is_empty() => diagnostic = diagnostic.also(span, format!("waits for {}", length(leg.micros))),
            _ => legs.extend(&leg.inside),
        }
    }
    let enough = written(bound.time.declared.micros);
    Some(diagnostic.help(format!("give it more than {waits}, so that calls have time too, or let something wait less")).proposal(
        format!("write `{enough}`"),
        place,
        format!("\"{enough}\""),
    ))
}

/// A wait whose length nothing says, in a flow without a deadline, or after a failure, which no deadline ends.
fn endless(node: &Node, flow: &Flow, bound: &Bound) -> Vec<Diagnostic> {
    let steps = flow.steps.iter().chain(&flow.terms.on_failure);
    // What another flow waits for is said there.
    let own: Vec<&str> = steps.filter(|step| !matches!(step.kind, StepKind::Begin(_))).map(|step| step.name.as_str()).collect();
    let open = bound.time.open.iter().filter(|_| flow.deadline.is_none()).map(|open| (open, "write a `deadline` in the flow, or "));
    let after = bound.time.open_after.iter().map(|open| (open, ""));
    let told = open.chain(after).filter(|(open, _)| own.contains(&open.step.as_str())).map(|(open, help)| {
        let message = format!("`{}` {}, which nothing ends", open.step, open.why);
        let span = step_span(node, &open.step).unwrap_or(flow_span(node));
        let diagnostic = Diagnostic::new(&meaning::WAIT_UNBOUNDED, span, message).label("until when at the latest?");
        diagnostic.help(format!("{help}bound it with `between(x, low, high)`"))
    });
    told.collect()
}

/// Models without a bound in a flow without a cap.
fn uncapped(node: &Node, flow: &Flow, bound: &Bound) -> Option<Diagnostic> {
    // What another flow costs is said there.
    let starts = |name: &str| flow.steps.iter().any(|step| step.name == name && matches!(step.kind, StepKind::Begin(_)));
    let open: Vec<&Open> = bound.cost.open.iter().filter(|open| !starts(&open.step)).collect();
    let first = open.first()?;
    let message = format!("nothing bounds what a run of `{}` costs: `{}` {}", flow.name, first.step, first.why);
    let mut diagnostic = Diagnostic::new(&meaning::COST_UNBOUNDED, flow_span(node), message).label("no `cost-cap`");
    for open in &open {
        if let Some(span) = step_span(node, &open.step) {
            diagnostic = diagnostic.also(span, open.why.clone());
        }
    }
    Some(diagnostic.help("write `cost-cap \"1 USD\"` in the flow, or `max-output` in the model"))
}

/// A cap under which a step, or all that every run needs, can never be paid.
fn unpaid(plan: &Plan, node: &Node, flow: &Flow, cap: Money) -> Vec<Diagnostic> {
    let Some(place) = node.setting("cost-cap").map(|value| value.span) else { return Vec::new() };
    let needs = least::of(plan, flow, cap.currency);
    let above = |worth: Money| worth.amount > cap.amount;
    let mut found = Vec::new();
    for need in &needs {
        let Some(step) = flow.steps.get(need.at) else { continue };
        let (cost, model) = (need.cost.shown(cap.currency), &need.model);
        let message = match need.worth {
            None => format!(
                "`{}` can never be paid: `{model}` costs {cost}, and nothing says what that is in {}",
                step.name,
                cap.currency.as_str()
            ),
            Some(worth) if above(worth) => {
                format!("`{}` can never be paid: `{model}` costs at least {cost}, a run may cost {cap}", step.name)
            }
            Some(_) => continue,
        };
        let mut diagnostic = Diagnostic::new(&meaning::NEVER_PAID, place, message).label("too low");
        if let Some(span) = step_span(node, &step.name) {
            diagnostic = diagnostic.also(span, format!("asks `{model}`"));
        }
        let rate = format!("write an `exchange` in the project, or the cap in the currency of `{model}`");
        let more = "raise the cap, lower the model's `max-output`, or end the ladder with something that costs nothing".to_owned();
        found.push(diagnostic.help(if need.worth.is_none() { rate } else { more }));
    }
    let always = needs.iter().filter(|need| need.always);
    let sum = always.clone().try_fold(Money::zero(cap.currency), |sum, need| sum.plus(need.worth?));
    if let Some(sum) = sum.filter(|sum| found.is_empty() && above(*sum)) {
        let message = format!("every run of `{}` costs at least {sum}, and may cost {cap}", flow.name);
        let diagnostic = Diagnostic::new(&meaning::NEVER_PAID, place, message).label("too low");
        let diagnostic = always.fold(diagnostic, |diagnostic, need| {
            let step = flow.steps.get(need.at).and_then(|step| step_span(node, &step.name));
            let worth = need.worth.map(|worth| worth.to_string()).unwrap_or_default();
            step.map_or(diagnostic.clone(), |span| diagnostic.also(span, format!("at least {worth}")))
        });
        found.push(diagnostic.help("raise the cap, or lower the `max-output` of the models"));
    }
    found
}
