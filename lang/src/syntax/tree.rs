//! The error-tolerant tree: nodes, entries and blocks over the tokens of a file, whatever its mistakes.
//! It gives nothing a meaning and loads nothing; the KDL reader has the last word on what is loaded.

use super::balance::{Balance, balance, indent_if_first, indents};
use super::findings::{Findings, quoted, shown};
use super::lex::{self, Token, TokenKind};
use crate::code::syntax as code;
use crate::diagnostic::Diagnostic;
use crate::source::SourceId;

/// How deep blocks may be nested.
pub const MAX_DEPTH: usize = 64;

/// A text as tokens and nodes; ids are indices.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Every token, in order; together they are the text.
    pub tokens: Vec<Token>,
    /// Every node, parents before their children.
    pub nodes: Vec<TreeNode>,
    /// The nodes outside of every block.
    pub roots: Vec<usize>,
}

/// A node of the tree.
#[derive(Debug, Clone)]
pub struct TreeNode {
    /// The token of the annotation's name.
    pub annotation: Option<usize>,
    /// The token of the name.
    pub name: usize,
    /// Arguments and properties in order.
    pub entries: Vec<TreeEntry>,
    /// The nodes in its blocks.
    pub children: Vec<usize>,
    /// The node whose block it stands in.
    pub parent: Option<usize>,
    /// Whether `/-` takes it out, itself or with something around it.
    pub left_out: bool,
    /// First byte, annotation included and `/-` not.
    pub start: usize,
    /// One past the last byte, block included.
    pub end: usize,
}

/// An argument or a property.
#[derive(Debug, Clone, Copy)]
pub struct TreeEntry {
    /// The token of the annotation's name.
    pub annotation: Option<usize>,
    /// The token of the property's name.
    pub key: Option<usize>,
    /// The token of the value.
    pub value: usize,
    /// Whether `/-` takes it out.
    pub left_out: bool,
}

/// Reads a text: the tree, whatever is wrong, and every mistake in it.
#[must_use]
pub fn parse(source: SourceId, text: &str) -> (Tree, Vec<Diagnostic>) {
    let (tree, findings) = read(source, text);
    (tree, findings.into_mistakes())
}

/// The tree with the repairs that make it loadable.
pub(super) fn read(source: SourceId, text: &str) -> (Tree, Findings) {
    let (tokens, findings) = lex::read(source, text);
    let balance = balance(&tokens);
    let indents = indents(text, &tokens);
    let tree = Tree { tokens, ..Tree::default() };
    let mut reader =
        Reader { text, tree, indents, at: 0, findings, balance, stack: Vec::new(), block_done: Vec::new(), slashes: Vec::new() };
    reader.hide_comments();
    reader.document();
    (reader.tree, reader.findings)
}

/// An open block.
pub(super) struct Frame {
    /// The node it belongs to; none for a block without a node at the top.
    pub(super) owner: Option<usize>,
    /// The token of its `{`.
    pub(super) open: usize,
    /// The indentation of the line its node begins on.
    pub(super) indent: usize,
    /// Whether what stands in it is not loaded.
    pub(super) left_out: bool,
    /// Where to hide from when it closes: `/-`, or `{` beyond the depth.
    pub(super) hide_from: Option<usize>,
    /// Whether it has no node of its own.
    pub(super) orphan: bool,
}

pub(super) struct Reader<'a> {
    pub(super) text: &'a str,
    pub(super) tree: Tree,
    /// For each token: the indentation of its line.
    indents: Vec<usize>,
    pub(super) at: usize,
    pub(super) findings: Findings,
    pub(super) balance: Balance,
    pub(super) stack: Vec<Frame>,
    /// For each node: whether it has had a block that counts.
    pub(super) block_done: Vec<bool>,
    /// For each node: where its `/-` stands.
    pub(super) slashes: Vec<Option<usize>>,
}

impl Reader<'_> {
    pub(super) fn peek(&self) -> Option<Token> {
        self.tree.tokens.get(self.at).copied()
    }

    pub(super) fn written(&self, token: Token) -> &str {
        self.text.get(token.start..token.end).unwrap_or("")
    }

    fn hide_comments(&mut self) {
        let is_comment = |token: &&Token| matches!(token.kind, TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Mark);
        self.findings.blank.extend(self.tree.tokens.iter().filter(is_comment).map(|token| (token.start, token.end)));
    }

    pub(super) fn left_out(&self) -> bool {
        self.stack.last().is_some_and(|frame| frame.left_out)
    }

    /// Skips what may stand between two entries; whether there was any.
    pub(super) fn skip_space(&mut self) -> bool {
        let from = self.at;
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Space | TokenKind::BlockComment => self.at += 1,
                TokenKind::Continuation => {
                    let start = token.start;
                    self.at += 1;
                    while self.peek().is_some_and(|token| matches!(token.kind, TokenKind::Space | TokenKind::BlockComment)) {
                        self.at += 1;
                    }
                    self.at += usize::from(self.peek().is_some_and(|token| token.kind == TokenKind::LineComment));
                    self.at += usize::from(self.peek().is_some_and(|token| token.kind == TokenKind::Newline));
                    // The crate refuses some of these after `{`; blanked, two lines are one.
                    let end = self.at.checked_sub(1).and_then(|last| self.tree.tokens.get(last)).map_or(start, |token| token.end);
                    self.findings.hide(start, end);
                }
                _ => break,
            }
        }
        self.at > from
    }

    /// Skips what may stand between two nodes.
    pub(super) fn skip_lines(&mut self) {
        while self.skip_space() || self.peek().is_some_and(|token| matches!(token.kind, TokenKind::Newline | TokenKind::LineComment)) {
            self.at += usize::from(self.peek().is_some_and(|token| matches!(token.kind, TokenKind::Newline | TokenKind::LineComment)));
        }
        self.at += usize::from(self.at == 0 && self.peek().is_some_and(|token| token.kind == TokenKind::Mark));
    }

    fn document(&mut self) {
        self.skip_lines();
        loop {
            self.skip_lines();
            let Some(token) = self.peek() else { break };
            self.close_forgotten(token);
            match token.kind {
                TokenKind::CloseBrace => self.close_brace(token),
                TokenKind::OpenBrace => self.block_at_node(token),
                TokenKind::Slashdash => self.slashdash_node(token),
                TokenKind::Semicolon => {
                    self.unexpected(token, "a `;` ends a node, and none stands before it");
                    self.at += 1;
                }
                TokenKind::Unknown | TokenKind::Mark => self.at += 1,
                _ => self.node(None),
            }
        }
        while let Some(frame) = self.stack.pop() {
            self.forgotten(&frame, None);
        }
    }

    pub(super) fn unexpected(&mut self, token: Token, help: &str) {
        let message = format!("unexpected {}", shown(self.written(token)));
        let mistake = self.findings.mistake(&code::UNEXPECTED_CHARACTER, token.start, token.end, message);
        self.findings.keep(mistake.label("not here").help(help));
        self.findings.hide(token.start, token.end);
    }

    fn slashdash_node(&mut self, slash: Token) {
        self.at += 1;
        self.skip_lines();
        match self.peek().map(|token| token.kind) {
            Some(kind) if kind.is_value() || kind == TokenKind::OpenParen => {
                self.findings.hide(slash.start, slash.end);
                self.node(Some(slash.start));
            }
            _ => self.nothing_left_out(slash),
        }
    }

    pub(super) fn nothing_left_out(&mut self, slash: Token) {
        let mistake = self.findings.mistake(&code::NOTHING_LEFT_OUT, slash.start, slash.end, "nothing follows `/-`");
        let help = "`/-` takes out the node, argument, property or block right after it; for text, use `//`";
        let span = self.findings.span(slash.start, slash.end);
        self.findings.keep(mistake.label("leaves nothing out").help(help).fix("remove it", span, ""));
        self.findings.hide(slash.start, slash.end);
    }

    /// A node's annotation and name, then its entries.
    fn node(&mut self, slash: Option<usize>) {
        let Some(first) = self.peek() else { return };
        let annotation = if first.kind == TokenKind::OpenParen {
            let Some(annotation) = self.annotation() else { return };
            self.skip_space();
            Some(annotation)
        } else {
            None
        };
        let Some(name) = self.peek().filter(|token| token.kind.is_value()) else {
            match self.peek().filter(|_| annotation.is_none()) {
                Some(token) => {
                    self.unexpected(token, "a node begins with its name");
                    self.at += 1;
                }
                None => self.annotation_of_nothing(first),
            }
            return;
        };
        if !name.kind.is_text() {
            let bare = self.written(name).starts_with(|first: char| first.is_alphabetic());
            let message = format!("{} is not a node's name", shown(self.written(name)));
            let mistake = self.findings.mistake(&code::BAD_NAME, name.start, name.end, message);
            let help = "a node begins with its name, a word; values follow it on the same line";
            // A bare `true` was reported already.
            if !bare {
                self.findings.keep(mistake.label("a value, not a name").help(help));
            }
            let written = quoted(self.written(name));
            self.findings.repair(name.start, name.end, written);
        }
        let parent = self.stack.last().and_then(|frame| frame.owner);
        let node = self.tree.nodes.len();
        self.tree.nodes.push(TreeNode {
            annotation,
            name: self.at,
            entries: Vec::new(),
            children: Vec::new(),
            parent,
            left_out: slash.is_some() || self.left_out(),
            start: first.start,
            end: name.end,
        });
        self.block_done.push(false);
        self.slashes.push(slash);
        match parent.and_then(|parent| self.tree.nodes.get_mut(parent)) {
            Some(parent) => parent.children.push(node),
            None => self.tree.roots.push(node),
        }
        self.at += 1;
        self.equals_after_name(name);
        self.entries(node, false);
    }

    /// `name = value` where a node begins.
    fn equals_after_name(&mut self, name: Token) {
        let from = self.at;
        self.skip_space();
        let Some(equals) = self.peek().filter(|token| token.kind == TokenKind::Equals) else {
            self.at = from;
            return;
        };
        self.at += 1;
        let shown_name = shown(self.written(name));
        let message = format!("unexpected `=` after the node {shown_name}");
        let mistake = self.findings.mistake(&code::UNEXPECTED_CHARACTER, equals.start, equals.end, message);
        let help = "on a line of its own a setting is written without `=`: the name, a space, the value";
        let gap = self.findings.span(name.end, equals.end);
        let space = if self.skip_space() { "" } else { " " };
        self.findings.keep(mistake.label("not here").help(help).fix("leave the `=` out", gap, space));
        self.findings.repair(equals.start, equals.end, " ");
        // The value that follows counts as separated.
        self.at -= usize::from(space.is_empty());
    }

    pub(super) fn touch(&mut self, node: usize, end: usize) {
        if let Some(node) = self.tree.nodes.get_mut(node) {
            node.end = node.end.max(end);
        }
    }

    /// The node is over: hide it where it is left out.
    pub(super) fn finish(&mut self, node: usize) {
        let end = self.tree.nodes.get(node).map_or(0, |node| node.end);
        if let Some(slash) = self.slashes.get(node).copied().flatten() {
            self.findings.hide(slash, end);
        }
    }

    pub(super) fn indent_here(&self) -> Option<usize> {
        indent_if_first(self.text, &self.tree.tokens, self.at)
    }

    pub(super) fn indent_at(&self, token: usize) -> usize {
        self.indents.get(token).copied().unwrap_or(0)
    }
}
