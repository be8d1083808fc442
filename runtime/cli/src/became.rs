//! What became of a step that a person decided: done, denied, failed, or still waiting. It looks, and decides nothing.

use crate::desk::Problem;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};
use tradewind_engine::engine::Engine;
use tradewind_engine::summary::StepDetails;
use tradewind_lang::conform;

/// Status of a step of which nothing more is known yet.
pub(crate) const UNDER_WAY: &str = "under way";
/// Status of a step that waits for another person, or for another decision.
pub(crate) const WAITS: &str = "waits";

/// How long is waited for the step.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(15);

/// What became of a step after an item about it was decided; waits a little while it is under way.
pub(crate) async fn of(engine: &Engine, approval: &str, run: &str, step: &str) -> Result<Json, Problem> {
    let until = Instant::now() + PATIENCE;
    loop {
        let details = engine.run(run).await?;
        let found = details.as_ref().and_then(|details| details.steps.iter().find(|other| &*other.name == step));
        match found {
            Some(step) if step.status == "asked" => return waits(engine, approval, run, &step.name).await,
            Some(step) if !matches!(step.status, "running" | "open" | "waiting") => {
                let mut step = step.clone();
                engine.shown(run).await?.step(&step.name, &mut step.value);
                return Ok(ended(&step));
            }
            _ if Instant::now() >= until => return Ok(json!({ "status": UNDER_WAY })),
            _ => tokio::time::sleep(LOOK).await,
        }
    }
}

fn ended(step: &StepDetails) -> Json {
    let note = step.note.as_deref().unwrap_or_default();
    let value = conform::to_json(&step.value);
    match (step.status, note.split_once(": ")) {
        ("denied", Some((rule, message))) => json!({ "status": "denied", "rule": rule, "message": message }),
        ("done", _) => json!({ "status": "done", "value": value }),
        (status, _) => json!({ "status": status, "message": note }),
    }
}

/// Either others must agree too, or something else is asked by now.
async fn waits(engine: &Engine, approval: &str, run: &str, step: &str) -> Result<Json, Problem> {
    let pending = engine.approvals().await?;
    let same = pending.iter().find(|item| &*item.approval.id == approval);
    let found = same.or_else(|| pending.iter().find(|item| &*item.run == run && &*item.step == step));
    let Some(item) = found else { return Ok(json!({ "status": UNDER_WAY })) };
    let needed = (item.approval.quorum as usize).max(item.approval.to.len());
    let because = item.approval.rules.join(", ");
    Ok(json!({ "status": WAITS, "approval": &*item.approval.id, "agreed": item.agreed.len(), "needed": needed, "because": because }))
}
