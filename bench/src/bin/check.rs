//! How long `tradewind check` takes on a generated repository, and how much memory. A process of its own each time.

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use tradewind_bench::generated;
use tradewind_bench::latency::median;
use tradewind_bench::machine;
use tradewind_bench::program;
use tradewind_bench::table::{Table, thousands};
use tradewind_bench::workplace::Workplace;

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
    let tradewind = program::tradewind(arguments.tradewind.as_deref())?;
    println!("{}", machine::described());
    println!();
    let mut table = Table::new(&["flows", "lines", "bytes", "s", "lines/s", "CPU s", "peak MiB", "others' CPU"]);
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
            format!("{:.0} %", median(&others)),
        ]);
    }
    println!("{table}");
    Ok(())
}
