//! The desk's part in taking effects back and in doing again what had failed: what would be done, and the run that does it.

use super::{Desk, Problem, summary_as_json};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_engine::engine::{Engine, StartError, Started};
use tradewind_engine::event::Outcome;
use tradewind_engine::history::Which;
use tradewind_engine::summary::{RunStatus, RunSummary};
use tradewind_engine::undo::{Back, Reversal};
use tradewind_lang::ast::{Literal, Scalar};
use tradewind_lang::code::run;
use tradewind_lang::conform;
use tradewind_lang::expr::{self, Expr, Resolve, Scope};
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::source::{SourceMap, Span};
use tradewind_lang::ty::{Field, Marks, Ty};
use tradewind_lang::value::{Record, Value};

/// How long is waited for a run that takes back; it goes on when nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(15);
/// How much of a key must be given.
const SHORTEST: usize = 6;

/// Which effects are wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Of this run.
    pub(crate) run: Option<String>,
    /// With a key that begins so.
    pub(crate) effect: Option<String>,
    /// Of runs of this flow.
    pub(crate) flow: Option<String>,
    /// Not before this instant.
    pub(crate) since: Option<i64>,
    /// Only those for which this is true; scope: `effect`.
    pub(crate) condition: Option<String>,
}

/// Who wants it done, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Will {
    pub(crate) by: String,
    pub(crate) reason: String,
}

impl Desk {
    async fn which(&self, wanted: &Wanted) -> Result<Which, Problem> {
        let run = match &wanted.run {
            Some(id) => Some(self.find(id).await?.id),
            None => None,
        };
        if let Some(key) = wanted.effect.as_ref().filter(|key| key.len() < SHORTEST) {
            return Err(Problem::new(&run::UNKNOWN_EFFECT, format!("`{key}` is too short for the key of an effect"))
                .help(format!("give {SHORTEST} digits at least; `tradewind log` prints keys")));
        }
        let text = |text: &Option<String>| text.as_deref().map(Arc::from);
        Ok(Which { run, key: text(&wanted.effect), flow: text(&wanted.flow), step: None, since: wanted.since })
    }

    async fn plan_undo(&self, wanted: &Wanted) -> Result<Vec<Arc<Reversal>>, Problem> {
        let reversals = self.engine.plan_undo(&self.which(wanted).await?).await?;
        one_of_key(wanted, reversals.len())?;
        self.filtered(wanted, reversals)
    }

    /// What would be taken back; it is, where somebody wants it, and what came of it is told.
    pub(super) async fn undo(&self, wanted: &Wanted, will: Option<&Will>) -> Result<Json, Problem> {
        let planned = self.plan_undo(wanted).await?;
        let mut told = Vec::with_capacity(planned.len());
        for reversal in &planned {
            told.push(self.as_json(reversal).await?);
        }
        let mut answer = json!({ "version": 1, "effects": told });
        let Some(will) = will else { return Ok(answer) };
        let (mut next, mut runs) = (planned, Vec::new());
        // More than one run can hold goes on where the one before it stopped.
        while next.iter().any(|reversal| reversal.is_possible()) {
            let started = self.engine.undo(&next, &will.by, &will.reason).await.map_err(not_started)?;
            let ended = ended(&self.engine, &started).await?;
            let goes_on = ended.as_ref().is_some_and(|run| run.status == RunStatus::Completed);
            runs.extend(ended.map(|run| summary_as_json(&run)));
            if !goes_on {
                break;
            }
            next = self.plan_undo(wanted).await?;
        }
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("runs".to_owned(), json!(runs));
        }
        Ok(answer)
    }

    /// Effects that failed for good; those wanted are done again where somebody wants it.
    pub(super) async fn dead_letters(&self, effect: Option<&str>, will: Option<&Will>) -> Result<Json, Problem> {
        let wanted = Wanted { effect: effect.map(str::to_owned), ..Wanted::default() };
        let letters = self.engine.dead_letters(&self.which(&wanted).await?).await?;
        one_of_key(&wanted, letters.len())?;
        let mut told = Vec::with_capacity(letters.len());
        for (done, again) in &letters {
            let failure = match &done.outcome {
                Some(Outcome::Failed(failure)) => failure.to_string(),
                _ => String::new(),
            };
            let mut letter = self.as_json(again).await?;
            if let Some(fields) = letter.as_object_mut() {
                fields.insert("failure".to_owned(), json!(failure));
            }
            told.push(letter);
        }
        let mut answer = json!({ "version": 1, "dead_letters": told });
        let Some(will) = will else { return Ok(answer) };
        let again: Vec<Arc<Reversal>> = letters.into_iter().map(|(_, again)| again).collect();
        let started = self.engine.do_again(&again, &will.by, &will.reason).await.map_err(not_started)?;
        let ended = ended(&self.engine, &started).await?;
        if let Some(fields) = answer.as_object_mut() {
            fields.insert("runs".to_owned(), json!(ended.iter().map(summary_as_json).collect::<Vec<_>>()));
        }
        Ok(answer)
    }

    /// A reversal as it is told: without secrets, as the plan of its run says what is one, and of what takes it back that of now.
    async fn as_json(&self, reversal: &Reversal) -> Result<Json, Problem> {
        let mut effect = reversal.effect.clone();
        self.engine.shown(&reversal.run).await?.request(&reversal.undone, &mut effect);
        let (by, request, not) = match &reversal.back {
            Back::By { operation, request } => {
                let mut request = request.clone();
                self.engine.shown_now().request(operation, &mut request);
                (Some(&**operation), Some(conform::to_json(&request)), None)
            }
            Back::Not(why) => (None, None, Some(why.to_string())),
        };
        Ok(json!({
            "key": &*reversal.of,
            "run": &*reversal.run,
            "flow": &*reversal.flow,
            "step": &*reversal.step,
            "operation": &*reversal.undone,
            "target": reversal.target.as_deref(),
            "at": timestamp_text(reversal.at),
            "effect": conform::to_json(&effect),
            "by": by,
            "request": request,
            "not": not,
        }))
    }

    /// Those for which the condition is true, which is read by the request of each operation.
    fn filtered(&self, wanted: &Wanted, reversals: Vec<Arc<Reversal>>) -> Result<Vec<Arc<Reversal>>, Problem> {
        let Some(condition) = &wanted.condition else { return Ok(reversals) };
        let mut read: BTreeMap<Arc<str>, Expr> = BTreeMap::new();
        let mut kept = Vec::new();
        for reversal in reversals {
            if !read.contains_key(&reversal.undone) {
                let _ = read.insert(reversal.undone.clone(), self.condition(condition, &reversal.undone)?);
            }
            let effect = Record(vec![("effect".into(), reversal.effect.clone())]);
            let holds = read.get(&reversal.undone).map(|expr| expr.evaluate(&effect as &dyn Resolve));
            match holds {
                Some(Ok(Value::Bool(true))) => kept.push(reversal),
                Some(Ok(Value::Bool(false))) => {}
                other => {
                    let why = other.and_then(Result::err).map_or_else(String::new, |error| format!(": {}", error.0));
                    return Err(Problem::usage(format!("the condition has no value for an effect of `{}`{why}", reversal.undone)));
                }
            }
        }
        Ok(kept)
    }

    fn condition(&self, text: &str, operation: &str) -> Result<Expr, Problem> {
        let plan = self.plan();
        let declared = plan.operations.get(operation).map(|operation| operation.request.as_slice());
        let fields = |fields: &[Field]| Ty::Object(fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect());
        let scope = Scope::default().with("effect", declared.map_or(Ty::Unknown, fields), Marks::default());
        let secret = Marks { secret: true, ..Marks::default() };
        let secrets = declared.unwrap_or_default().iter().filter(|field| field.marks.secret);
        let scope = secrets.fold(scope, |scope, field| scope.part(format!("effect.{}", field.name), secret));
        let source = SourceMap::default().add("--where", text);
        let literal = Literal {
            scalar: Scalar::String(text.to_owned()),
            annotation: None,
            span: Span::new(source, 0, text.len()),
            offsets: vec![(0, 0)],
        };
        let (checked, found) = expr::check(text, &literal, 0, &scope, &self.plan().types, Some(&Ty::Bool));
        checked.map(|checked| checked.expr).ok_or_else(|| {
            let why = found.first().map(|diagnostic| diagnostic.message.clone()).unwrap_or_default();
            Problem::usage(format!("the condition cannot be read for `{operation}`: {why}"))
                .help("it sees `effect`, the request of the operation that was done")
        })
    }
}

/// The run when it has ended or waits for a person; as far as it is, where that takes too long.
pub(super) async fn ended(engine: &Engine, started: &Started) -> Result<Option<RunSummary>, Problem> {
    let until = Instant::now() + PATIENCE;
    loop {
        let summary = engine.run(&started.run_id).await?.map(|details| details.summary);
        match &summary {
            Some(run) if run.status == RunStatus::Running && Instant::now() < until => tokio::time::sleep(LOOK).await,
            _ => return Ok(summary),
        }
    }
}

fn one_of_key(wanted: &Wanted, found: usize) -> Result<(), Problem> {
    match &wanted.effect {
        Some(key) if found == 0 => {
            Err(Problem::new(&run::UNKNOWN_EFFECT, format!("there is no such effect `{key}`"))
                .help("`tradewind log` prints keys of effects"))
        }
        Some(key) if found > 1 => {
            Err(Problem::new(&run::UNKNOWN_EFFECT, format!("the keys of several effects begin with `{key}`")).help("give more of the key"))
        }
        _ => Ok(()),
    }
}

fn not_started(error: StartError) -> Problem {
    match error {
        StartError::Store(error) => Problem::from(error),
        StartError::Input(why) => Problem::new(&run::NOTHING_TO_DO, why).refused(),
        other => Problem::broken(other.to_string()).help("run the same command again"),
    }
}
