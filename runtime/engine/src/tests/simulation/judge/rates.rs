//! What an amount is in another currency: by the rate of the plan that the run follows, whatever is active, rounded half to even. Reckoned
//! again with whole numbers.

use super::Judge;
use crate::event::{Event, EventKind};
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

/// So many digits after the point.
fn scaled(amount: &Money, digits: usize) -> i128 {
    let text = amount.amount.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    let rest: String = rest.chars().chain("000000".chars()).take(digits).collect();
    format!("{whole}{rest}").parse().unwrap()
}

/// Cents of one by a rate in thousandths.
fn exchanged(cents: i128, rate: i128) -> i128 {
    let (whole, rest) = (cents * rate / 1000, cents * rate % 1000);
    whole + i128::from(rest > 500 || rest == 500 && whole % 2 == 1)
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let (Some(run), EventKind::RunCompleted { output }) = (&event.header.run, &event.kind) else { return };
    // A fork keeps what was reckoned before, of another input and by another rate.
    let Some(known) = judge.runs.get(run).filter(|known| &*known.flow == "fee" && !judge.families.is_forked(run)) else { return };
    let Some(Value::Money(amount)) = known.input.get("amount") else { return };
    let rate = judge.plans.get(&known.plan).and_then(|pinned| pinned.plan.project.exchanges.first().cloned());
    let wanted = rate.map(|(_, rate)| exchanged(scaled(amount, 2), scaled(&rate, 3)));
    let told = ["first", "again"].map(|name| match output.get(name) {
        Some(Value::Money(money)) if money.currency.as_str() == "EUR" => Some(scaled(money, 2)),
        _ => None,
    });
    if told.iter().any(|told| *told != wanted) {
        judge.violated("rates", format!("run {run} says that {amount} are {told:?} cents, and they are {wanted:?}"));
    }
}
