//! Backups: made while a process serves, whole or none, and restored only where no store is.

use crate::{RUN, with_messages};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use tradewind_connectors::twin::effects;
use tradewind_tests::process::Running;
use tradewind_tests::serving::Serving;
use tradewind_tests::stage::{STATE, Stage};
use tradewind_tests::twin::Twin;

fn head(stage: &Stage) -> String {
    let verified = stage.run(["log", "verify", "--format", "json"]).exits(0).json();
    verified["head"].as_str().unwrap().to_owned()
}

fn run_on(stage: &Stage, twin: &Twin) -> Running {
    let mut command = stage.command(RUN);
    command.env("TRADEWIND_TWIN_URL", &twin.url);
    Running::start(command)
}

#[test]
fn a_backup_of_a_serving_process_is_restored_to_the_same_log() {
    let stage = with_messages(&["303_27"]);
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["backup", "kept"]).exits(0).says("it was read again and is whole");
    let _ = stage.run(["backup", "kept"]).exits(5).says("TW0563");
    let _ = stage.run(["restore", "kept"]).exits(5).says("TW0563");
    let _ = serving.end("TERM");
    let before = head(&stage);

    let done = effects(&twin.ledger).unwrap();
    fs::rename(stage.path(".tradewind/store"), stage.path("lost")).unwrap();
    let _ = stage.run(["restore", "kept"]).exits(0).says(&before);
    assert_eq!(head(&stage), before);
    let _ = stage.run(["replay"]).exits(0);
    // The same inputs are known: nothing happens twice.
    let _ = run_on(&stage, &twin).end().exits(0);
    assert_eq!(effects(&twin.ledger).unwrap(), done);
}

#[test]
fn a_backup_older_than_the_last_checkpoint_is_restored_and_not_worked_on_by_itself() {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["backup", "kept"]).exits(0);
    stage.write("work.jsonl", &stage.message("8_1"));
    let _ = stage.run(RUN).exits(0);
    fs::remove_dir_all(stage.path(".tradewind/store")).unwrap();
    let _ = stage.run(["restore", "kept"]).exits(0).says("went further").says("log accept");
    let _ = stage.run(RUN).exits(1).says("TW0560");
    let _ = stage.run(["log", "accept", "--by", "ops@northfield.example", "--reason", "restored"]).exits(0);
    let _ = stage.run(RUN).exits(0);
}

#[test]
fn what_is_no_whole_backup_is_refused_and_leaves_nothing() {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(RUN).exits(0);
    let _ = stage.run(["backup", "kept"]).exits(0);
    let keys = ["store.vault", "store.vault-key"].map(|name| (format!("{STATE}/{name}"), fs::read(stage.path(STATE).join(name)).unwrap()));
    fs::remove_dir_all(stage.path(STATE)).unwrap();
    let _ = stage.run(["restore", "nowhere"]).exits(1).says("TW0565");
    let page = stage.read("kept/backup.json");
    stage.write("kept/backup.json", &page.replace("\"version\": 1", "\"version\": 2"));
    let _ = stage.run(["restore", "kept"]).exits(1).says("TW0565").says("version 2");
    stage.write("kept/backup.json", &page.replace("northfield", "southfield"));
    let _ = stage.run(["restore", "kept"]).exits(1).says("TW0565").says("southfield");
    stage.write("kept/backup.json", &page.replace("\"events\": ", "\"events\": 1"));
    let _ = stage.run(["restore", "kept"]).exits(1).says("TW0565").says("another log");
    stage.write("kept/backup.json", &page);
    let mut bytes = fs::read(stage.path("kept/log.export")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(stage.path("kept/log.export"), &bytes).unwrap();
    let _ = stage.run(["restore", "kept"]).exits(1).says("TW0562").says("bytes ");
    assert!(!stage.path(".tradewind/store").exists());
    // A backup that was interrupted has no page.
    bytes[middle] ^= 1;
    fs::write(stage.path("kept/log.export"), &bytes).unwrap();
    fs::remove_file(stage.path("kept/backup.json")).unwrap();
    let _ = stage.run(["restore", "kept"]).exits(1).says("TW0565");
    stage.write("kept/backup.json", &page);
    let _ = stage.run(["restore", "kept"]).exits(0).says("store.vault");
    // The keys of personal data are backed up apart: without them nothing works on, and with them everything does.
    let _ = stage.run(["log", "verify"]).exits(1).says("TW0575");
    for (name, bytes) in keys {
        fs::write(stage.path(&name), bytes).unwrap();
        fs::set_permissions(stage.path(&name), fs::Permissions::from_mode(0o600)).unwrap();
    }
    let _ = stage.run(["log", "verify"]).exits(0);
}
