//! Words, numbers and keywords: where they end and what is wrong with them. Strings in quotes are read elsewhere.

use super::chars::{is_newline, is_space, is_word};
use super::findings::{quoted, shown};
use super::lex::{Lexer, TokenKind, find_on_line, line_length};
use crate::code::syntax as code;
use crate::diagnostic::nearest;

const KEYWORDS: [&str; 6] = ["true", "false", "null", "inf", "-inf", "nan"];

impl Lexer<'_> {
    /// Something that begins with a character of a bare word.
    pub(super) fn word(&mut self) {
        let rest = self.rest();
        if rest.starts_with('r') && self.raw_of_kdl_1() {
            return;
        }
        if rest.starts_with(['\'', '‘', '’', '“', '”']) && self.single_quoted() {
            return;
        }
        let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or("");
        if begins_like_number(word) {
            return self.number(word);
        }
        if KEYWORDS.contains(&word) {
            return self.bare_keyword(word);
        }
        if let Some(at) = word.find(['\'', '‘', '’', '“', '”']) {
            let quote = word.get(at..).and_then(|tail| tail.chars().next()).map_or(1, char::len_utf8);
            let start = self.at + at;
            let mistake =
                self.findings.mistake(&code::QUOTE_IN_WORD, start, start + quote, format!("quote inside the bare word {}", shown(word)));
            let span = self.findings.span(self.at, self.at + length);
            let help = "text with a quote in it is written in double quotes";
            self.findings.keep(mistake.label("this is no string").help(help).fix("put it in double quotes", span, quoted(word)));
        }
        self.push(TokenKind::Word, length);
    }

    /// `'…'` on one line, not too far apart, that ends before something that may follow a value.
    fn single_quoted(&mut self) -> bool {
        let rest = self.rest();
        let Some(open) = rest.chars().next() else { return false };
        let closing: &[char] = if open == '\'' { &['\''] } else { &['\'', '‘', '’', '“', '”'] };
        let line = rest.get(open.len_utf8()..).unwrap_or("");
        let near = line.char_indices().take(200).take_while(|(_, character)| !is_newline(*character));
        let mut near = near.filter(|(_, character)| closing.contains(character));
        let close = near.find(|(at, character)| {
            let after = line.get(at + character.len_utf8()..).and_then(|tail| tail.chars().next());
            after.is_none_or(|next| !is_word(next) && next != '"')
        });
        let Some((at, close)) = close else { return false };
        let inner = line.get(..at).unwrap_or("");
        if inner.contains('"') {
            return false;
        }
        let length = open.len_utf8() + at + close.len_utf8();
        let written = rest.get(..length).unwrap_or("");
        let message = format!("quote inside the bare word {}", shown(written));
        let mistake = self.findings.mistake(&code::QUOTE_IN_WORD, self.at, self.at + length, message);
        let span = self.findings.span(self.at, self.at + length);
        let help = "strings are written in double quotes";
        self.findings.keep(mistake.label("this is no string").help(help).fix("use double quotes", span, quoted(inner)));
        self.findings.repair(self.at, self.at + length, quoted(inner));
        self.push(TokenKind::Foreign, length);
        true
    }

    /// `r"…"` and `r#"…"#`.
    fn raw_of_kdl_1(&mut self) -> bool {
        let after = self.rest().get(1..).unwrap_or("");
        let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
        let Some(inner) = after.get(hashes..).and_then(|tail| tail.strip_prefix('"')) else { return false };
        let close = format!("\"{}", "#".repeat(hashes));
        // A raw string of KDL 1 may go over lines; without hashes that is too likely a mistake to follow.
        if self.searches > 8 {
            return false;
        }
        let found = if hashes > 0 { inner.find(&close) } else { find_on_line(inner, &close) };
        let Some(at) = found else {
            self.searches += 1;
            return false;
        };
        let text = inner.get(..at).unwrap_or("");
        let length = 1 + hashes + 1 + at + close.len();
        let more = "#".repeat(hashes.max(1));
        let modern = if text.contains(is_newline) { quoted(text) } else { format!("{more}\"{text}\"{more}") };
        self.kdl_1(length, "a raw string is written `#\"…\"#`, without `r`", "write it the KDL 2 way", &modern);
        self.findings.repair(self.at, self.at + length, quoted(text));
        self.push(TokenKind::Foreign, length);
        true
    }

    fn bare_keyword(&mut self, word: &str) {
        let modern = format!("#{word}");
        self.kdl_1(word.len(), &format!("`{word}` is written `{modern}`"), &format!("write `{modern}`"), &modern);
        self.findings.repair(self.at, self.at + word.len(), modern);
        self.push(TokenKind::Keyword, word.len());
    }

    fn kdl_1(&mut self, length: usize, message: &str, title: &str, modern: &str) {
        let first = !self.findings.has(&code::KDL_1);
        let mistake = self.findings.mistake(&code::KDL_1, self.at, self.at + length, message);
        let span = self.findings.span(self.at, self.at + length);
        let help = if first {
            "this looks like KDL 1; configurations are KDL 2, where keywords begin with `#`: `#true`, `#false`, `#null`"
        } else {
            "KDL 2 writes it differently from KDL 1"
        };
        self.findings.keep(mistake.label("KDL 1").help(help).fix(title, span, modern));
    }

    fn number(&mut self, word: &str) {
        if is_number(word) {
            if is_too_great(word) {
                self.too_great(word);
            }
            return self.push(TokenKind::Number, word.len());
        }
        let mistake = self.findings.mistake(&code::BAD_NUMBER, self.at, self.at + word.len(), format!("{} is not a number", shown(word)));
        let span = self.findings.span(self.at, self.at + word.len());
        let unsigned = word.trim_start_matches(['+', '-']);
        let mended = match unsigned {
            _ if unsigned.starts_with('.') => word.replacen('.', "0.", 1),
            _ if unsigned.ends_with('.') => format!("{word}0"),
            _ => String::new(),
        };
        let mistake = if is_number(&mended) {
            let title = format!("write {}", shown(&mended));
            self.findings.repair(self.at, self.at + word.len(), mended.clone());
            mistake.label("a digit is missing").help("a number has digits on both sides of its point").fix(title, span, mended.clone())
        } else {
            self.findings.repair(self.at, self.at + word.len(), quoted(word));
            let based = ["0x", "0o", "0b"].into_iter().any(|prefix| unsigned.starts_with(prefix));
            let mistake = mistake.label("begins like a number");
            // What was meant to be a number of another base is no text either.
            if based {
                mistake.help("after `0x`, `0o` and `0b` come only digits of that base and `_`")
            } else {
                let help = "text that begins with a digit is written in double quotes";
                mistake.help(help).fix("put it in double quotes", span, quoted(word))
            }
        };
        self.findings.keep(mistake);
        self.push(if is_number(&mended) { TokenKind::Number } else { TokenKind::Word }, word.len());
    }

    fn too_great(&mut self, word: &str) {
        let message = format!("{} is more than a number holds", shown(word));
        let mistake = self.findings.mistake(&code::BAD_NUMBER, self.at, self.at + word.len(), message);
        self.findings.keep(mistake.label("too great").help("whole numbers have at most 38 digits; write fewer, or text in double quotes"));
        self.findings.repair(self.at, self.at + word.len(), "0");
    }

    /// `#true`, a word after `#`, or a lone `#`; raw strings were read before.
    pub(super) fn keyword(&mut self) {
        let after = self.rest().get(1..).unwrap_or("");
        let length = after.find(|character| !is_word(character)).unwrap_or(after.len());
        let word = after.get(..length).unwrap_or("");
        if KEYWORDS.contains(&word) {
            return self.push(TokenKind::Keyword, 1 + length);
        }
        let start = self.at;
        if word.is_empty() {
            return self.lone_hash(after);
        }
        let written = format!("#{word}");
        let mistake =
            self.findings.mistake(&code::UNKNOWN_KEYWORD, start, start + 1 + length, format!("unknown keyword {}", shown(&written)));
        let span = self.findings.span(start, start + 1 + length);
        let lower = word.to_lowercase();
        let mistake = match nearest(&lower, KEYWORDS) {
            Some(keyword) => {
                mistake.help(format!("did you mean `#{keyword}`?")).fix(format!("write `#{keyword}`"), span, format!("#{keyword}"))
            }
            None => mistake
                .help("keywords are `#true`, `#false`, `#null`, `#inf`, `#-inf` and `#nan`; text with a `#` is written in double quotes")
                .fix("put it in double quotes", span, quoted(&written)),
        };
        self.findings.keep(mistake.label("no such keyword"));
        self.findings.repair(start, start + 1 + length, quoted(&written));
        self.push(TokenKind::Word, 1 + length);
    }

    fn lone_hash(&mut self, after: &str) {
        let comment = after.starts_with(|character| is_space(character) || character == '!') && self.begins_line();
        let end = self.at + 1;
        let mistake = self.findings.mistake(&code::UNEXPECTED_CHARACTER, self.at, end, "unexpected `#`");
        let span = self.findings.span(self.at, end);
        if comment {
            self.findings.keep(mistake.label("not a comment").help("a comment begins with `//`").fix("write `//`", span, "//"));
            return self.push(TokenKind::LineComment, line_length(self.rest()));
        }
        self.findings.keep(mistake.label("nothing begins with this").help("text with a `#` is written in double quotes"));
        self.findings.repair(self.at, end, " ");
        self.push(TokenKind::Unknown, 1);
    }

    fn begins_line(&self) -> bool {
        let before = self.tokens.iter().rev().find(|token| token.kind != TokenKind::Space);
        before.is_none_or(|token| matches!(token.kind, TokenKind::Newline | TokenKind::Mark))
    }
}

fn begins_like_number(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    unsigned.strip_prefix('.').unwrap_or(unsigned).starts_with(|character: char| character.is_ascii_digit())
}

/// Whether a whole number is beyond the 128 bits that the KDL reader gives it.
fn is_too_great(word: &str) -> bool {
    let plain: String = word.chars().filter(|digit| *digit != '_').collect();
    // The reader takes the sign off before it counts.
    let digits = plain.trim_start_matches(['+', '-']);
    let (digits, base) = match digits.get(..2) {
        Some("0x") => (digits.get(2..), 16),
        Some("0o") => (digits.get(2..), 8),
        Some("0b") => (digits.get(2..), 2),
        _ => (Some(digits), 10),
    };
    let whole = digits.filter(|digits| digits.len() > 20 && digits.chars().all(|digit| digit.is_digit(base)));
    whole.is_some_and(|digits| i128::from_str_radix(digits, base).is_err())
}

fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let based = |prefix: &str, is_digit: fn(char) -> bool| {
        unsigned
            .strip_prefix(prefix)
            .is_some_and(|digits| digits.starts_with(is_digit) && digits.chars().all(|character| is_digit(character) || character == '_'))
    };
    let digits = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_digit()) && part.chars().all(|digit| digit.is_ascii_digit() || digit == '_')
    };
    if based("0x", |digit| digit.is_ascii_hexdigit())
        || based("0o", |digit| matches!(digit, '0'..='7'))
        || based("0b", |digit| matches!(digit, '0' | '1'))
    {
        return true;
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}
