//! What somebody surely meant who spelt a literal otherwise: `100 usd`, `30 days`, `TRUE`; and currencies that nobody knows.

use super::{decimal, duration};
use crate::code::expression as codes;
use crate::diagnostic::Diagnostic;
use crate::money::{Currency, Money};
use crate::source::Span;
use crate::ty::Ty;

/// What a text surely means that is only spelt otherwise: `100 usd`, `30 days`, `TRUE`.
pub(crate) fn spelt(text: &str, ty: &Ty, currency: Option<Currency>) -> Option<String> {
    let text = text.trim();
    match ty {
        Ty::Money if decimal(text).is_some() => currency.map(|currency| format!("{text} {}", currency.as_str())),
        Ty::Money => Some(text.to_ascii_uppercase()).filter(|text| Money::parse(text).is_some()),
        Ty::Bool => Some(text.to_ascii_lowercase()).filter(|text| text == "true" || text == "false"),
        Ty::Duration => spelt_duration(text),
        _ => None,
    }
}

/// Words for units of a duration, in small letters.
const UNIT_WORDS: &[(&str, &[&str])] = &[
    ("us", &["us", "µs", "microsecond", "microseconds"]),
    ("ms", &["ms", "msec", "millisecond", "milliseconds"]),
    ("s", &["s", "sec", "secs", "second", "seconds"]),
    ("m", &["m", "min", "mins", "minute", "minutes"]),
    ("h", &["h", "hr", "hrs", "hour", "hours"]),
    ("d", &["d", "day", "days"]),
    ("w", &["w", "wk", "week", "weeks"]),
    ("y", &["y", "yr", "year", "years"]),
];

/// A duration in words, with spaces, in brackets or as ISO 8601 writes it: `30 days`, `1h 30m`, `(1d)`, `PT4H`.
fn spelt_duration(text: &str) -> Option<String> {
    let text = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(text).trim().to_lowercase();
    let mut rest = text.as_str();
    if let Some(iso) = text.strip_prefix('p').filter(|iso| iso.starts_with(|letter: char| letter.is_ascii_digit() || letter == 't')) {
        // Of ISO's months nobody says how long they are.
        if iso.split('t').next().is_some_and(|days| days.contains('m')) {
            return None;
        }
        rest = iso;
    }
    let mut right = String::new();
    while !rest.is_empty() {
        rest = rest.trim_start_matches([' ', ',', 't']);
        rest = rest.strip_prefix("and ").map_or(rest, str::trim_start);
        let number = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let (number, after) = rest.split_at_checked(number)?;
        let after = after.trim_start();
        let (word, after) = after.split_at_checked(after.find(|letter: char| !letter.is_alphabetic()).unwrap_or(after.len()))?;
        // ISO's `T` stands between days and hours.
        let (unit, _) = UNIT_WORDS
            .iter()
            .find(|(_, words)| words.contains(&word) || word.strip_suffix('t').is_some_and(|word| words.contains(&word)))?;
        right.push_str(number);
        right.push_str(unit);
        rest = after;
    }
    duration(&right).map(|_| right)
}

/// A currency that ISO 4217 does not list.
pub(crate) fn unlisted(currency: Currency, span: Span) -> Diagnostic {
    let message = format!("`{}` is no currency that ISO 4217 lists", currency.as_str());
    let diagnostic = Diagnostic::new(&codes::UNKNOWN_CURRENCY, span, message).label("unknown currency");
    diagnostic.help("write a code such as `USD` or `EUR`, or leave it where it is really meant")
}

#[cfg(test)]
mod tests {
    use super::spelt;
    use crate::ty::Ty;

    #[test]
    fn durations_that_are_only_spelt_otherwise_are_understood() {
        for (text, right) in [
            ("30 days", "30d"),
            ("(1d)", "1d"),
            ("1h 30m", "1h30m"),
            ("1 hour and 30 minutes", "1h30m"),
            ("5 ms", "5ms"),
            ("2 WEEKS", "2w"),
            ("PT4H", "4h"),
            ("P30D", "30d"),
            ("P1DT2H", "1d2h"),
            ("1.5 hours", "1.5h"),
        ] {
            assert_eq!(spelt(text, &Ty::Duration, None).as_deref(), Some(right), "{text}");
        }
        for text in ["", "days", "P1M", "soon", "30", "1 month", "(", "()", "1d)", "-", "t", "and"] {
            assert_eq!(spelt(text, &Ty::Duration, None), None, "{text}");
        }
    }
}
