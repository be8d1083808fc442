//! `serve` dies at every append of three flows, alternately right before it and right after it; the next one goes on.

use crate::workload::{PROGRAM, Work};
use std::time::{Duration, Instant};
use tradewind_connectors::twin::Effect;
use tradewind_tests::process::{Ended, Running};
use tradewind_tests::serving::Serving;
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

/// More appends than any of the flows has.
const MOST: u64 = 60;
/// Until it serves, or has died on the way there.
const PATIENCE: Duration = Duration::from_secs(90);
const SOCKET: &str = ".tradewind/tradewind.sock";
const PHONE: &str = "Panasonic Kx-TS550";

/// Prices of items, one after the other, and what is said at the end.
const SEVERAL: &str = r#"
type "several-changes" { field "id" string; field "changes" list<price-change> }
flow "several-changes" {
    summary "Set the prices of several products"
    input "several-changes"
    key "=input.id"
    each "all" in="=input.changes" as="change" key="=change.id" max=10 {
        act "set" { call "shop.price.set" product="=change.product" price="=change.price" }
        output { price "=set.price" }
    }
    wait "rest" for="1s"
    act "last" { call "shop.price.set" product="=input.changes[0].product" price="=input.changes[0].price" }
    output { count "=size(all)" }
}
"#;

struct Flow {
    name: &'static str,
    input: fn(&Stage) -> String,
}

const FLOWS: [Flow; 3] = [
    Flow { name: "returns-triage", input: |stage| stage.message("71_1") + &stage.message("252_1") },
    Flow { name: "price-change", input: |_| format!("{{\"id\":\"c1\",\"product\":\"{PHONE}\",\"price\":\"150 USD\"}}\n") },
    Flow {
        name: "several-changes",
        input: |_| {
            let change = |id: &str, price: &str| format!("{{\"id\":\"{id}\",\"product\":\"{PHONE}\",\"price\":\"{price}\"}}");
            format!("{{\"id\":\"s1\",\"changes\":[{},{}]}}\n", change("a", "150 USD"), change("b", "151 USD"))
        },
    },
];

impl Flow {
    fn work(&self) -> Work {
        let stage = Stage::trained(PROGRAM);
        stage.write("flows/several.kdl", SEVERAL);
        stage.write("work.jsonl", &(self.input)(&stage));
        let twin = Twin::start(&stage, &[]);
        Work { stage, twin }
    }

    fn run(&self, work: &Work) -> Ended {
        work.ask(&["run", self.name, "--input", "work.jsonl", "--format", "json"])
    }

    /// Dies at one append after the other until the work has fewer of them; says how often it died.
    fn die_at_every_append(&self) -> u64 {
        let expected = {
            let work = self.work();
            let serving = Serving::start(&work.stage, &work.twin);
            let _ = self.run(&work).exits(0);
            let _ = serving.end("TERM").exits(0);
            sorted(work.effects())
        };
        assert!(!expected.is_empty(), "{}: nothing is done", self.name);
        for append in 1..=MOST {
            let side = if append % 2 == 0 { "before" } else { "after" };
            let trial = format!("{} {side}:{append}", self.name);
            let work = self.work();
            let mut command = work.command(&["serve"]);
            command.env("TRADEWIND_ABORT_AT", format!("{side}:{append}"));
            let mut dies = Running::start(command);
            let began = Instant::now();
            while !work.stage.path(SOCKET).exists() && !dies.has_ended() && began.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(10));
            }
            // Whoever hands in hears of the death, or goes on by himself; both are fine.
            let handed_in = self.run(&work);
            // Whoever hands in hears that it broke off before the system says that it has ended.
            while handed_in.code != Some(0) && !dies.has_ended() && began.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(10));
            }
            let died = dies.has_ended();
            assert!(died || handed_in.code == Some(0), "{trial}: it lives, and {handed_in}");
            if !died {
                dies.kill();
                let _ = dies.end();
            }
            let serving = Serving::start(&work.stage, &work.twin);
            let _ = self.run(&work).exits(0);
            let _ = serving.end("TERM").exits(0);
            assert_eq!(sorted(work.effects()), expected, "{trial}");
            let _ = work.ask(&["log", "verify"]).exits(0);
            if !died {
                return append - 1;
            }
        }
        panic!("{}: more than {MOST} appends", self.name);
    }
}

/// Operation, target, key and content, in an order of their own.
fn sorted(effects: Vec<Effect>) -> Vec<String> {
    let mut all: Vec<String> =
        effects.into_iter().map(|Effect { operation, target, key, content, .. }| format!("{operation} {target} {key} {content}")).collect();
    all.sort();
    all
}

#[test]
fn dying_at_every_append_of_three_flows_changes_nothing_outside() {
    for flow in &FLOWS {
        let died = flow.die_at_every_append();
        // The changes of one loop are sent together, in few commits.
        assert!(died >= 3, "{}: it died {died} times only", flow.name);
        println!("{}: died {died} times, always went on", flow.name);
    }
}
