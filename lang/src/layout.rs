//! The one way a file is laid out, the expressions in it included. It changes white space only, and nothing in a file that has mistakes.
//! Which strings are expressions, the grammar says; what is no expression after all, or has a comment in it, stays as it is. A string
//! over several lines stands one level deeper than its node, whatever is in it: its value does not change with that.

use crate::diagnostic::Diagnostic;
use crate::shape::{self, Rule};
use crate::syntax::lex::{Token, TokenKind};
use crate::syntax::tree::{Tree, TreeEntry, TreeNode};
use crate::syntax::{format_with, quoted, value_of};
use crate::written::layout;
use std::collections::BTreeMap;

/// Settings and nodes whose strings are text for people, whatever they begin with.
const TEXTS: &[&str] = &["message", "question", "template", "fail", "summary", "label"];

/// What a level of nodes is deeper than the one around it.
const INDENT: &str = "    ";

/// Line ends but `\n`; strings with them are left to whoever wrote them.
const OTHER_LINE_ENDS: [char; 6] = ['\r', '\u{85}', '\u{b}', '\u{c}', '\u{2028}', '\u{2029}'];

/// The text in its canonical layout; unchanged, with the mistakes, where it has any.
#[must_use]
pub fn format(text: &str) -> (String, Vec<Diagnostic>) {
    format_with(text, &|tree| expressions(text, tree))
}

/// The strings that are laid out differently: by their first byte, whole.
fn expressions(text: &str, tree: &Tree) -> BTreeMap<usize, String> {
    let mut found = BTreeMap::new();
    let mut depths: Vec<usize> = Vec::with_capacity(tree.nodes.len());
    for node in &tree.nodes {
        let place = Place::of(text, tree, node);
        // Parents come before their children.
        let depth = node.parent.and_then(|parent| depths.get(parent)).map_or(1, |parent| parent + 1);
        depths.push(depth);
        let indent = INDENT.repeat(depth);
        let arguments = node.entries.iter().filter(|entry| entry.key.is_none());
        let first = arguments.map(|entry| entry.value).next();
        for entry in &node.entries {
            let Some(token) = tree.tokens.get(entry.value).copied() else { continue };
            let condition = place.is_condition(text, tree, entry, Some(entry.value) == first);
            let expression = entry.annotation.is_none() && (condition.is_some() || !place.is_text(text, tree, entry));
            let own = if expression { laid_out(text, token, condition.is_some(), &indent) } else { None };
            if let Some(laid_out) = own.or_else(|| moved(text, token, &indent)) {
                found.insert(token.start, laid_out);
            }
        }
    }
    found
}

/// A string over several lines at another depth; nothing where it stands there already, or would have another value.
fn moved(text: &str, token: Token, indent: &str) -> Option<String> {
    if !matches!(token.kind, TokenKind::Block | TokenKind::RawBlock) {
        return None;
    }
    let old = text.get(token.start..token.end)?;
    let unix = old.replace("\r\n", "\n");
    if unix.contains(OTHER_LINE_ENDS) {
        return None;
    }
    let (before, closing) = unix.rsplit_once('\n')?;
    let (opening, body) = before.split_once('\n').unwrap_or((before, ""));
    let quotes = closing.trim_start();
    let prefix = closing.strip_suffix(quotes)?;
    let mut new = opening.to_owned();
    for line in body.split('\n').filter(|_| before.len() > opening.len()) {
        new.push('\n');
        match line.strip_prefix(prefix) {
            _ if line.trim().is_empty() => {}
            Some(line) => new.extend([indent, line]),
            // It goes on from an escape at the end of the line before.
            None => new.push_str(line),
        }
    }
    new.extend(["\n", indent, quotes]);
    let again = value_of(&new, Token { kind: token.kind, start: 0, end: new.len() });
    (new != old && again == value_of(text, token)).then_some(new)
}

/// A node's name, its rule, and that of what it stands in.
struct Place {
    name: String,
    rule: Option<&'static Rule>,
    parent: Option<&'static Rule>,
}

/// Marks a condition.
struct Condition;

impl Place {
    fn of(text: &str, tree: &Tree, node: &TreeNode) -> Self {
        let parent = node.parent.and_then(|parent| tree.nodes.get(parent));
        let above = parent.and_then(|parent| parent.parent).and_then(|above| tree.nodes.get(above));
        let name_of = |node: Option<&TreeNode>| node.map_or_else(|| "document".to_owned(), |node| name(text, tree, node.name));
        let (own, parent_name) = (name(text, tree, node.name), name_of(parent));
        let parent_rule = if parent.is_some() { shape::rule_of(&name_of(above), &parent_name) } else { shape::rules().get("document") };
        // A name that is a setting of what it stands in is that setting, even where a node elsewhere has the same name.
        let setting = parent_rule.is_some_and(|rule| !rule.children.contains(&own));
        let rule = if setting { None } else { shape::rule_of(&parent_name, &own) };
        Self { name: own, rule, parent: parent_rule }
    }

    /// Whether a value is a condition: `when`, or an argument that the grammar calls `CEL`.
    fn is_condition(&self, text: &str, tree: &Tree, entry: &TreeEntry, first: bool) -> Option<Condition> {
        let has = |rule: Option<&Rule>| rule.is_some_and(|rule| rule.settings.iter().any(|setting| setting == "when"));
        let is = match entry.key {
            Some(key) => name(text, tree, key) == "when" && has(self.rule),
            None if !first => false,
            None => match self.rule {
                Some(rule) => rule.arguments.first().is_some_and(|word| word == "CEL"),
                None => self.name == "when" && has(self.parent),
            },
        };
        is.then_some(Condition)
    }

    fn is_text(&self, text: &str, tree: &Tree, entry: &TreeEntry) -> bool {
        let name = entry.key.map_or_else(|| self.name.clone(), |key| name(text, tree, key));
        TEXTS.contains(&name.as_str())
    }
}

fn name(text: &str, tree: &Tree, token: usize) -> String {
    tree.tokens.get(token).map(|token| value_of(text, *token)).unwrap_or_default()
}

/// A string with its expression laid out; nothing where it is none, or is laid out already.
fn laid_out(text: &str, token: Token, condition: bool, indent: &str) -> Option<String> {
    let old = text.get(token.start..token.end)?;
    let value = value_of(text, token);
    let (mark, expression) = match value.strip_prefix('=') {
        Some(expression) if !condition => ("=", expression),
        _ if condition => ("", value.as_str()),
        _ => return None,
    };
    let new = match token.kind {
        TokenKind::Quoted => {
            // Written again, other escapes might be spelt otherwise; they are nobody's layout.
            let simple = old.replace("\\\\", "").replace("\\\"", "");
            if simple.contains('\\') {
                return None;
            }
            quoted(&format!("{mark}{}", layout::line(expression)?))
        }
        TokenKind::Raw => {
            let fence: String = old.chars().take_while(|letter| *letter == '#').collect();
            format!("{fence}\"{mark}{}\"{fence}", layout::line(expression)?)
        }
        TokenKind::Block | TokenKind::RawBlock => block(old, mark, expression, indent)?,
        _ => return None,
    };
    // The string must still be that expression.
    let token = Token { kind: token.kind, start: 0, end: new.len() };
    let again = value_of(&new, token);
    let kept = again.strip_prefix(mark).is_some_and(|again| layout::line(again) == layout::line(expression));
    (kept && new != old).then_some(new)
}

/// An expression between triple quotes: an operand a line.
fn block(old: &str, mark: &str, expression: &str, indent: &str) -> Option<String> {
    let fence: String = old.chars().take_while(|letter| *letter == '#').collect();
    let escaped = fence.is_empty() && old.contains('\\');
    if escaped || !old.contains('\n') || old.contains(OTHER_LINE_ENDS) {
        return None;
    }
    let lines = layout::lines(expression)?;
    let body: String = lines.iter().enumerate().map(|(at, line)| format!("{indent}{}{line}\n", if at == 0 { mark } else { "" })).collect();
    Some(format!("{fence}\"\"\"\n{body}{indent}\"\"\"{fence}"))
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn expressions_are_laid_out_and_other_strings_are_not() {
        for (text, expected) in [
            ("deny \"a\" when=\"effect.amount>1&&!x\"\n", "deny \"a\" when=\"effect.amount > 1 && !x\"\n"),
            ("flow \"f\" { let \"a\" \"=b+c\" }\n", "flow \"f\" { let \"a\" \"=b + c\" }\n"),
            ("flow \"f\" { let \"a\" \"b+c\" }\n", "flow \"f\" { let \"a\" \"b+c\" }\n"),
            ("flow \"f\" { let \"a\" (str)\"=b+c\" }\n", "flow \"f\" { let \"a\" (str)\"=b+c\" }\n"),
            (
                "flow \"f\" { reflect \"a\" { require \"b==1\" code=\"=b+c+\" } }\n",
                "flow \"f\" { reflect \"a\" { require \"b == 1\" code=\"=b+c+\" } }\n",
            ),
            (
                "flow \"f\" { observe \"a\" { call \"x.y\" when=\"a-b\" } }\n",
                "flow \"f\" { observe \"a\" { call \"x.y\" when=\"a-b\" } }\n",
            ),
            ("route \"r\" { fail \"=a-b\" }\n", "route \"r\" { fail \"=a-b\" }\n"),
            ("deny \"a\" when=\"x=='\\\"'\"\n", "deny \"a\" when=\"x == '\\\"'\"\n"),
            ("deny \"a\" when=#\"x==\"y\"\"#\n", "deny \"a\" when=#\"x == \"y\"\"#\n"),
            ("deny \"a\" when=\"x // why\"\n", "deny \"a\" when=\"x // why\"\n"),
            (
                "act \"a\" {\n    when \"\"\"\n        a&&b  &&\n          c\n        \"\"\"\n}\n",
                "act \"a\" {\n    when \"\"\"\n        a\n        && b\n        && c\n        \"\"\"\n}\n",
            ),
        ] {
            // Nodes are looked up where they may stand; what stands at the top here stands in a policy or a flow.
            let (text, expected) = match text.split_once(' ') {
                Some(("deny", _)) => (format!("policy \"p\" {{\n    {text}}}\n"), format!("policy \"p\" {{\n    {expected}}}\n")),
                Some(("act", _)) => {
                    let indented =
                        |text: &str| format!("flow \"f\" {{\n{}}}\n", text.lines().map(|line| format!("    {line}\n")).collect::<String>());
                    (indented(text), indented(expected))
                }
                _ => (text.to_owned(), expected.to_owned()),
            };
            assert_eq!(format(&text).0, expected);
            assert_eq!(format(&expected).0, expected);
        }
    }
    #[test]
    fn a_text_over_several_lines_stands_one_level_deeper_than_its_node() {
        let expected = "flow \"f\" {\n    act \"a\" {\n        message \"\"\"\n            Hello\n              there\n\n            you\n            \"\"\"\n        \
                        when \"\"\"\n            a\n            && b\n            \"\"\"\n    }\n}\n";
        for text in [
            "flow \"f\" {\nact \"a\" {\nmessage \"\"\"\nHello\n  there\n\nyou\n\"\"\"\nwhen \"\"\"\na && b\n\"\"\"\n}\n}\n",
            "flow \"f\" {\n\tact \"a\" {\n\t\tmessage \"\"\"\r\n\t\tHello\r\n\t\t  there\n    \n\t\tyou\n\t\t\"\"\"\n\t\twhen \"\"\"\n\t\ta\n\t\t&& \
             b\n\t\t\"\"\"\n\t}\n}\n",
            expected,
        ] {
            assert_eq!(format(text).0, expected);
        }
        // Nothing in it, a raw one, an escape at a line's end, one that is left out, and line ends of other systems.
        for (text, expected) in [
            ("a \"\"\"\n\"\"\"\n", "a \"\"\"\n    \"\"\"\n"),
            ("a #\"\"\"\n  x\\\n   y\n  \"\"\"#\n", "a #\"\"\"\n    x\\\n     y\n    \"\"\"#\n"),
            ("a \"\"\"\n  x \\\n y\n  \"\"\"\n", "a \"\"\"\n    x \\\n y\n    \"\"\"\n"),
            ("/-a \"\"\"\nx\n\"\"\"\n", "/-a \"\"\"\n    x\n    \"\"\"\n"),
            ("a \"\"\"\nx\u{2028}y\n\"\"\"\n", "a \"\"\"\nx\u{2028}y\n\"\"\"\n"),
        ] {
            assert_eq!(format(text).0, expected);
            assert_eq!(format(expected).0, expected);
        }
    }
}
