//! The formats of `check` and `test` for programs: SARIF, GitHub's annotations, JUnit, JSON. Their structure is checked here, without a network.

use crate::{PROGRAM, of_text, trained};
use serde_json::{Value, json};
use tradewind_tests::stage::Stage;

/// Two errors and a warning, in a file whose path and text need escaping.
const FLOW: &str = "flow \"f\" {
    input { field \"id\" string }
    let \"b\" \"=inptu.id + '100%, <ok>'\"
    /* 日本 */ let \"c\" true
    let \"d\" \"input.id\"
    output { x \"=input.id\" }
}
";
const PATH: &str = "flows/über uns/a, b.kdl";

fn stage() -> Stage {
    let stage = of_text("project \"example\" { currency \"USD\" }\n");
    stage.write(PATH, FLOW);
    stage
}

#[test]
fn sarif_is_what_was_validated() {
    let ended = stage().run(["check", "--format", "sarif"]).exits(3);
    let version = ended.json()["runs"][0]["tool"]["driver"]["version"].as_str().unwrap().to_owned();
    let found = ended.out.replace(&format!("\"{version}\""), "\"VERSION\"");
    let golden = tradewind_tests::root().join("tests/cli/golden/findings.sarif");
    if std::env::var_os("TRADEWIND_GOLDEN").is_some() {
        std::fs::write(&golden, &found).unwrap();
    }
    assert_eq!(found, std::fs::read_to_string(golden).unwrap(), "validate it against the schema, then set TRADEWIND_GOLDEN=1");
}

#[test]
fn sarif_holds_what_code_scanning_reads() {
    let log = stage().run(["check", "--format", "sarif"]).exits(3).json();
    assert_eq!((&log["version"], log["runs"].as_array().unwrap().len()), (&json!("2.1.0"), 1));
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.iter().map(|one| one["level"].as_str().unwrap()).collect::<Vec<_>>(), ["error", "error", "warning"]);
    let mut prints = Vec::new();
    for result in results {
        let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[rule]["id"], result["ruleId"]);
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "flows/%C3%BCber%20uns/a%2C%20b.kdl");
        prints.push(result["partialFingerprints"]["tradewind/v1"].as_str().unwrap());
    }
    prints.sort_unstable();
    prints.dedup();
    assert_eq!(prints.len(), 3);
    // A column counts characters, not bytes: three bytes each are the two before it.
    let kdl_1 = results.iter().find(|one| one["ruleId"] == "TW0012").unwrap();
    let region = &kdl_1["locations"][0]["physicalLocation"]["region"];
    assert_eq!(*region, json!({ "startLine": 4, "startColumn": 22, "endLine": 4, "endColumn": 26 }));
    let change = &kdl_1["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!((&change["deletedRegion"], &change["insertedContent"]["text"]), (region, &json!("#true")));
}

#[test]
fn what_code_scanning_does_not_take_is_left_out_and_counted() {
    let stage = of_text("project \"example\" { currency \"USD\" }\n");
    let line = "team \"t\" { member \"a@b.example\" a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 i=9 j=10 k=11 l=12 m=13 n=14 o=15 p=16 q=17 r=18 s=19 t=20 }\n";
    for file in 0..13 {
        let text: String = (0..100).map(|at| line.replacen("\"t\"", &format!("\"t{file}-{at}\""), 1)).collect();
        stage.write(&format!("{file}.kdl"), &text);
    }
    let ended = stage.run(["check", "--format", "sarif"]).exits(3).says("1000 diagnostics are left out");
    let run = &ended.json()["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), 25_000);
    assert_eq!(run["properties"], json!({ "total": 26_000, "leftOut": 1_000 }));
    assert_eq!(run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap().len(), 2);
}

#[test]
fn github_shows_the_worst_and_is_told_the_total() {
    let ended = stage().run(["check", "--format", "github"]).exits(3);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines.len(), 4, "{ended}");
    assert_eq!(
        lines[0],
        "::error file=flows/über uns/a%2C b.kdl,line=3,endLine=3,col=15,endColumn=19,title=TW0202 a name that is not in scope::\
         there is no `inptu` here; did you mean `input`?"
    );
    assert!(lines[2].starts_with("::warning ") && lines[3] == "2 errors, 1 warning", "{ended}");

    let many = format!("project \"example\" {{ currency \"USD\" }}\nteam \"t\" {{ member \"a@b.example\" {} }}\n", "x=1 ".repeat(14));
    let ended = of_text(&many).run(["check", "--format", "github"]).exits(3);
    assert_eq!(ended.out.lines().filter(|line| line.starts_with("::")).count(), 10, "{ended}");
    assert_eq!(ended.out.lines().last(), Some("14 errors; 10 are annotations, 4 stand only in this log"), "{ended}");
    let clean = of_text("project \"example\" { currency \"USD\" }\n").run(["check", "--format", "github"]).exits(0);
    assert_eq!(clean.out, "no mistake\n");
}

#[test]
fn paths_begin_where_version_control_does() {
    let stage = Stage::empty(PROGRAM);
    std::fs::create_dir(stage.path(".git")).unwrap();
    stage.write("shops/one/tradewind.kdl", "projct \"example\"\n");
    let at = ["check", "--repository", "shops/one", "--format"];
    let github = stage.run(at.iter().chain(&["github"])).exits(3);
    assert!(github.out.contains(" file=shops/one/tradewind.kdl,"), "{github}");
    let sarif = stage.run(at.iter().chain(&["sarif"])).exits(3).json();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "shops/one/tradewind.kdl");
    let json = stage.run(at.iter().chain(&["json"])).exits(3).json();
    assert_eq!(json["diagnostics"][0]["at"]["path"], "tradewind.kdl");
}

/// The elements of an XML text in order, with their attributes; fails where it is not well-formed.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").expect("a declaration");
    let (mut found, mut open) = (Vec::new(), Vec::new());
    while let Some((text, after)) = rest.split_once('<') {
        assert!(text.split('&').skip(1).all(|one| one.split(';').next().is_some_and(|name| name.len() < 5)), "a bare `&` in {text}");
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name));
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, mut attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut pairs = Vec::new();
        while let Some((key, value)) = attributes.trim_start().split_once("=\"") {
            let (value, after) = value.split_once('"').expect("a value ends");
            pairs.push((key.to_owned(), value.to_owned()));
            attributes = after;
        }
        assert_eq!(attributes.trim(), "", "in <{tag}>");
        found.push((name.to_owned(), pairs));
        if !closed {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    found
}

fn named<'a>(all: &'a [(String, Vec<(String, String)>)], name: &str, key: &str) -> Vec<&'a str> {
    let of_name = all.iter().filter(|(own, _)| own == name).flat_map(|(_, pairs)| pairs);
    of_name.filter(|(own, _)| own == key).map(|(_, value)| value.as_str()).collect()
}

#[test]
fn junit_has_a_case_for_each_mistake_and_each_clean_file() {
    for (arguments, failures) in [(&["check", "--format", "junit"][..], "2"), (&["check", "--format", "junit", "--deny-warnings"], "3")] {
        let all = elements(&stage().run(arguments).exits(3).out);
        assert_eq!(named(&all, "testsuite", "failures"), [failures]);
        assert_eq!(named(&all, "testsuite", "tests"), ["4"]);
        assert_eq!(named(&all, "failure", "type").len().to_string(), failures);
        assert!(named(&all, "testcase", "name").contains(&"no mistake"), "{all:?}");
    }
}

#[test]
fn scenarios_are_reported_as_junit() {
    let stage = trained();
    let scenarios = "flows/returns-triage/scenarios.kdl";
    stage.replace(scenarios, "amount \"80 USD\"; reason full", "amount \"81 USD\"; reason full");
    let all = elements(&stage.run(["test", "severe", "--format", "junit"]).exits(4).out);
    assert_eq!(named(&all, "testsuite", "failures"), ["1"]);
    assert!(named(&all, "failure", "message")[0].contains("80.00 USD&quot;, not &quot;81.00 USD"), "{all:?}");
    assert!(named(&all, "testcase", "file").iter().all(|file| *file == scenarios));
    let _ = stage.run(["test", "--format", "sarif"]).exits(64);
}

#[test]
fn the_json_report_says_whether_it_is_valid_and_where_each_mistake_ends() {
    let report = stage().run(["check", "--format", "json"]).exits(3).json();
    let head = ["version", "valid", "errors", "warnings"].map(|field| report[field].clone());
    assert_eq!(head, [json!(1), json!(false), json!(2), json!(1)]);
    let unknown: &Value = &report["diagnostics"][0];
    assert_eq!((&unknown["at"]["end_line"], &unknown["at"]["end_column"]), (&json!(3), &json!(20)));
    assert_eq!(unknown["fixes"][0]["safe"], true);
}
