//! Messages a second through the whole shipped flow: the release binary, its twin as a process of its own, real messages.
//!
//! It works in a copy of the repository. Three times: with models to train, with trained ones, and once more on a log that
//! knows every message already.

use clap::Parser;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tradewind_bench::machine;
use tradewind_bench::program::{self, Ended};
use tradewind_bench::table::{Table, thousands};
use tradewind_bench::workplace::{self, Workplace};

/// What of the repository the flow needs.
const NEEDED: [&str; 3] = ["tradewind.kdl", "flows", "policies"];

/// Messages a second through the whole flow.
#[derive(Debug, Parser)]
struct Arguments {
    /// The repository.
    #[arg(long, default_value = ".")]
    repository: PathBuf,
    /// The release binary; the one beside this program if not given.
    #[arg(long)]
    tradewind: Option<PathBuf>,
    /// The flow.
    #[arg(long, default_value = "returns-triage")]
    flow: String,
    /// Its input, a path below the repository.
    #[arg(long, default_value = "flows/returns-triage/data/messages.jsonl")]
    input: String,
    /// Rounds with trained models.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// A folder on the disk that is to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
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
    let tradewind = program::tradewind(arguments.tradewind.as_deref())?;
    println!("{}", machine::described());
    println!();
    let columns = ["run", "new", "messages/s", "s inside", "s of the process", "CPU s", "peak MiB", "log", "others' CPU"];
    let mut table = Table::new(&columns);
    let place = copy(arguments)?;
    row(&mut table, "models to train", arguments, &tradewind, place.path())?;
    for _ in 0..arguments.rounds {
        forget(place.path())?;
        row(&mut table, "models trained", arguments, &tradewind, place.path())?;
    }
    row(&mut table, "the same again", arguments, &tradewind, place.path())?;
    println!("{table}");
    println!("`s inside` is what the summary says: store, twin and engine open until every run ended or waits for a person.");
    println!("CPU is that of the process and its twin, memory that of the process alone.");
    Ok(())
}

fn copy(arguments: &Arguments) -> Result<Workplace, String> {
    let place = Workplace::below(&arguments.folder, "messages").map_err(|error| error.to_string())?;
    for name in NEEDED {
        let (from, to) = (arguments.repository.join(name), place.path().join(name));
        let copied = if from.is_dir() { workplace::copy(&from, &to) } else { std::fs::copy(&from, &to).map(drop) };
        copied.map_err(|error| format!("{}: {error}", from.display()))?;
    }
    Ok(place)
}

/// Removes what the runtime kept, except for trained models.
fn forget(folder: &Path) -> Result<(), String> {
    let state = folder.join(".tradewind");
    for entry in std::fs::read_dir(&state).map_err(|error| format!("{}: {error}", state.display()))?.flatten() {
        let path = entry.path();
        if entry.file_name() == "models" {
            continue;
        }
        let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn row(table: &mut Table, name: &str, arguments: &Arguments, tradewind: &Path, folder: &Path) -> Result<(), String> {
    let words = ["run", &arguments.flow, "--input", &arguments.input, "--format", "json"];
    let ended = program::run(tradewind, folder, &words)?;
    let summary: Json =
        serde_json::from_str(&ended.output).map_err(|error| format!("`tradewind run` ended with {}: {error}", ended.status))?;
    let new = number(&summary, "/inputs/new");
    let inside = number(&summary, "/seconds");
    let Ended { lap, peak, .. } = ended;
    let log = folder_size(&folder.join(".tradewind/store"));
    eprintln!("{name}: {}", compact(&summary));
    table.row([
        name.to_owned(),
        thousands(new),
        thousands(new / inside),
        format!("{inside:.2}"),
        format!("{:.2}", lap.wall.as_secs_f64()),
        format!("{:.2}", lap.own),
        format!("{peak:.0}"),
        format!("{:.1} MiB", log / 1_048_576.0),
        lap.others_text(),
    ]);
    Ok(())
}

fn number(summary: &Json, place: &str) -> f64 {
    summary.pointer(place).and_then(Json::as_f64).unwrap_or_default()
}

fn compact(summary: &Json) -> String {
    ["runs", "effects", "denied", "failures"]
        .iter()
        .filter_map(|name| Some(format!("{name} {}", summary.get(name)?)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn folder_size(folder: &Path) -> f64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(data) if data.is_dir() => folder_size(&entry.path()),
            Ok(data) => data.len() as f64,
            Err(_) => 0.0,
        })
        .sum()
}
