//! `test`: the scenarios of the repository, each on an engine of its own.

use crate::arguments::{Place, Test, TestFormat};
use crate::exit::{Exit, Failure, Outcome};
use crate::output::{self, say};
use crate::render;
use crate::report::junit::{self, Case};
use crate::repository::Repository;
use crate::scenario;
use crate::session::state_folder;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_engine::ports::Models;
use tradewind_lang::code::run as code;
use tradewind_lang::scenario::Scenario;
use tradewind_models::LocalModels;

pub(crate) fn run(place: &Place, options: &Test) -> Outcome {
    let repository = Repository::open(place)?;
    let compiled = repository.compile(place.environment.as_deref());
    render::diagnostics(&compiled);
    let Some(plan) = compiled.plan.clone() else { return Ok(Exit::Mistakes) };
    if compiled.scenarios.is_empty() {
        return Err(Failure::new(Exit::Usage, &code::USAGE, "the repository has no scenario")
            .help("a `scenario` node beside a flow says what goes in and what must come of it"));
    }
    let wanted = |name: &str| options.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    let scenarios: Vec<_> = compiled.scenarios.iter().filter(|scenario| wanted(&scenario.name)).collect();
    if scenarios.is_empty() {
        return Err(Failure::new(Exit::Usage, &code::USAGE, "no scenario has such a name")
            .help("`tradewind test` without a filter runs and names them all"));
    }
    for scenario in &scenarios {
        crate::lacking::check_scenario(&compiled, scenario)?;
        if let Some(flow) = plan.flows.get(&scenario.flow) {
            crate::lacking::check(&compiled, &plan, flow)?;
        }
    }
    let models: Arc<dyn Models> = Arc::new(LocalModels::new(&repository.root, state_folder(&repository, &plan).join("models")));
    let plan = Arc::new(plan);
    let mut results = Vec::new();
    super::block_on_stage(async {
        for scenario in &scenarios {
            let began = Instant::now();
            let missed = scenario::run(&plan, scenario, models.clone()).await;
            results.push((*scenario, missed, began.elapsed()));
        }
    })?;
    Ok(print(&results, options.format))
}

/// A scenario, what did not hold, and how long it took.
type Played<'a> = (&'a Scenario, Vec<String>, Duration);

fn print(results: &[Played<'_>], format: TestFormat) -> Exit {
    let failed = results.iter().filter(|(_, missed, _)| !missed.is_empty()).count();
    match format {
        TestFormat::Json => {
            let each = results.iter().map(|(scenario, missed, took)| {
                json!({ "name": scenario.name, "path": scenario.location.0, "line": scenario.location.1, "passed": missed.is_empty(), "missed": missed, "seconds": took.as_secs_f64() })
            });
            say!("{}", json!({ "version": 1, "scenarios": each.collect::<Vec<_>>() }));
        }
        TestFormat::Human => {
            for (scenario, missed, _) in results {
                say!("{} {}", if missed.is_empty() { "ok    " } else { "FAILED" }, scenario.name);
                missed.iter().for_each(|why| say!("         {why}"));
            }
            say!("{} passed, {failed} failed", results.len() - failed);
        }
        TestFormat::Junit => {
            let cases: Vec<Case> = results.iter().map(case).collect();
            output::write(format_args!("{}", junit::document("tradewind test", &cases)));
        }
    }
    if failed > 0 { Exit::Failed } else { Exit::Fine }
}

fn case((scenario, missed, took): &Played<'_>) -> Case {
    let outcome = match missed.first() {
        None => junit::Outcome::Passed,
        Some(first) => junit::Outcome::Failed("expectation".to_owned(), first.clone(), missed.join("\n")),
    };
    Case { file: scenario.location.0.clone(), name: scenario.name.clone(), took: *took, outcome }
}
