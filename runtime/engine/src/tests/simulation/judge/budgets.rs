//! Budgets: what is spent, and reserved for what is under way or was when a process died, fits into each of them: of a task, a run, a flow,
//! a calendar day of the project's zone, whichever run of the store asks, and the last hours. Counted again from the questions and their
//! answers; and what the engine says is taken of each is what was taken (I13).

use super::Judge;
use super::talk::{Asked, Talks};
use crate::engine::BudgetState;
use crate::guard::{Claim, Span};
use crate::question::Question;
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Budget, BudgetPer, Plan};

/// The zone of the project.
const ZONE: &str = "America/Chicago";
/// The flow of the one agent with a budget of its own.
const CLERK: &str = "agent:clerk";

/// The calendar day of an instant, from 1970-01-01.
fn day(at: i64) -> i64 {
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap();
    let date = jiff::Timestamp::from_microsecond(at).unwrap().to_zoned(zone).date();
    i64::from((date - jiff::civil::date(1970, 1, 1)).get_days())
}

/// The span that a question has to take of a budget.
fn span(per: &BudgetPer, at: i64) -> Span {
    match per {
        BudgetPer::Day => Span::Day(day(at)),
        BudgetPer::Rolling(length) => Span::Rolling(*length),
        BudgetPer::Run | BudgetPer::Task => Span::Always,
    }
}

/// Whether a question counts of a budget at an instant, beside another one that is put then.
fn counts(per: &BudgetPer, asked: &Asked, (whole, at): (&Arc<str>, i64)) -> bool {
    match per {
        BudgetPer::Run => asked.whole == *whole,
        BudgetPer::Day => day(asked.at) == day(at),
        BudgetPer::Rolling(length) => asked.at > at - length,
        BudgetPer::Task => false,
    }
}

/// What a question may cost fits into every budget that it is under, with all that was asked before.
pub(super) fn spends(talks: &mut Talks, plan: &Plan, (flow, whole): (&str, &Arc<str>), (at, question): (i64, &Question)) {
    let Some(reserved) = question.reserved else {
        return talks.wrong.push(("I13", format!("{} reserves nothing", question.key)));
    };
    if let Some(most) = plan.flows.get(flow).and_then(|flow| flow.cost_cap) {
        talks.fits(&format!("the cap of `{flow}`"), most, reserved, |asked| asked.whole == *whole);
    }
    let route = &question.route;
    for budget in plan.routes.get(&**route).map_or(&[][..], |route| &route.terms.budgets) {
        let of = format!("route `{route}`");
        if budget.per == BudgetPer::Task {
            let task = (whole, question.purpose, question.since);
            let of_task = |asked: &Asked| (&asked.whole, asked.question.purpose, asked.question.since) == task;
            talks.fits(&of, budget.most, reserved, |asked| asked.question.route == *route && of_task(asked));
            continue;
        }
        takes(talks, &of, budget, (at, question));
        talks.fits(&of, budget.most, reserved, |asked| asked.question.route == *route && counts(&budget.per, asked, (whole, at)));
    }
    if let Some(budget) = plan.agents.get("clerk").and_then(|agent| agent.budget.as_ref()).filter(|_| flow == CLERK) {
        takes(talks, "agent `clerk`", budget, (at, question));
        talks.fits("agent `clerk`", budget.most, reserved, |asked| &*asked.flow == CLERK && counts(&budget.per, asked, (whole, at)));
    }
}

/// A question takes of a budget in the span in which it is put.
fn takes(talks: &mut Talks, of: &str, budget: &Budget, (at, question): (i64, &Question)) {
    let wanted = span(&budget.per, at);
    let is_of = |name: &str| name.starts_with(&format!("budget of {of} per "));
    let found = question.claims.iter().any(|claim| matches!(claim, Claim::Limit { rule, span, .. } if is_of(rule) && *span == wanted));
    if !found {
        let what = format!("{} takes nothing of the budget of {of} in {wanted:?}: {:?}", question.key, question.claims);
        talks.wrong.push(("I13", what));
    }
}

impl Talks {
    fn fits(&mut self, what: &str, most: Money, reserved: Money, of: impl Fn(&Asked) -> bool) {
        let sum = self.sum(of).map_or(reserved, |sum| sum.plus(reserved).unwrap());
        if sum.amount > most.amount {
            self.wrong.push(("I13", format!("{sum} is above what {what} may cost, {most}")));
        }
    }

    /// What counts of some questions; none where nothing does.
    fn sum(&self, of: impl Fn(&Asked) -> bool) -> Option<Money> {
        let counted = self.asked.values().filter(|asked| of(asked)).filter_map(Asked::counts).filter(|money| !money.amount.is_zero());
        counted.reduce(|sum, more| sum.plus(more).unwrap())
    }
}

impl Judge {
    /// The engine is up and quiet, and says what is taken of each budget by now.
    pub(in super::super) fn budgets(&mut self, told: &[BudgetState], now: i64) {
        let mut wrong = Vec::new();
        for BudgetState { of, budget, taken } in told {
            let name = of.split('`').nth(1).unwrap_or_default();
            let is_of = |asked: &Asked| match of.split(' ').next() {
                Some("route") => *asked.question.route == *name,
                Some("agent") => &*asked.flow == CLERK,
                _ => *asked.flow == *name,
            };
            let all = self.talks.asked.values().filter(|asked| is_of(asked));
            let newest = all.clone().map(|asked| asked.at).max().unwrap_or(now).max(now);
            let taken: BTreeMap<&str, Money> =
                taken.iter().filter(|(_, money)| !money.amount.is_zero()).map(|(by, money)| (&**by, *money)).collect();
            match budget.per {
                BudgetPer::Task => {}
                BudgetPer::Run => {
                    let open = all.filter(|asked| self.runs.get(&asked.whole).is_some_and(|run| run.ended.is_none()));
                    let runs: std::collections::BTreeSet<&Arc<str>> = open.map(|asked| &asked.whole).collect();
                    let sums = runs.iter().filter_map(|run| Some((&***run, self.talks.sum(|asked| is_of(asked) && asked.whole == **run)?)));
                    let sums: BTreeMap<&str, Money> = sums.collect();
                    wrong.extend((sums != taken).then(|| format!("{taken:?} of {of} per run, and it is {sums:?}")));
                }
                BudgetPer::Day => {
                    let sum = self.talks.sum(|asked| is_of(asked) && day(asked.at) == day(newest));
                    let own = taken.get("").copied();
                    wrong.extend((own != sum).then(|| format!("{own:?} of {of} per day, and it is {sum:?}")));
                }
                BudgetPer::Rolling(length) => {
                    // What is settled counts from then on, so that it is never counted for too short a time.
                    let least = self.talks.sum(|asked| is_of(asked) && asked.at > newest - length);
                    let most = self.talks.sum(|asked| is_of(asked) && asked.counted_at() > now - length);
                    let amount = |money: Option<Money>| money.map(|money| money.amount).unwrap_or_default();
                    let own = amount(taken.get("").copied());
                    let is_within = amount(least) <= own && own <= amount(most);
                    wrong.extend((!is_within).then(|| format!("{own} of {of}, and it is {least:?} to {most:?}")));
                }
            }
        }
        wrong.into_iter().for_each(|what| self.violated("I13", format!("the engine says that it has taken {what}")));
    }
}
