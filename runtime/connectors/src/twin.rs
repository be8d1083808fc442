//! The twin: a shop, a payment provider and a help desk that behave as the shipped connectors expect.
//!
//! One state machine, [`TwinWorld`], twice used: in memory behind the same mapping as real calls ([`TwinConnectors`]), and as a
//! process of its own that records each request before it answers ([`serve_twin`]). It imitates no more than the flows use.

mod effects;
mod hangup;
mod ledger;
mod memory;
mod server;
mod world;

pub use effects::{Effect, effects};
pub use memory::{Fault, FaultKind, TwinConnectors};
pub use server::{Twin, TwinFaults, TwinOptions, serve_twin};
pub use world::{TwinAnswer, TwinRequest, TwinWorld};
