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
    /// An amount in another currency; the rates that were declared are its third argument.
    Exchange,
    Round,
    Ending,
    Least,
    Greatest,
    Abs,
    Among,
    Between,
    Endorse,
    ToUInt,
    ToDecimal,
    TypeOf,
    CelText,
    CelDuration,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
    Has,
    OptionalIndex,
    Plainly,
    OptionalOf,
    OptionalOfNonZero,
    OptionalNone,
    HasValue,
    OptionalValue,
    UnwrapOptionals,
    First,
    Last,
    Range,
    Slice,
    Flatten,
    Sort,
    SortBy,
    Distinct,
    Reverse,
    SetContains,
    SetEquivalent,
    SetIntersects,
}

impl Function {
    /// Whether it looks at one item of its argument, or at none, however large that is.
    pub(super) fn looks_at_one(self) -> bool {
        matches!(self, Self::First | Self::Last | Self::HasValue | Self::OptionalValue | Self::OptionalOf | Self::Plainly | Self::TypeOf)
    }
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
    /// Anything at all.
    Any,
    UInt,
    Decimal,
    /// The type of types.
    Type,
    /// A list of whole numbers.
    Ints,
    /// An optional of the type that is the same everywhere in a call.
    Maybe,
    /// A list of such optionals.
    Maybes,
    /// A list of lists; as a result, a list of what those hold.
    Nested,
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
    Plain "exchange"(Money, String) -> Money ours(Function::Exchange);
    Plain "uint"(Plain) -> UInt ours(Function::ToUInt);
    Plain "decimal"(Plain) -> Decimal ours(Function::ToDecimal);
    Plain "type"(Any) -> Type ours(Function::TypeOf);
    Plain "round"(Decimal) -> Decimal ours(Function::Round);
    Plain "round"(Decimal, Int) -> Decimal ours(Function::Round);
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
    Plain "abs"(Decimal) -> Decimal ours(Function::Abs);
    Plain "among"(Same, Sames) -> Same ours(Function::Among);
    Plain "between"(Same, Same, Same) -> Same ours(Function::Between);
    Plain "endorse"(Same, String) -> Same ours(Function::Endorse);
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
    Member "getHours"(Duration) -> Int ours(Function::Hours);
    Member "getMinutes"(Timestamp) -> Int CEL;
    Member "getMinutes"(Timestamp, String) -> Int CEL;
    Member "getMinutes"(Duration) -> Int ours(Function::Minutes);
    Member "getSeconds"(Timestamp) -> Int CEL;
    Member "getSeconds"(Timestamp, String) -> Int CEL;
    Member "getSeconds"(Duration) -> Int ours(Function::Seconds);
    Member "getMilliseconds"(Timestamp) -> Int CEL;
    Member "getMilliseconds"(Timestamp, String) -> Int CEL;
    Member "getMilliseconds"(Duration) -> Int ours(Function::Milliseconds);
    Plain "strings.quote"(String) -> String CEL;
    Plain "base64.encode"(Bytes) -> String CEL;
    Plain "base64.decode"(String) -> Bytes CEL;
    Plain "math.abs"(Int) -> Int CEL;
    Plain "math.abs"(UInt) -> UInt CEL;
    Plain "math.abs"(Double) -> Double CEL;
    Plain "math.sign"(Int) -> Int CEL;
    Plain "math.sign"(UInt) -> UInt CEL;
    Plain "math.sign"(Double) -> Double CEL;
    Plain "math.ceil"(Double) -> Double CEL;
    Plain "math.floor"(Double) -> Double CEL;
    Plain "math.round"(Double) -> Double CEL;
    Plain "math.trunc"(Double) -> Double CEL;
    Plain "math.sqrt"(Int) -> Double CEL;
    Plain "math.sqrt"(UInt) -> Double CEL;
    Plain "math.sqrt"(Double) -> Double CEL;
    Plain "math.isNaN"(Double) -> Bool CEL;
    Plain "math.isInf"(Double) -> Bool CEL;
    Plain "math.isFinite"(Double) -> Bool CEL;
    Plain "math.bitAnd"(Int, Int) -> Int CEL;
    Plain "math.bitAnd"(UInt, UInt) -> UInt CEL;
    Plain "math.bitOr"(Int, Int) -> Int CEL;
    Plain "math.bitOr"(UInt, UInt) -> UInt CEL;
    Plain "math.bitXor"(Int, Int) -> Int CEL;
    Plain "math.bitXor"(UInt, UInt) -> UInt CEL;
    Plain "math.bitNot"(Int) -> Int CEL;
    Plain "math.bitNot"(UInt) -> UInt CEL;
    Plain "math.bitShiftLeft"(Int, Int) -> Int CEL;
    Plain "math.bitShiftLeft"(UInt, Int) -> UInt CEL;
    Plain "math.bitShiftRight"(Int, Int) -> Int CEL;
    Plain "math.bitShiftRight"(UInt, Int) -> UInt CEL;
    Member "first"(Sames) -> Maybe ours(Function::First);
    Member "last"(Sames) -> Maybe ours(Function::Last);
    Plain "lists.range"(Int) -> Ints ours(Function::Range);
    Member "slice"(Sames, Int, Int) -> Sames ours(Function::Slice);
    Member "flatten"(Nested) -> Nested ours(Function::Flatten);
    Member "flatten"(Anys, Int) -> Anys ours(Function::Flatten);
    Member "sort"(Sames) -> Sames ours(Function::Sort);
    Member "distinct"(Sames) -> Sames ours(Function::Distinct);
    Member "reverse"(String) -> String CEL;
    Member "reverse"(Sames) -> Sames ours(Function::Reverse);
    Plain "sets.contains"(Sames, Sames) -> Bool ours(Function::SetContains);
    Plain "sets.equivalent"(Sames, Sames) -> Bool ours(Function::SetEquivalent);
    Plain "sets.intersects"(Sames, Sames) -> Bool ours(Function::SetIntersects);
    Plain "optional.of"(Same) -> Maybe ours(Function::OptionalOf);
    Plain "optional.ofNonZeroValue"(Same) -> Maybe ours(Function::OptionalOfNonZero);
    Plain "optional.none"() -> Maybe ours(Function::OptionalNone);
    Plain "optional.unwrap"(Maybes) -> Sames ours(Function::UnwrapOptionals);
    Member "unwrapOpt"(Maybes) -> Sames ours(Function::UnwrapOptionals);
};

/// What is not in the table but is called like a function: its name, how it is written, and what it gives.
pub(super) const SPECIAL: &[(&str, &str, &str)] = &[
    ("has", "has(path)", "whether there is a value"),
    ("or", "path.or(value)", "the value, or this one where it is absent"),
    ("orValue", "path.orValue(value)", "the same"),
    ("hasValue", "path.hasValue()", "whether there is a value"),
    ("value", "path.value()", "the value, where it is known to be there"),
    ("optMap", "path.optMap(value, made)", "what is made of the value, absent where it is"),
    ("optFlatMap", "path.optFlatMap(value, made)", "the same, where what is made may be absent"),
    ("all", "list.all(item, condition)", "whether all hold"),
    ("exists", "list.exists(item, condition)", "whether one holds"),
    ("exists_one", "list.exists_one(item, condition)", "whether exactly one holds"),
    ("existsOne", "list.existsOne(item, condition)", "the same"),
    ("map", "list.map(item, made)", "a list of what is made; with a condition before it, of the items that hold"),
    ("filter", "list.filter(item, condition)", "the items that hold"),
    ("sortBy", "list.sortBy(item, key)", "the items in the order of their keys"),
    ("transformList", "list.transformList(index, item, made)", "a list of what is made; with a condition before it, of what holds"),
    ("transformMap", "map.transformMap(key, value, made)", "the same keys with what is made"),
    ("transformMapEntry", "map.transformMapEntry(key, value, {key: made})", "the maps that are made, in one"),
    ("cel.bind", "cel.bind(name, value, made)", "what is made with the value under a name"),
    ("math.greatest", "math.greatest(one, other)", "the greatest of any count of numbers, or of a list"),
    ("math.least", "math.least(one, other)", "the least of them"),
    ("dyn", "dyn(value)", "the value without its type; not in the operators' language"),
];

/// Whether a name is of something that is not in the table.
pub(super) fn special(name: &str) -> bool {
    SPECIAL.iter().any(|(special, ..)| *special == name)
}

/// The names of all functions, each once.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    let table = TABLE.iter().map(|signature| signature.name).filter(move |name| std::mem::replace(&mut last, name) != *name);
    table.chain(SPECIAL.iter().map(|(name, ..)| *name))
}

impl Signature {
    /// How it is written, such as `string.split(string, int)`.
    pub(super) fn usage(&self) -> String {
        let words: Vec<&str> = self.takes.iter().map(|shape| shape.word()).collect();
        match (self.style, words.split_first()) {
            (Style::Member, Some((receiver, rest))) => format!("{receiver}.{}({})", self.name, rest.join(", ")),
            _ => format!("{}({})", self.name, words.join(", ")),
        }
    }
}

impl Shape {
    /// The word for it in messages and in the reference.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::UInt => "uint",
            Self::Double => "double",
            Self::String => "string",
            Self::Bytes => "bytes",
            Self::Timestamp => "timestamp",
            Self::Duration => "duration",
            Self::Money => "money",
            Self::Decimal => "decimal",
            Self::Type => "type",
            Self::Any => "any value",
            Self::Plain => "value",
            Self::Sized => "text or list",
            Self::Same => "T",
            Self::Sames => "list<T>",
            Self::Maybe => "T?",
            Self::Maybes => "list<T?>",
            Self::Strings => "list<string>",
            Self::Ints => "list<int>",
            Self::Anys => "list",
            Self::Nested => "list<list>",
        }
    }
}

/// Every function and macro as the reference lists it: how it is written, and what it gives.
#[must_use]
pub fn listing() -> Vec<(String, String)> {
    let functions = TABLE.iter().map(|row| {
        let gives = if row.gives == Shape::Nested { "list" } else { row.gives.word() };
        (row.usage(), gives.to_owned())
    });
    let special = SPECIAL.iter().map(|(_, usage, gives)| ((*usage).to_owned(), (*gives).to_owned()));
    functions.chain(special).collect()
}
