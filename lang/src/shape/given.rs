//! Values under names that a type gives: a property, or a child with one value, with several, with `-` items, or with fields.
//! It says how a value is written and refuses what is written in two ways at once; whether it fits its type is said where the type is known.

use super::{Shaped, removal, twice};
use crate::ast::{Literal, Name, Node};
use crate::code::{expression, meaning};
use crate::diagnostic::Diagnostic;
use crate::source::Span;
use std::collections::BTreeMap;

/// The name of an item of a list.
pub(crate) const ITEM: &str = "-";

/// A value as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Given<'n> {
    /// One literal, or one expression.
    One(&'n Literal),
    /// Several arguments of a child: a list.
    Several(&'n Node),
    /// `-` items: a list, of records as a rule.
    Items(&'n Node),
    /// Fields: a record or a map.
    Fields(&'n Node),
}

impl<'n> Given<'n> {
    /// The value of a child or an item; nothing where it has none.
    pub(crate) fn of(node: &'n Node) -> Option<Self> {
        match node.arguments.as_slice() {
            [] if node.first(ITEM).is_some() => Some(Self::Items(node)),
            [] if node.properties.is_empty() && node.children.is_empty() => None,
            [] => Some(Self::Fields(node)),
            [only] => Some(Self::One(only)),
            _ => Some(Self::Several(node)),
        }
    }

    /// Where it stands.
    pub(crate) fn span(self) -> Span {
        match self {
            Self::One(literal) => literal.span,
            Self::Several(node) => node.arguments.iter().map(|value| value.span).reduce(Span::to).unwrap_or(node.span),
            Self::Items(node) | Self::Fields(node) => node.span,
        }
    }

    /// The items of a list.
    pub(crate) fn items(self) -> Vec<Self> {
        match self {
            Self::One(_) => vec![self],
            Self::Several(node) => node.arguments.iter().map(Self::One).collect(),
            Self::Items(node) => node.all(ITEM).filter_map(Self::of).collect(),
            Self::Fields(_) => Vec::new(),
        }
    }
}

/// The value of a setting that may be a list or have fields.
pub(crate) fn setting<'n>(node: &'n Node, name: &str) -> Option<Given<'n>> {
    node.property(name).map(Given::One).or_else(|| node.first(name).and_then(Given::of))
}

/// Properties and children with their values, in the order written: names given by a type.
pub(crate) fn all(node: &Node) -> Vec<(&Name, Given<'_>)> {
    let properties = node.properties.iter().map(|property| (&property.name, Given::One(&property.value)));
    properties.chain(node.children.iter().filter_map(|child| Some((&child.name, Given::of(child)?)))).collect()
}

/// Where the value of a name stands; the node itself where it has none.
pub(crate) fn place(node: &Node, name: &str) -> Span {
    all(node).into_iter().find(|(of, _)| of.text == name).map_or(node.span, |(_, value)| value.span())
}

/// Refuses a value that is missing, or is written in two ways.
pub(super) fn check(node: &Node, found: &mut Vec<Diagnostic>) {
    let name = &node.name.text;
    let item = node.children.iter().find(|child| child.name.text == ITEM);
    let named = node.children.iter().find(|child| child.name.text != ITEM);
    let field = node.properties.first().map(|property| property.name.span).or(named.map(|child| child.name.span));
    let ways = [node.arguments.first().map(|value| value.span), item.map(|item| item.name.span), field];
    let mut ways = ways.into_iter().flatten();
    match (ways.next(), ways.next()) {
        (None, _) => {
            let message = format!("`{name}` has no value");
            let diagnostic = Diagnostic::new(&meaning::MISSING_ARGUMENT, node.name.span, message).label("a value is missing");
            found.push(
                diagnostic.help(format!("write `{name} VALUE`; the empty list is `{name} \"=[]\"`, the empty map `{name} \"={{}}\"`")),
            );
        }
        (Some(first), Some(second)) => {
            let message = format!("`{name}` is written in two ways");
            let diagnostic = Diagnostic::new(&expression::TWO_WAYS, second, message).label("the second way").also(first, "the first");
            found.push(diagnostic.help("a value has arguments, `-` items or fields: one of the three"));
        }
        _ => {}
    }
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    let children = node.children.iter().filter(|child| child.name.text != ITEM).map(|child| &child.name);
    for of in node.properties.iter().map(|property| &property.name).chain(children) {
        if let Some(first) = seen.insert(&of.text, of.span) {
            found.push(twice(name, node, of, first));
        }
    }
    // The first level was reached from a node of bounded depth, and so is every other.
    node.children.iter().for_each(|child| check(child, found));
}

/// A value too many where one is expected.
pub(crate) fn surplus(node: &Node) -> Option<Diagnostic> {
    let name = &node.name.text;
    let surplus = node.arguments.get(1)?;
    let message = format!("`{name}` takes one value, this is one too many");
    let diagnostic = Diagnostic::new(&meaning::SURPLUS_ARGUMENT, surplus.span, message).label("one too many");
    Some(diagnostic.help(format!("write `{name} VALUE`")).proposal("remove it", removal(node, surplus.span), ""))
}
