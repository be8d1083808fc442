//! What the desk says of the whole engine, and does with it: status, other plans, freezing and thawing.

use super::{Desk, Problem, Whose};
use crate::changes;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::engine::{Adopted, SteerError, SteerRefusal};
use tradewind_engine::frozen::Scope;
use tradewind_engine::migrate::Leads;
use tradewind_lang::code::run;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::Plan;

/// Most runs that `status` names because a migration cannot lead them over.
const MOST_KEPT_BACK: usize = 20;

impl From<Whose> for Scope {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::All => Self::All,
            Whose::Connector(name) => Self::Connector(name.into()),
            Whose::Flow(name) => Self::Flow(name.into()),
        }
    }
}

fn problem(error: SteerError) -> Problem {
    match error {
        SteerError::Refused(refusal) => {
            let (code, help) = match &refusal {
                SteerRefusal::OtherProject => (&run::RESTART_NEEDED, "end the process and start it again"),
                SteerRefusal::UnknownPlan(_) => {
                    (&run::UNKNOWN_PLAN, "`tradewind log` names every plan that was adopted; six digits at least")
                }
                SteerRefusal::UnknownScope(_) => (&run::NOT_FROZEN, "`tradewind plan` and `tradewind graph` know flows and connectors"),
                SteerRefusal::NotFrozen(_) => (&run::NOT_FROZEN, "`tradewind status` says what is frozen"),
                SteerRefusal::NobodyMayHold | SteerRefusal::MayNotHold(_) => {
                    (&run::MAY_NOT_HOLD, "the project's `legal-hold` names the teams that set and lift holds")
                }
                SteerRefusal::BeingForgotten | SteerRefusal::NotHeld => (&run::NOTHING_HELD, "`tradewind memory holds` lists who is held"),
            };
            Problem::new(code, refusal.to_string()).help(help)
        }
        SteerError::Store(error) => Problem::from(error),
        SteerError::Stopped => Problem::broken("the process that holds the store is ending".to_owned()).help("run the same command again"),
    }
}

impl Desk {
    pub(super) async fn freeze(&self, whose: Whose, by: &str, reason: &str) -> Result<Json, Problem> {
        let is_new = self.engine.freeze(whose.into(), by, reason).await.map_err(problem)?;
        Ok(json!({ "version": 1, "new": is_new, "frozen": self.frozen().await? }))
    }

    pub(super) async fn thaw(&self, whose: Whose, by: &str, reason: &str) -> Result<Json, Problem> {
        self.engine.thaw(whose.into(), by, reason).await.map_err(problem)?;
        Ok(json!({ "version": 1, "frozen": self.frozen().await? }))
    }

    pub(super) async fn roll_back(&self, to: Option<&str>, by: &str) -> Result<Json, Problem> {
        let to = to.filter(|to| *to != "previous");
        let Adopted { digest, before, .. } =
            self.engine.roll_back(to, by).await.map_err(problem)?.ok_or_else(|| Problem::broken("nothing was adopted".to_owned()))?;
        if let Some(host) = &self.host {
            host.went_back(digest);
        }
        let held = self.engine.held().await?;
        Ok(json!({
            "version": 1, "active": digest.to_string(), "before": before.to_string(), "held": held.map(|held| held.to_string())
        }))
    }

    async fn frozen(&self) -> Result<Json, Problem> {
        let frozen = self.engine.frozen().await?;
        let frozen = frozen.0.iter().map(
            |(scope, note)| json!({ "scope": scope.to_string(), "by": &*note.by, "at": timestamp_text(note.at), "reason": &*note.reason }),
        );
        Ok(Json::Array(frozen.collect()))
    }

    /// How everything stands.
    pub(super) async fn status(&self) -> Result<Json, Problem> {
        let progress = self.engine.subscribe().progress.borrow().clone();
        let mut runs: serde_json::Map<String, Json> =
            tradewind_engine::summary::RunStatus::ALL.iter().map(|status| (status.as_str().to_owned(), json!(0))).collect();
        for (status, count) in [("completed", progress.completed), ("failed", progress.failed), ("cancelled", progress.cancelled)] {
            runs.insert(status.to_owned(), json!(count));
        }
        for run in self.engine.live().await? {
            let count = runs.get(run.status.as_str()).and_then(Json::as_u64).unwrap_or(0);
            runs.insert(run.status.as_str().to_owned(), json!(count + 1));
        }
        let adoptions = self.engine.adoptions().await?;
        let kept_back = self.kept_back().await?;
        let plan = self.plan();
        let mut status = json!({
            "version": 1,
            "serving": self.host.is_some(),
            "project": plan.project.name,
            "store": plan.project.store,
            "plan": {
                "active": adoptions.last().map(|adoption| adoption.digest.to_string()),
                "since": adoptions.last().map(|adoption| timestamp_text(adoption.at)),
                "by": adoptions.last().map(|adoption| &*adoption.by),
                "held": self.engine.held().await?.map(|held| held.to_string()),
            },
            "frozen": self.frozen().await?,
            "recall": self.recalls(),
            "renewing": self.renewing(),
            "rollouts": crate::lacking::unwatched(&plan),
            "kept_back": kept_back,
            "runs": runs,
            "queues": { "waiting_for_their_turn": progress.queued, "in_flight": progress.running, "parked": progress.waiting },
            "events": progress.events,
            "commits": progress.commits,
            "archived": self.engine.anchors().iter().map(|anchor| json!({ "first": anchor.from, "last": anchor.last, "file": anchor.file })).collect::<Vec<_>>(),
        });
        if let (Some(host), Some(fields)) = (&self.host, status.as_object_mut())
            && let Json::Object(more) = host.as_json(&plan)
        {
            fields.extend(more);
        }
        Ok(status)
    }

    /// Runs that a migration of the active plan cannot lead over, and why.
    async fn kept_back(&self) -> Result<Vec<Json>, Problem> {
        let active = self.engine.active();
        let mut found = Vec::new();
        if active.plan.migrations.is_empty() {
            return Ok(found);
        }
        for run in self.engine.live().await? {
            if let Leads::Not(why) = self.engine.lead(&run.id, active.clone()).await? {
                found.push(json!({ "run": &*run.id, "flow": &*run.flow, "key": &*run.key, "plan": run.plan.to_string(), "why": why }));
                if found.len() == MOST_KEPT_BACK {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// What another plan would change.
    pub(super) async fn difference(&self, plan: &str) -> Result<Json, Problem> {
        let bytes = unhex(plan).ok_or_else(|| Problem::usage("the plan cannot be read".to_owned()))?;
        let next = Plan::from_bytes(&bytes).map_err(Problem::usage)?;
        let adoptions = self.engine.adoptions().await?;
        let active = match adoptions.last() {
            None => None,
            Some(last) if last.digest == self.engine.active().digest => Some(self.plan()),
            Some(last) => self.engine.plan(last.digest).await?,
        };
        changes::of(&self.engine, active, Arc::new(next)).await.map_err(Problem::from)
    }
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    Some(digits?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}
