//! `tradewind serve` as a process under test: it is started, asked how it stands, and asked to end or killed.

use crate::process::{Ended, Running};
use crate::stage::Stage;
use crate::twin::Twin;
use serde_json::Value as Json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Long enough for a slow machine to start a process or to compile a repository.
const PATIENCE: Duration = Duration::from_secs(90);

/// Where it listens for commands.
const SOCKET: &str = ".tradewind/tradewind.sock";

/// A serving process.
#[derive(Debug)]
pub struct Serving(Running);

impl Serving {
    /// Starts it, and returns when it serves.
    #[must_use]
    pub fn start(stage: &Stage, twin: &Twin) -> Self {
        Self::start_with(stage, twin, &["--listen", "127.0.0.1:0"], &[])
    }

    /// The same with other options and variables.
    #[must_use]
    pub fn start_with(stage: &Stage, twin: &Twin, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = stage.command(["serve"].iter().chain(options));
        command.env("TRADEWIND_TWIN_URL", &twin.url).envs(variables.iter().copied());
        Self::begun(stage, command)
    }

    /// Starts it where it needs no twin, on any free port.
    #[must_use]
    pub fn alone(stage: &Stage, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = stage.command(["serve", "--listen", "127.0.0.1:0"].iter().chain(options));
        command.envs(variables.iter().copied());
        Self::begun(stage, command)
    }

    fn begun(stage: &Stage, command: std::process::Command) -> Self {
        let mut running = Running::start(command);
        let own = u64::from(running.id());
        let began = Instant::now();
        loop {
            // Asked before it listens, `status` would open the store itself, and hold up what it waits for.
            while !stage.path(SOCKET).exists() && !running.has_ended() && began.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(20));
            }
            let asked = stage.run(["status", "--format", "json"]);
            if asked.code == Some(0) && asked.json().get("process").and_then(Json::as_u64) == Some(own) {
                return Self(running);
            }
            if running.has_ended() || began.elapsed() > PATIENCE {
                panic!("it does not serve\n{asked}\n{}", running.end());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How it stands.
    #[must_use]
    pub fn status(stage: &Stage) -> Json {
        stage.run(["status", "--format", "json"]).exits(0).json()
    }

    /// Waits until it stands so.
    pub fn until(stage: &Stage, what: &str, mut holds: impl FnMut(&Json) -> bool) -> Json {
        let began = Instant::now();
        loop {
            let status = Self::status(stage);
            if holds(&status) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not come: {status:#}");
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Sends it a signal, such as `STOP`, that does not end it.
    pub fn signal(&self, signal: &str) {
        self.0.signal(signal);
    }

    /// Sends it a signal, and returns how it ended.
    #[must_use]
    pub fn end(self, signal: &str) -> Ended {
        self.0.signal(signal);
        self.0.end()
    }

    /// Kills it so that it can do nothing more (SIGKILL).
    pub fn kill(mut self) {
        self.0.kill();
        let _ = self.0.end();
    }
}

/// Status and body of one request to a serving process.
#[must_use]
pub fn http(stage: &Stage, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, Json) {
    http_at(&address(stage), method, path, token, body)
}

/// Where a process serves HTTP.
#[must_use]
pub fn address(stage: &Stage) -> String {
    Serving::status(stage).get("listen").and_then(Json::as_str).expect("it serves HTTP").replace("0.0.0.0", "127.0.0.1")
}

/// Status and body of one request to an address.
#[must_use]
pub fn http_at(address: &str, method: &str, path: &str, token: Option<&str>, body: &str) -> (u16, Json) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{token}content-type: application/json\r\n");
    write!(stream, "{head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}").expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status.unwrap_or_else(|| panic!("{answer}")), serde_json::from_str(body).unwrap_or(Json::Null))
}
