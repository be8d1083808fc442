//! Why a step or a run failed: a closed list of kinds, with a text for people. It decides nothing.

use crate::ports::CallFailure;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of failure. The list is closed: rules and reports may rely on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FailureKind {
    /// Something took longer than it may.
    TimeOut,
    /// A provider refused or could not be reached.
    Api,
    /// An answer does not fit its declared type.
    Schema,
    /// A draft says what no fact supports.
    Ungrounded,
    /// An expression, template, rule or requirement has no value or does not hold.
    Rule,
    /// A policy denied an effect.
    Policy,
    /// A cap on cost would be passed.
    Budget,
    /// A person said no, or nobody answered in time.
    Person,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TimeOut => "time-out",
            Self::Api => "api",
            Self::Schema => "schema",
            Self::Ungrounded => "ungrounded",
            Self::Rule => "rule",
            Self::Policy => "policy",
            Self::Budget => "budget",
            Self::Person => "person",
        })
    }
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// A code: of the operation (`refused`), of a requirement, the name of a rule, or the kind's own name.
    pub code: String,
    /// For people: one lower-case sentence.
    pub message: String,
}

impl Failure {
    /// A failure whose code is its kind.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, code: kind.to_string(), message: message.into() }
    }

    /// A failure with a code of its own.
    #[must_use]
    pub fn coded(kind: FailureKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, code: code.into(), message: message.into() }
    }

    /// What a call's failure means for its step.
    #[must_use]
    pub fn of_call(failure: &CallFailure) -> Self {
        let kind = match failure.code.as_str() {
            "time-out" => FailureKind::TimeOut,
            "schema" => FailureKind::Schema,
            _ => FailureKind::Api,
        };
        Self { kind, code: failure.code.clone(), message: failure.message.clone() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.message)
    }
}
