//! What a reload would change: parts of the plan by name, and for each run that is not finished what it would mean. It changes nothing.

use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_engine::engine::Engine;
use tradewind_engine::migrate::Leads;
use tradewind_engine::pinned::Pinned;
use tradewind_engine::ports::StoreError;
use tradewind_engine::summary::{RunStatus, RunSummary};
use tradewind_lang::plan::{Plan, StepKind};

/// The difference as JSON; `active` is none where nothing was ever adopted.
pub(crate) async fn of(engine: &Engine, active: Option<Arc<Plan>>, next: Arc<Plan>) -> Result<Json, StoreError> {
    let before = active.as_ref().map(|plan| parts(plan)).unwrap_or_default();
    let after = parts(&next);
    let mut changes = Vec::new();
    for section in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        let empty = Map::new();
        let (old, new) = (before.get(section).unwrap_or(&empty), after.get(section).unwrap_or(&empty));
        for name in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
            let what = match (old.get(name), new.get(name)) {
                (None, _) => "added",
                (_, None) => "removed",
                (old, new) if old == new => continue,
                _ => "changed",
            };
            changes.push(json!({ "section": section, "name": name, "change": what }));
        }
    }
    let pinned = Arc::new(Pinned::new(next.clone()));
    let mut runs = Vec::new();
    let is_same = active.as_ref().is_some_and(|active| active.digest() == next.digest());
    for run in engine.live().await?.iter().filter(|_| !is_same) {
        runs.push(json!({
            "id": &*run.id, "flow": &*run.flow, "key": &*run.key, "status": run.status.as_str(), "plan": run.plan.to_string(),
            "verdict": verdict(engine, run, active.as_deref(), &pinned).await?,
        }));
    }
    Ok(json!({
        "version": 1,
        "active": active.map(|plan| plan.digest().to_string()),
        "next": next.digest().to_string(),
        "same": is_same,
        "changes": changes,
        "runs": runs,
        "rollouts": crate::lacking::unwatched(&next),
    }))
}

/// A plan as sections of named parts; what has no names of its own is one part.
fn parts(plan: &Plan) -> std::collections::BTreeMap<String, Map<String, Json>> {
    let Ok(Json::Object(sections)) = serde_json::to_value(plan) else { return std::collections::BTreeMap::new() };
    let mut found = std::collections::BTreeMap::new();
    for (section, part) in sections {
        let named = match part {
            Json::Object(mut named) => {
                // Settings are what people change of a project.
                if section == "project"
                    && let Some(Json::Object(settings)) = named.remove("settings")
                {
                    found.insert("settings".to_owned(), settings);
                }
                named
            }
            one => Map::from_iter([("plan".to_owned(), one)]),
        };
        found.insert(section, named);
    }
    // Types and enums stand in two maps of one section.
    if let Some(types) = found.remove("types") {
        for (kind, part) in types {
            let named = match part {
                Json::Object(named) => named,
                one => Map::from_iter([(kind.clone(), one)]),
            };
            found.insert(kind, named);
        }
    }
    found
}

/// What a reload would mean for a run.
async fn verdict(engine: &Engine, run: &RunSummary, active: Option<&Plan>, pinned: &Arc<Pinned>) -> Result<Vec<String>, StoreError> {
    let next = &*pinned.plan;
    let mut verdict = match engine.lead(&run.id, pinned.clone()).await? {
        Leads::Over(_) => return Ok(vec![format!("goes on by plan {}, as a migration says", pinned.digest.short())]),
        Leads::Nowhere => vec![format!("keeps the steps, types and prompts of plan {}", run.plan.short())],
        Leads::Later(why) => vec![format!("keeps plan {} for now, as {why}; a migration may lead it over when it waits", run.plan.short())],
        Leads::Not(why) => {
            let why = why.into_iter().map(|why| format!("is not led over: {why}"));
            std::iter::once(format!("keeps the steps, types and prompts of plan {}", run.plan.short())).chain(why).collect()
        }
    };
    if !next.flows.contains_key(&*run.flow) {
        verdict.push("its flow ends with it: no new run of it begins".to_owned());
    }
    let same_policies = active.is_some_and(|active| active.policy_digest() == next.policy_digest());
    if !same_policies && run.status == RunStatus::Waiting {
        verdict.push("a yes to what it asks is judged again by the new policies, which may ask again or deny".to_owned());
    }
    let (Some(pinned), Some(details)) = (engine.plan_of(&run.id).await?, engine.run(&run.id).await?) else { return Ok(verdict) };
    let Some(flow) = pinned.plan.flows.get(&*run.flow) else { return Ok(verdict) };
    for (step, details) in flow.steps.iter().zip(&details.steps) {
        let StepKind::Act { operation, evidence, .. } = &step.kind else { continue };
        if matches!(details.status, "done" | "skipped" | "denied" | "failed" | "open") {
            continue;
        }
        for policy in next.policies.values().filter(|policy| policy.on.contains(operation)) {
            let given = |name: &str| evidence.iter().any(|(given, _)| given == name);
            for need in policy.needs.iter().filter(|need| need.default.is_none() && !given(&need.name)) {
                verdict.push(format!(
                    "`{}` gives no `{}`, which policy `{}` needs: rules that look at it ask a person or deny",
                    step.name, need.name, policy.name
                ));
            }
        }
        if !next.operations.contains_key(operation) {
            verdict.push(format!("`{}` still calls `{operation}`, which the new plan has no more", step.name));
        }
    }
    Ok(verdict)
}
