//! The plan: what `lang` ends in. Immutable, versioned, digestible; nothing behind it knows KDL.
//!
//! A plan holds no spans, so that its digest changes with meaning and not with white space;
//! where each step was written is kept beside it, in [`Locations`].

mod absent;
mod api;
mod batch;
mod contract;
mod document;
mod flow;
mod gate;
mod model;
mod policy;
mod predict;
mod runnable;
mod source;
mod terms;
mod verb;

pub use api::*;
pub use batch::*;
pub use contract::*;
pub use document::*;
pub use flow::*;
pub use gate::*;
pub use model::*;
pub use policy::*;
pub use predict::*;
pub use runnable::*;
pub use source::*;
pub use terms::*;
pub use verb::*;

use crate::expr::Expr;
use crate::money::{Currency, Money};
use crate::template::Template;
use crate::ty::TypeTable;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The format of [`Plan`]; counted up when an older binary could not read a newer plan.
pub const PLAN_FORMAT: u32 = 2;

/// A span of time in microseconds.
pub type Micros = i64;

/// Names bound to expressions, in the order written.
pub type Bindings = Vec<(String, Expr)>;

/// A BLAKE3 digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
pub struct Digest(pub [u8; 32]);

impl std::fmt::Display for Digest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

impl Digest {
    /// The digest of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The first twelve hexadecimal digits, for people.
    #[must_use]
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

/// A whole repository, compiled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_FORMAT`] of the compiler.
    pub format: u32,
    /// The manifest.
    pub project: Project,
    /// Declared types and enums.
    pub types: TypeTable,
    /// Who decides.
    pub teams: BTreeMap<String, Team>,
    /// Operations by full name, such as `payments.refund.create`.
    pub operations: BTreeMap<String, Arc<Operation>>,
    /// Connectors by name.
    pub connectors: BTreeMap<String, Arc<Connector>>,
    /// Models by name.
    pub models: BTreeMap<String, Arc<Model>>,
    /// Routes by name.
    pub routes: BTreeMap<String, Arc<Route>>,
    /// Memories by name.
    pub memories: BTreeMap<String, Arc<Memory>>,
    /// Policies in order of name.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// Flows by name.
    pub flows: BTreeMap<String, Arc<Flow>>,
    /// Events of connectors by full name.
    #[serde(default)]
    pub events: BTreeMap<String, Arc<Event>>,
    /// Series by name.
    #[serde(default)]
    pub series: BTreeMap<String, Arc<Series>>,
    /// Metrics by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Arc<Metric>>,
    /// Objectives by name.
    #[serde(default)]
    pub slos: BTreeMap<String, Arc<Slo>>,
    /// Rollouts by name.
    #[serde(default)]
    pub rollouts: BTreeMap<String, Arc<Rollout>>,
    /// Critics by name.
    #[serde(default)]
    pub critics: BTreeMap<String, Arc<Critic>>,
    /// Agents that flows address by key, by name.
    #[serde(default)]
    pub agents: BTreeMap<String, Arc<Actor>>,
    /// Migrations by name.
    #[serde(default)]
    pub migrations: BTreeMap<String, Arc<Migration>>,
}

impl Plan {
    /// The digest of everything: flows, policies, routes, memories, connectors, types, settings.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest_of(self)
    }

    /// The digest of what is judged by the moment of the intent: policies, teams and settings.
    #[must_use]
    pub fn policy_digest(&self) -> Digest {
        digest_of(&(&self.policies, &self.teams, &self.project.settings))
    }

    /// The plan as bytes, for the log. MessagePack with field names.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self).unwrap_or_default()
    }

    /// A plan from bytes; the error says why it cannot be read.
    ///
    /// # Errors
    /// Bytes that are no plan, or a plan of a newer format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let plan: Self = rmp_serde::from_slice(bytes).map_err(|error| error.to_string())?;
        if plan.format > PLAN_FORMAT {
            return Err(format!("the plan has format {}, this version reads up to {PLAN_FORMAT}", plan.format));
        }
        Ok(plan)
    }
}

fn digest_of(value: &impl Serialize) -> Digest {
    // Maps are ordered, so the bytes are a function of the meaning.
    Digest::of(&rmp_serde::to_vec_named(value).unwrap_or_default())
}

/// The `project` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// kebab-case name; also the tenant of the log.
    pub name: String,
    /// Currency of caps and reports.
    pub currency: Currency,
    /// IANA time zone of calendar limits.
    pub time_zone: String,
    /// Values of `setting`s, for `settings.NAME`.
    pub settings: BTreeMap<String, Value>,
    /// The chosen environment's name.
    pub environment: String,
    /// URL of the store: `surrealkv://PATH` (relative to the repository) or `memory://`.
    pub store: String,
    /// Whether connectors reach twins instead of the world.
    pub twins: bool,
    /// What the twins hold at first: record name (such as `shop.order`) to a JSONL file of the repository.
    pub seeds: BTreeMap<String, String>,
    /// Rates of exchange: so much of one currency is so much of another.
    #[serde(default)]
    pub exchanges: Vec<(Money, Money)>,
    /// Where the secrets of the chosen environment come from, by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretSource>,
    /// Accounts of the chosen environment, by `CONNECTOR.NAME`.
    #[serde(default)]
    pub accounts: BTreeMap<String, Account>,
    /// The folder of the log's checkpoints, from the repository; beside the store where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<String>,
    /// Labels of the chosen environment's process: steps and flows with a `place` are done where it is among them. Left out where there are
    /// none, so that the digest of such a plan is what it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    /// When closed parts of the log leave the store. Left out where they stay, so that the digest of such a plan is what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_retention: Option<LogRetention>,
    /// The git repository that the chosen environment follows. Left out where there is none, so that the digest of such a plan is what it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Teams whose members set and lift legal holds. Left out where there are none, so that the digest of such a plan is what it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legal_hold: Vec<String>,
}

/// The `log-retention` node of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRetention {
    /// How old an event is when it may leave the store.
    pub after: Micros,
    /// The folder that its archive goes to, from the repository.
    pub archive: String,
}

/// The `team` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Team {
    /// Addresses of members.
    pub members: Vec<String>,
    /// How its members are told: `email`, or none.
    #[serde(default)]
    pub notify: Option<String>,
    /// When they work: days, and minutes of the day in the project's time zone.
    #[serde(default)]
    pub hours: Option<String>,
    /// The team that answers for it.
    #[serde(default)]
    pub owner: Option<String>,
}

/// A `model` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name.
    pub name: String,
    /// `linear`, `anomaly` and `elasticity` learn from rows of the repository; every other provider is [`Model::remote`].
    pub provider: String,
    /// Rows, a file of the repository, for those that learn.
    pub rows: String,
    /// Which label of the rows it learns.
    pub label: String,
    /// Cost of a call; of a remote model, what a call costs beside its tokens.
    pub price: Money,
    /// How it is reached over a network.
    #[serde(default)]
    pub remote: Option<Remote>,
    /// What it reads and learns beside labelled text; nothing where it learns from text alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
}

/// A `route` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Name.
    pub name: String,
    /// `classify`, `text` or `image`.
    pub needs: String,
    /// The ladder: tried in order, the last cannot fail.
    pub rungs: Vec<Rung>,
    /// Terms beside the ladder.
    #[serde(default)]
    pub terms: RouteTerms,
}

/// One rung of a route's ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Rung {
    /// Ask a model.
    Candidate {
        /// Its name.
        model: String,
    },
    /// Fill a template with the step's scope.
    Template {
        /// The text.
        template: Template,
    },
    /// Answer a fixed label.
    Value {
        /// The label.
        label: String,
        /// The confidence it claims, 0 to 1.
        confidence: f64,
    },
    /// Answer what was answered before.
    Cached {
        /// How old the answer may be.
        max_age: Micros,
    },
    /// Ask a person.
    Person {
        /// To whom, how long, and then what.
        escalation: Escalation,
    },
    /// Give up with a message.
    Fail {
        /// For people.
        message: String,
    },
}

/// A `memory` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Name.
    pub name: String,
    /// `session`, `working` or `long-term`.
    pub tier: String,
    /// Record type of a fact.
    pub record: String,
    /// Field of the record that names the subject; empty for a memory about nobody.
    pub subject: String,
    /// How long a fact is kept; `None` for ever.
    pub retention: Option<Micros>,
    /// At most so many facts for each subject; the oldest go first.
    pub cap: Option<u32>,
    /// How its facts are kept and found.
    #[serde(default)]
    pub terms: MemoryTerms,
}

impl Memory {
    /// The record type of a fact that is recalled: that of the memory, or one that also says whether the fact is stale.
    #[must_use]
    pub fn recalled(&self) -> String {
        if self.flags() { format!("recalled:{}", self.name) } else { self.record.clone() }
    }

    /// Whether a recalled fact says whether it is stale.
    #[must_use]
    pub fn flags(&self) -> bool {
        self.terms.fresh.is_some() && self.terms.stale_flagged
    }
}

/// Where steps and rules were written: `flow.step` or `policy.rule` to path and line. Beside the plan, not in its digest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations(pub BTreeMap<String, (String, usize)>);
