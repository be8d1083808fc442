//! How long `tradewind check` takes on a generated repository, and how much memory. A process of its own each time;
//! beside it the compiler alone, in this process, on texts that are in memory already.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tradewind_bench::generated;
use tradewind_bench::latency::median;
use tradewind_bench::machine;
use tradewind_bench::program;
use tradewind_bench::table::{Table, thousands};
use tradewind_bench::workplace::Workplace;
use tradewind_lang::compile::{Repository, compile};

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
        return generated::write(folder, &generated::repository(*flows).0).map_err(text);
    }
    if arguments.compiler_only {
        for flows in &arguments.flows {
            let (files, lines) = generated::repository(*flows);
            println!("{flows} flows, {lines} lines: {:.2} s", compiled(&files)?);
        }
        return Ok(());
    }
    let tradewind = program::tradewind(arguments.tradewind.as_deref())?;
    println!("{}", machine::described());
    println!();
    let mut table = Table::new(&["flows", "lines", "bytes", "s", "lines/s", "CPU s", "peak MiB", "compiler alone, s", "others' CPU"]);
    for flows in &arguments.flows {
        let (files, lines) = generated::repository(*flows);
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
            format!("{:.2}", compiled(&files)?),
            format!("{:.0} %", median(&others)),
        ]);
    }
    println!("{table}");
    Ok(())
}

/// Seconds of compiling once. The configuration has no mistake, or that is an error.
fn compiled(files: &[(String, String)]) -> Result<f64, String> {
    let configuration: Vec<(String, String)> = files.iter().filter(|(path, _)| path.ends_with(".kdl")).cloned().collect();
    let read = |path: &str| files.iter().find(|(other, _)| other == path).map(|(_, text)| text.clone());
    let repository = Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment: None };
    let began = Instant::now();
    let compiled = compile(&repository);
    let seconds = began.elapsed().as_secs_f64();
    match compiled.plan {
        Some(_) => Ok(seconds),
        None => Err(format!("{} mistakes in the generated repository", compiled.diagnostics.len())),
    }
}
