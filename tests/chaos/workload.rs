//! The work that is disturbed: real messages of distinct orders that refund, reply and ask people; and how it is judged.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use tradewind_connectors::twin::{Effect, effects};
use tradewind_tests::process::{Ended, Running};
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

/// The binary under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_tradewind");

/// A full refund, a goodwill refund, praise, a neutral one, a refund that is too large for the model alone, an unsure one.
pub(crate) const FEW: &[&str] = &["71_1", "265_15", "303_27", "298_4", "252_1", "268_1"];

/// The same kinds, more of them.
pub(crate) const MANY: &[&str] = &[
    "71_1", "265_15", "303_27", "298_4", "252_1", "268_1", "278_5", "254_14", "279_9", "286_1", "285_2", "309_1", "307_6", "302_5",
    "280_5", "8_1", "10_1", "296_3",
];

/// A repository with trained models, the messages as `work.jsonl`, and a twin that outlives what is killed.
pub(crate) struct Work {
    pub(crate) stage: Stage,
    pub(crate) twin: Twin,
}

impl Work {
    pub(crate) fn new(messages: &[&str], faults: &[&str]) -> Self {
        let stage = Stage::trained(PROGRAM);
        let lines: String = messages.iter().map(|id| stage.message(id)).collect();
        stage.write("work.jsonl", &lines);
        let twin = Twin::start(&stage, faults);
        Self { stage, twin }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.command(arguments);
        command.env("TRADEWIND_TWIN_URL", &self.twin.url);
        command
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> Ended {
        Running::start(self.command(arguments)).end()
    }

    /// The `run` command over all messages.
    pub(crate) fn run_command(&self) -> Command {
        self.command(&["run", "returns-triage", "--input", "work.jsonl", "--format", "json", "--in-flight", "4"])
    }

    /// Runs to the end.
    pub(crate) fn run(&self) -> Ended {
        Running::start(self.run_command()).end()
    }

    /// What was done outside.
    pub(crate) fn effects(&self) -> Vec<Effect> {
        effects(&self.twin.ledger).expect("the ledger can be read")
    }

    /// Keys of writes that were sent again after the provider had done them. A provider forgives that; a log that remembers
    /// what it intended looks first, and one that forgot would be found out here.
    fn repeated_writes(&self) -> Vec<String> {
        let ledger = std::fs::read_to_string(&self.twin.ledger).expect("the ledger can be read");
        let (mut asked, mut done, mut repeated) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
        for line in ledger.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok()) {
            if let (Some("POST"), Some(key)) = (line["method"].as_str(), line["key"].as_str()) {
                if done.contains(key) {
                    repeated.push(key.to_owned());
                }
                asked.insert(line["n"].as_u64(), key.to_owned());
            } else if let (Some(201), Some(key)) = (line["status"].as_u64(), asked.get(&line["n"].as_u64())) {
                done.insert(key.clone());
            }
        }
        repeated
    }

    /// After a run that ended well: the world holds exactly `expected`, the log says the same, and its chain holds.
    pub(crate) fn judge(&self, ended: &Ended, expected: &[Effect], trial: &str) {
        assert!(ended.code == Some(0), "{trial}: the last run did not end well\n{ended}");
        let done = self.effects();
        assert!(done == expected, "{trial}: done outside\n{}\nexpected\n{}\n{ended}", listed(&done), listed(expected));
        let summary = ended.json();
        for operation in ["payments.refund.create", "helpdesk.reply"] {
            let outside = done.iter().filter(|effect| effect.operation == operation).count();
            let logged = summary["effects"][operation]["done"].as_u64().unwrap_or(0);
            assert!(u64::try_from(outside) == Ok(logged), "{trial}: {outside} {operation} outside, {logged} in the log\n{ended}");
        }
        let repeated = self.repeated_writes();
        assert!(repeated.is_empty(), "{trial}: asked for again though it was done and could be looked up: {repeated:?}\n{ended}");
        let verified = self.ask(&["log", "verify"]);
        assert!(verified.code == Some(0), "{trial}: the chain does not hold\n{verified}");
    }
}

fn listed(effects: &[Effect]) -> String {
    effects
        .iter()
        .map(|effect| format!("  {} {} {} {:?}", effect.operation, effect.target, effect.key, effect.content))
        .collect::<Vec<_>>()
        .join("\n")
}

/// What the messages do when nothing disturbs them. They refund, reply and ask people, or the trial would prove little.
pub(crate) fn undisturbed(messages: &[&str]) -> Vec<Effect> {
    let work = Work::new(messages, &[]);
    let ended = work.run();
    let done = work.effects();
    work.judge(&ended, &done, "undisturbed");
    for operation in ["payments.refund.create", "helpdesk.reply"] {
        assert!(done.iter().filter(|effect| effect.operation == operation).count() >= 2, "too few {operation}\n{ended}");
    }
    assert!(ended.json()["runs"]["waiting"].as_u64() >= Some(2), "nobody is asked\n{ended}");
    done
}
