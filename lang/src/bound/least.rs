//! What a run's models cost at the very least, in the currency of the flow's cap: what no run can do without. It is compared with
//! the cap as the engine does: a call whose reservation is above what is left is not made.

use super::price::least;
use super::size;
use super::spend::Spend;
use crate::money::{Currency, Money};
use crate::plan::{Decision, Flow, Plan, Rung, Step, StepKind, Talk};
use rust_decimal::Decimal;

/// The least that one step asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Least {
    /// The step, by its place.
    pub(crate) at: usize,
    /// The cheapest model that could answer.
    pub(crate) model: String,
    /// What is reserved for one call of it.
    pub(crate) cost: Spend,
    /// The same in the currency of the cap; `None` where nothing says what one is worth in the other.
    pub(crate) worth: Option<Money>,
    /// Whether every run takes the step.
    pub(crate) always: bool,
}

/// The least of every step that cannot do without a model that has a price.
pub(crate) fn of(plan: &Plan, flow: &Flow, currency: Currency) -> Vec<Least> {
    let steps = flow.steps.iter().enumerate();
    steps
        .filter_map(|(at, step)| {
            Some(Least { at, always: step.within.is_none() && step.when.is_none(), ..step_least(plan, step, currency)? })
        })
        .collect()
}

fn step_least(plan: &Plan, step: &Step, currency: Currency) -> Option<Least> {
    match &step.kind {
        StepKind::Classify { route, .. } | StepKind::Draft { route, .. } => ladder(plan, route, 0, currency),
        StepKind::Look(look) => ladder(plan, &look.route, 0, currency),
        StepKind::Generate(generate) => ladder(plan, &generate.route, always_said(&generate.talk), currency),
        StepKind::Agent(acting) => ladder(plan, &acting.route, always_said(&acting.talk), currency),
        StepKind::Split(split) => {
            let arms = split.arms.iter().map(|(_, decision)| match decision {
                Decision::Rules { .. } => None,
                Decision::Draft(generate) => ladder(plan, &generate.route, always_said(&generate.talk), currency),
                Decision::Classify { route, .. } => ladder(plan, route, 0, currency),
            });
            // An arm that costs nothing makes the step cost nothing.
            let arms: Option<Vec<Least>> = arms.collect();
            arms?.into_iter().reduce(cheaper)
        }
        _ => None,
    }
}

/// The cheapest rung of a ladder; `None` where one answers for nothing.
fn ladder(plan: &Plan, route: &str, always: u64, currency: Currency) -> Option<Least> {
    let route = plan.routes.get(route)?;
    let mut found: Option<Least> = None;
    for rung in &route.rungs {
        match rung {
            Rung::Candidate { model } => {
                let cost = least(plan.models.get(model)?, always, route.needs == "image");
                if cost.is_nothing() {
                    return None;
                }
                let worth = worth(plan, &cost, currency);
                let one = Least { at: 0, model: model.clone(), cost, worth, always: false };
                found = Some(match found {
                    None => one,
                    Some(other) => cheaper(other, one),
                });
            }
            Rung::Template { .. } | Rung::Value { .. } | Rung::Cached { .. } | Rung::Person { .. } => return None,
            Rung::Fail { .. } => {}
        }
    }
    found
}

fn cheaper(one: Least, other: Least) -> Least {
    match (one.worth.map(|worth| worth.amount), other.worth.map(|worth| worth.amount)) {
        (Some(left), Some(right)) if right < left => other,
        (None, Some(_)) => other,
        _ => one,
    }
}

/// What amounts are worth in one currency, by the project's own rates.
fn worth(plan: &Plan, spend: &Spend, currency: Currency) -> Option<Money> {
    spend.amounts().try_fold(Money::zero(currency), |sum, amount| sum.plus(exchanged(plan, amount, currency)?))
}

fn exchanged(plan: &Plan, money: Money, currency: Currency) -> Option<Money> {
    if money.currency == currency {
        return Some(money);
    }
    let rate = plan.project.exchanges.iter().find_map(|(from, to)| match (from.currency, to.currency) {
        pair if pair == (money.currency, currency) => to.amount.checked_div(from.amount),
        pair if pair == (currency, money.currency) => from.amount.checked_div(to.amount),
        _ => None,
    });
    let amount: Decimal = money.amount.checked_mul(rate?)?;
    Some(Money { amount, currency })
}

/// The text that is said whatever is filled in.
fn always_said(talk: &Talk) -> u64 {
    let pairs = talk.examples.iter().flat_map(|(said, answered)| [said, answered]);
    talk.prompt.iter().chain(&talk.system).chain(&talk.user).chain(pairs).map(size::least_of_template).sum()
}
