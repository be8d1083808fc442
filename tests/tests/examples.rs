//! Three operators' repositories, whole: they check clean in every environment, their plans survive being written and read, every
//! flow can be drawn, and what this version cannot run is said before anything starts.
#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use tradewind_lang::compile::{Compiled, Repository, compile};
use tradewind_lang::graph;
use tradewind_lang::plan::Plan;
use tradewind_lang::syntax::format;

/// Enough to remove most lines of every file once.
const LINES_TRIED: usize = 20;

fn kdl_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            kdl_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "kdl") {
            found.push(path);
        }
    }
}

fn compiled(name: &str, environment: Option<&str>) -> Compiled {
    made(name, environment, |text| text)
}

/// The same with every text made anew.
fn made(name: &str, environment: Option<&str>, mut make: impl FnMut(String) -> String) -> Compiled {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    let mut files = Vec::new();
    kdl_files(&root, &mut files);
    files.sort();
    let name = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let configuration: Vec<(String, String)> = files.iter().map(|path| (name(path), make(fs::read_to_string(path).unwrap()))).collect();
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    compile(&Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment })
}

fn mistakes(compiled: &Compiled) -> String {
    let mut text = String::new();
    for found in &compiled.diagnostics {
        let (line, column) = compiled.sources.line_column(found.span);
        let path = compiled.sources.path(found.span);
        let help = found.help.clone().unwrap_or_default();
        writeln!(text, "{} {path}:{line}:{column} {} [{help}]", found.code.id, found.message).unwrap();
    }
    text
}

fn clean(name: &str) -> Plan {
    for environment in [None, Some("dev"), Some("prod")] {
        let compiled = compiled(name, environment);
        assert!(compiled.diagnostics.is_empty(), "{name} in {environment:?}:\n{}", mistakes(&compiled));
    }
    let plain = compiled(name, None);
    let lock = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name).join("tradewind.lock")).unwrap();
    assert_eq!(lock, plain.lock, "{name}: run `tradewind lock`");
    let plan = plain.plan.unwrap();
    let formatted = made(name, None, |text| format(&text).0);
    assert_eq!(formatted.plan.unwrap().digest(), plan.digest(), "{name}: its meaning changed with its layout");
    let again = Plan::from_bytes(&plan.to_bytes()).unwrap();
    assert_eq!(again, plan);
    assert_eq!(again.digest(), plan.digest());
    for flow in plan.flows.values() {
        for drawn in [graph::text(&plan, flow), graph::mermaid(&plan, flow), graph::dot(&plan, flow), graph::json(&plan, flow).to_string()]
        {
            assert!(drawn.contains(flow.steps.first().map_or("", |step| step.name.as_str())), "{} is not drawn", flow.name);
        }
    }
    plan
}

#[test]
fn the_brand_checks_clean() {
    let plan = clean("brand");
    assert_eq!(plan.flows.len(), 4);
}

#[test]
fn the_platform_checks_clean() {
    let plan = clean("platform");
    assert_eq!(plan.migrations.len(), 1);
}

#[test]
fn the_retailer_checks_clean() {
    let plan = clean("retail");
    let flow = &plan.flows["reprice"];
    let lacking: Vec<String> = plan.not_runnable(flow).into_iter().map(|lacking| lacking.what).collect();
    assert!(!lacking.iter().any(|what| what.contains("split")), "{lacking:?}");
}

#[test]
fn a_line_that_is_missing_is_a_mistake_and_never_a_crash() {
    for name in ["brand", "retail", "platform"] {
        for seed in 0..LINES_TRIED {
            let mut seen = 0;
            let compiled = made(name, None, |text| {
                seen += 1;
                let lines: Vec<&str> = text.lines().collect();
                // Another line in every file, another for every seed.
                let gone = (seed * 7 + seen * 3) % lines.len().max(1);
                let kept = lines.iter().enumerate().filter(|(number, _)| *number != gone).map(|(_, line)| *line);
                kept.collect::<Vec<_>>().join("\n")
            });
            assert!(compiled.plan.is_some() || compiled.has_errors(), "{name}, seed {seed}: neither a plan nor an error");
        }
    }
}
