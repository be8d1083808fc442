//! Connectors: performs the calls of a plan's operations over HTTP, takes in what providers tell of by themselves, and brings the
//! twin of a shop, a payment provider and a help desk. It performs; it never decides, retries or keeps state of its own.

mod account;
mod answer;
mod egress;
pub mod hook;
mod http;
mod manners;
mod percent;
mod prepare;
mod redact;
mod retry_after;
mod together;
pub mod twin;

pub use account::OpenSecret;
pub use http::HttpConnectors;
pub use manners::{Manners, Observe, Observed, ObservedTogether};

#[cfg(test)]
mod tests;
