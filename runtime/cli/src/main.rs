//! The `tradewind` binary: reads the command line, runs one command, exits with its code. One file a command.

mod all_models;
mod apart;
mod archiver;
mod arguments;
mod became;
mod changes;
mod checkpoints;
mod command;
mod counted;
mod crash;
mod describe;
mod desk;
mod difference;
mod excerpt;
mod exit;
mod follow;
mod given;
mod handed;
mod host;
mod http;
mod image;
mod inputs;
mod interrupts;
mod lacking;
mod last_plan;
mod listing;
mod output;
mod reach;
mod reload;
mod render;
mod replace;
mod report;
mod repository;
mod scenario;
mod secrets;
mod session;
mod simulate;
mod snapshot;
mod socket;
mod stage;
mod summary;
mod twin_process;
mod watch;

use arguments::{Arguments, Command};
use clap::Parser;

fn main() -> std::process::ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(refused) => return usage(&refused),
    };
    start_tracing();
    let place = &arguments.place;
    let exit = match &arguments.command {
        Command::Check(options) => command::check::run(place, options),
        Command::Fmt(options) => command::fmt::run(place, options),
        Command::Explain { code, .. } => command::explain::run(code.as_deref()),
        Command::Eval(options) => command::eval::run(place, options),
        Command::Graph(options) => command::graph::run(place, options),
        Command::Run(options) => command::run::run(place, options),
        Command::Simulate(options) => command::simulate::run(place, options),
        Command::Serve(options) => command::serve::run(place, options),
        Command::Status(options) => command::status::run(place, options),
        Command::Freeze(options) => command::freeze::freeze(place, options),
        Command::Thaw(options) => command::freeze::thaw(place, options),
        Command::Rollback(options) => command::rollback::run(place, options),
        Command::Plan(options) => command::plan::run(place, options),
        Command::Test(options) => command::test::run(place, options),
        Command::Runs(options) => command::runs::run(place, options),
        Command::Log(options) => command::log::run(place, options),
        Command::Backup(options) => command::backup::backup(place, options),
        Command::Restore(options) => command::backup::restore(place, options),
        Command::Rebuild(options) => command::rebuild::run(place, options),
        Command::Replay(options) => command::replay::run(place, options),
        Command::Emit(options) => command::emit::run(place, options),
        Command::Events(options) => command::events::run(place, options),
        Command::Approvals(options) => command::approvals::run(place, options),
        Command::Undo(options) => command::undo::run(place, options),
        Command::DeadLetters(options) => command::dead_letters::run(place, options),
        Command::Forget(options) => command::forget::run(place, options),
        Command::Assets(options) => command::assets::run(place, options),
        Command::Memory(options) => command::memory::run(place, options),
        Command::Budget { format } => command::budget::run(place, *format),
        Command::Models(options) => command::models::run(place, options),
        Command::Twin(options) => twin_process::serve(options),
        Command::Lock => command::lock::run(&arguments.place),
        Command::Licenses => command::licenses::run(),
        Command::Completions { shell } => command::completions::run(*shell),
    };
    exit.unwrap_or_else(|failure| {
        render::failure(&failure);
        failure.exit
    })
    .into()
}

/// Help and the version, which were asked for; or wrong usage, which has an exit code of its own.
fn usage(refused: &clap::Error) -> std::process::ExitCode {
    // There is nobody to tell that nobody can be told.
    let _ = refused.print();
    if refused.use_stderr() { exit::Exit::Usage } else { exit::Exit::Fine }.into()
}

/// Operators see warnings on standard error; `TRADEWIND_LOG=debug` shows more.
fn start_tracing() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("TRADEWIND_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("tradewind=warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).log_internal_errors(false).init();
}
