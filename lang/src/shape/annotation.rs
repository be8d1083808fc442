//! Annotations such as `(file)`: which there are, and that one stands before a string and nowhere else. Whether the place of the string
//! can do with it is said where the type of the place is known.

use super::Rule;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;

/// What may stand in brackets before a value, and how it is then read.
const ANNOTATIONS: &[&str] = &["str", "file", "secret", "money"];

/// Words of arguments that are names: text as it stands, which is no file's and no secret's.
const NAMES: &[&str] = &["NAME", "ADDRESS", "TYPE", "MARK"];

/// Checks the annotations of a node, of its values and of everything below it.
pub(super) fn check(node: &Node, found: &mut Vec<Diagnostic>) {
    if let Some(annotation) = &node.annotation {
        let message = format!("`({})` before a node says nothing: it says how a string is read", annotation.text);
        let diagnostic = Diagnostic::new(&meaning::ANNOTATION, annotation.span, message).label("not used");
        let whole = Span { start: node.span.start, end: node.name.span.start, ..node.span };
        found.push(diagnostic.help("leave it out, or put it before the string that it is about").fix("remove it", whole, ""));
    }
    for value in node.arguments.iter().chain(node.properties.iter().map(|property| &property.value)) {
        let Some(annotation) = &value.annotation else { continue };
        let name = annotation.text.as_str();
        if !ANNOTATIONS.contains(&name) {
            found.push(unknown(name, annotation.span));
        } else if value.text().is_none() {
            let message = format!("`({name})` says how a string is read, and this is none");
            let diagnostic = Diagnostic::new(&meaning::ANNOTATION, annotation.span, message).label("not before a string");
            let help = if name == "money" { "write an amount in quotes, such as `\"5 USD\"`" } else { "leave it out, or write a string" };
            found.push(diagnostic.help(help));
        }
    }
    node.children.iter().for_each(|child| check(child, found));
}

fn unknown(name: &str, span: Span) -> Diagnostic {
    let message = format!("`({name})` is no way to read a value");
    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("unknown annotation");
    match nearest(name, ANNOTATIONS.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `({near})`?")).fix(format!("write `{near}`"), span, near),
        None => diagnostic.help("write `(file)` for a file's text, `(secret)` for a secret's name, `(str)` for text as it stands"),
    }
}

/// Refuses names that are said to be something else.
pub(super) fn check_names(rule: &Rule, node: &Node, found: &mut Vec<Diagnostic>) {
    for (word, value) in rule.arguments.iter().zip(&node.arguments) {
        let wrong =
            |value: &Literal| value.annotation.clone().filter(|annotation| matches!(&*annotation.text, "file" | "secret" | "money"));
        let Some(annotation) = wrong(value).filter(|_| NAMES.contains(&word.trim_end_matches(['?', '*', '+']))) else { continue };
        if value.text().is_some() {
            let message = format!("`({})` says nothing of a name", annotation.text);
            let diagnostic = Diagnostic::new(&meaning::ANNOTATION, annotation.span, message).label("not used");
            found.push(diagnostic.help("a name is text as it stands: leave it out"));
        }
    }
}
