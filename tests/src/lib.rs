//! What the harnesses under `tests/tests/` share: reading Markdown specifications and scanning Rust text.
//! It holds no test, and nothing imports it.

pub mod markdown;
pub mod scan;

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
