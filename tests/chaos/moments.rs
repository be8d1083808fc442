//! kill -9 at random moments, again and again until the work is done; in most trials the provider fails, too.

use crate::workload::{MANY, Work, undisturbed};
use std::time::{Duration, Instant};
use tradewind_tests::process::Running;
use tradewind_tests::random::{Random, seed};

/// Kills of each of the tests below; together 200.
const KILLS: u32 = 100;
/// Kills of one work, at most; then it may end.
const MOST_OF_ONE: u32 = 8;

/// What goes wrong outside in a trial.
const FAULTS: &[&[&str]] = &[
    &["--latency", "5"],
    &["--latency", "5", "--drop-every", "5"],
    &["--latency", "5", "--busy-every", "6"],
    &["--latency", "3", "--drop-every", "7", "--busy-every", "5"],
];

fn kill_at_random(seed: u64) {
    println!("seed {seed}");
    let mut random = Random::of(seed);
    let expected = undisturbed(MANY);
    let (mut kills, mut trial, mut interrupted) = (0, 0, 0);
    while kills < KILLS {
        trial += 1;
        let faults = FAULTS[usize::try_from(random.below(FAULTS.len() as u64)).unwrap()];
        let name = format!("seed {seed}, trial {trial}, faults {faults:?}");
        let work = Work::new(MANY, faults);
        let mut window = Duration::from_millis(1_500);
        for of_this in 1..=MOST_OF_ONE {
            let moment = Duration::from_micros(random.below(u64::try_from(window.as_micros()).unwrap()));
            let began = Instant::now();
            let mut running = Running::start(work.run_command());
            while began.elapsed() < moment && !running.has_ended() {
                std::thread::sleep(Duration::from_micros(500));
            }
            if running.has_ended() {
                // What is left of the work is shorter: aim earlier.
                window = began.elapsed().max(Duration::from_millis(50));
                let ended = running.end();
                assert!(ended.code == Some(0), "{name}, run {of_this}\n{ended}");
                continue;
            }
            running.kill();
            let ended = running.end();
            assert!(ended.code.is_none() || ended.code == Some(0), "{name}, kill {of_this} after {moment:?}\n{ended}");
            kills += 1;
            interrupted += u32::from(work.effects().len() < expected.len());
        }
        let ended = work.run();
        work.judge(&ended, &expected, &name);
    }
    println!("seed {seed}: {kills} kills in {trial} works, {interrupted} of them with work left to do");
    assert!(interrupted * 4 > kills, "seed {seed}: most kills came too late to disturb anything");
}

#[test]
fn a_hundred_kills_at_random_moments_change_nothing_outside() {
    kill_at_random(seed());
}

#[test]
fn another_hundred_kills_at_random_moments_change_nothing_outside() {
    kill_at_random(seed().wrapping_add(1));
}
