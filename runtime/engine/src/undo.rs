//! Taking effects back: which effect is reversed by which request, or why it cannot be. Pure; it performs and logs nothing.
//!
//! A reversal is an effect like any other, with a key of its own that follows from the key of what it takes back: however often
//! it is asked for, it happens at most once.

use crate::event::{Intent, Outcome};
use crate::key::text_of;
use crate::pinned::Pinned;
use crate::scope::Names;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use tradewind_lang::plan::{Bindings, EffectKind};
use tradewind_lang::value::{Record, Value};

/// The flow of a run that does nothing but take effects back. No flow of an operator can have this name.
pub const UNDO: &str = "tradewind.undo";

/// The flow of a run that does an effect again that had failed for good, under its own key.
pub const AGAIN: &str = "tradewind.replay";

/// What the guards call the key of an effect that is done again, so that nobody does it twice.
pub const DONE_AGAIN: &str = "replay";

/// What the guards call the key of an effect that is taken back, so that nobody does it twice.
pub const TAKEN_BACK: &str = "undo";

/// Most bytes that the reversals of one event take; what does not fit is left for the next time.
const MOST_BYTES: usize = 200 << 10;

/// An effect that happened, with what taking it back needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// The run that did it.
    pub run: Arc<str>,
    /// Its flow.
    pub flow: Arc<str>,
    /// The step that did it.
    pub step: Arc<str>,
    /// Seq of its intent.
    pub seq: u64,
    /// When that was.
    pub at: i64,
    /// The intent.
    pub intent: Arc<Intent>,
    /// What became of it; none while it is open.
    pub outcome: Option<Outcome>,
    /// What became of the effect that takes it back, where there is one.
    pub back: Option<TakenBack>,
}

/// How far an effect is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// Its reversal is under way.
    UnderWay,
    /// Its reversal happened.
    Done,
}

/// How an effect is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Back {
    /// By this operation with this request.
    By {
        /// Full name of the operation.
        operation: Arc<str>,
        /// Its request.
        request: Value,
    },
    /// Not at all.
    Not(NotBack),
}

/// Why an effect is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotBack {
    /// Its operation is irreversible.
    Irreversible,
    /// Its operation declares no `undo`.
    NoUndo,
    /// The plan of now does not have its operation any more.
    Unknown,
    /// It was taken back before.
    Already,
    /// It is being taken back.
    UnderWay,
    /// It takes back another effect itself.
    IsReversal,
    /// What became of it is not settled yet.
    Open,
    /// The request of its `undo` has no value.
    NoValue(String),
    /// The ones before it are as many as one event of the log holds: it is left for the next time.
    TooMany,
}

impl fmt::Display for NotBack {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Irreversible => write!(out, "it is irreversible"),
            Self::NoUndo => write!(out, "its operation declares no `undo`"),
            Self::Unknown => write!(out, "the plan of now does not have its operation"),
            Self::Already => write!(out, "it was taken back already"),
            Self::UnderWay => write!(out, "it is being taken back"),
            Self::IsReversal => write!(out, "it takes back another effect itself"),
            Self::Open => write!(out, "what became of it is not settled yet"),
            Self::NoValue(why) => write!(out, "its `undo` has no value: {why}"),
            Self::TooMany => write!(out, "there are more than fit into one event: ask again when these are taken back"),
        }
    }
}

/// An effect and how it is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reversal {
    /// The key of the effect.
    pub of: Arc<str>,
    /// The run that did it.
    pub run: Arc<str>,
    /// Its flow, whose policies hold for the reversal, too.
    pub flow: Arc<str>,
    /// The step that did it.
    pub step: Arc<str>,
    /// The operation that is taken back.
    pub undone: Arc<str>,
    /// Its request.
    pub effect: Value,
    /// What it acted on.
    pub target: Option<Arc<str>>,
    /// When it was done.
    pub at: i64,
    /// For the policies that cover the reversal.
    pub evidence: Value,
    /// How it is taken back.
    pub back: Back,
    /// In whose name it was done, and is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Arc<str>>,
}

impl Reversal {
    /// Whether there is something to be done.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        matches!(self.back, Back::By { .. })
    }

    /// Whether it changes the same thing as another: the newer of both goes first, and the older one never without it.
    #[must_use]
    pub fn is_about_the_same(&self, other: &Self) -> bool {
        self.undone == other.undone && self.target == other.target
    }
}

/// An effect that failed for good as it would be done again: the same operation, request and evidence.
#[must_use]
pub fn repetition(pinned: &Pinned, done: &Done) -> Reversal {
    let intent = &done.intent;
    let back = match pinned.plan.operations.contains_key(&*intent.operation) {
        true => Back::By { operation: intent.operation.clone(), request: intent.request.clone() },
        false => Back::Not(NotBack::Unknown),
    };
    Reversal { back, ..reversal(pinned, done) }
}

/// How an effect is taken back by the operations of a plan.
#[must_use]
pub fn reversal(pinned: &Pinned, done: &Done) -> Reversal {
    let intent = &done.intent;
    Reversal {
        of: intent.key.clone(),
        run: done.run.clone(),
        flow: done.flow.clone(),
        step: done.step.clone(),
        undone: intent.operation.clone(),
        effect: intent.request.clone(),
        target: intent.target.clone(),
        at: done.at,
        evidence: intent.evidence.clone(),
        back: back(pinned, done).unwrap_or_else(Back::Not),
        account: intent.account.clone(),
    }
}

fn back(pinned: &Pinned, done: &Done) -> Result<Back, NotBack> {
    let intent = &done.intent;
    if intent.undoes.is_some() {
        return Err(NotBack::IsReversal);
    }
    match done.back {
        Some(TakenBack::Done) => return Err(NotBack::Already),
        Some(TakenBack::UnderWay) => return Err(NotBack::UnderWay),
        None => {}
    }
    let Some(Outcome::Done(response)) = &done.outcome else { return Err(NotBack::Open) };
    let operation = pinned.plan.operations.get(&*intent.operation).ok_or(NotBack::Unknown)?;
    if operation.effect == EffectKind::Irreversible {
        return Err(NotBack::Irreversible);
    }
    let undo = operation.terms.undo.as_ref().ok_or(NotBack::NoUndo)?;
    if !pinned.plan.operations.contains_key(&undo.operation) {
        return Err(NotBack::Unknown);
    }
    let mut scope = vec![("request", intent.request.clone()), ("response", response.clone())];
    scope.extend(intent.before.clone().map(|before| ("before", before)));
    let request = bound(&undo.request, &scope).map_err(NotBack::NoValue)?;
    Ok(Back::By { operation: undo.operation.as_str().into(), request })
}

fn bound(bindings: &Bindings, scope: &[(&str, Value)]) -> Result<Value, String> {
    let mut record = Record::default();
    for (name, expr) in bindings {
        let value = expr.evaluate(&Names(scope)).map_err(|error| format!("`{name}`: {}", error.0))?;
        record.set(name, value);
    }
    Ok(Value::Record(Arc::new(record)))
}

/// The newest first, as far as one event of the log holds them; the rest is left for the next time.
#[must_use]
pub fn bounded(mut reversals: Vec<Reversal>) -> Vec<Arc<Reversal>> {
    let mut bytes = 0;
    for reversal in &mut reversals {
        bytes += rmp_serde::to_vec(&*reversal).map_or(MOST_BYTES, |bytes| bytes.len());
        if bytes > MOST_BYTES && reversal.is_possible() {
            reversal.back = Back::Not(NotBack::TooMany);
        }
    }
    reversals.into_iter().map(Arc::new).collect()
}

/// The input of a run of [`UNDO`] or [`AGAIN`]: what it does, and why somebody wants it.
#[must_use]
pub fn input_of(reversals: &[Arc<Reversal>], reason: &str) -> Value {
    let effects = reversals.iter().filter_map(|reversal| {
        let Back::By { operation, request } = &reversal.back else { return None };
        let account = reversal.account.iter().map(|account| ("account", Value::String(account.clone())));
        let fields = [
            ("of", Value::String(reversal.of.clone())),
            ("run", Value::String(reversal.run.clone())),
            ("flow", Value::String(reversal.flow.clone())),
            ("step", Value::String(reversal.step.clone())),
            ("undone", Value::String(reversal.undone.clone())),
            ("effect", reversal.effect.clone()),
            ("target", reversal.target.clone().map_or(Value::Null, Value::String)),
            ("at", Value::Timestamp(reversal.at)),
            ("evidence", reversal.evidence.clone()),
            ("by", Value::String(operation.clone())),
            ("request", request.clone()),
        ];
        Some(Value::record(fields.into_iter().chain(account)))
    });
    Value::record([("reason", Value::string(reason)), ("effects", Value::list(effects))])
}

/// What the input of such a run says.
#[must_use]
pub fn of_input(input: &Value) -> Vec<Arc<Reversal>> {
    let Some(Value::List(effects)) = input.get("effects") else { return Vec::new() };
    let read = |effect: &Value| {
        let value = |name: &str| effect.get(name).cloned().unwrap_or(Value::Null);
        let text = |name: &str| text_of(&value(name));
        let at = match value("at") {
            Value::Timestamp(at) => at,
            _ => 0,
        };
        Arc::new(Reversal {
            of: text("of"),
            run: text("run"),
            flow: text("flow"),
            step: text("step"),
            undone: text("undone"),
            effect: value("effect"),
            target: effect.get("target").filter(|target| **target != Value::Null).map(text_of),
            at,
            evidence: value("evidence"),
            back: Back::By { operation: text("by"), request: value("request") },
            account: effect.get("account").filter(|account| **account != Value::Null).map(text_of),
        })
    };
    effects.iter().map(read).collect()
}
