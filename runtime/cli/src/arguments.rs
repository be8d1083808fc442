//! The command line. It does nothing but describe it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// An operating system for commerce automation: flows, policies and models as configuration.
#[derive(Debug, Parser)]
#[command(
    name = "tradewind",
    version,
    about,
    propagate_version = true,
    after_help = "Example:\n  tradewind check\n  tradewind run returns-triage --input messages.jsonl"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which repository and which of its environments.
#[derive(Debug, Args, Clone)]
pub(crate) struct Place {
    /// The folder of tradewind.kdl, or one below it; the current folder by default.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) repository: Option<PathBuf>,
    /// The environment; `dev`, or the first, by default.
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) environment: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Validate the repository and report every mistake.
    #[command(after_help = "Example:\n  tradewind check --format json")]
    Check(Check),
    /// Lay out KDL files; comments are kept.
    #[command(after_help = "Example:\n  tradewind fmt --check")]
    Fmt(Fmt),
    /// Print the page of a diagnostic code, or list the codes.
    #[command(after_help = "Example:\n  tradewind explain TW0126")]
    Explain {
        /// Such as TW0126.
        code: Option<String>,
    },
    /// Print a flow as a graph: order, gates, policies, error branches.
    #[command(after_help = "Example:\n  tradewind graph returns-triage --format mermaid")]
    Graph(Graph),
    /// Print the licences of what the binary holds.
    #[command(after_help = "Example:\n  tradewind licenses")]
    Licenses,
    /// Print a shell's completion script.
    #[command(after_help = "Example:\n  tradewind completions bash > /etc/bash_completion.d/tradewind")]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// How to report.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
    /// Exit with 2 when there are warnings.
    #[arg(long)]
    pub(crate) deny_warnings: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Change nothing; exit with 2 and name the files that would change.
    #[arg(long)]
    pub(crate) check: bool,
    /// Files to lay out; all of the repository by default.
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// The flow.
    pub(crate) flow: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub(crate) format: GraphFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Human,
    /// For programs; has a version.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    /// For people, in a terminal.
    Text,
    /// Mermaid.
    Mermaid,
    /// Graphviz.
    Dot,
    /// For programs; has a version.
    Json,
}
