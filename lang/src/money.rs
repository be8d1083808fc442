//! Money: an exact decimal amount of one currency. Conversions are not made here.

mod listed;

use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An ISO 4217 currency code: three upper-case ASCII letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Reads a code such as `USD`; `None` for anything but three upper-case ASCII letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }

    /// ISO 4217's `XXX`: no currency.
    #[must_use]
    pub fn none() -> Self {
        Self(*b"XXX")
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Digits after the point in its smallest unit (ISO 4217, the exceptions shops meet).
    #[must_use]
    pub fn digits(&self) -> u32 {
        match &self.0 {
            b"JPY" | b"KRW" | b"VND" | b"CLP" | b"ISK" => 0,
            b"BHD" | b"KWD" | b"OMR" | b"JOD" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = String;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a currency code"))
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

/// An exact amount in one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount in the currency's main unit (dollars, not cents).
    pub amount: Decimal,
    /// Its currency.
    pub currency: Currency,
}

impl Money {
    /// Reads `100 USD`, `-3.50 EUR`: a plain decimal, one space, a currency code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (amount, currency) = text.split_once(' ')?;
        let plain = amount.strip_prefix('-').unwrap_or(amount);
        let digits = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        if !digits || plain.starts_with('.') || plain.ends_with('.') {
            return None;
        }
        Some(Self { amount: amount.parse().ok()?, currency: Currency::parse(currency)? })
    }

    /// Nothing, in a currency.
    #[must_use]
    pub fn zero(currency: Currency) -> Self {
        Self { amount: Decimal::ZERO, currency }
    }

    /// The sum; `None` where the currencies differ or the amount overflows.
    #[must_use]
    pub fn plus(self, other: Self) -> Option<Self> {
        self.same(other)?;
        Some(Self { amount: self.amount.checked_add(other.amount)?, ..self })
    }

    /// The difference; `None` where the currencies differ or the amount overflows.
    #[must_use]
    pub fn minus(self, other: Self) -> Option<Self> {
        self.same(other)?;
        Some(Self { amount: self.amount.checked_sub(other.amount)?, ..self })
    }

    /// The product with a number; `None` for an overflow, an infinity or not-a-number. Exact in the decimal
    /// reading of the number: `0.15` is fifteen hundredths.
    #[must_use]
    pub fn times(self, factor: f64) -> Option<Self> {
        let factor: Decimal = if factor.fract() == 0.0 { Decimal::from_f64(factor)? } else { format!("{factor}").parse().ok()? };
        Some(Self { amount: self.amount.checked_mul(factor)?.normalize(), ..self })
    }

    /// What `count` cost where this is the price of `per`; `None` for an overflow, and where `per` is zero.
    #[must_use]
    pub fn part(self, count: u64, per: u64) -> Option<Self> {
        let amount = self.amount.checked_mul(Decimal::from(count))?.checked_div(Decimal::from(per))?;
        Some(Self { amount: amount.normalize(), ..self })
    }

    /// The ratio of two amounts; `None` where the currencies differ or the divisor is zero.
    #[must_use]
    pub fn ratio(self, other: Self) -> Option<f64> {
        self.same(other)?;
        self.amount.checked_div(other.amount)?.to_f64()
    }

    /// Order of two amounts of one currency; `None` across currencies.
    #[must_use]
    pub fn compare(self, other: Self) -> Option<std::cmp::Ordering> {
        self.same(other)?;
        Some(self.amount.cmp(&other.amount))
    }

    /// Rounded half to even to the currency's smallest unit.
    #[must_use]
    pub fn rounded(self) -> Self {
        Self { amount: self.amount.round_dp_with_strategy(self.currency.digits(), RoundingStrategy::MidpointNearestEven), ..self }
    }

    fn same(self, other: Self) -> Option<()> {
        (self.currency == other.currency).then_some(())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.digits();
        let mut amount = self.amount.normalize();
        if amount.scale() < digits {
            amount.rescale(digits);
        }
        write!(out, "{amount} {}", self.currency.as_str())
    }
}
