//! What a twin did, as somebody outside counts it. It never decides what may be done.

use super::ledger;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One thing that was really done.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Effect {
    /// Full name of the operation, such as `payments.refund.create`.
    pub operation: String,
    /// The idempotency key under which it was asked for.
    pub key: String,
    /// The order or the message.
    pub target: String,
    /// The amount or the text.
    pub content: String,
}

impl Effect {
    pub(crate) fn new(operation: &str, key: &str, target: &str, content: impl Into<String>) -> Self {
        Self { operation: operation.to_owned(), key: key.to_owned(), target: target.to_owned(), content: content.into() }
    }
}

/// Every effect that a ledger says was accepted, sorted: two multisets are equal where these lists are.
/// A torn last line is passed over; the file is only read.
///
/// # Errors
/// A ledger that cannot be read; the text is for people.
pub fn effects(ledger: &Path) -> Result<Vec<Effect>, String> {
    let bytes = std::fs::read(ledger).map_err(|error| format!("cannot read {}: {error}", ledger.display()))?;
    let (entries, _) = ledger::parse(&bytes).map_err(|error| format!("{}: {error}", ledger.display()))?;
    let mut effects: Vec<Effect> = entries.into_iter().flat_map(ledger::Entry::into_effects).collect();
    effects.sort();
    Ok(effects)
}
