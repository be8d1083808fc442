//! `models eval`: how good each model is on rows it has not seen. One of this process is judged here, what is asked over a network in
//! `asked`.

mod asked;

use crate::arguments::{Format, Models, ModelsCommand, Place};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::say;
use crate::repository::Repository;
use crate::session::state_folder;
use asked::Wanted;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use tradewind_lang::code::run as code;
use tradewind_lang::plan::{Model, Plan, Rung};
use tradewind_models::{Evaluation, LocalModels};

pub(crate) fn run(place: &Place, options: &Models) -> Outcome {
    let ModelsCommand::Eval { model, route, rows, label, first, svg, precision, format } = &options.command;
    if !(0.0..=1.0).contains(precision) {
        return Err(Failure::new(Exit::Usage, &code::USAGE, "a precision lies between 0 and 1"));
    }
    let (repository, plan) = super::plan_of(place)?;
    let is_asked = |name: &String| plan.models.get(name).is_some_and(|model| model.remote.is_some());
    let name = route.as_ref().or(model.as_ref().filter(|name| is_asked(name)));
    let mut learned = Vec::new();
    let evaluations = match name {
        Some(name) => {
            let (rows, label) = (rows.clone(), label.as_deref());
            let wanted = Wanted { name, is_route: route.is_some(), rows, label, first: *first, precision: *precision };
            vec![super::block_on(asked::evaluate(&repository, &plan, place.environment.as_deref(), &wanted))??]
        }
        None => super::block_on(evaluate(&repository, &plan, (model.as_deref(), *precision), &mut learned))??,
    };
    if let Some((path, last)) = svg.as_ref().zip(evaluations.last()) {
        let written = std::fs::write(path, last.svg());
        written
            .map_err(|error| Failure::new(Exit::Tool, &code::CANNOT_WRITE, format!("`{}` cannot be written: {error}", path.display())))?;
    }
    match format {
        Format::Json => say!("{}", serde_json::json!({ "version": 1, "evaluations": evaluations, "learned": learned })),
        Format::Human => {
            learned.iter().for_each(|Learned { model, says }| say!("model {model}: {says}\n"));
            evaluations.iter().for_each(|evaluation| say!("{evaluation}"));
        }
    }
    Ok(Exit::Fine)
}

/// The labels that the flows ask of each model.
fn labels(plan: &Plan) -> BTreeMap<String, Vec<String>> {
    let mut asked = BTreeMap::new();
    for (labels, route) in plan.flows.values().flat_map(|flow| flow.steps.iter()).flat_map(|step| step.kind.classifies()) {
        let values = plan.types.enums.get(labels).cloned().unwrap_or_default();
        for rung in plan.routes.get(route).map(|route| route.rungs.as_slice()).unwrap_or_default() {
            // What learnt elsewhere has no rows here to be measured by.
            if let Rung::Candidate { model } = rung
                && plan.models.get(model).is_some_and(|model| model.remote.is_none())
            {
                asked.insert(model.clone(), values.clone());
            }
        }
    }
    asked
}

/// What a model says that it has learned.
#[derive(Serialize)]
struct Learned {
    model: String,
    says: String,
}

async fn evaluate(
    repository: &Repository,
    plan: &Plan,
    (only, precision): (Option<&str>, f64),
    learned: &mut Vec<Learned>,
) -> Result<Vec<Evaluation>, Failure> {
    let asked = labels(plan);
    if let Some(name) = only.filter(|name| !asked.contains_key(*name)) {
        let known = asked.keys().cloned().collect::<Vec<_>>().join(", ");
        return Err(
            Failure::new(Exit::Usage, &code::MODEL_FAILED, format!("no flow asks a model `{name}`")).help(format!("models: {known}"))
        );
    }
    let models = LocalModels::new(&repository.root, state_folder(repository, plan).join("models"));
    let mut evaluations = Vec::new();
    for (name, labels) in asked.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        let Some(model) = plan.models.get(name) else { continue };
        let failed = |error| Failure::new(Exit::Tool, &code::MODEL_FAILED, error);
        if let Some(says) = models.learned(model, labels).await.map_err(failed)? {
            learned.push(Learned { model: name.clone(), says });
            // What learns from numbers needs no labels, and is judged only where there are some.
            if !is_labelled(repository, model) {
                continue;
            }
        }
        evaluations.push(models.evaluate(model, labels, precision).await.map_err(failed)?);
    }
    Ok(evaluations)
}

/// Whether there are rows beside a model's own by which it can be judged.
fn is_labelled(repository: &Repository, model: &Model) -> bool {
    let rows = repository.root.join(&model.rows);
    let folder = rows.parent().unwrap_or(Path::new("."));
    ["threshold.jsonl", "heldout.jsonl"].iter().all(|name| folder.join(name).exists())
}
