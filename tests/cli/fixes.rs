//! `check --fix`: mends in rounds what leaves no doubt, never makes a file worse, says what it did and what is left.

use crate::of_text;
use std::os::unix::fs::PermissionsExt;

const WRONG: &str = "projct \"example\" { curency \"USD\" } // why\nenum \"e\" 'one' \"two\"\n";
const RIGHT: &str = "project \"example\" { currency \"USD\" } // why\nenum \"e\" \"one\" \"two\"\n";

#[test]
fn mistakes_are_mended_in_rounds_and_the_file_keeps_its_permissions() {
    let stage = of_text(WRONG);
    std::fs::set_permissions(stage.path("tradewind.kdl"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let ended = stage.run(["check", "--fix"]).exits(0).says("no mistake");
    for line in ["fixed tradewind.kdl:1:1: TW0101: write `project`", "fixed tradewind.kdl:1:21: TW0101: write `currency`"] {
        assert!(ended.out.contains(line), "{ended}");
    }
    assert_eq!(stage.read("tradewind.kdl"), RIGHT);
    let mode = std::fs::metadata(stage.path("tradewind.kdl")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(stage.path(".")).unwrap().count(), 1, "nothing is left beside it");
    let again = stage.run(["check", "--fix"]).exits(0);
    assert!(!again.out.contains("fixed"), "{again}");
}

#[test]
fn a_link_stays_a_link() {
    let stage = of_text(WRONG);
    std::fs::rename(stage.path("tradewind.kdl"), stage.path("kept.text")).unwrap();
    std::os::unix::fs::symlink("kept.text", stage.path("tradewind.kdl")).unwrap();
    let _ = stage.run(["fmt", "tradewind.kdl"]).exits(3);
    stage.write("kept.text", "project    \"example\" { currency \"USD\" }\n");
    let _ = stage.run(["fmt", "tradewind.kdl"]).exits(0);
    assert!(std::fs::symlink_metadata(stage.path("tradewind.kdl")).unwrap().is_symlink());
    assert_eq!(stage.read("kept.text"), "project \"example\" { currency \"USD\" }\n");
}

#[test]
fn a_proposal_waits_to_be_asked_for() {
    let text = "project \"example\" \"again\" { currency \"USD\" }\n";
    let stage = of_text(text);
    let _ = stage.run(["check", "--fix"]).exits(3).says("TW0105");
    assert_eq!(stage.read("tradewind.kdl"), text);
    let _ = stage.run(["check", "--fix=all"]).exits(0);
    assert_eq!(stage.read("tradewind.kdl"), "project \"example\" { currency \"USD\" }\n");
    // What is removed leaves no gap: neither two spaces, nor an empty line.
    stage.write("tradewind.kdl", "project \"example\" { currency \"USD\" }\nenum \"size\" \"small\" \"small\" \"large\"\n");
    let _ = stage.run(["check", "--fix=all"]).exits(0).says("1 file, 0 flows, 0 policies: no mistake");
    assert_eq!(stage.read("tradewind.kdl"), "project \"example\" { currency \"USD\" }\nenum \"size\" \"small\" \"large\"\n");
    let _ = stage.run(["fmt", "--check"]).exits(0).says("1 file, 0 would change");
    let _ = stage.run(["check", "--fix=some"]).exits(64);
}

#[test]
fn nothing_is_written_that_would_be_worse_and_the_exit_code_tells_what_is_left() {
    // Written right, the node would be looked into, and two mistakes would be there instead of one.
    let text = format!("{RIGHT}polcy \"x\"\n");
    let stage = of_text(&text);
    let ended = stage.run(["check", "--fix=all"]).exits(3).says("TW0101").says("1 error");
    assert!(ended.err.contains("left tradewind.kdl:3:1: TW0101: write `policy`: more would be wrong than is now"), "{ended}");
    assert_eq!(stage.read("tradewind.kdl"), text);
    // What another fix makes better is no excuse.
    stage.write("other.kdl", "team \"t\" { membr \"a@b.example\" }\n");
    let _ = stage.run(["check", "--fix"]).exits(3).says("fixed other.kdl:1:12").says("1 error");
    assert_eq!(stage.read("other.kdl"), "team \"t\" { member \"a@b.example\" }\n");
    assert_eq!(stage.read("tradewind.kdl"), text);
}

#[test]
fn a_file_that_is_read_only_is_left_alone() {
    let stage = of_text(WRONG);
    std::fs::set_permissions(stage.path("tradewind.kdl"), std::fs::Permissions::from_mode(0o444)).unwrap();
    let _ = stage.run(["check", "--fix"]).exits(1).says("TW0503").says("read-only");
    assert_eq!(stage.read("tradewind.kdl"), WRONG);
}

#[test]
fn programs_are_told_what_was_done() {
    let report = of_text(WRONG).run(["check", "--fix", "--format", "json"]).exits(0).json();
    let done = report["fixed"].as_array().unwrap();
    assert_eq!(done.len(), 3, "{report}");
    assert_eq!((&done[0]["code"], &done[0]["title"], &done[0]["line"]), (&"TW0101".into(), &"write `project`".into(), &1.into()));
    let plain = of_text(WRONG).run(["check", "--format", "json"]).exits(3).json();
    assert!(plain.get("fixed").is_none(), "{plain}");
    let github = of_text(WRONG).run(["check", "--fix", "--format", "github"]).exits(0);
    assert_eq!(github.out, "no mistake\n");
    assert_eq!(github.err.lines().count(), 3, "{github}");
}
