//! `simulate`: says what a flow would do with the inputs of a file. Nothing leaves, nothing is kept.

use crate::arguments::Format;
use crate::arguments::Place;
use crate::arguments::simulating::Simulate;
use crate::exit::{Exit, Failure, Outcome};
use crate::inputs;
use crate::output::{self, say, tell};
use crate::render;
use crate::repository::Repository;
use crate::session::state_folder;
use crate::simulate::{self, Scratch, Terms};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tradewind_connectors::twin::TwinWorld;
use tradewind_lang::code::run as code;
use tradewind_lang::literal;
use tradewind_lang::plan::{Flow, Plan, StepKind};

pub(crate) fn run(place: &Place, options: &Simulate) -> Outcome {
    let repository = Repository::open(place)?;
    let compiled = repository.compile(place.environment.as_deref());
    render::diagnostics(&compiled);
    let Some(plan) = compiled.plan.clone() else { return Ok(Exit::Mistakes) };
    let flow = plan.flows.get(&options.flow).ok_or_else(|| super::graph::unknown_flow(&plan, &options.flow))?.clone();
    crate::lacking::check(&compiled, &plan, &flow)?;
    played_by_twins(&plan, &flow)?;
    let usage = |message: String| Failure::new(Exit::Usage, &code::USAGE, message);
    let faults = options.fault.iter().map(|text| simulate::fault(text, &plan).map_err(usage)).collect::<Result<_, _>>()?;
    let mut lines = inputs::read(&options.input, &flow.input, &plan)?;
    let at = match &options.at {
        Some(text) => literal::timestamp(text)
            .ok_or_else(|| usage(format!("`{text}` is no timestamp")).help("write it such as 2026-03-01T09:00:00Z"))?,
        None => simulate::newest(&lines),
    };
    let failed = |message: String| Failure::new(Exit::Tool, &code::STORE_FAILED, message);
    let world = seeded(&plan, &repository.root).map_err(failed)?;
    let scratch = Scratch::new(&state_folder(&repository, &plan).join("models")).map_err(failed)?;
    let plan = Arc::new(plan);
    let terms = Terms { until: options.until, faults, at };
    let playing = simulate::play((&repository.root, &scratch), &plan, &options.flow, &mut lines, (world, terms));
    let told = super::block_on_stage(playing)?.map_err(failed)?;
    let rejected: Vec<_> = lines.iter().filter_map(|line| Some((line.number, line.input.as_ref().err()?))).collect();
    for (number, why) in &rejected {
        tell!("{}:{number}: error[{}]: {}", options.input.display(), code::BAD_INPUT.id, output::printable(why));
    }
    match options.format {
        Format::Human => output::write(format_args!("{}", told.text(rejected.len()))),
        Format::Json => say!("{}", told.json(rejected.len())),
    }
    Ok(match (rejected.is_empty(), told.has_failures()) {
        (false, _) => Exit::Mistakes,
        (true, true) => Exit::Failed,
        (true, false) => Exit::Fine,
    })
}

/// Refuses a flow that reaches an operation of which there is no twin: what the provider would say is not known.
fn played_by_twins(plan: &Plan, flow: &Flow) -> Result<(), Failure> {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![flow.name.as_str()]);
    while let Some(name) = waiting.pop().filter(|_| seen.len() <= plan.flows.len()) {
        let Some(flow) = plan.flows.get(name).filter(|_| seen.insert(name)) else { continue };
        for step in flow.steps.iter().chain(&flow.terms.on_failure) {
            if let Some(of) = operations(&step.kind).into_iter().find(|of| !TwinWorld::plays(of)) {
                let message = format!("no twin plays `{of}`, which `{}` of `{}` calls", step.name, flow.name);
                return Err(Failure::new(Exit::Mistakes, &code::NO_TWIN, message)
                    .help("a scenario can say what a step comes to: `mock`, and `tradewind test` plays it"));
            }
            if let StepKind::Begin(begin) = &step.kind {
                waiting.push(&begin.flow);
            }
        }
    }
    Ok(())
}

/// The operations that a step calls, or lets a model call.
fn operations(kind: &StepKind) -> Vec<&str> {
    match kind {
        StepKind::Call { operation, .. } | StepKind::Act { operation, .. } => vec![operation],
        StepKind::Agent(acting) => acting.tools.iter().map(|tool| tool.operation.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// The world as the environment seeds it.
fn seeded(plan: &Plan, root: &Path) -> Result<TwinWorld, String> {
    let mut world = TwinWorld::default();
    let Some(path) = plan.project.seeds.get("shop.order").map(|orders| root.join(orders)) else { return Ok(world) };
    let text = std::fs::read_to_string(&path).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let order = serde_json::from_str(line).map_err(|error| error.to_string());
        let seeded = order.and_then(|order| world.seed_order(&order));
        seeded.map_err(|why| format!("{}:{}: {why}", path.display(), at + 1))?;
    }
    Ok(world)
}
