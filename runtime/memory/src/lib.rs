//! Finding facts by what they are about: words, vectors and both together, in this process, without a store.
//!
//! Facts are the engine's, folded from its log; what is here is made from them when somebody looks and can be made again at any time.
//! It decides nothing: which facts may be found is settled before it is asked. What is said of one subject weighs nothing for another.

mod check;
mod fusion;
mod partition;
mod ranker;
mod renewal;
mod vector;
mod words;

pub use fusion::{FLATNESS, Rank, VECTORS, WORDS, fuse};
pub use ranker::Ranker;
pub use vector::{Quantized, nearest};
pub use words::Words;
