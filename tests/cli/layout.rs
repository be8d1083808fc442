//! `fmt`: lays out, keeps comments, says what would change, leaves broken files alone.

use crate::{PROGRAM, of_text};
use std::io::Write;
use std::process::Stdio;
use tradewind_tests::stage::Stage;

const UNTIDY: &str = "// why\nproject   \"example\" { // here\n  currency   \"USD\" /* dollars */\n\n\n\n  /- time-zone \"UTC\"\n}\n";

#[test]
fn the_shipped_files_are_laid_out() {
    let ended = Stage::shipped(PROGRAM).run(["fmt", "--check"]).exits(0);
    assert_eq!(ended.out, "");
}

#[test]
fn a_file_is_laid_out_once_and_keeps_its_comments() {
    let stage = of_text(UNTIDY);
    let told = stage.run(["fmt", "--check"]).exits(2).says("1 would change");
    assert_eq!(told.out, "tradewind.kdl\n");
    assert_eq!(stage.read("tradewind.kdl"), UNTIDY, "--check changes nothing");
    let _ = stage.run(["fmt"]).exits(0).says("1 changed");
    let once = stage.read("tradewind.kdl");
    for kept in ["// why", "// here", "/* dollars */", "/-time-zone \"UTC\"", "    currency \"USD\""] {
        assert!(once.contains(kept), "`{kept}` is gone:\n{once}");
    }
    let again = stage.run(["fmt"]).exits(0).says("0 changed");
    assert_eq!((again.out.as_str(), stage.read("tradewind.kdl")), ("", once));
    let _ = stage.run(["fmt", "--check"]).exits(0);
    let _ = stage.run(["check"]).exits(0);
}

#[test]
fn a_broken_file_is_reported_and_left_alone() {
    let stage = of_text("project \"example\"    {\n");
    let _ = stage.run(["fmt"]).exits(3).says("TW0004").says("1 with mistakes");
    assert_eq!(stage.read("tradewind.kdl"), "project \"example\"    {\n");
    let _ = stage.run(["fmt", "nowhere.kdl"]).exits(1).says("TW0502");
}

#[test]
fn expressions_are_laid_out_and_the_difference_is_shown() {
    let text = "project \"example\" { currency \"USD\" }\npolicy \"p\" {\n    on \"payments.refund.create\"\n    deny \"d\" when=\"effect.amount>'5 USD'&&true\" message=(str)\"=a-b\"\n}\n";
    let stage = of_text(text);
    let told = stage.run(["fmt", "--check"]).exits(2);
    assert_eq!(told.out, "tradewind.kdl\n");
    for line in [
        "--- tradewind.kdl",
        "@@ -2,4 +2,4 @@",
        "-    deny \"d\" when=\"effect.amount>'5 USD'&&true\" message=(str)\"=a-b\"",
        "+    deny \"d\" when=\"effect.amount > '5 USD' && true\" message=(str)\"=a-b\"",
    ] {
        assert!(told.err.lines().any(|own| own == line), "no `{line}` in\n{told}");
    }
    let before = stage.run(["check", "--format", "json"]).exits(0);
    let _ = stage.run(["fmt"]).exits(0);
    assert!(stage.read("tradewind.kdl").contains("when=\"effect.amount > '5 USD' && true\""));
    assert_eq!(stage.run(["check", "--format", "json"]).exits(0).out, before.out);
}

/// Runs `fmt` on a text as standard input.
fn piped(arguments: &[&str], text: &str) -> (Option<i32>, String, String) {
    let mut command = Stage::empty(PROGRAM).command(arguments);
    let command = command.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

#[test]
fn standard_input_is_laid_out_to_standard_output_as_it_is() {
    // The space without width is part of the name and must come through.
    let (code, out, err) = piped(&["fmt", "-"], "team   \"a\u{200b}b\"  {  member \"x\"  }\n");
    assert_eq!((code, out.as_str(), err.as_str()), (Some(0), "team \"a\u{200b}b\" { member \"x\" }\n", ""));
    let (code, out, err) = piped(&["fmt", "--check", "-"], "team   \"a\"\n");
    assert!(code == Some(2) && out == "-\n" && err.contains("+team \"a\""), "{code:?} {out} {err}");
    let (code, out, err) = piped(&["fmt", "-"], "team {\n");
    assert!(code == Some(3) && out.is_empty() && err.contains("TW0004"), "{code:?} {out} {err}");
    assert_eq!(piped(&["fmt", "-", "a.kdl"], "").0, Some(64));
}
