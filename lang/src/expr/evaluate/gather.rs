//! Macros with two variables, optionals that are mapped, and literals with parts that may be left out.

use super::{Evaluation, failure, length};
use crate::expr::EvalError;
use crate::expr::collection::held;
use crate::expr::convert::map_of;
use crate::expr::operate::{dynamic, equal};
use crate::expr::tree::{Gather, Tree};
use crate::value::Value;
use std::sync::Arc;

impl<'a> Evaluation<'a> {
    /// The nodes that only CEL's own rules, or macros of two variables, need.
    pub(super) fn cel_value(&mut self, tree: &'a Tree) -> Result<Value, EvalError> {
        match tree {
            Tree::Fail(sentence) => failure(&**sentence),
            Tree::Dynamic(what, left, right) => {
                let value = dynamic(*what, self.value(left)?, self.value(right)?)?;
                self.spend(length(&value))?;
                Ok(value)
            }
            Tree::Bind(of, make) => {
                let of = self.value(of)?;
                self.within(of, make)
            }
            Tree::OptionalMap { of, make, flat } => self.optional_map(of, make, *flat),
            Tree::OrElse { first, second, value } => self.or_else(first, second, *value),
            Tree::Items(items) => self.items(items),
            Tree::Entries(entries) => self.entries(entries),
            Tree::Pairs { gather, range, when, make } => self.pairs(*gather, range, when.as_deref(), make.as_deref()),
            _ => failure("a part of an expression cannot be evaluated"),
        }
    }

    /// A tree with a value as its innermost local.
    pub(super) fn within(&mut self, value: Value, tree: &'a Tree) -> Result<Value, EvalError> {
        let place = self.locals.len();
        self.locals.push(value);
        let result = self.value(tree);
        self.locals.truncate(place);
        result
    }

    pub(super) fn optional_map(&mut self, of: &'a Tree, make: &'a Tree, flat: bool) -> Result<Value, EvalError> {
        let of = self.value(of)?;
        let Some(value) = held(&of) else { return Ok(Value::Optional(None)) };
        let made = self.within(value, make)?;
        Ok(if flat { made } else { Value::Optional(Some(Arc::new(made))) })
    }

    pub(super) fn or_else(&mut self, first: &'a Tree, second: &'a Tree, wanted: bool) -> Result<Value, EvalError> {
        let first = self.value(first)?;
        match held(&first) {
            None => self.value(second),
            Some(value) if wanted => Ok(value),
            Some(_) => Ok(first),
        }
    }

    pub(super) fn items(&mut self, items: &'a [(Tree, bool)]) -> Result<Value, EvalError> {
        let mut made = Vec::new();
        for (item, optional) in items {
            let value = self.value(item)?;
            if !optional {
                made.push(value);
            } else if let Some(value) = held(&value) {
                made.push(value);
            }
        }
        Ok(Value::List(Arc::new(made)))
    }

    pub(super) fn entries(&mut self, entries: &'a [(Tree, Tree, bool)]) -> Result<Value, EvalError> {
        let mut made: Vec<(Value, Value)> = Vec::new();
        for (key, value, optional) in entries {
            let (key, value) = (self.value(key)?, self.value(value)?);
            if let Some(value) = if *optional { held(&value) } else { Some(value) } {
                add(&mut made, key, value)?;
            }
        }
        Ok(map_of(made))
    }

    pub(super) fn pairs(
        &mut self,
        gather: Gather,
        range: &'a Tree,
        when: Option<&'a Tree>,
        make: Option<&'a Tree>,
    ) -> Result<Value, EvalError> {
        let pairs: Vec<(Value, Value)> = match self.value(range)? {
            Value::List(items) => (0_i64..).map(Value::Int).zip(items.iter().cloned()).collect(),
            Value::Record(record) => record.0.iter().map(|(key, value)| (Value::String(key.clone()), value.clone())).collect(),
            Value::Map(entries) => entries.as_ref().clone(),
            _ => return failure("a macro goes over a list or a map only"),
        };
        self.spend(pairs.len())?;
        let place = self.locals.len();
        let result = self.gathered(gather, pairs, when, make);
        self.locals.truncate(place);
        result
    }

    fn gathered(
        &mut self,
        gather: Gather,
        pairs: Vec<(Value, Value)>,
        when: Option<&'a Tree>,
        make: Option<&'a Tree>,
    ) -> Result<Value, EvalError> {
        let place = self.locals.len();
        let (mut list, mut map) = (Vec::new(), Vec::new());
        let mut holding = 0_usize;
        let mut trouble = None;
        for (key, value) in pairs {
            self.locals.truncate(place);
            self.locals.extend([key.clone(), value]);
            let holds = match when.map(|when| self.truth(when)) {
                None => true,
                Some(Ok(holds)) => holds,
                // A later pair that decides wins over an error, as with `&&` and `||`.
                Some(Err(error)) if matches!(gather, Gather::All | Gather::Exists) => {
                    self.spend(1)?;
                    trouble = trouble.or(Some(error));
                    continue;
                }
                Some(Err(error)) => return Err(error),
            };
            match (gather, holds) {
                (Gather::All, false) => return Ok(Value::Bool(false)),
                (Gather::Exists, true) => return Ok(Value::Bool(true)),
                (Gather::ExistsOne, true) => holding += 1,
                (Gather::List | Gather::Map | Gather::Entries, true) => {
                    let Some(make) = make else { continue };
                    let made = self.value(make)?;
                    match gather {
                        Gather::List => list.push(made),
                        Gather::Map => {
                            self.spend(map.len() / 32)?;
                            add(&mut map, key, made)?;
                        }
                        _ => merge(&mut map, &made)?,
                    }
                }
                _ => {}
            }
        }
        match gather {
            Gather::All | Gather::Exists => trouble.map_or(Ok(Value::Bool(gather == Gather::All)), Err),
            Gather::ExistsOne => Ok(Value::Bool(holding == 1)),
            Gather::List => Ok(Value::List(Arc::new(list))),
            Gather::Map | Gather::Entries => Ok(map_of(map)),
        }
    }
}

fn merge(map: &mut Vec<(Value, Value)>, made: &Value) -> Result<(), EvalError> {
    match made {
        Value::Record(record) => record.0.iter().try_for_each(|(key, value)| add(map, Value::String(key.clone()), value.clone())),
        Value::Map(entries) => entries.iter().try_for_each(|(key, value)| add(map, key.clone(), value.clone())),
        _ => failure("`transformMapEntry` makes a map of each pair"),
    }
}

/// Adds an entry to a map that is made; a key stands once.
fn add(map: &mut Vec<(Value, Value)>, key: Value, value: Value) -> Result<(), EvalError> {
    if !matches!(key, Value::String(_) | Value::Int(_) | Value::UInt(_) | Value::Bool(_)) {
        return failure("the key of a map is a string, a whole number or a bool");
    }
    // Linear: a map that an expression writes or makes is short, and long ones are bounded by the budget.
    if map.iter().any(|(other, _)| equal(other, &key)) {
        return failure("a key stands twice in a map");
    }
    map.push((key, value));
    Ok(())
}
