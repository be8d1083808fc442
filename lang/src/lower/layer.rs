//! Layers of a configuration: what replaces or extends a part of the standard library, and what the chosen environment changes.
//! It moves nodes about before any of them is lowered, and knows none of their meaning.

use super::context::{Context, name_of, suggest};
use crate::ast::{Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::Digest;
use crate::shape::Shaped;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Whether a node has a flag.
fn flagged(node: &Node, flag: &str) -> bool {
    node.property(flag).is_some_and(|value| value.scalar == Scalar::Bool(true))
}

/// The lock file: which base each replacement was made against.
pub const LOCK: &str = "tradewind.lock";

impl Context<'_> {
    /// The nodes that hold, in the order of their files.
    pub(crate) fn layered<'n>(&mut self, nodes: &'n [Node], environment: Option<&str>) -> Cow<'n, [Node]> {
        if !nodes.iter().any(has_layers) {
            return Cow::Borrowed(nodes);
        }
        let locked = self.locked(nodes);
        let mut layered: Vec<Node> = Vec::new();
        let (upper, base): (Vec<Node>, Vec<Node>) =
            nodes.iter().cloned().partition(|node| flagged(node, "override") || flagged(node, "extend"));
        layered.extend(base);
        for node in upper {
            let Some(name) = name_of(&node) else { continue };
            let kind = node.name.text.clone();
            let found = layered.iter().position(|base| base.name.text == kind && name_of(base).is_some_and(|of| of.text == name.text));
            let Some(base) = found.and_then(|at| layered.get_mut(at)) else {
                let known: Vec<String> =
                    layered.iter().filter(|base| base.name.text == kind).filter_map(name_of).map(|name| name.text).collect();
                let message = format!("there is no {kind} `{}` to build on", name.text);
                let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, name.span, message).label("no base");
                self.report(suggest(diagnostic, &name.text, &known, name.span, &kind));
                // What replaces stands by itself; what extends is a part of nothing.
                if !flagged(&node, "extend") {
                    layered.push(node);
                }
                continue;
            };
            if flagged(&node, "extend") {
                let extended = self.extended(base.clone(), node, &name.text, &locked);
                if let Some(base) = found.and_then(|at| layered.get_mut(at)) {
                    *base = extended;
                }
            } else {
                let (was, is) = (base.clone(), &node);
                self.lock(&format!("{kind} {}", name.text), &was, is, &locked);
                if let Some(base) = found.and_then(|at| layered.get_mut(at)) {
                    *base = node;
                }
            }
        }
        Cow::Owned(self.in_environment(layered, environment))
    }

    /// A base with parts added and replaced.
    fn extended(&mut self, mut base: Node, upper: Node, name: &str, locked: &BTreeMap<String, String>) -> Node {
        for property in upper.properties.iter().filter(|property| property.name.text != "extend") {
            base.properties.retain(|own| own.name.text != property.name.text);
            base.properties.push(property.clone());
        }
        for child in upper.children {
            let Some(part) = name_of(&child) else {
                // What has no name stands once: the new one holds.
                base.children.retain(|own| own.name.text != child.name.text);
                base.children.push(child);
                continue;
            };
            let same = |own: &Node| own.name.text == child.name.text && name_of(own).is_some_and(|of| of.text == part.text);
            match base.children.iter().position(same) {
                Some(at) if flagged(&child, "override") => {
                    if let Some(was) = base.children.get(at).cloned() {
                        self.lock(&format!("{} {name}.{}", child.name.text, part.text), &was, &child, locked);
                        self.check_replaced_kind(&format!("{name}.{}", part.text), &was, &child);
                    }
                    if let Some(own) = base.children.get_mut(at) {
                        *own = child;
                    }
                }
                Some(at) => {
                    let first = base.children.get(at).map_or(part.span, |own| own.name.span);
                    let message = format!("`{name}` already has the {} `{}`", child.name.text, part.text);
                    let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, part.span, message).label("again").also(first, "first here");
                    self.report(diagnostic.help("write `override=#true` on it to replace the first"));
                }
                None if flagged(&child, "override") => {
                    let message = format!("`{name}` has no {} `{}` to replace", child.name.text, part.text);
                    let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, part.span, message).label("no base");
                    let known: Vec<String> = base
                        .children
                        .iter()
                        .filter(|own| own.name.text == child.name.text)
                        .filter_map(name_of)
                        .map(|name| name.text)
                        .collect();
                    self.report(suggest(diagnostic, &part.text, &known, part.span, &child.name.text));
                }
                None => base.children.push(child),
            }
        }
        base
    }

    /// The digests of the lock file by part. One that holds none, or something else, would look like one that knows of no change.
    fn locked(&mut self, nodes: &[Node]) -> BTreeMap<String, String> {
        let Some(text) = (self.read)(LOCK) else { return BTreeMap::new() };
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')).collect();
        let parts = lines.iter().filter_map(|line| line.rsplit_once(' '));
        let locked: Vec<(&str, &str)> = parts.filter(|(part, digest)| !part.trim().is_empty() && is_digest(digest)).collect();
        let replaces = |node: &&Node| flagged(node, "override") || node.children.iter().any(|child| flagged(child, "override"));
        if let Some(upper) = nodes.iter().find(replaces).filter(|_| locked.is_empty() || locked.len() < lines.len()) {
            let why = if lines.is_empty() { "holds nothing" } else { "cannot be read" };
            let message = format!("`{LOCK}` {why}, and something is replaced here");
            let diagnostic = Diagnostic::new(&meaning::LOCK_BROKEN, upper.name.span, message).label("against what was this made?");
            self.report(diagnostic.help(format!("take `{LOCK}` back from an earlier commit, or remove it and run `tradewind lock`")));
        }
        locked.into_iter().map(|(part, digest)| (part.to_owned(), digest.to_owned())).collect()
    }

    /// Notes the digest of a base, and warns where the lock file knows another.
    fn lock(&mut self, part: &str, base: &Node, upper: &Node, locked: &BTreeMap<String, String>) {
        let digest = Digest::of(self.sources.text(base.span).as_bytes()).short();
        self.known.lock.push((part.to_owned(), digest.clone()));
        // A repository without the file has never looked; one with it has, at all but this.
        if !locked.is_empty() && locked.get(part).is_none_or(|known| *known != digest) {
            let message = format!("what this replaces is not what `{LOCK}` knows");
            let diagnostic = Diagnostic::new(&meaning::BASE_CHANGED, upper.name.span, message).label(format!("replaces `{part}`"));
            self.report(diagnostic.also(base.name.span, "changed").help("look at the change, then run `tradewind lock`"));
        }
    }

    /// The lock file as it should be; empty where nothing is replaced.
    pub(crate) fn lock_text(&self) -> String {
        let mut lines: Vec<String> = self.known.lock.iter().map(|(part, digest)| format!("{part} {digest}\n")).collect();
        lines.sort_unstable();
        if lines.is_empty() {
            return String::new();
        }
        format!(
            "# What this repository replaces, and the digest of what it was made against. Written by `tradewind lock`.\n{}",
            lines.concat()
        )
    }

    /// What the chosen environment changes in models, routes and connectors.
    fn in_environment(&mut self, mut nodes: Vec<Node>, wanted: Option<&str>) -> Vec<Node> {
        let Some(project) = nodes.iter().find(|node| node.name.text == "project").cloned() else { return nodes };
        let named = |name: &str| project.all("environment").find(|node| name_of(node).is_some_and(|of| of.text == name));
        let chosen = match wanted {
            Some(name) => named(name),
            None => named("dev").or_else(|| project.first("environment")),
        };
        let chosen = chosen.and_then(name_of).map(|name| name.span);
        for environment in project.all("environment") {
            let here = name_of(environment).map(|name| name.span) == chosen;
            for change in environment.children.iter().filter(|child| matches!(child.name.text.as_str(), "model" | "route" | "connector")) {
                let Some(name) = name_of(change) else { continue };
                let kind = change.name.text.as_str();
                let same = |node: &&mut Node| node.name.text == kind && name_of(node).is_some_and(|of| of.text == name.text);
                let known: Vec<String> =
                    nodes.iter().filter(|node| node.name.text == kind).filter_map(name_of).map(|name| name.text).collect();
                match nodes.iter_mut().find(same) {
                    Some(base) if here => changed(base, change),
                    Some(_) => {}
                    None => {
                        let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, name.span, format!("there is no {kind} `{}`", name.text));
                        self.report(suggest(diagnostic.label(format!("no such {kind}")), &name.text, &known, name.span, kind));
                    }
                }
            }
        }
        nodes
    }
}

/// Whether a text may be the digest of a part.
fn is_digest(text: &str) -> bool {
    text.len() >= 8 && text.chars().all(|letter| letter.is_ascii_hexdigit())
}

/// Whether a node replaces or extends another one, or is a project with an environment that changes some.
fn has_layers(node: &Node) -> bool {
    let changes = |child: &Node| matches!(child.name.text.as_str(), "model" | "route" | "connector");
    flagged(node, "override")
        || flagged(node, "extend")
        || node.name.text == "project" && node.all("environment").any(|environment| environment.children.iter().any(changes))
}

/// Settings of the change stand for those of the base; so do children, all of a name at once.
fn changed(base: &mut Node, change: &Node) {
    // What is no setting is said to be none, and takes nothing from the base.
    let kind = base.name.text.clone();
    let is_setting = |name: &str| crate::shape::rule_of("document", &kind).is_none_or(|rule| rule.settings.iter().any(|own| own == name));
    for property in change.properties.iter().filter(|property| is_setting(&property.name.text)) {
        base.children.retain(|own| own.name.text != property.name.text);
        base.properties.retain(|own| own.name.text != property.name.text);
        base.properties.push(property.clone());
    }
    let names: Vec<&str> = change.children.iter().map(|child| child.name.text.as_str()).collect();
    base.properties.retain(|own| !names.contains(&own.name.text.as_str()));
    // Where one of the name stood, so that a ladder keeps its order.
    let at = base.children.iter().position(|own| names.contains(&own.name.text.as_str())).unwrap_or(base.children.len());
    base.children.retain(|own| !names.contains(&own.name.text.as_str()));
    let at = at.min(base.children.len());
    base.children.splice(at..at, change.children.iter().cloned());
}
