//! How much of each budget is taken. It looks and changes nothing.

use super::Engine;
use crate::decide::{cap_of, rule_of};
use crate::drift::Counted;
use crate::guard::{Amount, Span};
use crate::ports::StoreError;
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Budget, BudgetPer};

/// A budget of the active plan, and what is taken of it.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetState {
    /// What it is of: `route `copy``, or an agent.
    pub of: String,
    /// The budget.
    pub budget: Budget,
    /// What is spent or reserved by now: once for all, or for each run that is under way. A budget of a task is held against the log
    /// when its calls are chosen, and nothing is kept of it.
    pub taken: Vec<(Arc<str>, Money)>,
}

impl Engine {
    /// What each model counted since the log began, by its name.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn counted(&self) -> Result<BTreeMap<Arc<str>, Counted>, StoreError> {
        self.ask(|shard| shard.books.counted.clone()).await
    }

    /// Every budget of the active plan: those of routes, then those of agents and memories, then the caps of flows.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn budgets(&self) -> Result<Vec<BudgetState>, StoreError> {
        let now = self.shared.clock.now();
        self.ask(move |shard| {
            let (plan, zone) = (shard.active.plan.clone(), shard.active.zone.clone());
            let routes = plan
                .routes
                .values()
                .flat_map(|route| route.terms.budgets.iter().map(|budget| (format!("route `{}`", route.name), budget.clone())));
            let agents = plan.agents.values().filter_map(|agent| Some((format!("agent `{}`", agent.name), agent.budget.clone()?)));
            let memories = plan
                .memories
                .values()
                .flat_map(|memory| memory.terms.budgets.iter().map(|budget| (format!("memory `{}`", memory.name), budget.clone())));
            let guards = &mut shard.books.guards;
            let mut state = |of: String, rule: String, budget: Budget| {
                let span = match budget.per {
                    BudgetPer::Day => Span::Day(zone.day(now).unwrap_or(i64::MIN)),
                    BudgetPer::Rolling(length) => Span::Rolling(length),
                    BudgetPer::Run | BudgetPer::Task => Span::Always,
                };
                let taken = guards.taken(&rule, span, now).into_iter();
                let money = taken.filter_map(|(by, amount)| if let Amount::Money(money) = amount { Some((by, money)) } else { None });
                BudgetState { of, budget, taken: money.collect() }
            };
            let mut found: Vec<BudgetState> =
                routes.chain(agents).chain(memories).map(|(of, budget)| state(of.clone(), rule_of(&of, &budget), budget)).collect();
            found.extend(plan.flows.values().filter_map(|flow| {
                let budget = Budget { most: flow.cost_cap?, per: BudgetPer::Run };
                Some(state(format!("flow `{}`", flow.name), cap_of(&flow.name), budget))
            }));
            found
        })
        .await
    }
}
