//! What commands ask of the process that holds the store, as JSON. The same desk answers locally and on the socket.

mod archive;
mod batch;
mod budgets;
mod corrections;
mod events;
pub(crate) mod forgetting;
mod fork;
mod handing;
pub(crate) mod memory;
mod reuse;
mod steering;
pub(crate) mod undo;

pub(crate) use batch::Which;
pub(crate) use steering::hex;

use crate::became::{self, UNDER_WAY};
use crate::describe;
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::summary::Tally;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::sync::Arc;
use tradewind_engine::anchor::Anchor;
use tradewind_engine::approval::{AnswerRefusal, Approval, PendingApproval, Verdict};
use tradewind_engine::checkpoint::Checkpoint;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::decide::Wish;
use tradewind_engine::engine::{AnswerError, ControlError, ControlRefusal, Engine};
use tradewind_engine::event::Event;
use tradewind_engine::ports::{Clock, StoreError};
use tradewind_engine::summary::{RunFilter, RunStatus, RunSummary};
use tradewind_lang::code::{self, run};
use tradewind_lang::conform;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::Plan;
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// Most events that one answer holds.
pub(crate) const MOST_EVENTS: usize = 10_000;

/// Most runs within a run that are listed with it.
const MOST_PARTS: usize = 100;

/// A request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Runs, newest first.
    Runs { flow: Option<String>, status: Option<String>, limit: usize },
    /// One run with its steps, by id (or the beginning of one) or key; `open` for whoever computes with its values and shows none of
    /// its secrets.
    Run {
        id: String,
        #[serde(default)]
        open: bool,
    },
    /// Events from a number on.
    Log { from: u64, limit: usize, run: Option<String> },
    /// Checks the whole chain, and that it meets these checkpoints.
    Verify { standing: Vec<Checkpoint> },
    /// Writes an export to a file; these checkpoints go into it.
    Export { file: PathBuf, lines: Vec<String> },
    /// Writes what was decided before an instant, and is closed, to a file.
    Archive { file: PathBuf, before: i64 },
    /// Takes it out of the store.
    Prune { anchor: Anchor },
    /// Folds the whole log again, compares, and writes the image of the books anew.
    Rebuild { image: PathBuf },
    /// Decides a run again, or all of them.
    Replay { run: Option<String> },
    /// What waits for people.
    Approvals,
    /// Wants something of a run as a whole.
    Control { id: String, by: String, wanted: Wanted },
    /// Tells how effects are taken back, and takes them back where somebody wants it.
    Undo { wanted: undo::Wanted, will: Option<undo::Will> },
    /// Tells which effects failed for good, and does one again where somebody wants it.
    DeadLetters { effect: Option<String>, will: Option<undo::Will> },
    /// Decides one of them.
    Answer { id: String, by: String, decision: Decision, which: Which },
    /// A run of today's plan in the place of one that has ended.
    Fork { id: String, from: Option<String>, input: Option<Json>, by: String },
    /// Tells of an event.
    Emit { event: String, data: Json, by: String, id: String },
    /// Events that came, newest first.
    Events { limit: usize },
    /// What is taken of each budget.
    Budgets,
    /// How everything stands.
    Status,
    /// No effect of these leaves.
    Freeze { whose: Whose, by: String, reason: String },
    /// They leave again.
    Thaw { whose: Whose, by: String, reason: String },
    /// An earlier plan becomes the active one.
    RollBack { to: Option<String>, by: String },
    /// What another plan would change; its bytes as hexadecimal digits.
    Difference { plan: String },
    /// Tells whom forgetting somebody affects, and forgets him where somebody wants it.
    Forget { subject: String, by: Option<String> },
    /// Holds what is known of somebody, or lets it go; with nobody who wants it, lists who is held.
    Hold { will: Option<forgetting::Holding> },
    /// Facts of a memory.
    Memory { memory: String, subject: Option<String>, wanted: memory::Wanted },
    /// What the log says of what was reused, or corrected.
    Learn(memory::Learning),
    /// Runs of a flow for these inputs.
    Start { flow: String, inputs: Vec<Json> },
    /// Which of these runs still go on by themselves.
    Unsettled { runs: Vec<String> },
    /// The summary of runs that were handed in.
    Report { flow: String, tally: Tally, millis: u64 },
}

/// Whose effects.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Whose {
    /// Everybody's.
    All,
    /// Those of a connector.
    Connector(String),
    /// Those of a flow.
    Flow(String),
}

impl Request {
    /// Whether it lets an effect happen that was not begun, which needs the policies of today.
    pub(crate) fn begins_something(&self) -> bool {
        matches!(
            self,
            Self::Answer { decision: Decision::Approve { .. }, .. }
                | Self::Undo { will: Some(_), .. }
                | Self::DeadLetters { will: Some(_), .. }
                | Self::Start { .. }
                | Self::Fork { .. }
                | Self::Emit { .. }
        )
    }

    /// Whether it only steers the whole engine: where nobody holds the store, no run goes on for it.
    pub(crate) fn only_steers(&self) -> bool {
        matches!(self, Self::Freeze { .. } | Self::Thaw { .. } | Self::RollBack { .. } | Self::Hold { will: Some(_) })
    }

    /// Whether it changes nothing, so that it may be asked again.
    pub(crate) fn only_looks(&self) -> bool {
        !matches!(
            self,
            Self::Answer { .. }
                | Self::Control { .. }
                | Self::Forget { by: Some(_), .. }
                | Self::Export { .. }
                | Self::Archive { .. }
                | Self::Prune { .. }
        ) && !self.begins_something()
            && !self.only_steers()
    }
}

/// What is wanted of a run as a whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Wanted {
    /// That it ends.
    Cancel { reason: String },
    /// That it begins nothing new.
    Pause,
    /// That it goes on.
    Resume,
}

impl Wanted {
    fn wish(self, by: &str) -> Wish {
        match self {
            Self::Cancel { reason } if reason.is_empty() => Wish::Cancel(format!("{by} cancelled it").into()),
            Self::Cancel { reason } => Wish::Cancel(format!("{by} cancelled it: {reason}").into()),
            Self::Pause => Wish::Pause,
            Self::Resume => Wish::Resume,
        }
    }
}

/// What a person says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Decision {
    /// Yes, with changed fields.
    Approve { edits: Json },
    /// No.
    Deny { reason: String },
    /// The answer of an `ask`.
    Fields(Json),
}

/// A failure that can travel over the socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// A code with a page.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
    /// Whether the operator's wish was refused, and not the tool unable.
    pub(crate) refused: bool,
}

impl Problem {
    pub(crate) fn new(code: code::Code, message: impl Into<String>) -> Self {
        Self { code: code.id.to_owned(), message: message.into(), help: None, refused: false }
    }

    pub(crate) fn usage(message: String) -> Self {
        Self::new(&run::USAGE, message)
    }

    pub(crate) fn broken(message: String) -> Self {
        Self::new(&run::STORE_FAILED, message)
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    pub(crate) fn refused(mut self) -> Self {
        self.refused = true;
        self
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let failure = crate::session::store_failure(error);
        Self { code: failure.code.to_owned(), message: failure.message, help: failure.help, refused: false }
    }
}

/// Codes of what was asked wrongly.
const USAGE: [&str; 12] = [
    run::USAGE.id,
    run::UNKNOWN_STEP.id,
    run::UNKNOWN_RUN.id,
    run::UNKNOWN_APPROVAL.id,
    run::UNKNOWN_PLAN.id,
    run::NOT_FROZEN.id,
    run::UNKNOWN_EVENT.id,
    run::UNKNOWN_EFFECT.id,
    run::UNKNOWN_SUBJECT.id,
    run::UNKNOWN_MEMORY.id,
    run::UNSEARCHABLE.id,
    run::NOTHING_HELD.id,
];

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let known = code::find(&problem.code).unwrap_or(&run::STORE_FAILED);
        let exit = match known.id {
            _ if problem.refused => Exit::Refused,
            id if USAGE.contains(&id) => Exit::Usage,
            _ => Exit::Tool,
        };
        Self { exit, code: known.id, message: problem.message, help: problem.help }
    }
}

/// Answers requests from an engine.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    /// Where this process serves.
    pub(crate) host: Option<Arc<Host>>,
}

impl Desk {
    /// The plan that is at work.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        self.engine.active().plan.clone()
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request) -> Result<Json, Problem> {
        match request {
            Request::Runs { flow, status, limit } => self.runs(flow, status.as_deref(), limit).await,
            Request::Run { id, open } => self.run(&id, open).await,
            Request::Log { from, limit, run } => self.log(from, limit, run.as_deref()).await,
            Request::Verify { standing } => self.verify(standing).await,
            Request::Export { file, lines } => self.export(&file, &lines).await,
            Request::Archive { file, before } => self.archive(&file, before).await,
            Request::Prune { anchor } => self.prune(anchor).await,
            Request::Rebuild { image } => self.rebuild(&image).await,
            Request::Replay { run } => self.replay(run.as_deref()).await,
            Request::Approvals => self.approvals().await,
            Request::Fork { id, from, input, by } => self.fork(&id, from.as_deref(), input.as_ref(), &by).await,
            Request::Undo { wanted, will } => self.undo(&wanted, will.as_ref()).await,
            Request::DeadLetters { effect, will } => self.dead_letters(effect.as_deref(), will.as_ref()).await,
            Request::Control { id, by, wanted } => self.control(&id, &by, wanted).await,
            Request::Answer { id, by, decision, which } => self.decide(&id, &by, &decision, &which).await,
            Request::Emit { event, data, by, id } => self.emit(&event, &data, &by, &id).await,
            Request::Events { limit } => self.listed_events(limit).await,
            Request::Budgets => self.budgets().await,
            Request::Status => self.status().await,
            Request::Freeze { whose, by, reason } => self.freeze(whose, &by, &reason).await,
            Request::Thaw { whose, by, reason } => self.thaw(whose, &by, &reason).await,
            Request::RollBack { to, by } => self.roll_back(to.as_deref(), &by).await,
            Request::Difference { plan } => self.difference(&plan).await,
            Request::Forget { subject, by } => self.forget(&subject, by.as_deref()).await,
            Request::Hold { will } => self.hold(will.as_ref()).await,
            Request::Memory { memory, subject, wanted } => self.memory(&memory, subject.as_deref(), &wanted).await,
            Request::Learn(wanted) => self.learn(&wanted).await,
            Request::Start { flow, inputs } => self.start(&flow, &inputs, "command-line").await,
            Request::Unsettled { runs } => self.unsettled(runs).await,
            Request::Report { flow, tally, millis } => self.report(&flow, tally, millis).await,
        }
    }

    async fn runs(&self, flow: Option<String>, status: Option<&str>, limit: usize) -> Result<Json, Problem> {
        let status = match status {
            None => None,
            Some(word) => {
                let found = RunStatus::ALL.into_iter().find(|status| status.as_str() == word);
                Some(found.ok_or_else(|| {
                    let all: Vec<&str> = RunStatus::ALL.iter().map(|status| status.as_str()).collect();
                    Problem::usage(format!("no run is ever `{word}`")).help(format!("one of: {}", all.join(", ")))
                })?)
            }
        };
        let runs = self.engine.runs(RunFilter { flow, status, limit: Some(limit), ..RunFilter::default() }).await?;
        let runs: Vec<Json> = runs.iter().map(summary_as_json).collect();
        Ok(json!({ "version": 1, "runs": runs }))
    }

    async fn find(&self, id: &str) -> Result<RunSummary, Problem> {
        let runs = self.engine.runs(RunFilter { parts: true, ..RunFilter::default() }).await?;
        let mut found = runs.into_iter().filter(|run| (&*run.key == id && !run.is_part()) || (id.len() >= 6 && run.id.starts_with(id)));
        match (found.next(), found.next()) {
            (Some(run), None) => Ok(run),
            (Some(_), Some(_)) => {
                Err(Problem::new(&run::UNKNOWN_RUN, format!("several runs begin with `{id}`")).help("give more of the id"))
            }
            (None, _) => Err(Problem::new(&run::UNKNOWN_RUN, format!("there is no run `{id}`"))
                .help("`tradewind runs` lists them; an id needs six digits at least")),
        }
    }

    async fn run(&self, id: &str, open: bool) -> Result<Json, Problem> {
        let summary = self.find(id).await?;
        let details = if open { self.engine.run(&summary.id).await? } else { self.engine.shown_run(&summary.id).await? };
        let Some(details) = details else {
            return Err(Problem::new(&run::UNKNOWN_RUN, format!("there is no run `{id}`")));
        };
        let parts = RunFilter { parent: Some(summary.id.to_string()), parts: true, limit: Some(MOST_PARTS), ..RunFilter::default() };
        let parts: Vec<Json> = self.engine.runs(parts).await?.iter().rev().map(summary_as_json).collect();
        let steps = details
            .steps
            .iter()
            .map(|step| json!({ "name": &*step.name, "status": step.status, "note": step.note, "value": conform::to_json(&step.value) }));
        let forks = self.forks_of(&summary.id).await?;
        let (run, input) = (summary_as_json(&details.summary), conform::to_json(&details.input));
        let steps: Vec<Json> = steps.collect();
        Ok(json!({ "version": 1, "run": run, "input": input, "steps": steps, "parts": parts, "forks": forks }))
    }

    async fn control(&self, id: &str, by: &str, wanted: Wanted) -> Result<Json, Problem> {
        let run = self.find(id).await?;
        self.engine.control(&run.id, by, wanted.wish(by)).await.map_err(|error| match error {
            ControlError::Refused(ControlRefusal::Ended) => {
                Problem::new(&run::RUN_ENDED, format!("run {} has ended", run.id)).help("`tradewind runs show` says what it did").refused()
            }
            ControlError::Refused(ControlRefusal::Unknown) => Problem::new(&run::UNKNOWN_RUN, format!("there is no run `{id}`")),
            ControlError::Store(error) => Problem::from(error),
            ControlError::Stopped => {
                Problem::broken("the process that holds the store is ending".to_owned()).help("run the same command again")
            }
        })?;
        let details = self.engine.run(&run.id).await?;
        Ok(json!({ "version": 1, "run": details.map(|details| summary_as_json(&details.summary)) }))
    }

    async fn log(&self, from: u64, limit: usize, run: Option<&str>) -> Result<Json, Problem> {
        let run = match run {
            Some(id) => Some(self.find(id).await?.id),
            None => None,
        };
        let events = self.engine.shown_events(from, limit.min(MOST_EVENTS), run.as_deref()).await?;
        let events: Vec<Json> = events.iter().map(event_as_json).collect();
        Ok(json!({ "version": 1, "events": events }))
    }

    /// Whether a request could be answered as things stand, and how many runs would go on if this process performed. Changes nothing.
    pub(crate) async fn foresee(&self, request: &Request) -> Result<Foreseen, Problem> {
        let mut deadline = None;
        match request {
            Request::Answer { id, decision, which, .. } => match self.batch(id).await? {
                Some(batch) => drop(self.verdict_of_batch(&batch, decision, which).await?),
                None => deadline = self.verdict(id, decision).await?.0.approval.deadline,
            },
            Request::Fork { id, from, input, .. } => drop(self.plan_fork(id, from.as_deref(), input.as_ref()).await?),
            Request::Undo { wanted, .. } => drop(self.undo(wanted, None).await?),
            Request::Forget { subject, .. } => drop(self.forget(subject, None).await?),
            Request::DeadLetters { effect, .. } => drop(self.dead_letters(effect.as_deref(), None).await?),
            _ => {}
        }
        let unfinished = RunFilter { status: Some(RunStatus::Running), ..RunFilter::default() };
        Ok(Foreseen { unfinished: self.engine.runs(unfinished).await?.len(), deadline })
    }

    /// The answer to a request, with what has become of the step since where that was not known yet.
    pub(crate) async fn told_again(&self, mut answer: Json) -> Json {
        let text = |name: &str| answer.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
        if answer.pointer("/became/status").and_then(Json::as_str) != Some(UNDER_WAY) {
            return answer;
        }
        let (approval, run, step) = (text("approval"), text("run"), text("step"));
        let became = became::of(&self.engine, &approval, &run, &step).await;
        if let (Some(fields), Ok(became)) = (answer.as_object_mut(), became) {
            fields.insert("became".to_owned(), became);
        }
        answer
    }

    /// The item of an id, and the decision as the engine wants it.
    async fn verdict(&self, id: &str, decision: &Decision) -> Result<(PendingApproval, Verdict), Problem> {
        let pending = self.engine.approvals().await?;
        let mut found = pending.into_iter().filter(|item| item.approval.id.starts_with(id) && id.len() >= 4);
        let Some(item) = found.next() else {
            return Err(
                Problem::new(&run::UNKNOWN_APPROVAL, format!("nothing waits under `{id}`")).help("`tradewind approvals` lists what waits")
            );
        };
        if found.next().is_some() {
            return Err(Problem::new(&run::UNKNOWN_APPROVAL, format!("several items begin with `{id}`")).help("give more of the id"));
        }
        if item.is_overdue {
            return Err(out_of_time(item.approval.deadline));
        }
        let plan = self.plan_of(&item.run).await?;
        let verdict = match decision {
            Decision::Deny { reason } => Verdict::Deny { reason: reason.clone() },
            Decision::Approve { edits } => Verdict::Approve { edits: edited(&item.approval, edits, &plan)? },
            Decision::Fields(fields) => Verdict::Answer(answered(&item.approval, fields, &plan)?),
        };
        Ok((item, verdict))
    }

    async fn decide(&self, id: &str, by: &str, decision: &Decision, which: &Which) -> Result<Json, Problem> {
        if let Some(batch) = self.batch(id).await? {
            return self.decide_batch(&batch, by, decision, which).await;
        }
        if which.is_given() {
            return Err(Problem::usage(format!("`{id}` is no batch: there is nothing to choose from in it")).refused());
        }
        let (item, verdict) = self.verdict(id, decision).await?;
        self.engine.answer(&item.approval.id, by, verdict).await.map_err(|error| match error {
            AnswerError::Refused(AnswerRefusal::Expired) => out_of_time(item.approval.deadline),
            AnswerError::Refused(AnswerRefusal::Closed) if is_past(item.approval.deadline) => out_of_time(item.approval.deadline),
            AnswerError::Refused(refusal) => Problem::new(&run::APPROVAL_REFUSED, refusal.to_string())
                .help("`tradewind approvals` says who may decide, and until when")
                .refused(),
            AnswerError::Store(error) => Problem::from(error),
            AnswerError::Stopped => Problem::broken("the process that holds the store is ending".to_owned())
                .help("`tradewind approvals` says whether the item still waits; if it does, decide again"),
        })?;
        let became = became::of(&self.engine, &item.approval.id, &item.run, &item.step).await?;
        let operation = item.approval.operation.as_deref();
        Ok(json!({
            "version": 1, "approval": &*item.approval.id, "run": &*item.run, "step": &*item.step, "operation": operation, "became": became
        }))
    }

    /// The plan of the run that asks: what it wants to hear is typed there, and not by what the repository says today.
    async fn plan_of(&self, run: &str) -> Result<Arc<Plan>, Problem> {
        Ok(self.engine.plan_of(run).await?.map_or_else(|| self.plan(), |pinned| pinned.plan.clone()))
    }
}

/// What a look says of a request that would perform.
pub(crate) struct Foreseen {
    /// How many runs would go on.
    pub(crate) unfinished: usize,
    /// Until when the item may be decided.
    pub(crate) deadline: Option<i64>,
}

/// Whether an instant is past.
pub(crate) fn is_past(deadline: Option<i64>) -> bool {
    deadline.is_some_and(|deadline| SystemClock.now() >= deadline)
}

/// Says that a decision came too late.
pub(crate) fn out_of_time(deadline: Option<i64>) -> Problem {
    let when = deadline.map(|at| format!(" at {}", timestamp_text(at))).unwrap_or_default();
    Problem::new(&run::APPROVAL_REFUSED, format!("its time ran out{when}"))
        .help("what its rule declares for that case happens instead; `tradewind runs show` says what became of the run")
        .refused()
}

/// Edited request fields, typed by the operation.
fn edited(approval: &Approval, edits: &Json, plan: &Plan) -> Result<Value, Problem> {
    let Some(fields) = edits.as_object().filter(|fields| !fields.is_empty()) else { return Ok(Value::Null) };
    let operation = approval.operation.as_ref().and_then(|name| plan.operations.get(&**name));
    let mut changed = tradewind_lang::value::Record::default();
    for (name, value) in fields {
        let field = operation.and_then(|operation| operation.request.iter().find(|field| field.name == *name));
        let Some(field) = field else {
            return Err(Problem::usage(format!("the request has no field `{name}`")).refused());
        };
        changed.set(name, typed(value, &field.ty, plan)?);
    }
    Ok(Value::Record(Arc::new(changed)))
}

fn answered(approval: &Approval, fields: &Json, plan: &Plan) -> Result<Value, Problem> {
    let Some(record) = &approval.answer else {
        return Err(Problem::usage("this item wants a yes or a no, not an answer".to_owned())
            .help("`tradewind approvals approve` or `deny`")
            .refused());
    };
    typed(fields, &Ty::Record(record.clone()), plan)
}

fn typed(json: &Json, ty: &Ty, plan: &Plan) -> Result<Value, Problem> {
    conform::from_json(json, ty, &plan.types).map_err(|problems| {
        let reasons: Vec<String> = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.reason)).collect();
        Problem::new(&run::BAD_INPUT, format!("the answer does not fit: {}", reasons.join("; "))).refused()
    })
}

fn summary_as_json(run: &RunSummary) -> Json {
    json!({
        "id": &*run.id,
        "flow": &*run.flow,
        "key": &*run.key,
        "status": run.status.as_str(),
        "started_at": timestamp_text(run.started_at),
        "updated_at": timestamp_text(run.updated_at),
        "output": conform::to_json(&run.output),
        "waiting_on": run.waiting_on.iter().map(|id| &**id).collect::<Vec<_>>(),
        "waits_for": run.waits_for,
        "failure": run.failure.as_ref().map(ToString::to_string),
        "cancelled": run.cancelled.as_deref(),
        "concurrency_key": run.concurrency_key.as_deref(),
        "parent": run.parent.as_ref().map(|parent| &*parent.run),
        "forked_from": run.forked.as_ref().map(|(of, _)| &**of),
        "from_step": run.forked.as_ref().and_then(|(_, from)| from.as_deref()),
        "cost": run.cost.map(|cost| cost.to_string()),
        "erased": run.erased,
        "plan": run.plan.to_string(),
    })
}

fn pending_as_json(item: &PendingApproval) -> Json {
    let approval = &item.approval;
    let shown: Vec<Json> = approval.shown.iter().map(|(name, value)| json!({ "name": name, "value": conform::to_json(value) })).collect();
    json!({
        "id": &*approval.id,
        "run": &*item.run,
        "flow": &*item.flow,
        "step": &*item.step,
        "to": approval.to,
        "deadline": approval.deadline.map(timestamp_text),
        "on_timeout": format!("{:?}", approval.on_timeout).to_lowercase(),
        "quorum": approval.quorum,
        "then": approval.then.iter().map(|later| later.asks.iter().map(|(team, _)| team.as_str()).collect::<Vec<_>>().join(", ")).collect::<Vec<_>>(),
        "overdue": item.is_overdue,
        "would_be_denied": item.would_be_denied.as_ref().map(|(rule, message)| json!({ "rule": rule, "message": message })),
        "approved_by": item.agreed.iter().map(|by| &**by).collect::<Vec<_>>(),
        "rules": approval.rules,
        "question": approval.question,
        "shown": shown,
        "operation": approval.operation.as_deref(),
        "request": conform::to_json(&item.request),
        "editable": approval.editable,
        "answer": approval.answer,
    })
}

fn event_as_json(event: &Event) -> Json {
    let header = &event.header;
    json!({
        "seq": header.seq,
        "at": timestamp_text(header.at),
        "run": header.run.as_deref(),
        "step": header.step.as_ref().map(|step| &*step.name),
        "actor": &*header.actor,
        "causation": header.causation,
        "plan": header.plan.to_string(),
        "policy": header.policy.to_string(),
        "kind": event.kind.name(),
        "about": describe::event(&event.kind),
        "subjects": header.subjects.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "erased": header.erased,
        "cost": event.cost.map(|cost| cost.to_string()),
    })
}
