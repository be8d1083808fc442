//! Strings in quotes as the lexer meets them: where they end, and what to guess where they do not. Decoding is elsewhere.

use super::chars::{is_newline, is_space, newline_length};
use super::findings::{quoted, shown};
use super::lex::{Lexer, Token, TokenKind, decode, find_on_line, line_length};
use super::strings::{Fault, FaultKind};
use crate::code::syntax as code;

/// How often something unclosed may be searched to the end of the file before the rest is given up.
const SEARCHES: usize = 8;

/// How far behind the end of its line a string in single quotes is followed.
const MOST_LINES: usize = 20;
const MOST_BYTES: usize = 4_000;

impl Lexer<'_> {
    /// Something that begins with `"` or `#`.
    pub(super) fn string_or_keyword(&mut self) {
        let rest = self.rest();
        // Counted once for a run of them, however many mistakes it is.
        if self.hashes_until <= self.at {
            self.hashes_until = self.at + rest.bytes().take_while(|byte| *byte == b'#').count();
        }
        let hashes = self.hashes_until - self.at;
        let quotes = rest.get(hashes..).unwrap_or("").bytes().take(3).take_while(|byte| *byte == b'"').count();
        if quotes == 0 {
            return self.keyword();
        }
        let inner = rest.get(hashes + quotes..).unwrap_or("");
        let close = format!("\"{}", "#".repeat(hashes));
        if quotes == 3 {
            return self.block(hashes);
        }
        if hashes == 0 && quotes == 2 {
            return self.push(TokenKind::Quoted, 2);
        }
        if hashes == 0 {
            return match quoted_length(inner) {
                Some(length) => self.finish(TokenKind::Quoted, 1 + length),
                None => self.unclosed_line(hashes),
            };
        }
        let line = rest.get(hashes + 1..).unwrap_or("");
        match find_on_line(line, &close) {
            Some(at) => self.push(TokenKind::Raw, hashes + 1 + at + close.len()),
            None => self.unclosed_line(hashes),
        }
    }

    /// Adds a closed string and reports what is wrong inside it.
    fn finish(&mut self, kind: TokenKind, length: usize) {
        let token = Token { kind, start: self.at, end: self.at + length };
        self.push(kind, length);
        let needs_check = kind != TokenKind::Quoted || self.text.get(token.start..token.end).is_some_and(|written| written.contains('\\'));
        if !needs_check {
            return;
        }
        let decoded = decode(self.text, token);
        if decoded.faults.is_empty() {
            return;
        }
        for fault in &decoded.faults {
            self.report(fault);
        }
        self.findings.repair(token.start, token.end, quoted(&decoded.text));
    }

    fn report(&mut self, fault: &Fault) {
        let written = self.text.get(fault.start..fault.end).unwrap_or("").to_owned();
        let span = self.findings.span(fault.start, fault.end);
        let (code, message, label, help) = match fault.kind {
            FaultKind::UnknownEscape => (
                &code::BAD_ESCAPE,
                format!("unknown escape {}", shown(&written)),
                "no such escape",
                "escapes are `\\n \\r \\t \\b \\f \\s \\\\ \\\" \\u{…}`; a backslash itself is `\\\\`",
            ),
            FaultKind::UnicodeForm => (
                &code::BAD_ESCAPE,
                format!("malformed escape {}", shown(&written)),
                "not `\\u{…}`",
                "write one to six hex digits in braces, such as `\\u{e9}`",
            ),
            FaultKind::UnicodeValue => (
                &code::BAD_ESCAPE,
                format!("{} is no character", shown(&written)),
                "no such character",
                "characters go up to `\\u{10ffff}`, without `\\u{d800}` to `\\u{dfff}`",
            ),
            FaultKind::OpeningLine => (
                &code::BAD_BLOCK_STRING,
                "text after the opening `\"\"\"`".to_owned(),
                "belongs to the next line",
                "a multi-line string begins on the line after its `\"\"\"`; for one line, use one quote",
            ),
            FaultKind::ClosingLine => (
                &code::BAD_BLOCK_STRING,
                "text before the closing `\"\"\"`".to_owned(),
                "belongs to the line before",
                "the closing `\"\"\"` stands on a line of its own",
            ),
            FaultKind::Indentation => (
                &code::BAD_BLOCK_STRING,
                "line of a multi-line string is indented less than its closing `\"\"\"`".to_owned(),
                "indented too little",
                "every line begins with the same whitespace as the line of the closing `\"\"\"`",
            ),
        };
        let mut mistake = self.findings.mistake(code, fault.start, fault.end, message).label(label).help(help);
        if fault.kind == FaultKind::OpeningLine
            && let Some(token) = self.tokens.last().copied()
            && !self.text.get(token.start..token.end).unwrap_or("").contains(is_newline)
        {
            let whole = self.findings.span(token.start, token.end);
            mistake = mistake.fix("use one quote", whole, quoted(&decode(self.text, token).text));
        }
        if fault.kind == FaultKind::UnknownEscape {
            mistake = mistake.fix("write the backslash twice", span, format!("\\{written}"));
        }
        self.findings.keep(mistake);
    }

    /// A string in single quotes over several lines, which stands between triple quotes. Whether it is one.
    fn over_lines(&mut self) -> bool {
        let inner = self.rest().get(1..).unwrap_or("");
        let Some(length) = length_over_lines(inner) else { return false };
        let inner = inner.get(..length - 1).unwrap_or("");
        let token = Token { kind: TokenKind::Quoted, start: self.at, end: self.at + 1 + length };
        let first = self.at + line_length(self.rest());
        let lines = inner.split(is_newline).count();
        let mistake =
            self.findings.mistake(&code::UNCLOSED_STRING, self.at, first, format!("a string in single quotes goes over {lines} lines"));
        let mistake = mistake.label("the line ends before the string does").help("a text over several lines stands between `\"\"\"`");
        let indent: String = self.line_start().chars().take_while(|character| is_space(*character)).collect();
        let whole = self.findings.span(token.start, token.end);
        self.findings.keep(mistake.fix("write it between triple quotes", whole, in_block(inner, &format!("{indent}    "))));
        self.findings.repair(token.start, token.end, quoted(&decode(self.text, token).text));
        self.push(token.kind, 1 + length);
        true
    }

    /// A string on one line whose closing quote is missing: it ends with the line, before a brace that ends it.
    fn unclosed_line(&mut self, hashes: usize) {
        if hashes == 0 && self.over_lines() {
            return;
        }
        let rest = self.rest();
        let mut length = line_length(rest);
        let mut line = rest.get(..length).unwrap_or("").trim_end_matches(is_space);
        while let Some(shorter) = line.strip_suffix(['{', '}'])
            && shorter.ends_with(is_space)
        {
            line = shorter.trim_end_matches(is_space);
        }
        if line.len() > hashes {
            length = line.len();
        }
        let fence = "#".repeat(hashes);
        let end = self.at + length;
        let mistake = self.findings.mistake(&code::UNCLOSED_STRING, self.at, end, format!("string {} is never closed", shown(line)));
        let here = self.findings.span(end, end);
        let help = if hashes == 0 {
            "close it with `\"` on the same line; a text over several lines stands between `\"\"\"`".to_owned()
        } else {
            format!("close it with `\"{fence}` on the same line")
        };
        let mistake = mistake.label("the line ends before the string does").help(help);
        self.findings.keep(mistake.fix("add the closing quote", here, format!("\"{fence}")));
        let token = Token { kind: if hashes == 0 { TokenKind::Quoted } else { TokenKind::Raw }, start: self.at, end };
        self.findings.repair(self.at, end, quoted(&decode(self.text, token).text));
        self.push(token.kind, length);
    }

    /// A string that begins with `"""`.
    fn block(&mut self, hashes: usize) {
        let rest = self.rest();
        let kind = if hashes == 0 { TokenKind::Block } else { TokenKind::RawBlock };
        let close = format!("\"\"\"{}", "#".repeat(hashes));
        let open = hashes + 3;
        let inner = rest.get(open..).unwrap_or("");
        let found = if self.searches > SEARCHES { None } else { block_length(inner, &close, hashes == 0) };
        if let Some(length) = found {
            // Only as far as the string may reach: a whole file of such strings stays linear.
            let own = !closes_another(inner, length, close.len()) || length <= self.block_end(inner.get(..length).unwrap_or(""));
            if own {
                return self.finish(kind, open + length);
            }
        }
        self.searches += 1;
        let length = open + if self.searches > SEARCHES { inner.len() } else { self.block_end(inner) };
        let end = self.at + length;
        let mistake = self.findings.mistake(&code::UNCLOSED_STRING, self.at, self.at + open, "multi-line string is never closed");
        let here = self.findings.span(end, end);
        let indent: String = self.line_start().chars().take_while(|character| is_space(*character)).collect();
        let mistake = mistake.label("opened here").help(format!("close it with `{close}` on a line of its own"));
        self.findings.keep(mistake.fix("close the string", here, format!("\n{indent}{close}")));
        self.findings.repair(self.at, end, "\"\"");
        self.push(kind, length);
    }

    /// Where a multi-line string without an end most likely ended: before a line that is indented no deeper than its node.
    fn block_end(&self, inner: &str) -> usize {
        let width = |line: &str| line.chars().take_while(|character| is_space(*character)).count();
        let indent = width(self.line_start());
        let mut at = line_length(inner);
        let mut end = at;
        while let Some(tail) = inner.get(at..)
            && !tail.is_empty()
        {
            let newline = newline_length(tail);
            let line = tail.get(newline..).unwrap_or("");
            let line = line.get(..line_length(line)).unwrap_or("");
            let blank = line.chars().all(is_space);
            if !blank && width(line) <= indent {
                return end;
            }
            at += newline + line.len();
            if !blank {
                end = at;
            }
        }
        end
    }

    fn line_start(&self) -> &str {
        let before = self.text.get(..self.at).unwrap_or("");
        let start = before.rfind(is_newline).map_or(0, |at| at + 1);
        self.text.get(start..).unwrap_or("")
    }
}

/// Whether the closing quotes at `length` rather open or close another string: text stands before them.
fn closes_another(inner: &str, length: usize, close: usize) -> bool {
    let before = inner.get(..length.saturating_sub(close)).unwrap_or("");
    let line = before.rsplit(is_newline).next().unwrap_or("");
    before.contains(is_newline) && !line.chars().all(|character| is_space(character) || character == '\\')
}

/// The length of the rest of a quoted string on one line, its closing quote included.
fn quoted_length(inner: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(rest) = inner.get(at..)
        && let Some(character) = rest.chars().next()
    {
        match character {
            '"' => return Some(at + 1),
            '\\' => at += 1 + escaped_length(rest),
            _ if is_newline(character) => return None,
            _ => at += character.len_utf8(),
        }
    }
    None
}

/// The length of the rest of a quoted string that is closed on a later line, its closing quote included; nothing where the quote that
/// comes next rather opens another string.
fn length_over_lines(inner: &str) -> Option<usize> {
    let (mut at, mut line, mut lines) = (0, 0, 0);
    while let Some(rest) = inner.get(at..)
        && let Some(character) = rest.chars().next()
    {
        match character {
            '"' => {
                let after = rest.get(1..).unwrap_or("");
                let closes = after.chars().next().is_none_or(|next| is_space(next) || is_newline(next) || ";{})".contains(next));
                // Every other quote of the line is one of a pair.
                let own = inner.get(line..).unwrap_or("");
                let quotes = own.get(..line_length(own)).unwrap_or("").replace("\\\"", "").matches('"').count();
                return (lines > 0 && closes && quotes % 2 == 1).then_some(at + 1);
            }
            '\\' => at += 1 + escaped_length(rest),
            _ if is_newline(character) => {
                at += newline_length(rest);
                (line, lines) = (at, lines + 1);
                if lines > MOST_LINES || at > MOST_BYTES {
                    return None;
                }
            }
            _ => at += character.len_utf8(),
        }
    }
    None
}

/// The inside of a string as one between triple quotes, its lines as deep to each other as they were.
fn in_block(inner: &str, indent: &str) -> String {
    let lines: Vec<&str> = inner.split(is_newline).map(|line| line.trim_end_matches(is_space)).collect();
    let blank = |line: &&&str| line.is_empty();
    let begin = lines.iter().take_while(blank).count();
    let end = lines.len() - lines.iter().rev().take_while(blank).count();
    let width = |line: &&str| line.len() - line.trim_start_matches(is_space).len();
    let least = lines.iter().skip(begin.max(1)).filter(|line| !line.is_empty()).map(width).min().unwrap_or(0);
    let mut text = "\"\"\"\n".to_owned();
    for (at, line) in lines.iter().enumerate().take(end).skip(begin) {
        let line = if at == 0 { line } else { line.get(least..).unwrap_or("") };
        text.extend([if line.is_empty() { "" } else { indent }, line, "\n"]);
    }
    text + indent + "\"\"\""
}

/// The bytes behind a backslash that belong to its escape.
fn escaped_length(rest: &str) -> usize {
    let after = rest.get(1..).unwrap_or("");
    let blank = after.trim_start_matches(|character| is_space(character) || is_newline(character));
    match after.len() - blank.len() {
        0 => after.chars().next().map_or(0, char::len_utf8),
        length => length,
    }
}

/// The length of the rest of a multi-line string, its closing quotes included.
fn block_length(inner: &str, close: &str, escapes: bool) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = inner.get(from..)?;
        let at = if escapes { rest.find(['"', '\\'])? } else { rest.find(close)? };
        let here = rest.get(at..)?;
        if here.starts_with(close) {
            return Some(from + at + close.len());
        }
        from += at + if here.starts_with('\\') { 1 + escaped_length(here) } else { 1 };
    }
}
