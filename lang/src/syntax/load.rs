//! Loading: our tree finds the mistakes and the spans, the `kdl` crate reads the values and has the last word.
//! A file without a mistake is read by forms and values (see `known`), anything else node by node as it stands.

use super::findings::{Findings, shown};
use super::known::{Known, scalar};
use super::lex::{Token, decode};
use super::repair::Repairs;
use super::tree::{self, Tree, TreeEntry, TreeNode};
use crate::ast::{Literal, Name, Node, Property, Scalar};
use crate::code::syntax as code;
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};
use kdl::{KdlDocument, KdlNode};

/// The largest file that is read, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Reads a file: every node that can be read, whatever else is wrong in it, and every mistake.
#[must_use]
pub fn load(source: SourceId, text: &str) -> (Vec<Node>, Vec<Diagnostic>) {
    Loader::default().load(source, text)
}

/// Reads files one after the other, and remembers what the `kdl` crate said of their parts.
#[derive(Debug, Default)]
pub struct Loader {
    known: Known,
    /// Give every node to the crate as it stands.
    whole: bool,
}

impl Loader {
    /// A loader that never reads by forms and values: several times slower, and the same in what it reads, which tests compare.
    #[must_use]
    pub fn of_whole_nodes() -> Self {
        Self { known: Known::default(), whole: true }
    }

    /// Reads a file: every node that can be read, whatever else is wrong in it, and every mistake.
    #[must_use]
    pub fn load(&mut self, source: SourceId, text: &str) -> (Vec<Node>, Vec<Diagnostic>) {
        if let Some(refused) = too_large(source, text) {
            return (Vec::new(), vec![refused]);
        }
        let (tree, mut findings) = tree::read(source, text);
        let sound = !self.whole && findings.is_empty() && findings.repairs.is_empty();
        let repairs = Repairs::new(std::mem::take(&mut findings.repairs), std::mem::take(&mut findings.blank));
        let mut reading = Reading { source, text, tree: &tree, refused: Vec::new() };
        let mut nodes = Vec::new();
        for root in &tree.roots {
            let Some(node) = tree.nodes.get(*root).filter(|node| !node.left_out) else { continue };
            let known = sound.then(|| reading.known(node, &mut self.known)).flatten();
            nodes.extend(known.or_else(|| reading.root(node, &repairs)));
        }
        for mistake in reading.refused {
            findings.keep(mistake);
        }
        (nodes, findings.into_mistakes())
    }
}

/// The diagnostic of a file beyond the limit.
pub(super) fn too_large(source: SourceId, text: &str) -> Option<Diagnostic> {
    (text.len() > MAX_BYTES).then(|| {
        let message = format!("file of {} bytes is larger than the limit of {MAX_BYTES}", text.len());
        let mistake = Findings::new(source).mistake(&code::TOO_LARGE, 0, 0, message);
        mistake.label("not read").help("split it: all `.kdl` files of a folder are one configuration")
    })
}

struct Reading<'a> {
    source: SourceId,
    text: &'a str,
    tree: &'a Tree,
    refused: Vec<Diagnostic>,
}

/// Where our tree and the KDL reader see different things.
struct Differs;

impl Reading<'_> {
    /// One node outside of every block, read alone, so that a refused one hides no other.
    fn root(&mut self, node: &TreeNode, repairs: &Repairs) -> Option<Node> {
        let piece = repairs.piece(self.text, node.start, node.end);
        match KdlDocument::parse_v2(&piece.text) {
            Ok(document) => {
                let lowered = match document.nodes() {
                    [read] => self.node(node, read).ok(),
                    _ => None,
                };
                if lowered.is_none() {
                    let end = self.token(node.name).map_or(node.end, |name| name.end);
                    self.refuse(node.start, end, "read differently than written", None);
                }
                lowered
            }
            Err(error) => {
                let first = error.diagnostics.into_iter().next();
                let (start, length) = first.as_ref().map_or((0, 0), |first| (first.span.offset(), first.span.len()));
                let start = floor(self.text, piece.origin(start).clamp(node.start, node.end));
                let end = floor(self.text, (start + length.min(80)).min(node.end));
                let said = first.as_ref().and_then(|first| first.message.clone()).unwrap_or_else(|| "not KDL".to_owned());
                self.refuse(start, end.max(start), &said, first.and_then(|first| first.help));
                None
            }
        }
    }

    fn refuse(&mut self, start: usize, end: usize, said: &str, help: Option<String>) {
        let message = format!("the KDL reader refuses this: {}", shown(said.trim_end_matches('.')));
        let mistake = Diagnostic::new(&code::REFUSED, Span::new(self.source, start, end), message).label("refused");
        let help = help.map_or_else(|| "write this part in a simpler form".to_owned(), |help| help.replace('\n', " "));
        self.refused.push(mistake.help(help));
    }

    fn token(&self, at: usize) -> Option<Token> {
        self.tree.tokens.get(at).copied()
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span::new(self.source, start, end)
    }

    fn node(&self, node: &TreeNode, read: &KdlNode) -> Result<Node, Differs> {
        let mut arguments = Vec::new();
        let mut properties = Vec::new();
        let kept: Vec<&TreeEntry> = node.entries.iter().filter(|entry| !entry.left_out).collect();
        if kept.len() != read.entries().len() {
            return Err(Differs);
        }
        for (entry, read) in kept.into_iter().zip(read.entries()) {
            let annotation = self.name(entry.annotation, read.ty().map(kdl::KdlIdentifier::value))?;
            let value = self.literal(entry.value, annotation, scalar(read.value())).ok_or(Differs)?;
            match self.name(entry.key, read.name().map(kdl::KdlIdentifier::value))? {
                Some(name) => properties.push(Property { name, value }),
                None => arguments.push(value),
            }
        }
        let kept: Vec<&TreeNode> =
            node.children.iter().filter_map(|child| self.tree.nodes.get(*child)).filter(|child| !child.left_out).collect();
        let read_children = read.children().map_or(&[][..], KdlDocument::nodes);
        if kept.len() != read_children.len() {
            return Err(Differs);
        }
        // Recursion is bounded: the tree nests no deeper than `MAX_DEPTH`.
        let children = kept.into_iter().zip(read_children).map(|(child, read)| self.node(child, read)).collect::<Result<_, _>>()?;
        Ok(Node {
            annotation: self.name(node.annotation, read.ty().map(kdl::KdlIdentifier::value))?,
            name: self.name(Some(node.name), Some(read.name().value()))?.ok_or(Differs)?,
            arguments,
            properties,
            children,
            span: self.span(node.start, node.end),
        })
    }

    /// A name that both sides see, or that neither sees.
    fn name(&self, token: Option<usize>, read: Option<&str>) -> Result<Option<Name>, Differs> {
        match (token.and_then(|token| self.token(token)), read) {
            (Some(token), Some(read)) => Ok(Some(Name { text: read.to_owned(), span: self.span(token.start, token.end) })),
            (None, None) => Ok(None),
            _ => Err(Differs),
        }
    }

    fn literal(&self, token: usize, annotation: Option<Name>, scalar: Scalar) -> Option<Literal> {
        let token = self.token(token)?;
        let mut offsets = Vec::new();
        if let Scalar::String(text) = &scalar {
            let decoded = decode(self.text, token);
            // A repaired string may differ from what is written; then only its whole span is known.
            if decoded.text == *text {
                offsets = decoded.offsets;
            }
        }
        Some(Literal { scalar, annotation, span: self.span(token.start, token.end), offsets })
    }

    /// A node by what the crate said of its form and of its values; none where that is not enough.
    fn known(&self, node: &TreeNode, known: &mut Known) -> Option<Node> {
        if node.left_out || node.entries.iter().any(|entry| entry.left_out) || !known.agrees(self.text, self.tree, node) {
            return None;
        }
        let (mut arguments, mut properties) = (Vec::new(), Vec::new());
        for entry in &node.entries {
            let annotation = match entry.annotation {
                Some(token) => Some(self.known_name(token, known)?),
                None => None,
            };
            let value = known.value(self.written(entry.value)?)?;
            let value = self.literal(entry.value, annotation, value)?;
            match entry.key {
                Some(token) => properties.push(Property { name: self.known_name(token, known)?, value }),
                None => arguments.push(value),
            }
        }
        let annotation = match node.annotation {
            Some(token) => Some(self.known_name(token, known)?),
            None => None,
        };
        // Recursion is bounded: the tree nests no deeper than `MAX_DEPTH`.
        let children = node.children.iter().map(|child| self.known(self.tree.nodes.get(*child)?, known)).collect::<Option<_>>()?;
        let name = self.known_name(node.name, known)?;
        Some(Node { annotation, name, arguments, properties, children, span: self.span(node.start, node.end) })
    }

    fn known_name(&self, token: usize, known: &mut Known) -> Option<Name> {
        let Scalar::String(text) = known.value(self.written(token)?)? else { return None };
        let token = self.token(token)?;
        Some(Name { text, span: self.span(token.start, token.end) })
    }

    fn written(&self, token: usize) -> Option<&str> {
        let token = self.token(token)?;
        self.text.get(token.start..token.end)
    }
}

/// The last character boundary at or before `offset`.
fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}
