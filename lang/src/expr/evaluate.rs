//! The value of a typed tree. Bounded: every node evaluated inside a macro counts as work.
//! It trusts the checker for types, and still fails with a sentence, never with a panic.

mod gather;
mod work;

use super::cost::BUDGET;
use super::operate::{MAX_TEXT, arithmetic, compare, contains_value, expect, ints, negate, widen};
use super::tree::{Comparison, Over, Tree};
use super::{EvalError, Resolve, borrowed, collection, native};
use crate::template::Template;
use crate::value::{Record, Value};
use std::sync::Arc;

/// The state of one evaluation.
pub(super) struct Evaluation<'a> {
    scope: &'a dyn Resolve,
    locals: Vec<Value>,
    work: u64,
}

/// A value that is kept somewhere for as long as the evaluation, or one that was made.
pub(super) enum Seen<'a> {
    Kept(&'a Value),
    Made(Value),
}

impl std::ops::Deref for Seen<'_> {
    type Target = Value;

    fn deref(&self) -> &Value {
        match self {
            Self::Kept(value) => value,
            Self::Made(value) => value,
        }
    }
}

impl Seen<'_> {
    fn into_value(self) -> Value {
        match self {
            Self::Kept(value) => value.clone(),
            Self::Made(value) => value,
        }
    }
}

/// The value of a tree.
pub(super) fn evaluate(tree: &Tree, scope: &dyn Resolve) -> Result<Value, EvalError> {
    match (Evaluation { scope, locals: Vec::new(), work: 0 }).value(tree) {
        Ok(Value::Erased) => failure(ERASED),
        // What holds another value twice costs nothing to make, and is twice as large where it is kept.
        Ok(value) if is_made(tree) && !borrowed::fits(&value) => failure("the value grows beyond 16 MB"),
        value => value,
    }
}

/// Whether a tree makes a value, and does not only hand one on.
fn is_made(tree: &Tree) -> bool {
    !matches!(tree, Tree::Constant(_) | Tree::Variable { .. } | Tree::Bound(_) | Tree::Select { .. })
}

/// What an expression meets where its value was, after its subject was forgotten.
pub(super) const ERASED: &str = "it was erased, as the person that it is about was forgotten";

/// What is told of an error of an expression that reads a secret.
const UNTOLD: &str = "it has no value, and why is not told, as it reads a secret";

/// An error of an expression that reads a secret: the sentence of one may quote a value.
pub(super) fn untold(error: EvalError) -> EvalError {
    if error.0 == ERASED { error } else { EvalError(UNTOLD.to_owned()) }
}

/// How many steps an evaluation takes.
#[cfg(test)]
pub(super) fn work(tree: &Tree, scope: &dyn Resolve) -> u64 {
    let mut evaluation = Evaluation { scope, locals: Vec::new(), work: 0 };
    let _ = evaluation.value(tree);
    evaluation.work
}

/// An error of a sentence.
pub(super) fn failure<T>(sentence: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError(sentence.into()))
}

impl<'a> Evaluation<'a> {
    fn spend(&mut self, work: usize) -> Result<(), EvalError> {
        self.work = self.work.saturating_add(work as u64);
        if self.work > BUDGET { failure("the expression takes more than a million steps") } else { Ok(()) }
    }

    /// The value of a constant, a variable or a field, where it is kept and not null; what is `None` here is found by [`Self::see`].
    /// Most parts of a condition are of these kinds, and a reference is all that comparing them takes.
    #[inline]
    fn kept(&mut self, tree: &'a Tree) -> Option<&'a Value> {
        self.work += 1;
        let found = match tree {
            Tree::Constant(value) => Some(value),
            Tree::Variable { name, .. } | Tree::Bound(name) => self.scope.lend(name),
            Tree::Select { of, field, .. } => self.kept(of)?.get(field),
            _ => None,
        };
        found.filter(|value| !matches!(value, Value::Null))
    }

    fn compared(&mut self, how: Comparison, left: &'a Tree, right: &'a Tree) -> Result<bool, EvalError> {
        match (self.kept(left), self.kept(right)) {
            (Some(left), Some(right)) => {
                self.pay(left)?;
                quick(how, left, right)
            }
            (Some(left), None) => {
                self.pay(left)?;
                quick(how, left, &*self.see(right)?)
            }
            (None, Some(right)) => {
                let left = self.see(left)?;
                self.pay(&left)?;
                quick(how, &left, right)
            }
            (None, None) => {
                let (left, right) = (self.see(left)?, self.see(right)?);
                self.pay(&left)?;
                quick(how, &left, &right)
            }
        }
    }

    /// A value where it is kept: constants, variables and their fields are looked at without a copy.
    fn see(&mut self, tree: &'a Tree) -> Result<Seen<'a>, EvalError> {
        match tree {
            Tree::Constant(value) => {
                self.spend(1)?;
                Ok(Seen::Kept(value))
            }
            Tree::Variable { name, optional } => {
                self.spend(1)?;
                match self.scope.lend(name) {
                    Some(Value::Null) | None => self.variable(name, *optional).map(Seen::Made),
                    Some(value) => Ok(Seen::Kept(value)),
                }
            }
            Tree::Bound(name) => {
                self.spend(1)?;
                match self.scope.lend(name) {
                    Some(value) => Ok(Seen::Kept(value)),
                    None => match self.scope.resolve(name) {
                        Some(value) => Ok(Seen::Made(value)),
                        None => failure(format!("`{name}` has no value")),
                    },
                }
            }
            Tree::Select { of, field, optional } => {
                self.spend(1)?;
                let of = self.see(of)?;
                let found = match &of {
                    Seen::Kept(of) => of.get(field).map(Seen::Kept),
                    Seen::Made(of) => of.get(field).cloned().map(Seen::Made),
                };
                match found {
                    Some(Seen::Kept(Value::Null) | Seen::Made(Value::Null)) | None if !optional => {
                        failure(format!("`{}` has no value", tree.describe()))
                    }
                    found => Ok(found.unwrap_or(Seen::Made(Value::Null))),
                }
            }
            other => self.value(other).map(Seen::Made),
        }
    }

    fn variable(&self, name: &str, optional: bool) -> Result<Value, EvalError> {
        match self.scope.resolve(name) {
            Some(Value::Null) | None if !optional => failure(format!("`{name}` has no value")),
            found => Ok(found.unwrap_or(Value::Null)),
        }
    }

    fn value(&mut self, tree: &'a Tree) -> Result<Value, EvalError> {
        match tree {
            Tree::Constant(_) | Tree::Variable { .. } | Tree::Bound(_) | Tree::Select { .. } => {
                return self.see(tree).map(Seen::into_value);
            }
            Tree::Not(_) | Tree::And(..) | Tree::Or(..) | Tree::Compare(..) | Tree::In(..) | Tree::Present(_) | Tree::Matches(..) => {
                return self.truth(tree).map(Value::Bool);
            }
            _ => self.spend(1)?,
        }
        match tree {
            Tree::Local(at) => Ok(self.locals.get(*at as usize).cloned().unwrap_or(Value::Null)),
            Tree::Default(first, second) => match self.value(first)? {
                Value::Null => self.value(second),
                value => Ok(value),
            },
            Tree::Negate(of) => negate(self.value(of)?),
            Tree::Choose(condition, one, other) => {
                if self.truth(condition)? {
                    self.value(one)
                } else {
                    self.value(other)
                }
            }
            Tree::Arithmetic(what, left, right) => {
                if let (Some(Value::Int(left)), Some(Value::Int(right))) = (self.kept(left), self.kept(right)) {
                    return ints(*what, *left, *right);
                }
                let (left, right) = (self.see(left)?, self.see(right)?);
                let value = arithmetic(*what, left.into_value(), right.into_value())?;
                self.spend(length(&value))?;
                Ok(value)
            }
            Tree::Text(template) => self.text(template),
            Tree::Widen(of) => Ok(widen(self.value(of)?)),
            Tree::Expect(expected, of) => {
                let value = self.value(of)?;
                expect(*expected, value, &of.describe())
            }
            Tree::Index(of, index) => {
                let (of, index) = (self.see(of)?, self.see(index)?);
                self.pay_search(&of)?;
                collection::index(&of, &index)
            }
            Tree::List(items) => Ok(Value::List(Arc::new(self.values(items)?))),
            Tree::Map(entries) => self.map(entries),
            Tree::Call(function, arguments) => {
                let arguments = self.values(arguments)?;
                self.pay_call(*function, &arguments)?;
                let value = native::call(*function, &arguments)?;
                self.spend(length(&value))?;
                Ok(value)
            }
            Tree::Cel(name, member, arguments) => {
                let arguments = self.values(arguments)?;
                arguments.iter().try_for_each(|argument| self.pay(argument))?;
                let value = borrowed::call(name, *member, &arguments)?;
                self.spend(length(&value))?;
                Ok(value)
            }
            Tree::Each { over, range, when, make } => self.each(*over, range, when.as_deref(), make.as_deref()),
            other => self.cel_value(other),
        }
    }

    /// Text with its holes filled.
    fn text(&mut self, template: &Template) -> Result<Value, EvalError> {
        let text = template.render(self.scope).map_err(EvalError)?;
        if text.len() > MAX_TEXT {
            return failure("a text grows beyond 16 MB");
        }
        let value = Value::string(text);
        self.spend(length(&value))?;
        Ok(value)
    }

    fn values(&mut self, trees: &'a [Tree]) -> Result<Vec<Value>, EvalError> {
        trees.iter().map(|tree| self.value(tree)).collect()
    }

    fn truth(&mut self, tree: &'a Tree) -> Result<bool, EvalError> {
        match tree {
            Tree::Compare(how, left, right) => {
                self.spend(1)?;
                self.compared(*how, left, right)
            }
            Tree::And(left, right) => self.absorbing(left, right, false),
            Tree::Or(left, right) => self.absorbing(left, right, true),
            Tree::Not(of) => {
                self.spend(1)?;
                self.truth(of).map(|truth| !truth)
            }
            Tree::In(item, list) => {
                self.spend(1)?;
                if let (Some(item), Some(list)) = (self.kept(item), self.kept(list)) {
                    self.pay_in(list, item)?;
                    return contains_value(item, list);
                }
                let (item, list) = (self.see(item)?, self.see(list)?);
                self.pay_in(&list, &item)?;
                contains_value(&item, &list)
            }
            Tree::Present(of) => {
                self.spend(1)?;
                Ok(!matches!(*self.see(of)?, Value::Null))
            }
            Tree::Matches(of, pattern) => {
                self.spend(1)?;
                let of = self.see(of)?;
                self.pay(&of)?;
                match &*of {
                    Value::String(text) if text.len() <= MAX_TEXT => Ok(pattern.fits(text)),
                    Value::String(_) => failure("`matches` does not look through so long a text"),
                    _ => failure("`matches` looks through text only"),
                }
            }
            other => match *self.see(other)? {
                Value::Bool(truth) => Ok(truth),
                _ => failure("a condition is neither true nor false"),
            },
        }
    }

    /// `&&` and `||`: the side that decides wins even over an error of the other, as CEL has it.
    fn absorbing(&mut self, left: &'a Tree, right: &'a Tree, decisive: bool) -> Result<bool, EvalError> {
        self.spend(1)?;
        match self.truth(left) {
            Ok(truth) if truth == decisive => Ok(decisive),
            Ok(_) => self.truth(right),
            Err(error) => match self.truth(right) {
                Ok(truth) if truth == decisive => Ok(decisive),
                _ => Err(error),
            },
        }
    }

    fn map(&mut self, entries: &'a [(Tree, Tree)]) -> Result<Value, EvalError> {
        let mut record = Record::default();
        for (key, value) in entries {
            let Value::String(key) = self.value(key)? else { return failure("the key of a map is no string") };
            if record.get(&key).is_some() {
                return failure(format!("the key `{key}` stands twice in a map"));
            }
            let value = self.value(value)?;
            record.0.push((key, value));
        }
        Ok(Value::Record(Arc::new(record)))
    }

    fn each(&mut self, over: Over, range: &'a Tree, when: Option<&'a Tree>, make: Option<&'a Tree>) -> Result<Value, EvalError> {
        let items: Arc<Vec<Value>> = match self.value(range)? {
            Value::List(items) => items,
            Value::Record(record) => Arc::new(record.0.iter().map(|(key, _)| Value::String(key.clone())).collect()),
            Value::Map(entries) => Arc::new(entries.iter().map(|(key, _)| key.clone()).collect()),
            _ => return failure("a macro goes over a list or a map only"),
        };
        let place = self.locals.len();
        let result = self.over(over, &items, when, make);
        self.locals.truncate(place);
        result
    }

    fn over(&mut self, over: Over, items: &[Value], when: Option<&'a Tree>, make: Option<&'a Tree>) -> Result<Value, EvalError> {
        let place = self.locals.len();
        let mut made = Vec::new();
        let mut holding = 0_usize;
        let mut trouble = None;
        for item in items {
            self.locals.truncate(place);
            self.locals.push(item.clone());
            let holds = match when.map(|when| self.truth(when)) {
                None => true,
                Some(Ok(holds)) => holds,
                // A later item that decides wins over an error, as with `&&` and `||`.
                Some(Err(error)) if matches!(over, Over::All | Over::Exists) => {
                    self.spend(1)?;
                    trouble = trouble.or(Some(error));
                    continue;
                }
                Some(Err(error)) => return Err(error),
            };
            match over {
                Over::All if !holds => return Ok(Value::Bool(false)),
                Over::Exists if holds => return Ok(Value::Bool(true)),
                Over::ExistsOne if holds => holding += 1,
                Over::Filter if holds => made.push(item.clone()),
                Over::Map if holds => {
                    if let Some(make) = make {
                        made.push(self.value(make)?);
                    }
                }
                _ => {}
            }
        }
        match over {
            Over::All | Over::Exists => trouble.map_or(Ok(Value::Bool(over == Over::All)), Err),
            Over::ExistsOne => Ok(Value::Bool(holding == 1)),
            Over::Map | Over::Filter => Ok(Value::List(Arc::new(made))),
        }
    }
}

/// A comparison, the plainest kinds first.
#[inline]
fn quick(how: Comparison, left: &Value, right: &Value) -> Result<bool, EvalError> {
    let order = match (left, right) {
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::String(left), Value::String(right)) if matches!(how, Comparison::Equal) => return Ok(left == right),
        (Value::String(left), Value::String(right)) if matches!(how, Comparison::Different) => return Ok(left != right),
        _ => return compare(how, left, right),
    };
    Ok(match how {
        Comparison::Equal => order.is_eq(),
        Comparison::Different => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::AtMost => order.is_le(),
        Comparison::More => order.is_gt(),
        Comparison::AtLeast => order.is_ge(),
    })
}

/// How much work a value was to build.
fn length(value: &Value) -> usize {
    match value {
        Value::List(items) => items.len(),
        Value::String(text) => text.len() / 64,
        Value::Bytes(bytes) => bytes.len() / 64,
        Value::Record(record) => record.0.len(),
        Value::Map(entries) => entries.len(),
        _ => 0,
    }
}
