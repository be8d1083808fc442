//! `exchange(amount, 'EUR')`: an amount in another currency, by a rate that the project declares in that direction. The rates are taken
//! into the expression when it is checked, so that a plan's digest changes with them, and a run computes with those of its plan.

use super::EvalError;
use super::evaluate::failure;
use crate::money::Money;
use crate::value::Value;

/// An amount in a currency, rounded half to even to its smallest unit; as it is, where it is in that currency.
pub(super) fn exchanged(money: Money, currency: &str, rates: &[Value]) -> Result<Value, EvalError> {
    if money.currency.as_str() == currency {
        return Ok(Value::Money(money));
    }
    let rate = rates.iter().find_map(|rate| match rate {
        Value::List(pair) => match pair.as_slice() {
            [Value::Money(from), Value::Money(to)] if from.currency == money.currency && to.currency.as_str() == currency => {
                Some((*from, *to))
            }
            _ => None,
        },
        _ => None,
    });
    let Some((from, to)) = rate else {
        return failure(format!("no `exchange` says what {} is worth in {currency}", money.currency.as_str()));
    };
    // First the product, which is exact, then the quotient.
    let amount = money.amount.checked_mul(to.amount).and_then(|amount| amount.checked_div(from.amount));
    match amount {
        Some(amount) => Ok(Value::Money(Money { amount, currency: to.currency }.rounded())),
        None => failure(format!("{money} in {currency} is too much to be written")),
    }
}
