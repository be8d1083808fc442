//! Every command as a process, with right and wrong input: its exit code, what it says, what it leaves behind.
#![cfg(test)]

mod approvals;
mod backup;
mod check;
mod control;
mod drafts;
mod embeddings;
mod evaluate;
mod events;
mod fixes;
mod forks;
mod gates;
mod graphs;
mod interrupt;
mod layout;
#[cfg(unix)]
mod links;
mod log;
mod look;
mod memory;
mod migrate;
mod models;
mod parts;
mod personal;
mod reload;
mod reports;
mod reuse;
mod run;
mod scenarios;
mod secrets;
mod serve;
mod simulate;
mod socket;
mod source;
mod store;
mod together;
mod undo;
mod unreachable;
mod whole;

use tradewind_tests::stage::Stage;

/// The binary under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_tradewind");

/// A copy of the shipped repository with trained models.
fn trained() -> Stage {
    Stage::trained(PROGRAM)
}

/// The same with some of the shipped messages as `work.jsonl`.
fn with_messages(ids: &[&str]) -> Stage {
    let stage = trained();
    stage.write("work.jsonl", &ids.iter().map(|id| stage.message(id)).collect::<String>());
    stage
}

/// A repository of one file.
fn of_text(text: &str) -> Stage {
    let stage = Stage::empty(PROGRAM);
    stage.write("tradewind.kdl", text);
    stage
}

const RUN: [&str; 4] = ["run", "returns-triage", "--input", "work.jsonl"];
