//! A segment: all events of one commit, in one row, chained by BLAKE3 to the segment before it.

use serde::{Deserialize, Serialize};
pub use tradewind_lang::plan::Digest;

/// All events of one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// The shard.
    pub shard: u32,
    /// Sequence number of its first event; numbers have no gaps in a shard and begin at 1.
    pub first: u64,
    /// How many events it holds; at least one.
    pub count: u32,
    /// The hash of the segment before it; zeros for the first.
    pub previous: Digest,
    /// BLAKE3 of previous, shard, first, count and body.
    pub hash: Digest,
    /// The events, MessagePack.
    pub body: Vec<u8>,
}

impl Segment {
    /// Seals a body into the chain.
    #[must_use]
    pub fn seal(shard: u32, first: u64, count: u32, previous: Digest, body: Vec<u8>) -> Self {
        let hash = Self::hash_of(shard, first, count, previous, &body);
        Self { shard, first, count, previous, hash, body }
    }

    /// Whether the hash is that of the contents.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.hash == Self::hash_of(self.shard, self.first, self.count, self.previous, &self.body)
    }

    fn hash_of(shard: u32, first: u64, count: u32, previous: Digest, body: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&previous.0);
        hasher.update(&shard.to_be_bytes());
        hasher.update(&first.to_be_bytes());
        hasher.update(&count.to_be_bytes());
        hasher.update(body);
        Digest(*hasher.finalize().as_bytes())
    }
}
