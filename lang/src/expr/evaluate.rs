//! The value of a typed tree. Bounded: every node evaluated inside a macro counts as work.
//! It trusts the checker for types, and still fails with a sentence, never with a panic.

mod gather;

use super::cost::BUDGET;
use super::operate::{arithmetic, compare, contains_value, expect, negate, widen};
use super::tree::{Over, Tree};
use super::{EvalError, Resolve, borrowed, collection, native};
use crate::value::{Record, Value};
use std::sync::Arc;

/// The state of one evaluation.
pub(super) struct Evaluation<'a> {
    scope: &'a dyn Resolve,
    locals: Vec<Value>,
    work: u64,
}

/// The value of a tree.
pub(super) fn evaluate(tree: &Tree, scope: &dyn Resolve) -> Result<Value, EvalError> {
    Evaluation { scope, locals: Vec::new(), work: 0 }.value(tree)
}

/// An error of a sentence.
pub(super) fn failure<T>(sentence: impl Into<String>) -> Result<T, EvalError> {
    Err(EvalError(sentence.into()))
}

impl Evaluation<'_> {
    fn spend(&mut self, work: usize) -> Result<(), EvalError> {
        self.work = self.work.saturating_add(work as u64);
        if self.work > BUDGET { failure("the expression takes more than a million steps") } else { Ok(()) }
    }

    fn value(&mut self, tree: &Tree) -> Result<Value, EvalError> {
        self.spend(1)?;
        match tree {
            Tree::Constant(value) => Ok(value.clone()),
            Tree::Variable { name, optional } => match self.scope.resolve(name) {
                Some(Value::Null) | None if !optional => failure(format!("`{name}` has no value")),
                found => Ok(found.unwrap_or(Value::Null)),
            },
            Tree::Local(at) => Ok(self.locals.get(*at as usize).cloned().unwrap_or(Value::Null)),
            Tree::Select { of, field, optional } => {
                let of = self.value(of)?;
                match of.get(field) {
                    Some(Value::Null) | None if !optional => failure(format!("`{}` has no value", tree.describe())),
                    found => Ok(found.cloned().unwrap_or(Value::Null)),
                }
            }
            Tree::Present(of) => Ok(Value::Bool(!matches!(self.value(of)?, Value::Null))),
            Tree::Default(first, second) => match self.value(first)? {
                Value::Null => self.value(second),
                value => Ok(value),
            },
            Tree::Not(of) => Ok(Value::Bool(!self.truth(of)?)),
            Tree::Negate(of) => negate(self.value(of)?),
            Tree::And(left, right) => self.absorbing(left, right, false),
            Tree::Or(left, right) => self.absorbing(left, right, true),
            Tree::Choose(condition, one, other) => {
                if self.truth(condition)? {
                    self.value(one)
                } else {
                    self.value(other)
                }
            }
            Tree::Compare(how, left, right) => compare(*how, &self.value(left)?, &self.value(right)?).map(Value::Bool),
            Tree::Arithmetic(what, left, right) => {
                let value = arithmetic(*what, self.value(left)?, self.value(right)?)?;
                self.spend(length(&value))?;
                Ok(value)
            }
            Tree::Widen(of) => Ok(widen(self.value(of)?)),
            Tree::Expect(expected, of) => {
                let value = self.value(of)?;
                expect(*expected, value, &of.describe())
            }
            Tree::In(item, list) => {
                let (item, list) = (self.value(item)?, self.value(list)?);
                self.spend(length(&list))?;
                contains_value(&item, &list).map(Value::Bool)
            }
            Tree::Index(of, index) => collection::index(&self.value(of)?, &self.value(index)?),
            Tree::List(items) => Ok(Value::List(Arc::new(self.values(items)?))),
            Tree::Map(entries) => self.map(entries),
            Tree::Call(function, arguments) => {
                let arguments = self.values(arguments)?;
                let value = native::call(*function, &arguments)?;
                self.spend(length(&value))?;
                Ok(value)
            }
            Tree::Cel(name, member, arguments) => {
                let arguments = self.values(arguments)?;
                let value = borrowed::call(name, *member, &arguments)?;
                self.spend(length(&value))?;
                Ok(value)
            }
            Tree::Each { over, range, when, make } => self.each(*over, range, when.as_deref(), make.as_deref()),
            other => self.cel_value(other),
        }
    }

    fn values(&mut self, trees: &[Tree]) -> Result<Vec<Value>, EvalError> {
        trees.iter().map(|tree| self.value(tree)).collect()
    }

    fn truth(&mut self, tree: &Tree) -> Result<bool, EvalError> {
        match self.value(tree)? {
            Value::Bool(truth) => Ok(truth),
            _ => failure("a condition is neither true nor false"),
        }
    }

    /// `&&` and `||`: the side that decides wins even over an error of the other, as CEL has it.
    fn absorbing(&mut self, left: &Tree, right: &Tree, decisive: bool) -> Result<Value, EvalError> {
        match self.truth(left) {
            Ok(truth) if truth == decisive => Ok(Value::Bool(decisive)),
            Ok(_) => self.truth(right).map(Value::Bool),
            Err(error) => match self.truth(right) {
                Ok(truth) if truth == decisive => Ok(Value::Bool(decisive)),
                _ => Err(error),
            },
        }
    }

    fn map(&mut self, entries: &[(Tree, Tree)]) -> Result<Value, EvalError> {
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

    fn each(&mut self, over: Over, range: &Tree, when: Option<&Tree>, make: Option<&Tree>) -> Result<Value, EvalError> {
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

    fn over(&mut self, over: Over, items: &[Value], when: Option<&Tree>, make: Option<&Tree>) -> Result<Value, EvalError> {
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
