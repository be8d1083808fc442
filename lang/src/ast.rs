//! A file as nodes with spans: what is left of KDL after loading. It knows no node's meaning.

use crate::source::Span;

/// A name and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The decoded name.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A KDL value.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    /// Text, quoted or bare.
    String(String),
    /// A whole number.
    Int(i64),
    /// A number with a fraction or exponent, or beyond 64 bits.
    Double(f64),
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`.
    Null,
}

/// A value with its annotation and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Literal {
    /// The value.
    pub scalar: Scalar,
    /// `(name)` before it.
    pub annotation: Option<Name>,
    /// The value alone, as written, quotes included, annotation and property name excluded.
    pub span: Span,
    /// Where each byte of a decoded string was written: pairs of (decoded offset, absolute source offset),
    /// ascending; between two pairs both advance together. Empty for what is not a string.
    pub offsets: Vec<(u32, u32)>,
}

impl Literal {
    /// The place in the source of the bytes `start..end` of the decoded string.
    #[must_use]
    pub fn locate(&self, start: usize, end: usize) -> Span {
        let find = |offset: usize| -> usize {
            let at = self.offsets.partition_point(|(decoded, _)| *decoded as usize <= offset);
            match at.checked_sub(1).and_then(|at| self.offsets.get(at)) {
                Some((decoded, source)) => *source as usize + (offset - *decoded as usize),
                None => self.span.start as usize,
            }
        };
        if self.offsets.is_empty() {
            return self.span;
        }
        let from = find(start);
        // A pair that ends exactly here says where the last character ended in the source: an escape is longer than its value.
        let first = self.offsets.partition_point(|(decoded, _)| (*decoded as usize) < end);
        let ended = self.offsets.get(first).filter(|(decoded, _)| *decoded as usize == end).map(|(_, source)| *source as usize);
        let to = if end > start { ended.unwrap_or_else(|| find(end - 1) + 1) } else { from };
        Span::new(self.span.source, from, to.max(from).min((self.span.end as usize).max(from)))
    }

    /// The text, where it is a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.scalar {
            Scalar::String(text) => Some(text),
            _ => None,
        }
    }
}

/// `name=value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// The name.
    pub name: Name,
    /// The value.
    pub value: Literal,
}

/// A KDL node. Duplicate properties are kept; refusing them is the shape check's work.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// `(annotation)` before the name.
    pub annotation: Option<Name>,
    /// The node's name.
    pub name: Name,
    /// Arguments in order.
    pub arguments: Vec<Literal>,
    /// Properties in order.
    pub properties: Vec<Property>,
    /// Children in order; empty for `{}` and for none.
    pub children: Vec<Node>,
    /// The whole node, children included.
    pub span: Span,
}
