//! The twin as a process of its own: started beside the runtime, or found where an address says. It never outlives us, and one
//! that we started is started again, on the same port and ledger, when it dies.

use crate::arguments::Twin;
use crate::exit::{Exit, Failure};
use crate::output::tell;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
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
    /// Who looks after it, and how to say that it may end.
    keeper: Option<(JoinHandle<()>, oneshot::Sender<()>)>,
    /// A ledger that goes with the process.
    forgotten: Option<PathBuf>,
}

impl TwinProcess {
    /// The running twin that the environment names, or a new one with this ledger; `forget`: the ledger goes with it.
    pub(crate) async fn start(plan: &Plan, root: &Path, ledger: &Path, forget: bool) -> Result<Self, Failure> {
        if let Ok(url) = std::env::var(ADDRESS_VARIABLE) {
            return Ok(Self { url, keeper: None, forgotten: None });
        }
        let orders = plan.project.seeds.get("shop.order").map(|orders| root.join(orders));
        let recipe = Recipe { ledger: ledger.to_owned(), orders };
        let (child, url) = recipe.spawn(None).await.map_err(|why| failed(&why))?;
        let (stop, stopped) = oneshot::channel();
        let address = url.trim_start_matches("http://").to_owned();
        let keeper = tokio::spawn(keep(recipe, child, address, stopped));
        Ok(Self { url, keeper: Some((keeper, stop)), forgotten: forget.then(|| ledger.to_owned()) })
    }

    /// Lets it end what it has begun.
    pub(crate) async fn stop(self) {
        if let Some((keeper, stop)) = self.keeper {
            drop(stop);
            let _ = keeper.await;
        }
        if let Some(ledger) = self.forgotten {
            // A missing file is what we want.
            let _ = std::fs::remove_file(ledger);
        }
    }
}

/// How it is started.
struct Recipe {
    ledger: PathBuf,
    orders: Option<PathBuf>,
}

impl Recipe {
    /// A new twin that listens, and where; the error is for people.
    async fn spawn(&self, address: Option<&str>) -> Result<(Child, String), String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.arg("twin").arg("--ledger").arg(&self.ledger).arg("--exit-on-stdin-eof");
        if let Some(orders) = &self.orders {
            command.arg("--orders").arg(orders);
        }
        if let Some(address) = address {
            command.arg("--listen").arg(address);
        }
        // In a group of its own: Ctrl-C is for us, and we end it in order.
        command.process_group(0);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        let out = child.stdout.take().ok_or("it has no output")?;
        let first = BufReader::new(out).lines().next_line().await.map_err(|error| error.to_string())?;
        match first.as_deref().and_then(|line| line.strip_prefix("listening on ")) {
            Some(url) => Ok((child, url.to_owned())),
            None => Err("it ended before it listened".to_owned()),
        }
    }
}

/// The pause before a twin is started again, which doubles while it does not start.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Starts it again whenever it ends, until `stopped` says that it may end; it does when its standard input ends.
async fn keep(recipe: Recipe, mut child: Child, address: String, mut stopped: oneshot::Receiver<()>) {
    let mut pause = PAUSE;
    loop {
        // Waiting for a child closes its standard input, unless somebody else holds it.
        let input = child.stdin.take();
        let began = Instant::now();
        tokio::select! {
            _ = &mut stopped => {
                drop(input);
                let _ = child.wait().await;
                return;
            }
            _ = child.wait() => tell!("the twin ended, and is started again on the same port and ledger"),
        }
        if began.elapsed() > LONGEST_PAUSE {
            pause = PAUSE;
        }
        child = loop {
            tokio::select! {
                _ = &mut stopped => return,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
            match recipe.spawn(Some(&address)).await {
                Ok((child, _)) => break child,
                Err(why) => tracing::warn!("the twin cannot be started again: {why}"),
            }
        };
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
