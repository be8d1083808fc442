//! The command line of forgetting somebody.

use super::Format;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Forget {
    /// Whose personal data: what the field says that a type names as its `subject`, such as a customer's id.
    pub(crate) subject: String,
    /// Do it; without this, say only what is affected.
    #[arg(long, requires = "by")]
    pub(crate) yes: bool,
    /// Who wants it: an address, for the log.
    #[arg(long)]
    pub(crate) by: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}
