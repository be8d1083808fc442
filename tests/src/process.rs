//! The binary as a process: what it wrote and how it ended. One that does not end in time is killed and is a failure.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any command of a harness may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a process ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

impl Ended {
    /// Standard output as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("no JSON: {error}\n{self}"))
    }

    /// Checks the exit code.
    #[must_use]
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code == Some(code), "exit code {code} was expected\n{self}");
        self
    }

    /// Checks that both streams together hold a text.
    #[must_use]
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text) || self.err.contains(text), "`{text}` was expected\n{self}");
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "exit code {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.out, self.err)
    }
}

/// A process under way.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: Option<JoinHandle<String>>,
    err: Option<JoinHandle<String>>,
}

fn collect(stream: Option<impl Read + Send + 'static>) -> Option<JoinHandle<String>> {
    let mut stream = stream?;
    Some(std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // A stream that breaks off leaves what it had.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }))
}

impl Running {
    /// Starts a command.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
        Self { child, out, err }
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills it so that it can do nothing more (SIGKILL).
    pub fn kill(&mut self) {
        // One that has ended already needs no killing.
        let _ = self.child.kill();
    }

    /// Sends it a signal, such as `INT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status().expect("`kill` is everywhere");
        assert!(sent.success(), "the process {} could not be sent {name}", self.id());
    }

    /// Waits for its end.
    #[must_use]
    pub fn end(mut self) -> Ended {
        let status = self.wait(PATIENCE);
        let text = |stream: Option<JoinHandle<String>>| stream.and_then(|stream| stream.join().ok()).unwrap_or_default();
        let ended = Ended { code: status.and_then(|status| status.code()), out: text(self.out.take()), err: text(self.err.take()) };
        assert!(status.is_some(), "it did not end in {PATIENCE:?}\n{ended}");
        ended
    }

    fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let began = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if began.elapsed() < patience => std::thread::sleep(Duration::from_millis(2)),
                _ => {
                    self.kill();
                    let _ = self.child.wait();
                    return None;
                }
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        // The system wants to be asked how it ended.
        let _ = self.child.wait();
    }
}
