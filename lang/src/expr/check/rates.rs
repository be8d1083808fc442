//! The rates that `exchange` takes in: those of the project that lead to the currency it names.

use super::{Checker, Range};
use crate::code::expression as codes;
use crate::expr::tree::Tree;
use crate::money::Currency;
use crate::value::Value;
use std::sync::Arc;

impl Checker<'_> {
    /// The rates into the currency that a call names: its third argument.
    pub(super) fn rates(&mut self, currency: Option<&Tree>, range: Range) -> Tree {
        let named = match currency {
            Some(Tree::Constant(Value::String(text))) => Some(text.clone()),
            _ => None,
        };
        let wanted = named.as_deref().and_then(Currency::parse);
        let Some(wanted) = wanted else {
            self.report(&codes::ARGUMENTS, range, "`exchange` names the currency that it leads to".to_owned()).help =
                Some("write it like `exchange(order.total, 'EUR')`".to_owned());
            return Tree::Constant(Value::List(Arc::new(Vec::new())));
        };
        let into: Vec<Value> = self
            .types
            .exchanges
            .iter()
            .filter(|(_, to)| to.currency == wanted)
            .map(|(from, to)| Value::list([Value::Money(*from), Value::Money(*to)]))
            .collect();
        if into.is_empty() {
            let to = wanted.as_str();
            self.report(&codes::CURRENCIES, range, format!("nothing says what any other currency is worth in {to}")).help =
                Some(format!("declare a rate in the project, such as `exchange \"1 USD\" \"… {to}\"`"));
        }
        Tree::Constant(Value::List(Arc::new(into)))
    }
}
