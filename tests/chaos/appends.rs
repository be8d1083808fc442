//! A process that dies at every append, right before it and right after it.

use crate::workload::{FEW, Work, undisturbed};
use std::process::Command;
use tradewind_tests::process::{Ended, Running};

/// More appends than the work has.
const MOST: u64 = 400;

fn aborting(mut command: Command, side: &str, append: u64) -> Ended {
    command.env("TRADEWIND_ABORT_AT", format!("{side}:{append}"));
    Running::start(command).end()
}

/// Dies at one append after the other until a run has fewer of them; says how often it died.
fn die_at_every_append(side: &str) -> u64 {
    let expected = undisturbed(FEW);
    for append in 1..=MOST {
        let work = Work::new(FEW, &[]);
        let first = aborting(work.run_command(), side, append);
        if first.code.is_some() {
            work.judge(&first, &expected, &format!("{side}:{append}"));
            println!("{side} every append: died {} times, always went on", append - 1);
            return append - 1;
        }
        let again = work.run();
        work.judge(&again, &expected, &format!("{side}:{append}"));
    }
    panic!("{side}: more than {MOST} appends");
}

#[test]
fn dying_before_any_append_changes_nothing_outside() {
    assert!(die_at_every_append("before") > 10);
}

#[test]
fn dying_after_any_append_changes_nothing_outside() {
    assert!(die_at_every_append("after") > 10);
}

/// The item that waits for a person at a step.
fn waiting(work: &Work, step: &str) -> String {
    let all = work.ask(&["approvals", "--format", "json"]).exits(0).json();
    let items = all["approvals"].as_array().expect("a list").clone();
    let found = items.iter().find(|item| item["step"] == step).unwrap_or_else(|| panic!("nothing waits at {step}: {all}"));
    found["id"].as_str().expect("an id").to_owned()
}

#[test]
fn dying_while_an_approved_refund_is_made_makes_it_once() {
    let arguments = |id: &str| ["approvals", "approve", id, "--by", "lead1@northfield.example"].map(str::to_owned);
    let command = |work: &Work, id: &str| work.command(&arguments(id).iter().map(String::as_str).collect::<Vec<_>>());
    let work = Work::new(&["252_1"], &[]);
    let _ = work.run().exits(0);
    let _ = Running::start(command(&work, &waiting(&work, "refund"))).end().exits(0);
    let expected = work.effects();
    assert!(expected.len() == 2, "a refund and a reply: {expected:?}");
    let mut deaths = 0;
    for append in 1..=MOST {
        for side in ["before", "after"] {
            let work = Work::new(&["252_1"], &[]);
            let _ = work.run().exits(0);
            let id = waiting(&work, "refund");
            let first = aborting(command(&work, &id), side, append);
            let trial = format!("approve {side}:{append}");
            if first.code.is_some() {
                assert!(deaths > 2, "{trial}: it died {deaths} times only\n{first}");
                assert!(work.effects() == expected, "{trial}");
                println!("approving: died {deaths} times, always went on");
                return;
            }
            deaths += 1;
            // Refused where the first word was kept; accepted where it was lost with the process.
            let again = Running::start(command(&work, &id)).end();
            assert!(matches!(again.code, Some(0 | 64 | 5)), "{trial}\n{again}");
            let ended = work.run();
            work.judge(&ended, &expected, &trial);
        }
    }
    panic!("more than {MOST} appends");
}
