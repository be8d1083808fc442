//! What `simulate` takes.

use super::Format;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The flow.
    pub(crate) flow: String,
    /// A .jsonl file with one input a line, or a .json file with one or a list.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// What becomes of what people would be asked.
    #[arg(long, value_enum, default_value_t = Until::Asked)]
    pub(crate) until: Until,
    /// What goes wrong: an operation, and `not-sent`, `lost-request`, `lost-answer` or a status such as 503; of its next so many calls (1).
    #[arg(long, value_name = "OPERATION=WHAT[:TIMES]")]
    pub(crate) fault: Vec<String>,
    /// When it begins; by default at the newest instant that stands in an input, else with the year 2026.
    #[arg(long, value_name = "TIMESTAMP")]
    pub(crate) at: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// What becomes of what people would be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    /// It is left open.
    Asked,
    /// Whoever is asked says yes at once.
    Approved,
    /// Whoever is asked says no at once.
    Denied,
    /// Nobody answers, and the time runs out.
    Silence,
}
