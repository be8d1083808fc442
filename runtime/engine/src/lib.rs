//! The engine: state and input in, events and effects out; one executor performs.

pub mod ports;
pub mod segment;
