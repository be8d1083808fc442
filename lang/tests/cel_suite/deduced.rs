//! The types that the suite wants deduced. They stand in its text form alone, of which no more is read than they need.

use std::collections::BTreeMap;
use tradewind_lang::ty::Ty;

/// A message of the text form: names with texts or messages of their own.
#[derive(Debug)]
enum Node {
    Text(String),
    Message(Vec<(String, Node)>),
}

/// The wanted type of each case, by section and name.
pub(crate) fn types(text: &str) -> BTreeMap<(String, String), String> {
    let tokens = tokens(text);
    let mut rest = tokens.as_slice();
    let file = message(&mut rest);
    let mut found = BTreeMap::new();
    for section in all(&file, "section") {
        for test in all(section, "test") {
            let deduced = one(test, "typed_result").and_then(|result| one(result, "deduced_type"));
            if let (Some(section), Some(name), Some(ty)) = (word(section, "name"), word(test, "name"), deduced) {
                found.insert((section, name), of(ty));
            }
        }
    }
    found
}

/// A type of ours in the same words.
pub(crate) fn written(ty: &Ty) -> String {
    match ty {
        Ty::List(item) => format!("list({})", written(item)),
        Ty::Map(value) => format!("map(string, {})", written(value)),
        Ty::Keyed(key, value) => format!("map({}, {})", written(key), written(value)),
        Ty::Optional(inner) => format!("optional_type({})", written(inner)),
        Ty::Unknown | Ty::Dyn => "dyn".to_owned(),
        other => other.to_string(),
    }
}

fn of(ty: &Node) -> String {
    let Node::Message(fields) = ty else { return String::new() };
    match fields.first().map(|(name, node)| (name.as_str(), node)) {
        Some(("primitive", Node::Text(name))) => match name.as_str() {
            "INT64" => "int".to_owned(),
            "UINT64" => "uint".to_owned(),
            other => other.to_lowercase(),
        },
        Some(("well_known", Node::Text(name))) => name.to_lowercase(),
        Some(("null", _)) => "null".to_owned(),
        Some(("type", _)) => "type".to_owned(),
        Some(("list_type", list)) => format!("list({})", one(list, "elem_type").map_or("dyn".to_owned(), of)),
        Some(("map_type", map)) => {
            let part = |name| one(map, name).map_or("dyn".to_owned(), of);
            format!("map({}, {})", part("key_type"), part("value_type"))
        }
        Some(("abstract_type", node)) => {
            let parts: Vec<String> = all(node, "parameter_types").map(of).collect();
            format!("{}({})", word(node, "name").unwrap_or_default(), parts.join(", "))
        }
        Some((kind, Node::Text(name))) => format!("{kind} {name}"),
        _ => "dyn".to_owned(),
    }
}

fn all<'a>(node: &'a Node, name: &'a str) -> impl Iterator<Item = &'a Node> {
    let fields: &[(String, Node)] = if let Node::Message(fields) = node { fields } else { &[] };
    fields.iter().filter(move |(field, _)| field == name).map(|(_, node)| node)
}

fn one<'a>(node: &'a Node, name: &'a str) -> Option<&'a Node> {
    all(node, name).next()
}

fn word(node: &Node, name: &str) -> Option<String> {
    if let Node::Text(text) = one(node, name)? { Some(text.clone()) } else { None }
}

/// Fields until the brace that closes their message.
fn message(rest: &mut &[String]) -> Node {
    let mut fields = Vec::new();
    while let Some((name, after)) = rest.split_first() {
        *rest = after;
        if name == "}" {
            break;
        }
        while rest.first().is_some_and(|token| token == ":") {
            *rest = rest.get(1..).unwrap_or(&[]);
        }
        let Some((value, after)) = rest.split_first() else { break };
        *rest = after;
        let value = if value == "{" { message(rest) } else { Node::Text(value.clone()) };
        fields.push((name.clone(), value));
    }
    Node::Message(fields)
}

/// Words, signs and texts; comments are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '#' => while characters.next_if(|next| *next != '\n').is_some() {},
            '{' | '}' | ':' => found.push(character.to_string()),
            '"' | '\'' => {
                let mut word = String::new();
                while let Some(next) = characters.next() {
                    match next {
                        '\\' => word.extend(characters.next()),
                        next if next == character => break,
                        next => word.push(next),
                    }
                }
                found.push(word);
            }
            character if character.is_whitespace() => {}
            character => {
                let mut word = character.to_string();
                while let Some(next) = characters.next_if(|next| !next.is_whitespace() && !matches!(next, '{' | '}' | ':')) {
                    word.push(next);
                }
                found.push(word);
            }
        }
    }
    found
}
