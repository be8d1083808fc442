//! Exit codes and the errors of a command. The numbers are a contract with scripts.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Fine; for `run`: every input reached an outcome.
    Fine,
    /// The tool could not do its work: a store, a disk, a network.
    Tool,
    /// Something differs or warns, and the caller asked to be told.
    Changes,
    /// Mistakes in the configuration, or rejected inputs.
    Mistakes,
    /// A test failed.
    Failed,
    /// A policy refused the operator's own command.
    Refused,
    /// Wrong usage.
    Usage,
    /// Interrupted.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Tool => 1,
            Exit::Changes => 2,
            Exit::Mistakes => 3,
            Exit::Failed => 4,
            Exit::Refused => 5,
            Exit::Usage => 64,
            Exit::Interrupted => 130,
        })
    }
}

/// Why a command could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// A code with a page, such as `TW0501`.
    pub(crate) code: &'static str,
    /// One sentence.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, code: tradewind_lang::code::Code, message: impl Into<String>) -> Self {
        Self { exit, code: code.id, message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

/// What a command returns.
pub(crate) type Outcome = Result<Exit, Failure>;
