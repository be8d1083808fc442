//! Symbolic links in a repository: followed once within it, reported where they lead out, nowhere, or around in a circle.

use crate::{PROGRAM, of_text};
use std::os::unix::fs::symlink;
use tradewind_tests::process::Ended;
use tradewind_tests::stage::Stage;

const PROJECT: &str = "project \"example\" { currency \"USD\" ; ignore \"kept\" }\n";

const TEAM: &str = "team \"leads\" { member \"ana@shop.example\" }\n";

/// Code and place of every diagnostic.
fn places(ended: &Ended) -> Vec<String> {
    let each = ended.json()["diagnostics"].as_array().unwrap().clone();
    each.iter().map(|one| format!("{} {}", one["code"].as_str().unwrap(), one["at"]["path"].as_str().unwrap())).collect()
}

#[test]
fn a_link_within_the_repository_is_followed_once() {
    let stage = of_text(PROJECT);
    stage.write("kept/teams/leads.kdl", TEAM);
    stage.write("kept/other.kdl", "team \"others\" { member \"ben@shop.example\" }\n");
    symlink("kept/teams", stage.path("people")).unwrap();
    symlink("kept/other.kdl", stage.path("others.kdl")).unwrap();
    // Reached twice, read once: otherwise both teams would be declared twice.
    symlink("kept/teams/leads.kdl", stage.path("again.kdl")).unwrap();
    let _ = stage.run(["check", "--deny-warnings"]).exits(0).says("3 files");
}

#[test]
fn a_mistake_in_a_linked_file_is_reported() {
    let stage = of_text(PROJECT);
    stage.write("kept/leads.kdl", "teem \"leads\"\n");
    symlink("kept/leads.kdl", stage.path("leads.kdl")).unwrap();
    assert_eq!(places(&stage.run(["check", "--format", "json"]).exits(3)), ["TW0101 leads.kdl"]);
}

#[test]
fn what_is_not_followed_is_reported() {
    let elsewhere = Stage::empty(PROGRAM);
    elsewhere.write("team.kdl", TEAM);
    elsewhere.write("notes.txt", "not configuration\n");
    let stage = of_text(PROJECT);
    stage.write("flows/team.kdl", TEAM);
    symlink(elsewhere.path("team.kdl"), stage.path("outside.kdl")).unwrap();
    symlink(elsewhere.path("notes.txt"), stage.path("notes.txt")).unwrap();
    symlink("gone.kdl", stage.path("flows/dangling.kdl")).unwrap();
    symlink("..", stage.path("flows/round")).unwrap();
    symlink("/dev/null", stage.path("null.kdl")).unwrap();
    symlink(elsewhere.path("."), stage.path("kept")).unwrap();
    let ended = stage.run(["check", "--format", "json"]).exits(0);
    assert_eq!(places(&ended), ["TW0541 flows/dangling.kdl", "TW0541 flows/round", "TW0541 null.kdl", "TW0541 outside.kdl"]);
    let _ = stage.run(["check", "--deny-warnings"]).exits(2).says("the link `outside.kdl` leads out of the repository");
    // As a named file, too.
    stage.write("tradewind.kdl", &format!("{PROJECT}route \"r\" needs=text {{ template (file)\"notes.txt\" }}\n"));
    assert_eq!(places(&stage.run(["check", "--format", "json"]).exits(3))[0], "TW0114 tradewind.kdl");
}
