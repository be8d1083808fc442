//! Text as tokens: every byte is in exactly one token, whatever the text. It knows no nodes and no nesting of braces.

use super::chars::{is_forbidden, is_newline, is_space, is_word, newline_length};
use super::findings::{Findings, shown};
use super::strings::{Decoded, decode_block, decode_line};
use crate::code::syntax as code;
use crate::source::SourceId;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The byte order mark at the start.
    Mark,
    /// Whitespace within a line.
    Space,
    /// One newline.
    Newline,
    /// `// …` without its newline.
    LineComment,
    /// `/* … */`.
    BlockComment,
    /// `/-`.
    Slashdash,
    /// `\` at the end of a line: the node goes on.
    Continuation,
    /// `;`.
    Semicolon,
    /// `{`.
    OpenBrace,
    /// `}`.
    CloseBrace,
    /// `(`.
    OpenParen,
    /// `)`.
    CloseParen,
    /// `=`.
    Equals,
    /// A bare word.
    Word,
    /// `"…"`.
    Quoted,
    /// `"""…"""`.
    Block,
    /// `#"…"#`.
    Raw,
    /// `#"""…"""#`.
    RawBlock,
    /// A string in a form that KDL 2 does not have: `'…'`, `r"…"`.
    Foreign,
    /// A number.
    Number,
    /// `#true` and the like.
    Keyword,
    /// Nothing that KDL knows.
    Unknown,
}

impl TokenKind {
    /// Whether it is text: a name, or a string as a value.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Word | Self::Quoted | Self::Block | Self::Raw | Self::RawBlock | Self::Foreign)
    }

    /// Whether it can be a value.
    #[must_use]
    pub fn is_value(self) -> bool {
        self.is_text() || matches!(self, Self::Number | Self::Keyword)
    }
}

/// A piece of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Every token of a text in order; together they are the text.
#[must_use]
pub fn lex(text: &str) -> Vec<Token> {
    read(SourceId(0), text).0
}

/// The tokens with what is wrong inside them.
pub(super) fn read(source: SourceId, text: &str) -> (Vec<Token>, Findings) {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), findings: Findings::new(source), searches: 0, hashes_until: 0 };
    while lexer.at < text.len() {
        lexer.token();
    }
    lexer.forbidden_inside();
    (lexer.tokens, lexer.findings)
}

/// The text that a text token stands for; empty for any other.
pub(crate) fn value_of(text: &str, token: Token) -> String {
    decode(text, token).text
}

/// The value of a text token; empty for any other.
pub(super) fn decode(text: &str, token: Token) -> Decoded {
    let written = text.get(token.start..token.end).unwrap_or("");
    let hashes = written.trim_start_matches('r').bytes().take_while(|byte| *byte == b'#').count();
    let inside = |open: usize, close: &str| {
        let inner = written.get(open..).unwrap_or("");
        (inner.strip_suffix(close).unwrap_or(inner).to_owned(), token.start + open)
    };
    let fence = "#".repeat(hashes);
    match token.kind {
        TokenKind::Word => decode_line(written, token.start, false),
        TokenKind::Quoted => {
            let (inner, start) = inside(1, "\"");
            decode_line(&inner, start, true)
        }
        TokenKind::Block => {
            let (inner, start) = inside(3, "\"\"\"");
            decode_block(&inner, start, true)
        }
        TokenKind::Raw => {
            let (inner, start) = inside(hashes + 1, &format!("\"{fence}"));
            decode_line(&inner, start, false)
        }
        TokenKind::RawBlock => {
            let (inner, start) = inside(hashes + 3, &format!("\"\"\"{fence}"));
            decode_block(&inner, start, false)
        }
        TokenKind::Foreign if written.starts_with('r') => {
            let (inner, start) = inside(hashes + 2, &format!("\"{fence}"));
            decode_line(&inner, start, false)
        }
        TokenKind::Foreign => {
            let open = written.chars().next().map_or(0, char::len_utf8);
            let close = written.chars().last().map_or(0, char::len_utf8);
            let inner = written.get(open..written.len().saturating_sub(close)).unwrap_or("");
            decode_line(inner, token.start + open, false)
        }
        _ => Decoded::default(),
    }
}

/// The state of reading; strings and words are read in their own files.
pub(super) struct Lexer<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) tokens: Vec<Token>,
    pub(super) findings: Findings,
    /// How often something unclosed was searched to the end of the file.
    pub(super) searches: usize,
    /// Where the run of `#` ends that was counted last.
    pub(super) hashes_until: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Adds a token from here over `length` bytes (at least one character) and moves behind it.
    pub(super) fn push(&mut self, kind: TokenKind, length: usize) {
        let start = self.at;
        let one = self.rest().chars().next().map_or(1, char::len_utf8);
        self.at = (start + length.max(one)).min(self.text.len());
        self.tokens.push(Token { kind, start, end: self.at });
    }

    fn token(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        let second = rest.chars().nth(1);
        match first {
            '\u{FEFF}' if self.at == 0 => self.push(TokenKind::Mark, 3),
            _ if is_newline(first) => self.push(TokenKind::Newline, newline_length(rest)),
            _ if is_space(first) => {
                let length = rest.find(|character| !is_space(character)).unwrap_or(rest.len());
                self.push(TokenKind::Space, length);
            }
            '/' if second == Some('/') => self.push(TokenKind::LineComment, line_length(rest)),
            '/' if second == Some('*') => self.block_comment(),
            '/' if second == Some('-') => self.push(TokenKind::Slashdash, 2),
            '\\' => self.backslash(),
            ';' => self.push(TokenKind::Semicolon, 1),
            '{' => self.push(TokenKind::OpenBrace, 1),
            '}' => self.push(TokenKind::CloseBrace, 1),
            '(' => self.push(TokenKind::OpenParen, 1),
            ')' => self.push(TokenKind::CloseParen, 1),
            '=' => self.push(TokenKind::Equals, 1),
            '"' | '#' => self.string_or_keyword(),
            _ if is_forbidden(first) => self.push(TokenKind::Unknown, first.len_utf8()),
            _ if is_word(first) => self.word(),
            _ => self.unexpected(first),
        }
    }

    fn unexpected(&mut self, character: char) {
        let end = self.at + character.len_utf8();
        let help = match character {
            '[' | ']' => "KDL has no brackets; a list is several arguments: `names \"a\" \"b\"`",
            '/' => "write `//` before a comment; text with a `/` needs double quotes",
            _ => "remove it, or put the text in double quotes",
        };
        let mistake =
            self.findings.mistake(&code::UNEXPECTED_CHARACTER, self.at, end, format!("unexpected {}", shown(&character.to_string())));
        let span = self.findings.span(self.at, end);
        let mistake = mistake.label("nothing begins with this").help(help);
        // A list is the same list without its brackets; what any other character was for, nobody knows.
        self.findings.keep(match character {
            '[' | ']' => mistake.fix("remove it", span, ""),
            _ => mistake.proposal("remove it", span, ""),
        });
        self.findings.repair(self.at, end, " ");
        self.push(TokenKind::Unknown, character.len_utf8());
    }

    /// A continuation, or a backslash that stands in the middle of a line.
    fn backslash(&mut self) {
        let mut after = self.rest().get(1..).unwrap_or("");
        after = after.trim_start_matches(is_space);
        while let Some(length) = after.strip_prefix("/*").and_then(|inner| inner.find("*/")) {
            after = after.get(length + 4..).unwrap_or("").trim_start_matches(is_space);
        }
        if after.is_empty() || after.starts_with("//") || newline_length(after) > 0 {
            return self.push(TokenKind::Continuation, 1);
        }
        let mistake = self.findings.mistake(&code::UNEXPECTED_CHARACTER, self.at, self.at + 1, "unexpected `\\` within a line");
        let help = "a `\\` outside of a string only ends a line whose node goes on in the next one";
        self.findings.keep(mistake.label("something follows on this line").help(help));
        self.findings.repair(self.at, self.at + 1, " ");
        self.push(TokenKind::Unknown, 1);
    }

    fn block_comment(&mut self) {
        let rest = self.rest();
        if let Some(length) = comment_length(rest) {
            return self.push(TokenKind::BlockComment, length);
        }
        self.searches += 1;
        let paragraph = rest.find("\n\n").or_else(|| rest.find("\r\n\r\n")).unwrap_or(rest.len());
        let inner = rest.find("*/").map_or(rest.len(), |at| at + 2);
        // After many searches to the end, stop guessing: time stays linear.
        let length = if self.searches > 8 { rest.len() } else { paragraph.min(inner) };
        let mistake = self.findings.mistake(&code::UNCLOSED_COMMENT, self.at, self.at + 2, "comment `/*` is never closed");
        let nested = rest.find("*/").is_some();
        let help = if nested {
            "comments nest: each `/*` inside needs a `*/` of its own"
        } else {
            "close it with `*/`, or begin each line with `//`"
        };
        let end = self.findings.span(self.at + length, self.at + length);
        self.findings.keep(mistake.label("opened here").help(help).fix("close the comment", end, " */"));
        self.push(TokenKind::BlockComment, length);
    }

    /// Forbidden characters, wherever they stand: KDL allows them not even in strings and comments.
    fn forbidden_inside(&mut self) {
        let mark = '\u{FEFF}';
        for (at, character) in
            self.text.char_indices().filter(|(at, character)| is_forbidden(*character) && !(*at == 0 && *character == mark))
        {
            let end = at + character.len_utf8();
            let name = format!("U+{:04X}", u32::from(character));
            let mistake = self.findings.mistake(&code::FORBIDDEN_CHARACTER, at, end, format!("the character {name} is forbidden"));
            let span = self.findings.span(at, end);
            let help = "it is invisible or changes how text is shown; remove it, or write it as an escape inside a quoted string";
            self.findings.keep(mistake.label("invisible here").help(help).fix("remove it", span, ""));
            self.findings.repair(at, end, " ");
        }
    }
}

/// The bytes up to the newline.
pub(super) fn line_length(rest: &str) -> usize {
    rest.find(is_newline).unwrap_or(rest.len())
}

/// Where `wanted` stands, if before the next newline. It looks no further, so that a line of many strings takes linear time.
pub(super) fn find_on_line(rest: &str, wanted: &str) -> Option<usize> {
    let mut characters = rest.char_indices().take_while(|(_, character)| !is_newline(*character));
    characters.find(|(at, _)| rest.get(*at..).is_some_and(|tail| tail.starts_with(wanted))).map(|(at, _)| at)
}

/// The length of the closed, possibly nested comment that `rest` begins with.
fn comment_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(pair) = bytes.get(at..at + 2) {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return Some(at);
        }
    }
    None
}
