//! Who says what became of an effect.

use serde::{Deserialize, Serialize};

/// Who settled an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettledBy {
    /// The provider's answer.
    Answer,
    /// The operation's declared lookup.
    Lookup,
    /// A person.
    Person,
}

impl SettledBy {
    /// As `steps.NAME.settled_by` says it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Lookup => "lookup",
            Self::Person => "person",
        }
    }
}
