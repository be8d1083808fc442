//! The twin as a process of its own: started beside the runtime, or found where an address says. It never outlives us.

use crate::arguments::Twin;
use crate::exit::{Exit, Failure};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tradewind_connectors::twin::{TwinFaults, TwinOptions, serve_twin};
use tradewind_lang::code::run;
use tradewind_lang::plan::Plan;

/// Names a twin that already runs, such as `http://127.0.0.1:7411`.
const ADDRESS_VARIABLE: &str = "TRADEWIND_TWIN_URL";

/// A twin to which connectors talk.
#[derive(Debug)]
pub(crate) struct TwinProcess {
    /// Where it listens.
    pub(crate) url: String,
    /// Ends when its standard input, which this holds, ends.
    child: Option<Child>,
    /// A ledger that goes with the process.
    forgotten: Option<PathBuf>,
}

impl TwinProcess {
    /// The running twin that the environment names, or a new one with this ledger; `forget`: the ledger goes with it.
    pub(crate) async fn start(plan: &Plan, root: &Path, ledger: &Path, forget: bool) -> Result<Self, Failure> {
        if let Ok(url) = std::env::var(ADDRESS_VARIABLE) {
            return Ok(Self { url, child: None, forgotten: None });
        }
        let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("twin").arg("--ledger").arg(ledger).arg("--exit-on-stdin-eof");
        if let Some(orders) = plan.project.seeds.get("shop.order") {
            command.arg("--orders").arg(root.join(orders));
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| failed(&error.to_string()))?;
        let out = child.stdout.take().ok_or_else(|| failed("it has no output"))?;
        let first = BufReader::new(out).lines().next_line().await.map_err(|error| failed(&error.to_string()))?;
        match first.as_deref().and_then(|line| line.strip_prefix("listening on ")) {
            Some(url) => Ok(Self { url: url.to_owned(), child: Some(child), forgotten: forget.then(|| ledger.to_owned()) }),
            None => Err(failed("it ended before it listened")),
        }
    }

    /// Lets it end what it has begun.
    pub(crate) async fn stop(self) {
        if let Some(mut child) = self.child {
            drop(child.stdin.take());
            let _ = child.wait().await;
        }
        if let Some(ledger) = self.forgotten {
            // A missing file is what we want.
            let _ = std::fs::remove_file(ledger);
        }
    }
}

fn failed(why: &str) -> Failure {
    Failure::new(Exit::Tool, &run::TWIN_FAILED, format!("the twin cannot be started: {why}"))
        .help("it needs a free loopback port and its ledger's folder")
}

/// The hidden command that is the twin.
pub(crate) fn serve(options: &Twin) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| failed(&error.to_string()))?;
    let faults =
        TwinFaults { latency: options.latency.map(Duration::from_millis), drop_every: options.drop_every, busy_every: options.busy_every };
    let options = TwinOptions {
        listen: options.listen,
        ledger: options.ledger.clone(),
        orders: options.orders.clone(),
        exit_on_stdin_eof: options.exit_on_stdin_eof,
        faults,
    };
    runtime.block_on(serve_twin(options)).map_err(|error| failed(&error.to_string()))?;
    Ok(Exit::Fine)
}
