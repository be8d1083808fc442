//! CEL text to the tree of the `cel` crate, its complaints turned into diagnostics in the words of this language.
//! No macro is expanded: `has`, `map` and their kin stay calls, so that every place keeps what the user wrote.

use super::outline::{MAX_DEPTH, MAX_LENGTH, Outline};
use crate::ast::Literal;
use crate::code::expression as codes;
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use cel_interpreter::common::ast::{IdedExpr, SourceInfo};
use cel_interpreter::parser::ParseError;
use std::collections::BTreeSet;

/// A parsed expression and what is needed to say where its parts stand.
pub(super) struct Parsed {
    pub(super) root: IdedExpr,
    pub(super) offsets: SourceInfo,
    pub(super) outline: Outline,
}

/// Parses a text; the place of its byte `n` in the literal is `offset + n`.
pub(super) fn parse(text: &str, literal: &Literal, offset: usize) -> Result<Parsed, Vec<Diagnostic>> {
    let whole = || literal.locate(offset, offset + text.len());
    if text.len() > MAX_LENGTH {
        let message = format!("the expression is {} bytes long, at most {MAX_LENGTH} are read", text.len());
        return Err(vec![Diagnostic::new(&codes::TOO_LARGE, whole(), message).help("name its parts with `let` steps")]);
    }
    if text.trim().is_empty() {
        return Err(vec![Diagnostic::new(&codes::SYNTAX, whole(), "the expression is empty").help("write an expression, or leave it out")]);
    }
    let outline = Outline::of(text);
    if let Some(at) = outline.open_string {
        let diagnostic = Diagnostic::new(&codes::SYNTAX, literal.locate(offset + at, offset + at + 1), "a string is not closed");
        return Err(vec![diagnostic.label("begins here").help("close it with the same quote")]);
    }
    if let Some(at) = outline.unmatched {
        let bracket = text.get(at..=at).unwrap_or("(");
        let missing = if matches!(bracket, "(" | "[" | "{") { "is not closed" } else { "closes nothing" };
        let span = literal.locate(offset + at, offset + at + 1);
        return Err(vec![Diagnostic::new(&codes::SYNTAX, span, format!("`{bracket}` {missing}")).label(missing)]);
    }
    if outline.depth > MAX_DEPTH {
        let message = format!("the expression nests {} levels deep, at most {MAX_DEPTH} are read", outline.depth);
        return Err(vec![Diagnostic::new(&codes::TOO_LARGE, whole(), message).help("name its parts with `let` steps")]);
    }
    // The default environment has no macros to expand.
    let parser = cel_interpreter::Env::default().parser().enable_optional_syntax(true).enable_ident_escape_syntax(true);
    match parser.parse_with_source_info(text) {
        Ok((root, offsets)) => Ok(Parsed { root, offsets, outline }),
        Err(errors) => Err(complaints(text, literal, offset, &errors.errors)),
    }
}

fn complaints(text: &str, literal: &Literal, offset: usize, errors: &[ParseError]) -> Vec<Diagnostic> {
    // The parser stumbles over the name before it.
    if let Some(at) = outside_strings(text, "??") {
        let diagnostic = Diagnostic::new(&codes::SYNTAX, literal.locate(offset + at, offset + at + 2), "unexpected `??`");
        return vec![diagnostic.label("not expected here").help("what holds where a value is absent is written `path.or(value)`")];
    }
    let mut seen = BTreeSet::new();
    let mut diagnostics = Vec::new();
    for error in errors {
        let start = byte_at(text, error.pos);
        // The third sign of `===` is none of its own.
        let again =
            text.get(..start).is_some_and(|before| before.ends_with("==")) && text.get(start..).is_some_and(|rest| rest.starts_with('='));
        let start = if again { start - 1 } else { start };
        let word = token_at(text, start);
        let span = literal.locate(offset + start, offset + start + word.len());
        // One mistake makes the parser stumble several times at the same place.
        if seen.insert(start) {
            diagnostics.push(match elsewhere(text, start, word, (literal, offset)) {
                Some(known) => known,
                None => complaint(&error.msg, word, span),
            });
        }
    }
    // After the first stumble the others are echoes of it, save for those that name their own reason.
    let mut stumbled = false;
    diagnostics.retain(|diagnostic| !diagnostic.message.starts_with("unexpected") || !std::mem::replace(&mut stumbled, true));
    diagnostics
}

/// Where a sign stands that is in no string.
fn outside_strings(text: &str, sign: &str) -> Option<usize> {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match quote {
            _ if escaped => escaped = false,
            Some(_) if letter == '\\' => escaped = true,
            Some(open) if open == letter => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            None if text.get(at..).is_some_and(|rest| rest.starts_with(sign)) => return Some(at),
            _ => {}
        }
    }
    None
}

/// Signs and words of other languages at which the parser stumbles behind their first part.
fn elsewhere(text: &str, start: usize, word: &str, (literal, offset): (&Literal, usize)) -> Option<Diagnostic> {
    let before = text.get(..start)?.trim_end();
    let after = text.get(start + word.len()..)?.trim_start();
    let span = |from: usize, to: usize| literal.locate(offset + from, offset + to);
    let unexpected = |from: usize, to: usize| {
        let sign = text.get(from..to).unwrap_or("");
        Diagnostic::new(&codes::SYNTAX, span(from, to), format!("unexpected `{sign}`")).label("not expected here")
    };
    let word_before = before.strip_suffix("not").filter(|rest| !rest.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_'));
    if let (Some(rest), false) = (word_before, word.is_empty()) {
        let not = unexpected(rest.len(), before.len()).help("the opposite is written `!`");
        return Some(not.fix("write `!`", span(rest.len(), start), "!"));
    }
    match word {
        "not" if after.starts_with("in") => Some(unexpected(start, start + 3).help("the opposite of `in` is written `!(item in list)`")),
        ">" if before.ends_with('<') && before.len() == start => {
            let sign = unexpected(start - 1, start + 1).help("that two values differ is written `!=`");
            Some(sign.fix("write `!=`", span(start - 1, start + 1), "!="))
        }
        "=" if text.get(..start)?.ends_with("!=") => {
            Some(unexpected(start - 2, start + 1).help("that two values differ is written `!=`, of two values"))
        }
        "is" => Some(unexpected(start, start + 2).help("a comparison is written `==`; whether there is a value, `has(path)`")),
        "like" => {
            Some(unexpected(start, start + 4).help("a pattern is looked for with `text.matches('…')`, a part with `text.contains('…')`"))
        }
        "then" => Some(unexpected(start, start + 4).help("a choice is written `condition ? one : other`")),
        _ => None,
    }
}

fn complaint(message: &str, word: &str, span: Span) -> Diagnostic {
    if message.starts_with("reserved identifier") {
        let help = match word {
            "if" | "else" => "a choice is written `condition ? one : other`",
            "for" | "while" | "loop" => "what is done with each item is written `list.map(x, x.id)`, what is kept `list.filter(x, x.paid)`",
            "let" | "var" | "const" => "a value with a name of its own is a `let` step",
            _ => "give the step, field or setting another name",
        };
        return Diagnostic::new(&codes::RESERVED, span, format!("`{word}` is a reserved word of expressions")).label("reserved").help(help);
    }
    if message.starts_with("invalid int") || message.starts_with("invalid double") || message.starts_with("invalid uint") {
        return Diagnostic::new(&codes::SYNTAX, span, format!("`{word}` is no number of 64 bits")).label("out of range");
    }
    if message.starts_with("invalid string") || message.starts_with("invalid bytes") {
        return Diagnostic::new(&codes::SYNTAX, span, "a string has an escape that does not exist")
            .help("write `\\\\` for a backslash, or `r'…'` for a string without escapes");
    }
    let diagnostic = match word {
        "" => Diagnostic::new(&codes::SYNTAX, span, "the expression ends too early").label("something is missing here"),
        _ => Diagnostic::new(&codes::SYNTAX, span, format!("unexpected `{word}`")).label("not expected here"),
    };
    match word {
        "=" => diagnostic.help("a comparison is written `==`").fix("compare with `==`", span, "=="),
        "=>" => diagnostic.help("what is done with each item is written `list.map(x, x.id)`; a comparison is `>=`"),
        "=<" => diagnostic.help("a comparison is written `<=`").fix("compare with `<=`", span, "<="),
        "==" => diagnostic.help("a comparison is written `==`, of two values"),
        "and" | "&" => diagnostic.help("both must hold: `&&`").fix("write `&&`", span, "&&"),
        "or" | "|" => diagnostic.help("one must hold: `||`").fix("write `||`", span, "||"),
        "not" => diagnostic.help("the opposite is written `!`").fix("write `!`", span, "!"),
        "?" => diagnostic.help("a choice is written `condition ? one : other`"),
        _ => diagnostic,
    }
}

/// The byte of a line and column, both from 1, columns in characters.
fn byte_at(text: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1).max(1);
    let column = usize::try_from(column).unwrap_or(1).max(1);
    let mut start = 0;
    for (at, part) in text.split_inclusive('\n').enumerate() {
        if at + 1 == line {
            return start + part.char_indices().nth(column - 1).map_or(part.len(), |(at, _)| at);
        }
        start += part.len();
    }
    text.len()
}

/// The word or sign at a byte; empty at the end.
fn token_at(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or("");
    let word = rest.find(|character: char| !(character.is_alphanumeric() || character == '_')).unwrap_or(rest.len());
    // What other languages write with `=` is one sign, also where the parser stumbles inside it.
    let sign = ["=>", "=<", "=="].into_iter().find(|sign| rest.starts_with(sign)).map_or(0, str::len);
    let length = if word > 0 { word } else { rest.chars().next().map_or(0, char::len_utf8).max(sign) };
    rest.get(..length).unwrap_or("")
}
