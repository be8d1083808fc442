//! `cargo run -p tradewind-models --example derive_messages [FOLDER]` writes the derived files of FOLDER anew from FOLDER/source.
//! FOLDER is `flows/returns-triage/data` unless named. It downloads nothing and touches no other file.

mod derivation;

use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("flows/returns-triage/data"), PathBuf::from);
    match rewrite(&folder) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("derive_messages: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn rewrite(folder: &std::path::Path) -> Result<(), String> {
    let read = |name: &str| {
        let path = folder.join("source").join(name);
        std::fs::read_to_string(&path).map_err(|problem| format!("{}: {problem}", path.display()))
    };
    for (name, text) in derivation::derive(&read("reviews.txt")?, &read("superstore.csv")?)? {
        let path = folder.join(name);
        std::fs::write(&path, &text).map_err(|problem| format!("{}: {problem}", path.display()))?;
        println!("{:>6} rows  {}", text.lines().count(), path.display());
    }
    Ok(())
}
