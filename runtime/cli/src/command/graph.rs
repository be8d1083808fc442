//! `graph`: a flow's steps, their order, what guards them.

use crate::arguments::{Graph, GraphFormat, Place};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, say};
use crate::render;
use crate::repository::Repository;
use tradewind_lang::code::run;
use tradewind_lang::diagnostic::nearest;
use tradewind_lang::graph;
use tradewind_lang::plan::Plan;

pub(crate) fn run(place: &Place, options: &Graph) -> Outcome {
    let repository = Repository::open(place)?;
    let compiled = repository.compile(place.environment.as_deref());
    render::diagnostics(&compiled);
    let Some(plan) = &compiled.plan else { return Ok(Exit::Mistakes) };
    let flow = plan.flows.get(&options.flow).ok_or_else(|| unknown_flow(plan, &options.flow))?;
    match options.format {
        GraphFormat::Human => output::write(format_args!("{}", graph::text(plan, flow))),
        GraphFormat::Mermaid => output::write(format_args!("{}", graph::mermaid(plan, flow))),
        GraphFormat::Dot => output::write(format_args!("{}", graph::dot(plan, flow))),
        GraphFormat::Svg => output::write(format_args!("{}", graph::svg(plan, flow))),
        GraphFormat::Json => say!("{}", graph::json(plan, flow)),
    }
    Ok(Exit::Fine)
}

/// A flow that is not in the plan, with the nearest name.
pub(crate) fn unknown_flow(plan: &Plan, name: &str) -> Failure {
    let near = nearest(name, plan.flows.keys().map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
    let all = || format!("flows: {}", plan.flows.keys().cloned().collect::<Vec<_>>().join(", "));
    Failure::new(Exit::Usage, &run::UNKNOWN_FLOW, format!("there is no flow `{name}`")).help(near.unwrap_or_else(all))
}
