//! Anchors: where an older part of a log is that was taken out of the store, and who vouches for its end.

use serde::{Deserialize, Serialize};
use tradewind_lang::plan::Digest;

/// A part of a log that is in an export and no longer in the store. What is archived is as much a part of the log as before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The shard.
    pub shard: u32,
    /// Its first event.
    pub from: u64,
    /// Its last event; a segment ends with it, and the store goes on behind it.
    pub last: u64,
    /// The hash of that segment, which the chain goes on from.
    pub head: Digest,
    /// The export that holds it.
    pub file: String,
    /// The signed checkpoint of its end.
    pub line: String,
}
