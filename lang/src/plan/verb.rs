//! What the larger verbs of a step hold: loops, waits, drafts by a model, agents, revisions. Data only; nothing here decides.

use super::{Arm, Bindings, Escalation, Micros, OnTimeout, Require, Rule, Stage};
use crate::expr::Expr;
use crate::template::Template;
use serde::{Deserialize, Serialize};

/// Bounds of a step beside those of its verb.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// Longest it may take.
    pub deadline: Option<Micros>,
    /// Label of the workers that may take it.
    pub place: Option<String>,
    /// An act is not sent before this instant.
    pub not_before: Option<Expr>,
    /// The account in whose name it calls, without its connector's name. Left out where none is named, so that the digest of such a plan is
    /// what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Expr>,
}

/// `each`: its steps once for every item; its value is the list of outputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Each {
    /// The items: a list.
    pub items: Expr,
    /// Name of the item in the scope of its steps.
    pub item: String,
    /// Name of the item's place from 0, where one was given.
    pub index: Option<String>,
    /// What identifies an item over repeats of the run; its place where absent. Scope: the item.
    pub key: Option<Expr>,
    /// Only items for which this is true. Scope: the item.
    pub condition: Option<Expr>,
    /// More items than this fail the step before the first begins.
    pub max: u32,
    /// At most so many items at once.
    pub parallel: u32,
    /// The output of one item; scope: its steps too. The steps are those within arm 0 of this step.
    pub body: Arm,
}

/// `wait`: nothing happens until then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// For what.
    pub until: Until,
    /// What happens when it does not come; `None` where it always does.
    pub on_timeout: Option<OnTimeout>,
}

/// What a `wait` waits for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Until {
    /// A span of time.
    Span(Expr),
    /// An instant.
    Instant(Expr),
    /// An event, within a span of time.
    Event {
        /// Its name.
        event: String,
        /// Only one for which this is true; scope: `event` too.
        condition: Option<Expr>,
        /// Longest.
        within: Micros,
    },
}

/// `act { flow }`: another flow is run, and this step ends when it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The flow.
    pub flow: String,
    /// Its input's fields.
    pub input: Bindings,
}

/// `act { undo }`: effects of an earlier run are taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// The flow whose effects.
    pub flow: String,
    /// The act of that flow.
    pub step: String,
    /// The operation of that act.
    pub operation: String,
    /// The operation that takes it back.
    pub by: String,
    /// Only effects for which this is true; scope: `effect` too.
    pub condition: Option<Expr>,
    /// At most so many, the newest first.
    pub last: u32,
    /// None older than this.
    pub since: Option<Micros>,
    /// For the policies that cover the operation that takes it back.
    pub evidence: Bindings,
    /// A person looks at it first.
    pub stage: Option<Stage>,
}

/// `act { emit }`: an event that other flows may be triggered by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Emit {
    /// Its record type, which is its name.
    pub event: String,
    /// The record's fields.
    pub fields: Bindings,
}

/// `remember` of several facts at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The memory.
    pub memory: String,
    /// Whose.
    pub subject: Option<Expr>,
    /// Each fact: whether it is one, and its fields.
    pub facts: Vec<(Option<Expr>, Bindings)>,
}

/// What is said to a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Talk {
    /// A whole prompt.
    pub prompt: Option<Template>,
    /// What it is told to be.
    pub system: Option<Template>,
    /// Turns before: a list of records with `role` and `text`.
    pub history: Option<Expr>,
    /// What the user says.
    pub user: Option<Template>,
    /// Images.
    pub images: Vec<Expr>,
    /// What was said and what should have been answered.
    pub examples: Vec<(Template, Template)>,
    /// Whether personal data may be in any of it.
    #[serde(default)]
    pub personal: bool,
}

/// `decide { draft }` by a model: a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generate {
    /// The record type; `asset` for an image.
    pub record: String,
    /// The route.
    pub route: String,
    /// What the model is told.
    pub talk: Talk,
}

/// `decide { classify }` of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The enum of the labels.
    pub labels: String,
    /// The route.
    pub route: String,
    /// Text beside the image.
    pub text: Option<Expr>,
    /// The image.
    pub image: Expr,
}

/// `decide { split }`: one arm of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Split {
    /// The rollout.
    pub rollout: String,
    /// What is assigned to an arm.
    pub by: Expr,
    /// Name and decision of each arm.
    pub arms: Vec<(String, Decision)>,
}

/// A decision of one arm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Decision {
    /// Rules, in order, and what holds where none does.
    Rules {
        /// In order.
        rules: Vec<Rule>,
        /// Where none holds.
        otherwise: Expr,
    },
    /// A draft by a model or template.
    Draft(Generate),
    /// A label.
    Classify {
        /// The enum of the labels.
        labels: String,
        /// The route.
        route: String,
        /// What is classified.
        text: Expr,
    },
}

/// `reflect` of a draft: its value is the accepted version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revise {
    /// The step whose draft it is; `None` where requirements hold of no draft.
    pub of: Option<String>,
    /// Critics, in order.
    pub critics: Vec<String>,
    /// Requirements besides.
    pub requires: Vec<Require>,
    /// How often the draft is written anew.
    pub max_revisions: u32,
    /// What happens to a version that nobody accepts.
    pub otherwise: Unaccepted,
}

/// What happens to a version that nobody accepts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Unaccepted {
    /// The run goes on with it.
    Continue,
    /// The run stops.
    Stop,
    /// A person looks at it.
    Escalate(Escalation),
}

/// `agent`: a model with tools, for a bounded number of steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Acting {
    /// The `agent` of the document that it addresses, and the key of the one meant.
    pub actor: Option<(String, Expr)>,
    /// Record type of its answer.
    pub record: String,
    /// The route of its model.
    pub route: String,
    /// At most so many turns.
    pub max_steps: u32,
    /// What it is told.
    pub talk: Talk,
    /// What it may call.
    pub tools: Vec<Tool>,
    /// What its answer must be; scope: the answer by the step's name.
    pub requires: Vec<Require>,
    /// Whether it reads text from outside: what it writes then is looked at by a person, whatever the policies of that moment say.
    #[serde(default)]
    pub reads_outside: bool,
}

/// What an agent may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Full name of an operation.
    pub operation: String,
    /// Its name for the model, and for later tools.
    pub name: String,
    /// At most so often in one step.
    pub max_calls: u32,
    /// Parameters that the model does not choose.
    pub fixed: Bindings,
    /// Parameters that the model chooses from a list.
    pub one_of: Bindings,
}

/// `observe { measure }`: figures over series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// A field of the points: figures for each of its values, by that value.
    pub by: Option<String>,
    /// The figures.
    pub figures: Vec<(String, Figure)>,
}

/// A figure: an expression over aggregates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The expression; each aggregate is a variable of it.
    pub expr: Expr,
    /// The aggregates.
    pub aggregates: Vec<Aggregate>,
}

/// An aggregate over the points of a series, the records of a source, or another metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// The variable that stands for it.
    pub variable: String,
    /// What is computed.
    pub function: AggregateFunction,
    /// The share of a quantile, 0 to 1.
    pub share: Option<f64>,
    /// Of each record; `None` for `count()`.
    pub value: Option<Expr>,
    /// The series, where the place reads several.
    pub series: Option<String>,
    /// Over the last so long; the place's own window where absent.
    pub window: Option<Micros>,
    /// The season whose parts are held against their own points alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub season: Option<super::Seasonal>,
}

/// What an aggregate computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AggregateFunction {
    /// How many.
    Count,
    /// The sum; nothing adds up to zero.
    Sum,
    /// The arithmetic mean; absent for none.
    Mean,
    /// The least; absent for none.
    Least,
    /// The greatest; absent for none.
    Greatest,
    /// The newest; absent for none.
    Last,
    /// The value below which a share of all lies; absent for none.
    Quantile,
    /// How far the newest lies from the median of the others, in robust standard deviations; absent where too few say what is usual.
    Oddity,
}

/// `observe { recall }` that looks for facts by meaning, by condition or as they were.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// The memory.
    pub memory: String,
    /// Whose facts; everybody's where absent.
    pub subject: Option<Expr>,
    /// What is looked for, by meaning.
    pub query: Option<Expr>,
    /// Only facts for which this is true; scope: `fact` too.
    pub condition: Option<Expr>,
    /// At most so many.
    pub most: u32,
    /// Every fact that fits, rather than the best or newest; more than `most` fail the step.
    pub all: bool,
    /// None verified longer ago than this.
    pub fresh: Option<Micros>,
    /// As it was known at this instant.
    pub as_of: Option<Expr>,
}
