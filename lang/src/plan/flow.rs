//! Flows and their steps in the plan.

use super::{
    Acting, Begin, Bindings, Bounds, Decision, Each, Emit, Escalation, Facts, Generate, Look, Measured, Micros, Revise, Search, Split,
    Terms, Undo, Wait,
};
use crate::expr::{Expr, Tree};
use crate::money::Money;
use crate::template::Template;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A `flow` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Name.
    pub name: String,
    /// For people.
    pub summary: String,
    /// Record type of its input.
    pub input: String,
    /// What makes two starts the same run; the digest of the input where absent. Scope: `input`.
    pub key: Option<Expr>,
    /// Longest a run may take; waits for people count where [`Terms::people_count`] says so.
    pub deadline: Option<Micros>,
    /// Most a run may cost in model calls.
    pub cost_cap: Option<Money>,
    /// What starts it, how many at once, and what follows a failure.
    #[serde(default)]
    pub terms: Terms,
    /// Steps in document order; those of `choose` arms follow their `choose`.
    pub steps: Vec<Step>,
    /// What it answers; scope: the top-level steps.
    pub output: Bindings,
    /// Text from outside that the operator answers for.
    #[serde(default)]
    pub endorsed: Vec<Endorsement>,
}

/// `endorse(value, 'reason')` somewhere in a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endorsement {
    /// The step, or `output`.
    pub at: String,
    /// The value, as written.
    pub of: String,
    /// Why it may be trusted.
    pub reason: String,
}

/// A step, by its place in [`Flow::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepId(pub u16);

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Name in expressions; unique in the flow.
    pub name: String,
    /// The arm of a `choose` step in which it stands.
    pub within: Option<(StepId, u16)>,
    /// It runs only where this is true; it is skipped otherwise.
    pub when: Option<Expr>,
    /// Steps that must be settled before it starts: data, `after`, and the gates; never itself.
    pub depends: Vec<StepId>,
    /// What happens when it fails.
    pub on_error: OnError,
    /// What happens when its effect is denied: `true` leaves it out and goes on, `false` stops the run.
    pub skip_denied: bool,
    /// Bounds beside those of its verb.
    #[serde(default)]
    pub bounds: Bounds,
    /// What it does.
    pub kind: StepKind,
    /// The type of its value where it ran.
    pub ty: Ty,
    /// What the compiler found of where its value comes from, so that a run which is led over to another flow takes nothing from outside
    /// for that flow's own. None in plans that were made before this was written down.
    #[serde(default)]
    pub origin: Option<Origin>,
}

/// Where a step's value comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// What is said of the whole value.
    pub value: Marks,
    /// What is said of what becomes of the step.
    pub told: Marks,
    /// Fields whose marks are their own.
    pub parts: Vec<(String, Marks)>,
    /// Whether text from outside decides if it is done.
    pub steered: bool,
}

/// What happens when a step fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum OnError {
    /// The run fails.
    Fail,
    /// The step's value is absent and the run goes on; of an `each`, the item is left out.
    Skip,
    /// What the run has done, or of an `each` the item, is taken back, newest first, and the run fails.
    Undo,
}

/// What a step does. Scope of its expressions: `input`, `run`, `settings`, `steps`, and the steps it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StepKind {
    /// `let`: its value is the expression's.
    Let {
        /// The expression.
        value: Expr,
    },
    /// `observe { call }`: its value is the response.
    Call {
        /// Full name of a read operation.
        operation: String,
        /// Its request.
        request: Bindings,
    },
    /// `observe { recall }`: its value is a list of records, newest last.
    Recall {
        /// The memory.
        memory: String,
        /// Whose facts.
        subject: Expr,
        /// How many of the newest.
        last: u32,
    },
    /// `decide { classify }`: `{ label, confidence, by }`.
    Classify {
        /// The enum of the labels.
        labels: String,
        /// The route.
        route: String,
        /// What is classified.
        text: Expr,
    },
    /// `decide { draft }`: a record of one text field.
    Draft {
        /// The record type.
        record: String,
        /// Its text field.
        field: String,
        /// The route.
        route: String,
    },
    /// `decide { rule … otherwise }`: `{ value, rule }`; the first rule that holds.
    Rules {
        /// In order.
        rules: Vec<Rule>,
        /// Where none holds; its `rule` is `otherwise`.
        otherwise: Expr,
    },
    /// `reflect { require }`: `{ passed, codes }`.
    Reflect {
        /// What must hold.
        requires: Vec<Require>,
        /// `true`: go on with `passed` false; `false`: stop the run.
        go_on: bool,
    },
    /// `ask`: its value is the answer.
    Ask {
        /// To whom, how long, and then what.
        escalation: Escalation,
        /// The question.
        question: Template,
        /// What is shown beside it.
        show: Vec<Expr>,
        /// Record type of the answer.
        answer: String,
    },
    /// `act { call }`: the response's fields and `request`, what was sent.
    Act {
        /// Full name of a write operation.
        operation: String,
        /// Its request.
        request: Bindings,
        /// For the policies that cover it.
        evidence: Bindings,
        /// A person looks at it first.
        stage: Option<Stage>,
    },
    /// `remember`: one fact.
    Remember {
        /// The memory.
        memory: String,
        /// Whose.
        subject: Expr,
        /// The record's fields.
        fields: Bindings,
    },
    /// `choose`: the output of the arm that was taken.
    Choose {
        /// In order; the last has no `when`.
        arms: Vec<Arm>,
    },
    /// `remember` of several facts, or of facts about nobody.
    Facts(Box<Facts>),
    /// `each`: a list of outputs.
    Each(Box<Each>),
    /// `wait`: the event's payload, or nothing.
    Wait(Box<Wait>),
    /// `act { flow }`: the output of that flow.
    Begin(Box<Begin>),
    /// `act { undo }`: `{ effects }`.
    Undo(Box<Undo>),
    /// `act { emit }`: nothing.
    Emit(Box<Emit>),
    /// `decide { draft }` by a model: a record.
    Generate(Box<Generate>),
    /// `decide { classify image= }`: `{ label, confidence, by }`.
    Look(Box<Look>),
    /// `decide { split }`: the arm's decision, and `arm`.
    Split(Box<Split>),
    /// `reflect` with a draft or critics: the accepted version.
    Revise(Box<Revise>),
    /// `agent`: its answer.
    Agent(Box<Acting>),
    /// `observe { measure }`: the figures.
    Measure(Box<Measured>),
    /// `observe { recall }` by meaning, by condition or as of a time: a list of records.
    Search(Box<Search>),
}

impl StepKind {
    /// Enum and route of each text that it has classified, in whichever arm of a split.
    #[must_use]
    pub fn classifies(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Classify { labels, route, .. } => vec![(labels, route)],
            Self::Split(split) => {
                let arms = split.arms.iter().filter_map(|(_, decision)| match decision {
                    Decision::Classify { labels, route, .. } => Some((labels.as_str(), route.as_str())),
                    Decision::Rules { .. } | Decision::Draft(_) => None,
                });
                arms.collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a model writes a record for it, in whichever arm of a split.
    #[must_use]
    pub fn is_written(&self) -> bool {
        match self {
            Self::Generate(_) | Self::Agent(_) => true,
            Self::Split(split) => split.arms.iter().any(|(_, decision)| matches!(decision, Decision::Draft(_))),
            _ => false,
        }
    }
}

/// A `rule` of a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Name.
    pub name: String,
    /// When.
    pub when: Expr,
    /// Then.
    pub value: Expr,
}

/// A `require` of a reflection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Require {
    /// Must hold.
    pub when: Expr,
    /// What `codes` says where it does not.
    pub code: String,
    /// For people.
    pub message: Option<String>,
}

/// The `stage` of an act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// To whom, how long, and then what.
    pub escalation: Escalation,
    /// Only where this is true.
    pub when: Option<Expr>,
    /// Request fields the approver may change.
    pub editable: Vec<String>,
}

impl Stage {
    /// Whether a person looks at every one, so that it is a guard.
    #[must_use]
    pub fn always(&self) -> bool {
        self.when.as_ref().is_none_or(|when| matches!(when.root, Tree::Constant(Value::Bool(true))))
    }
}

/// An arm of a `choose`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// When; the last has none.
    pub when: Option<Expr>,
    /// What it answers; scope: its own steps too.
    pub output: Bindings,
}
