//! What follows a node's name: arguments, properties, annotations, up to the end of the node or its block.

use super::findings::shown;
use super::lex::{Token, TokenKind};
use super::tree::{Reader, TreeEntry};
use crate::code::syntax as code;

impl Reader<'_> {
    /// Reads entries until the node ends or a block opens; `after_block` once a block of it was closed.
    pub(super) fn entries(&mut self, node: usize, after_block: bool) {
        // `name = value` leaves the reader right behind the `=`, which counts as space.
        let mut spaced =
            self.at.checked_sub(1).and_then(|at| self.tree.tokens.get(at)).is_some_and(|token| token.kind == TokenKind::Equals);
        loop {
            spaced |= self.skip_space();
            let Some(token) = self.peek() else { return self.finish(node) };
            match token.kind {
                TokenKind::Newline | TokenKind::LineComment | TokenKind::Semicolon => {
                    self.at += 1;
                    if token.kind == TokenKind::Semicolon && self.slashes.get(node).is_some_and(Option::is_some) {
                        self.findings.hide(token.start, token.end);
                    }
                    return self.finish(node);
                }
                TokenKind::CloseBrace => return self.finish(node),
                TokenKind::OpenBrace => return self.open_block(node, token, None),
                TokenKind::Slashdash => {
                    if self.slashdash(node, token, after_block) {
                        return;
                    }
                }
                TokenKind::Equals => {
                    self.unexpected(token, "a property is a name, `=` and a value");
                    self.at += 1;
                }
                TokenKind::CloseParen => {
                    self.unexpected(token, "an annotation is written `(name)` before a value");
                    self.at += 1;
                }
                TokenKind::Unknown | TokenKind::Mark => {
                    self.at += 1;
                    spaced = true;
                    continue;
                }
                _ if after_block => {
                    if self.after_block(node, token) {
                        return;
                    }
                    // One mistake is enough; the reader needs the space all the same.
                    if !spaced && !self.left_out() {
                        self.findings.repair(token.start, token.start, " ");
                    }
                    self.entry(node, None);
                }
                _ => {
                    if !spaced && is_comma(self.written(token)) {
                        self.comma(token);
                        if token.end == token.start + 1 {
                            self.at += 1;
                            spaced = true;
                            continue;
                        }
                    } else if !spaced {
                        self.missing_space(token);
                    }
                    self.entry(node, None);
                }
            }
            spaced = false;
        }
    }

    /// A comma right behind a value, as other languages have it.
    fn comma(&mut self, token: Token) {
        let mistake = self.findings.mistake(&code::MISSING_SPACE, token.start, token.start + 1, "`,` separates nothing here");
        let comma = self.findings.span(token.start, token.start + 1);
        let mistake = mistake.label("not needed").help("arguments and properties are set apart by spaces alone");
        let alone = token.end == token.start + 1;
        self.findings.keep(mistake.fix("leave the comma out", comma, if alone { "" } else { " " }));
        if !self.left_out() {
            self.findings.repair(token.start, token.start + 1, " ");
        }
    }

    fn missing_space(&mut self, token: Token) {
        let message = format!("missing space before {}", shown(self.written(token)));
        let mistake = self.findings.mistake(&code::MISSING_SPACE, token.start, token.end, message);
        let here = self.findings.span(token.start, token.start);
        self.findings.keep(mistake.label("touches what stands before it").help("arguments and properties are set apart by spaces").fix(
            "add a space",
            here,
            " ",
        ));
        if !self.left_out() {
            self.findings.repair(token.start, token.start, " ");
        }
    }

    /// Something follows a block on its line. Whether the node is over.
    fn after_block(&mut self, node: usize, token: Token) -> bool {
        let counts = self.block_done.get(node).copied().unwrap_or(false);
        let message = format!("{} follows a block on the same line", shown(self.written(token)));
        let mistake = self.findings.mistake(&code::AFTER_BLOCK, token.start, token.end, message);
        let here = self.findings.span(token.start, token.start);
        if !counts {
            let help = "arguments and properties stand before every block, also before one that `/-` takes out";
            self.findings.keep(mistake.label("too late for this").help(help));
            return false;
        }
        let help = "a node ends with its block: begin a new line, or write `;` after the `}`";
        self.findings.keep(mistake.label("begins another node").help(help).fix("end the node before it", here, "; "));
        if !self.left_out() {
            self.findings.repair(token.start, token.start, "\n");
        }
        self.finish(node);
        true
    }

    /// `/-` within a node. Whether a block opened.
    fn slashdash(&mut self, node: usize, slash: Token, after_block: bool) -> bool {
        self.at += 1;
        let behind = self.at;
        self.skip_lines();
        let Some(token) = self.peek() else {
            self.nothing_left_out(slash);
            return false;
        };
        match token.kind {
            TokenKind::OpenBrace => {
                self.open_block(node, token, Some(slash.start));
                return true;
            }
            kind if kind.is_value() || kind == TokenKind::OpenParen => {
                if after_block {
                    let message = format!("{} follows a block on the same line", shown(self.written(token)));
                    let mistake = self.findings.mistake(&code::AFTER_BLOCK, token.start, token.end, message);
                    self.findings.keep(mistake.label("too late for this").help("arguments and properties stand before every block"));
                }
                // Hidden also where the entry turns out to be broken.
                self.findings.hide(slash.start, slash.end);
                self.entry(node, Some(slash.start));
            }
            _ => {
                // The newlines behind it end the node as if it were not there.
                self.at = behind;
                self.nothing_left_out(slash);
            }
        }
        false
    }

    /// An argument or a property, its annotation first.
    fn entry(&mut self, node: usize, slash: Option<usize>) {
        let Some(first) = self.peek() else { return };
        let mut annotation = None;
        if first.kind == TokenKind::OpenParen {
            annotation = self.annotation();
            self.skip_space();
            if !self.peek().is_some_and(|token| token.kind.is_value()) {
                if annotation.is_some() {
                    self.annotation_of_nothing(first);
                }
                return;
            }
        }
        let Some(value) = self.peek() else { return };
        let mut entry = TreeEntry { annotation, key: None, value: self.at, left_out: slash.is_some() };
        let mut end = value.end;
        self.at += 1;
        let behind = self.at;
        self.skip_space();
        if let Some(equals) = self.peek().filter(|token| token.kind == TokenKind::Equals) {
            self.at += 1;
            if entry.annotation.is_some() {
                self.annotation_before_key(first, value);
            }
            let key = value.kind.is_text().then_some(entry.value);
            let Some((annotation, at)) = self.property_value(value, equals) else { return };
            entry = TreeEntry { annotation, key, value: at, left_out: slash.is_some() };
            end = self.tree.tokens.get(at).map_or(end, |token| token.end);
        } else {
            self.at = behind;
        }
        if let Some(slash) = slash {
            self.findings.hide(slash, end);
        }
        self.touch(node, end);
        if let Some(node) = self.tree.nodes.get_mut(node) {
            node.entries.push(entry);
        }
    }

    /// What follows `name=`: an annotation, if any, and the token of the value.
    fn property_value(&mut self, key: Token, equals: Token) -> Option<(Option<usize>, usize)> {
        self.skip_space();
        while let Some(again) = self.peek().filter(|token| token.kind == TokenKind::Equals) {
            self.unexpected(again, "one `=` sets a property");
            self.at += 1;
            self.skip_space();
        }
        while self.peek().is_some_and(|token| token.kind == TokenKind::Unknown) {
            self.at += 1;
            self.skip_space();
        }
        let mut annotation = None;
        if self.peek().is_some_and(|token| token.kind == TokenKind::OpenParen) {
            annotation = self.annotation();
            self.skip_space();
        }
        let found = self.peek().filter(|token| token.kind.is_value());
        if !key.kind.is_text() {
            let message = format!("{} is not a property's name", shown(self.written(key)));
            let mistake = self.findings.mistake(&code::BAD_NAME, key.start, key.end, message);
            // The value goes with it: as an argument it would only cause another mistake.
            let end = found.map_or(equals.end, |value| value.end);
            let mistake = mistake.label("a value, not a name").help("a property is a name, `=` and a value");
            self.findings.keep(mistake.proposal("remove it", self.findings.span(key.start, end), ""));
            self.findings.hide(key.start, end);
            self.at += usize::from(found.is_some());
            return None;
        }
        if found.is_none() {
            let message = format!("missing value of {}", shown(self.written(key)));
            let mistake = self.findings.mistake(&code::MISSING_VALUE, key.start, equals.end, message);
            let help = "write the value right after the `=`; empty text is `\"\"`";
            let end = self.at.checked_sub(1).and_then(|at| self.tree.tokens.get(at)).map_or(equals.end, |token| token.end);
            let end = if annotation.is_some() { end } else { equals.end };
            let mistake = mistake.label("nothing follows the `=`").help(help);
            self.findings.keep(mistake.proposal("remove it", self.findings.span(key.start, end), ""));
            self.findings.hide(key.start, end);
            return None;
        }
        self.at += 1;
        Some((annotation, self.at - 1))
    }

    /// `(name)`: the token of the name, and the reader behind the `)`. Nothing where it is broken, which is then hidden.
    pub(super) fn annotation(&mut self) -> Option<usize> {
        let open = self.peek()?;
        self.at += 1;
        self.skip_space();
        let name = self.at;
        if self.peek().is_some_and(|token| token.kind.is_text()) {
            self.at += 1;
            self.skip_space();
            if self.peek().is_some_and(|token| token.kind == TokenKind::CloseParen) {
                self.at += 1;
                return Some(name);
            }
        }
        let mut end = self.tree.tokens.get(name).filter(|token| self.at > name && token.kind.is_text()).map_or(open.end, |token| token.end);
        while let Some(token) = self.peek() {
            let ends = matches!(
                token.kind,
                TokenKind::Newline | TokenKind::LineComment | TokenKind::Semicolon | TokenKind::OpenBrace | TokenKind::CloseBrace
            );
            if ends {
                break;
            }
            self.at += 1;
            if !matches!(token.kind, TokenKind::Space | TokenKind::BlockComment | TokenKind::Continuation) {
                end = token.end;
            }
            if token.kind == TokenKind::CloseParen {
                break;
            }
        }
        let mistake = self.findings.mistake(&code::BAD_ANNOTATION, open.start, end, "broken annotation");
        let help = "an annotation is one word in parentheses right before a value: `(file)\"reply.md\"`";
        self.findings.keep(mistake.label("not `(name)`").help(help).proposal("remove it", self.findings.span(open.start, end), ""));
        self.findings.hide(open.start, end);
        None
    }

    /// An annotation after which no value comes.
    pub(super) fn annotation_of_nothing(&mut self, open: Token) {
        let close = self.tree.tokens.get(..self.at).unwrap_or(&[]).iter().rev().find(|token| token.kind == TokenKind::CloseParen);
        let end = close.map_or(open.end, |token| token.end);
        let mistake = self.findings.mistake(&code::BAD_ANNOTATION, open.start, end, "annotation without a value");
        let mistake = mistake.label("nothing follows it").help("an annotation stands right before the value or node it belongs to");
        self.findings.keep(mistake.proposal("remove it", self.findings.span(open.start, end), ""));
        self.findings.hide(open.start, end);
    }

    fn annotation_before_key(&mut self, open: Token, key: Token) {
        let message = format!("annotation before the name of the property {}", shown(self.written(key)));
        let mistake = self.findings.mistake(&code::BAD_ANNOTATION, open.start, key.start, message);
        let help = "the annotation of a property stands before its value: `name=(file)\"reply.md\"`";
        self.findings.keep(mistake.label("belongs behind the `=`").help(help));
        self.findings.hide(open.start, key.start);
    }
}

/// Whether a word begins with a comma that may be left out.
fn is_comma(word: &str) -> bool {
    word.strip_prefix(',').is_some_and(|behind| !behind.starts_with(','))
}
