//! The desk's answer to what is taken of each budget.

use super::{Desk, Problem};
use serde_json::{Value as Json, json};
use tradewind_engine::engine::BudgetState;
use tradewind_lang::literal::duration_text;
use tradewind_lang::money::Money;
use tradewind_lang::plan::BudgetPer;

impl Desk {
    pub(super) async fn budgets(&self) -> Result<Json, Problem> {
        let budgets: Vec<Json> = self.engine.budgets().await?.iter().map(as_json).collect();
        Ok(json!({ "version": 1, "budgets": budgets }))
    }
}

fn as_json(state: &BudgetState) -> Json {
    let most = state.budget.most;
    let per = match state.budget.per {
        BudgetPer::Task => "task".to_owned(),
        BudgetPer::Run => "run".to_owned(),
        BudgetPer::Day => "day".to_owned(),
        BudgetPer::Rolling(length) => duration_text(length),
    };
    let apart = matches!(state.budget.per, BudgetPer::Run);
    let left = |taken: Money| most.minus(taken).map(|left| left.to_string());
    let mut taken: Vec<Json> = Vec::new();
    for (by, money) in &state.taken {
        taken.push(json!({ "run": apart.then(|| by.to_string()), "taken": money.to_string(), "left": left(*money) }));
    }
    // What nobody has used yet is whole; of a budget for each run there is one for each of them.
    if taken.is_empty() && matches!(state.budget.per, BudgetPer::Day | BudgetPer::Rolling(_)) {
        let nothing = Money::zero(most.currency);
        taken.push(json!({ "run": null, "taken": nothing.to_string(), "left": left(nothing) }));
    }
    json!({ "of": state.of, "most": most.to_string(), "per": per, "taken": taken })
}
