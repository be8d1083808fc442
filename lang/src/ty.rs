//! The types of values and expressions, and the table of what the operator declared. It checks nothing itself.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The type of a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ty {
    /// `true` or `false`.
    Bool,
    /// 64-bit signed whole number.
    Int,
    /// 64-bit floating point.
    Double,
    /// UTF-8 text.
    String,
    /// Bytes.
    Bytes,
    /// An instant, microseconds since 1970 UTC.
    Timestamp,
    /// A span of time in microseconds; a day is 24 hours.
    Duration,
    /// An exact amount of one currency.
    Money,
    /// An exact decimal number.
    Decimal,
    /// 64-bit whole number without a sign; inside expressions only.
    UInt,
    /// The type of types: what `type(x)` gives; inside expressions only.
    Type,
    /// Anything a connector's answer may hold; enters a flow only through a declared type.
    Json,
    /// The value of `null` alone.
    Null,
    /// Values of one type in order.
    List(Box<Ty>),
    /// Values of one type by text.
    Map(Box<Ty>),
    /// Values of one type by keys that are not (all) text; inside expressions only.
    Keyed(Box<Ty>, Box<Ty>),
    /// A value that may be absent.
    Optional(Box<Ty>),
    /// One of the declared values of the enum of this name; a string at run time.
    Enum(String),
    /// A declared record (`type` node) by its full name, such as `order` or `shop.order`.
    Record(String),
    /// A record without a name: a step's result, a request, `run`.
    Object(Vec<(String, Ty)>),
    /// CEL's `dyn`: whatever a run finds. The operators' language has no such values.
    Dyn,
    /// What follows a mistake that was already reported, and what nothing says yet, as with the items of `[]`;
    /// agrees with everything and gives way to it.
    Unknown,
}

impl Ty {
    /// This type as an optional, once.
    #[must_use]
    pub fn optional(self) -> Self {
        match self {
            Self::Optional(_) | Self::Unknown | Self::Dyn | Self::Json => self,
            other => Self::Optional(Box::new(other)),
        }
    }

    /// Whether it has more parts than so many; declared types count as one.
    #[must_use]
    pub fn exceeds(&self, most: usize) -> bool {
        fn take(ty: &Ty, left: &mut usize) -> bool {
            let Some(rest) = left.checked_sub(1) else { return false };
            *left = rest;
            match ty {
                Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => take(inner, left),
                Ty::Keyed(key, inner) => take(key, left) && take(inner, left),
                Ty::Object(fields) => fields.iter().all(|(_, ty)| take(ty, left)),
                _ => true,
            }
        }
        !take(self, &mut { most })
    }
}

impl fmt::Display for Ty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Money => "money",
            Self::Decimal => "decimal",
            Self::UInt => "uint",
            Self::Type => "type",
            Self::Json => "json",
            Self::Null => "null",
            Self::Dyn => "dyn",
            Self::Unknown => "unknown",
            Self::List(item) => return write!(out, "list<{item}>"),
            Self::Map(item) => return write!(out, "map<string, {item}>"),
            Self::Keyed(key, item) => return write!(out, "map<{key}, {item}>"),
            Self::Optional(item) => return write!(out, "{item}?"),
            Self::Enum(name) | Self::Record(name) => name,
            Self::Object(fields) => {
                let fields: Vec<String> = fields.iter().map(|(name, ty)| format!("{name}: {ty}")).collect();
                return write!(out, "{{ {} }}", fields.join(", "));
            }
        };
        out.write_str(plain)
    }
}

/// What is said of a field or a value besides its type. Labels only ever add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Marks {
    /// Personal data of the type's subject.
    pub pii: bool,
    /// Never printed.
    pub secret: bool,
    /// Text from outside, or derived from it.
    pub untrusted: bool,
    /// Said by a model.
    pub model: bool,
    /// Which of several trusted values it is was decided by text from outside: a branch, a look-up, a bounded choice.
    pub steered: bool,
    /// Personal or secret, and not what somebody outside said of himself: it must not be told to others.
    #[serde(default)]
    pub private: bool,
    /// Written by a model that was told both text from outside and what is private: whoever wrote the text may have asked for the rest.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mixed: bool,
}

impl Marks {
    /// What a choice between values by something with these marks says of the one that was chosen.
    #[must_use]
    pub fn choosing(self) -> Self {
        Self { steered: self.untrusted || self.steered, ..Self::default() }
    }

    /// What is said where something with these marks picks one of several values: no words of outside text are left, and which one it is
    /// was decided by them. What else is said of it stays.
    #[must_use]
    pub(crate) fn picking(self) -> Self {
        Self { untrusted: false, steered: self.untrusted || self.steered, ..self }
    }

    /// What is said of what something with the marks `by` picks from what has these. Where a model that mixed outside text with private data
    /// picks among values of ours, it says nothing; where it picks among words of theirs (`theirs`), they know what they wrote.
    #[must_use]
    pub(crate) fn picked(self, by: Self, theirs: bool) -> Self {
        let both = self.with(by.picking());
        Self { mixed: self.mixed || by.mixed && (theirs || self.untrusted), ..both }
    }

    /// What is said of the text of a label or of a truth, which is one of what the operator listed: it is no longer the text that it is about.
    /// `told`: the marks of what was read that is such a label or truth itself, of which to tell one is to tell all.
    #[must_use]
    pub(crate) fn listed(self, told: Self) -> Self {
        Self { pii: self.pii && told.pii, private: self.private && told.pii, mixed: false, ..self.picking() }
    }

    /// The marks of personal data and of secrets alone.
    #[must_use]
    pub(crate) fn kept(self) -> Self {
        Self { pii: self.pii, secret: self.secret, ..Self::default() }
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            pii: self.pii || other.pii,
            secret: self.secret || other.secret,
            untrusted: self.untrusted || other.untrusted,
            model: self.model || other.model,
            steered: self.steered || other.steered,
            private: self.private || other.private,
            mixed: self.mixed || other.mixed,
        }
    }
}

/// One field of a record or a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// snake_case name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// `pii`, `secret`, `untrusted`.
    pub marks: Marks,
    /// Used where the value is absent.
    pub default: Option<crate::value::Value>,
    /// Least number, or least length of text and lists.
    pub min: Option<f64>,
    /// Greatest number, or greatest length of text and lists.
    pub max: Option<f64>,
    /// What its text must match somewhere, as `matches` has it.
    #[serde(default)]
    pub pattern: Option<String>,
    /// For people.
    pub label: Option<String>,
}

impl Field {
    /// One that must be there, without marks or bounds.
    #[must_use]
    pub(crate) fn plain(name: String, ty: Ty) -> Self {
        Self { name, ty, marks: Marks::default(), default: None, min: None, max: None, pattern: None, label: None }
    }
}

/// A `type` node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counted up by its author when the shape changes.
    pub version: u32,
    /// The field that names whose personal data this is.
    pub subject: Option<String>,
    /// Fields in the order written.
    pub fields: Vec<Field>,
}

/// Every declared record and enum, by full name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TypeTable {
    /// Records.
    pub records: BTreeMap<String, Record>,
    /// Enums and their values in the order written.
    pub enums: BTreeMap<String, Vec<String>>,
    /// The project's rates of exchange, while a configuration is compiled: an expression that needs one takes it in.
    #[serde(skip)]
    pub exchanges: Vec<(crate::money::Money, crate::money::Money)>,
}
