//! Policies in the plan: what effects may do.

use super::Micros;
use crate::expr::Expr;
use crate::template::Template;
use crate::ty::Ty;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A `policy` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Name.
    pub name: String,
    /// Team.
    pub owner: Option<String>,
    /// Operations it covers.
    pub on: Vec<String>,
    /// Only effects of these flows; of every flow where empty.
    #[serde(default)]
    pub flows: Vec<String>,
    /// Evidence it needs.
    pub needs: Vec<Need>,
    /// Never, where true.
    pub denies: Vec<Deny>,
    /// Caps.
    pub limits: Vec<Limit>,
    /// A person first, where true.
    pub escalates: Vec<Escalate>,
}

impl Policy {
    /// Whether it holds an operation where a flow does it.
    #[must_use]
    pub fn covers(&self, operation: &str, flow: &str) -> bool {
        let of_flow = self.flows.is_empty() || self.flows.iter().any(|own| own == flow);
        of_flow && self.on.iter().any(|on| on == operation)
    }
}

/// A `needs` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// Name, as `evidence.NAME`.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// It may come from outside text or a model's reading of it.
    pub untrusted: bool,
    /// Used where the call gives none.
    pub default: Option<Value>,
}

/// A `deny` rule. An error or a missing value in `when` denies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deny {
    /// Name.
    pub name: String,
    /// Scope of every rule: `effect.PARAM`, `action`, `settings`, `run`, `evidence`.
    pub when: Expr,
    /// For people; the same scope.
    pub message: Option<Template>,
}

/// An `escalate` rule. An error or a missing value in `when` escalates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalate {
    /// Name.
    pub name: String,
    /// When.
    pub when: Expr,
    /// To whom, how long, and then what.
    pub escalation: Escalation,
}

/// To whom, how long, and then what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Escalation {
    /// Team.
    pub to: String,
    /// How long they have.
    pub within: Micros,
    /// What happens when they do not answer.
    pub on_timeout: OnTimeout,
    /// How many distinct people must agree.
    pub quorum: u32,
    /// What one run asks of a team is one item of the inbox.
    #[serde(default)]
    pub batch: bool,
    /// Who is asked after them, one after the other, before silence counts.
    #[serde(default)]
    pub then: Vec<Level>,
}

impl Escalation {
    /// How long people may take as a whole, one team after the other.
    #[must_use]
    pub fn longest(&self) -> Micros {
        self.then.iter().fold(self.within, |sum, level| sum.saturating_add(level.within))
    }
}

/// Who is asked when nobody answered, with a time of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Team.
    pub to: String,
    /// How long they have.
    pub within: Micros,
    /// How many distinct people must agree, with those who agreed before.
    pub quorum: u32,
}

/// What happens when nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OnTimeout {
    /// Go on as if approved; refused for money and irreversible effects.
    Approve,
    /// Leave the step out.
    Skip,
    /// Deny the effect.
    Deny,
    /// Stop the run.
    Stop,
}

/// A `limit`. An error or a missing value in it denies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// Name.
    pub name: String,
    /// What is counted.
    pub measure: Measure,
    /// At most this: money for a sum of money, else a number.
    pub max: Expr,
    /// Counted apart for each value of this.
    pub by: Option<Expr>,
    /// Only effects for which this is true.
    #[serde(default)]
    pub condition: Option<Expr>,
    /// Over which time; `None` for ever.
    pub window: Option<Window>,
    /// What happens above it.
    pub otherwise: LimitElse,
}

/// What a limit counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Measure {
    /// Effects.
    Count,
    /// The sum of an expression: money or a number.
    Sum(Expr),
}

/// The time over which a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// The last so long.
    Rolling(Micros),
    /// The calendar day of the project's time zone.
    Day,
}

/// What happens above a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum LimitElse {
    /// The effect is denied.
    Deny,
    /// A person may let it pass.
    Escalate(Escalation),
}
