//! `check`: the shipped repository is clean; each mistake has its code, its place and its help; all of them are reported at once.

use crate::{PROGRAM, of_text};
use std::time::{Duration, Instant};
use tradewind_tests::process::Ended;
use tradewind_tests::stage::Stage;

const PROJECT: &str = "project \"example\" { currency \"USD\" }\n";

/// A flow around some steps.
fn flow(steps: &str) -> String {
    format!("{PROJECT}flow \"f\" {{\n    input {{ field \"id\" string }}\n{steps}\n    output {{ x \"=input.id\" }}\n}}\n")
}

fn check(text: &str) -> Ended {
    of_text(text).run(["check"])
}

/// The codes of the JSON report, with line and column.
fn found(text: &str) -> Vec<String> {
    let ended = of_text(text).run(["check", "--format", "json"]).exits(3);
    let each = ended.json()["diagnostics"].as_array().unwrap().clone();
    each.iter().map(|one| format!("{} {}:{}", one["code"].as_str().unwrap(), one["at"]["line"], one["at"]["column"])).collect()
}

#[test]
fn the_shipped_repository_is_clean() {
    let ended = Stage::shipped(PROGRAM).run(["check", "--deny-warnings"]).exits(0).says("no mistake; plan ");
    assert_eq!(ended.err, "");
}

#[test]
fn a_mistake_is_shown_where_it_stands_with_help() {
    let ended = check(&flow("    let \"b\" \"=inptu.id\"")).exits(3);
    assert_eq!(ended.out, "");
    let expected = "\
TW0202

  × there is no `inptu` here
   ╭─[tradewind.kdl:4:15]
 3 │     input { field \"id\" string }
 4 │     let \"b\" \"=inptu.id\"
   ·               ──┬──
   ·                 ╰── not in scope
 5 │     output { x \"=input.id\" }
   ╰────
  help: did you mean `input`?

1 error
";
    assert_eq!(ended.err, expected);
}

#[test]
fn two_operands_are_labelled_beside_their_operator() {
    for (expression, picture) in [
        ("'a' + 1", &["·               ─┬─ ─ ┬\n", "·                │  │ ╰── is int\n", "·                ╰── is string\n"][..]),
        ("input.id == 5", &["·               ────┬─── ── ┬\n", "╰── is int", "╰── is string"]),
        ("true ? 1 : 'a'", &["·               ────── ┬   ─┬─\n", "╰── is string", "╰── is int"]),
        ("5 in input.id.split('-')", &["·               ┬ ── ─────────┬─────────\n", "╰── is string", "╰── is int"]),
    ] {
        let ended = check(&flow(&format!("    let \"b\" \"={expression}\""))).exits(3).says("[tradewind.kdl:4:15]");
        let mut rest = ended.err.as_str();
        for row in picture {
            rest = rest.split_once(row).unwrap_or_else(|| panic!("{expression}: no `{row}` in\n{}", ended.err)).1;
        }
    }
}

#[test]
fn a_long_line_is_cut_around_the_mistake_and_its_place_stays() {
    let numbers = (0..1_500).map(|number| number.to_string()).collect::<Vec<_>>().join(", ");
    let text =
        format!("{PROJECT}flow \"f\" {{ input {{ field \"n\" int }}; let \"x\" \"=[{numbers}, inptu.n]\"; output {{ x \"=x\" }} }}\n");
    let column = text.lines().nth(1).unwrap().find("inptu").unwrap() + 1;
    let ended = check(&text).exits(3).says("inptu.n]").says("not in scope").says(&format!("[tradewind.kdl:2:{column}]"));
    let longest = ended.err.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(longest < 160, "a line of {longest} characters is shown:\n{}", ended.err);
}

#[test]
fn a_flow_that_this_version_cannot_run_is_named() {
    let text =
        format!("{PROJECT}flow \"f\" {{ input {{ field \"id\" string }}; place eu; let \"x\" \"=input.id\"; output {{ x \"=x\" }} }}\n");
    let stage = of_text(&text);
    let _ = stage
        .run(["check"])
        .exits(0)
        .says("this version checks the flow `f` but cannot run it yet: the place `eu` (the environment `dev` has no process there)");
    let json = stage.run(["check", "--format", "json"]).exits(0).json();
    let lacks = &json["not_runnable"][0]["needs"][0]["what"];
    assert_eq!(json["not_runnable"][0]["flow"], "f");
    assert_eq!(lacks, "the place `eu` (the environment `dev` has no process there)");
    // An environment whose process is there runs it.
    let there = text.replacen("currency \"USD\"", "currency \"USD\"; environment \"dev\" { store \"memory://\"; place eu us }", 1);
    let json = of_text(&there).run(["check", "--format", "json"]).exits(0).json();
    assert_eq!(json["not_runnable"], serde_json::json!([]));
}

#[test]
fn each_kind_of_mistake_has_its_code_and_place() {
    let policy = |rule: &str| format!("{PROJECT}policy \"p\" {{\n    on \"payments.refund.create\"\n    {rule}\n}}\n");
    for (text, expected) in [
        (format!("{PROJECT}flwo \"f\"\n"), "TW0101 2:1"),
        (flow("    let \"b\" \"=input.id\"\n    obsrve \"a\" { call \"shop.order.get\" id=\"=input.id\" }"), "TW0101 5:5"),
        (format!("{PROJECT}team \"t\" colour=\"red\" {{ member \"a@b.example\" }}\n"), "TW0102 2:10"),
        (format!("{PROJECT}type \"t\" {{ field \"x\" strng }}\n"), "TW0111 2:22"),
        (flow("    observe \"a\" { call \"shop.order.gett\" id=\"=input.id\" }"), "TW0110 4:24"),
        (flow("    let \"b\" \"=inptu.id\""), "TW0202 4:15"),
        (flow("    let \"b\" \"=input.idd\""), "TW0203 4:21"),
        (policy("deny \"d\" when=\"effect.amount > 3\" message=\"m\""), "TW0206 4:20"),
        (flow("    let \"b\" \"=c\"\n    let \"c\" \"=b\""), "TW0121 4:9"),
        (
            policy("escalate \"e\" when=\"effect.amount > '5 USD'\" to=\"t\" within=\"8h\"\n}\nteam \"t\" {\n    member \"a@b.example\""),
            "TW0126 4:5",
        ),
        (flow("    let \"b\" true"), "TW0012 4:13"),
    ] {
        assert_eq!(found(&text), [expected], "{text}");
    }
}

#[test]
fn an_unclosed_brace_hides_no_other_mistake() {
    let text = format!(
        "{PROJECT}type \"a\" {{ field \"x\" strng }}\nteam \"t\" colour=\"red\" {{ member \"a@b.example\" }}\nenum \"e\" \"one\" \"\\q\"\n\
         flwo \"g\"\nflow \"f\" {{\n    input \"a\"\n    let \"b\" \"=inptu.x\"\n"
    );
    let all = found(&text);
    for code in ["TW0111 2:", "TW0102 3:", "TW0008 4:", "TW0101 5:", "TW0004 6:", "TW0202 8:"] {
        assert!(all.iter().any(|one| one.starts_with(code)), "{code} is not in {all:?}");
    }
}

#[test]
fn text_of_kdl_1_is_named_as_such() {
    let _ = check(&flow("    let \"b\" true\n    let \"c\" r\"a\\b\""))
        .exits(3)
        .says("`true` is written `#true`")
        .says("KDL 1")
        .says("2 errors");
}

#[test]
fn nested_blocks_that_are_commented_out_and_never_closed_take_no_time() {
    for piece in ["/-a {", "/- /-a {", "a /-{", "a /-b={"] {
        let began = Instant::now();
        let ended = check(&format!("{PROJECT}{}", piece.repeat(4_000))).exits(3);
        assert!(began.elapsed() < Duration::from_secs(20), "`{piece}` took {:?}", began.elapsed());
        // A line of 20,000 characters would bury what is said about it.
        assert!(ended.err.len() < 100_000, "`{piece}`: {} bytes are shown", ended.err.len());
    }
}

#[test]
fn no_repository_and_no_text_are_told_apart() {
    let _ = Stage::empty(PROGRAM).run(["check"]).exits(3).says("TW0501").says("--repository DIR");
    let stage = of_text(PROJECT);
    std::fs::write(stage.path("broken.kdl"), b"team \"\xff\"").unwrap();
    std::fs::write(stage.path("typo.kdl"), "teem \"leads\" { member \"a@shop.example\" }\n").unwrap();
    // It hides no mistake of another file, and is never written again.
    let _ = stage.run(["check"]).exits(3).says("TW0504").says("broken.kdl:1:7").says("TW0101").says("typo.kdl");
    let _ = stage.run(["check", "--fix=all"]).exits(3).says("TW0504");
    let _ = stage.run(["fmt"]).exits(3).says("TW0504");
    assert_eq!(std::fs::read(stage.path("broken.kdl")).unwrap(), b"team \"\xff\"");
    let _ = of_text(PROJECT).run(["check", "--repository", "nowhere"]).exits(3).says("TW0501").says("nowhere");
}

#[test]
fn a_repository_is_found_from_a_folder_below_it() {
    let stage = Stage::shipped(PROGRAM);
    let mut command = stage.command(["check"]);
    command.current_dir(stage.path("flows/returns-triage"));
    let _ = tradewind_tests::process::Running::start(command).end().exits(0).says("no mistake");
}

const SPLIT: &str =
    "    decide \"to\" { split \"prices\" by=\"=input.id\" { arm \"old\" { otherwise value=1 }; arm \"new\" { otherwise value=2 } } }";
const ROLLOUT: &str = "metric \"orders\" from=\"runs\" window=\"1d\" value=\"=count()\" better=higher\n\
    rollout \"prices\" { unit \"sku\"; control \"old\"; treatment \"new\"; share \"5%\" hold=\"3d\" min-sample=400; share \"100%\"; guard \"orders\" worse-by=\"3%\"; on-breach revert }\n";
const UNWATCHED: &str = "the rollout `prices` stays at its first stage, 5 %: this version watches no guard and moves no rollout on";

#[test]
fn that_nobody_watches_a_rollout_is_said_of_each_that_a_flow_divides_by() {
    let used = format!("{}{ROLLOUT}", flow(SPLIT));
    let _ = check(&used).exits(0).says(UNWATCHED);
    let unused = check(&format!("{}{ROLLOUT}", flow("    let \"to\" \"=1\""))).exits(0);
    assert!(!unused.err.contains("rollout"), "{}", unused.err);
}

#[test]
fn plan_and_status_say_of_a_rollout_that_nobody_watches_it() {
    let environment = "environment \"dev\" { store \"surrealkv://.tradewind/store\" } }\n";
    let stage = of_text(&format!("{}{ROLLOUT}", flow(SPLIT)).replacen(" }\n", &format!("; {environment}"), 1));
    let _ = stage.run(["plan"]).exits(2).says(UNWATCHED);
    stage.write("one.jsonl", "{\"id\":\"1\"}\n");
    let _ = stage.run(["run", "f", "--input", "one.jsonl"]).exits(0);
    let _ = stage.run(["plan"]).exits(0).says("would change nothing").says(UNWATCHED);
    let _ = stage.run(["status"]).exits(0).says(UNWATCHED);
}
