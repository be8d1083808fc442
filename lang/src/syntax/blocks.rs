//! Blocks of the tree: opening and closing them, and finding out by indentation which brace was forgotten.

use super::findings::shown;
use super::lex::{Token, TokenKind};
use super::tree::{Frame, MAX_DEPTH, Reader};
use crate::code::syntax as code;

impl Reader<'_> {
    /// `{` after a node's entries; with `slash`, the block is left out.
    pub(super) fn open_block(&mut self, node: usize, brace: Token, slash: Option<usize>) {
        let mut hide_from = slash;
        let mut left_out = self.left_out() || slash.is_some() || self.tree.nodes.get(node).is_some_and(|node| node.left_out);
        if slash.is_none() {
            if self.block_done.get(node).copied().unwrap_or(false) {
                let mistake = self.findings.mistake(&code::AFTER_BLOCK, brace.start, brace.end, "second block of one node");
                self.findings.keep(mistake.label("not here").help("a node has one block; put everything into the first"));
                hide_from = Some(brace.start);
                left_out = true;
            }
            if let Some(done) = self.block_done.get_mut(node) {
                *done = true;
            }
        }
        if self.stack.len() >= MAX_DEPTH {
            if self.stack.len() == MAX_DEPTH && !self.findings.has(&code::TOO_DEEP) {
                let message = format!("blocks are nested more than {MAX_DEPTH} deep");
                let mistake = self.findings.mistake(&code::TOO_DEEP, brace.start, brace.end, message);
                self.findings.keep(mistake.label("one block too many").help("no configuration needs this depth; is a `}` missing above?"));
            }
            hide_from = hide_from.or(Some(brace.start));
            left_out = true;
        }
        let first = self.tree.nodes.get(node).map_or(self.at, |node| node.name);
        let indent = self.indent_at(first);
        self.touch(node, brace.end);
        self.stack.push(Frame { owner: Some(node), open: self.at, indent, left_out, hide_from, orphan: false });
        self.at += 1;
    }

    /// `{` where a node should begin: the block of the node above, or of none.
    pub(super) fn block_at_node(&mut self, brace: Token) {
        let parent = self.stack.last().and_then(|frame| frame.owner);
        let siblings = parent.and_then(|parent| self.tree.nodes.get(parent)).map_or(&self.tree.roots, |parent| &parent.children);
        let above = siblings.last().copied().filter(|above| !self.block_done.get(*above).copied().unwrap_or(true));
        let end = above.and_then(|above| self.tree.nodes.get(above)).map_or(0, |node| node.end);
        let gap = self.text.get(end..brace.start).unwrap_or("");
        let only_space = gap.chars().all(char::is_whitespace);
        if let Some(above) = above.filter(|_| only_space) {
            let mistake = self.findings.mistake(&code::BLOCK_WITHOUT_NODE, brace.start, brace.end, "block begins on a line of its own");
            let span = self.findings.span(end, brace.start);
            let help = "a newline ends a node, so its `{` stands on the line of its name";
            self.findings.keep(mistake.label("belongs to the line above").help(help).fix("move it up", span, " "));
            self.findings.hide(end, brace.start);
            return self.open_block(above, brace, None);
        }
        let mistake = self.findings.mistake(&code::BLOCK_WITHOUT_NODE, brace.start, brace.end, "block without a node");
        self.findings.keep(mistake.label("no name before it").help("write the node's name before the `{`"));
        // What is inside is nodes of its own, also on one line with what is outside.
        self.findings.repair(brace.start, brace.end, "\n");
        let indent = self.indent_at(self.at);
        let left_out = self.left_out();
        self.stack.push(Frame { owner: parent, open: self.at, indent, left_out, hide_from: None, orphan: true });
        self.at += 1;
    }

    /// `}`: closes the innermost block, unless indentation says that it is one too many.
    pub(super) fn close_brace(&mut self, brace: Token) {
        let indent = self.indent_here();
        let surplus = self.balance.surplus_until.is_some_and(|until| brace.start <= until);
        let fits = |indent: usize| self.stack.iter().rev().take(MAX_DEPTH).any(|frame| frame.indent == indent);
        let stray = self.stack.is_empty() || (surplus && indent.is_some_and(|indent| !fits(indent)));
        self.at += 1;
        let Some(frame) = (if stray { None } else { self.stack.pop() }) else {
            let mistake = self.findings.mistake(&code::STRAY_BRACE, brace.start, brace.end, "`}` closes nothing");
            let span = self.findings.span(brace.start, brace.end);
            let help = "remove it, or add the `{` that it should close";
            self.findings.keep(mistake.label("no block is open here").help(help).fix("remove it", span, ""));
            return self.findings.hide(brace.start, brace.end);
        };
        self.close(&frame, brace.end);
        if frame.orphan {
            self.findings.repair(brace.start, brace.end, "\n");
        } else if let Some(owner) = frame.owner {
            self.entries(owner, true);
        }
    }

    /// What closing means for the node and for what is hidden.
    fn close(&mut self, frame: &Frame, end: usize) {
        if let Some(from) = frame.hide_from {
            self.findings.hide(from, end);
        }
        if let Some(owner) = frame.owner.filter(|_| !frame.orphan) {
            self.touch(owner, end);
        }
    }

    /// Closes blocks whose `}` was forgotten, as the indentation of the line that begins with `token` shows.
    pub(super) fn close_forgotten(&mut self, token: Token) {
        if self.balance.open_from.is_none_or(|from| token.start < from) {
            return;
        }
        let Some(indent) = self.indent_here() else { return };
        let closes = token.kind == TokenKind::CloseBrace;
        if closes && !self.stack.iter().rev().take(MAX_DEPTH).any(|frame| frame.indent == indent) {
            return;
        }
        while let Some(frame) = self.stack.pop_if(|frame| if closes { frame.indent > indent } else { frame.indent >= indent }) {
            self.forgotten(&frame, Some(token));
        }
    }

    /// Reports a block without `}`, and closes it before `next`, or at the end of the file.
    pub(super) fn forgotten(&mut self, frame: &Frame, next: Option<Token>) {
        let limit = if next.is_some() { self.at } else { self.tree.tokens.len() };
        let last = self.tree.tokens.get(..limit).unwrap_or(&[]).iter().rposition(|token| {
            !matches!(
                token.kind,
                TokenKind::Space | TokenKind::Newline | TokenKind::LineComment | TokenKind::BlockComment | TokenKind::Continuation
            )
        });
        let behind = last.map_or(0, |last| last + 1);
        let newline = self.tree.tokens.get(behind..limit).and_then(|rest| rest.iter().find(|token| token.kind == TokenKind::Newline));
        let end = newline.map_or(self.text.len(), |token| token.start);
        // For the KDL reader the brace stands right behind the last word: comments are hidden from it.
        let close = last.and_then(|last| self.tree.tokens.get(last)).map_or(0, |token| token.end);
        self.close(frame, close);
        if let Some(owner) = frame.owner.filter(|_| !frame.orphan) {
            self.finish(owner);
        }
        if !frame.left_out && !frame.orphan {
            self.findings.repair(close, close, "}");
        }
        if self.stack.len() < MAX_DEPTH {
            self.report_forgotten(frame, next, last.unwrap_or(0), end);
        }
    }

    fn report_forgotten(&mut self, frame: &Frame, next: Option<Token>, last: usize, end: usize) {
        let Some(brace) = self.tree.tokens.get(frame.open).copied() else { return };
        let name = frame.owner.filter(|_| !frame.orphan).and_then(|owner| self.tree.nodes.get(owner));
        let name = name.and_then(|node| self.tree.tokens.get(node.name)).copied();
        let message = match name {
            Some(name) => format!("the block of {} is never closed", shown(self.written(name))),
            None => "a block is never closed".to_owned(),
        };
        let one_line = !self.tree.tokens.get(frame.open..=last).unwrap_or(&[]).iter().any(|token| token.kind == TokenKind::Newline);
        let added = if one_line { " }".to_owned() } else { format!("\n{}}}", " ".repeat(frame.indent)) };
        let (place, words) = match next {
            Some(token) => (self.findings.span(token.start, token.end), "`}` is missing before this line"),
            None => (self.findings.span(end, end), "`}` is missing at the end"),
        };
        let here = self.findings.span(end, end);
        let mistake = self.findings.mistake(&code::UNCLOSED_BRACE, brace.start, brace.end, message);
        let help = "add the `}`; indentation shows where it was likely forgotten";
        self.findings.keep(mistake.label("opened here").also(place, words).help(help).fix("close the block", here, added));
    }
}
