//! Literals whose type their place gives: `"100 USD"`, `"30d"`, `"5%"`, RFC 3339 instants, enum values.
//! It never guesses a type from the text.

mod spelt;

pub(crate) use spelt::{spelt, unlisted};

use crate::ast::{Literal, Scalar};
use crate::code::expression as codes;
use crate::diagnostic::{Diagnostic, nearest};
use crate::money::{Currency, Money};
use crate::ty::{Ty, TypeTable};
use crate::value::Value;
use rust_decimal::Decimal;

/// Microseconds of each unit of a duration, the longest names first.
const UNITS: &[(&str, i64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
    ("w", 604_800_000_000),
    ("y", 31_536_000_000_000),
];

/// Reads a text as a type. An amount names its currency, wherever it is written: nothing is taken for granted that a change of the
/// project's currency would change.
///
/// # Errors
/// Why it is no such value: one lower-case sentence for people.
pub fn read(text: &str, ty: &Ty, types: &TypeTable) -> Result<Value, String> {
    let wrong = |kind: &str, like: &str| format!("`{}` is no {kind}; write it like {like}", shortened(text));
    match ty {
        Ty::String | Ty::Json | Ty::Dyn | Ty::Unknown => Ok(Value::string(text)),
        Ty::Bool => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(wrong("bool", "`true` or `false`")),
        },
        Ty::Int => text.parse().map(Value::Int).map_err(|_| wrong("int", "`12`")),
        Ty::Double => double(text).map(Value::Double).ok_or_else(|| wrong("number", "`0.5` or `5%`")),
        Ty::Bytes => Ok(Value::Bytes(text.as_bytes().into())),
        Ty::Money => match Money::parse(text) {
            Some(money) => Ok(Value::Money(money)),
            None if decimal(text.trim()).is_some() => {
                Err(format!("`{text}` has no currency: money is a number and a currency, like `{} USD`", text.trim()))
            }
            None => Err(wrong("money", "`100 USD`")),
        },
        Ty::Decimal => decimal(text).map(Value::Decimal).ok_or_else(|| wrong("decimal", "`12.50`")),
        Ty::UInt => text.parse().map(Value::UInt).map_err(|_| wrong("uint", "`12`")),
        Ty::Type => Err(format!("`{}` is no type", shortened(text))),
        Ty::Duration => duration(text).map(Value::Duration).ok_or_else(|| wrong("duration", "`30d`, `4h` or `1h30m`")),
        Ty::Timestamp => timestamp(text).map(Value::Timestamp).ok_or_else(|| wrong("timestamp", "`2026-01-31T09:00:00Z`")),
        Ty::Optional(inner) => read(text, inner, types),
        Ty::Enum(name) => member(text, name, types),
        Ty::Null => Err(format!("`{}` stands where nothing may stand", shortened(text))),
        Ty::List(_) => Err("a list is written as several values".to_owned()),
        Ty::Map(_) | Ty::Keyed(..) | Ty::Record(_) | Ty::Object(_) => Err(format!("`{}` is text, {ty} has fields", shortened(text))),
    }
}

/// Reads a literal of the configuration as a type. `currency` is what is proposed for an amount that names none.
///
/// # Errors
/// A diagnostic at the literal.
#[expect(clippy::result_large_err, reason = "read once for each literal of a configuration; callers report the diagnostic at once")]
pub fn read_scalar(literal: &Literal, ty: &Ty, types: &TypeTable, currency: Option<Currency>) -> Result<Value, Diagnostic> {
    let inner = if let Ty::Optional(inner) = ty { inner } else { ty };
    let wrong = |reason: String| Diagnostic::new(&codes::LITERAL, literal.span, reason).label(format!("must be {ty}"));
    let refuse = |what: &str| Err(wrong(format!("{what} stands where {ty} is expected")));
    match (&literal.scalar, inner) {
        (Scalar::Null, _) if matches!(ty, Ty::Optional(_) | Ty::Null | Ty::Json) => Ok(Value::Null),
        (_, Ty::List(item)) => Ok(Value::list([read_scalar(literal, item, types, currency)?])),
        (Scalar::String(text), _) => read(text, inner, types).map_err(|reason| misread(literal, text, (inner, currency), types, reason)),
        (Scalar::Int(number), Ty::Int | Ty::Json | Ty::Unknown) => Ok(Value::Int(*number)),
        #[expect(clippy::cast_precision_loss, reason = "an int meets double as double")]
        (Scalar::Int(number), Ty::Double) => Ok(Value::Double(*number as f64)),
        (Scalar::Int(number), Ty::Decimal) => Ok(Value::Decimal(Decimal::from(*number))),
        (Scalar::Double(_), Ty::Decimal) => {
            Err(wrong("a number with a point is no exact decimal".to_owned()).help("write it in quotes: `\"12.50\"`"))
        }
        (Scalar::Double(number), _) if !number.is_finite() => {
            Err(wrong("this is no number that can be counted with".to_owned()).help("write a finite number"))
        }
        (Scalar::Double(number), Ty::Double | Ty::Json | Ty::Unknown) => Ok(Value::Double(*number)),
        (Scalar::Bool(truth), Ty::Bool | Ty::Json | Ty::Unknown) => Ok(Value::Bool(*truth)),
        (Scalar::Int(number), Ty::Money) => {
            let like = currency.map_or("USD".to_owned(), |currency| currency.as_str().to_owned());
            let diagnostic = wrong(format!("`{number}` has no currency")).help(format!("write it like `\"{number} {like}\"`"));
            Err(diagnostic.fix("name the currency", literal.span, format!("\"{number} {like}\"")))
        }
        (Scalar::Int(number), Ty::Duration) => Err(wrong(format!("`{number}` has no unit")).help("write it like `\"30d\"` or `\"250ms\"`")),
        (Scalar::Int(_), _) => refuse("a whole number"),
        (Scalar::Double(_), _) => refuse("a number"),
        (Scalar::Bool(_), _) => refuse("a bool"),
        (Scalar::Null, _) => refuse("`#null`"),
    }
}

fn misread(literal: &Literal, text: &str, (ty, currency): (&Ty, Option<Currency>), types: &TypeTable, reason: String) -> Diagnostic {
    if let Ty::Enum(name) = ty {
        return not_a_member(literal.span, text, name, types, "\"");
    }
    let diagnostic = Diagnostic::new(&codes::LITERAL, literal.span, reason).label(format!("must be {ty}"));
    match spelt(text, ty, currency) {
        Some(right) => diagnostic.fix(format!("write `{right}`"), literal.span, format!("\"{right}\"")),
        None => diagnostic,
    }
}

/// The diagnostic for a text that is none of an enum's values.
pub(crate) fn not_a_member(span: crate::source::Span, text: &str, name: &str, types: &TypeTable, quote: &str) -> Diagnostic {
    let values: Vec<&str> = types.enums.get(name).map(|values| values.iter().map(String::as_str).collect()).unwrap_or_default();
    let message = format!("`{}` is not one of the values of `{name}`", shortened(text));
    let diagnostic = Diagnostic::new(&codes::ENUM_VALUE, span, message).label(format!("must be a `{name}`"));
    match nearest(text, values.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).meant(text, near, span, format!("{quote}{near}{quote}")),
        None => diagnostic.help(format!("its values: {}", listed(&values))),
    }
}

fn member(text: &str, name: &str, types: &TypeTable) -> Result<Value, String> {
    let Some(values) = types.enums.get(name) else { return Ok(Value::string(text)) };
    if values.iter().any(|value| value == text) {
        return Ok(Value::string(text));
    }
    let near = nearest(text, values.iter().map(String::as_str)).map(|near| format!("; did you mean `{near}`?"));
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let hint = near.unwrap_or_else(|| format!("; its values: {}", listed(&values)));
    Err(format!("`{}` is not one of the values of `{name}`{hint}", shortened(text)))
}

/// A number, or a share such as `5%`; finite.
fn double(text: &str) -> Option<f64> {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'));
    let number: f64 = match text.strip_suffix('%') {
        // The exponent keeps the reading exact where a division would round twice.
        Some(share) if plain(share) && !share.contains(['e', 'E']) => format!("{share}e-2").parse().ok()?,
        Some(_) => return None,
        None if plain(text) => text.parse().ok()?,
        None => return None,
    };
    number.is_finite().then_some(number)
}

/// An exact decimal number such as `-12.50`: digits with at most one point between them, at most 28 of them.
#[must_use]
pub fn decimal(text: &str) -> Option<Decimal> {
    let plain = text.strip_prefix('-').unwrap_or(text);
    let digits = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !digits || plain.starts_with('.') || plain.ends_with('.') {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

/// Microseconds of `30d`, `250ms`, `1h30m`, `1.5h`, `-5m`; a day is 24 hours, a year 365 days.
/// `None` for anything else, for less than a microsecond and for more than ten thousand years.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after.find(|character: char| !character.is_ascii_lowercase()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters)?;
        let factor = i128::from(UNITS.iter().find(|(name, _)| *name == unit)?.1);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || fraction.is_empty() || whole.len() > 18 || fraction.len() > 12 || fraction.contains('.') {
            return None;
        }
        let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        let parts = factor * fraction.parse::<i128>().ok()?;
        if parts % scale != 0 {
            return None;
        }
        total += factor * whole.parse::<i128>().ok()? + parts / scale;
        rest = after;
    }
    i64::try_from(if negative { -total } else { total }).ok().filter(|micros| duration_range().contains(micros))
}

/// The durations there are: ten thousand years either way, as CEL has them.
pub(crate) fn duration_range() -> std::ops::RangeInclusive<i64> {
    -315_576_000_000_000_000..=315_576_000_000_000_000
}

/// Microseconds since 1970 UTC of an RFC 3339 instant of the years 1 to 9999.
#[must_use]
pub fn timestamp(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b':' | b'.' | b'T' | b'Z'));
    if !plain {
        return None;
    }
    let micros = text.parse::<jiff::Timestamp>().ok()?.as_microsecond();
    timestamp_range().contains(&micros).then_some(micros)
}

/// The instants there are: the years 1 to 9999, less its last day, which has no place in every time zone.
pub(crate) fn timestamp_range() -> std::ops::RangeInclusive<i64> {
    -62_135_596_800_000_000..=jiff::Timestamp::MAX.as_microsecond()
}

/// The RFC 3339 text of microseconds since 1970 UTC.
#[must_use]
pub fn timestamp_text(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).map_or_else(|_| format!("{micros} µs"), |instant| instant.to_string())
}

/// The text of a duration that [`duration`] reads back: days, hours, minutes, seconds and below.
#[must_use]
pub fn duration_text(micros: i64) -> String {
    if micros == 0 {
        return "0s".to_owned();
    }
    let mut text = if micros < 0 { "-".to_owned() } else { String::new() };
    let mut rest = micros.unsigned_abs();
    for (unit, factor) in UNITS.iter().rev().filter(|(unit, _)| !matches!(*unit, "y" | "w")) {
        let factor = factor.unsigned_abs();
        if rest >= factor {
            text.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    text
}

/// At most forty characters of a text, for messages.
pub(crate) fn shortened(text: &str) -> String {
    let line: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(41).collect();
    if line.chars().count() <= 40 { line } else { line.chars().take(39).chain(['…']).collect() }
}

/// At most eight names in backticks, for help lines.
pub(crate) fn listed(names: &[&str]) -> String {
    let mut text: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    if names.len() > 8 {
        text.push(format!("and {} more", names.len() - 8));
    }
    text.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{duration, duration_text, read, read_scalar, timestamp};
    use crate::ast::{Literal, Scalar};
    use crate::money::{Currency, Money};
    use crate::source::{SourceId, Span};
    use crate::ty::{Ty, TypeTable};
    use crate::value::Value;

    #[test]
    fn texts_are_read_by_their_place() {
        let types = TypeTable { enums: [("size".to_owned(), vec!["small".to_owned(), "large".to_owned()])].into(), ..TypeTable::default() };
        let read = |text: &str, ty: &Ty| read(text, ty, &types);
        assert_eq!(read("5%", &Ty::Double), Ok(Value::Double(0.05)));
        assert_eq!(read("12.5%", &Ty::Double), Ok(Value::Double(0.125)));
        assert_eq!(read("0.1%", &Ty::Double), Ok(Value::Double(0.001)));
        assert_eq!(read("100 USD", &Ty::Money), Ok(Value::Money(Money::parse("100 USD").unwrap())));
        assert_eq!(read("100", &Ty::Money), Err("`100` has no currency: money is a number and a currency, like `100 USD`".to_owned()));
        assert_eq!(read("-3.50 EUR", &Ty::Money.optional()), Ok(Value::Money(Money::parse("-3.5 EUR").unwrap())));
        assert_eq!(read("-12.50", &Ty::Decimal).map(|number| crate::conform::to_json(&number)), Ok("-12.50".into()));
        assert_eq!(read("large", &Ty::Enum("size".to_owned())), Ok(Value::string("large")));
        assert_eq!(
            read("larg", &Ty::Enum("size".to_owned())).unwrap_err(),
            "`larg` is not one of the values of `size`; did you mean `large`?"
        );
        for (text, ty) in [
            ("inf", Ty::Double),
            ("NaN", Ty::Double),
            ("1e999", Ty::Double),
            ("%", Ty::Double),
            ("1.5", Ty::Int),
            ("yes", Ty::Bool),
            ("$5", Ty::Money),
            ("5 usd", Ty::Money),
            ("2026-01-31", Ty::Timestamp),
            ("30", Ty::Duration),
            ("1e3", Ty::Decimal),
            (".5", Ty::Decimal),
            ("12345678901234567890123456789012", Ty::Decimal),
        ] {
            assert!(read(text, &ty).is_err(), "{text} was read as {ty}");
        }
    }

    #[test]
    fn durations_have_days_and_weeks_and_are_written_back() {
        for (text, micros) in [
            ("30d", 2_592_000_000_000),
            ("2w", 1_209_600_000_000),
            ("2y", 63_072_000_000_000),
            ("1h30m", 5_400_000_000),
            ("1.5h", 5_400_000_000),
            ("250ms", 250_000),
            ("-5m", -300_000_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Some(micros), "{text}");
            assert_eq!(duration(&duration_text(micros)), Some(micros), "{text}");
        }
        for text in ["", "-", "d", "1", "1x", "1.d", "1..5h", ".5h", "1 h", "0.0000001s", "99999999999999999999d", "9999999y", "1h-", "1é"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn instants_are_rfc_3339() {
        assert_eq!(timestamp("1970-01-01T01:00:00.5+01:00"), Some(500_000));
        for text in
            ["", "now", "2026-01-31", "2026-01-31T25:00:00Z", "2026-02-30T00:00:00Z", "2026-01-31T00:00:00", "2026-01-31T00:00:00Z[UTC]"]
        {
            assert_eq!(timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_where_money_is_wanted_names_the_fix() {
        let literal = Literal { scalar: Scalar::Int(5), annotation: None, span: Span::new(SourceId(0), 0, 1), offsets: Vec::new() };
        let refused = read_scalar(&literal, &Ty::Money, &TypeTable::default(), Currency::parse("EUR")).unwrap_err();
        assert_eq!((refused.code.id, refused.fixes[0].edits[0].text.as_str()), ("TW0208", "\"5 EUR\""));
        assert_eq!(read_scalar(&literal, &Ty::Double, &TypeTable::default(), None), Ok(Value::Double(5.0)));
        assert!(read_scalar(&literal, &Ty::String, &TypeTable::default(), None).is_err());
    }
}
