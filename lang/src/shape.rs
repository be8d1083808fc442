//! The shape of nodes: which nodes, settings and arguments may stand where, read from `grammar.txt`.
//! It knows no meaning: names, types and expressions are checked elsewhere.

use crate::ast::{Literal, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::{Diagnostic, nearest};
use crate::source::Span;
use std::collections::BTreeMap;
use std::sync::OnceLock;

mod annotation;
pub(crate) mod given;

/// The grammar as it is shipped.
pub const GRAMMAR: &str = include_str!("grammar.txt");

/// What may stand in one kind of node.
#[derive(Debug, Default, Clone)]
pub struct Rule {
    /// Argument words, such as `NAME` or `TYPE?`.
    pub arguments: Vec<String>,
    /// Settings: a property, or a child with arguments.
    pub settings: Vec<String>,
    /// Child nodes.
    pub children: Vec<String>,
    /// Any property name is allowed.
    pub free_settings: bool,
    /// Any child name is allowed.
    pub free_children: bool,
}

impl Rule {
    fn least(&self) -> usize {
        self.arguments.iter().filter(|word| !word.ends_with(['?', '*'])).count()
    }

    fn most(&self) -> Option<usize> {
        (!self.arguments.iter().any(|word| word.ends_with(['*', '+']))).then_some(self.arguments.len())
    }
}

/// Every rule: by `node`, or `parent>node` where the parent decides.
pub fn rules() -> &'static BTreeMap<String, Rule> {
    static RULES: OnceLock<BTreeMap<String, Rule>> = OnceLock::new();
    RULES.get_or_init(|| read_grammar(GRAMMAR))
}

fn read_grammar(text: &str) -> BTreeMap<String, Rule> {
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut rules = BTreeMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some((name, words)) = line.split_once(" = ") {
            groups.insert(name.trim().to_owned(), words.split_whitespace().map(str::to_owned).collect());
            continue;
        }
        let mut parts = line.split('|');
        let mut head = parts.next().unwrap_or("").split_whitespace().map(str::to_owned);
        let Some(name) = head.next() else { continue };
        let expand = |part: Option<&str>| -> Vec<String> {
            let words = part.unwrap_or("").split_whitespace();
            words.flat_map(|word| groups.get(word).cloned().unwrap_or_else(|| vec![word.to_owned()])).collect()
        };
        let mut settings = expand(parts.next());
        let mut children: Vec<String> = expand(parts.next());
        // `parent>child` among the children names the child by its last word; the rule is found by the full one.
        for child in &mut children {
            if let Some((_, last)) = child.split_once('>') {
                *child = last.to_owned();
            }
        }
        let free_settings = settings.iter().any(|word| word == "FREE");
        let free_children = children.iter().any(|word| word == "FREE");
        settings.retain(|word| word != "FREE");
        children.retain(|word| word != "FREE");
        rules.insert(name, Rule { arguments: head.collect(), settings, children, free_settings, free_children });
    }
    rules
}

/// The rule of a node under a parent.
pub fn rule_of(parent: &str, name: &str) -> Option<&'static Rule> {
    rules().get(&format!("{parent}>{name}")).or_else(|| rules().get(name))
}

/// Checks the shape of every top-level node and everything below it.
pub fn check(nodes: &[Node]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for node in nodes {
        annotation::check(node, &mut found);
        check_child("document", rules().get("document"), node, &mut found);
    }
    found
}

/// Children that say one thing of their node, wherever they may stand.
const ONCE: &[&str] = &[
    "input",
    "output",
    "evidence",
    "otherwise",
    "question",
    "answer",
    "stage",
    "http",
    "graphql",
    "request",
    "response",
    "tensors",
    "before",
    "undo",
    "lookup",
    "done",
    "not-done",
    "idempotent",
    "money",
    "pages",
    "batch",
    "timeout",
    "base-url",
    "rate-limit",
    "retry",
    "body",
    "query",
    "concurrency",
    "on-failure",
    "draft",
    "classify",
    "split",
    "recall",
    "measure",
    "call",
    "payload",
    "verify",
    "control",
    "holdout",
    "source",
    "ssh-key",
    "status",
    "after",
];

fn check_child(parent: &str, parent_rule: Option<&Rule>, node: &Node, found: &mut Vec<Diagnostic>) {
    let Some(parent_rule) = parent_rule else { return };
    let name = node.name.text.as_str();
    if parent_rule.children.iter().any(|child| child == name) {
        if let Some(rule) = rule_of(parent, name) {
            check_node(name, rule, node, found);
        }
    } else if parent_rule.settings.iter().any(|setting| setting == name) && !TYPED.contains(&name) {
        check_setting_child(node, found);
    } else if parent_rule.free_children || parent_rule.settings.iter().any(|setting| setting == name) {
        given::check(node, found);
    } else {
        found.push(unknown_node(parent, parent_rule, node));
    }
}

fn unknown_node(parent: &str, rule: &Rule, node: &Node) -> Diagnostic {
    let name = &node.name.text;
    let place = if parent == "document" { "at the top of a file".to_owned() } else { format!("in `{parent}`") };
    let known: Vec<&str> = rule.children.iter().chain(&rule.settings).map(String::as_str).collect();
    let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NODE, node.name.span, format!("there is no `{name}` {place}")).label("unknown node");
    let elsewhere = parents_of(name);
    match nearest(name, known.iter().copied()) {
        // A word of the language is not another one that is mistyped: it stands where it does not belong.
        _ if !elsewhere.is_empty() => {
            let place = |parent: &&str| if *parent == "document" { "at the top of a file".to_owned() } else { format!("in `{parent}`") };
            let mut places: Vec<String> = elsewhere.iter().take(4).map(place).collect();
            places.extend((elsewhere.len() > 4).then(|| "and others".to_owned()));
            let belongs = format!("`{name}` stands {}", places.join(", "));
            diagnostic.help(if known.is_empty() { belongs } else { format!("{belongs}; {}", list_of("possible here", &known)) })
        }
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), node.name.span, near),
        None => diagnostic.help(list_of("possible here", &known)),
    }
}

/// The nodes in which a node of this name may stand; none where the language has no such node.
fn parents_of(name: &str) -> Vec<&'static str> {
    let holds = |rule: &Rule| rule.children.iter().any(|child| child == name);
    let parents = rules().iter().filter(|(_, rule)| holds(rule)).map(|(parent, _)| parent.rsplit('>').next().unwrap_or(parent));
    let mut parents: Vec<&'static str> = parents.collect();
    parents.sort_unstable();
    parents.dedup();
    parents
}

fn list_of(what: &str, names: &[&str]) -> String {
    if names.is_empty() {
        return "nothing may stand here".to_owned();
    }
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{what}: {}", quoted.join(", "))
}

/// Settings that may be a list or have fields, as the type beside them says.
const TYPED: &[&str] = &["default"];

/// A setting written as a child: one argument at least, nothing else.
fn check_setting_child(node: &Node, found: &mut Vec<Diagnostic>) {
    let name = &node.name.text;
    if node.arguments.is_empty() {
        found.push(
            Diagnostic::new(&meaning::MISSING_ARGUMENT, node.name.span, format!("`{name}` has no value"))
                .label("a value is missing")
                .help(format!("write `{name} VALUE`")),
        );
    }
    for surplus in node.arguments.iter().skip(if LISTS.contains(&name.as_str()) { usize::MAX } else { 1 }) {
        let message = format!("`{name}` takes one value, this is one too many");
        let diagnostic = Diagnostic::new(&meaning::SURPLUS_ARGUMENT, surplus.span, message).label("one too many");
        found.push(diagnostic.help(format!("write `{name} VALUE`")).proposal("remove it", removal(node, surplus.span), ""));
    }
    for property in &node.properties {
        found.push(unknown_setting(&property.name.text, property.name.span, name, &[]));
    }
    for child in &node.children {
        found.push(unknown_node(name, &Rule::default(), child));
    }
}

fn unknown_setting(setting: &str, span: Span, node: &str, known: &[&str]) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(&meaning::UNKNOWN_SETTING, span, format!("`{node}` has no setting `{setting}`")).label("unknown setting");
    match nearest(setting, known.iter().copied()) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(format!("write `{near}`"), span, near),
        None if known.is_empty() => diagnostic.help(format!("`{node}` takes no settings here")),
        None => diagnostic.help(list_of("its settings are", known)),
    }
}

fn check_node(name: &str, rule: &Rule, node: &Node, found: &mut Vec<Diagnostic>) {
    check_arguments(name, rule, node, found);
    annotation::check_names(rule, node, found);
    check_settings(name, rule, node, found);
    for child in &node.children {
        check_child(name, Some(rule), child, found);
    }
    check_once(name, rule, node, found);
}

/// Children of which a node has one: a second one would be left out without a word.
fn check_once(name: &str, rule: &Rule, node: &Node, found: &mut Vec<Diagnostic>) {
    let once = |child: &&Node| {
        let child = child.name.text.as_str();
        ONCE.contains(&child) && name != "scenario" && rule.children.iter().any(|own| own == child)
    };
    let children: Vec<&Node> = node.children.iter().filter(once).collect();
    for (at, child) in children.iter().enumerate() {
        let Some(first) = children.iter().take(at).find(|first| first.name.text == child.name.text) else { continue };
        let message = format!("`{}` stands twice in this `{name}`", child.name.text);
        let diagnostic = Diagnostic::new(&meaning::DUPLICATE_SETTING, child.name.span, message).label("again");
        found.push(diagnostic.also(first.name.span, "first here").help("keep one of the two"));
    }
}

fn check_arguments(name: &str, rule: &Rule, node: &Node, found: &mut Vec<Diagnostic>) {
    let least = rule.least();
    if node.arguments.len() < least {
        let missing: Vec<String> = rule
            .arguments
            .iter()
            .filter(|word| !word.ends_with(['?', '*']))
            .skip(node.arguments.len())
            .map(|word| word.trim_end_matches('+').to_owned())
            .collect();
        found.push(
            Diagnostic::new(&meaning::MISSING_ARGUMENT, node.name.span, format!("`{name}` lacks its {}", missing.join(" and ")))
                .label("incomplete")
                .help(format!("write `{name} {}`", rule.arguments.join(" "))),
        );
    }
    // With fewer values than words, it is the optional words that are left out: `setting "share" 0.2` gives no TYPE.
    let fewer = node.arguments.len() < rule.arguments.len();
    let words = rule.arguments.iter().filter(|word| !fewer || !word.ends_with(['?', '*']));
    for (word, value) in words.zip(&node.arguments) {
        check_kind(name, word.trim_end_matches(['?', '*', '+']), value, found);
    }
    let Some(most) = rule.most() else { return };
    for surplus in node.arguments.iter().skip(most) {
        let takes = if most == 0 { "no value".to_owned() } else { format!("{most} value{}", if most == 1 { "" } else { "s" }) };
        found.push(
            Diagnostic::new(&meaning::SURPLUS_ARGUMENT, surplus.span, format!("`{name}` takes {takes}, this is one too many"))
                .label("one too many")
                .help(format!("its form is `{name} {}`", rule.arguments.join(" ")).trim_end().to_owned())
                .proposal("remove it", removal(node, surplus.span), ""),
        );
    }
}

/// A setting that stood before.
fn twice(name: &str, node: &Node, setting: &crate::ast::Name, first: Span) -> Diagnostic {
    Diagnostic::new(&meaning::DUPLICATE_SETTING, setting.span, format!("`{}` is given twice in this `{name}`", setting.text))
        .label("again")
        .also(first, "first here")
        .help("keep one of the two")
        .proposal("remove it", entry(node, setting), "")
}

/// A setting whole: a property with its value, or a child.
fn entry(node: &Node, name: &crate::ast::Name) -> Span {
    let property = node.properties.iter().find(|property| property.name.span == name.span);
    let child = node.children.iter().find(|child| child.name.span == name.span);
    property.map(|property| name.span.to(property.value.span)).or(child.map(|child| child.span)).unwrap_or(name.span)
}

/// An argument with the space before it.
fn removal(node: &Node, surplus: Span) -> Span {
    let ends = node.arguments.iter().map(|value| value.span).chain(node.properties.iter().map(|property| property.value.span));
    let before = ends.chain([node.name.span]).map(|span| span.end).filter(|end| *end <= surplus.start).max();
    // Something that is no entry may stand between: a comment, a block. Only a gap of one space is taken along.
    Span { start: before.filter(|end| end + 1 == surplus.start).unwrap_or(surplus.start), ..surplus }
}

/// Names and texts are strings, a flag is `#true` or `#false`; a `VALUE` may be anything.
fn check_kind(name: &str, word: &str, value: &Literal, found: &mut Vec<Diagnostic>) {
    let fits = match word {
        "VALUE" => true,
        "COUNT" => matches!(value.scalar, Scalar::Int(_)),
        "BOOL" => matches!(value.scalar, Scalar::Bool(_)),
        _ => matches!(value.scalar, Scalar::String(_)),
    };
    if !fits {
        let (wanted, help) = match word {
            "BOOL" => ("a flag", "write #true or #false"),
            "COUNT" => ("a whole number", "write it without quotes"),
            _ => ("text", "put it in quotes"),
        };
        let message = format!("the {} of `{name}` must be {wanted}", word.to_lowercase());
        let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label(format!("not {wanted}")).help(help);
        let quoted = match &value.scalar {
            _ if word == "BOOL" => None,
            Scalar::Int(number) => Some(format!("\"{number}\"")),
            Scalar::Bool(flag) => Some(format!("\"{flag}\"")),
            _ => None,
        };
        found.push(match quoted {
            Some(quoted) => diagnostic.fix("put it in quotes", value.span, quoted),
            None => diagnostic,
        });
    }
}

/// Settings that take several values; every other takes one.
const LISTS: &[&str] = &["after", "editable", "unique", "ignore", "by", "in", "fulltext"];

fn check_settings(name: &str, rule: &Rule, node: &Node, found: &mut Vec<Diagnostic>) {
    let known: Vec<&str> = rule.settings.iter().map(String::as_str).collect();
    let mut seen: BTreeMap<&str, Span> = BTreeMap::new();
    // What is a setting and a node of its own stands once; but a `when` of a `choose` is an arm.
    let both = |name: &str| name != "when" && rule.settings.iter().any(|setting| setting == name);
    let repeatable = |name: &str| rule.children.iter().any(|child| child == name) && !both(name);
    // A child is a setting by its name, or because any name may stand here; items of a list are none.
    let is_setting = |child: &&Node| {
        let name = child.name.text.as_str();
        !repeatable(name) && (known.contains(&name) || (rule.free_children && name != given::ITEM))
    };
    let as_children = node.children.iter().filter(is_setting).map(|child| (&child.name, true));
    for (setting, is_child) in node.properties.iter().map(|property| (&property.name, false)).chain(as_children) {
        if !is_child && !rule.free_settings && !known.contains(&setting.text.as_str()) {
            let as_child = rule.children.contains(&setting.text);
            let diagnostic = unknown_setting(&setting.text, setting.span, name, &known);
            let help = format!("`{}` is a child here: write it in a block, as `{name} … {{ {} … }}`", setting.text, setting.text);
            found.push(if as_child { Diagnostic { fixes: Vec::new(), ..diagnostic }.help(help) } else { diagnostic });
        } else if let Some(first) = seen.insert(&setting.text, setting.span) {
            found.push(twice(name, node, setting, first));
        }
    }
}

/// Settings and children of a node whose shape was checked.
pub(crate) trait Shaped {
    /// The value of a property.
    fn property(&self, name: &str) -> Option<&Literal>;
    /// The value of a setting, written as a property or as a child.
    fn setting(&self, name: &str) -> Option<&Literal>;
    /// The values of a setting that is a list.
    fn list<'a>(&'a self, name: &'a str) -> Vec<&'a Literal>;
    /// The children of a name.
    fn all<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a Node> + 'a>;
    /// The first child of a name.
    fn first(&self, name: &str) -> Option<&Node>;
    /// The argument at a place.
    fn argument(&self, at: usize) -> Option<&Literal>;
}

impl Shaped for Node {
    fn property(&self, name: &str) -> Option<&Literal> {
        self.properties.iter().find(|property| property.name.text == name).map(|property| &property.value)
    }

    fn setting(&self, name: &str) -> Option<&Literal> {
        self.property(name).or_else(|| self.first(name).and_then(|child| child.arguments.first()))
    }

    fn list<'a>(&'a self, name: &'a str) -> Vec<&'a Literal> {
        self.property(name).into_iter().chain(self.all(name).flat_map(|child| child.arguments.iter())).collect()
    }

    fn all<'a>(&'a self, name: &'a str) -> Box<dyn Iterator<Item = &'a Node> + 'a> {
        Box::new(self.children.iter().filter(move |child| child.name.text == name))
    }

    fn first(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name.text == name)
    }

    fn argument(&self, at: usize) -> Option<&Literal> {
        self.arguments.get(at)
    }
}
