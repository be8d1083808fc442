//! A twin as a process beside the binary: it outlives the processes under test, counts what they did, and can be killed itself.

use crate::stage::Stage;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A twin that listens.
#[derive(Debug)]
pub struct Twin {
    child: Child,
    command: Vec<String>,
    program: PathBuf,
    /// Such as `http://127.0.0.1:7411`.
    pub url: String,
    /// What it was asked and what it did.
    pub ledger: PathBuf,
}

impl Twin {
    /// Starts a twin with the shipped orders and a ledger in the stage's folder. `faults` are options such as `--latency`.
    #[must_use]
    pub fn start(stage: &Stage, faults: &[&str]) -> Self {
        let program = PathBuf::from(stage.command::<&str>([]).get_program());
        let ledger = stage.path("outside/ledger.jsonl");
        std::fs::create_dir_all(stage.path("outside")).expect("a folder in a temporary folder");
        let orders = stage.path("flows/returns-triage/data/orders.jsonl");
        let mut command: Vec<String> = ["twin", "--exit-on-stdin-eof", "--ledger"].map(str::to_owned).to_vec();
        command.extend([ledger.display().to_string(), "--orders".to_owned(), orders.display().to_string()]);
        command.extend(faults.iter().map(|fault| (*fault).to_owned()));
        let (child, url) = spawn(&program, &command, "127.0.0.1:0");
        Self { child, command, program, url, ledger }
    }

    /// Kills it (SIGKILL) and starts it again on the same port and ledger.
    pub fn kill_and_restart(&mut self) {
        self.kill();
        let address = self.url.trim_start_matches("http://").to_owned();
        (self.child, self.url) = spawn(&self.program, &self.command, &address);
    }

    fn kill(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &PathBuf, command: &[String], address: &str) -> (Child, String) {
    let started = Command::new(program).args(command).args(["--listen", address]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = started.expect("the binary is there");
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line).expect("a line of the twin");
    }
    let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("the twin did not start: {line}"));
    (child, url.to_owned())
}
