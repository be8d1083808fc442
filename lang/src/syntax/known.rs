//! What the `kdl` crate said before: a value by its text, a node by its form. The crate decides on both, once each; a file repeats
//! the same few thousands of times, and asking again would take most of the time of a check.
//!
//! A quoted text of characters that the crate reads as themselves, each alone among others, is read as it stands: without a backslash or a
//! quotation mark, no character of such a text changes what another one means.
//!
//! A node's *form* is its text with a stand-in for every name and value, and one child for all: `field "id" string pii` has the form
//! `a "a" a a`. A value's end does not depend on what surrounds it, so the crate reads a text exactly as it reads the forms of its
//! nodes with their values put in. Whatever is not plainly so, the loader gives to the crate whole.

use super::lex::{Token, TokenKind};
use super::tree::{Tree, TreeNode};
use crate::ast::Scalar;
use kdl::{KdlDocument, KdlNode, KdlValue};
use std::collections::BTreeMap;

/// What the crate said, as long as one thread reads.
#[derive(Debug)]
pub(super) struct Known {
    values: BTreeMap<Box<str>, Option<Scalar>>,
    forms: BTreeMap<Box<str>, Option<Form>>,
    /// Whether a character in a quoted text stands for itself: of those of ASCII by their number, of others by name.
    plain: [Option<bool>; 128],
    plain_beyond: BTreeMap<char, bool>,
}

impl Default for Known {
    fn default() -> Self {
        Self { values: BTreeMap::new(), forms: BTreeMap::new(), plain: [None; 128], plain_beyond: BTreeMap::new() }
    }
}

/// How the crate reads a node whose values stand for others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Form {
    annotated: bool,
    /// Of each entry: whether it is annotated, whether it is named.
    entries: Vec<(bool, bool)>,
    children: usize,
}

impl Known {
    /// The value that the crate reads in the text of one token; none where it refuses.
    pub(super) fn value(&mut self, written: &str) -> Option<Scalar> {
        if let Some(inside) = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'))
            && inside.chars().all(|character| self.is_plain(character))
        {
            return Some(Scalar::String(inside.to_owned()));
        }
        if !self.values.contains_key(written) {
            self.values.insert(written.into(), read_value(written));
        }
        self.values.get(written)?.clone()
    }

    fn is_plain(&mut self, character: char) -> bool {
        let slot = match self.plain.get_mut(character as usize) {
            Some(Some(known)) => return *known,
            Some(slot) => slot,
            None => return *self.plain_beyond.entry(character).or_insert_with(|| reads_as_itself(character)),
        };
        *slot.insert(reads_as_itself(character))
    }

    /// Whether the crate reads a node as our tree does.
    pub(super) fn agrees(&mut self, text: &str, tree: &Tree, node: &TreeNode) -> bool {
        let Some(written) = form(text, tree, node) else { return false };
        let expected = Form {
            annotated: node.annotation.is_some(),
            entries: node.entries.iter().map(|entry| (entry.annotation.is_some(), entry.key.is_some())).collect(),
            children: usize::from(!node.children.is_empty()),
        };
        if !self.forms.contains_key(written.as_str()) {
            let read = read_form(&written);
            self.forms.insert(written.as_str().into(), read);
        }
        self.forms.get(written.as_str()).is_some_and(|read| read.as_ref() == Some(&expected))
    }
}

/// A value of the crate as ours.
pub(super) fn scalar(read: &KdlValue) -> Scalar {
    match read {
        KdlValue::String(text) => Scalar::String(text.clone()),
        KdlValue::Integer(whole) => i64::try_from(*whole).map_or(Scalar::Double(*whole as f64), Scalar::Int),
        KdlValue::Float(number) => Scalar::Double(*number),
        KdlValue::Bool(flag) => Scalar::Bool(*flag),
        KdlValue::Null => Scalar::Null,
    }
}

fn only(document: &KdlDocument) -> Option<&KdlNode> {
    match document.nodes() {
        [only] => Some(only),
        _ => None,
    }
}

fn read_value(written: &str) -> Option<Scalar> {
    let document = KdlDocument::parse_v2(&format!("a {written}")).ok()?;
    match only(&document)?.entries() {
        [entry] if entry.name().is_none() && entry.ty().is_none() => Some(scalar(entry.value())),
        _ => None,
    }
}

/// Whether the crate reads a character in the middle of a quoted text as itself.
fn reads_as_itself(character: char) -> bool {
    let text = format!("a{character}a");
    character != '"' && character != '\\' && read_value(&format!("\"{text}\"")) == Some(Scalar::String(text))
}

fn read_form(written: &str) -> Option<Form> {
    let document = KdlDocument::parse_v2(written).ok()?;
    let node = only(&document)?;
    let entries = node.entries().iter().map(|entry| (entry.ty().is_some(), entry.name().is_some())).collect();
    let children = node.children().map_or(0, |children| children.nodes().len());
    Some(Form { annotated: node.ty().is_some(), entries, children })
}

/// The form of a node as text; none where something stands in it that only the crate can judge in its place.
fn form(text: &str, tree: &Tree, node: &TreeNode) -> Option<String> {
    let mut written = String::with_capacity(64);
    let mut at = tree.tokens.partition_point(|token| token.start < node.start);
    let mut last = None;
    while let Some(token) = tree.tokens.get(at).filter(|token| token.start < node.end) {
        at += 1;
        if token.kind == TokenKind::OpenBrace {
            // One block, and nothing after it.
            at = block(text, tree, node, at, &mut written)?;
            return tree.tokens.get(at).is_none_or(|token| token.start >= node.end).then_some(written);
        }
        stand_in(*token, text, last, &mut written)?;
        last = Some(token.kind);
    }
    Some(written)
}

/// A stand-in for a token of a node's own line.
fn stand_in(token: Token, text: &str, before: Option<TokenKind>, written: &mut String) -> Option<()> {
    match token.kind {
        TokenKind::Space if before == Some(TokenKind::Space) => {}
        TokenKind::Space => written.push(' '),
        TokenKind::Equals => written.push('='),
        TokenKind::OpenParen => written.push('('),
        TokenKind::CloseParen => written.push(')'),
        TokenKind::Word => written.push('a'),
        TokenKind::Quoted | TokenKind::Block => written.push_str("\"a\""),
        TokenKind::Raw | TokenKind::RawBlock => written.push_str("#\"a\"#"),
        TokenKind::Number => written.push('0'),
        // Few enough to stand for themselves.
        TokenKind::Keyword => written.push_str(text.get(token.start..token.end)?),
        _ => return None,
    }
    Some(())
}

/// A block with one child for all, if there are any; returns the place behind its `}`.
fn block(text: &str, tree: &Tree, node: &TreeNode, mut at: usize, written: &mut String) -> Option<usize> {
    written.push('{');
    for (number, child) in node.children.iter().enumerate() {
        let child = tree.nodes.get(*child)?;
        let (behind, ends) = gap(tree, at, child.start)?;
        if number > 0 && !ends {
            return None;
        }
        at = behind + tree.tokens.get(behind..)?.partition_point(|token| token.start < child.end);
    }
    let close = node.end.checked_sub(1)?;
    let (behind, _) = gap(tree, at, close)?;
    let closed = tree.tokens.get(behind).is_some_and(|token| token.kind == TokenKind::CloseBrace) && text.get(close..node.end) == Some("}");
    written.push_str(if node.children.is_empty() { " }" } else { " a; }" });
    closed.then_some(behind + 1)
}

/// Passes what stands between two nodes; whether it ends the one before.
fn gap(tree: &Tree, mut at: usize, until: usize) -> Option<(usize, bool)> {
    let mut ends = false;
    while let Some(token) = tree.tokens.get(at).filter(|token| token.start < until) {
        match token.kind {
            TokenKind::Space => {}
            TokenKind::Newline | TokenKind::LineComment | TokenKind::Semicolon => ends = true,
            _ => return None,
        }
        at += 1;
    }
    Some((at, ends))
}
