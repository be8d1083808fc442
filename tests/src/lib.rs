//! What the harnesses share: reading Markdown specifications, scanning Rust text; and, for those that drive the binary as a
//! process, a private copy of the shipped repository, a twin beside it, and random numbers.
//! It holds no test, links neither the store nor the engine, and only harnesses import it.

pub mod fits;
#[expect(clippy::expect_used, reason = "a harness fails by panicking")]
pub mod git_host;
pub mod markdown;
pub mod meaning;
#[expect(clippy::expect_used, clippy::panic, reason = "a harness fails by panicking")]
pub mod process;
pub mod random;
pub mod scan;
#[expect(clippy::expect_used, clippy::panic, reason = "a harness fails by panicking")]
pub mod serving;
#[expect(clippy::expect_used, reason = "a harness fails by panicking")]
pub mod ssh_host;
#[expect(clippy::expect_used, clippy::panic, reason = "a harness fails by panicking")]
pub mod stage;
#[expect(clippy::expect_used, clippy::panic, reason = "a harness fails by panicking")]
pub mod twin;
#[expect(clippy::expect_used, reason = "a harness fails by panicking")]
pub mod upstream;

use std::path::{Path, PathBuf};

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
