//! Connectors and operations in the plan: contracts with the outside.

use super::{Bindings, ConnectorTerms, Micros, OperationTerms};
use crate::expr::Expr;
use crate::ty::{Field, Ty};
use serde::{Deserialize, Serialize};

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
    /// What the contract says beside plain calls.
    #[serde(default)]
    pub terms: ConnectorTerms,
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
    /// What the contract says beside one call and its answer.
    #[serde(default)]
    pub terms: OperationTerms,
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
    /// It happened; scope: `found`, `request`, `effect`, `run`, and `before` where the operation has one.
    pub done: Expr,
    /// What it answered; same scope. `found` where absent.
    pub result: Option<Expr>,
    /// It did not happen; same scope. Where absent: not `done` means not done.
    pub not_done: Option<Expr>,
}
