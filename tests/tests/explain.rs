//! What `eval` offers as the scope of a step is what the compiler gave it: every expression of the shipped flow holds there.
#![cfg(test)]

use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::explain::{Known, explain, scope_of};
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::StepKind;
use tradewind_lang::source::SourceId;
use tradewind_tests::root;

#[test]
fn every_expression_of_a_step_holds_in_its_scope() {
    let paths = ["tradewind.kdl", "policies/refunds.kdl", "flows/returns-triage/flow.kdl"];
    let configuration: Vec<(String, String)> =
        paths.iter().map(|path| ((*path).to_owned(), std::fs::read_to_string(root().join(path)).unwrap())).collect();
    let read = |path: &str| std::fs::read_to_string(root().join(path)).ok();
    let library = tradewind_stdlib::LIBRARY;
    let compiled = compile(&Repository { configuration: &configuration, library, read: &read, environment: None });
    let plan = compiled.plan.expect("the shipped flow compiles");
    let flow = &plan.flows["returns-triage"];
    let mut seen = 0;
    let mut holds = |at: Option<usize>, expr: &Expr| {
        if expr.source.is_empty() {
            return;
        }
        seen += 1;
        let found = explain(&expr.source, SourceId(0), &scope_of(&plan, flow, at), &plan.types, &Known::default(), true);
        let (parts, _) = found.unwrap_or_else(|mistakes| panic!("{at:?} `{}`: {mistakes:?}", expr.source));
        assert!(parts.len() > 1 || !expr.source.contains(' '), "`{}` has no parts", expr.source);
    };
    for (at, step) in flow.steps.iter().enumerate() {
        step.when.iter().for_each(|when| holds(Some(at), when));
        match &step.kind {
            StepKind::Let { value } => holds(Some(at), value),
            StepKind::Call { request, .. } => request.iter().for_each(|(_, expr)| holds(Some(at), expr)),
            StepKind::Act { request, evidence, .. } => request.iter().chain(evidence).for_each(|(_, expr)| holds(Some(at), expr)),
            StepKind::Rules { rules, otherwise } => {
                rules.iter().for_each(|rule| holds(Some(at), &rule.when));
                holds(Some(at), otherwise);
            }
            StepKind::Reflect { requires, .. } => requires.iter().for_each(|require| holds(Some(at), &require.when)),
            _ => {}
        }
    }
    flow.output.iter().for_each(|(_, expr)| holds(None, expr));
    assert!(seen >= 20, "only {seen} expressions were looked at");
}
