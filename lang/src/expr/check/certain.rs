//! Constants that make a part fail in every run, though other parts of it vary: a divisor that is zero, a place before the first character,
//! a price ending that is none, a time zone that does not exist. What varies is tried with one value, where no value makes a difference.

use super::{Checker, Typed};
use crate::code::expression as codes;
use crate::diagnostic::{Severity, nearest};
use crate::expr::evaluate::evaluate;
use crate::expr::function::Function;
use crate::expr::tree::{Operation, Tree};
use crate::literal::listed;
use crate::money::{Currency, Money};
use crate::ty::Ty;
use crate::value::{Record, Value};
use rust_decimal::Decimal;

impl Checker<'_> {
    /// Reports a part that one of its constants makes fail. `before`: how much was reported before the part was read.
    pub(super) fn must_not_always_fail(&mut self, typed: &Typed, before: usize) {
        let reported = self.diagnostics.get(before..).unwrap_or_default().iter().any(|found| found.severity() == Severity::Error);
        if reported {
            return;
        }
        let Some(why) = fails_always(typed) else { return };
        let (quoted, span) = (self.quoted(typed.range), self.span(typed.range));
        // That it drops the fraction is no longer worth a word.
        self.diagnostics.retain(|found| found.code.id != codes::WHOLE_DIVISION.id || found.span != span);
        let diagnostic = self.report(&codes::LITERAL, typed.range, format!("{quoted} never has a value: {why}"));
        diagnostic.label = "fails in every run".to_owned();
        diagnostic.help = Some("change the constant in it".to_owned());
    }
}

impl Checker<'_> {
    /// Reports a key that a map which is written out certainly does not have; what is selected from it has no type then.
    pub(super) fn must_have_its_key(&mut self, typed: Typed, before: usize) -> Typed {
        let reported = self.diagnostics.get(before..).unwrap_or_default().iter().any(|found| found.severity() == Severity::Error);
        let Some((key, keys)) = (if reported { None } else { lacks_its_key(&typed.tree) }) else { return typed };
        let help = match nearest(&key, keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if keys.is_empty() => "it has no keys".to_owned(),
            None => format!("its keys: {}", listed(&keys)),
        };
        let quoted = self.quoted(typed.range);
        let diagnostic = self.report(&codes::UNKNOWN_FIELD, typed.range, format!("{quoted} never has a value: the map has no key `{key}`"));
        diagnostic.label = "no such key".to_owned();
        diagnostic.help = Some(help);
        Typed::unknown(typed.range)
    }
}

/// The key that a part selects from a map which is written out and does not have it, and the keys that it has.
fn lacks_its_key(tree: &Tree) -> Option<(String, Vec<&str>)> {
    let (of, key) = match tree {
        // Whether it is there is what `.?` asks.
        Tree::Select { optional: true, .. } => return None,
        Tree::Select { of, field, .. } => (of, &**field),
        Tree::Index(of, key) => match key.as_ref() {
            Tree::Constant(Value::String(key)) => (of, &**key),
            _ => return None,
        },
        _ => return None,
    };
    let Tree::Map(entries) = of.as_ref() else { return lacks_its_key(of) };
    let keys: Option<Vec<&str>> = entries.iter().map(|(key, _)| if let Tree::Constant(key) = key { key.as_str() } else { None }).collect();
    let keys = keys.filter(|keys| !keys.contains(&key))?;
    Some((key.to_owned(), keys))
}

/// Whether nothing can be divided by a constant to a value of this type: a double becomes infinite instead.
fn divides_nothing(by: &Tree, ty: &Ty) -> bool {
    let number = matches!(ty, Ty::Int | Ty::UInt | Ty::Decimal | Ty::Money | Ty::Duration);
    match by {
        Tree::Constant(Value::Int(0) | Value::UInt(0)) => number,
        Tree::Constant(Value::Double(of)) => number && *of == 0.0,
        Tree::Constant(Value::Decimal(of)) => number && of.is_zero(),
        Tree::Constant(Value::Money(of)) => of.amount.is_zero(),
        _ => false,
    }
}

/// Why a part fails whatever varies in it.
fn fails_always(typed: &Typed) -> Option<String> {
    let with = |sample: Value, last: &Tree, make: &dyn Fn(Vec<Tree>) -> Tree| {
        let tried = make(vec![Tree::Constant(sample), last.clone()]);
        evaluate(&tried, &Record::default()).err().map(|error| error.0)
    };
    match &typed.tree {
        Tree::Arithmetic(Operation::Divide | Operation::Remainder, _, right) if divides_nothing(right, &typed.ty) => {
            Some("division by zero".to_owned())
        }
        Tree::Call(Function::Ending, arguments) => match arguments.as_slice() {
            [of, ending @ Tree::Constant(_)] if !matches!(of, Tree::Constant(_)) => {
                let sample = Value::Money(Money { amount: Decimal::ONE, currency: Currency::parse("USD")? });
                with(sample, ending, &|arguments| Tree::Call(Function::Ending, arguments))
            }
            _ => None,
        },
        Tree::Cel(name, true, arguments) => match arguments.as_slice() {
            [of, Tree::Constant(Value::Int(at))] if &**name == "charAt" && *at < 0 && !matches!(of, Tree::Constant(_)) => {
                Some(format!("there is no character at {at}"))
            }
            [of, zone @ Tree::Constant(Value::String(_))] if name.starts_with("get") && !matches!(of, Tree::Constant(_)) => {
                with(Value::Timestamp(0), zone, &|arguments| Tree::Cel(name.clone(), true, arguments))
            }
            _ => None,
        },
        _ => None,
    }
}
