//! A process that stands still in the middle of its work (SIGSTOP) and goes on: what it believed is checked again before anything leaves.
//! `TRADEWIND_STALL=30` says for how many seconds.

use crate::workload::{FEW, Work, undisturbed};
use std::time::Duration;
use tradewind_tests::process::Running;
use tradewind_tests::serving::Serving;

/// Longer than the twin takes for any call, so that answers are waiting when it wakes up.
const STALL: u64 = 3;

fn stall() -> Duration {
    Duration::from_secs(std::env::var("TRADEWIND_STALL").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(STALL))
}

#[test]
fn standing_still_at_any_moment_changes_nothing_outside() {
    let expected = undisturbed(FEW);
    for (trial, moment) in [0, 60, 180, 400].into_iter().enumerate() {
        let work = Work::new(FEW, &["--latency", "60"]);
        let serving = Serving::start(&work.stage, &work.twin);
        let run = Running::start(work.run_command());
        std::thread::sleep(Duration::from_millis(moment));
        serving.signal("STOP");
        std::thread::sleep(stall());
        serving.signal("CONT");
        let ended = run.end();
        work.judge(&ended, &expected, &format!("trial {trial}: stopped after {moment} ms"));
        let again = work.run();
        work.judge(&again, &expected, &format!("trial {trial}: again"));
        let _ = serving.end("TERM").exits(0);
    }
    println!("stood still for {:?} at 4 moments, always went on", stall());
}
