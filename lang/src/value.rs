//! Values at run time: what expressions compute, inputs hold and the log keeps. Cheap to clone.

use crate::money::Money;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A value. An absent optional is `Null`; an enum's value is a `String`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Whole number.
    Int(i64),
    /// Floating point.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// Bytes.
    Bytes(Arc<[u8]>),
    /// Microseconds since 1970 UTC.
    Timestamp(i64),
    /// Microseconds.
    Duration(i64),
    /// Exact money.
    Money(Money),
    /// An exact decimal number.
    Decimal(Decimal),
    /// A whole number without a sign; inside expressions only.
    UInt(u64),
    /// A type, by the name that CEL gives it; inside expressions only.
    Type(Arc<str>),
    /// CEL's optional, which tells a null that is there from nothing; inside expressions only.
    Optional(Option<Arc<Value>>),
    /// A list.
    List(Arc<Vec<Value>>),
    /// A record or map; keys in the order of the type, or as received.
    Record(Arc<Record>),
    /// A map whose keys are not all text, in the order written; inside expressions only.
    Map(Arc<Vec<(Value, Value)>>),
    /// Personal data that nobody can read any more, as their subject was forgotten. No expression has it as its value.
    Erased,
}

/// Named values. Few names: a linear search is fastest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record(pub Vec<(Arc<str>, Value)>);

impl Record {
    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| &**key == name).map(|(_, value)| value)
    }

    /// Sets a name, replacing an earlier value.
    pub fn set(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(key, _)| &**key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.into(), value)),
        }
    }
}

impl FromIterator<(String, Value)> for Record {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl Value {
    /// Text.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A record of pairs.
    #[must_use]
    pub fn record<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        Self::Record(Arc::new(Record(pairs.into_iter().map(|(name, value)| (name.into(), value)).collect())))
    }

    /// A list.
    #[must_use]
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// The value of a field of a record.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Record(record) => record.get(name),
            _ => None,
        }
    }

    /// The text of a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }
}
