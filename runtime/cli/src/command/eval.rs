//! `eval`: the type and the value of an expression where it stands, and why. It runs nothing and asks no model.

use crate::arguments::{Eval, Format, Place};
use crate::desk::Request;
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{printable, say, tell};
use crate::render;
use crate::{inputs, report};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tradewind_lang::code::run as code;
use tradewind_lang::conform::{self, Problem};
use tradewind_lang::diagnostic::{Diagnostic, nearest};
use tradewind_lang::explain::{self, Explained, Known};
use tradewind_lang::expr::Scope;
use tradewind_lang::plan::{Flow, Plan};
use tradewind_lang::source::SourceMap;
use tradewind_lang::ty::{Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

pub(crate) fn run(place: &Place, options: &Eval) -> Outcome {
    let (_, plan) = super::plan_of(place)?;
    let (flow, step) = match &options.location {
        Some(location) => located(&plan, location)?,
        None => (None, None),
    };
    let scope = flow.map_or_else(|| explain::bare_scope(&plan), |flow| explain::scope_of(&plan, flow, step));
    let known = known(place, options, &plan, flow, &scope)?;
    let text = options.expression.strip_prefix('=').unwrap_or(&options.expression);
    let mut sources = SourceMap::default();
    let source = sources.add("expression", text);
    // A plan keeps the rates of exchange beside its types: an expression takes in those that it needs.
    let types = TypeTable { exchanges: plan.project.exchanges.clone(), ..plan.types.clone() };
    match explain::explain(text, source, &scope, &types, &known, options.explain) {
        Ok((parts, warnings)) => {
            render::list(&warnings, &sources, false);
            Ok(print(text, &parts, options))
        }
        Err(mistakes) => {
            refuse(&mistakes, &sources, options.format);
            Ok(Exit::Mistakes)
        }
    }
}

/// The flow and the step that a place names.
fn located<'p>(plan: &'p Plan, location: &str) -> Result<(Option<&'p Flow>, Option<usize>), Failure> {
    let (name, step) = location.split_once('.').map_or((location, None), |(flow, step)| (flow, Some(step)));
    let flow = plan.flows.get(name).ok_or_else(|| super::graph::unknown_flow(plan, name))?;
    let Some(step) = step else { return Ok((Some(flow), None)) };
    let at = flow.steps.iter().position(|own| own.name == step).ok_or_else(|| {
        let names = || flow.steps.iter().map(|own| own.name.as_str());
        let near = nearest(step, names()).map(|near| format!("did you mean `{near}`?"));
        let failure = Failure::new(Exit::Usage, &code::USAGE, format!("the flow `{name}` has no step `{step}`"));
        failure.help(near.unwrap_or_else(|| format!("its steps: {}", names().collect::<Vec<_>>().join(", "))))
    })?;
    Ok((Some(flow), Some(at)))
}

/// Every value that is given, and those that are known without: the settings, the time.
fn known(place: &Place, options: &Eval, plan: &Plan, flow: Option<&Flow>, scope: &Scope) -> Result<Known, Failure> {
    let settings: Record = plan.project.settings.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut known = Known::default();
    known.set("settings", Value::Record(Arc::new(settings)));
    let mut ran: Vec<(String, Value)> = Vec::new();
    if let Some(flow) = flow {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0));
        let run = [("id", Value::string("eval")), ("now", Value::Timestamp(micros)), ("flow", Value::string(flow.name.as_str()))];
        known.set("run", Value::record(run));
    }
    if let Some(id) = &options.run {
        let answer = super::ask(place, Request::Run { id: id.clone(), open: true }, false)?;
        from_run(&answer, plan, scope, &mut known, &mut ran)?;
    }
    if let Some(file) = &options.input {
        let Some(flow) = flow else { return Err(usage("--input needs a flow".to_owned(), "name it with --in FLOW")) };
        let first = inputs::read(file, &flow.input, plan)?.into_iter().next();
        let line = first.ok_or_else(|| bad(format!("`{}` holds no input", file.display())))?;
        known.set("input", line.input.map_err(|why| bad(format!("the input in `{}`: {why}", file.display())))?);
    }
    for given in &options.set {
        let (name, json) =
            given.split_once('=').ok_or_else(|| usage(format!("`{given}` is not NAME=JSON"), "such as `kind={\"label\": \"praise\"}`"))?;
        let value = typed(name, &read(json), plan, scope)?;
        ran.push((name.to_owned(), state("done")));
        known.set(name, value);
    }
    if known.get("steps").is_none() {
        known.set("steps", Value::Record(Arc::new(ran.into_iter().collect())));
    }
    Ok(known)
}

/// JSON, or text where it is none.
fn read(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_owned()))
}

/// A value of a name in scope.
fn typed(name: &str, json: &Json, plan: &Plan, scope: &Scope) -> Result<Value, Failure> {
    let Some(variable) = scope.get(name) else {
        let names = || scope.variables.iter().map(|variable| variable.name.as_str());
        let near = nearest(name, names()).map(|near| format!("did you mean `{near}`?"));
        let all = || format!("in scope: {}", names().collect::<Vec<_>>().join(", "));
        return Err(usage(format!("there is no `{name}` here"), &near.unwrap_or_else(all)));
    };
    partial(json, &variable.ty, &plan.types).map_err(|why| bad(format!("`{name}`: {why}")))
}

/// A value that is given by hand need not be complete: a field that it lacks has no value.
fn partial(json: &Json, ty: &Ty, types: &TypeTable) -> Result<Value, String> {
    let settled = if let Ty::Optional(inner) = ty { inner } else { ty };
    let fields: Option<Vec<(&str, &Ty, bool)>> = match settled {
        Ty::Object(fields) => Some(fields.iter().map(|(own, ty)| (own.as_str(), ty, false)).collect()),
        Ty::Record(name) => {
            let record = types.records.get(name);
            record.map(|record| record.fields.iter().map(|own| (own.name.as_str(), &own.ty, own.marks.secret)).collect())
        }
        _ => None,
    };
    let (Some(fields), Json::Object(given)) = (fields, json) else {
        return conform::from_answer(json, ty, types).map_err(|problems| told(&problems));
    };
    let mut record = Record::default();
    for (name, json) in given {
        let near = || nearest(name, fields.iter().map(|(own, ..)| *own)).map(|near| format!("; did you mean `{near}`?"));
        let Some((_, ty, secret)) = fields.iter().find(|(own, ..)| own == name) else {
            return Err(format!("there is no field `{name}`{}", near().unwrap_or_default()));
        };
        let told = |why: String| format!("{name}: {}", if *secret { conform::UNTOLD } else { &why });
        record.set(name, partial(json, ty, types).map_err(told)?);
    }
    Ok(Value::Record(Arc::new(record)))
}

fn told(problems: &[Problem]) -> String {
    let each = problems.iter().map(|problem| match problem.path.as_str() {
        "" => problem.reason.clone(),
        path => format!("{path}: {}", problem.reason),
    });
    each.collect::<Vec<_>>().join("; ")
}

/// The input and the values of a run, as far as they are in scope.
fn from_run(answer: &Json, plan: &Plan, scope: &Scope, known: &mut Known, ran: &mut Vec<(String, Value)>) -> Result<(), Failure> {
    if let Some(input) = answer.get("input") {
        known.set("input", typed("input", input, plan, scope)?);
    }
    for step in answer.get("steps").and_then(Json::as_array).into_iter().flatten() {
        let text = |name: &str| step.get(name).and_then(Json::as_str).unwrap_or_default();
        let (name, status) = (text("name"), text("status"));
        if scope.get(name).is_none() || !matches!(status, "done" | "skipped" | "denied" | "failed") {
            continue;
        }
        ran.push((name.to_owned(), state(status)));
        known.set(name, typed(name, step.get("value").unwrap_or(&Json::Null), plan, scope).unwrap_or(Value::Null));
    }
    Ok(())
}

/// What `steps.NAME` says of a step.
fn state(status: &str) -> Value {
    let flag = |name: &'static str, of: &str| (name, Value::Bool(status == of));
    Value::record([flag("ran", "done"), flag("denied", "denied"), flag("failed", "failed"), ("settled_by", Value::string(""))])
}

fn bad(message: String) -> Failure {
    Failure::new(Exit::Mistakes, &code::BAD_INPUT, message)
}

fn usage(message: String, help: &str) -> Failure {
    Failure::new(Exit::Usage, &code::USAGE, message).help(help)
}

fn refuse(mistakes: &[Diagnostic], sources: &SourceMap, format: Format) {
    match format {
        Format::Human => render::list(mistakes, sources, false),
        Format::Json => {
            let each: Vec<Json> = mistakes.iter().map(|found| report::json::one(found, sources)).collect();
            say!("{}", json!({ "version": 1, "diagnostics": each }));
        }
    }
}

fn print(text: &str, parts: &[Explained], options: &Eval) -> Exit {
    if options.format == Format::Json {
        let mut whole = parts.first().map(as_json).unwrap_or_default();
        if let Some(fields) = whole.as_object_mut() {
            fields.insert("version".to_owned(), json!(1));
            fields.insert("expression".to_owned(), json!(text));
            fields.insert("parts".to_owned(), parts.iter().skip(1).map(as_json).collect());
        }
        say!("{whole}");
    } else {
        for part in parts {
            let indent = "  ".repeat(part.depth);
            let name = if options.explain { format!("{}: ", printable(&on_one_line(&part.text))) } else { String::new() };
            let value = match &part.value {
                Some(Ok(value)) => format!(" = {}", conform::to_json(value)),
                Some(Err(error)) => format!(", no value: {}", error.0),
                None => String::new(),
            };
            say!("{indent}{name}{}{value}", part.ty);
            if let Some(decided) = &part.decided {
                let item = decided.item.as_ref().map(|item| format!(": {}", conform::to_json(item))).unwrap_or_default();
                say!("{indent}  because {}{item}", decided.why);
            }
        }
    }
    match parts.first().and_then(|whole| whole.value.as_ref()) {
        Some(Err(error)) => {
            tell!("the expression has no value: {}", error.0);
            Exit::Mistakes
        }
        _ => Exit::Fine,
    }
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn as_json(part: &Explained) -> Json {
    let value = part.value.as_ref().and_then(|value| value.as_ref().ok()).map(conform::to_json);
    let error = part.value.as_ref().and_then(|value| value.as_ref().err()).map(|error| error.0.clone());
    let decided = part
        .decided
        .as_ref()
        .map(|decided| json!({ "index": decided.index, "item": decided.item.as_ref().map(conform::to_json), "why": decided.why }));
    json!({ "text": part.text, "depth": part.depth, "type": part.ty.to_string(), "known": part.value.is_some(), "value": value, "error": error, "decided": decided })
}
