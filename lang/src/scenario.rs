//! Scenarios as data: what `tradewind test` runs on the real engine with twins. Not part of the plan.

use crate::expr::Expr;
use crate::money::Money;
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
    /// The flow's input; `Null` where its trigger gives it.
    pub input: Value,
    /// What memories, series, earlier effects and rollouts held before it.
    pub before: Vec<Before>,
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
    /// It is done, and the answer comes so much later.
    Delay(Micros),
}

/// What was there before a scenario; ages in microseconds before its start.
#[derive(Debug, Clone, PartialEq)]
pub enum Before {
    /// Facts of a memory.
    Facts {
        /// The memory.
        memory: String,
        /// Age and record of each.
        facts: Vec<(Micros, Value)>,
    },
    /// Points of a series.
    Points {
        /// The series.
        series: String,
        /// Age and record of each.
        points: Vec<(Micros, Value)>,
    },
    /// An effect of an earlier run.
    Effect(PastEffect),
    /// The stage of a rollout.
    Rollout {
        /// The rollout.
        rollout: String,
        /// The share that gets the treatment.
        share: Option<f64>,
        /// Units and their arms.
        assigned: Vec<(String, String)>,
    },
}

/// An effect of an earlier run.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEffect {
    /// Full name of the operation.
    pub operation: String,
    /// The flow that had it.
    pub flow: String,
    /// Its act.
    pub step: String,
    /// How long ago.
    pub age: Micros,
    /// Request fields.
    pub request: Vec<(String, Value)>,
    /// Fields of what was there before it.
    pub before: Vec<(String, Value)>,
}

/// What happens in a scenario that this version checks and cannot play yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Beyond {
    /// An event comes.
    Event {
        /// Its name.
        event: String,
        /// What it carries.
        payload: Value,
        /// So long after what stands before it.
        after: Micros,
    },
    /// The process ends at once, and begins again.
    Crash,
    /// The run is taken back.
    Undo,
}

/// What is expected in a scenario that this version checks and cannot look for yet.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedBeyond {
    /// An effect, or its undo, was refused.
    Refused {
        /// Full name of the operation.
        operation: String,
        /// The code of the refusal.
        code: Option<String>,
    },
    /// The run cost no more than this.
    Cost {
        /// Most.
        max: Money,
    },
}

impl Scenario {
    /// What this version checks and cannot play yet, in the words of the language; empty for a scenario that plays.
    #[must_use]
    pub fn not_playable(&self) -> Vec<&'static str> {
        let mut found: Vec<&'static str> = Vec::new();
        let begins = |action: &Action| matches!(action, Action::Beyond(Beyond::Event { .. }));
        if self.input == Value::Null && !self.actions.iter().any(begins) {
            found.push("a scenario without an `input` or an `event`");
        }
        found.extend(self.before.iter().filter_map(|before| match before {
            Before::Facts { .. } | Before::Points { .. } | Before::Rollout { .. } => None,
            Before::Effect(_) => Some("`given effect`"),
        }));
        found.extend(self.faults.iter().filter(|fault| matches!(fault.kind, FaultKind::Delay(_))).map(|_| "`fault delay`"));
        for action in &self.actions {
            match action {
                Action::Beyond(Beyond::Crash) => found.push("`crash`"),
                Action::Beyond(Beyond::Undo) => found.push("`undo` of a scenario"),
                Action::Expect(expected) => found.extend(expected.iter().filter_map(|(expected, _)| match expected {
                    Expectation::Beyond(ExpectedBeyond::Refused { .. }) => Some("`refused`"),
                    Expectation::Beyond(ExpectedBeyond::Cost { .. }) => Some("`cost`"),
                    _ => None,
                })),
                _ => {}
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
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
        /// Parameters that they change.
        edits: Vec<(String, Value)>,
        /// So long after what stands before it.
        after: Micros,
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
    /// What this version cannot play yet.
    Beyond(Beyond),
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
    /// What this version cannot look for yet.
    Beyond(ExpectedBeyond),
}
