//! The desk's answer to what is taken of each budget.

use super::{Desk, Problem};
use serde_json::{Value as Json, json};
use tradewind_engine::drift::Counted;
use tradewind_engine::engine::BudgetState;
use tradewind_lang::literal::duration_text;
use tradewind_lang::money::Money;
use tradewind_lang::plan::BudgetPer;

impl Desk {
    pub(super) async fn budgets(&self) -> Result<Json, Problem> {
        let budgets: Vec<Json> = self.engine.budgets().await?.iter().map(as_json).collect();
        let counted = self.engine.counted().await?;
        let models: Vec<Json> = counted.iter().map(|(name, counted)| counts(name, counted)).collect();
        Ok(json!({ "version": 1, "budgets": budgets, "models": models }))
    }
}

/// What a model counted, and in words where that leaves what was declared of it.
fn counts(name: &str, of: &Counted) -> Json {
    let share = |count: u64| format!("{count} of {} answers", of.answers);
    let mut drift = Vec::new();
    if of.beyond > 0 {
        drift.push(format!("{} cost more than was reserved: look at its `price`", share(of.beyond)));
    }
    if of.longer > 0 {
        drift.push(format!("{} were longer than its `max-output`", share(of.longer)));
    }
    if of.uncounted > 0 {
        drift.push(format!("{} say no tokens, so that what was reserved for them stays spent", share(of.uncounted)));
    }
    if of.names.len() > 1 {
        let names: Vec<&str> = of.names.iter().map(|name| &**name).collect();
        drift.push(format!("it answered under several names: {}", names.join(", ")));
    }
    json!({
        "model": name,
        "answers": of.answers,
        "input": of.input,
        "cached": of.cached,
        "output": of.output,
        "reasoning": of.reasoning,
        "names": of.names,
        "drift": drift,
    })
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
