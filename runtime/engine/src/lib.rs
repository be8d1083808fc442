//! The engine: state and input in, events and effects out; one executor performs.
//!
//! It knows plans and ports, and neither the configuration language nor any store, provider or model.

mod actor;
pub mod anchor;
pub mod approval;
pub mod arrival;
mod arrivals;
pub mod backoff;
mod books;
pub mod checkpoint;
pub mod child;
pub mod clock;
pub mod codec;
pub mod cohort;
pub mod conceal;
pub mod contract;
pub mod decide;
pub mod drift;
pub mod egress;
pub mod engine;
pub mod event;
mod executor;
pub mod export;
pub mod failure;
mod figure;
pub mod finding;
mod fit;
pub mod fork;
pub mod frozen;
mod grounded;
pub mod guard;
pub mod history;
mod hours;
mod image;
mod invariants;
mod kept;
pub mod key;
pub mod memory;
pub mod migrate;
mod past;
pub mod pinned;
mod planted;
pub mod policy;
pub mod ports;
pub mod question;
pub mod recover;
pub mod replay;
pub mod reuse;
pub mod robust;
mod rollup;
pub mod schedule;
mod schedules;
mod scope;
pub mod seal;
pub mod segment;
mod series;
pub mod state;
pub mod summary;
mod trigger;
pub mod twin;
pub mod undo;
pub mod vectors;

#[cfg(test)]
mod tests;
