//! Top-level nodes beside flows and policies in the plan: critics, agents, events, series, metrics, objectives, rollouts, migrations.

use super::{Acting, Bindings, Figure, Micros, OnTimeout, Require, Talk};
use crate::expr::Expr;
use crate::money::Money;
use crate::ty::{Marks, Ty};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A `critic` node: what makes a draft good enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Critic {
    /// Name.
    pub name: String,
    /// Record type of the drafts that it looks at.
    pub of: String,
    /// Name of the draft in its expressions and texts.
    pub variable: String,
    /// What must hold.
    pub requires: Vec<Require>,
    /// A model's judgement.
    pub judge: Option<Judge>,
    /// Memories from whose fresh facts every number, price, size, date and name must come.
    pub grounded: Vec<String>,
    /// Scenarios that must pass with the draft's effects.
    pub scenarios: Vec<String>,
}

/// A model's judgement of a draft.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judge {
    /// The route.
    pub route: String,
    /// The least that is good enough, 0 to 1.
    pub min: f64,
    /// What it is told.
    pub talk: Talk,
}

/// A document's `agent`: a stateful actor, addressed by key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Actor {
    /// Name.
    pub name: String,
    /// Counted up by its author when its state changes shape.
    pub version: u32,
    /// What it does with a message.
    pub acting: Acting,
    /// Memories that it reads by its key.
    pub memories: Vec<String>,
    /// Most it may cost, and for what or how long.
    pub budget: Option<Budget>,
    /// What is said of its own instructions, tools and memories.
    pub marks: Marks,
    /// How its sessions are kept. Left out where they stay for ever, so that the digest of such a plan is what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
}

/// How the sessions of an agent are kept: what was said to it and what it answered, by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Session {
    /// How long a message is kept; `None` for ever.
    pub retention: Option<Micros>,
    /// Whether that counts from the last message of a session rather than from each.
    pub after_last_write: bool,
    /// At most so many messages of a session; the oldest go first.
    pub cap: Option<u32>,
}

/// A cap on costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Most.
    pub most: Money,
    /// For what, or over which time.
    pub per: BudgetPer,
}

/// For what a budget is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BudgetPer {
    /// One call, repairs and hedges included.
    Task,
    /// One run.
    Run,
    /// The calendar day of the project's time zone.
    Day,
    /// The last so long.
    Rolling(Micros),
}

/// An `event` of a connector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The connector by whose webhook it comes.
    pub connector: String,
    /// Which deliveries are this event; scope: `headers`, `body`.
    pub when: Expr,
    /// Record type of its payload.
    pub record: String,
    /// The payload's fields; the same scope.
    pub payload: Bindings,
}

/// A `series` node: points in time, by subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Name.
    pub name: String,
    /// Record type of a point.
    pub point: String,
    /// The field that says whose point it is.
    pub subject: String,
    /// The field that says when.
    pub at: String,
    /// How long a point is kept; `None` for ever.
    pub retention: Option<Micros>,
    /// How old the newest point may be.
    pub fresh: Option<Micros>,
    /// Where points come from.
    pub sources: Vec<SeriesSource>,
    /// Points older than the second are merged into steps of the first.
    pub rollups: Vec<(Micros, Micros)>,
}

/// Where points of a series come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesSource {
    /// The event.
    pub event: String,
    /// A list in the event: a point for each item; scope: `event`.
    pub each: Option<(Expr, String)>,
    /// The point's fields; scope: `event`, and the item.
    pub fields: Bindings,
}

/// A `metric` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Name.
    pub name: String,
    /// Records that it looks at; other metrics alone where absent.
    pub source: Option<MetricSource>,
    /// Only records for which this is true; scope: that of the source.
    pub condition: Option<Expr>,
    /// Joins records to the effects that touched them; scope: `effect`, and that of the source.
    pub join: Option<Expr>,
    /// Fields by whose values it is told apart, with their types.
    pub by: Vec<(String, Ty)>,
    /// Over the last so long.
    pub window: Micros,
    /// The figure.
    pub value: Figure,
    /// Other metrics that the figure names.
    pub uses: Vec<String>,
    /// Type of the figure.
    pub ty: Ty,
    /// Which way is better.
    pub better: Option<Better>,
}

/// Records that a metric looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MetricSource {
    /// Facts of a memory.
    Memory(String),
    /// Points of a series.
    Series(String),
    /// Events of a connector, or emitted.
    Event(String),
    /// Questions to people and their decisions.
    Approvals,
    /// Calls of models.
    ModelCalls,
    /// Effects.
    Effects,
    /// Runs.
    Runs,
}

/// Which way a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Better {
    /// More of it.
    Higher,
    /// Less of it.
    Lower,
}

/// An `slo` node: how often a metric must be good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slo {
    /// Name, a sentence.
    pub name: String,
    /// The metric.
    pub metric: String,
    /// What is good; scope: `value`, `settings`.
    pub target: Expr,
    /// Over the last so long.
    pub over: Micros,
    /// The share of the time in which it is good, 0 to 1.
    pub objective: f64,
    /// Who is told, and how fast the allowance must burn for it.
    pub alerts: Vec<Alert>,
}

/// An `alert` of an objective.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// So many times faster than the objective allows.
    pub burn: f64,
    /// Over the last so long.
    pub window: Micros,
    /// The team.
    pub to: String,
}

/// A `rollout` node: two arms, a growing share, and what ends it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rollout {
    /// Name.
    pub name: String,
    /// Team.
    pub owner: Option<String>,
    /// What is assigned to an arm, as metrics name it.
    pub unit: String,
    /// The arm that was there before.
    pub control: String,
    /// The arm that is tried.
    pub treatment: String,
    /// A share that stays with the control for so long after the last stage.
    pub holdout: Option<(f64, Micros)>,
    /// Stages, in order.
    pub stages: Vec<RolloutStage>,
    /// Metrics that must not get worse by more than a share.
    pub guards: Vec<(String, f64)>,
    /// What happens when one does.
    pub on_breach: OnBreach,
    /// Who must agree to the next stage; evidence alone where absent.
    pub promote: Option<Promote>,
    /// Units whose arm a scenario gives, and that arm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assigned: Vec<(String, String)>,
}

/// A stage of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutStage {
    /// The share of units that get the treatment, 0 to 1.
    pub share: f64,
    /// It lasts at least so long.
    pub hold: Option<Micros>,
    /// It sees at least so many units.
    pub min_sample: Option<u32>,
}

/// What happens when a guard of a rollout is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnBreach {
    /// Every unit gets the control again.
    Revert,
    /// The share stays as it is.
    Hold,
}

/// Who must agree to the next stage of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Promote {
    /// The team.
    pub to: String,
    /// How long they have.
    pub within: Micros,
    /// `Stop` ends the rollout; `Deny` keeps the stage.
    pub on_timeout: OnTimeout,
}

/// A `migration` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// Name.
    pub name: String,
    /// Records that change their shape.
    pub records: Vec<RecordMigration>,
    /// Runs that change to the flow's present steps.
    pub flows: Vec<FlowMigration>,
}

/// A record that changes its shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordMigration {
    /// The record type.
    pub record: String,
    /// The version before.
    pub from: u32,
    /// The version after.
    pub to: u32,
    /// In order.
    pub changes: Vec<Change>,
}

/// One change of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// A field has another name.
    Rename {
        /// Before.
        field: String,
        /// After.
        to: String,
    },
    /// A field gets a value; scope: `old`.
    Set {
        /// The field.
        field: String,
        /// The value.
        value: Expr,
    },
    /// A field goes.
    Drop {
        /// The field.
        field: String,
    },
}

/// Runs that change to a flow's present steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowMigration {
    /// The flow.
    pub flow: String,
    /// Steps with another name: before, after.
    pub moved: Vec<(String, String)>,
    /// Steps that are no more.
    pub gone: Vec<String>,
    /// Values of steps that a run had not when it passed their place.
    pub fills: Vec<(String, Vec<(String, Value)>)>,
}
