//! The `Retry-After` header (RFC 9110, 10.2.3): seconds, or a date that is measured against the answer's own `Date`. It reads no clock.

use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use tradewind_lang::plan::Micros;

/// Nobody is made to wait longer.
const LONGEST: Micros = 24 * 60 * 60 * 1_000_000;

/// How long the answer asks to wait; `None` where it does not say, or says it in no known way.
pub(crate) fn read(headers: &HeaderMap) -> Option<Micros> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => Micros::from(seconds) * 1_000_000,
        Err(_) => instant(headers, &RETRY_AFTER)?.checked_sub(instant(headers, &DATE)?)?,
    };
    Some(wait.clamp(0, LONGEST))
}

fn instant(headers: &HeaderMap, name: &HeaderName) -> Option<Micros> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(rfc2822::parse(text).ok()?.timestamp().as_microsecond())
}
