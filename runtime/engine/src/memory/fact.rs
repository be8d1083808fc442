//! A remembered fact with everything that is known of where it comes from.

use crate::key::{short_digest, text_of};
use crate::seal::KeyName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::plan::{Memory, Micros};
use tradewind_lang::value::Value;

/// How far a fact is to be trusted: no further than the least of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum Trust {
    /// It holds text from outside.
    Outside,
    /// A partner's system said so.
    Partner,
    /// Systems and flows of our own.
    #[default]
    Own,
}

impl Trust {
    /// In a word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outside => "outside",
            Self::Partner => "partner",
            Self::Own => "own",
        }
    }
}

/// Who said something that is in a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// What the run was started with.
    Input,
    /// The answer of an operation.
    Operation {
        /// The step.
        step: Arc<str>,
        /// The operation.
        operation: Arc<str>,
    },
    /// A model derived it.
    Model {
        /// The step.
        step: Arc<str>,
        /// The model; `route NAME` where the run does not know which.
        model: Arc<str>,
    },
    /// A person.
    Person {
        /// The step.
        step: Arc<str>,
    },
    /// Another fact.
    Memory {
        /// The step.
        step: Arc<str>,
        /// Its memory.
        memory: Arc<str>,
    },
    /// An event that the run waited for.
    Event {
        /// The step.
        step: Arc<str>,
        /// Its name.
        event: Arc<str>,
    },
    /// Another flow.
    Flow {
        /// The step.
        step: Arc<str>,
        /// The flow.
        flow: Arc<str>,
    },
}

impl std::fmt::Display for Source {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Input => out.write_str("input"),
            Self::Operation { step, operation } => write!(out, "{step}: {operation}"),
            Self::Model { step, model } => write!(out, "{step}: model {model}"),
            Self::Person { step } => write!(out, "{step}: a person"),
            Self::Memory { step, memory } => write!(out, "{step}: memory {memory}"),
            Self::Event { step, event } => write!(out, "{step}: event {event}"),
            Self::Flow { step, flow } => write!(out, "{step}: flow {flow}"),
        }
    }
}

/// What a fact rests on, as the decision that remembered it says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Origin {
    /// How far it is to be trusted.
    pub trust: Trust,
    /// Who said what is in it, in the order met.
    pub sources: Vec<Source>,
}

/// Which fact: the event that holds it, and its place among those of that event.
pub type FactId = (u64, u32);

/// A remembered fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// The event that holds it.
    pub seq: u64,
    /// Its place among the facts of that event.
    pub place: u32,
    /// Whose fact it is; empty for one about nobody.
    pub subject: Arc<str>,
    /// The run that remembered it.
    pub run: Arc<str>,
    /// The step.
    pub step: Arc<str>,
    /// When it was remembered.
    pub at: i64,
    /// When it was observed: never after it was remembered.
    pub observed_at: i64,
    /// When it was last said to be so.
    pub verified_at: i64,
    /// Until when it is true; for good where absent.
    pub valid_to: Option<i64>,
    /// The event of the fact that took its place, and when.
    pub superseded_by: Option<(u64, i64)>,
    /// What it rests on.
    pub origin: Origin,
    /// The keys with which its event is sealed.
    pub keys: Arc<[KeyName]>,
    /// The record.
    pub fields: Value,
}

impl Fact {
    /// A fact about nobody that nothing is known of but what it says, and when it was remembered (microseconds since 1970 UTC).
    #[must_use]
    pub fn new((seq, place): FactId, at: i64, fields: Value) -> Self {
        let nothing: Arc<str> = "".into();
        Self {
            seq,
            place,
            subject: nothing.clone(),
            run: nothing.clone(),
            step: nothing,
            at,
            observed_at: at,
            verified_at: at,
            valid_to: None,
            superseded_by: None,
            origin: Origin::default(),
            keys: Arc::default(),
            fields,
        }
    }

    /// Which fact it is.
    #[must_use]
    pub fn id(&self) -> FactId {
        (self.seq, self.place)
    }

    /// Whether it is still so at an instant, as far as is known.
    #[must_use]
    pub fn holds_at(&self, now: i64) -> bool {
        self.superseded_by.is_none() && self.valid_to.is_none_or(|until| now < until)
    }

    /// Whether it was verified within a span before an instant.
    #[must_use]
    pub fn is_fresh(&self, fresh: Option<Micros>, now: i64) -> bool {
        fresh.is_none_or(|fresh| self.verified_at > now.saturating_sub(fresh))
    }

    /// What a run is given of it: its record and, where the memory flags them, whether it is stale.
    #[must_use]
    pub fn given(&self, memory: &Memory, now: i64) -> Value {
        let Value::Record(record) = &self.fields else { return self.fields.clone() };
        if !memory.flags() {
            return self.fields.clone();
        }
        let mut record = record.as_ref().clone();
        record.0.push(("stale".into(), Value::Bool(!self.is_fresh(memory.terms.fresh, now))));
        Value::Record(Arc::new(record))
    }
}

/// An instant that a fact's own field names.
pub(super) fn instant(fields: &Value, named: Option<&String>) -> Option<i64> {
    match fields.get(named?)? {
        Value::Timestamp(at) => Some(*at),
        Value::Optional(Some(inner)) => match **inner {
            Value::Timestamp(at) => Some(at),
            _ => None,
        },
        _ => None,
    }
}

/// What tells a fact from others of its subject; none where the memory names no key.
pub(super) fn key_of(memory: &Memory, fields: &Value) -> Option<[u8; 16]> {
    if memory.terms.key.is_empty() {
        return None;
    }
    let parts: Vec<Arc<str>> = memory.terms.key.iter().map(|name| fields.get(name).map_or_else(|| "".into(), text_of)).collect();
    Some(short_digest(&parts.iter().map(|part| &**part).collect::<Vec<_>>()))
}
