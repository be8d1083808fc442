//! The one way a file is laid out. It changes whitespace, newlines and `;` only, and nothing in a file that has mistakes.
//! What stands in a string is laid out by who knows what it is: `layout.rs` hands in the strings that it rewrites.

use super::chars::is_newline;
use super::lex::{Token, TokenKind};
use super::load::too_large;
use super::tree::{self, Tree};
use crate::diagnostic::Diagnostic;
use crate::source::SourceId;
use std::collections::BTreeMap;

/// How wide a line may be that holds a whole block.
const WIDTH: usize = 120;

/// The text in its canonical layout; unchanged, with the mistakes, where it has any.
#[must_use]
pub fn format(text: &str) -> (String, Vec<Diagnostic>) {
    format_with(text, &|_| BTreeMap::new())
}

/// The same, with some tokens written otherwise: by their first byte.
pub(crate) fn format_with(text: &str, rewrite: &dyn Fn(&Tree) -> BTreeMap<usize, String>) -> (String, Vec<Diagnostic>) {
    if let Some(refused) = too_large(SourceId(0), text) {
        return (text.to_owned(), vec![refused]);
    }
    let (tree, mistakes) = tree::parse(SourceId(0), text);
    if !mistakes.is_empty() {
        return (text.to_owned(), mistakes);
    }
    let rewritten = rewrite(&tree);
    let mut writer = Writer::new(text, &tree.tokens, &rewritten);
    for at in 0..tree.tokens.len() {
        writer.token(at);
    }
    let laid_out = writer.end();
    // A formatter must never lose a word or move one to another node: should it ever want to, the file stays as it is.
    let (again, _) = tree::parse(SourceId(0), &laid_out);
    let nothing = BTreeMap::new();
    let same = essence(text, &tree.tokens, &rewritten) == essence(&laid_out, &again.tokens, &nothing) && shape(&tree) == shape(&again);
    (if same { laid_out } else { text.to_owned() }, Vec::new())
}

/// What formatting must keep: every token but whitespace, newlines, continuations and `;`.
fn essence<'a>(text: &'a str, tokens: &[Token], rewritten: &'a BTreeMap<usize, String>) -> Vec<&'a str> {
    let layout = [TokenKind::Space, TokenKind::Newline, TokenKind::Semicolon, TokenKind::Continuation, TokenKind::Mark];
    let kept = tokens.iter().filter(|token| !layout.contains(&token.kind));
    kept.map(|token| written(text, *token, rewritten).trim_end()).collect()
}

/// A token as it is to be written.
fn written<'a>(text: &'a str, token: Token, rewritten: &'a BTreeMap<usize, String>) -> &'a str {
    rewritten.get(&token.start).map_or_else(|| text.get(token.start..token.end).unwrap_or(""), String::as_str)
}

/// What else it must keep: which node stands in which, and how many entries each has.
fn shape(tree: &Tree) -> Vec<(Option<usize>, usize, bool)> {
    tree.nodes.iter().map(|node| (node.parent, node.entries.len(), node.left_out)).collect()
}

/// How the line that is being written has ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Nothing is written on it.
    Empty,
    /// It goes on.
    Open,
    /// Over, but a comment of the same line still belongs to it.
    Over,
    /// Over.
    Done,
}

/// A `\` at the end of a line.
#[derive(Clone, Copy, Default)]
struct Continuation<'a> {
    /// The comment behind it; empty for none.
    comment: &'a str,
    /// Whether its newline was seen; only the next one ends the node.
    newline: bool,
}

struct Writer<'a> {
    text: &'a str,
    tokens: &'a [Token],
    rewritten: &'a BTreeMap<usize, String>,
    /// For each `{`: its `}`.
    partners: Vec<Option<usize>>,
    out: String,
    depth: usize,
    line: Line,
    /// Newlines seen since the last token that was written.
    newlines: usize,
    previous: Option<TokenKind>,
    /// Whether a `/-` waits for what it takes out, and whether that stands within a node.
    slash: Option<bool>,
    /// A `\` that is written once the node is seen to go on.
    continuation: Option<Continuation<'a>>,
    /// How many blocks on one line are open.
    flat: usize,
    /// A `;` within a block on one line that is written once another node follows.
    semicolon: bool,
}

impl<'a> Writer<'a> {
    fn new(text: &'a str, tokens: &'a [Token], rewritten: &'a BTreeMap<usize, String>) -> Self {
        let mut partners = vec![None; tokens.len()];
        let mut open = Vec::new();
        for (at, token) in tokens.iter().enumerate() {
            match token.kind {
                TokenKind::OpenBrace => open.push(at),
                TokenKind::CloseBrace => {
                    if let Some(partner) = open.pop().and_then(|brace| partners.get_mut(brace)) {
                        *partner = Some(at);
                    }
                }
                _ => {}
            }
        }
        Self {
            text,
            tokens,
            rewritten,
            partners,
            out: String::with_capacity(text.len() + text.len() / 8),
            depth: 0,
            line: Line::Empty,
            newlines: 0,
            previous: None,
            slash: None,
            continuation: None,
            flat: 0,
            semicolon: false,
        }
    }

    fn written(&self, token: Token) -> &'a str {
        written(self.text, token, self.rewritten)
    }

    fn token(&mut self, at: usize) {
        let Some(token) = self.tokens.get(at).copied() else { return };
        match token.kind {
            TokenKind::Mark | TokenKind::Space => {}
            TokenKind::Newline => self.newline(),
            TokenKind::Continuation => {
                if self.line == Line::Open && self.slash.is_none() {
                    self.drop_continuation_comment();
                    self.continuation = Some(Continuation::default());
                }
            }
            TokenKind::Semicolon if self.flat > 0 => self.semicolon = true,
            TokenKind::Semicolon => {
                self.drop_continuation();
                self.line = Line::Over;
            }
            TokenKind::LineComment => self.line_comment(self.written(token).trim_end()),
            TokenKind::OpenBrace => self.open_brace(at),
            TokenKind::CloseBrace => self.close_brace(),
            kind => {
                self.write(kind, self.written(token));
                if kind == TokenKind::Slashdash {
                    self.slash = Some(self.within_node(at));
                } else if kind != TokenKind::BlockComment {
                    self.slash = None;
                }
            }
        }
    }

    /// Whether the token at `at` follows a node's name on its line.
    fn within_node(&self, at: usize) -> bool {
        let before = self.tokens.get(..at).unwrap_or(&[]).iter().rev();
        let mut before = before.filter(|token| !matches!(token.kind, TokenKind::Space | TokenKind::BlockComment));
        before.next().is_some_and(|token| token.kind.is_value() || matches!(token.kind, TokenKind::Continuation | TokenKind::CloseBrace))
    }

    fn newline(&mut self) {
        if self.slash.is_some() {
            return;
        }
        if let Some(continuation) = self.continuation.as_mut().filter(|continuation| !continuation.newline) {
            continuation.newline = true;
            return;
        }
        self.drop_continuation();
        self.newlines += 1;
        if self.line != Line::Empty {
            self.line = Line::Done;
        }
    }

    /// The node ended after all: its `\` is not needed, a comment behind it stays.
    fn drop_continuation(&mut self) {
        if let Some(continuation) = self.continuation.take()
            && !continuation.comment.is_empty()
        {
            self.out.push(' ');
            self.out.push_str(continuation.comment);
            self.line = Line::Done;
        }
    }

    /// A second `\` right after the first: the comment of the first must not be lost.
    fn drop_continuation_comment(&mut self) {
        if let Some(continuation) = self.continuation.take().filter(|continuation| !continuation.comment.is_empty()) {
            self.out.push_str(" \\ ");
            self.out.push_str(continuation.comment);
            self.out.push('\n');
            self.indent(self.depth + 1);
            self.previous = None;
        }
    }

    fn line_comment(&mut self, comment: &'a str) {
        if let Some(within) = self.slash {
            if self.line == Line::Open {
                self.out.push(' ');
            }
            self.out.push_str(comment);
            self.out.push('\n');
            self.indent(self.depth + usize::from(within));
            self.previous = None;
            return;
        }
        if let Some(continuation) = self.continuation.as_mut().filter(|continuation| !continuation.newline) {
            continuation.comment = comment;
            return;
        }
        self.drop_continuation();
        if matches!(self.line, Line::Open | Line::Over) {
            self.out.push(' ');
        } else {
            self.start_line(self.depth);
        }
        self.out.push_str(comment);
        self.line = Line::Done;
        self.newlines = 0;
    }

    fn open_brace(&mut self, at: usize) {
        let close = self.partners.get(at).copied().flatten().unwrap_or(at);
        let inside = self.tokens.get(at + 1..close).unwrap_or(&[]);
        let empty = inside.iter().all(|token| matches!(token.kind, TokenKind::Space | TokenKind::Newline | TokenKind::Continuation));
        let flat = self.flat > 0 || empty || self.fits(inside);
        self.write(TokenKind::OpenBrace, "{");
        self.slash = None;
        if flat {
            self.flat += 1;
        } else {
            self.depth += 1;
            self.line = Line::Over;
        }
    }

    /// Whether a block is written on one line and may stay so.
    fn fits(&self, inside: &[Token]) -> bool {
        let start = self.out.rfind('\n').map_or(0, |at| at + 1);
        let mut width = self.out.get(start..).map_or(0, |line| line.chars().count()) + 5;
        if self.line != Line::Open {
            width = self.depth * 4 + 5;
        }
        let mut previous = None;
        for token in inside {
            match token.kind {
                TokenKind::Space => continue,
                TokenKind::Newline | TokenKind::LineComment | TokenKind::Continuation => return false,
                _ => {}
            }
            let written = self.written(*token);
            if written.len() > 4 * WIDTH || written.contains(is_newline) {
                return false;
            }
            width += written.chars().count() + usize::from(previous.is_some_and(|previous| spaced(previous, token.kind)));
            if width > WIDTH {
                return false;
            }
            previous = Some(token.kind);
        }
        true
    }

    fn close_brace(&mut self) {
        self.semicolon = false;
        if self.flat > 0 {
            self.flat -= 1;
            let empty = self.previous == Some(TokenKind::OpenBrace);
            self.out.push_str(if empty { "}" } else { " }" });
            self.newlines = 0;
            self.continuation = None;
        } else {
            self.drop_continuation();
            self.depth = self.depth.saturating_sub(1);
            self.out.push('\n');
            self.indent(self.depth);
            self.out.push('}');
            self.newlines = 0;
        }
        self.line = Line::Open;
        self.previous = Some(TokenKind::CloseBrace);
    }

    /// Writes a token with what stands before it: a new line, a continuation, a space, or nothing.
    fn write(&mut self, kind: TokenKind, written: &str) {
        if let Some(continuation) = self.continuation.take() {
            self.out.push_str(if self.previous.is_some() { " \\" } else { "\\" });
            if !continuation.comment.is_empty() {
                self.out.push(' ');
                self.out.push_str(continuation.comment);
            }
            self.out.push('\n');
            self.indent(self.depth + 1);
        } else if self.line != Line::Open {
            self.start_line(self.depth);
        } else if std::mem::take(&mut self.semicolon) {
            self.out.push_str("; ");
        } else if self.previous.is_some_and(|previous| spaced(previous, kind)) {
            self.out.push(' ');
        }
        self.out.push_str(written);
        self.line = Line::Open;
        self.newlines = 0;
        self.previous = Some(kind);
    }

    /// Ends the line before, keeps at most one blank line, none at the beginning of a block, and indents.
    fn start_line(&mut self, depth: usize) {
        if !self.out.is_empty() {
            self.out.push('\n');
            let opened = self.previous == Some(TokenKind::OpenBrace) && self.line != Line::Done || self.out.ends_with("{\n");
            if self.newlines > 1 && !opened {
                self.out.push('\n');
            }
        }
        self.indent(depth);
    }

    fn indent(&mut self, depth: usize) {
        self.out.extend(std::iter::repeat_n("    ", depth));
    }

    fn end(mut self) -> String {
        self.drop_continuation();
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out
    }
}

/// Whether a space stands between two tokens of a line.
fn spaced(previous: TokenKind, kind: TokenKind) -> bool {
    if matches!(previous, TokenKind::OpenParen | TokenKind::Slashdash | TokenKind::Equals) {
        return false;
    }
    if matches!(kind, TokenKind::CloseParen | TokenKind::Equals | TokenKind::Semicolon) {
        return false;
    }
    previous != TokenKind::CloseParen || kind == TokenKind::BlockComment
}
