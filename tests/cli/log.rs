//! The log as a whole: signed checkpoints, exports, and deciding everything again.

use crate::{RUN, trained, with_messages};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tradewind_tests::serving::Serving;
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

const STORE: &str = ".tradewind/store";
const CHECKPOINTS: &str = ".tradewind/store.checkpoints";
const IMAGE: &str = ".tradewind/store.image";
const KEY: &str = ".tradewind/checkpoint.key";

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Two messages worked, with the store of after the first kept as `old`.
fn worked_twice() -> Stage {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(RUN).exits(0);
    copy(&stage.path(STORE), &stage.path("old"));
    stage.write("work.jsonl", &stage.message("8_1"));
    let _ = stage.run(RUN).exits(0);
    stage
}

/// What a serving process archives by itself: its environment says when, and where.
#[test]
fn a_serving_process_archives_what_is_old() {
    let stage = with_messages(&["303_27", "8_1"]);
    let manifest = stage.read("tradewind.kdl");
    let store = "        store \"surrealkv://.tradewind/store\"\n";
    assert!(manifest.contains(store));
    let retained = |folder: &str| manifest.replace(store, &format!("{store}        log-retention \"1s\" archive=\"{folder}\"\n"));
    let _ = stage.run(RUN).exits(0);
    let before = stage.run(["log", "--format", "json"]).exits(0).out;
    // A place that is none: it says so, once, and goes on.
    stage.write("taken", "a file");
    stage.write("tradewind.kdl", &retained("taken"));
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    let status = Serving::until(&stage, "a reason", |status| status["not_archived"].is_string());
    assert!(status["not_archived"].as_str().unwrap().contains("taken"), "{status:#}");
    // The plan of now says where to: no new process is needed.
    stage.write("tradewind.kdl", &retained("archive"));
    let status = Serving::until(&stage, "an archive", |status| status["archived"].as_array().is_some_and(|parts| !parts.is_empty()));
    assert!(status["not_archived"].is_null(), "{status:#}");
    let file = status["archived"][0]["file"].as_str().unwrap().to_owned();
    assert!(file.contains("archive/northfield-000000000001-"), "{file}");
    let _ = stage.run(["log", "verify", &file]).exits(0);
    let shown = stage.run(["log", "--format", "json"]).exits(0).out;
    assert!(shown.starts_with(before.trim_end().trim_end_matches(['}', ']', ' ', '\n'])), "the beginning of the log is read where it is");
    let _ = serving.end("TERM").exits(0);
    let _ = stage.run(["log", "verify"]).exits(0).says("are archived: verify them where they are");
    let _ = stage.run(["replay"]).exits(0);
}

fn put_back_the_old_store(stage: &Stage) {
    fs::remove_dir_all(stage.path(STORE)).unwrap();
    copy(&stage.path("old"), &stage.path(STORE));
}

#[test]
fn checkpoints_are_signed_at_the_end_with_a_key_for_its_owner_alone() {
    let stage = worked_twice();
    let mode = fs::metadata(stage.path(KEY)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(stage.read(CHECKPOINTS).lines().count(), 2, "one at the end of each process");
    let key = stage.run(["log", "key"]).exits(0).out;
    assert_eq!(key.trim().len(), 64);
    assert!(stage.read(CHECKPOINTS).lines().all(|line| line.contains(key.trim())));
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds").says("it meets 2 signed checkpoints");
    // Whoever only looks signs nothing.
    let _ = stage.run(["runs"]).exits(0);
    assert_eq!(stage.read(CHECKPOINTS).lines().count(), 2);
}

#[test]
fn a_store_put_back_to_an_earlier_day_is_refused_until_somebody_accepts_it() {
    let stage = worked_twice();
    put_back_the_old_store(&stage);
    let _ = stage.run(RUN).exits(1).says("TW0560").says("an older copy").says("log accept");
    let _ = stage.run(["serve", "--no-http"]).exits(1).says("TW0560");
    let _ = stage.run(["freeze", "all", "--by", "a@b.example"]).exits(1).says("TW0560");
    let _ = stage.run(["log", "verify"]).exits(1).says("TW0560");
    // Looking works: the operator has to find out what is missing.
    let _ = stage.run(["runs"]).exits(0);
    let _ = stage.run(["log", "accept", "--by", "ops@northfield.example"]).exits(64);
    let accept = ["log", "accept", "--by", "ops@northfield.example", "--reason", "the disk was lost"];
    let _ = stage.run(accept).exits(0).says("the log goes on from event");
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["log", "verify"]).exits(0).says("it meets 2 signed checkpoints");
    assert!(stage.read(CHECKPOINTS).contains("the disk was lost"), "the record is kept");
}

#[test]
fn another_store_and_an_empty_one_are_refused_too() {
    let stage = worked_twice();
    fs::remove_dir_all(stage.path(STORE)).unwrap();
    let _ = stage.run(RUN).exits(1).says("TW0560").says("the log ends at event 0");
    let other = with_messages(&["8_1"]);
    let _ = other.run(RUN).exits(0);
    fs::remove_dir_all(stage.path(STORE)).unwrap();
    copy(&other.path(STORE), &stage.path(STORE));
    let _ = stage.run(RUN).exits(1).says("TW0560");
}

#[test]
fn checkpoints_that_were_changed_or_lost_their_key_are_not_believed() {
    let stage = worked_twice();
    let good = stage.read(CHECKPOINTS);
    stage.write(CHECKPOINTS, &good.replacen("\"events\":", "\"events\":1", 1));
    let _ = stage.run(RUN).exits(1).says("TW0561").says("line 1");
    let _ = stage.run(["log", "verify"]).exits(1).says("TW0561");
    // A last line that was being written when the process was killed says nothing, and is no mistake.
    stage.write(CHECKPOINTS, &good[..good.len() - 20]);
    let _ = stage.run(RUN).exits(0);
    fs::remove_file(stage.path(KEY)).unwrap();
    let _ = stage.run(RUN).exits(1).says("TW0561").says("the key that signed them is not at");
    assert!(!stage.path(KEY).exists(), "a new key would hide that the old one is gone");
    let _ = stage.run(["log", "accept", "--by", "a@b.example", "--reason", "the key was lost"]).exits(0);
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["log", "verify"]).exits(0);
    let aside = fs::read_dir(stage.path(".tradewind")).unwrap().flatten();
    assert!(aside.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("refused")), "what was not believed is kept");
    stage.write(KEY, "no key");
    let _ = stage.run(RUN).exits(1).says("TW0561").says("holds no key");
}

#[test]
fn checkpoints_go_where_the_environment_says() {
    let stage = with_messages(&["303_27"]);
    stage.replace(
        "tradewind.kdl",
        "store \"surrealkv://.tradewind/store\"",
        "store \"surrealkv://.tradewind/store\"\n        checkpoints \"elsewhere\"",
    );
    let _ = stage.run(RUN).exits(0);
    assert!(!stage.path(CHECKPOINTS).exists());
    let there: Vec<_> = fs::read_dir(stage.path("elsewhere")).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(there.len(), 1, "{there:?}");
    let _ = stage.run(["log", "verify"]).exits(0).says("it meets 1 signed checkpoint");
    let _ = stage.run(["run", "returns-triage", "--input", "work.jsonl", "--ephemeral"]).exits(0);
}

#[test]
fn an_export_is_verified_without_a_store_and_tells_which_part_was_changed() {
    let stage = worked_twice();
    let key = stage.run(["log", "key"]).exits(0).out;
    let _ = stage.run(["log", "export", "all.log"]).exits(0).says("2 checkpoints");
    assert_eq!(fs::metadata(stage.path("all.log")).unwrap().permissions().mode() & 0o777, 0o600);
    let elsewhere = Stage::empty(crate::PROGRAM);
    copy(&stage.path("all.log"), &elsewhere.path("all.log"));
    let report = elsewhere.run(["log", "verify", "all.log", "--format", "json"]).exits(0).json();
    let status = stage.run(["status", "--format", "json"]).exits(0).json();
    assert_eq!(report["events"], status["events"]);
    let _ = elsewhere.run(["log", "verify", "all.log", "--key", key.trim()]).exits(0).says("it meets 2 checkpoints, signed by");
    let _ = elsewhere.run(["log", "verify", "all.log", "--key", &"0".repeat(64)]).exits(1).says("TW0562").says("another key");
    let _ = elsewhere.run(["log", "verify", "all.log", "--key", "short"]).exits(64);
    let mut bytes = fs::read(elsewhere.path("all.log")).unwrap();
    let place = bytes.len() - 400;
    bytes[place] ^= 1;
    fs::write(elsewhere.path("all.log"), &bytes).unwrap();
    let _ = elsewhere.run(["log", "verify", "all.log"]).exits(1).says("TW0562").says("the segment that begins with event");
    fs::write(elsewhere.path("all.log"), &bytes[..place]).unwrap();
    let _ = elsewhere.run(["log", "verify", "all.log"]).exits(1).says("the file ends in it");
    elsewhere.write("all.log", "nothing of the kind");
    let _ = elsewhere.run(["log", "verify", "all.log"]).exits(1).says("it is no exported log");
    let _ = elsewhere.run(["log", "verify", "none.log"]).exits(1).says("TW0502");
    // Nothing is overwritten, and nothing is left of what could not be written.
    let _ = stage.run(["log", "export", "all.log"]).exits(5).says("TW0563");
    let _ = stage.run(["log", "export", "none/all.log"]).exits(1).says("TW0503");
}

#[test]
fn a_serving_process_exports_and_decides_again_through_its_socket() {
    let stage = with_messages(&["303_27"]);
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["log", "export", "live.log"]).exits(0);
    let _ = stage.run(["log", "verify", "live.log"]).exits(0);
    let _ = stage.run(["replay"]).exits(0).says("every decision comes out the same");
    let _ = stage.run(["log", "accept", "--by", "a@b.example", "--reason", "x"]).exits(1).says("TW0510");
    let _ = serving.end("TERM");
    let _ = stage.run(["log", "verify"]).exits(0).says("signed checkpoint");
}

#[test]
fn a_run_is_decided_again_and_a_wrong_name_is_refused() {
    let stage = with_messages(&["303_27", "8_1"]);
    let _ = stage.run(RUN).exits(0);
    let all = stage.run(["replay", "--format", "json"]).exits(0).json();
    let one = stage.run(["replay", "303_27", "--format", "json"]).exits(0).json();
    assert!(one["decisions"].as_u64() > Some(3) && one["decisions"].as_u64() < all["decisions"].as_u64(), "{one} of {all}");
    let _ = stage.run(["replay", "nobody"]).exits(64).says("TW0530");
    let empty = trained();
    let _ = empty.run(["replay"]).exits(0).says("0 decisions");
}

#[test]
fn what_is_told_is_rebuilt_from_the_log_and_an_image_changes_nothing() {
    let stage = with_messages(&["303_27", "8_1"]);
    let _ = stage.run(RUN).exits(0);
    let told = |stage: &Stage| [["runs", "--format", "json"], ["approvals", "--format", "json"]].map(|asked| stage.run(asked).exits(0).out);
    let before = told(&stage);
    let _ = stage.run(["rebuild"]).exits(0).says("and the same as before");
    let image = fs::read(stage.path(IMAGE)).unwrap();
    assert_eq!(told(&stage), before);
    let mut changed = image.clone();
    changed[image.len() / 2] ^= 1;
    for other in [&changed[..], &image[..40], b""] {
        fs::write(stage.path(IMAGE), other).unwrap();
        assert_eq!(told(&stage), before);
    }
    // What is done after an image is done from it: the rest of the messages, once each.
    fs::write(stage.path(IMAGE), &image).unwrap();
    let _ = stage.run(RUN).exits(0);
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    let _ = stage.run(["rebuild", "--format", "json"]).exits(0);
    assert_eq!(told(&stage), before);
    let _ = serving.end("TERM");
    let _ = stage.run(["log", "verify"]).exits(0);
}

#[test]
fn an_archived_part_is_read_where_it_is_and_missed_when_it_is_gone() {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(RUN).exits(0);
    let before = stage.run(["log", "--format", "json"]).exits(0).out;
    let _ = stage.run(["log", "archive", "old.log", "--older-than", "90d"]).exits(5).says("TW0539").says("nothing is to be archived");
    let _ = stage.run(["log", "archive", "old.log", "--older-than", "long"]).exits(64);
    let _ = stage.run(["rebuild"]).exits(0);
    let _ = stage.run(["log", "archive", "old.log", "--older-than", "0s"]).exits(0).says("are archived in");
    let _ = stage.run(["log", "verify", "old.log"]).exits(0);
    let _ = stage.run(["log", "verify"]).exits(0).says("are archived: verify them where they are");
    let _ = stage.run(["status"]).exits(0).says("are archived in");
    // Whatever needs it reads it there, and the log goes on.
    assert_eq!(stage.run(["log", "--format", "json"]).exits(0).out, before);
    stage.write("work.jsonl", &stage.message("8_1"));
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["rebuild"]).exits(0);
    let _ = stage.run(["replay"]).exits(0);
    let _ = stage.run(["log", "export", "all.log"]).exits(0);
    let _ = stage.run(["log", "verify", "all.log"]).exits(0);
    // Gone, it is missed by what needs it, and by nothing else.
    fs::rename(stage.path("old.log"), stage.path("moved.log")).unwrap();
    let _ = stage.run(["log"]).exits(1).says("TW0567").says("old.log");
    let _ = stage.run(["replay"]).exits(1).says("TW0567");
    let _ = stage.run(["runs"]).exits(0);
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["log", "verify"]).exits(0);
    let _ = stage.run(["backup", "kept"]).exits(1).says("TW0567");
    // Another file in its place is not believed.
    fs::copy(stage.path("all.log"), stage.path("old.log")).unwrap();
    let _ = stage.run(["replay"]).exits(1).says("TW0567").says("another part of a log");
    fs::rename(stage.path("moved.log"), stage.path("old.log")).unwrap();
    let _ = stage.run(["replay"]).exits(0);
}
