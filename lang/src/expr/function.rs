//! The functions of expressions: one table that drives the checker and says who evaluates each.
//! Operators and macros are elsewhere.

use serde::{Deserialize, Serialize};

/// A function that we evaluate ourselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is named as it is written; the table says what it takes")]
pub enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    ToInt,
    ToDouble,
    ToString,
    ToBool,
    ToBytes,
    ToDuration,
    ToTimestamp,
    ToMoney,
    Round,
    Ending,
    Least,
    Greatest,
    Abs,
    Among,
    Between,
}

/// What an argument or a result may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Bool,
    Int,
    Double,
    /// Text, enum values included.
    String,
    Bytes,
    Timestamp,
    Duration,
    Money,
    /// What can be written in one word: no lists, no records.
    Plain,
    /// Text, a list, a map, bytes.
    Sized,
    /// The same type everywhere in a call, one that has an order.
    Same,
    /// A list of that type.
    Sames,
    /// A list of text.
    Strings,
    /// A list of anything.
    Anys,
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(a)`
    Plain,
    /// `a.f()`
    Member,
    /// Either.
    Both,
}

/// Who evaluates a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Via {
    /// We.
    Native(Function),
    /// The `cel` crate.
    Cel,
}

/// One way to call a function.
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) style: Style,
    /// The receiver first, where it is called on one.
    pub(super) takes: &'static [Shape],
    pub(super) gives: Shape,
    pub(super) via: Via,
}

macro_rules! table {
    ($($style:ident $name:literal ($($takes:ident),*) -> $gives:ident $via:expr;)*) => {
        &[$(Signature { name: $name, style: Style::$style, takes: &[$(Shape::$takes),*], gives: Shape::$gives, via: $via }),*]
    };
}

const CEL: Via = Via::Cel;
const fn ours(function: Function) -> Via {
    Via::Native(function)
}

/// Every function.
pub(super) static TABLE: &[Signature] = table! {
    Both "size"(Sized) -> Int ours(Function::Size);
    Member "contains"(String, String) -> Bool ours(Function::Contains);
    Member "startsWith"(String, String) -> Bool ours(Function::StartsWith);
    Member "endsWith"(String, String) -> Bool ours(Function::EndsWith);
    Member "lowerAscii"(String) -> String ours(Function::LowerAscii);
    Member "upperAscii"(String) -> String ours(Function::UpperAscii);
    Member "trim"(String) -> String ours(Function::Trim);
    Plain "int"(Plain) -> Int ours(Function::ToInt);
    Plain "double"(Plain) -> Double ours(Function::ToDouble);
    Plain "string"(Plain) -> String ours(Function::ToString);
    Plain "bool"(Plain) -> Bool ours(Function::ToBool);
    Plain "bytes"(Plain) -> Bytes ours(Function::ToBytes);
    Plain "duration"(Plain) -> Duration ours(Function::ToDuration);
    Plain "timestamp"(Plain) -> Timestamp ours(Function::ToTimestamp);
    Plain "money"(String) -> Money ours(Function::ToMoney);
    Plain "money"(Double, String) -> Money ours(Function::ToMoney);
    Plain "round"(Money) -> Money ours(Function::Round);
    Plain "round"(Money, Int) -> Money ours(Function::Round);
    Plain "round"(Double) -> Double ours(Function::Round);
    Plain "round"(Double, Int) -> Double ours(Function::Round);
    Plain "ending"(Money, String) -> Money ours(Function::Ending);
    Plain "least"(Same, Same) -> Same ours(Function::Least);
    Plain "greatest"(Same, Same) -> Same ours(Function::Greatest);
    Plain "min"(Same, Same) -> Same ours(Function::Least);
    Plain "max"(Same, Same) -> Same ours(Function::Greatest);
    Plain "abs"(Int) -> Int ours(Function::Abs);
    Plain "abs"(Double) -> Double ours(Function::Abs);
    Plain "abs"(Money) -> Money ours(Function::Abs);
    Plain "abs"(Duration) -> Duration ours(Function::Abs);
    Plain "among"(Same, Sames) -> Same ours(Function::Among);
    Plain "between"(Same, Same, Same) -> Same ours(Function::Between);
    Both "matches"(String, String) -> Bool CEL;
    Member "split"(String, String) -> Strings CEL;
    Member "split"(String, String, Int) -> Strings CEL;
    Member "replace"(String, String, String) -> String CEL;
    Member "replace"(String, String, String, Int) -> String CEL;
    Member "join"(Strings) -> String CEL;
    Member "join"(Strings, String) -> String CEL;
    Member "format"(String, Anys) -> String CEL;
    Member "substring"(String, Int) -> String CEL;
    Member "substring"(String, Int, Int) -> String CEL;
    Member "indexOf"(String, String) -> Int CEL;
    Member "indexOf"(String, String, Int) -> Int CEL;
    Member "lastIndexOf"(String, String) -> Int CEL;
    Member "lastIndexOf"(String, String, Int) -> Int CEL;
    Member "charAt"(String, Int) -> String CEL;
    Member "getFullYear"(Timestamp) -> Int CEL;
    Member "getFullYear"(Timestamp, String) -> Int CEL;
    Member "getMonth"(Timestamp) -> Int CEL;
    Member "getMonth"(Timestamp, String) -> Int CEL;
    Member "getDate"(Timestamp) -> Int CEL;
    Member "getDate"(Timestamp, String) -> Int CEL;
    Member "getDayOfMonth"(Timestamp) -> Int CEL;
    Member "getDayOfMonth"(Timestamp, String) -> Int CEL;
    Member "getDayOfWeek"(Timestamp) -> Int CEL;
    Member "getDayOfWeek"(Timestamp, String) -> Int CEL;
    Member "getDayOfYear"(Timestamp) -> Int CEL;
    Member "getDayOfYear"(Timestamp, String) -> Int CEL;
    Member "getHours"(Timestamp) -> Int CEL;
    Member "getHours"(Timestamp, String) -> Int CEL;
    Member "getHours"(Duration) -> Int CEL;
    Member "getMinutes"(Timestamp) -> Int CEL;
    Member "getMinutes"(Timestamp, String) -> Int CEL;
    Member "getMinutes"(Duration) -> Int CEL;
    Member "getSeconds"(Timestamp) -> Int CEL;
    Member "getSeconds"(Timestamp, String) -> Int CEL;
    Member "getSeconds"(Duration) -> Int CEL;
    Member "getMilliseconds"(Timestamp) -> Int CEL;
    Member "getMilliseconds"(Timestamp, String) -> Int CEL;
};

/// What is not in the table but is called like a function.
pub(super) const SPECIAL: &[&str] = &["has", "or", "orValue", "all", "exists", "exists_one", "existsOne", "map", "filter"];

/// The names of all functions, each once.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    let table = TABLE.iter().map(|signature| signature.name).filter(move |name| std::mem::replace(&mut last, name) != *name);
    table.chain(SPECIAL.iter().copied())
}
