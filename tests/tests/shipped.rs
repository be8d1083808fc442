//! The shipped repository compiles without a single diagnostic, and its flow is drawn with its bounds.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use tradewind_lang::compile::{Compiled, Repository, compile, ignored_folders};
use tradewind_lang::graph;

fn kdl_files(root: &Path, folder: &Path, ignored: &[String], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let relative = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !entry.file_name().to_string_lossy().starts_with('.') && !ignored.contains(&relative) {
                kdl_files(root, &path, ignored, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "kdl") {
            found.push(path);
        }
    }
}

fn shipped() -> Compiled {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ignored = ignored_folders(&fs::read_to_string(root.join("tradewind.kdl")).unwrap());
    let mut files = Vec::new();
    kdl_files(root, root, &ignored, &mut files);
    files.sort();
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    let configuration: Vec<(String, String)> = files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect();
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    compile(&Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment: None })
}

#[test]
fn the_shipped_repository_is_clean() {
    let compiled = shipped();
    let found: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| {
            let (line, column) = compiled.sources.line_column(found.span);
            format!(
                "{} {}:{line}:{column} {} [{}]",
                found.code.id,
                compiled.sources.path(found.span),
                found.message,
                found.help.clone().unwrap_or_default()
            )
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let plan = compiled.plan.unwrap();
    assert!(plan.flows.contains_key("returns-triage"));
    let bytes = plan.to_bytes();
    let again = tradewind_lang::plan::Plan::from_bytes(&bytes).unwrap();
    assert_eq!(again, plan);
    assert_eq!(again.digest(), plan.digest());
}

#[test]
fn every_drawing_of_the_shipped_flow_says_its_bounds() {
    let plan = shipped().plan.unwrap();
    let flow = &plan.flows["returns-triage"];
    // An order is read in 5 attempts of 10 s with pauses of 0.1, 0.2, 0.4 and 0.8 s; a refund and a reply are sent as often, each time
    // followed by 10 s and a lookup that is as long as a reading.
    let (read, sent) = (51_500_000, 5 * (20_000_000 + 51_500_000));
    let bound = plan.bound(flow);
    assert_eq!((bound.time.own.micros, bound.time.closing), (read + 2 * sent, sent));
    let drawn = [graph::text(&plan, flow), graph::mermaid(&plan, flow), graph::dot(&plan, flow), graph::svg(&plan, flow)];
    for text in &drawn {
        for said in [
            "deadline 1h; waits for people do not count",
            "takes at most 12m 46.5s by itself, 12h 12m 46.5s with people",
            "longest path: order 51.5s, refund 5m 57.5s, reply 5m 57.5s",
            "a doubt that nothing settles waits for a person without end: refund, reply",
            "cost cap 0.05 USD",
            "models cost at most 0.00 USD",
        ] {
            assert!(text.contains(said), "`{said}` is not in {text}");
        }
        let key = "one run for each input.message_id";
        assert_eq!(text.matches(key).count(), 1, "`{key}` is not said once in {text}");
    }
    let json = graph::json(&plan, flow);
    assert_eq!((&json["time"]["own_micros"], &json["time"]["own_path"][1]["step"]), (&(read + 2 * sent).into(), &"refund".into()));
    assert_eq!((&json["cost"]["cap"], &json["cost"]["at_most"]), (&"0.05 USD".into(), &serde_json::json!([])));
}
