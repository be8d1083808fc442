//! The options of `memory`.

use super::{Forget, Format};
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct Memory {
    #[command(subcommand)]
    pub(crate) command: MemoryCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryCommand {
    /// Find facts by what they are about, as a `recall` with a `query` does.
    #[command(after_help = "Example:\n  tradewind memory search customer-history \"broken lamp\" --subject C-1042 --top 5")]
    Search(Search),
    /// Print every fact that is kept, also what was corrected, with where it comes from.
    #[command(after_help = "Example:\n  tradewind memory history customer-history --subject C-1042")]
    History(History),
    /// The same as `tradewind forget`.
    #[command(
        after_help = "Example:\n  tradewind memory forget C-1042\n  tradewind memory forget C-1042 --yes --by privacy@northfield.example"
    )]
    Forget(Forget),
    /// Keep what is known of somebody, whatever retention, caps and wishes to be forgotten say.
    #[command(after_help = "Example:\n  tradewind memory hold C-1042 --by lea@northfield.example --reason \"case 2026-117\"")]
    Hold(Hold),
    /// Lift a legal hold.
    #[command(after_help = "Example:\n  tradewind memory release C-1042 --by lea@northfield.example --reason \"case 2026-117 is closed\"")]
    Release(Hold),
    /// List the legal holds.
    #[command(after_help = "Example:\n  tradewind memory holds")]
    Holds(Holds),
    /// Tell of how much use memories, templates and kept answers were: how often something was found, and what runs cost in which it was.
    #[command(after_help = "Example:\n  tradewind memory reuse --event listing.sold")]
    Reuse(Reuse),
    /// Write what people changed of what was proposed to them, or answered, to standard output, one JSON object a line.
    ///
    /// Nothing is learnt from it by itself: look it through, put what is right into the rows of a model or an `example` of a draft, and
    /// commit that as any other change.
    #[command(after_help = "Example:\n  tradewind memory corrections --flow returns-triage > corrections.jsonl")]
    Corrections(Corrections),
    /// Write every fact that is kept to standard output, one JSON object a line.
    #[command(after_help = "Example:\n  tradewind memory export customer-history > facts.jsonl")]
    Export(Export),
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// The memory.
    pub(crate) memory: String,
    /// What the facts are to be about.
    pub(crate) query: String,
    /// Only facts of this subject.
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) top: u32,
    /// As it was known at this instant, such as 2026-11-30T12:00:00Z.
    #[arg(long, value_name = "INSTANT")]
    pub(crate) as_of: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    /// The memory.
    pub(crate) memory: String,
    /// Only facts of this subject.
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Hold {
    /// Whose data: what the field says that the type names as its `subject`.
    pub(crate) subject: String,
    /// Who wants it: an address of a member of a team that the project's `legal-hold` names.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) by: String,
    /// For what, for people; it stands in the log in clear.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Reuse {
    /// An event that a run tells of, or waits for, as which it counts as a success.
    #[arg(long, value_name = "EVENT")]
    pub(crate) event: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Corrections {
    /// Only what was asked by runs of this flow.
    #[arg(long)]
    pub(crate) flow: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Holds {
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The memory.
    pub(crate) memory: String,
    /// Only facts of this subject.
    #[arg(long)]
    pub(crate) subject: Option<String>,
}
