//! `tradewind serve` as a process, in a folder and with a repository of its own.

use crate::caller::Caller;
use crate::workplace::Workplace;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What callers must show.
pub const TOKEN: &str = "bench";
/// How often we ask whether it serves.
const LOOK: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(600);

const REPOSITORY: &str = r#"
project "bench" {
    currency "USD"
    environment "dev" {
        secret "CALLS" env="CALLS"
        store "surrealkv://.tradewind/store"
    }
}
team "leads" { member "lead@bench.example" }
type "job" { field "id" string; field "text" string untrusted }
type "yes" { field "fine" bool }
flow "five" {
    input "job"
    key "=input.id"
    trigger request="five" auth=(secret)"CALLS" reply-within="2m"
    let "one" "=input.text + '1'"
    let "two" "=one + '2'"
    let "three" "=two + '3'"
    let "four" "=three + '4'"
    let "five" "=four + '5'"
    output { size "=size(five)" }
}
flow "parked" {
    input "job"
    key "=input.id"
    trigger request="parked" auth=(secret)"CALLS" reply-within="2m"
    trigger manual=#true
    ask "sure" to="leads" within="8h" on-timeout=stop { question "Is {{ input.id }} fine?"; answer "yes" }
    let "one" "=sure.fine ? input.text : ''"
    let "two" "=one + '2'"
    output { size "=size(two)" }
}
flow "one" {
    input "job"
    trigger request="one" auth=(secret)"CALLS" reply-within="2m"
    let "size" "=size(input.text)"
    output { size "=size" }
}
"#;

/// A serving process.
#[derive(Debug)]
pub struct Served {
    child: Child,
    place: Workplace,
    program: PathBuf,
    /// Where it serves HTTP.
    pub address: String,
    /// From the start of the process to the first run that ended.
    pub first: Duration,
}

impl Served {
    /// Starts it on an empty store, and returns when it has answered a first run.
    ///
    /// # Errors
    /// It does not serve.
    pub async fn start(program: &Path, folder: &Path) -> Result<Self, String> {
        let place = Workplace::below(folder, "serving").map_err(|error| error.to_string())?;
        std::fs::write(place.path().join("tradewind.kdl"), REPOSITORY).map_err(|error| error.to_string())?;
        let address = free_address()?;
        let (child, first) = spawn(program, &place, &address).await?;
        Ok(Self { child, place, program: program.to_owned(), address, first })
    }

    /// Kills it, and starts it again on the same store. From the start to the first run that ended.
    ///
    /// # Errors
    /// It does not serve again.
    pub async fn killed_and_started(&mut self) -> Result<Duration, String> {
        self.kill();
        let (child, first) = spawn(&self.program, &self.place, &self.address).await?;
        self.child = child;
        Ok(first)
    }

    /// Its number.
    #[must_use]
    pub fn process(&self) -> String {
        self.child.id().to_string()
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.place.path()
    }

    /// Kills it.
    pub fn kill(&mut self) {
        // One that has ended needs no killing; the system wants to be asked how it ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_address() -> Result<String, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.to_string())
}

async fn spawn(program: &Path, place: &Workplace, address: &str) -> Result<(Child, Duration), String> {
    let caller = Caller::new(Some(TOKEN))?;
    let began = Instant::now();
    let mut command = Command::new(program);
    command.args(["serve", "--listen", address]).current_dir(place.path()).env("TRADEWIND_TOKEN", TOKEN).env("CALLS", TOKEN);
    let errors = std::fs::File::create(place.path().join("errors.txt")).map_err(|error| error.to_string())?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
    let url = format!("http://{address}/one");
    let input = serde_json::json!({ "id": "first", "text": "first" });
    loop {
        match caller.post(&url, &input).await {
            Ok(_) => return Ok((child, began.elapsed())),
            Err(why) => {
                let ended = matches!(child.try_wait(), Ok(Some(_)));
                if ended || began.elapsed() > PATIENCE {
                    let _ = child.kill();
                    let _ = child.wait();
                    let errors = std::fs::read_to_string(place.path().join("errors.txt")).unwrap_or_default();
                    return Err(format!("it does not serve: {why}\n{errors}"));
                }
            }
        }
        tokio::time::sleep(LOOK).await;
    }
}
