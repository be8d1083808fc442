//! Ctrl-C, and what asks a process to end. It only says so.

use crate::exit::{Exit, Failure};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tradewind_lang::code::run;

/// Both signals.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|error| Failure::new(Exit::Tool, &run::STORE_FAILED, format!("signals cannot be heard: {error}")));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns at the next of them; whether it was Ctrl-C.
    pub(crate) async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => false,
        }
    }
}
