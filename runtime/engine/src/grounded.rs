//! Whether a draft says only what facts say: every number, price, size, date and name in it occurs in one of them.
//!
//! It compares what is written and understands nothing: a true sentence about a number that no fact holds is refused, and a false one
//! that takes its numbers and names from facts is not found.

use tradewind_lang::conform::to_json;
use tradewind_lang::value::Value;

/// Words that begin with a capital letter wherever they stand, and name nothing.
const NO_NAMES: &[&str] = &["i", "i'm", "i'll", "i've", "i'd", "ok"];

/// A number as it is written, with the unit of money at it.
#[derive(Debug, Clone, PartialEq)]
struct Number {
    text: String,
    currency: Option<String>,
}

/// What a draft says that no fact holds, as it stands there, each once.
pub(crate) fn unsupported(draft: &Value, facts: &[Value]) -> Vec<String> {
    let mut known = String::new();
    facts.iter().for_each(|fact| gather(fact, &mut known));
    let numbers = numbers_of(&known);
    let words: Vec<String> = words_of(&known).into_iter().map(|(word, _)| word.to_lowercase()).collect();
    let mut said = String::new();
    gather(draft, &mut said);
    let mut found: Vec<String> = Vec::new();
    let mut add = |claim: String| {
        if !found.contains(&claim) {
            found.push(claim);
        }
    };
    for number in numbers_of(&said) {
        let same = |other: &Number| {
            let currency = match (&number.currency, &other.currency) {
                (Some(one), Some(two)) => one == two,
                _ => true,
            };
            number.text == other.text && currency
        };
        if !numbers.iter().any(same) {
            add(format!("`{}{}`", number.text, number.currency.as_ref().map(|currency| format!(" {currency}")).unwrap_or_default()));
        }
    }
    for name in names_of(&said) {
        if !words.contains(&name.to_lowercase()) {
            add(format!("`{name}`"));
        }
    }
    found
}

/// Every text and number of a value, one a line, so that nothing runs into its neighbour.
fn gather(value: &Value, into: &mut String) {
    match value {
        Value::List(items) => items.iter().for_each(|item| gather(item, into)),
        Value::Record(record) => record.0.iter().for_each(|(_, field)| gather(field, into)),
        Value::Null | Value::Bool(_) | Value::Bytes(_) => {}
        Value::String(text) => into.push_str(text),
        other => into.push_str(to_json(other).to_string().trim_matches('"')),
    }
    into.push('\n');
}

/// Numbers with their separators, in one spelling: `1,299.00` is `1299`.
fn numbers_of(text: &str) -> Vec<Number> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        if !letter.is_ascii_digit() {
            at += 1;
            continue;
        }
        let begin = at;
        let is_digit = |place: usize| letters.get(place).is_some_and(char::is_ascii_digit);
        while is_digit(at) || letters.get(at).is_some_and(|letter| matches!(letter, '.' | ',')) && is_digit(at + 1) {
            at += 1;
        }
        let written: String = letters.get(begin..at).unwrap_or_default().iter().collect();
        let before = letters.get(..begin).unwrap_or_default().iter().rev().find(|letter| **letter != ' ').copied();
        let after: String = letters.get(at..).unwrap_or_default().iter().skip_while(|letter| **letter == ' ').take(3).collect();
        found.push(Number { text: spelled(&written), currency: currency(before, &after) });
    }
    found
}

/// One spelling of a number: no separators of thousands, no zeros that say nothing.
fn spelled(written: &str) -> String {
    let point = match (written.rfind('.'), written.rfind(',')) {
        // Three digits behind a single kind of separator are thousands.
        (Some(at), None) | (None, Some(at)) => Some(at).filter(|at| written.len() - at != 4),
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (None, None) => None,
    };
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let (whole, part) = match point {
        Some(at) => (digits(written.get(..at).unwrap_or_default()), digits(written.get(at..).unwrap_or_default())),
        None => (digits(written), String::new()),
    };
    let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
    let whole = if whole.is_empty() { "0" } else { whole };
    if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") }
}

fn currency(before: Option<char>, after: &str) -> Option<String> {
    let sign = |letter: char| match letter {
        '$' => Some("USD"),
        '€' => Some("EUR"),
        '£' => Some("GBP"),
        '¥' => Some("JPY"),
        _ => None,
    };
    let code = || (after.len() == 3 && after.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| after.to_owned());
    let found = before.and_then(sign).or_else(|| after.chars().next().and_then(sign));
    found.map(str::to_owned).or_else(code)
}

/// Words, each with whether it begins a sentence.
fn words_of(text: &str) -> Vec<(&str, bool)> {
    let mut words = Vec::new();
    for line in text.lines() {
        let mut begins = true;
        for piece in line.split_whitespace() {
            let word = piece.trim_matches(|letter: char| !letter.is_alphanumeric());
            let word = word.strip_suffix("'s").or_else(|| word.strip_suffix("’s")).unwrap_or(word);
            if !word.is_empty() {
                words.push((word, begins));
            }
            begins = piece.ends_with(['.', '!', '?', ':', ';']) || word.is_empty() && begins;
        }
    }
    words
}

/// Words that look like names: a capital letter within a sentence, or letters and digits together.
fn names_of(text: &str) -> Vec<String> {
    let words = words_of(text);
    let is_capital = |word: &str| word.chars().next().is_some_and(char::is_uppercase);
    let mut names = Vec::new();
    for (place, (word, begins)) in words.iter().enumerate() {
        let mixed = word.chars().any(char::is_alphabetic) && word.chars().any(|letter| letter.is_ascii_digit());
        let follows = words.get(place + 1).is_some_and(|(next, begins)| is_capital(next) && !begins);
        // The first word of a sentence is a name where another one follows it at once.
        let named = is_capital(word) && (!begins || follows && word.chars().count() > 3);
        let code = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
        if (mixed || named && !code) && !NO_NAMES.contains(&word.to_lowercase().as_str()) {
            names.push((*word).to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn against(draft: &str) -> Vec<String> {
        let facts = [Value::list([Value::record([
            ("name", Value::string("Oslo armchair by Fjord, cover of wool, 84 cm wide")),
            ("price", Value::Money(tradewind_lang::money::Money::parse("1299 USD").unwrap())),
            ("since", Value::string("2026-01-31")),
        ])])];
        unsupported(&Value::record([("body", Value::string(draft))]), &facts)
    }

    #[test]
    fn what_facts_say_may_be_said_in_other_spellings() {
        assert_eq!(against("The Oslo armchair is 84 cm wide and costs $1,299.00. It is sold since 2026-01-31."), Vec::<String>::new());
        assert_eq!(against("Fjord's wool cover, 1299 USD"), Vec::<String>::new());
    }

    #[test]
    fn another_number_price_currency_date_or_name_is_found() {
        assert_eq!(against("It is 85 cm wide."), ["`85`"]);
        assert_eq!(against("Now for only 1199 USD."), ["`1199 USD`"]);
        assert_eq!(against("It costs €1,299."), ["`1299 EUR`"]);
        assert_eq!(against("Sold since 2025-01-31."), ["`2025`"]);
        assert_eq!(against("An armchair by Nordhaus, the X200."), ["`200`", "`Nordhaus`", "`X200`"]);
    }
}
