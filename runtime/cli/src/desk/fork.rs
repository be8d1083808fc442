//! The desk's part in forks: what a run takes over from one that has ended, and its start.

use super::undo::ended;
use super::{Desk, Problem, summary_as_json};
use serde_json::{Value as Json, json};
use tradewind_engine::engine::{ForkError, PlannedFork, StartError};
use tradewind_lang::code::run;
use tradewind_lang::conform;
use tradewind_lang::ty::Ty;

impl Desk {
    /// What a fork would take over. Nothing is started.
    pub(super) async fn plan_fork(&self, id: &str, from: Option<&str>, input: Option<&Json>) -> Result<PlannedFork, Problem> {
        let found = self.find(id).await?;
        let plan = self.plan();
        if let Some(flow) = plan.flows.get(&*found.flow)
            && let Some(lacking) = plan.not_runnable(flow).first()
        {
            let message = format!("`{}` cannot be run: this version checks {} but cannot run it yet", found.flow, lacking.what);
            return Err(Problem::new(&run::NOT_RUNNABLE, message));
        }
        let input = match (input, plan.flows.get(&*found.flow)) {
            (Some(given), Some(flow)) => {
                let value = conform::from_json(given, &Ty::Record(flow.input.clone()), &plan.types);
                Some(value.map_err(|problems| {
                    let reasons: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.reason)).collect();
                    Problem::new(&run::BAD_INPUT, format!("the input does not fit: {}", reasons.join("; "))).refused()
                })?)
            }
            _ => None,
        };
        self.engine.plan_fork(&found.id, from, input).await.map_err(|error| refusal(error, id))
    }

    /// Starts a fork, and tells of it when it has ended or waits for a person.
    pub(super) async fn fork(&self, id: &str, from: Option<&str>, input: Option<&Json>, by: &str) -> Result<Json, Problem> {
        let planned = self.plan_fork(id, from, input).await?;
        let (done, kept) = (planned.forked.effects.iter().filter(|done| done.answer.is_some()).count(), planned.forked.kept.len());
        let started = self.engine.fork(planned, by).await.map_err(|error| refusal(error, id))?;
        let ended = ended(&self.engine, &started).await?;
        Ok(json!({ "version": 1, "run": ended.as_ref().map(summary_as_json), "takes_over": done, "keeps": kept }))
    }

    /// The forks of a run, oldest first.
    pub(super) async fn forks_of(&self, id: &str) -> Result<Vec<Json>, Problem> {
        let runs = self.engine.runs(tradewind_engine::summary::RunFilter::default()).await?;
        let forks = runs.iter().rev().filter(|run| run.forked.as_ref().is_some_and(|(of, _)| **of == *id));
        Ok(forks.map(summary_as_json).collect())
    }
}

fn refusal(error: ForkError, id: &str) -> Problem {
    let message = error.to_string();
    let not_forkable = |help: String| Problem::new(&run::NOT_FORKABLE, message.clone()).help(help).refused();
    match error {
        ForkError::Unknown => Problem::new(&run::UNKNOWN_RUN, format!("there is no run `{id}`")),
        ForkError::NotEnded(of) => not_forkable(format!("wait until it ends, or end it: `tradewind runs cancel {of} --by ADDRESS`")),
        ForkError::Part(of) => not_forkable(format!("fork the whole: `tradewind runs fork {of} --by ADDRESS`")),
        ForkError::Archived | ForkError::Moved => not_forkable("start another run with what is left to be done".to_owned()),
        ForkError::BuiltIn => not_forkable("run the command that began it again: it goes on where it stopped".to_owned()),
        ForkError::TooLarge => not_forkable("start another run with what is left to be done".to_owned()),
        ForkError::UnknownStep(step, steps) => {
            let near = tradewind_lang::diagnostic::nearest(&step, steps.iter().map(|step| &**step));
            let help = near.map_or_else(|| format!("its steps: {}", steps.join(", ")), |near| format!("did you mean `{near}`?"));
            Problem::new(&run::UNKNOWN_STEP, message).help(help)
        }
        ForkError::Misfit(step, _) => {
            Problem::new(&run::KEPT_MISFIT, message).help(format!("begin at it, or at a step before it: --from {step}")).refused()
        }
        ForkError::Start(StartError::Store(error)) => Problem::from(error),
        ForkError::Start(StartError::UnknownFlow(flow)) => {
            Problem::new(&run::UNKNOWN_FLOW, format!("the plan at work has no flow `{flow}` any more")).help("put the flow back, then fork")
        }
        ForkError::Start(StartError::Input(why) | StartError::Key(why)) => {
            Problem::new(&run::BAD_INPUT, format!("the input does not fit the flow of today: {why}"))
                .help("give one that does with --input FILE")
                .refused()
        }
        ForkError::Start(StartError::Stopped) => {
            Problem::broken("the process that holds the store is ending".to_owned()).help("run the same command again")
        }
    }
}
