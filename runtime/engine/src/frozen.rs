//! What is frozen: effects that may not leave for now, folded from the log. It stops nothing itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Whose effects are frozen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those of a connector.
    Connector(Arc<str>),
    /// Those of a flow.
    Flow(Arc<str>),
}

impl fmt::Display for Scope {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => out.write_str("all"),
            Self::Connector(name) => write!(out, "connector {name}"),
            Self::Flow(name) => write!(out, "flow {name}"),
        }
    }
}

/// Who froze something, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Who.
    pub by: Arc<str>,
    /// When.
    pub at: i64,
    /// For people.
    pub reason: Arc<str>,
}

/// Everything that is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frozen(pub BTreeMap<Scope, Note>);

impl Frozen {
    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an effect of a flow through a connector is.
    #[must_use]
    pub fn holds(&self, flow: &Arc<str>, connector: &str) -> bool {
        !self.is_empty()
            && (self.0.contains_key(&Scope::All)
                || self.0.contains_key(&Scope::Flow(flow.clone()))
                || self.0.contains_key(&Scope::Connector(connector.into())))
    }

    /// With one more; who froze it first stays.
    #[must_use]
    pub(crate) fn with(&self, scope: &Scope, note: Note) -> Self {
        let mut frozen = self.clone();
        frozen.0.entry(scope.clone()).or_insert(note);
        frozen
    }

    /// Without one; `all` lifts every one of them.
    #[must_use]
    pub(crate) fn without(&self, scope: &Scope) -> Self {
        let mut frozen = self.clone();
        match scope {
            Scope::All => frozen.0.clear(),
            one => drop(frozen.0.remove(one)),
        }
        frozen
    }

    /// What either of two holds.
    #[must_use]
    pub(crate) fn and(&self, other: &Self) -> Self {
        let mut frozen = self.clone();
        for (scope, note) in &other.0 {
            frozen.0.entry(scope.clone()).or_insert_with(|| note.clone());
        }
        frozen
    }
}
