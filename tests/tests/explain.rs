//! What `eval` offers as the scope of a step is what the compiler gave it: every expression of the shipped flow holds there.
#![cfg(test)]

use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::conform::to_json;
use tradewind_lang::explain::{Known, bare_scope, explain, scope_of};
use tradewind_lang::expr::{Expr, Scope};
use tradewind_lang::plan::StepKind;
use tradewind_lang::source::SourceId;
use tradewind_lang::ty::TypeTable;
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

/// Each part with its depth and value, and why a macro came out so.
fn parts(text: &str) -> Vec<String> {
    let configuration = [("tradewind.kdl".to_owned(), "project \"x\" { currency \"USD\" }\n".to_owned())];
    let plan = compile(&Repository { configuration: &configuration, library: &[], read: &|_| None, environment: None }).plan.unwrap();
    let (parts, _) = explain(text, SourceId(0), &bare_scope(&plan), &plan.types, &Known::default(), true).unwrap();
    let shown = |part: &tradewind_lang::explain::Explained| {
        let value = match &part.value {
            Some(Ok(value)) => format!(" = {}", to_json(value)),
            Some(Err(error)) => format!(", no value: {}", error.0),
            None => String::new(),
        };
        let why = part.decided.as_ref().map(|decided| {
            let item = decided.item.as_ref().map(|item| format!(": {}", to_json(item))).unwrap_or_default();
            format!(" because {}{item}", decided.why)
        });
        format!("{}{}{value}{}", "  ".repeat(part.depth), part.text, why.unwrap_or_default())
    };
    parts.iter().map(shown).collect()
}

#[test]
fn a_macro_of_two_variables_shows_the_entry_that_decided() {
    assert_eq!(
        parts("[4, 7, 9].exists(i, v, i > 0 && v > 8)"),
        [
            "[4, 7, 9].exists(i, v, i > 0 && v > 8) = true because item 2 holds: 9",
            "  [4, 7, 9] = [4,7,9]",
            "  i > 0 && v > 8 = true",
            "    i > 0 = true",
            "      i = 2",
            "    v > 8 = true",
            "      v = 9",
        ]
    );
    assert_eq!(
        parts("{'a': 1, 'b': 5}.all(k, v, v < 3)"),
        [
            "{'a': 1, 'b': 5}.all(k, v, v < 3) = false because `b` does not hold: 5",
            "  {'a': 1, 'b': 5} = {\"a\":1,\"b\":5}",
            "  v < 3 = false",
            "    v = 5",
        ]
    );
    for (text, why) in [
        ("[1, 2].exists_one(i, v, v > 1)", "because only item 1 holds: 2"),
        ("[1, 2].transformList(i, v, i > 0, v + i)", "because made of 1 of 2 items"),
        ("{'a': 1}.transformMap(k, v, v + 1)", "because made of 1 items"),
        ("[].exists(i, v, v > 1)", "because there are no items"),
        ("[2, 1].sortBy(v, v)", "because sorted 2 items"),
    ] {
        let found = parts(text);
        assert!(found[0].ends_with(why), "{text}: {found:?}");
    }
}

#[test]
fn an_item_without_a_value_is_what_decided() {
    assert_eq!(
        parts("[1, 2, 0].all(x, 10 / x > 1)"),
        [
            "[1, 2, 0].all(x, 10 / x > 1), no value: division by zero because item 2 has no value (division by zero): 0",
            "  [1, 2, 0] = [1,2,0]",
            "  10 / x > 1, no value: division by zero",
            "    10 / x, no value: division by zero",
            "      x = 0",
        ]
    );
    for (text, why) in [
        ("[1, 0].exists(x, 10 / x > 10)", "because item 1 has no value (division by zero): 0"),
        ("[0, 1].exists(x, 10 / x > 5)", "because item 1 holds: 1"),
        ("[0, 9].all(x, 10 / x > 5)", "because item 1 does not hold: 9"),
        ("[1, 0].filter(x, 10 / x > 1)", "because item 1 has no value (division by zero): 0"),
        ("[1, 0].exists_one(x, 10 / x > 1)", "because item 1 has no value (division by zero): 0"),
        ("[1, 0].map(x, 10 / x)", "because item 1 has no value (division by zero): 0"),
        ("[1, 0].map(x, x > 0, 10 / x)", "because made of 1 of 2 items"),
        ("{'a': 1, 'b': 0}.transformMap(k, v, 10 / v)", "because `b` has no value (division by zero): 0"),
    ] {
        let found = parts(text);
        assert!(found[0].ends_with(why), "{text}: {found:?}");
    }
}

#[test]
fn a_value_under_a_name_is_shown_where_it_stands() {
    assert_eq!(
        parts("cel.bind(n, size([1, 2]), n > 1 ? n * 2 : 0)"),
        [
            "cel.bind(n, size([1, 2]), n > 1 ? n * 2 : 0) = 4",
            "  size([1, 2]) = 2",
            "    [1, 2] = [1,2]",
            "  n > 1 ? n * 2 : 0 = 4",
            "    n > 1 = true",
            "      n = 2",
            "    n * 2 = 4",
            "      n = 2",
        ]
    );
    // A name of a macro hides what is known under it.
    assert_eq!(parts("cel.bind(n, 5, [1].map(n, n + 1) == [2])").last().map(String::as_str), Some("    [2] = [2]"));
    assert!(parts("cel.bind(n, 5, [1].map(n, n + 1) == [2])").contains(&"      n + 1".to_owned()));
    assert_eq!(
        parts("optional.of(3).optMap(x, x + 1).or(0)"),
        [
            "optional.of(3).optMap(x, x + 1).or(0) = 4",
            "  optional.of(3).optMap(x, x + 1) = 4",
            "    optional.of(3) = 3",
            "    x + 1 = 4",
            "      x = 3",
        ]
    );
}

#[test]
fn the_reference_says_what_functions_give() {
    let page = std::fs::read_to_string(root().join("docs/reference/cel.md")).unwrap();
    let examples = page.split("<!-- examples").nth(1).and_then(|rest| rest.split("<!-- end of examples").next()).unwrap();
    let rows: Vec<(&str, &str)> =
        examples.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | ")).collect();
    assert!(rows.len() > 20, "only {} examples are read", rows.len());
    for (text, value) in rows {
        match value.strip_prefix("none: ") {
            None => assert_eq!(parts(text)[0], format!("{text} = {}", value.trim_matches('`')), "docs/reference/cel.md"),
            Some(reason) => {
                let mistakes = explain(text, SourceId(0), &Scope::default(), &TypeTable::default(), &Known::default(), true).unwrap_err();
                assert!(mistakes[0].message.ends_with(&format!("never has a value: {reason}")), "{text}: {}", mistakes[0].message);
            }
        }
    }
}
