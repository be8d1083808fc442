//! KDL text: our own lossless, error-tolerant tree, repair, formatting, and loading through the `kdl` crate.
//! It gives no node a meaning, and never hands text to `kdl` whose braces it has not matched first.

mod balance;
mod blocks;
mod chars;
mod entries;
mod findings;
mod format;
mod known;
pub mod lex;
mod load;
mod quotes;
mod repair;
mod strings;
pub mod tree;
mod words;

pub(crate) use chars::is_forbidden;
pub(crate) use findings::quoted;
pub use format::format;
pub(crate) use format::format_with;
pub(crate) use lex::value_of;
pub use load::{Loader, MAX_BYTES, load};

#[cfg(test)]
mod tests;
