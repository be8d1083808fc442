//! `completions`: a shell's completion script.

use crate::arguments::Arguments;
use crate::exit::{Exit, Outcome};
use crate::output;
use clap::CommandFactory;

pub(crate) fn run(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "tradewind", &mut script);
    output::write(format_args!("{}", String::from_utf8_lossy(&script)));
    Ok(Exit::Fine)
}
