//! `models eval` of what is asked over a network, and of whole routes: every row is a run of a flow that does nothing but ask, on the real
//! engine with a log that is forgotten. So the ladder, its budgets, caches and breakers are measured as they are, with what they cost.

use crate::exit::{Exit, Failure};
use crate::repository::Repository;
use crate::session::{Options, Session, store_failure};
use std::path::PathBuf;
use std::time::Duration;
use tradewind_engine::summary::{RunStatus, RunSummary};
use tradewind_lang::code::run as code;
use tradewind_lang::plan::{Gate, INSTANT, Model, Plan, Rung};
use tradewind_lang::value::Value;
use tradewind_models::{Answered, Evaluation, Judged, LabelledRow, Prediction, evaluate_asked, read_rows};

/// The file, the flow and the route of an evaluation: no repository has such a file, as it is never written.
const FILE: &str = "models-eval.kdl";
const FLOW: &str = "models-eval";
/// Rows that are asked about at once.
const AT_ONCE: usize = 8;
/// How long those may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is to be evaluated.
pub(super) struct Wanted<'a> {
    /// A model behind a network, or a route.
    pub(super) name: &'a str,
    pub(super) is_route: bool,
    /// The labelled rows, and the label that is looked at.
    pub(super) rows: Option<PathBuf>,
    pub(super) label: Option<&'a str>,
    /// Only the first so many.
    pub(super) first: Option<usize>,
    pub(super) precision: f64,
}

/// The figures of a model behind a network, or of a route.
pub(super) async fn evaluate(
    repository: &Repository,
    plan: &Plan,
    environment: Option<&str>,
    wanted: &Wanted<'_>,
) -> Result<Evaluation, Failure> {
    let refused = |message: String| Failure::new(Exit::Usage, &code::MODEL_FAILED, message);
    if plan.project.twins {
        let message = "twins stand for the models of this environment, and say nothing of them".to_owned();
        return Err(refused(message).help("name an environment without twins: `--environment NAME`"));
    }
    let (values, route) = labels_of(plan, wanted).ok_or_else(|| refused(format!("no flow asks `{}` for a label", wanted.name)))?;
    let labels = plan.types.enums.get(&values).cloned().unwrap_or_default();
    let (path, label) = rows_of(repository, plan, wanted, &route).ok_or_else(|| {
        refused(format!("nothing says which rows `{}` is measured by", wanted.name)).help("write `--rows FILE --label NAME`")
    })?;
    let gate = local(plan, &route).and_then(|model| model.gate.clone());
    let numbers = gate.as_ref().map_or(&[][..], |gate| &gate.asked);
    let mut rows = read_rows(&path, &label, &labels, numbers).map_err(refused)?;
    rows.truncate(wanted.first.unwrap_or(usize::MAX));
    let plan = with_flow(repository, environment, wanted, (&values, gate.as_ref()))?;
    let inputs: Vec<Value> = rows.iter().zip(0..).map(|(row, number)| input(row, number, numbers)).collect();
    let (judged, answered) = ask(repository, plan, &labels, (&rows, inputs)).await?;
    evaluate_asked(wanted.name, &labels, &judged, answered, wanted.precision).map_err(refused)
}

/// The enum that a step asks it for, and the route by which.
fn labels_of(plan: &Plan, wanted: &Wanted<'_>) -> Option<(String, String)> {
    let steps = plan.flows.values().flat_map(|flow| flow.steps.iter());
    let asked = steps.flat_map(|step| step.kind.classifies()).find(|(_, route)| match wanted.is_route {
        true => *route == wanted.name,
        false => candidates(plan, route).any(|model| model == wanted.name),
    });
    asked.map(|(labels, route)| (labels.to_owned(), route.to_owned()))
}

fn candidates<'a>(plan: &'a Plan, route: &str) -> impl Iterator<Item = &'a String> {
    let rungs = plan.routes.get(route).map(|route| route.rungs.as_slice()).unwrap_or_default();
    rungs.iter().filter_map(|rung| if let Rung::Candidate { model } = rung { Some(model) } else { None })
}

/// The first model of this process on a route; all of them read the same numbers.
fn local<'a>(plan: &'a Plan, route: &str) -> Option<&'a Model> {
    candidates(plan, route).filter_map(|model| plan.models.get(model)).find(|model| model.remote.is_none()).map(|model| &**model)
}

/// What a row asks: its text, its number among the rows, and the numbers that are read.
fn input(row: &LabelledRow, number: i64, numbers: &[String]) -> Value {
    let mut input = vec![("text".to_owned(), Value::string(row.text.as_str())), ("row".to_owned(), Value::Int(number))];
    let names = numbers.iter().filter(|name| *name != INSTANT);
    input.extend(names.zip(&row.numbers).map(|(name, value)| (field_of(name), Value::Double(*value))));
    input.extend(row.at.map(|at| (field_of(INSTANT), Value::Timestamp(at))));
    Value::record(input.iter().map(|(name, value)| (name.as_str(), value.clone())))
}

/// The field of the input that holds a number.
fn field_of(name: &str) -> String {
    format!("number_{name}")
}

/// What is asked for a label: the text unless nothing reads it, and the numbers that are read. With the fields of the input for them.
fn question(gate: Option<&Gate>) -> (String, String) {
    let names = gate.map_or(&[][..], |gate| &gate.asked);
    let ty = |name: &str| if name == INSTANT { "timestamp?" } else { "double" };
    let fields = names.iter().map(|name| format!("; field \"{}\" {}", field_of(name), ty(name))).collect();
    let value = |name: &str| if name == INSTANT { ".or(run.now)" } else { "" };
    let given: String = names.iter().map(|name| format!(" {name}=\"=input.{}{}\"", field_of(name), value(name))).collect();
    let text = if gate.is_some_and(|gate| gate.learns.reads_no_text()) { "" } else { " text=\"=input.text\"" };
    let numbers = if names.is_empty() { String::new() } else { format!(" {{ numbers{given} }}") };
    (fields, format!("{text}{numbers}"))
}

/// The rows that were named; else those that were held out beside the rows of a model of this process on the same route.
fn rows_of(repository: &Repository, plan: &Plan, wanted: &Wanted<'_>, route: &str) -> Option<(PathBuf, String)> {
    let local = local(plan, route);
    let label = wanted.label.map(str::to_owned).or_else(|| local.map(|model| model.label.clone()))?;
    let beside = || Some(repository.root.join(&local?.rows).parent()?.join("heldout.jsonl"));
    Some((wanted.rows.clone().or_else(beside)?, label))
}

/// The repository's plan with a flow that asks for the label of a text, and nothing else.
fn with_flow(
    repository: &Repository,
    environment: Option<&str>,
    wanted: &Wanted<'_>,
    (values, gate): (&str, Option<&Gate>),
) -> Result<Plan, Failure> {
    let (fields, question) = question(gate);
    let (own, route) = match wanted.is_route {
        true => (String::new(), wanted.name.to_owned()),
        false => {
            (format!("route \"{FLOW}\" needs=classify {{ candidate \"{}\"; fail \"it gave no label\" }}\n", wanted.name), FLOW.to_owned())
        }
    };
    let text = format!(
        "{own}flow \"{FLOW}\" {{\n    summary \"Ask for a label\"\n    input {{ field \"text\" string; field \"row\" int{fields} }}\n    key \"=string(input.row)\"\n    decide \"said\" {{ classify \"{values}\" route=\"{route}\"{question} }}\n    output {{ label \"=said.label\"; confidence \"=said.confidence\"; by \"=said.by\" }}\n}}\n"
    );
    let mut repository = repository.clone();
    repository.configuration.push((FILE.to_owned(), text));
    let compiled = repository.compile(environment);
    compiled.plan.ok_or_else(|| {
        let said = compiled.diagnostics.iter().find(|found| found.severity() == tradewind_lang::diagnostic::Severity::Error);
        let why = said.map_or_else(String::new, |found| format!(": {} {}", found.code.id, found.message));
        Failure::new(Exit::Mistakes, &code::CONFIGURATION, format!("a flow that only asks `{}` has mistakes{why}", wanted.name))
    })
}

/// Rows, and what each asks.
type Asking<'a> = (&'a [LabelledRow], Vec<Value>);

async fn ask(repository: &Repository, plan: Plan, labels: &[String], rows: Asking<'_>) -> Result<(Vec<Judged>, Answered), Failure> {
    let session = Session::open(repository, plan, Options::work(true, AT_ONCE)).await?;
    let asked = ask_all(&session, labels, rows).await;
    session.close().await?;
    asked
}

/// A few rows at a time: the time that a run waits for others is none of what it asked.
async fn ask_all(session: &Session, labels: &[String], (rows, mut inputs): Asking<'_>) -> Result<(Vec<Judged>, Answered), Failure> {
    let failed = |error: String| Failure::new(Exit::Tool, &code::MODEL_FAILED, error);
    let (mut judged, mut answered) = (Vec::new(), Answered::default());
    for (begin, some) in rows.chunks(AT_ONCE).enumerate() {
        let mut started = Vec::new();
        for (place, input) in inputs.drain(..some.len()).enumerate() {
            let submitted = session.engine.submit(FLOW, input, "models-eval").await;
            started.push(submitted.map_err(|error| failed(format!("row {}: {error}", begin * AT_ONCE + place + 1)))?);
        }
        let mut runs = Vec::new();
        for submitted in started {
            runs.push(submitted.durable().await.map_err(|error| failed(error.to_string()))?.run_id);
        }
        // A person may be at the end of a ladder: nobody answers here, and the row has no label.
        tokio::select! {
            done = session.engine.wait_idle() => done.map_err(store_failure)?,
            () = tokio::time::sleep(PATIENCE) => {}
        }
        for (run, row) in runs.iter().zip(some) {
            let Some(run) = session.engine.run(run).await.map_err(store_failure)? else { continue };
            judged.push(judge(&run.summary, row, labels, &mut answered));
        }
    }
    Ok((judged, answered))
}

/// What a run came to. No label is a wrong one of which nobody was sure.
fn judge(run: &RunSummary, row: &LabelledRow, labels: &[String], answered: &mut Answered) -> Judged {
    let text = |name: &str| run.output.get(name).and_then(Value::as_str).unwrap_or_default();
    let said = labels.iter().position(|label| label == text("label"));
    let confidence = if let Some(Value::Double(confidence)) = run.output.get("confidence") { *confidence } else { 0.0 };
    match (run.status, said) {
        (RunStatus::Completed, Some(_)) => {
            *answered.by.entry(text("by").to_owned()).or_default() += 1;
            answered.took.push(Duration::from_micros(u64::try_from(run.updated_at - run.started_at).unwrap_or(0)));
        }
        _ => {
            let why = run.failure.as_ref().map_or_else(|| run.status.as_str().to_owned(), ToString::to_string);
            *answered.silent.entry(why).or_default() += 1;
        }
    }
    answered.cost = match (answered.cost, run.cost) {
        (Some(sum), Some(cost)) => sum.plus(cost).or(Some(sum)),
        (sum, cost) => sum.or(cost),
    };
    let confidence = if said.is_some() { confidence } else { 0.0 };
    Judged { truth: row.truth, prediction: Prediction { label: said.unwrap_or(labels.len()), confidence, probabilities: Vec::new() } }
}
