//! Stores that cannot be used: not writable, on a full disk, damaged. Nothing is lost or half done.

use crate::{RUN, trained, with_messages};
use std::fs;
use std::process::Command;
use tradewind_connectors::twin::effects;
use tradewind_tests::process::Running;
use tradewind_tests::stage::{STATE, Stage};
use tradewind_tests::twin::Twin;

/// A small file system of its own at a folder; unmounted when it goes.
struct Mounted(std::path::PathBuf);

impl Mounted {
    /// `None` where this user may not mount.
    fn at(stage: &Stage, name: &str, options: &str) -> Option<Self> {
        let folder = stage.path(name);
        fs::create_dir_all(&folder).unwrap();
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&folder).output().ok()?.status;
        if !status.success() {
            // Past the harness, which keeps what a test prints to itself unless it fails.
            let _ = std::io::Write::write_all(&mut std::io::stderr(), b"skipped: a file system cannot be mounted here\n");
            return None;
        }
        Some(Self(folder))
    }

    fn remount(&self, options: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a process that was killed may still hold a file.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn start(stage: &Stage, twin: &Twin) -> Running {
    let mut command = stage.command(RUN);
    command.env("TRADEWIND_TWIN_URL", &twin.url);
    Running::start(command)
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let stage = with_messages(&["303_27"]);
    stage.write(".tradewind/store", "not a folder");
    let _ = stage.run(RUN).exits(1).says("TW0511").says("is a file");
    let _ = stage.run(["runs"]).exits(1).says("TW0511");
    assert_eq!(stage.read(".tradewind/store"), "not a folder");
    fs::remove_dir_all(stage.path(STATE)).unwrap();
    stage.write(STATE, "not a folder either");
    let _ = stage.run(RUN).exits(1).says("TW0511").says("cannot be made");
}

#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    let stage = with_messages(&["303_27"]);
    let Some(mounted) = Mounted::at(&stage, ".tradewind/store", "size=4m,ro") else { return };
    let _ = stage.run(RUN).exits(1).says("TW0511");
    let _ = stage.run(["log", "verify"]).exits(1).says("TW0511");
    drop(mounted);
    let _ = stage.run(RUN).exits(0);
}

#[test]
fn a_full_disk_stops_the_work_and_space_lets_it_go_on() {
    let reference = trained();
    let messages = reference.messages_of_distinct_orders(40);
    reference.write("work.jsonl", &messages);
    let quiet = Twin::start(&reference, &[]);
    let _ = start(&reference, &quiet).end().exits(0);
    let expected = effects(&quiet.ledger).unwrap();

    let stage = trained();
    stage.write("work.jsonl", &messages);
    let Some(mounted) = Mounted::at(&stage, ".tradewind/store", "size=32m") else { return };
    let twin = Twin::start(&stage, &[]);
    // A little of the log fits, and not the whole of it.
    let _ = stage.run(["runs"]).exits(0);
    fill(&stage, 96 << 10);
    let stopped = start(&stage, &twin).end().exits(1).says("TW0512").says("run the same command again");
    assert!(effects(&twin.ledger).unwrap().len() < expected.len(), "the disk was not full\n{stopped}");
    let _ = start(&stage, &twin).end().exits(1).says("TW0512");
    fs::remove_file(stage.path(".tradewind/store/ballast")).unwrap();
    mounted.remount("size=64m");
    let _ = start(&stage, &twin).end().exits(0);
    assert_eq!(effects(&twin.ledger).unwrap(), expected);
    let _ = stage.run(["log", "verify"]).exits(0);
}

/// Fills the store's file system but for `left` bytes.
fn fill(stage: &Stage, left: u64) {
    let path = stage.path(".tradewind/store/ballast");
    let mut size = 0_u64;
    let mut file = fs::File::create(&path).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {
        size += 4096;
    }
    file.set_len(size.saturating_sub(left)).unwrap();
}

#[test]
fn a_damaged_log_is_refused_and_left_alone() {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(RUN).exits(0);
    let folder = stage.path(".tradewind/store/manifest");
    let manifest = fs::read_dir(&folder).unwrap().flatten().next().unwrap().path();
    fs::write(&manifest, b"no manifest").unwrap();
    let _ = stage.run(RUN).exits(1).says("TW0514");
    let _ = stage.run(["log", "verify"]).exits(1).says("TW0540");
    assert_eq!(fs::read(&manifest).unwrap(), b"no manifest");
}

#[test]
fn a_store_whose_manifest_is_gone_is_not_taken_for_an_empty_one() {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(RUN).exits(0);
    let folder = stage.path(".tradewind/store/manifest");
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    let _ = stage.run(["log", "verify"]).exits(1).says("TW0540").says("the manifest that names it is not");
    let _ = stage.run(RUN).exits(1).says("TW0514");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
}

#[test]
fn a_moment_that_is_none_is_refused() {
    let stage = with_messages(&["303_27"]);
    let mut command = stage.command(RUN);
    command.env("TRADEWIND_ABORT_AT", "sometimes");
    let _ = Running::start(command).end().exits(64).says("TW0550").says("before:N");
}
