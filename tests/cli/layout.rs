//! `fmt`: lays out, keeps comments, says what would change, leaves broken files alone.

use crate::{PROGRAM, of_text};
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
