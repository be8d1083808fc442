//! In-memory twins of the ports: for tests, simulations and `--ephemeral`. They fail on demand, as the real ones do by themselves.

mod clock;
mod connectors;
mod finder;
mod keys;
mod log;
mod models;

pub use clock::ManualClock;
pub use connectors::{Reply, Request, ScriptedConnectors};
pub use finder::WordFinder;
pub use keys::MemoryKeys;
pub use log::{Fault, MemoryLog};
pub use models::ScriptedModels;
