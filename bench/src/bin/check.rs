//! How long `tradewind check` takes on a generated repository, and how much memory. A process of its own each time;
//! beside it the compiler alone, in this process, on texts that are in memory already.

use clap::Parser;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tradewind_bench::generated;
use tradewind_bench::latency::median;
use tradewind_bench::machine::{self, Lap, Stopwatch};
use tradewind_bench::program;
use tradewind_bench::table::{Table, thousands};
use tradewind_bench::workplace::Workplace;
use tradewind_lang::compile::{Generation, Repository, compile_after};

/// Time and memory of `tradewind check` on generated repositories.
#[derive(Debug, Parser)]
struct Arguments {
    /// Sizes of the repositories, in flows.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000])]
    flows: Vec<usize>,
    /// The release binary; the one beside this program if not given.
    #[arg(long)]
    tradewind: Option<PathBuf>,
    /// Repetitions; the table shows medians.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the repositories are generated and removed again.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
    /// Generate the first repository here, keep it, and measure nothing.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Only the compiler, in this process: for a profiler.
    #[arg(long)]
    compiler_only: bool,
    /// Threads of the compiler in this process.
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from))]
    threads: usize,
    /// Give every text of every flow words of its own, so that no value repeats.
    #[arg(long)]
    varied: bool,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<(), String> {
    let text = |error: std::io::Error| error.to_string();
    if let (Some(folder), Some(flows)) = (&arguments.keep, arguments.flows.first()) {
        return generated::write(folder, &generated::repository(*flows, arguments.varied).0).map_err(text);
    }
    if arguments.compiler_only {
        return compiler_only(arguments);
    }
    let tradewind = program::tradewind(arguments.tradewind.as_deref())?;
    println!("{}", machine::described());
    println!();
    let mut table = Table::new(&["flows", "lines", "bytes", "s", "lines/s", "CPU s", "peak MiB", "compiler alone, s", "others' CPU"]);
    for flows in &arguments.flows {
        let (files, lines) = generated::repository(*flows, arguments.varied);
        let place = Workplace::below(&arguments.folder, "check").map_err(text)?;
        generated::write(place.path(), &files).map_err(text)?;
        let (mut walls, mut own, mut peaks, mut others) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..arguments.rounds {
            let ended = program::run(&tradewind, place.path(), &["check"])?;
            if ended.status != 0 {
                return Err(format!("`tradewind check` ended with {}: {}", ended.status, ended.output));
            }
            walls.push(ended.lap.wall.as_secs_f64());
            own.push(ended.lap.own);
            peaks.push(ended.peak);
            others.push(ended.lap.others * 100.0);
        }
        table.row([
            thousands(*flows as f64),
            thousands(lines as f64),
            thousands(files.iter().map(|(_, text)| text.len()).sum::<usize>() as f64),
            format!("{:.2}", median(&walls)),
            thousands(lines as f64 / median(&walls)),
            format!("{:.2}", median(&own)),
            format!("{:.0}", median(&peaks)),
            format!("{:.2}", Compilation::of(&files, Generation::default(), arguments.threads)?.lap.wall.as_secs_f64()),
            format!("{:.0} %", median(&others)),
        ]);
    }
    println!("{table}");
    Ok(())
}

/// The compiler alone: from nothing, then again after a change in one file.
fn compiler_only(arguments: &Arguments) -> Result<(), String> {
    let mut table = Table::new(&[
        "flows",
        "lines",
        "threads",
        "cold, s",
        "CPU s",
        "one file changed, s",
        "files read again",
        "peak MiB",
        "others' CPU",
    ]);
    for flows in &arguments.flows {
        let (mut files, lines) = generated::repository(*flows, arguments.varied);
        let (mut cold, mut own, mut warm, mut others, mut read) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), 0);
        for round in 0..arguments.rounds {
            let first = Compilation::of(&files, Generation::default(), arguments.threads)?;
            if let Some((_, text)) = files.last_mut() {
                let _ = writeln!(text, "// changed {round}");
            }
            let second = Compilation::of(&files, first.generation, arguments.threads)?;
            read = files.len() - 1 + tradewind_stdlib::LIBRARY.len() - second.generation.reused();
            cold.push(first.lap.wall.as_secs_f64());
            own.push(first.lap.own);
            warm.push(second.lap.wall.as_secs_f64());
            others.push(first.lap.others * 100.0);
        }
        table.row([
            thousands(*flows as f64),
            thousands(lines as f64),
            arguments.threads.to_string(),
            format!("{:.2}", median(&cold)),
            format!("{:.2}", median(&own)),
            format!("{:.2}", median(&warm)),
            read.to_string(),
            format!("{:.0}", machine::peak_memory("self").unwrap_or_default()),
            format!("{:.0} %", median(&others)),
        ]);
    }
    println!("{table}");
    Ok(())
}

/// One compilation in this process.
struct Compilation {
    lap: Lap,
    generation: Generation,
}

impl Compilation {
    /// Compiles once. The configuration has no mistake, or that is an error.
    fn of(files: &[(String, String)], previous: Generation, threads: usize) -> Result<Self, String> {
        let configuration: Vec<(String, String)> = files.iter().filter(|(path, _)| path.ends_with(".kdl")).cloned().collect();
        let read = |path: &str| files.iter().find(|(other, _)| other == path).map(|(_, text)| text.clone());
        let repository = Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment: None };
        let stopwatch = Stopwatch::start();
        let (compiled, generation) = compile_after(&repository, previous, threads);
        let lap = stopwatch.lap();
        match compiled.plan {
            Some(_) => Ok(Self { lap, generation }),
            None => Err(format!("{} mistakes in the generated repository", compiled.diagnostics.len())),
        }
    }
}
