//! `tradewind serve` from outside, over HTTP, and peers the same way. It asserts nothing.
//!
//! `ours` starts the release binary and measures durable runs, approvals, the start, death and the way back, memory, and `log verify`.
//! `calls` and `approvals` measure a server that somebody else has started: `bench/peers/run.sh` does that for each peer.

use clap::{Args, Parser, Subcommand};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tradewind_bench::approval::{self, Desk};
use tradewind_bench::caller::{self, Caller, Driven};
use tradewind_bench::five_steps::STEPS;
use tradewind_bench::latency::median;
use tradewind_bench::machine;
use tradewind_bench::program;
use tradewind_bench::served::{Served, TOKEN};
use tradewind_bench::table::{Table, thousands};

/// Serving, measured from outside.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Our own process: runs, approvals, the start.
    Ours(Ours),
    /// Our own process: many open runs, a kill and the way back.
    Recovery(Many),
    /// Our own process: memory while so many runs end, then `log verify` of all of it.
    Memory(Many),
    /// Calls of a server that runs.
    Calls(Calls),
    /// Approvals at a server that runs.
    Approvals(Approvals),
}

#[derive(Debug, Args)]
struct Ours {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    load: Load,
    /// Approvals a round.
    #[arg(long, default_value_t = 200)]
    approvals: usize,
}

#[derive(Debug, Args)]
struct Place {
    /// The release binary; the one beside this program if not given.
    #[arg(long)]
    tradewind: Option<PathBuf>,
    /// A folder on the disk that is to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

#[derive(Debug, Args)]
struct Many {
    #[command(flatten)]
    place: Place,
    /// How many runs.
    #[arg(long)]
    runs: usize,
}

#[derive(Debug, Args)]
struct Load {
    /// Runs a round with one caller.
    #[arg(long, default_value_t = 500)]
    alone: usize,
    /// Runs a round with many callers.
    #[arg(long, default_value_t = 5_000)]
    together: usize,
    /// How many callers then.
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// Rounds; the tables show medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(Debug, Args)]
struct Calls {
    /// For the table.
    #[arg(long)]
    name: String,
    /// Where a call of five steps goes.
    #[arg(long)]
    url: String,
    #[command(flatten)]
    load: Load,
}

#[derive(Debug, Args)]
struct Approvals {
    /// For the table.
    #[arg(long)]
    name: String,
    /// Begins a run, and is answered when it has ended.
    #[arg(long)]
    begin: String,
    /// With the key of a run behind it: by what it is let go on.
    #[arg(long)]
    parked: String,
    /// Lets it go on; `{token}` is put in.
    #[arg(long)]
    release: String,
    /// Approvals a round.
    #[arg(long, default_value_t = 200)]
    approvals: usize,
    /// Rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.to_string()),
    };
    println!("{}\n", machine::described());
    let measured = runtime.block_on(async {
        match &arguments.what {
            What::Ours(ours) => self::ours(ours).await,
            What::Recovery(many) => recovery(many).await,
            What::Memory(many) => memory(many).await,
            What::Calls(calls) => self::calls(&calls.name, &Caller::new(None)?, &calls.url, &calls.load).await,
            What::Approvals(wanted) => {
                let desk = Desk {
                    begin: wanted.begin.clone(),
                    parked: wanted.parked.clone(),
                    release: wanted.release.clone(),
                    yes: Json::String("yes".to_owned()),
                    lists: false,
                };
                approvals(&wanted.name, &Caller::new(None)?, &desk, wanted.approvals, wanted.rounds).await
            }
        }
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::FAILURE
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}

async fn ours(wanted: &Ours) -> Result<(), String> {
    let program = program::tradewind(wanted.place.tradewind.as_deref())?;
    let served = Served::start(&program, &wanted.place.folder).await?;
    println!("start of the process to the end of its first run: {} ms\n", milliseconds(served.first));
    let caller = Caller::new(Some(TOKEN))?;
    calls("Tradewind", &caller, &format!("http://{}/five", served.address), &wanted.load).await?;
    approvals("Tradewind", &caller, &approval::ours(&served.address), wanted.approvals, wanted.load.rounds).await?;
    println!("memory of the process: {:.0} MiB\n", machine::memory(&served.process()).unwrap_or_default());
    Ok(())
}

/// The round of median throughput.
fn middle(mut rounds: Vec<Driven>) -> Option<(Driven, String)> {
    rounds.sort_by_key(|round| round.lap.wall);
    let spread: Vec<f64> = rounds.iter().map(|round| round.lap.wall.as_secs_f64()).collect();
    let (fast, slow) = (spread.first().copied()?, spread.last().copied()?);
    let middle = rounds.len().saturating_sub(1) / 2;
    Some((rounds.into_iter().nth(middle)?, format!("{:.2}", slow / fast.max(1e-9))))
}

async fn calls(name: &str, caller: &Caller, url: &str, load: &Load) -> Result<(), String> {
    let columns = ["server", "callers", "runs/s", "steps/s", "p50 / p95 / p99 of a run, ms", "slowest / fastest round"];
    let mut table = Table::new(&columns);
    let mut next = 0;
    for (callers, runs) in [(1, load.alone), (load.callers, load.together)] {
        let mut rounds = Vec::new();
        caller::drive(caller, url, callers, next..next + runs / 10 + callers).await?;
        next += runs / 10 + callers;
        for _ in 0..load.rounds {
            rounds.push(caller::drive(caller, url, callers, next..next + runs).await?);
            next += runs;
        }
        if let Some((round, spread)) = middle(rounds) {
            let rate = round.lap.rate(runs);
            let [half, most, nearly] = [50, 95, 99].map(|hundredths| milliseconds(round.latencies.percentile(hundredths)));
            let row = [thousands(rate), thousands(rate * STEPS as f64), format!("{half} / {most} / {nearly}"), spread];
            table.row([vec![name.to_owned(), callers.to_string()], row.to_vec()].concat());
        }
    }
    println!("{table}");
    Ok(())
}

async fn approvals(name: &str, caller: &Caller, desk: &Desk, count: usize, rounds: usize) -> Result<(), String> {
    let mut table = Table::new(&["server", "approval to the end of the run: p50 / p99, ms", "p50 of each round"]);
    let (mut next, mut all) = (0, Vec::new());
    approval::drive(caller, desk, next..next + 20).await?;
    next += 20;
    for _ in 0..rounds {
        all.push(approval::drive(caller, desk, next..next + count).await?);
        next += count;
    }
    let halves: Vec<f64> = all.iter().map(|round| round.latencies.percentile(50).as_secs_f64() * 1e3).collect();
    let wanted = median(&halves);
    if let Some((place, _)) = halves.iter().enumerate().find(|(_, half)| (**half - wanted).abs() < 1e-9) {
        let shown = all.get(place).map(|round| round.latencies.text()).unwrap_or_default();
        let each: Vec<String> = halves.iter().map(|half| format!("{half:.2}")).collect();
        table.row([name.to_owned(), shown, each.join(", ")]);
    }
    println!("{table}");
    Ok(())
}

async fn recovery(wanted: &Many) -> Result<(), String> {
    let program = program::tradewind(wanted.place.tradewind.as_deref())?;
    let mut served = Served::start(&program, &wanted.place.folder).await?;
    let caller = Caller::new(Some(TOKEN))?;
    let url = format!("http://{}/v1/flows/parked/runs", served.address);
    park(&caller, &url, wanted.runs).await?;
    let first = served.killed_and_started().await?;
    println!(
        "{} runs wait for a person; killed (-9) and started again: {} ms to the end of the next run",
        wanted.runs,
        milliseconds(first)
    );
    println!("memory of the process: {:.0} MiB", machine::memory(&served.process()).unwrap_or_default());
    Ok(())
}

/// Begins runs that wait for a person: nobody waits for their end.
async fn park(caller: &Caller, url: &str, runs: usize) -> Result<(), String> {
    let mut all = tokio::task::JoinSet::new();
    let next = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for _ in 0..64 {
        let (caller, url, next) = (caller.clone(), url.to_owned(), next.clone());
        all.spawn(async move {
            loop {
                let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if number >= runs {
                    return Ok::<_, String>(());
                }
                caller.post_begun(&url, &caller::body(number)).await?;
            }
        });
    }
    while let Some(ended) = all.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(())
}

async fn memory(wanted: &Many) -> Result<(), String> {
    let program = program::tradewind(wanted.place.tradewind.as_deref())?;
    let mut served = Served::start(&program, &wanted.place.folder).await?;
    let caller = Caller::new(Some(TOKEN))?;
    let url = format!("http://{}/five", served.address);
    let mut table = Table::new(&["runs ended", "runs/s since the row before", "memory, MiB"]);
    let part = wanted.runs.div_ceil(10).max(1);
    for number in 0..10 {
        let driven = caller::drive(&caller, &url, 64, number * part..(number + 1) * part).await?;
        let used = machine::memory(&served.process()).unwrap_or_default();
        eprintln!("{} runs: {used:.0} MiB", (number + 1) * part);
        table.row([thousands(((number + 1) * part) as f64), thousands(driven.lap.rate(part)), format!("{used:.0}")]);
    }
    println!("{table}");
    let began = served.killed_and_started().await?;
    let used = machine::memory(&served.process()).unwrap_or_default();
    println!("killed (-9) and started again: {} ms to the end of the next run, {used:.0} MiB", milliseconds(began));
    served.kill();
    verify(&program, served.folder())
}

fn verify(program: &Path, folder: &Path) -> Result<(), String> {
    let began = Instant::now();
    let ended = program::run(program, folder, &["log", "verify"])?;
    println!(
        "`log verify`: {:.2} s, peak {:.0} MiB, exit {}: {}",
        began.elapsed().as_secs_f64(),
        ended.peak,
        ended.status,
        ended.output.trim()
    );
    Ok(())
}
