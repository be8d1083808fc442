//! `completions`: a shell's completion script.

use crate::arguments::Arguments;
use crate::exit::{Exit, Outcome};
use clap::CommandFactory;

pub(crate) fn run(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut Arguments::command(), "tradewind", &mut std::io::stdout());
    Ok(Exit::Fine)
}
