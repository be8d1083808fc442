//! The command line. It does nothing but describe it.

pub(crate) mod assets;
mod deciding;
pub(crate) mod events;
mod forget;
pub(crate) mod log;
pub(crate) mod memory;
mod serving;
pub(crate) mod simulating;

pub(crate) use deciding::{Fork, Which};
pub(crate) use forget::Forget;
pub(crate) use serving::{Freeze, PlanOf, Rollback, Scope, Serve, Status};

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
    #[command(after_help = "Example:\n  tradewind check --format sarif > findings.sarif\n  tradewind check --fix")]
    Check(Check),
    /// Lay out KDL files and the expressions in them; comments are kept.
    #[command(after_help = "Example:\n  tradewind fmt --check\n  tradewind fmt - < flow.kdl")]
    Fmt(Fmt),
    /// Print the page of a diagnostic code, or list the codes.
    #[command(after_help = "Example:\n  tradewind explain TW0126\n  tradewind explain --list")]
    Explain {
        /// Such as TW0126.
        code: Option<String>,
        /// List every code with its title.
        #[arg(long, conflicts_with = "code")]
        list: bool,
    },
    /// Say what type and value an expression has, and why.
    #[command(
        after_help = "Example:\n  tradewind eval \"order.paid > '100 USD'\" --in returns-triage.refund --set 'order={\"paid\": \"120 USD\"}' --explain"
    )]
    Eval(Eval),
    /// Print a flow as a graph: order, gates, policies, error branches.
    #[command(after_help = "Example:\n  tradewind graph returns-triage --format svg > returns-triage.svg")]
    Graph(Graph),
    /// Run a flow over the inputs of a file, to the end or until people are needed.
    #[command(after_help = "Example:\n  tradewind run returns-triage --input messages.jsonl")]
    Run(Run),
    /// Work until it is asked to end: take up runs, listen for commands and HTTP, reload when files change.
    #[command(after_help = "Example:\n  tradewind serve\n  TRADEWIND_TOKEN=... tradewind serve --listen 0.0.0.0:7420")]
    Serve(Serve),
    /// Say how everything stands: plans, what is frozen, runs, queues.
    #[command(after_help = "Example:\n  tradewind status --format json")]
    Status(Status),
    /// Let no effect leave: of all, of a connector, of a flow. Reads and lookups go on.
    #[command(after_help = "Example:\n  tradewind freeze connector payments --by lead1@northfield.example --reason \"wrong prices\"")]
    Freeze(Freeze),
    /// Let frozen effects leave again; `all` lifts every freeze.
    #[command(after_help = "Example:\n  tradewind thaw connector payments --by lead1@northfield.example")]
    Thaw(Freeze),
    /// Go back to an earlier plan, which stays until the repository moves on.
    #[command(
        after_help = "Example:\n  tradewind rollback --by lead1@northfield.example\n  tradewind rollback 3f2a91 --by lead1@northfield.example"
    )]
    Rollback(Rollback),
    /// Say what a reload of these files would change, also for runs that are not finished; exit with 2 where anything would.
    #[command(after_help = "Example:\n  tradewind plan")]
    Plan(PlanOf),
    /// Say what a flow would do with the inputs of a file: effects, policies, approvals, models, memory. Nothing leaves.
    #[command(
        after_help = "Example:\n  tradewind simulate returns-triage --input messages.jsonl --until approved\n  tradewind simulate returns-triage --input messages.jsonl --fault payments.refund.create=lost-answer --format json"
    )]
    Simulate(simulating::Simulate),
    /// Run the scenarios of the repository on the real engine with twins.
    #[command(after_help = "Example:\n  tradewind test refund\n  tradewind test --format junit > scenarios.xml")]
    Test(Test),
    /// List runs, or show one.
    #[command(
        after_help = "Example:\n  tradewind runs --status waiting\n  tradewind runs show 3f2a91\n  tradewind runs cancel 3f2a91 --by lead1@northfield.example --reason \"the order was a test\""
    )]
    Runs(Runs),
    /// Print the action log; verify, export or accept it.
    #[command(after_help = "Example:\n  tradewind log --run 3f2a91\n  tradewind log verify\n  tradewind log export november.log")]
    Log(log::Log),
    /// Decide everything in the log again, or one run, and say the first difference. Nothing is done.
    #[command(after_help = "Example:\n  tradewind replay\n  tradewind replay 3f2a91")]
    Replay(log::Replay),
    /// Make everything that is told of the log anew from it, and compare.
    #[command(after_help = "Example:\n  tradewind rebuild")]
    Rebuild(log::Rebuild),
    /// Write the whole log to a new folder, also while another process works on it.
    #[command(after_help = "Example:\n  tradewind backup /mnt/backups/2026-11-30")]
    Backup(log::Backup),
    /// Make the store from a backup, where there is none.
    #[command(after_help = "Example:\n  tradewind restore /mnt/backups/2026-11-30")]
    Restore(log::Restore),
    /// Tell of an event: flows that are triggered by it start, and runs that wait for it go on.
    #[command(after_help = "Example:\n  tradewind emit order_paid --data '{\"id\": \"o-17\"}' --id test-1 --by ops@northfield.example")]
    Emit(events::Emit),
    /// List events that came or were emitted, and what was refused.
    #[command(after_help = "Example:\n  tradewind events --refused")]
    Events(events::Events),
    /// List what waits for people, or decide it.
    #[command(after_help = "Example:\n  tradewind approvals approve 9c01 --by lead1@northfield.example")]
    Approvals(Approvals),
    /// Tell how effects are taken back, and with `--yes` take them back.
    ///
    /// Each reversal is an effect of its own: the policies of now judge it, people may be asked, and it happens at most once.
    #[command(
        after_help = "Example:\n  tradewind undo 3f2a91\n  tradewind undo --flow price-change --since 2h --where \"effect.price > '40 USD'\" --yes --by lead1@northfield.example"
    )]
    Undo(Undo),
    /// List effects that failed for good, or do one again.
    #[command(after_help = "Example:\n  tradewind dead-letters replay 9c01f2 --by lead1@northfield.example")]
    DeadLetters(DeadLetters),
    /// Tell what forgetting a person affects, and with `--yes` destroy the keys of their personal data.
    ///
    /// Nobody can read those data again, in the log or in any copy of it. Runs that work on them end.
    #[command(after_help = "Example:\n  tradewind forget C-1042\n  tradewind forget C-1042 --yes --by privacy@northfield.example")]
    Forget(Forget),
    /// Bring images in that flows show to models, list them, write them out.
    #[command(after_help = "Example:\n  tradewind assets add photos/chair.jpg\n  tradewind assets list")]
    Assets(assets::Assets),
    /// Find facts in a memory, print them with where they come from, write them out.
    #[command(
        after_help = "Example:\n  tradewind memory search customer-history \"broken lamp\" --subject C-1042\n  tradewind memory history customer-history"
    )]
    Memory(memory::Memory),
    /// Say what is spent or reserved of each budget, and what is left.
    #[command(after_help = "Example:\n  tradewind budget --format json")]
    Budget {
        /// How to print.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
    /// Judge models on rows they have not seen.
    #[command(after_help = "Example:\n  tradewind models eval")]
    Models(Models),
    /// The twin of a shop and a payment provider: a process that `run` starts.
    #[command(hide = true)]
    Twin(Twin),
    /// Write `tradewind.lock`: what the repository replaces, and the digests of what it was made against.
    #[command(after_help = "Example:\n  tradewind lock")]
    Lock,
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
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(crate) format: CheckFormat,
    /// Exit with 2 when there are warnings.
    #[arg(long)]
    pub(crate) deny_warnings: bool,
    /// Mend what can be mended without doubt; `--fix=all` makes proposals come true as well.
    #[arg(long, value_enum, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "safe")]
    pub(crate) fix: Option<Fixes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fixes {
    /// Those that leave no doubt of what is meant.
    Safe,
    /// Those that a person should look at, too.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people.
    Human,
    /// For programs; has a version.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of a GitHub workflow.
    Github,
    /// JUnit's XML, for continuous integration.
    Junit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people.
    Human,
    /// For programs; has a version.
    Json,
    /// JUnit's XML, for continuous integration.
    Junit,
}

#[derive(Debug, Args)]
pub(crate) struct Fmt {
    /// Change nothing; exit with 2, name the files that would change and show how.
    #[arg(long)]
    pub(crate) check: bool,
    /// Files to lay out; all of the repository by default. `-` lays out standard input to standard output.
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// CEL, with or without the `=` before it. It may begin with a minus.
    #[arg(allow_hyphen_values = true)]
    pub(crate) expression: String,
    /// Where it stands: a flow behind its last step, or one of its steps.
    #[arg(long = "in", value_name = "FLOW[.STEP]")]
    pub(crate) location: Option<String>,
    /// Show every part with its type and value, and the item that decided `exists` or `all`.
    #[arg(long)]
    pub(crate) explain: bool,
    /// The input of the flow; of several, the first.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: Option<PathBuf>,
    /// A value of a step, or of another name in scope.
    #[arg(long, value_name = "NAME=JSON")]
    pub(crate) set: Vec<String>,
    /// Take the input and the values of steps from a run.
    #[arg(long, value_name = "ID")]
    pub(crate) run: Option<String>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Graph {
    /// The flow.
    pub(crate) flow: String,
    /// How to print it.
    #[arg(long, value_enum, default_value_t = GraphFormat::Human)]
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
    #[value(alias = "text")]
    Human,
    /// A picture that stands alone.
    Svg,
    /// Mermaid.
    Mermaid,
    /// Graphviz.
    Dot,
    /// For programs; has a version.
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The flow.
    pub(crate) flow: String,
    /// A .jsonl file with one input a line, or a .json file with one or a list.
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// Where lines that became no run go, with reasons; beside the store by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Keep nothing: the log lives in memory and ends with the command.
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// How many runs are in flight at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) in_flight: u16,
    /// How to print the summary.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Only scenarios whose name contains this.
    pub(crate) filter: Option<String>,
    /// How to report.
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    pub(crate) format: TestFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    /// Only of this flow.
    #[arg(long)]
    pub(crate) flow: Option<String>,
    /// Only queued, running, waiting, paused, completed, failed or cancelled ones.
    #[arg(long)]
    pub(crate) status: Option<String>,
    /// At most so many, newest first.
    #[arg(long, default_value_t = 50)]
    pub(crate) limit: usize,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// One run with its steps.
    Show {
        /// Its id, the beginning of one, or its key.
        id: String,
    },
    /// End a run before its work is done; what is under way outside is settled first, and nothing is taken back.
    Cancel(Wanted),
    /// Let a run begin nothing new; what is under way outside is settled, and its clock stands still.
    Pause(Wanted),
    /// Let a paused run go on.
    Resume(Wanted),
    /// Run today's flow in the place of a run that has ended: what it did is taken over, and never done again unasked.
    #[command(after_help = "Example:\n  tradewind runs fork 3f2a91 --from answer --by lead1@northfield.example")]
    Fork(Fork),
}

/// Something that is wanted of a run.
#[derive(Debug, Args)]
pub(crate) struct Wanted {
    /// Its id, the beginning of one, or its key.
    pub(crate) id: String,
    /// Who wants it: an address, for the log.
    #[arg(long)]
    pub(crate) by: String,
    /// Why, for the log.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    pub(crate) command: Option<ApprovalsCommand>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApprovalsCommand {
    /// Let an effect happen.
    ///
    /// Where no process works on the store, this command does: runs that are not finished go on too, and their effects happen.
    Approve {
        /// The item, or the beginning of its id.
        id: String,
        /// Who decides: an address of a member of the team.
        #[arg(long)]
        by: String,
        /// A changed request field, where the item allows it.
        #[arg(long, value_name = "FIELD=VALUE")]
        edit: Vec<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Refuse an effect.
    ///
    /// Where no process works on the store, this command does: runs that are not finished go on too, and their effects happen.
    Deny {
        /// The item, or the beginning of its id.
        id: String,
        /// Who decides: an address of a member of the team.
        #[arg(long)]
        by: String,
        /// Why, for the log.
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        which: Which,
    },
    /// Answer a question.
    ///
    /// Where no process works on the store, this command does: runs that are not finished go on too, and their effects happen.
    Answer {
        /// The item, or the beginning of its id.
        id: String,
        /// Who answers: an address of a member of the team.
        #[arg(long)]
        by: String,
        /// The fields of the answer.
        #[arg(value_name = "FIELD=VALUE", required = true)]
        field: Vec<String>,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The run whose effects are taken back: its id, the beginning of one, or its key.
    #[arg(conflicts_with_all = ["effect", "flow"])]
    pub(crate) run: Option<String>,
    /// The effect that is taken back, by its key or the beginning of it.
    #[arg(long, value_name = "KEY", conflicts_with = "flow")]
    pub(crate) effect: Option<String>,
    /// The flow whose effects are taken back.
    #[arg(long, requires = "since")]
    pub(crate) flow: Option<String>,
    /// Only effects since then: an instant, or so long ago.
    #[arg(long, value_name = "WHEN")]
    pub(crate) since: Option<String>,
    /// Only effects for which this is true; `effect` is what was sent.
    #[arg(long = "where", value_name = "CEL")]
    pub(crate) condition: Option<String>,
    /// Do it.
    #[arg(long, requires = "by")]
    pub(crate) yes: bool,
    /// Who wants it: an address, for the log.
    #[arg(long)]
    pub(crate) by: Option<String>,
    /// Why, for the log.
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    pub(crate) command: Option<DeadLettersCommand>,
    /// How to print.
    #[arg(long, value_enum, default_value_t = Format::Human, global = true)]
    pub(crate) format: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// Do an effect again, under the key it had and by the policies of now.
    Replay {
        /// Its key, or the beginning of it.
        key: String,
        /// Who wants it: an address, for the log.
        #[arg(long)]
        by: String,
        /// Why, for the log.
        #[arg(long, default_value = "")]
        reason: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Models {
    #[command(subcommand)]
    pub(crate) command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Accuracy, calibration, coverage and baselines on held-out rows; for what is asked over a network, cost and latency.
    #[command(
        after_help = "Example:\n  tradewind models eval\n  tradewind models eval haiku --rows data/heldout.jsonl --label topic --first 50 --environment live\n  tradewind models eval --route topic --svg confusion.svg --environment live"
    )]
    Eval {
        /// Only this model; one behind a network is asked, and paid.
        model: Option<String>,
        /// A whole route: every rung of its ladder as a flow would meet it.
        #[arg(long, value_name = "ROUTE", conflicts_with = "model")]
        route: Option<String>,
        /// Labelled rows, for what is asked over a network; those held out beside the rows of a model of the same route by default.
        #[arg(long, value_name = "FILE")]
        rows: Option<PathBuf>,
        /// The label that is looked at in the rows.
        #[arg(long)]
        label: Option<String>,
        /// Only the first so many rows.
        #[arg(long, value_name = "N")]
        first: Option<usize>,
        /// Also draw the confusion matrix, to this file; where several models are evaluated, the last.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
        /// The precision wanted of what is handled without a person.
        #[arg(long, default_value_t = 0.80)]
        precision: f64,
        /// How to report.
        #[arg(long, value_enum, default_value_t = Format::Human)]
        format: Format,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Twin {
    /// A loopback address; port 0 takes any.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub(crate) listen: std::net::SocketAddr,
    /// Where every request is written before it is answered.
    #[arg(long)]
    pub(crate) ledger: PathBuf,
    /// The orders it begins with, one JSON object a line.
    #[arg(long)]
    pub(crate) orders: Option<PathBuf>,
    /// End when standard input ends.
    #[arg(long)]
    pub(crate) exit_on_stdin_eof: bool,
    /// Wait so many milliseconds before each answer.
    #[arg(long, value_name = "MS")]
    pub(crate) latency: Option<u64>,
    /// Work every Nth request and drop the connection without an answer; the same request three times in a row at most.
    #[arg(long, value_name = "N")]
    pub(crate) drop_every: Option<u64>,
    /// Answer every Nth request with 503; the same request three times in a row at most.
    #[arg(long, value_name = "N")]
    pub(crate) busy_every: Option<u64>,
}
