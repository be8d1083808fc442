//! Refuses a flow that this version checks and cannot run yet, before anything starts. What it lacks is the plan's to say.

use crate::exit::{Exit, Failure};
use crate::render;
use std::collections::BTreeSet;
use std::sync::Arc;
use tradewind_lang::code::run as code;
use tradewind_lang::compile::Compiled;
use tradewind_lang::diagnostic::Diagnostic;
use tradewind_lang::plan::{Flow, Lacking, Plan, Rollout, StepKind};
use tradewind_lang::scenario::Scenario;
use tradewind_lang::source::{SourceId, Span};

/// Fails where the flow needs what this version lacks; every place was then shown.
pub(crate) fn check(compiled: &Compiled, plan: &Plan, flow: &Flow) -> Result<(), Failure> {
    let lacking = plan.not_runnable(flow);
    let Some(first) = lacking.first() else { return Ok(()) };
    let found: Vec<Diagnostic> = lacking.iter().map(|lacking| diagnostic(compiled, lacking)).collect();
    render::list(&found, &compiled.sources, render::colours());
    let message = format!("`{}` cannot be run: {}", flow.name, sentence(&first.what));
    Err(Failure::new(Exit::Mistakes, &code::NOT_RUNNABLE, message).help("`tradewind check` and `tradewind graph` work for it as ever"))
}

/// The same of a scenario.
pub(crate) fn check_scenario(compiled: &Compiled, scenario: &Scenario) -> Result<(), Failure> {
    let lacking = scenario.not_playable();
    let Some(first) = lacking.first() else { return Ok(()) };
    let span = line_of(compiled, &scenario.location.0, scenario.location.1).unwrap_or(Span::new(SourceId(0), 0, 0));
    let found = lacking.iter().map(|what| Diagnostic::new(&code::NOT_RUNNABLE, span, sentence(what)).label("cannot be played yet"));
    render::list(&found.collect::<Vec<_>>(), &compiled.sources, render::colours());
    let message = format!("the scenario `{}` cannot be played: {}", scenario.name, sentence(first));
    Err(Failure::new(Exit::Mistakes, &code::NOT_RUNNABLE, message).help("name the scenarios that can: `tradewind test FILTER`"))
}

/// For whoever checks: which flows are checked and will be refused by `run`, a line each, and for what.
pub(crate) fn lines(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for flow in plan.flows.values() {
        let mut what: Vec<String> = plan.not_runnable(flow).into_iter().map(|lacking| lacking.what).collect();
        what.sort();
        what.dedup();
        if !what.is_empty() {
            lines.push(format!("this version checks the flow `{}` but cannot run it yet: {}", flow.name, what.join(", ")));
        }
    }
    lines.extend(unwatched(plan));
    lines
}

/// Rollouts that flows divide by, a line each: that they have guards is not that somebody watches them.
pub(crate) fn unwatched(plan: &Plan) -> Vec<String> {
    let steps = plan.flows.values().flat_map(|flow| flow.steps.iter().chain(&flow.terms.on_failure));
    let used: BTreeSet<&String> = steps
        .filter_map(|step| match &step.kind {
            StepKind::Split(split) => Some(&split.rollout),
            _ => None,
        })
        .collect();
    let found = used.into_iter().filter_map(|name| plan.rollouts.get(name));
    let line = |rollout: &Arc<Rollout>| {
        let share = rollout.stages.first().map_or(0.0, |stage| stage.share) * 100.0;
        format!("the rollout `{}` stays at its first stage, {share} %: this version watches no guard and moves no rollout on", rollout.name)
    };
    found.map(line).collect()
}

fn sentence(what: &str) -> String {
    format!("this version checks {what} but cannot run it yet")
}

fn diagnostic(compiled: &Compiled, lacking: &Lacking) -> Diagnostic {
    let place = compiled.locations.0.get(&lacking.place);
    let span = place.and_then(|(path, line)| line_of(compiled, path, *line)).unwrap_or(Span::new(SourceId(0), 0, 0));
    Diagnostic::new(&code::NOT_RUNNABLE, span, sentence(&lacking.what)).label("cannot be run yet")
}

/// A line without the blanks around it.
fn line_of(compiled: &Compiled, path: &str, line: usize) -> Option<Span> {
    let (id, source) = compiled.sources.iter().find(|(_, source)| source.path == path)?;
    let mut start = 0;
    for (number, text) in source.text.split_inclusive('\n').enumerate() {
        if number + 1 == line {
            let from = start + (text.len() - text.trim_start().len());
            return Some(Span::new(id, from, (start + text.trim_end().len()).max(from)));
        }
        start += text.len();
    }
    None
}
