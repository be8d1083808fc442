//! Diagnostic codes: every mistake has one, and every one has a page under `docs/codes/`.
//!
//! One file for each area, so that two areas never edit the same list. Numbers are never reused.

use crate::diagnostic::Severity;

/// A kind of mistake.
#[derive(Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// Such as `TW0001`.
    pub id: &'static str,
    /// What is wrong, a few words.
    pub title: &'static str,
    /// Whether it refuses the configuration.
    pub severity: Severity,
    /// The page: what it means, a wrong and a right example. Markdown.
    pub page: &'static str,
}

/// A reference to a kind of mistake.
pub type Code = &'static CodeInfo;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $severity:ident, $title:literal;)*) => {
        $($(#[$doc])* #[doc = concat!("`", $id, "`: ", $title)]
        pub static $name: $crate::code::CodeInfo = $crate::code::CodeInfo {
            id: $id,
            title: $title,
            severity: $crate::diagnostic::Severity::$severity,
            page: include_str!(concat!("../../../docs/codes/", $id, ".md")),
        };)*
        pub(crate) static ALL: &[$crate::code::Code] = &[$(&$name),*];
    };
}

pub mod expression;
pub mod meaning;
pub mod run;
pub mod syntax;

/// Every code, in order of id.
#[must_use]
pub fn all() -> Vec<Code> {
    let mut codes: Vec<Code> = [syntax::ALL, meaning::ALL, expression::ALL, run::ALL].into_iter().flatten().copied().collect();
    codes.sort_by_key(|code| code.id);
    codes
}

/// The code of an id, in either case.
#[must_use]
pub fn find(id: &str) -> Option<Code> {
    all().into_iter().find(|code| code.id.eq_ignore_ascii_case(id))
}
