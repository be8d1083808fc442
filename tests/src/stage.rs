//! A private copy of the shipped repository with a store of its own, in a temporary folder. It never touches the checkout.

use crate::process::{Ended, Running};
use crate::root;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// Where the runtime keeps its state, from a repository's root.
pub const STATE: &str = ".tradewind";

/// A repository in a temporary folder, and the binary that works on it.
#[derive(Debug)]
pub struct Stage {
    folder: TempDir,
    program: PathBuf,
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).expect("a folder in a temporary folder");
        for entry in fs::read_dir(from).expect("a folder of the checkout").flatten() {
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else if let Err(error) = fs::copy(from, to) {
        panic!("{} cannot be copied: {error}", from.display());
    }
}

impl Stage {
    /// An empty folder.
    #[must_use]
    pub fn empty(program: &str) -> Self {
        Self { folder: TempDir::with_prefix("tradewind-").expect("a temporary folder"), program: program.into() }
    }

    /// A copy of the shipped repository: manifest, flows, policies.
    #[must_use]
    pub fn shipped(program: &str) -> Self {
        let stage = Self::empty(program);
        for name in ["tradewind.kdl", "flows", "policies"] {
            copy(&root().join(name), &stage.path(name));
        }
        stage
    }

    /// A copy of the shipped repository whose models are trained already: once a process, then copied.
    #[must_use]
    pub fn trained(program: &str) -> Self {
        static TRAINED: OnceLock<TempDir> = OnceLock::new();
        let stage = Self::shipped(program);
        let models = format!("{STATE}/models");
        let kept = TRAINED.get_or_init(|| {
            let first = Self::shipped(program);
            first.write("one.jsonl", &first.message("8_1"));
            let _ = first.run(["run", "returns-triage", "--input", "one.jsonl"]).exits(0);
            let kept = TempDir::with_prefix("tradewind-models-").expect("a temporary folder");
            copy(&first.path(&models), kept.path());
            kept
        });
        copy(kept.path(), &stage.path(&models));
        stage
    }

    /// A path in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with its folders.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(&path)).expect("a folder in a temporary folder");
        fs::write(path, text).expect("a file in a temporary folder");
    }

    /// Reads a file.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name} cannot be read: {error}"))
    }

    /// Replaces a text that must be there.
    pub fn replace(&self, name: &str, old: &str, new: &str) {
        let text = self.read(name);
        assert!(text.contains(old), "{name} has no `{old}`");
        self.write(name, &text.replacen(old, new, 1));
    }

    /// The line of a shipped message.
    #[must_use]
    pub fn message(&self, id: &str) -> String {
        let wanted = format!("\"message_id\":\"{id}\"");
        let messages = self.read("flows/returns-triage/data/messages.jsonl");
        let line = messages.lines().find(|line| line.contains(&wanted));
        format!("{}\n", line.unwrap_or_else(|| panic!("there is no message {id}")))
    }

    /// The first message about each of so many orders: no two of them ask for the same refund, so that what is done does not depend
    /// on which of them is faster.
    pub fn messages_of_distinct_orders(&self, count: usize) -> String {
        let messages = self.read("flows/returns-triage/data/messages.jsonl");
        let order = |line: &&str| line.split("\"order_id\":\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned);
        let mut seen = std::collections::BTreeSet::new();
        let first = messages.lines().filter(|line| order(line).is_some_and(|order| seen.insert(order)));
        let lines: Vec<&str> = first.take(count).collect();
        assert_eq!(lines.len(), count, "there are too few orders");
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// A command of the binary, in this repository and with nothing of the caller's environment that it looks at.
    pub fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path()).env("NO_COLOR", "1");
        for variable in ["TRADEWIND_TWIN_URL", "TRADEWIND_LOG", "TRADEWIND_ABORT_AT"] {
            command.env_remove(variable);
        }
        command
    }

    /// Starts a command.
    #[must_use]
    pub fn start<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Running {
        Running::start(self.command(arguments))
    }

    /// Runs a command to its end.
    #[must_use]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ended {
        self.start(arguments).end()
    }
}
