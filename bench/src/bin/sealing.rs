//! What sealing personal data costs: the same five steps of 200 bytes a run, in clear, sealed for people who are known, and sealed for
//! somebody new each time, whose key is durable before the commit. The engine alone, on a log in memory; the vault is a file. It
//! asserts nothing.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tradewind_bench::five_steps::text;
use tradewind_bench::latency::median;
use tradewind_bench::machine;
use tradewind_bench::table::{Table, thousands};
use tradewind_bench::workplace::Workplace;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::{Config, Engine};
use tradewind_engine::twin::{MemoryLog, Reply, ScriptedConnectors, ScriptedModels};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;
use tradewind_vault::{Keyed, Master, Paths, Vault};

const CONFIGURATION: &str = r#"
project "bench" { currency "USD" }
type "letter" subject="owner" { field "id" string; field "owner" string; field "text" string PII }
flow "five-steps" {
    input "letter"
    key "=input.id"
    let "one" "=input.text + '1'"
    let "two" "=one + '2'"
    let "three" "=two + '3'"
    let "four" "=three + '4'"
    let "five" "=four + '5'"
}
"#;

/// Events a second with sealing and without.
#[derive(Debug, Parser)]
struct Arguments {
    /// Measured runs a round.
    #[arg(long, default_value_t = 5_000)]
    runs: usize,
    /// Rounds; the table shows medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How many are in flight.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// A folder on the disk where the vault is to be.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// What is measured: its name, whether the texts are marked, and of how many people they are.
const KINDS: [(&str, bool, usize); 3] =
    [("in clear", false, 1_000), ("sealed, 1,000 people", true, 1_000), ("sealed, somebody new each", true, usize::MAX)];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let measured = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(measure(&arguments)));
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<(), String> {
    println!("{}", machine::described());
    let mut rates = vec![Vec::new(); KINDS.len()];
    for round in 0..arguments.rounds {
        for (place, (_, sealed, people)) in KINDS.iter().enumerate() {
            let rate = round_of(arguments, *sealed, *people).await?;
            eprintln!("round {}: {} {rate:.0} events/s", round + 1, KINDS.get(place).map_or("", |kind| kind.0));
            if let Some(rates) = rates.get_mut(place) {
                rates.push(rate);
            }
        }
    }
    let mut table = Table::new(&["what", "events/s", "of clear"]);
    let clear = rates.first().map_or(f64::NAN, |rates| median(rates));
    for ((name, _, _), rates) in KINDS.iter().zip(&rates) {
        let rate = median(rates);
        table.row(vec![(*name).to_owned(), thousands(rate), format!("{:.2}", rate / clear)]);
    }
    println!("{table}");
    Ok(())
}

fn plan(sealed: bool) -> Result<Arc<Plan>, String> {
    let text = CONFIGURATION.replace("PII", if sealed { "pii" } else { "" });
    let files = [("tradewind.kdl".to_owned(), text)];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_| None, environment: None });
    let mistakes: Vec<String> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    compiled.plan.map(Arc::new).ok_or_else(|| mistakes.join("; "))
}

fn letter(number: usize, people: usize) -> Value {
    Value::record([
        ("id", Value::string(format!("run-{number:08}"))),
        ("owner", Value::string(format!("owner-{:08}", number % people))),
        ("text", Value::string(text(number))),
    ])
}

/// Events a second of one round, on a log and a vault of its own.
async fn round_of(arguments: &Arguments, sealed: bool, people: usize) -> Result<f64, String> {
    let place = Workplace::below(&arguments.folder, "sealing").map_err(|error| error.to_string())?;
    let paths = Paths::beside(&place.path().join("store"));
    let vault = Vault::open(&paths, Master::File(paths.master.clone())).map_err(|error| format!("{error:?}"))?;
    let log = Arc::new(Keyed::new(Arc::new(MemoryLog::new()), Arc::new(vault)));
    let connectors = ScriptedConnectors::new(|_| Reply::Silence);
    let models = ScriptedModels::new(|_, _, _| Err("no step asks a model".to_owned()));
    let config = Config::new(plan(sealed)?, log, Arc::new(connectors), Arc::new(models), Arc::new(SystemClock));
    let engine = Engine::open(Config { in_flight: arguments.in_flight, ..config }).await.map_err(|error| format!("{error:?}"))?;
    let warm = arguments.runs / 10;
    work(&engine, 0..warm, people).await?;
    let (before, began) = (engine.subscribe().progress.borrow().events, Instant::now());
    work(&engine, warm..warm + arguments.runs, people).await?;
    let (took, after) = (began.elapsed(), engine.subscribe().progress.borrow().events);
    engine.shutdown().await;
    Ok((after - before) as f64 / took.as_secs_f64())
}

async fn work(engine: &Engine, numbers: std::ops::Range<usize>, people: usize) -> Result<(), String> {
    for number in numbers {
        engine.submit("five-steps", letter(number, people), "bench").await.map_err(|error| error.to_string())?;
    }
    engine.wait_idle().await.map_err(|error| format!("{error:?}"))
}
