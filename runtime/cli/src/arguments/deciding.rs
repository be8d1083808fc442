//! The options of `approvals` that say which items of a batch are meant, and those of `runs fork`.

use clap::Args;
use std::path::PathBuf;

/// Which items of a batch are meant; all of them where nothing is said.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Which {
    /// For a batch: what it held when you looked, as the list says.
    #[arg(long, value_name = "SEEN")]
    pub(crate) seen: Option<String>,
    /// For a batch: this item of it, or the beginning of its id. May be repeated.
    #[arg(long, value_name = "ITEM", conflicts_with = "except")]
    pub(crate) only: Vec<String>,
    /// For a batch: every item but this one. May be repeated.
    #[arg(long, value_name = "ITEM")]
    pub(crate) except: Vec<String>,
}

/// A run in the place of one that has ended.
#[derive(Debug, Args)]
pub(crate) struct Fork {
    /// The run that has ended: its id, the beginning of one, or its key.
    pub(crate) id: String,
    /// From which step on everything is done anew; steps before it keep what they came to. All of it by default.
    #[arg(long, value_name = "STEP")]
    pub(crate) from: Option<String>,
    /// Another input: a file with one JSON object. That of the run by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// Who wants it: an address, for the log.
    #[arg(long)]
    pub(crate) by: String,
}
