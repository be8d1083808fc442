//! kill -9 of the provider in the middle of the work, and of both.

use crate::workload::{MANY, Work, undisturbed};
use std::time::Duration;
use tradewind_tests::process::Running;
use tradewind_tests::random::{Random, seed};

/// Works that are disturbed.
const TRIALS: u32 = 8;

#[test]
fn a_provider_that_dies_and_comes_back_is_asked_and_nothing_is_done_twice() {
    let seed = seed();
    println!("seed {seed}");
    let mut random = Random::of(seed);
    let expected = undisturbed(MANY);
    let mut disturbed = 0;
    for trial in 1..=TRIALS {
        let mut work = Work::new(MANY, &["--latency", "20"]);
        let name = format!("seed {seed}, trial {trial}");
        let mut running = Running::start(work.run_command());
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(100 + random.below(500)));
            disturbed += u32::from(!running.has_ended());
            work.twin.kill_and_restart();
        }
        if trial % 2 == 0 {
            running.kill();
        }
        let ended = running.end();
        assert!(ended.code.is_none() || ended.code == Some(0), "{name}\n{ended}");
        let again = work.run();
        work.judge(&again, &expected, &name);
    }
    println!("seed {seed}: {disturbed} kills of the provider while it was asked");
    assert!(disturbed >= TRIALS, "seed {seed}: most kills came too late to disturb anything");
}
