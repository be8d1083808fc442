//! Regular expressions that stand in an expression as they are: compiled once, when it is checked or read back from a log, and kept
//! with its tree. A pattern that a run computes is the `cel` crate's affair.

use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A compiled pattern. It is written down, and compared, by its text.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Arc<Regex>);

impl Pattern {
    /// Compiles a pattern; `None` for a text that is none, or that would take too much memory.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Regex::new(text).ok().map(|regex| Self(Arc::new(regex)))
    }

    /// Whether a text is a pattern that would take too much memory.
    pub(super) fn is_too_large(text: &str) -> bool {
        matches!(Regex::new(text), Err(regex::Error::CompiledTooBig(_)))
    }

    /// Whether some part of a text fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{}` is no regular expression", crate::literal::shortened(&text)))
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}
