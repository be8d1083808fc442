//! What is paid for work on large values, so that a million steps end any evaluation soon.
//! What a value costs to look through is counted only until nothing is left to pay with.

use super::{Evaluation, length};
use crate::expr::EvalError;
use crate::expr::cost::BUDGET;
use crate::expr::function::Function;
use crate::value::Value;

/// Items that two lists may have without a word where each of one meets each of the other.
const MEETINGS: u64 = 64;

impl Evaluation<'_> {
    /// Pays for looking through a value as a whole.
    #[inline]
    pub(super) fn pay(&mut self, value: &Value) -> Result<(), EvalError> {
        match value {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Double(_) => Ok(()),
            Value::String(text) if text.len() < 64 => Ok(()),
            other => {
                let mut left = BUDGET.saturating_sub(self.work);
                self.spend(weight(other, &mut left))
            }
        }
    }

    /// Pays for an item that meets each of a list.
    pub(super) fn pay_in(&mut self, list: &Value, item: &Value) -> Result<(), EvalError> {
        self.spend(length(list))?;
        match item {
            // Only a long item is long to compare.
            Value::List(_) | Value::Record(_) | Value::Map(_) => self.pay(list),
            Value::String(text) if text.len() >= 64 => self.pay(list),
            _ => Ok(()),
        }
    }

    /// Pays for an item that is looked for among the names of a long record.
    pub(super) fn pay_search(&mut self, of: &Value) -> Result<(), EvalError> {
        match of {
            Value::Record(record) if record.0.len() > 32 => self.spend(record.0.len() / 32),
            Value::Map(entries) if entries.len() > 32 => self.spend(entries.len() / 32),
            Value::Optional(Some(of)) => self.pay_search(of),
            _ => Ok(()),
        }
    }

    /// Pays for what a function does with its arguments.
    pub(super) fn pay_call(&mut self, function: Function, arguments: &[Value]) -> Result<(), EvalError> {
        match (function, arguments) {
            // It is counted, not looked through.
            (Function::Size, [Value::List(_) | Value::Record(_) | Value::Map(_)]) => Ok(()),
            _ if function.looks_at_one() => Ok(()),
            (Function::Has | Function::OptionalIndex, [of, _]) => self.pay_search(of),
            (Function::Distinct, [list]) => {
                self.pay(list)?;
                self.pay_meetings(list, list)
            }
            (Function::SetContains | Function::SetIntersects | Function::SetEquivalent, [left, right]) => {
                self.pay(left)?;
                self.pay(right)?;
                self.pay_meetings(left, right)
            }
            _ => arguments.iter().try_for_each(|argument| self.pay(argument)),
        }
    }

    fn pay_meetings(&mut self, left: &Value, right: &Value) -> Result<(), EvalError> {
        let meetings = (length(left) as u64).saturating_mul(length(right) as u64) / MEETINGS;
        self.spend(usize::try_from(meetings).unwrap_or(usize::MAX))
    }
}

/// Parts of a value and pieces of its text, at most one more than is left.
fn weight(value: &Value, left: &mut u64) -> usize {
    fn look(value: &Value, left: &mut u64) {
        let own = match value {
            Value::String(text) => text.len() / 64,
            Value::Bytes(bytes) => bytes.len() / 64,
            _ => 0,
        };
        *left = left.saturating_sub(1 + own as u64);
        if *left == 0 {
            return;
        }
        match value {
            Value::List(items) => items.iter().take_while(|item| going(item, left)).count(),
            Value::Record(record) => record.0.iter().take_while(|(_, item)| going(item, left)).count(),
            Value::Map(entries) => entries.iter().take_while(|(key, item)| going(key, left) && going(item, left)).count(),
            Value::Optional(Some(of)) => usize::from(going(of, left)),
            _ => 0,
        };
    }
    fn going(value: &Value, left: &mut u64) -> bool {
        look(value, left);
        *left > 0
    }
    let before = *left;
    look(value, left);
    let paid = usize::try_from(before - *left).unwrap_or(usize::MAX);
    // Nothing left is more than was there.
    if *left == 0 { paid.saturating_add(1) } else { paid }
}
