//! An expression as it is written: its tokens, and a tree in which every part knows its place in the text.
//! It checks and computes nothing; `expr.rs` does. Layout and explanations need the text, which a checked tree no longer has.

pub mod layout;
mod tree;

pub use tree::{Form, Part, parse};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A name or a word such as `in` and `true`.
    Word,
    /// A number.
    Number,
    /// A string or bytes, with its prefix.
    Text,
    /// An operator or a bracket.
    Sign,
    /// `// …`.
    Comment,
    /// Nothing that an expression knows.
    Unknown,
}

/// A piece of the text without white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) text: &'a str,
    /// First byte.
    pub(crate) start: usize,
}

impl Token<'_> {
    /// One past the last byte.
    pub(crate) fn end(&self) -> usize {
        self.start + self.text.len()
    }
}

/// Signs of two characters; all others are one.
const DOUBLE: &[&str] = &["&&", "||", "==", "!=", "<=", ">="];

/// Every token of a text, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = rest.len() - rest.trim_start().len();
        if blank > 0 {
            at += blank;
            continue;
        }
        let (kind, length) = token(rest);
        found.push(Token { kind, text: rest.get(..length).unwrap_or(rest), start: at });
        at += length.max(1);
    }
    found
}

fn token(rest: &str) -> (TokenKind, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    let second = rest.chars().nth(1);
    if rest.starts_with("//") {
        return (TokenKind::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if let Some((length, closed)) = string_length(rest) {
        return (if closed { TokenKind::Text } else { TokenKind::Unknown }, length);
    }
    if first.is_ascii_digit() || (first == '.' && second.is_some_and(|second| second.is_ascii_digit())) {
        return (TokenKind::Number, number_length(rest));
    }
    if first.is_alphabetic() || first == '_' {
        let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        return (TokenKind::Word, length);
    }
    if DOUBLE.iter().any(|sign| rest.starts_with(sign)) {
        return (TokenKind::Sign, 2);
    }
    let known = "()[]{}.,:?<>!+-*/%".contains(first);
    (if known { TokenKind::Sign } else { TokenKind::Unknown }, first.len_utf8())
}

/// The length of a number: digits, a fraction, an exponent, or hex; a `u` behind it belongs to it.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 0;
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    while let Some(byte) = bytes.get(at) {
        let sign = matches!(byte, b'+' | b'-') && !hex && at > 0 && matches!(bytes.get(at - 1), Some(b'e' | b'E'));
        let point = *byte == b'.' && !hex && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || sign || point) {
            break;
        }
        at += 1;
    }
    at
}

/// The length of the string that a text begins with, its prefix and quotes included, and whether it is closed; if not, it ends with the text.
fn string_length(rest: &str) -> Option<(usize, bool)> {
    let prefix = rest.chars().take_while(|letter| matches!(letter, 'r' | 'R' | 'b' | 'B')).count();
    let after = rest.get(prefix..).filter(|_| prefix <= 2)?;
    let quote = after.chars().next().filter(|letter| matches!(letter, '\'' | '"'))?;
    let raw = rest.get(..prefix).is_some_and(|prefix| prefix.contains(['r', 'R']));
    let triple: String = [quote; 3].iter().collect();
    let close = if after.starts_with(&triple) { triple } else { quote.to_string() };
    let mut at = close.len();
    while let Some(tail) = after.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with(&close) {
            return Some((prefix + at + close.len(), true));
        }
        let length = tail.chars().next().map_or(1, char::len_utf8);
        let escaped = !raw && tail.starts_with('\\');
        at += length;
        if escaped {
            at += tail.chars().nth(1).map_or(0, char::len_utf8);
        }
    }
    Some((rest.len(), false))
}

#[cfg(test)]
mod tests {
    use super::tokens;

    #[test]
    fn texts_are_cut_into_tokens() {
        let cut = |text| tokens(text).iter().map(|token| token.text).collect::<Vec<_>>();
        assert_eq!(cut("a.b>=1.5e-3&&!r'\\'"), ["a", ".", "b", ">=", "1.5e-3", "&&", "!", "r'\\'"]);
        assert_eq!(cut("x in ['a\\'b', b\"c\"] // why"), ["x", "in", "[", "'a\\'b'", ",", "b\"c\"", "]", "// why"]);
        assert_eq!(cut("'''it's'''+1u"), ["'''it's'''", "+", "1u"]);
        assert_eq!(cut("raw.bar"), ["raw", ".", "bar"]);
        assert_eq!(cut("'open"), ["'open"]);
    }
}
