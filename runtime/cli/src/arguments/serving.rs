//! The command line of what serves, and of what people want of it.

use super::Format;
use clap::{Args, Subcommand};
use std::net::SocketAddr;

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where HTTP is served; port 0 takes any. Anything but this machine's own addresses needs a token in `TRADEWIND_TOKEN`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7420")]
    pub(crate) listen: SocketAddr,
    /// Serve no HTTP; the other commands reach it all the same.
    #[arg(long, conflicts_with = "listen")]
    pub(crate) no_http: bool,
    /// How many runs are in flight at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) in_flight: u16,
    /// How many seconds what is under way may take to its end when the process is asked to end.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub(crate) grace: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

/// Whose effects.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Scope {
    /// Everybody's.
    All,
    /// Those of a connector.
    Connector {
        /// Its name.
        name: String,
    },
    /// Those of a flow.
    Flow {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Freeze {
    #[command(subcommand)]
    pub(crate) scope: Scope,
    /// Who wants it: an address, for the log.
    #[arg(long, global = true, default_value = "")]
    pub(crate) by: String,
    /// Why, for the log.
    #[arg(long, global = true, default_value = "")]
    pub(crate) reason: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// The beginning of a plan's digest, as `status` and `log` show it; the plan before the active one by default.
    #[arg(value_name = "DIGEST")]
    pub(crate) digest: Option<String>,
    /// `previous`, or the beginning of a digest.
    #[arg(long, value_name = "DIGEST", conflicts_with = "digest")]
    pub(crate) to: Option<String>,
    /// Who wants it: an address, for the log.
    #[arg(long)]
    pub(crate) by: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct PlanOf {
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
