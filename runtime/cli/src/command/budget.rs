//! `budget`: what is spent or reserved of each budget, and what is left; what each model counted, and where that leaves what was declared
//! of it.

use super::runs::text;
use crate::arguments::{Format, Place};
use crate::desk::Request;
use crate::exit::{Exit, Outcome};
use crate::output::{say, tell};
use serde_json::Value as Json;

pub(crate) fn run(place: &Place, format: Format) -> Outcome {
    let answer = super::ask(place, Request::Budgets, false)?;
    if format == Format::Json {
        say!("{answer}");
        return Ok(Exit::Fine);
    }
    let budgets = answer.get("budgets").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for budget in budgets {
        let taken = budget.get("taken").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        say!(
            "{}: {} per {}{}",
            text(budget, "of"),
            text(budget, "most"),
            text(budget, "per"),
            if taken.is_empty() { ", nothing taken" } else { "" }
        );
        for one in taken {
            let run: String = text(one, "run").chars().take(12).collect();
            let run = if run.is_empty() { run } else { format!("run {run}: ") };
            say!("  {run}{} spent or reserved, {} left", text(one, "taken"), text(one, "left"));
        }
    }
    for model in answer.get("models").and_then(Json::as_array).map_or(&[][..], Vec::as_slice) {
        let count = |name: &str| model.get(name).and_then(Json::as_u64).unwrap_or(0);
        say!(
            "model `{}`: {} answers, {} tokens read ({} of them kept), {} written ({} of them thought)",
            text(model, "model"),
            count("answers"),
            count("input"),
            count("cached"),
            count("output"),
            count("reasoning")
        );
        for why in model.get("drift").and_then(Json::as_array).map_or(&[][..], Vec::as_slice) {
            say!("  {}", why.as_str().unwrap_or_default());
        }
    }
    if budgets.is_empty() {
        tell!("no route, agent, memory or flow has a budget");
    }
    Ok(Exit::Fine)
}
