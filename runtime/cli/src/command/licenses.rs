//! `licenses`: what may be done with this binary, in plain words, and the full texts.

use crate::exit::{Exit, Outcome};
use crate::output::say;

pub(crate) fn run() -> Outcome {
    say!("{}", include_str!("../../../../NOTICE").trim_end());
    for (name, text) in [
        ("MIT (our own code, at your choice)", include_str!("../../../../LICENSE-MIT")),
        ("Apache-2.0 (our own code, at your choice)", include_str!("../../../../LICENSE-APACHE")),
        ("Business Source License 1.1 (SurrealDB)", include_str!("../../../../LICENSE-SURREALDB")),
    ] {
        say!("\n{}\n{name}\n{}\n\n{}", "=".repeat(80), "=".repeat(80), text.trim_end());
    }
    Ok(Exit::Fine)
}
