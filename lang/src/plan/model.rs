//! Models behind a network, the terms of routes and memories, secrets and accounts in the plan. A secret is always a name here.

use super::{Budget, Micros, Predict};
use crate::expr::Expr;
use crate::money::Money;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest that one call of a model over a network may take: whoever performs it ends it then, as no model declares a time-out.
pub const MODEL_TIMEOUT: Micros = 60_000_000;

/// How often an answer of the wrong shape is asked again where a route does not say.
pub const DEFAULT_REPAIRS: u32 = 1;

/// A model that is reached over a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remote {
    /// The model's name with its provider.
    pub model: String,
    /// Where the provider answers; its own address where absent.
    pub base_url: Option<String>,
    /// Name of the secret that it wants.
    pub secret: Option<String>,
    /// Tokens that it can read.
    pub context: u32,
    /// Tokens that it writes at most.
    pub max_output: Option<u32>,
    /// Where it is served.
    pub region: Option<String>,
    /// What it costs.
    pub prices: Prices,
    /// What it can do.
    pub can: Vec<String>,
    /// What it may be told.
    pub cleared: Vec<String>,
    /// Where what it may be told must be served.
    pub cleared_region: Option<String>,
    /// Requests and tokens in a span of time.
    pub limit: Option<ModelLimit>,
    /// Calls that go out together: how many, and how long the first waits.
    pub batch: Option<(u32, Micros)>,
    /// It is kept loaded for so long after a call.
    pub warm: Option<Micros>,
    /// What is asked, without a cost, so that it stays loaded: a path below the base URL. Its provider's own where absent.
    #[serde(default)]
    pub warm_path: Option<String>,
    /// Whether its answers come as a stream.
    #[serde(default)]
    pub stream: bool,
    /// How a model that predicts is spoken to.
    #[serde(default)]
    pub predict: Option<Predict>,
}

impl Remote {
    /// Whether it can be told what was wrong with an answer: what only predicts says the same again.
    #[must_use]
    pub fn converses(&self) -> bool {
        self.predict.is_none()
    }
}

/// What a model costs. A part without a price is free.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Prices {
    /// A call.
    pub call: Option<Money>,
    /// So many tokens read.
    pub input: Option<(Money, u64)>,
    /// So many tokens written.
    pub output: Option<(Money, u64)>,
    /// So many tokens read that the provider had kept.
    pub cached_input: Option<(Money, u64)>,
    /// An image.
    pub image: Option<Money>,
    /// A second of work.
    pub second: Option<Money>,
}

/// Requests and tokens in a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelLimit {
    /// Requests.
    pub requests: Option<u32>,
    /// Tokens.
    pub tokens: Option<u32>,
    /// The span; nothing where neither is limited.
    pub per: Micros,
    /// Requests at once.
    #[serde(default)]
    pub in_flight: Option<u32>,
}

/// Terms of a route beside its ladder.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RouteTerms {
    /// Longest the whole ladder may take, people not counted.
    pub deadline: Option<Micros>,
    /// How often an answer of the wrong shape is asked again.
    pub repairs: Option<u32>,
    /// By the place of the rung: when a candidate is asked, and when a second call is sent beside it.
    pub candidates: BTreeMap<u8, CandidateTerms>,
    /// Caps on costs.
    pub budgets: Vec<Budget>,
    /// Equal questions get the answer of so long ago at most.
    pub cache_exact: Option<Micros>,
    /// Questions of so great a likeness do, 0 to 1.
    pub cache_similar: Option<f64>,
    /// When a model is left alone.
    pub breaker: Option<Breaker>,
}

/// When a candidate is asked.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CandidateTerms {
    /// Only for tasks of which this is true; scope: `task`.
    pub when: Option<Expr>,
    /// A second call is sent when the first takes longer than this share of calls, 0 to 1.
    pub hedge: Option<f64>,
    /// A call is given up after so long; after [`MODEL_TIMEOUT`] where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Micros>,
}

/// When a model is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// So many failures.
    pub failures: u32,
    /// Within so long.
    pub within: Micros,
    /// For so long; one probe then decides.
    pub open: Micros,
}

/// Terms of a memory beside its retention and cap.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MemoryTerms {
    /// The field that is found by meaning, and the model that reads it.
    pub embed: Option<(String, Option<String>)>,
    /// Fields that are found by their words.
    pub fulltext: Vec<String>,
    /// Whether retention counts from the last write about a subject rather than from each fact.
    pub retention_after_last_write: bool,
    /// A fact verified longer ago than this is stale.
    pub fresh: Option<Micros>,
    /// Stale facts are given with a flag rather than held back.
    pub stale_flagged: bool,
    /// The cap counts all facts rather than those of a subject.
    pub cap_whole: bool,
    /// Facts of a forgotten subject stay without its personal fields rather than being erased.
    pub forget_redacts: bool,
    /// Facts of a subject that agree in these fields say the same thing: the newest takes the place of those before it.
    #[serde(default)]
    pub key: Vec<String>,
    /// The field that says when a fact was observed; when it was remembered where absent.
    #[serde(default)]
    pub observed_at: Option<String>,
    /// The field that says until when a fact is true.
    #[serde(default)]
    pub valid_to: Option<String>,
    /// Caps on what vectors of a model behind a network cost: for a day, or for a span.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<Budget>,
}

/// Where a secret comes from. Never the secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretSource {
    /// A variable of the process.
    Variable(String),
    /// A file.
    File(String),
    /// What a command prints.
    Command(String),
}

/// An account of a connector in the chosen environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// The connector.
    pub connector: String,
    /// Its fields.
    pub fields: Vec<(String, AccountValue)>,
}

/// A field of an account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AccountValue {
    /// As written.
    Plain(Value),
    /// The name of a secret.
    Secret(String),
}

/// The record in which a person gives one of the values of an enum, where a route for labels ends with a person: its one field is
/// `label`. No type of a repository has that name, as it holds a blank.
#[must_use]
pub fn labelled(labels: &str) -> String {
    format!("label of {labels}")
}
