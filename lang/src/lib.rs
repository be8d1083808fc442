//! The language of Tradewind: KDL with CEL in, diagnostics or an immutable [`plan::Plan`] out.
//!
//! Pure: no clock, disk, network, environment, threads, async or database; `clippy.toml` says why, entry by entry.
//! A user's mistake is a value: every front-end function returns a result *and* diagnostics.

pub mod ast;
pub mod bound;
pub mod code;
pub mod compile;
pub mod conceal;
pub mod conform;
pub mod diagnostic;
pub mod explain;
pub mod expr;
pub mod fix;
pub mod graph;
pub mod json_keys;
pub mod json_schema;
pub mod layout;
pub mod literal;
mod lower;
pub mod money;
mod parallel;
pub mod plan;
mod planted;
mod proof;
pub mod scenario;
pub mod shape;
pub mod source;
pub mod syntax;
pub mod template;
pub mod ty;
pub mod value;
pub mod written;

#[cfg(feature = "planted")]
pub use planted::{holes, plant};
