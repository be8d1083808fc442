//! Inputs that another process hands in, and what becomes of them: a `run` while another process serves, and HTTP.

use super::{Desk, Problem};
use crate::summary::{self, Tally};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tradewind_engine::engine::{StartError, Submitted};
use tradewind_lang::code::run;
use tradewind_lang::conform;
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

impl Desk {
    /// Starts a run for each input, in their order, and answers when each is durable.
    pub(crate) async fn start(&self, flow: &str, inputs: &[Json], by: &str) -> Result<Json, Problem> {
        let plan = self.plan();
        let Some(declared) = plan.flows.get(flow) else {
            return Err(Problem::new(&run::UNKNOWN_FLOW, format!("the plan at work has no flow `{flow}`"))
                .help("`tradewind status` says which plan is at work, and why"));
        };
        if !declared.terms.starts_by_hand() {
            let message = format!("`{flow}` starts by its triggers, and none of them is `manual`");
            return Err(Problem::new(&run::NOT_MANUAL, message).help("call its address, or tell of its event: `tradewind emit`").refused());
        }
        if let Some(lacking) = plan.not_runnable(declared).first() {
            let message = format!("`{flow}` cannot be run: this version checks {} but cannot run it yet", lacking.what);
            return Err(Problem::new(&run::NOT_RUNNABLE, message));
        }
        let ty = Ty::Record(declared.input.clone());
        let mut handed = Vec::with_capacity(inputs.len());
        for input in inputs {
            let value = conform::from_json(input, &ty, &plan.types).map_err(|problems| {
                let reasons: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.reason)).collect();
                reasons.join("; ")
            });
            handed.push(match value {
                Ok(value) => self.submit(flow, value, by).await?,
                Err(reason) => Err(reason),
            });
        }
        let mut starts = Vec::with_capacity(handed.len());
        for start in handed {
            starts.push(match start {
                Ok(submitted) => self.started(submitted).await?,
                Err(reason) => json!({ "rejected": reason }),
            });
        }
        Ok(json!({ "version": 1, "starts": starts }))
    }

    async fn submit(&self, flow: &str, value: Value, by: &str) -> Result<Result<Submitted, String>, Problem> {
        match self.engine.submit(flow, value, by).await {
            Ok(submitted) => Ok(Ok(submitted)),
            Err(error) => refused(error).map(Err),
        }
    }

    async fn started(&self, submitted: Submitted) -> Result<Json, Problem> {
        let started = match submitted.durable().await {
            Ok(started) => started,
            Err(error) => return refused(error).map(|reason| json!({ "rejected": reason })),
        };
        let mut answer = json!({ "run": &*started.run_id, "new": started.is_new, "conflict": started.conflict });
        if started.conflict
            && let Some(earlier) = self.engine.run(&started.run_id).await?
            && let Some(fields) = answer.as_object_mut()
        {
            fields.insert("key".to_owned(), json!(&*earlier.summary.key));
        }
        Ok(answer)
    }

    /// Which of these runs still go on by themselves; waits a moment for the last of them.
    pub(super) async fn unsettled(&self, runs: Vec<String>) -> Result<Json, Problem> {
        let mut open: BTreeSet<Arc<str>> = runs.into_iter().map(Arc::from).collect();
        for _ in 0..10 {
            open = self.engine.unsettled(open).await?;
            if open.is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(json!({ "version": 1, "unsettled": open.iter().map(|run| &**run).collect::<Vec<_>>() }))
    }

    /// The summary of what a `run` handed in.
    pub(super) async fn report(&self, flow: &str, tally: Tally, millis: u64) -> Result<Json, Problem> {
        let report = summary::of(&self.engine, flow, tally, Duration::from_millis(millis)).await;
        let report = report.map_err(|failure| Problem::broken(failure.message))?;
        Ok(json!({
            "version": 1, "text": report.text(), "json": report.json(), "rejects": report.has_rejects(), "failures": report.has_failures()
        }))
    }
}

/// Why a start is no input; anything else is a problem of the whole.
fn refused(error: StartError) -> Result<String, Problem> {
    match error {
        StartError::Input(why) | StartError::Key(why) => Ok(why),
        StartError::UnknownFlow(_) => Ok(error.to_string()),
        StartError::Store(error) => Err(Problem::from(error)),
        StartError::Stopped => Err(Problem::broken("the process that holds the store is ending".to_owned())
            .help("run the same command again: what was acknowledged is safe")),
    }
}
