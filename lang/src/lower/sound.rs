//! Declarations that could be read and make no sense: people counted twice, values listed twice, types without an end.

use super::context::{Context, name_of};
use crate::ast::{Literal, Name, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::literal::shortened;
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::Ty;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet};

impl Context<'_> {
    /// The members of a team, each once: whoever is listed twice would be two where people are counted.
    pub(crate) fn members(&mut self, team: &Node) -> Vec<String> {
        let mut members: Vec<String> = Vec::new();
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for member in team.all("member").filter_map(name_of).collect::<Vec<_>>() {
            let address = member.text.trim();
            if address.is_empty() {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, member.span, "a member is somebody's address, and this is empty");
                self.report(diagnostic.label("nobody").help("write `member \"ana@shop.example\"`, or remove it"));
                continue;
            }
            // Whoever answers is known whatever the case of his letters.
            if let Some(first) = places.get(&address.to_lowercase()).copied() {
                let message = format!("`{address}` is a member of this team already");
                let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, member.span, message).label("again").also(first, "first here");
                self.report(diagnostic.help("remove one: capital and small letters of an address are the same"));
                continue;
            }
            places.insert(address.to_lowercase(), member.span);
            members.push(address.to_owned());
        }
        members
    }

    /// The values of an enum, each once.
    pub(crate) fn enum_values(&mut self, node: &Node) -> Vec<String> {
        let mut values: BTreeMap<String, Span> = BTreeMap::new();
        let mut listed = Vec::new();
        for literal in node.arguments.iter().skip(1) {
            let (span, text) = (literal.span, self.text(literal, "a value of an enum"));
            let Some(value) = text else { continue };
            let message = match value.as_str() {
                "" => "a value of an enum is empty".to_owned(),
                text if text.trim() != text || text.chars().any(char::is_control) => {
                    format!("`{}` begins or ends with a space, or is more than a line", shortened(text))
                }
                // Nobody sees it, and what says the same with plain spaces is another value.
                text if text.contains("  ") || text.chars().any(|letter| letter.is_whitespace() && letter != ' ') => {
                    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    let message = format!("`{}` has more than one plain space between its words", shortened(text));
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("looks like another value");
                    self.report(diagnostic.help(format!("write `{plain}`")).fix(format!("write `{plain}`"), span, format!("\"{plain}\"")));
                    continue;
                }
                _ => String::new(),
            };
            if !message.is_empty() {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("not a word");
                self.report(diagnostic.help("write a word, such as `late`, or leave it out"));
                continue;
            }
            if let Some(first) = values.get(&value).copied() {
                let message = format!("the enum has two values `{value}`");
                let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, span, message).label("again").also(first, "first here");
                self.report(diagnostic.help("remove one").proposal("remove it", span, ""));
                continue;
            }
            values.insert(value.clone(), span);
            listed.push(value);
        }
        if let ([only], Some(literal)) = (listed.as_slice(), node.argument(1))
            && only.contains(' ')
            && only.split(' ').all(|word| word.chars().all(|letter| letter.is_ascii_lowercase() || matches!(letter, '_' | '-')))
        {
            let message = format!("the enum has one value, `{}`, which is several words", shortened(only));
            let diagnostic = Diagnostic::new(&meaning::ONE_VALUE, literal.span, message).label("one value");
            let apart = format!("write `{only}` without quotes where each word is a value");
            self.report(diagnostic.help(apart).proposal("make a value of each word", literal.span, only.clone()));
        }
        listed
    }

    /// `string??`: a value that may be absent twice. Whether it was one.
    pub(crate) fn doubly_optional(&mut self, text: &str, at: &Literal) -> bool {
        let doubled = text.ends_with("??");
        if doubled {
            let once = format!("{}?", text.trim_end_matches('?'));
            let message = format!("`{text}` may be absent twice, which is no more than once");
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_TYPE, at.span, message).label("one `?` is enough");
            let diagnostic = diagnostic.help(format!("write `{once}`"));
            let whole = at.text().is_some_and(|whole| whole.trim() == text);
            self.report(if whole { diagnostic.fix(format!("write `{once}`"), at.span, once) } else { diagnostic });
        }
        doubled
    }

    /// Records that hold themselves: none of their values could ever end.
    pub(crate) fn check_endless_types(&mut self, nodes: &[Node]) {
        let named: Vec<(Name, &Node)> =
            nodes.iter().filter(|node| node.name.text == "type").filter_map(|node| Some((name_of(node)?, node))).collect();
        let mut graph: DiGraph<String, ()> = DiGraph::new();
        let mut places: BTreeMap<String, NodeIndex> = BTreeMap::new();
        for (name, _) in &named {
            places.entry(name.text.clone()).or_insert_with(|| graph.add_node(name.text.clone()));
        }
        for (name, at) in &places {
            for field in self.plan.types.records.get(name).map(|record| record.fields.as_slice()).unwrap_or_default() {
                if let Ty::Record(of) = &field.ty
                    && let Some(to) = places.get(of)
                {
                    graph.update_edge(*at, *to, ());
                }
            }
        }
        // Which circle a type is part of, by number.
        let mut circles: BTreeMap<NodeIndex, usize> = BTreeMap::new();
        for (number, circle) in kosaraju_scc(&graph).into_iter().enumerate() {
            if circle.len() > 1 || circle.iter().any(|at| graph.contains_edge(*at, *at)) {
                circles.extend(circle.into_iter().map(|at| (at, number)));
            }
        }
        let circle_of = |name: &str| places.get(name).and_then(|at| circles.get(at)).copied();
        let (mut found, mut said) = (Vec::new(), BTreeSet::new());
        for (name, node) in named {
            // A circle is said of the first of its types.
            let Some(circle) = circle_of(&name.text).filter(|circle| said.insert(*circle)) else { continue };
            let through: Option<Span> = node.all("field").filter_map(|field| field.argument(1)).find_map(|value| {
                let of = value.text()?;
                (circle_of(of) == Some(circle)).then_some(value.span)
            });
            found.push((name, through));
        }
        for (name, through) in found {
            let message = format!("a value of `{}` would hold another one, and that one another, without end", name.text);
            let diagnostic = Diagnostic::new(&meaning::ENDLESS_TYPE, through.unwrap_or(name.span), message).label("leads back to it");
            self.report(diagnostic.help("make the field optional or a list, or name the other by its id"));
        }
    }
}
