//! Sums of money, each currency by itself: nothing is ever converted, and an amount beyond every number stays the greatest.

use crate::money::{Currency, Money};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// So much of each currency.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spend(BTreeMap<Currency, Decimal>);

impl From<Money> for Spend {
    fn from(money: Money) -> Self {
        if money.amount.is_zero() { Self::default() } else { Self(BTreeMap::from([(money.currency, money.amount)])) }
    }
}

impl Spend {
    /// So much of a price that is for so many.
    pub(super) fn of(price: Money, count: u64, per: u64) -> Self {
        let amount = price.amount.checked_mul(Decimal::from(count)).and_then(|sum| sum.checked_div(Decimal::from(per.max(1))));
        Self::from(Money { amount: amount.unwrap_or(Decimal::MAX).normalize(), ..price })
    }

    pub(super) fn plus(mut self, other: &Self) -> Self {
        for (currency, amount) in &other.0 {
            let sum = self.0.entry(*currency).or_default();
            *sum = sum.checked_add(*amount).unwrap_or(Decimal::MAX);
        }
        self
    }

    pub(super) fn times(mut self, count: u64) -> Self {
        self.0.values_mut().for_each(|amount| *amount = amount.checked_mul(Decimal::from(count)).unwrap_or(Decimal::MAX));
        self.0.retain(|_, amount| !amount.is_zero());
        self
    }

    /// The greater of both in each currency.
    pub(super) fn or(mut self, other: &Self) -> Self {
        for (currency, amount) in &other.0 {
            let most = self.0.entry(*currency).or_default();
            *most = (*most).max(*amount);
        }
        self
    }

    /// The same, but of one currency no more than a cap.
    pub(super) fn at_most(mut self, cap: Money) -> Self {
        if let Some(amount) = self.0.get_mut(&cap.currency) {
            *amount = (*amount).min(cap.amount);
        }
        self
    }

    /// The lesser of both in each currency; what one has nothing of is nothing.
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.0.retain(|currency, amount| match other.0.get(currency) {
            Some(most) => {
                *amount = (*amount).min(*most);
                true
            }
            None => false,
        });
        self
    }

    /// Whether it is nothing at all.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some amount is beyond every number, and only the greatest stands for it.
    #[must_use]
    pub fn is_beyond(&self) -> bool {
        self.0.values().any(|amount| *amount == Decimal::MAX)
    }

    /// Each amount, in order of currency.
    pub fn amounts(&self) -> impl Iterator<Item = Money> + '_ {
        self.0.iter().map(|(currency, amount)| Money { amount: *amount, currency: *currency })
    }

    /// Each amount; nothing in a currency where there is none.
    #[must_use]
    pub fn shown(&self, currency: Currency) -> String {
        if self.is_nothing() {
            return Money::zero(currency).to_string();
        }
        let one = |money: Money| {
            if money.amount == Decimal::MAX { format!("more {} than can be counted", money.currency.as_str()) } else { money.to_string() }
        };
        self.amounts().map(one).collect::<Vec<_>>().join(" and ")
    }
}
