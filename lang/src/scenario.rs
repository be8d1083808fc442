//! Scenarios as data: what `tradewind test` runs on the real engine with twins. Not part of the plan.

use crate::expr::Expr;
use crate::plan::Micros;
use crate::value::Value;

/// A `scenario` node.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Name, a sentence.
    pub name: String,
    /// Path and line.
    pub location: (String, usize),
    /// The flow it runs.
    pub flow: String,
    /// The clock at the start.
    pub at: Micros,
    /// The flow's input.
    pub input: Value,
    /// Records that the twins hold at first: record type, fields.
    pub twins: Vec<(String, Value)>,
    /// Answers of models by step: the fields given.
    pub mocks: Vec<(String, Vec<(String, Value)>)>,
    /// Faults of operations.
    pub faults: Vec<Fault>,
    /// What is done and expected, in order. A run starts before the first that is not `start`.
    pub actions: Vec<Action>,
}

/// A fault of an operation at its twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Full name of the operation.
    pub operation: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often, from the first call on.
    pub times: u32,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing is done, and nobody answers.
    TimeoutBeforeSend,
    /// It is done, and nobody answers.
    TimeoutAfterSend,
    /// The provider answers this HTTP status and does nothing.
    Status(u16),
}

/// One line of a scenario after `given`.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The run starts.
    Start,
    /// Time passes.
    Advance(Micros),
    /// A person approves: what (`policy.rule` or a step), who, edits.
    Approve {
        /// `policy.rule` or a step's name.
        what: String,
        /// An address.
        by: String,
    },
    /// A person denies.
    Deny {
        /// `policy.rule` or a step's name.
        what: String,
        /// An address.
        by: String,
    },
    /// A person answers an `ask`.
    Answer {
        /// The step's name.
        what: String,
        /// An address.
        by: String,
        /// The answer's fields.
        fields: Value,
    },
    /// Everything that must hold now, with the line of each.
    Expect(Vec<(Expectation, usize)>),
}

/// Something that must hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Expectation {
    /// So many effects of an operation so far, all with these request fields.
    Effect {
        /// Full name of the operation.
        operation: String,
        /// How many; at least one where absent.
        count: Option<u32>,
        /// Request fields of each.
        fields: Vec<(String, Value)>,
    },
    /// Somebody is asked: `policy.rule` or a step's name, and the team.
    Waiting {
        /// `policy.rule` or a step's name.
        what: String,
        /// The team.
        to: Option<String>,
    },
    /// A rule denied so many effects; at least one where absent.
    Denied {
        /// `policy.rule`.
        what: String,
        /// How many.
        count: Option<u32>,
    },
    /// The run ended with these outputs.
    Output(Vec<(String, Value)>),
    /// A condition over `steps`.
    That(Expr),
}
