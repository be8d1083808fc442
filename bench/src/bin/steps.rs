//! Durable steps a second through the engine, beside the same bytes without an engine and the bare disk. It asserts nothing.
//!
//! Five pure steps of 200 bytes a run, each durable before the next begins. In every round, on fresh stores in one folder:
//! the engine; the segments it wrote, in the same order and one at a time, through the same store; the same bytes in a
//! plain file with an fdatasync each.

use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tradewind_bench::closed_loop::{Driven, drive};
use tradewind_bench::five_steps::{self, STEPS, Work};
use tradewind_bench::latency::median;
use tradewind_bench::machine::{self, Lap};
use tradewind_bench::recording::Recording;
use tradewind_bench::same_shape;
use tradewind_bench::table::{Table, thousands};
use tradewind_bench::workplace::Workplace;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::{Config, Engine};
use tradewind_engine::ports::LogStore;
use tradewind_engine::segment::Segment;
use tradewind_engine::twin::{MemoryLog, Reply, ScriptedConnectors, ScriptedModels};
use tradewind_lang::value::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    /// SurrealDB on SurrealKV, each commit synced.
    Surrealkv,
    /// In memory, not durable: what the engine alone costs.
    Memory,
}

/// Durable steps a second, beside the same bytes without an engine.
#[derive(Debug, Parser)]
struct Arguments {
    /// Which log.
    #[arg(long, value_enum, default_value_t = Log::Surrealkv)]
    log: Log,
    /// Measured runs a round with one run in flight.
    #[arg(long, default_value_t = 1_000)]
    alone: usize,
    /// Measured runs a round with many in flight.
    #[arg(long, default_value_t = 20_000)]
    together: usize,
    /// How many are in flight then.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// Rounds; the table shows medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Five effects a run, each with its intent and its outcome, instead of pure steps; the provider answers at once.
    #[arg(long)]
    effects: bool,
    /// A folder on the disk that is to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// One round with so many runs in flight.
struct Round {
    engine: Driven,
    floor: Lap,
    disk: Lap,
    commits: usize,
    events: usize,
    bytes: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    match runtime.block_on(measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::FAILURE
}

async fn measure(arguments: &Arguments) -> Result<(), String> {
    println!("{}", machine::described());
    let steps = if arguments.effects { "effects" } else { "pure steps" };
    println!("{STEPS} {steps} of 200 B a run, each durable before the next begins; log: {:?}", arguments.log);
    println!();
    let columns =
        ["runs in flight", "steps/s", "p50 / p99 of a run, ms", "commits/s", "events / bytes a commit", "without engine, commits/s"];
    let mut table = Table::new(&[&columns[..], &["engine / without", "bare fdatasync/s", "others' CPU"]].concat());
    for (in_flight, runs) in [(1, arguments.alone), (arguments.in_flight, arguments.together)] {
        let mut ratios = Vec::new();
        let mut rounds = Vec::new();
        for number in 0..arguments.rounds {
            let round = round(arguments, in_flight, runs).await?;
            let row = describe(&round, in_flight, runs);
            eprintln!("round {}: {}", number + 1, row.join(" | "));
            ratios.push(round.floor.wall.as_secs_f64() / round.engine.lap.wall.as_secs_f64());
            rounds.push((round.engine.lap.wall, row));
        }
        rounds.sort_by_key(|(wall, _)| *wall);
        if let Some((_, mut row)) = rounds.into_iter().nth(arguments.rounds.saturating_sub(1) / 2) {
            if let Some(ratio) = row.get_mut(6) {
                *ratio = format!("{:.2}", median(&ratios));
            }
            table.row(row);
        }
    }
    println!("{table}");
    println!("Each row is the round of median steps/s; the ratio is the median of the rounds' ratios.");
    Ok(())
}

fn describe(round: &Round, in_flight: usize, runs: usize) -> Vec<String> {
    let each = |whole: usize| whole as f64 / round.commits.max(1) as f64;
    vec![
        in_flight.to_string(),
        thousands(round.engine.lap.rate(runs * STEPS)),
        round.engine.latencies.text(),
        thousands(round.engine.lap.rate(round.commits)),
        format!("{:.1} / {}", each(round.events), thousands(each(round.bytes))),
        thousands(round.floor.rate(round.commits)),
        format!("{:.2}", round.floor.wall.as_secs_f64() / round.engine.lap.wall.as_secs_f64()),
        thousands(round.disk.rate(round.commits)),
        round.engine.lap.others_text(),
    ]
}

async fn round(arguments: &Arguments, in_flight: usize, runs: usize) -> Result<Round, String> {
    let place = Workplace::below(&arguments.folder, "steps").map_err(|error| error.to_string())?;
    let work = if arguments.effects { Work::Effects } else { Work::Pure };
    let warm = (runs / 10).max(in_flight);
    let (engine, warm_segments, segments) = {
        let log = open(arguments.log, &place.path().join("engine")).await?;
        let recording = Arc::new(Recording::of(log));
        let engine = Engine::open(config(recording.clone(), in_flight)?).await.map_err(|error| format!("{error:?}"))?;
        drive(&engine, work, in_flight, 0..warm).await?;
        let warm_segments = recording.take_segments();
        let driven = drive(&engine, work, in_flight, warm..warm + runs).await?;
        let segments = recording.take_segments();
        engine.shutdown().await;
        (driven, warm_segments, segments)
    };
    let all: Vec<Segment> = warm_segments.iter().chain(&segments).cloned().collect();
    let floor = {
        let log = open(arguments.log, &place.path().join("floor")).await?;
        same_shape::append(&*log, &all, warm_segments.len()).await?
    };
    let disk = same_shape::sync_file(&place.path().join("plain"), &segments).map_err(|error| error.to_string())?;
    Ok(Round {
        engine,
        floor,
        disk,
        commits: segments.len(),
        events: segments.iter().map(|segment| segment.count as usize).sum(),
        bytes: segments.iter().map(|segment| segment.body.len()).sum(),
    })
}

fn config(log: Arc<dyn LogStore>, in_flight: usize) -> Result<Config, String> {
    let connectors = ScriptedConnectors::new(|_| Reply::Done(Value::record([("id", Value::string("done"))])));
    let models = ScriptedModels::new(|_, _, _| Err("no step asks a model".to_owned()));
    let config = Config::new(five_steps::plan()?, log, Arc::new(connectors), Arc::new(models), Arc::new(SystemClock));
    Ok(Config { in_flight, ..config })
}

async fn open(log: Log, folder: &Path) -> Result<Arc<dyn LogStore>, String> {
    match log {
        Log::Memory => Ok(Arc::new(MemoryLog::new())),
        Log::Surrealkv => surrealkv(folder).await,
    }
}

#[cfg(feature = "store")]
async fn surrealkv(folder: &Path) -> Result<Arc<dyn LogStore>, String> {
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let store = tradewind_store::open(&format!("surrealkv://{}", folder.display()), Path::new("/")).await;
    let store: Arc<dyn LogStore> = store.map_err(|error| format!("{error:?}"))?;
    if !store.durable() {
        return Err("the store does not claim durability".to_owned());
    }
    Ok(store)
}

#[cfg(not(feature = "store"))]
async fn surrealkv(_: &Path) -> Result<Arc<dyn LogStore>, String> {
    Err("built without the store; use --log memory".to_owned())
}
