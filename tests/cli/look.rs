//! Commands that only print: `explain`, `graph`, `licenses`, `completions`, `models eval`, help; and wrong usage.

use crate::{PROGRAM, trained};
use std::io::Read;
use std::process::Stdio;
use tradewind_tests::stage::Stage;

#[test]
fn wrong_usage_has_an_exit_code_of_its_own() {
    let stage = Stage::empty(PROGRAM);
    for wrong in [&["chek"][..], &[], &["run"], &["graph", "f", "--format", "png"], &["run", "f", "--input", "x", "--in-flight", "0"]] {
        let ended = stage.run(wrong).exits(64);
        assert_eq!(ended.out, "", "{wrong:?}");
    }
    let _ = stage.run(["chek"]).exits(64).says("'check'");
    let _ = stage.run(["--version"]).exits(0).says("tradewind 0.");
}

#[test]
fn every_command_has_help_with_an_example() {
    let stage = Stage::empty(PROGRAM);
    for command in
        ["check", "fmt", "explain", "eval", "graph", "run", "test", "runs", "log", "approvals", "models", "lock", "licenses", "completions"]
    {
        let ended = stage.run([command, "--help"]).exits(0);
        assert!(ended.out.contains("Example:\n  tradewind "), "{command}: {}", ended.out);
    }
}

#[test]
fn a_code_is_explained_and_a_wrong_one_is_not() {
    let stage = Stage::empty(PROGRAM);
    for code in ["TW0126", "tw0126"] {
        let ended = stage.run(["explain", code]).exits(0);
        assert!(ended.out.starts_with("# TW0126: "), "{}", ended.out);
        assert!(ended.out.contains("## Wrong") && ended.out.contains("## Right"));
    }
    let all = stage.run(["explain"]).exits(0);
    assert!(all.out.lines().count() > 80, "{}", all.out);
    assert_eq!(stage.run(["explain", "--list"]).exits(0).out, all.out);
    for (wrong, instead) in [
        ("TW8888", "`tradewind explain --list` lists them"),
        ("126", "did you mean TW0126?"),
        ("TWO126", "did you mean TW0126?"),
        ("currencies", "TW0210 (two currencies in one computation)"),
        ("", "lists them"),
    ] {
        let ended = stage.run(["explain", wrong]).exits(64).says("TW0505").says(instead);
        assert_eq!(ended.out, "");
    }
    let _ = stage.run(["explain", "--list", "TW0126"]).exits(64);
}

#[test]
fn a_flow_is_drawn_in_four_ways() {
    let stage = Stage::shipped(PROGRAM);
    for (format, start) in
        [("text", "returns-triage (customer_message)"), ("mermaid", "flowchart TD\n"), ("dot", "digraph \"returns-triage\" {\n")]
    {
        let drawn = stage.run(["graph", "returns-triage", "--format", format]).exits(0);
        assert!(drawn.out.starts_with(start), "{format}: {}", drawn.out);
        for name in ["refund", "person", "remedy", "payments.refund.create"] {
            assert!(drawn.out.contains(name), "{format} has no {name}: {}", drawn.out);
        }
    }
    let json = stage.run(["graph", "returns-triage", "--format", "json"]).exits(0).json();
    assert_eq!(json["version"], 1);
    let names: Vec<&str> = json["steps"].as_array().unwrap().iter().filter_map(|step| step["name"].as_str()).collect();
    assert!(names.contains(&"refund") && names.contains(&"reply"), "{names:?}");
    let _ = stage.run(["graph", "retruns-triage"]).exits(64).says("TW0506").says("did you mean `returns-triage`?");
}

#[test]
fn licences_say_what_the_database_forbids_and_carry_its_text() {
    let ended = Stage::empty(PROGRAM).run(["licenses"]).exits(0);
    for text in ["Business Source License 1.1", "SurrealDB", "Apache License", "MIT", "Additional Use Grant"] {
        assert!(ended.out.contains(text), "`{text}` is missing");
    }
}

#[test]
fn completions_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let ended = Stage::empty(PROGRAM).run(["completions", shell]).exits(0);
        for command in ["approvals", "licenses", "explain"] {
            assert!(ended.out.contains(command), "{shell} lacks {command}");
        }
    }
    let _ = Stage::empty(PROGRAM).run(["completions", "tcsh"]).exits(64);
}

#[test]
fn models_are_judged_on_rows_they_have_not_seen() {
    let stage = trained();
    let ended = stage.run(["models", "eval"]).exits(0);
    for word in ["accuracy", "macro-F1", "calibration", "always `", "share of rows", "is / said"] {
        assert!(ended.out.to_lowercase().contains(&word.to_lowercase()), "no {word} in\n{}", ended.out);
    }
    let json = stage.run(["models", "eval", "message-kind", "--format", "json"]).exits(0).json();
    assert_eq!(json["evaluations"].as_array().unwrap().len(), 1);
    assert!(json["evaluations"][0]["accuracy"].as_f64() > Some(0.6), "{json}");
    let _ = stage.run(["models", "eval", "message-knd"]).exits(64).says("TW0521").says("message-kind");
    let _ = stage.run(["models", "eval", "--precision", "7"]).exits(64).says("TW0550");
}

#[test]
fn a_reader_that_goes_away_is_no_mistake() {
    for arguments in [&["explain"][..], &["licenses"], &["completions", "bash"]] {
        let mut command = Stage::empty(PROGRAM).command(arguments);
        let mut child = command.current_dir("/").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() && told.is_empty(), "{arguments:?}: {status}\n{told}");
    }
}
