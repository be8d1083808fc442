//! What facts rest on and which were found, as named values. It leaves nothing out.

use super::Fields;
use crate::finding::Finding;
use crate::memory::{FactId, Origin};
use crate::vectors::{VectorsAnswered, VectorsAsked};
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

fn number(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

pub(super) fn origin(origin: &Origin) -> Fields {
    let sources = origin.sources.iter().map(|source| Value::string(source.to_string()));
    vec![("trust", Value::string(origin.trust.as_str())), ("sources", Value::list(sources))]
}

fn cost(money: Option<Money>) -> Value {
    money.map_or(Value::Null, Value::Money)
}

/// What is asked for vectors: how much of it, and never what it says.
pub(super) fn vectors_asked(asked: &VectorsAsked) -> Fields {
    vec![
        ("memory", Value::String(asked.memory.clone())),
        ("model", Value::String(asked.model.clone())),
        ("texts", number(asked.texts)),
        ("bytes", number(asked.bytes)),
        ("reserved", cost(asked.reserved)),
    ]
}

/// What became of that.
pub(super) fn vectors_answered(answered: &VectorsAnswered) -> Fields {
    vec![
        ("model", Value::String(answered.model.clone())),
        ("tokens", answered.usage.map_or(Value::Null, |usage| number(usage.input))),
        ("spent", cost(answered.spent)),
        ("failed", answered.failed.clone().map_or(Value::Null, Value::String)),
    ]
}

/// Which facts, by the events that hold them.
pub(super) fn facts(facts: &[FactId]) -> Value {
    Value::list(facts.iter().map(|(seq, place)| Value::record([("seq", number(*seq)), ("place", number(u64::from(*place)))])))
}

pub(super) fn finding(finding: &Finding) -> Fields {
    vec![
        ("facts", facts(&finding.facts)),
        ("scores", Value::list(finding.scores.iter().map(|score| Value::Double(*score)))),
        ("among", number(finding.among)),
        ("by", Value::String(finding.by.clone())),
        ("as_of", finding.as_of.map_or(Value::Null, Value::Timestamp)),
    ]
}
