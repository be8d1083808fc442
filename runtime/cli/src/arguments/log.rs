//! The arguments of commands about the log as a whole.

use super::Format;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Log {
    #[command(subcommand)]
    pub(crate) command: Option<LogCommand>,
    /// From this event on.
    #[arg(long, default_value_t = 1)]
    pub(crate) from: u64,
    /// At most so many.
    #[arg(long, default_value_t = 1_000)]
    pub(crate) limit: usize,
    /// Only of this run.
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Read the whole log, or an export of one, and check every hash and every signed checkpoint.
    ///
    /// An export is checked wherever it is, without a repository or a store.
    Verify {
        /// An export.
        file: Option<PathBuf>,
        /// The public key that must have signed the checkpoints of the export; `tradewind log key` prints it where the log was written.
        #[arg(long, requires = "file")]
        key: Option<String>,
    },
    /// Write the log to a file that anybody can verify.
    Export {
        /// The file; there must be none of that name.
        file: PathBuf,
    },
    /// Take the older part of the log out of the store, into a file that is read from then on.
    ///
    /// Whatever needs that part reads it in the file, so keep it where it is. Runs that go on keep their part in the store.
    Archive {
        /// The file; there must be none of that name.
        file: PathBuf,
        /// What happened longer ago than this, such as `90d`.
        #[arg(long, value_name = "SPAN")]
        older_than: String,
    },
    /// Print the public key that signs the checkpoints.
    Key,
    /// Say that the log as it stands is the right one, although it does not meet its checkpoints.
    ///
    /// For a store that was put back to an earlier day on purpose. What it does not know may happen again, under the same keys.
    Accept {
        /// Who says so: an address, for the record.
        #[arg(long)]
        by: String,
        /// Why, for the record.
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Only this run: its id, the beginning of one, or its key.
    pub(crate) run: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Rebuild {
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The folder; there must be none of that name, or an empty one.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// A folder that `backup` has written.
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}
