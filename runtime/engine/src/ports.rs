//! What the engine asks of the world: a log store, connectors, models, a clock.
//!
//! Every port has an in-memory twin in this crate and one contract suite that twin and real thing both pass.
//! Adapters perform; they do not decide.

use crate::anchor::Anchor;
use crate::question::{Answer, Prompt, Silence, Usage};
use crate::seal::Keyring;
use crate::segment::Segment;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use tradewind_lang::plan::{AccountValue, Connector, Micros, Model, Operation};
use tradewind_lang::ty::TypeTable;
use tradewind_lang::value::Value;

/// A boxed future, so that ports are object safe.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why the store could not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Another process holds the store.
    Locked(String),
    /// The folder cannot be written.
    NotWritable(String),
    /// The disk is full.
    Full(String),
    /// Another writer has taken the shard: nothing may be written any more.
    Fenced,
    /// What is stored cannot be read.
    Damaged(String),
    /// A newer version wrote it.
    Newer(String),
    /// What is wanted is archived, and cannot be read where it is.
    Archived(String),
    /// It is not the log that was signed: an older copy, without its end, or another one.
    Older(String),
    /// Its settings do not make commits durable.
    NotDurable(String),
    /// The keys of personal data cannot be used, or one is lost.
    Keys(String),
    /// Something else; the text says what.
    Other(String),
}

/// Where a shard's log stands when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardHead {
    /// The fencing epoch that this opening took; every append names it.
    pub epoch: u64,
}

/// The append-only log of segments.
///
/// One row is one segment; a commit is one segment. `append` returns only when the segment is durable
/// (for a store that claims durability), and refuses an epoch that is not the newest.
pub trait LogStore: Send + Sync + 'static {
    /// Takes the shard: raises its fencing epoch, so that every earlier holder is refused from now on.
    fn take(&self, shard: u32) -> BoxFuture<'_, Result<ShardHead, StoreError>>;
    /// Appends one segment in one transaction with the check of the epoch. Wholly or not at all.
    /// Appending the same segment (same shard and first seq) twice is an error, never a second row.
    fn append(&self, epoch: u64, segment: Segment) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Up to `limit` segments of a shard whose first seq is at least `from`, in order.
    fn scan(&self, shard: u32, from: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Segment>, StoreError>>;
    /// Whether an epoch is the newest of its shard: asked before anything leaves that could not be taken for a repetition.
    /// A store that one process at a time can open may always say yes.
    fn holds(&self, shard: u32, epoch: u64) -> BoxFuture<'_, bool> {
        let _ = (shard, epoch);
        Box::pin(std::future::ready(true))
    }
    /// The keys with which personal data are sealed before they come here. Without them an engine writes none, and whoever reads sees
    /// them as erased.
    fn keys(&self) -> Option<Arc<dyn Keyring>> {
        None
    }
    /// The parts of a shard's log that are archived, in order. [`LogStore::scan`] reads them where they are.
    fn anchors(&self, shard: u32) -> Vec<Anchor> {
        let _ = shard;
        Vec::new()
    }
    /// Takes the segments of a part out of the store, now that they are archived. Interrupted, it may be repeated.
    fn prune(&self, anchor: Anchor) -> BoxFuture<'_, Result<(), StoreError>> {
        let _ = anchor;
        Box::pin(std::future::ready(Err(StoreError::Other("this store keeps everything".to_owned()))))
    }
    /// Whether an acknowledged segment survives the process and the machine.
    fn durable(&self) -> bool;
}

/// One call of an operation.
#[derive(Debug, Clone)]
pub struct Call {
    /// The connector.
    pub connector: Arc<Connector>,
    /// The operation.
    pub operation: Arc<Operation>,
    /// Its request: a record.
    pub request: Value,
    /// The idempotency key of the effect; empty for reads.
    pub key: String,
    /// The types of the plan that the run follows: its answer is read by them, whatever plan is active.
    pub types: Arc<TypeTable>,
    /// In whose name it is made; none where its connector has no accounts, or the environment names none of them.
    pub account: Option<Arc<Whose>>,
    /// How it may be read together with others, where it asks what was there before a write. The executor sees to it, and no adapter.
    pub several: Option<Arc<Several>>,
}

/// The account in whose name a call is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Whose {
    /// Its full name, such as `stock.main`.
    pub name: String,
    /// Its fields. A secret is a name here, and nobody but an adapter opens it.
    pub fields: Vec<(String, AccountValue)>,
}

/// One read in the place of many: what was there before several writes.
#[derive(Debug, Clone)]
pub struct Several {
    /// The connector of the one read.
    pub connector: Arc<Connector>,
    /// Its operation: it answers with a list.
    pub operation: Arc<Operation>,
    /// In whose name it is made.
    pub account: Option<Arc<Whose>>,
    /// The operation that writes: its `before` says what the one read asks for, and its `batch` how many it may stand for.
    pub write: Arc<Operation>,
    /// The request of the write.
    pub request: Value,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq)]
pub enum CallOutcome {
    /// The provider answered, and the answer fits the operation's response type.
    Answered(Value),
    /// The provider refused, or nothing was sent. It did not happen.
    Failed(CallFailure),
    /// It may have happened: a time-out after sending, a broken connection, an unreadable or 5xx answer to a write.
    Unknown(String),
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// A code of the operation (`refused`), or `http-STATUS`, `connect`, `time-out`, `schema`, `request`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether another attempt may help.
    pub retry: bool,
    /// How long the provider asked us to wait before it (`Retry-After`); beside the connector's own backoff, never less.
    pub retry_after: Option<Micros>,
}

/// Code of a call of which it is certain that nothing was sent, as its provider could not be reached: a refused connection, a
/// name without an address.
pub const UNREACHABLE: &str = "connect";

impl CallFailure {
    /// Whether the provider could not be reached, and may be later.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.retry && self.code == UNREACHABLE
    }
}

/// Leave to make one call, until it is dropped.
#[derive(Default)]
pub struct Permit(Option<Box<dyn std::any::Any + Send>>);

impl Permit {
    /// One that keeps something until it is dropped.
    #[must_use]
    pub fn holding(kept: Box<dyn std::any::Any + Send>) -> Self {
        Self(Some(kept))
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Permit").field("keeps", &self.0.is_some()).finish()
    }
}

/// Shops, payment providers, help desks.
pub trait Connectors: Send + Sync + 'static {
    /// Waits until a call may be made; the permit is kept until it is answered. A refusal says that nothing was sent.
    fn ready<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Permit, CallFailure>> {
        let _ = call;
        Box::pin(std::future::ready(Ok(Permit::default())))
    }

    /// Performs one attempt. No retries: the engine decides on those.
    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome>;

    /// Performs one attempt of several calls of one operation as one request, as its `batch` says. What became of each, in the order
    /// of the calls. They left on the leave of the first ([`Connectors::ready`]).
    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>>;
}

/// What a model said of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// One of the labels asked for.
    pub label: String,
    /// Calibrated probability that the label is right, 0 to 1.
    pub confidence: f64,
    /// The digest of the model's artifact, hexadecimal.
    pub artifact: String,
}

/// Texts as vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One for each text, in the same order.
    pub vectors: Vec<Vec<f32>>,
    /// The digest of the model, hexadecimal: vectors of two models say nothing to each other.
    pub by: String,
}

/// What a model behind a network made of texts.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// One for each text, in the same order; as they came.
    pub vectors: Vec<Vec<f32>>,
    /// What it counts; none where the provider does not say.
    pub usage: Option<Usage>,
    /// How long it took, in microseconds.
    pub took: Micros,
}

/// Models.
pub trait Models: Send + Sync + 'static {
    /// Classifies a text into one of `labels`. The error is for people.
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>>;

    /// Turns texts into vectors of one length, each normalised, by a model of this process; by that of the program where none is named.
    fn embed(&self, model: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        let _ = texts;
        let name = model.map_or_else(|| "of the program".to_owned(), |model| format!("`{}`", model.name));
        Box::pin(std::future::ready(Err(format!("nothing here reaches the embedding model {name}"))))
    }

    /// Turns texts into vectors by a model behind a network: one request, sent once. It retries and judges nothing: the engine does.
    fn vectors(&self, model: Arc<Model>, texts: Vec<Arc<str>>, within: Micros) -> BoxFuture<'_, Result<Made, Silence>> {
        let _ = (texts, within);
        let message = format!("nothing here reaches the embedding model `{}`", model.name);
        Box::pin(std::future::ready(Err(Silence::free("unreachable", message, false))))
    }

    /// Asks a model behind a network, once. It retries, repairs and judges nothing: the engine does.
    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        let message = format!("nothing here reaches the model `{}`", prompt.model.name);
        Box::pin(std::future::ready(Answer::Silent(Silence::free("unreachable", message, false))))
    }
}

/// The clock.
pub trait Clock: Send + Sync + 'static {
    /// Microseconds since 1970 UTC.
    fn now(&self) -> i64;
    /// Returns at or after the instant.
    fn sleep_until(&self, at: i64) -> BoxFuture<'_, ()>;
}
