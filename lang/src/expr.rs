//! Expressions: CEL text, checked against a typed scope, kept as a typed tree that evaluates without spans or parsing.

use crate::ast::Literal;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use crate::ty::{Marks, Ty, TypeTable};
use crate::value::Value;
use serde::{Deserialize, Serialize};

mod borrowed;
mod check;
mod collection;
mod convert;
mod cost;
mod evaluate;
mod exchange;
mod fallible;
mod function;
pub(crate) mod native;
mod number;
mod operate;
mod outline;
mod parse;
mod pattern;
mod reason;
pub(crate) mod select;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub use cost::{BUDGET, Cost, Held};
pub use function::{Function, listing};
pub(crate) use outline::MAX_LENGTH;
pub use pattern::Pattern;
pub use tree::{Comparison, Expected, Gather, Operation, Over, Tree};

/// By which rules an expression is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect<'a> {
    /// The operators': a literal is read by its place, an int meets a double, nothing is untyped.
    Operators,
    /// The CEL specification's: `dyn`, maps with keys of any kind, lists of several types, no conversion unasked.
    Cel {
        /// The name before which names are looked up first; may be empty.
        container: &'a str,
        /// Whether types are checked before a run, or left to it.
        checked: bool,
    },
}

/// A variable that an expression may name.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Ty,
    /// What is said of it (fields of records add their own marks).
    pub marks: Marks,
    /// How large it may be, where more is known of that than its type says.
    pub held: Option<Held>,
}

/// The variables of a place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scope {
    /// By name; a later one hides an earlier one.
    pub variables: Vec<Variable>,
    /// Paths of optionals that are known to have a value here, such as [`Checked::proves`] of a step's `when`.
    pub present: Vec<String>,
    /// Paths such as `steps.pay` whose marks are their own, and not those of the variable that they begin with.
    pub parts: Vec<(String, Marks)>,
}

impl Scope {
    /// Adds a variable.
    #[must_use]
    pub fn with(mut self, name: &str, ty: Ty, marks: Marks) -> Self {
        // What was known of an earlier one of the name is not known of this.
        self.present.retain(|path| path.split('.').next() != Some(name));
        self.variables.push(Variable { name: name.to_owned(), ty, marks, held: None });
        self
    }

    /// Says how large the newest variable may be.
    #[must_use]
    pub fn holding(mut self, held: Option<Held>) -> Self {
        if let Some(newest) = self.variables.last_mut() {
            newest.held = held;
        }
        self
    }

    /// Says what is said of a path of its own.
    #[must_use]
    pub fn part(mut self, path: String, marks: Marks) -> Self {
        self.parts.push((path, marks));
        self
    }

    /// Adds paths that are known to have a value.
    #[must_use]
    pub fn knowing(mut self, paths: impl IntoIterator<Item = String>) -> Self {
        self.present.extend(paths);
        self
    }

    /// The newest variable of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().rev().find(|variable| variable.name == name)
    }
}

/// Gives values to variables at run time.
pub trait Resolve {
    /// The value of a variable; `None` where it has none.
    fn resolve(&self, name: &str) -> Option<Value>;

    /// The same without a copy, where the value is kept somewhere; `None` says nothing of whether there is one.
    fn lend(&self, name: &str) -> Option<&Value> {
        let _ = name;
        None
    }
}

/// The fields of a record as variables.
impl Resolve for crate::value::Record {
    fn resolve(&self, name: &str) -> Option<Value> {
        self.get(name).cloned()
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        self.get(name)
    }
}

/// A checked expression: its text, its type and what it takes to evaluate it. No spans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    /// As written, without the leading `=`.
    pub source: String,
    /// Its type.
    pub ty: Ty,
    /// The tree.
    pub root: Tree,
    /// Whether it reads a secret: then nobody is told why it has no value, as that may quote what it read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub secret: bool,
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A checked expression with what the compiler wants to know of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The expression.
    pub expr: Expr,
    /// The union of the marks of everything it reads.
    pub marks: Marks,
    /// The same without the marks of the fields of its own value: those come when a field is read.
    pub own: Marks,
    /// Each path it reads, such as `order.paid` or `input`, and where it says so.
    pub reads: Vec<(String, Span)>,
    /// The one of them that outside text is in, or decided; the first where there are several.
    pub outside: Option<(String, Span)>,
    /// Paths of optionals that have a value wherever this condition is true, for [`Scope::present`].
    pub proves: Vec<String>,
    /// Paths of optionals that have a value wherever this condition is false.
    pub refutes: Vec<String>,
    /// Whether it is one of what the operator listed: a value of an enum, or a truth, even where its place takes any text.
    pub closed: bool,
    /// What it endorses, in the order written.
    pub endorsed: Vec<Endorsed>,
}

/// `endorse(value, 'reason')`: text from outside that somebody answers for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endorsed {
    /// The value, as written.
    pub of: String,
    /// Why it may be trusted.
    pub reason: String,
    /// Where it says so.
    pub span: Span,
    /// Nothing of the value comes from outside.
    pub idle: bool,
}

impl Checked {
    /// Whether words or numbers of outside text can be in the value. One of an enum, or a truth, is a choice among what the
    /// operator listed: outside text may have made the choice, and nothing more.
    #[must_use]
    pub fn speaks(&self) -> bool {
        self.marks.untrusted && !self.closed
    }

    /// What is to be named where outside text is in the value or chose it: what it reads of that text, or else what it reads first.
    #[must_use]
    pub fn blamed(&self) -> Option<&(String, Span)> {
        self.outside.as_ref().or(self.reads.first())
    }

    /// Whether its value, kept as a type, is a secret itself. A record is none because one of its fields is: that field keeps its mark.
    #[must_use]
    pub fn is_secret_as(&self, ty: &Ty) -> bool {
        if forgets(ty) { self.marks.secret } else { self.own.secret }
    }

    /// What it tells of a person or an account, where it does.
    #[must_use]
    pub fn tells(&self) -> Option<&'static str> {
        match (self.closed, self.marks.secret, self.marks.pii) {
            (false, true, _) => Some("a secret"),
            (false, false, true) => Some("personal data"),
            _ => None,
        }
    }
}

/// Whether a value of a type no longer says of its parts which fields they are.
fn forgets(ty: &Ty) -> bool {
    match ty {
        Ty::Json | Ty::Dyn | Ty::Unknown => true,
        Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => forgets(inner),
        Ty::Object(fields) => fields.iter().any(|(_, ty)| forgets(ty)),
        _ => false,
    }
}

/// Whether every value of a type is one that the operator listed.
pub(crate) fn closed(ty: &Ty) -> bool {
    match ty {
        Ty::Bool | Ty::Enum(_) => true,
        Ty::Optional(inner) | Ty::List(inner) => closed(inner),
        _ => false,
    }
}

/// Checks CEL text. `offset` is how many bytes of the literal's string precede the text (1 after a `=`).
/// `expected`: the type the place wants; a mismatch is a diagnostic, an allowed widening (`T` for `T?`, int for double,
/// a string literal for money, duration, timestamp or enum) is made in the tree.
/// Returns `None` exactly when at least one diagnostic is an error.
pub fn check(
    text: &str,
    literal: &Literal,
    offset: usize,
    scope: &Scope,
    types: &TypeTable,
    expected: Option<&Ty>,
) -> (Option<Checked>, Vec<Diagnostic>) {
    check::check(Dialect::Operators, text, literal, offset, scope, types, expected)
}

/// Checks CEL text by the rules of a dialect; see [`check`].
pub fn check_as(
    dialect: Dialect<'_>,
    text: &str,
    literal: &Literal,
    offset: usize,
    scope: &Scope,
    types: &TypeTable,
    expected: Option<&Ty>,
) -> (Option<Checked>, Vec<Diagnostic>) {
    check::check(dialect, text, literal, offset, scope, types, expected)
}

impl Expr {
    /// An expression that is a constant, such as a literal of the configuration.
    #[must_use]
    pub fn constant(value: Value, ty: Ty) -> Self {
        Self { source: String::new(), ty, root: Tree::Constant(value), secret: false }
    }

    /// The most steps that an evaluation takes where these names are known. [`BUDGET`] ends an evaluation.
    #[must_use]
    pub fn cost(&self, scope: &Scope, types: &TypeTable) -> Cost {
        cost::cost(&self.root, scope, types)
    }

    /// How large its value may be where these names are known.
    #[must_use]
    pub fn held(&self, scope: &Scope, types: &TypeTable) -> Held {
        Held::of(&self.root, scope, types)
    }

    /// Its value.
    ///
    /// # Errors
    /// Overflow, division by zero, an index out of range, mixed currencies, a variable without a value,
    /// more than a million steps of work, a value of more than 16 MB.
    pub fn evaluate(&self, scope: &dyn Resolve) -> Result<Value, EvalError> {
        evaluate::evaluate(&self.root, scope).map_err(|error| if self.secret { evaluate::untold(error) } else { error })
    }
}

/// Whether a text matches a regular expression somewhere, as `matches` has it.
///
/// # Errors
/// A pattern that is no regular expression.
pub fn matches(text: &str, pattern: &str) -> Result<bool, EvalError> {
    let value = borrowed::call("matches", true, &[Value::string(text), Value::string(pattern)])?;
    Ok(value == Value::Bool(true))
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError(
    /// For people: one lower-case sentence.
    pub String,
);
