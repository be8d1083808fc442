//! The plan: what `lang` ends in. Immutable, versioned, digestible; nothing behind it knows KDL.
//!
//! A plan holds no spans, so that its digest changes with meaning and not with white space;
//! where each step was written is kept beside it, in [`Locations`].

use crate::expr::Expr;
use crate::money::{Currency, Money};
use crate::template::Template;
use crate::ty::{Field, Ty, TypeTable};
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The format of [`Plan`]; counted up when an older binary could not read a newer plan.
pub const PLAN_FORMAT: u32 = 1;

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
}

/// The `team` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Team {
    /// Addresses of members.
    pub members: Vec<String>,
}

/// What an operation does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EffectKind {
    /// Nothing.
    Read,
    /// Its own undo restores the state before.
    Reversible,
    /// Another operation makes up for it.
    Compensable,
    /// It cannot be taken back.
    Irreversible,
}

/// The `connector` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Connector {
    /// Name.
    pub name: String,
    /// The contract's version, as the provider names it.
    pub version: String,
    /// `http(s)://host[:port][/path]`.
    pub base_url: String,
    /// Hosts that may be reached; the base URL's own where none are named.
    pub hosts: Vec<String>,
    /// Headers of every request; scope: `effect.key`.
    pub headers: Bindings,
    /// Time for the connection.
    pub connect_timeout: Micros,
    /// Time for the whole call.
    pub total_timeout: Micros,
    /// Retries of calls that may be repeated.
    pub retry: Retry,
    /// Failures any operation may meet, before the operation's own; scope: `status`, `body`.
    pub failures: Vec<Failure>,
}

/// The `retry` node: exponential from `from`, doubling, at most `to`, with full jitter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Attempts after the first.
    pub max: u32,
    /// First delay.
    pub from: Micros,
    /// Greatest delay.
    pub to: Micros,
    /// Answers worth another attempt; scope: `status`, `body`.
    pub when: Vec<Expr>,
}

/// A `failure` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Code, as logs and rules name it.
    pub code: String,
    /// Scope: `status`, `body`.
    pub when: Expr,
    /// Scope: `status`, `body`; a string.
    pub message: Option<Expr>,
    /// Whether another attempt may help.
    pub retry: bool,
}

/// An `operation` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Full name: connector, dot, operation.
    pub name: String,
    /// The connector's name.
    pub connector: String,
    /// What it does to the world.
    pub effect: EffectKind,
    /// Parameters.
    pub request: Vec<Field>,
    /// Type of the answer; `Null` for none.
    pub response: Ty,
    /// HTTP method.
    pub method: String,
    /// Path with `{name}` for request fields, percent-encoded when sent.
    pub path: String,
    /// Query parameters; scope: `request`, `effect`.
    pub query: Bindings,
    /// Headers; scope: `request`, `effect`.
    pub headers: Bindings,
    /// JSON body fields; scope: `request`, `effect`. Empty for none.
    pub body: Bindings,
    /// Where in the answer the response is; scope: `status`, `body`. The whole body where absent.
    pub at: Option<Expr>,
    /// What it acts on; scope: `request`; a string.
    pub target: Option<Expr>,
    /// Money it moves; scope: `request`.
    pub money: Option<MoneyMove>,
    /// Business key of a money effect; scope: `request`. At most one effect for each value of it.
    pub unique: Vec<Expr>,
    /// What makes sending it twice harmless.
    pub idempotent: Option<Idempotent>,
    /// Its own failures; scope: `status`, `body`.
    pub failures: Vec<Failure>,
    /// How a doubtful outcome is settled.
    pub lookup: Option<Lookup>,
}

/// The `money` setting of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoneyMove {
    /// The amount; scope: `request`.
    pub value: Expr,
    /// `out` is paid by the operator; `in` is paid to it; `price` changes what others will pay.
    pub direction: MoneyDirection,
}

/// Where money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoneyDirection {
    /// Paid by the operator.
    Out,
    /// Paid to the operator.
    In,
    /// A price, not a payment.
    Price,
}

/// The `idempotent` setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Idempotent {
    /// Sending it twice leaves the same state.
    Natural,
    /// The provider deduplicates on `effect.key` for this long.
    Key {
        /// How long the provider keeps the key.
        window: Micros,
    },
}

/// The `lookup` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lookup {
    /// Full name of a read operation.
    pub operation: String,
    /// Its request; scope: `request`, `effect`.
    pub request: Bindings,
    /// It happened; scope: `found`, `request`, `effect`, `run`.
    pub done: Expr,
    /// What it answered; same scope. `found` where absent.
    pub result: Option<Expr>,
    /// It did not happen; same scope. Where absent: not `done` means not done.
    pub not_done: Option<Expr>,
}

/// A `model` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Name.
    pub name: String,
    /// `linear` is the only provider of this version.
    pub provider: String,
    /// Labelled rows, a file of the repository, for `linear`.
    pub rows: String,
    /// Which label of the rows it learns.
    pub label: String,
    /// Cost of a call.
    pub price: Money,
}

/// A `route` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// Name.
    pub name: String,
    /// `classify` or `text`.
    pub needs: String,
    /// The ladder: tried in order, the last cannot fail.
    pub rungs: Vec<Rung>,
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
    /// Field of the record that names the subject.
    pub subject: String,
    /// How long a fact is kept; `None` for ever.
    pub retention: Option<Micros>,
    /// At most so many facts for each subject; the oldest go first.
    pub cap: Option<u32>,
}

/// A `policy` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Name.
    pub name: String,
    /// Team.
    pub owner: Option<String>,
    /// Operations it covers.
    pub on: Vec<String>,
    /// Evidence it needs.
    pub needs: Vec<Need>,
    /// Never, where true.
    pub denies: Vec<Deny>,
    /// Caps.
    pub limits: Vec<Limit>,
    /// A person first, where true.
    pub escalates: Vec<Escalate>,
}

/// A `needs` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Need {
    /// Name, as `evidence.NAME`.
    pub name: String,
    /// Its type.
    pub ty: Ty,
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
    /// Longest a run may take, waits for people not counted.
    pub deadline: Option<Micros>,
    /// Most a run may cost in model calls.
    pub cost_cap: Option<Money>,
    /// Steps in document order; those of `choose` arms follow their `choose`.
    pub steps: Vec<Step>,
    /// What it answers; scope: the top-level steps.
    pub output: Bindings,
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
    /// What it does.
    pub kind: StepKind,
    /// The type of its value where it ran.
    pub ty: Ty,
}

/// What happens when a step fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum OnError {
    /// The run fails.
    Fail,
    /// The step's value is absent and the run goes on.
    Skip,
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

/// An arm of a `choose`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// When; the last has none.
    pub when: Option<Expr>,
    /// What it answers; scope: its own steps too.
    pub output: Bindings,
}

/// Where steps and rules were written: `flow.step` or `policy.rule` to path and line. Beside the plan, not in its digest.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations(pub BTreeMap<String, (String, usize)>);
