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

    /// What is wrong with a text that is no pattern, in one line, and what to do about it.
    #[must_use]
    pub fn fault(text: &str) -> Option<(String, &'static str)> {
        let quoted = crate::literal::shortened(text);
        match Regex::new(text) {
            Ok(_) => None,
            Err(regex::Error::CompiledTooBig(_)) => {
                Some((format!("`{quoted}` is too large a regular expression"), "repeat less often: a count in a count multiplies"))
            }
            Err(error) => {
                let told = error.to_string();
                let reason = told.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it cannot be read");
                Some((format!("`{quoted}` is no regular expression: {reason}"), help_of(reason)))
            }
        }
    }

    /// Whether some part of a text fits.
    pub(super) fn fits(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// What to do about a pattern that cannot be read, by the reason that is given.
fn help_of(reason: &str) -> &'static str {
    const HELP: &[(&str, &str)] = &[
        ("unclosed character class", "close the choice of characters with `]`, or write `[[]` for the sign itself"),
        ("unclosed group", "close the group with `)`, or write `[(]` for the sign itself"),
        ("unopened group", "open the group with `(`, or write `[)]` for the sign itself"),
        ("missing expression", "say before it what is repeated, or write it in `[…]` for the sign itself"),
        ("look-around", "it reads a text once from the left and looks neither ahead nor back: ask twice, with `&&`"),
        ("backreferences", "it reads a text once from the left and compares none of its parts: ask with `==`"),
        ("repetition quantifier", "the least count stands before the greatest: `{2,5}`"),
        ("character class range", "the first of a range stands before the last: `[a-z]`"),
    ];
    let known = HELP.iter().find(|(part, _)| reason.contains(part)).map(|(_, help)| *help);
    known.unwrap_or("write what is meant literally in brackets: `[.]` for a point")
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
