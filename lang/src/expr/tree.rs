//! The typed tree that a checked expression becomes: serialisable, without spans, ready to evaluate.
//! It holds no types beyond what evaluation needs.

use super::function::Function;
use super::pattern::Pattern;
use crate::template::Template;
use crate::value::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A typed tree (details belong to the evaluator).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Tree {
    /// A constant.
    Constant(Value),
    /// Text with holes.
    Text(Box<Template>),
    /// A variable of the scope.
    Variable {
        /// Its name.
        name: Arc<str>,
        /// Without a value it is `Null` instead of an error.
        optional: bool,
    },
    /// A variable of a macro, counted from the outermost.
    Local(u32),
    /// A field.
    Select {
        /// Of what.
        of: Box<Tree>,
        /// Its name.
        field: Arc<str>,
        /// Absent, it is `Null` instead of an error.
        optional: bool,
    },
    /// Whether there is a value.
    Present(Box<Tree>),
    /// The value, or the second where the first is absent.
    Default(Box<Tree>, Box<Tree>),
    /// `!a`.
    Not(Box<Tree>),
    /// `-a`.
    Negate(Box<Tree>),
    /// `a && b`; an error on one side is absorbed by `false` on the other.
    And(Box<Tree>, Box<Tree>),
    /// `a || b`; an error on one side is absorbed by `true` on the other.
    Or(Box<Tree>, Box<Tree>),
    /// `a ? b : c`.
    Choose(Box<Tree>, Box<Tree>, Box<Tree>),
    /// Equality and order.
    Compare(Comparison, Box<Tree>, Box<Tree>),
    /// Arithmetic, and `+` of texts and lists.
    Arithmetic(Operation, Box<Tree>, Box<Tree>),
    /// A whole number where a double is wanted; `Null` stays.
    Widen(Box<Tree>),
    /// A value from outside where a type is wanted; an error where it is none.
    Expect(Expected, Box<Tree>),
    /// `a in list`, or a key in a map.
    In(Box<Tree>, Box<Tree>),
    /// `list[i]`, `map[key]`.
    Index(Box<Tree>, Box<Tree>),
    /// `[a, b]`.
    List(Vec<Tree>),
    /// `{'a': b}`.
    Map(Vec<(Tree, Tree)>),
    /// A function that we evaluate.
    Call(Function, Vec<Tree>),
    /// A function that the `cel` crate evaluates: its name, whether it is called on its first argument, the arguments.
    Cel(Arc<str>, bool, Vec<Tree>),
    /// `matches` with a pattern that is the same in every run.
    Matches(Box<Tree>, Pattern),
    /// A variable as CEL has it: null is a value, and only no value at all an error.
    Bound(Arc<str>),
    /// What has no value: an error of this sentence.
    Fail(Arc<str>),
    /// Arithmetic on parts whose types only a run knows: an int does not meet a double.
    Dynamic(Operation, Box<Tree>, Box<Tree>),
    /// A value, and what is made of it as the innermost local.
    Bind(Box<Tree>, Box<Tree>),
    /// What is made of the value of an optional as the innermost local; nothing stays nothing.
    OptionalMap {
        /// The optional.
        of: Box<Tree>,
        /// What is made of its value.
        make: Box<Tree>,
        /// Whether that is an optional itself.
        flat: bool,
    },
    /// An optional where it has a value, or the second.
    OrElse {
        /// The optional.
        first: Box<Tree>,
        /// What holds without a value.
        second: Box<Tree>,
        /// Whether the value itself is wanted.
        value: bool,
    },
    /// `[a, ?b]`: an item may be an optional that is left out.
    Items(Vec<(Tree, bool)>),
    /// `{a: b, ?c: d}`: keys of any kind, and a value may be an optional that is left out.
    Entries(Vec<(Tree, Tree, bool)>),
    /// A macro with two variables: index and item, or key and value.
    Pairs {
        /// What is made of them.
        gather: Gather,
        /// The list or map.
        range: Box<Tree>,
        /// The condition.
        when: Option<Box<Tree>>,
        /// What is made of a pair.
        make: Option<Box<Tree>>,
    },
    /// A macro over a list or the keys of a map.
    Each {
        /// What is made of the items.
        over: Over,
        /// The list or map.
        range: Box<Tree>,
        /// The condition; for `map` with two arguments, none.
        when: Option<Box<Tree>>,
        /// What `map` makes of an item.
        make: Option<Box<Tree>>,
    },
}

/// What a macro makes of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// Whether all hold.
    All,
    /// Whether one holds.
    Exists,
    /// Whether exactly one holds.
    ExistsOne,
    /// The items made anew.
    Map,
    /// The items that hold.
    Filter,
}

/// What a macro with two variables makes of a list or a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gather {
    /// Whether all hold.
    All,
    /// Whether one holds.
    Exists,
    /// Whether exactly one holds.
    ExistsOne,
    /// A list of what is made.
    List,
    /// The same keys with what is made.
    Map,
    /// The maps that are made, in one.
    Entries,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `!=`
    Different,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// What is done with two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operation {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

/// What a value from outside must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// Text.
    String,
    /// `12.30 USD`.
    Money,
    /// An exact decimal.
    Decimal,
    /// RFC 3339.
    Timestamp,
    /// `30d`.
    Duration,
}

impl Tree {
    /// The path that a tree of variables and fields reads, for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Variable { name, .. } => name.to_string(),
            Self::Select { of, field, .. } => match of.describe() {
                of if of.is_empty() => field.to_string(),
                of => format!("{of}.{field}"),
            },
            Self::Index(of, _) => format!("{}[…]", of.describe()),
            _ => String::new(),
        }
    }
}
