//! The options of `emit` and `events`.

use super::Format;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Emit {
    /// The event: a connector's, such as `shop.order.paid`, or the type that a flow emits.
    pub(crate) event: String,
    /// What it carries: JSON, or a file of it.
    #[arg(long, value_name = "JSON|FILE")]
    pub(crate) data: String,
    /// Who tells of it: an address, for the log.
    #[arg(long)]
    pub(crate) by: String,
    /// What tells it apart: the same again changes nothing. Another one each time by default.
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Only those whose runs are not all started.
    #[arg(long, conflicts_with = "refused")]
    pub(crate) undispatched: bool,
    /// Only those that were refused, with the reason.
    #[arg(long)]
    pub(crate) refused: bool,
    /// Of the newest so many; at most the newest thousand are kept.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
