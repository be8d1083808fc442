//! Ctrl-C: the command ends soon with 130 and says that nothing is lost; the same command goes on.

use crate::with_messages;
use std::time::{Duration, Instant};
use tradewind_connectors::twin::effects;
use tradewind_tests::process::Running;
use tradewind_tests::twin::Twin;

/// How much the twin was asked so far.
fn asked_for(twin: &Twin) -> u64 {
    std::fs::metadata(&twin.ledger).map_or(0, |data| data.len())
}

#[test]
fn an_interrupted_run_is_taken_up_again() {
    let ids = ["71_1", "265_15", "303_27", "298_4", "252_1", "268_1", "278_5", "254_14", "279_9", "286_1"];
    let reference = with_messages(&ids);
    let quiet = Twin::start(&reference, &[]);
    let run = |stage: &tradewind_tests::stage::Stage, twin: &Twin| {
        let mut command = stage.command(["run", "returns-triage", "--input", "work.jsonl", "--in-flight", "2"]);
        command.env("TRADEWIND_TWIN_URL", &twin.url);
        Running::start(command)
    };
    let _ = run(&reference, &quiet).end().exits(0);
    let expected = effects(&quiet.ledger).unwrap();
    let stage = with_messages(&ids);
    let slow = Twin::start(&stage, &["--latency", "300"]);
    let mut interrupted = 0;
    loop {
        let before = asked_for(&slow);
        let mut running = run(&stage, &slow);
        // A machine that is busy with other things may take long to begin.
        while asked_for(&slow) == before && !running.has_ended() {
            std::thread::sleep(Duration::from_millis(10));
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1_200) && !running.has_ended() {
            std::thread::sleep(Duration::from_millis(10));
        }
        if interrupted == 2 || running.has_ended() {
            let _ = running.end().exits(0);
            break;
        }
        running.signal("INT");
        let asked = Instant::now();
        let ended = running.end().exits(130).says("interrupted: everything so far is kept");
        assert!(asked.elapsed() < Duration::from_secs(15), "it took {:?} to end\n{ended}", asked.elapsed());
        assert_eq!(ended.out, "", "no summary of half the work");
        interrupted += 1;
    }
    assert!(interrupted > 0, "it ended before it was interrupted");
    assert_eq!(effects(&slow.ledger).unwrap(), expected);
    let _ = stage.run(["log", "verify"]).exits(0);
}
