//! Types, enums, teams and the manifest: what other nodes refer to.

use super::context::{Context, name_of, suggest, suggest_of};
use crate::ast::{Literal, Node, Scalar};
use crate::code::{expression, meaning};
use crate::diagnostic::{Diagnostic, nearest};
use crate::money::Currency;
use crate::plan::Team;
use crate::shape::Shaped;
use crate::shape::given::{self, Given};
use crate::source::Span;
use crate::ty::{Field, Marks, Record, Ty};
use crate::value::Value;
use std::collections::BTreeSet;

impl Context<'_> {
    /// Registers every top-level name, and every operation and setting, so that order never matters.
    pub(crate) fn declare_all(&mut self, nodes: &[Node]) {
        for node in nodes {
            let kind = match node.name.text.as_str() {
                "team" => "team",
                "type" => "type",
                "enum" => "enum",
                "connector" => "connector",
                "model" => "model",
                "route" => "route",
                "memory" => "memory",
                "policy" => "policy",
                "flow" => "flow",
                "scenario" => "scenario",
                "series" => "series",
                "critic" => "critic",
                "agent" => "agent",
                "rollout" => "rollout",
                "metric" => "metric",
                "slo" => "slo",
                "migration" => "migration",
                _ => continue,
            };
            let Some(name) = name_of(node) else { continue };
            self.declare(kind, &name.text, name.span);
            // Some are named by a sentence, or by a type and its version; what expressions name is held to more where it is read.
            if !matches!(kind, "scenario" | "slo" | "migration" | "series" | "metric") {
                self.one_word(kind, &name.text, name.span);
            }
            if matches!(kind, "type" | "enum") && is_built_in(&name.text) {
                let message = format!("`{}` is a type of the language, so no {kind} can have its name", name.text);
                let diagnostic = Diagnostic::new(&expression::RESERVED, name.span, message).label("would never be used");
                self.report(diagnostic.help("give it a name of its own"));
            }
            if kind == "connector" {
                for event in node.all("event").filter_map(name_of) {
                    self.declare("event", &format!("{}.{}", name.text, event.text), event.span);
                }
                for operation in node.all("operation") {
                    if let Some(operation) = name_of(operation) {
                        self.declare("operation", &format!("{}.{}", name.text, operation.text), operation.span);
                    }
                }
            }
        }
    }

    /// The record that stands for a file or an image, declared where something names it.
    pub(crate) fn asset(&mut self) -> String {
        let field = |name: &str, ty: Ty| Field::plain(name.to_owned(), ty);
        let fields = vec![field("digest", Ty::String), field("media_type", Ty::String), field("bytes", Ty::Int)];
        let record = Record { version: 1, subject: None, fields };
        self.plan.types.records.entry(super::talk::ASSET.to_owned()).or_insert(record);
        super::talk::ASSET.to_owned()
    }

    /// The manifest: exactly one `project`.
    pub(crate) fn lower_project(&mut self, nodes: &[Node], environment: Option<&str>, end: Span) {
        let mut projects = nodes.iter().filter(|node| node.name.text == "project");
        let Some(project) = projects.next() else {
            // It belongs into the file that makes a folder a repository, where there is one.
            let end = self.sources.iter().find(|(_, source)| source.path == "tradewind.kdl").map_or(end, |(id, _)| Span::new(id, 0, 0));
            let diagnostic = Diagnostic::new(&meaning::NO_PROJECT, end, "there is no `project` node in the repository");
            let manifest = "project \"my-shop\" { currency \"USD\" }";
            let diagnostic = diagnostic.label("nothing here").help(format!("write `{manifest}` in tradewind.kdl"));
            self.report(diagnostic.proposal("write a manifest", end, format!("{manifest}\n")));
            return;
        };
        for second in projects {
            let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, second.name.span, "there are two `project` nodes");
            self.report(diagnostic.label("again").also(project.name.span, "first here").help("a repository has one manifest"));
        }
        if let Some(name) = self.argument(project, 0, "the project's name") {
            self.plan.project.name = name;
        }
        match project.setting("currency").cloned() {
            None => self.missing(project, "currency", "write `currency \"USD\"`: caps and reports are in it"),
            Some(value) => match value.text().and_then(Currency::parse) {
                Some(currency) => {
                    if !currency.is_listed() {
                        self.report(crate::literal::unlisted(currency, value.span));
                    }
                    self.plan.project.currency = currency;
                }
                None => {
                    let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, "`currency` must be an ISO 4217 code");
                    self.report(diagnostic.label("not a currency").help("three capital letters, such as \"USD\""));
                }
            },
        }
        self.lower_time_zone(project);
        self.check_requires(project);
        for setting in project.all("setting") {
            self.lower_setting(setting);
        }
        self.lower_environments(project, environment);
    }

    fn check_requires(&mut self, project: &Node) {
        let Some(value) = project.setting("requires").cloned() else { return };
        let Some(text) = self.text(&value, "`requires`") else { return };
        let version = |text: &str| -> Option<Vec<u32>> { text.split('.').map(|part| part.parse().ok()).collect() };
        let own = version(env!("CARGO_PKG_VERSION")).unwrap_or_default();
        let wanted = text.strip_prefix(">=").and_then(|rest| version(rest.trim()));
        let diagnostic = match wanted {
            None => Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`requires` cannot be read: `{text}`"))
                .help("write `requires \">=0.1\"`"),
            Some(wanted) if own < wanted => Diagnostic::new(
                &meaning::NEEDS_NEWER,
                value.span,
                format!("this repository needs version {text}, this is {}", env!("CARGO_PKG_VERSION")),
            )
            .help("use a newer tradewind, or lower the requirement"),
            Some(_) => return,
        };
        self.report(diagnostic.label("not met"));
    }

    /// `setting NAME TYPE VALUE`, or `setting NAME VALUE` in an environment.
    fn lower_setting(&mut self, node: &Node) {
        let Some(name) = name_of(node) else { return };
        if !self.snake_case(&name.text, name.span, "a setting") {
            return;
        }
        let own = setting_value(node, 2);
        let (Some(kind), Some(value)) = (node.argument(1).cloned(), Given::of(&own)) else {
            self.missing(node, "type and value", "write `setting \"min_markup\" double 0.15`");
            return;
        };
        let Some(ty) = self.type_of_literal(&kind) else { return };
        let Some(value) = self.typed_given(&name.text, value, &ty) else { return };
        if self.declare("setting", &name.text, name.span) {
            self.settings.push((name.text.clone(), ty));
            self.plan.project.settings.insert(name.text, value);
        }
    }

    pub(crate) fn lower_teams(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "team") {
            let Some(name) = name_of(node) else { continue };
            let members = self.members(node);
            if members.is_empty() && node.first("member").is_none() {
                let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, format!("the team `{}` has no member", name.text));
                self.report(diagnostic.label("nobody could decide").help("write `member \"ana@shop.example\"` in it"));
            }
            let notify = node.setting("notify").cloned().and_then(|word| self.word(&word, "`notify`", &["email", "none"]));
            for member in node.all("member").collect::<Vec<_>>() {
                member.setting("notify").cloned().and_then(|word| self.word(&word, "`notify`", &["email", "none"]));
            }
            let hours = node.setting("hours").cloned().and_then(|hours| self.working_hours(&hours));
            let owner = node.setting("owner").cloned().and_then(|owner| self.reference(&owner, "team"));
            self.locate(format!("team:{}", name.text), node.span);
            self.plan.teams.insert(name.text, Team { members, notify, hours, owner });
        }
    }

    /// Who sets and lifts legal holds: `legal-hold "legal"`.
    pub(crate) fn lower_legal_hold(&mut self, nodes: &[Node]) {
        let Some(project) = nodes.iter().find(|node| node.name.text == "project") else { return };
        for value in project.list("legal-hold").into_iter().cloned().collect::<Vec<_>>() {
            let Some(team) = self.reference(&value, "team") else { continue };
            if !self.plan.project.legal_hold.contains(&team) {
                self.plan.project.legal_hold.push(team);
            }
        }
    }

    /// `mon-fri 08:00-18:00`.
    fn working_hours(&mut self, value: &Literal) -> Option<String> {
        const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let text = self.text(value, "`hours`")?;
        let time = |text: &str| {
            text.len() == 5
                && text.split_once(':').is_some_and(|(hour, minute)| {
                    hour.parse::<u8>().is_ok_and(|hour| hour <= 24) && minute.parse::<u8>().is_ok_and(|minute| minute < 60)
                })
        };
        let day = |text: &str| DAYS.contains(&text);
        let read = text.split_once(' ').is_some_and(|(days, hours)| {
            let days = days.split(',').all(|days| day(days) || days.split_once('-').is_some_and(|(from, to)| day(from) && day(to)));
            days && hours.split_once('-').is_some_and(|(from, to)| time(from) && time(to))
        });
        if !read {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{text}` are no working hours"));
            self.report(diagnostic.label("cannot be read").help("write `hours=\"mon-fri 08:00-18:00\"`"));
        }
        read.then_some(text)
    }

    pub(crate) fn lower_types(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "enum") {
            let Some(name) = name_of(node) else { continue };
            let values = self.enum_values(node);
            self.plan.types.enums.insert(name.text, values);
        }
        let types = || nodes.iter().filter(|node| node.name.text == "type");
        // A default with fields is of a type that may stand further down: its own type is read once more when all are known.
        let again = types().filter(|node| node.all("field").any(has_deep_default));
        for node in types().chain(again) {
            let Some(name) = name_of(node) else { continue };
            let fields = self.lower_fields(node, &name.text);
            self.know_fields(node, &name.text);
            let subject = node.setting("subject").cloned();
            if let Some(value) = &subject {
                let known: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
                if let Some(text) = value.text().filter(|text| !known.iter().any(|name| name == text)) {
                    let diagnostic = Diagnostic::new(
                        &meaning::UNKNOWN_NAME,
                        value.span,
                        format!("`{}` has no field `{text}` to be its subject", name.text),
                    );
                    self.report(suggest(diagnostic.label("no such field"), text, &known, value.span, "field"));
                }
            }
            if subject.is_none() && fields.iter().any(|field| field.marks.pii) {
                let diagnostic = Diagnostic::new(
                    &meaning::PERSONAL_WITHOUT_SUBJECT,
                    node.name.span,
                    format!("`{}` has personal fields and does not say whose", name.text),
                );
                self.report(diagnostic.label("whose data?").help("write `subject=\"customer_id\"` with the field that names the person"));
            }
            let version = self.count(node, "version", 1, i64::from(u32::MAX)).unwrap_or(1);
            let subject = subject.and_then(|value| value.text().map(str::to_owned));
            self.plan.types.records.insert(name.text, Record { version, subject, fields });
        }
        self.check_endless_types(nodes);
    }

    /// The `field` children of a node.
    pub(crate) fn lower_fields(&mut self, node: &Node, of: &str) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for child in node.all("field") {
            let (Some(name), Some(kind)) = (name_of(child), child.argument(1).cloned()) else { continue };
            self.snake_case(&name.text, name.span, "a field");
            if !names.insert(name.text.clone()) {
                let diagnostic =
                    Diagnostic::new(&meaning::DUPLICATE_NAME, name.span, format!("`{of}` has two fields named `{}`", name.text));
                self.report(diagnostic.label("again").help("rename one, or remove it"));
                continue;
            }
            let ty = self.type_of_literal(&kind).unwrap_or(Ty::Unknown);
            let marks = self.marks(child);
            let default = given::setting(child, "default").and_then(|value| self.typed_given("default", value, &ty));
            let (min, max) = self.bounds_of(child, &ty, default.as_ref());
            let pattern = self.pattern_of(child, &ty, default.as_ref());
            let label = self.setting_text(child, "label");
            fields.push(Field { name: name.text, ty, marks, default, min, max, pattern, label });
        }
        fields
    }

    /// `min` and `max` of a field: of numbers their value, of text and lists their length. Anything else has no bounds that would be held.
    fn bounds_of(&mut self, field: &Node, ty: &Ty, default: Option<&Value>) -> (Option<f64>, Option<f64>) {
        let bounded = if let Ty::Optional(inner) = ty { inner.as_ref() } else { ty };
        for name in ["min", "max"] {
            let Some(value) = field.setting(name) else { continue };
            let (message, help) = if !matches!(bounded, Ty::Int | Ty::Double | Ty::String | Ty::List(_) | Ty::Unknown) {
                (format!("a field of type {ty} has no `{name}`"), "write a `deny` in a policy, or a `require` in the flow")
            } else if number(Some(value)).is_none() {
                (format!("`{name}` must be a number"), "write it without quotes: of text and lists it is the length")
            } else {
                continue;
            };
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, message).label("would not be held");
            self.report(diagnostic.help(help));
        }
        let (min, max) = (number(field.setting("min")), number(field.setting("max")));
        if let (Some(least), Some(most), Some(value)) = (min, max, field.setting("max"))
            && least > most
        {
            let diagnostic =
                Diagnostic::new(&meaning::WRONG_VALUE, value.span, "`max` is below `min`, so no value fits").label("below `min`");
            self.report(diagnostic.help("exchange the two"));
        }
        let measured = match default {
            #[expect(clippy::cast_precision_loss, reason = "bounds of numbers are far below 2^53")]
            Some(Value::Int(number)) => Some(*number as f64),
            Some(Value::Double(number)) => Some(*number),
            _ => None,
        };
        let outside = measured.is_some_and(|number| min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max));
        if let (true, Some(value)) = (outside, field.setting("default")) {
            let diagnostic =
                Diagnostic::new(&meaning::WRONG_VALUE, value.span, "the default lies outside `min` and `max`").label("does not fit");
            self.report(diagnostic.help("change the default or the bounds"));
        }
        (min, max)
    }

    /// The marks after a field's or a need's name and type.
    pub(crate) fn marks(&mut self, field: &Node) -> Marks {
        let mut marks = Marks::default();
        for value in field.arguments.iter().skip(2) {
            match self.word(value, "a mark", &["pii", "secret", "untrusted"]).as_deref() {
                Some("pii") => marks.pii = true,
                Some("secret") => marks.secret = true,
                Some("untrusted") => marks.untrusted = true,
                _ => {}
            }
        }
        marks.private = (marks.pii || marks.secret) && !marks.untrusted;
        marks
    }

    /// A type as written: `int`, `list<order>`, `string?`.
    pub(crate) fn type_of_literal(&mut self, value: &Literal) -> Option<Ty> {
        let text = self.text(value, "a type")?;
        // Longer than any sensible type: keeps the recursion below bounded.
        if text.len() > 200 {
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_TYPE, value.span, "a type is at most 200 characters long");
            self.report(diagnostic.label("too long").help("declare a `type` and name it"));
            return None;
        }
        let start = text.len() - text.trim_start().len();
        self.read_type(text.trim(), (value, start))
    }

    /// A type, or a part of one that begins so many bytes into the literal.
    fn read_type(&mut self, text: &str, (at, start): (&Literal, usize)) -> Option<Ty> {
        if self.doubly_optional(text, at) {
            return None;
        }
        if let Some(inner) = text.strip_suffix('?') {
            return self.read_type(inner, (at, start)).map(Ty::optional);
        }
        if let Some(inner) = text.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')) {
            let start = start + "list<".len() + inner.len() - inner.trim_start().len();
            return self.read_type(inner.trim(), (at, start)).map(|item| Ty::List(Box::new(item)));
        }
        if let Some(inner) = text.strip_prefix("map<").and_then(|rest| rest.strip_suffix('>')) {
            let item = inner.split_once(',').map_or(inner, |(_, item)| item);
            let start = start + "map<".len() + inner.len() - item.trim_start().len();
            return self.read_type(item.trim(), (at, start)).map(|item| Ty::Map(Box::new(item)));
        }
        if let Some((_, ty)) = PLAIN.iter().find(|(name, _)| *name == text) {
            return Some(ty.clone());
        }
        if text == super::talk::ASSET {
            return Some(Ty::Record(self.asset()));
        }
        if self.declared.contains_key(&("enum", text.to_owned())) {
            return Some(Ty::Enum(text.to_owned()));
        }
        if self.declared.contains_key(&("type", text.to_owned())) {
            return Some(Ty::Record(text.to_owned()));
        }
        self.unknown_type(text, (at, start));
        None
    }

    /// Says what is near; the fix replaces the unknown part and keeps what stands around it.
    fn unknown_type(&mut self, text: &str, (at, start): (&Literal, usize)) {
        let whole = at.text().is_none_or(|whole| whole.trim() == text);
        let span = if whole { at.span } else { at.locate(start, start + text.len()) };
        if text.is_empty() {
            let message = if whole { "a type is missing" } else { "the type of the items is missing" };
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_TYPE, at.span, message).label("of what?");
            self.report(diagnostic.help("write a type, such as `string`, `list<string>` or `map<double>`"));
            return;
        }
        let declared = self.declared.keys().filter(|(kind, _)| matches!(*kind, "type" | "enum")).map(|(_, name)| name.as_str());
        let known = PLAIN.iter().map(|(name, _)| *name).chain(declared);
        let diagnostic = Diagnostic::new(&meaning::UNKNOWN_TYPE, span, format!("there is no type `{text}`")).label("unknown type");
        let elsewhere = ELSEWHERE.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, ours)| *ours);
        let near = self.diagnostics.affords(self.declared.len());
        let nearest = if near && !whole { nearest(text, known.clone()).map(str::to_owned) } else { None };
        let diagnostic = match (elsewhere, nearest) {
            (Some(ours), _) => diagnostic.help(format!("it is called `{ours}` here")).fix(format!("write `{ours}`"), span, ours),
            (None, Some(near)) => diagnostic.help(format!("did you mean `{near}`?")).meant(text, &near, span, near.as_str()),
            (None, None) => suggest_of(diagnostic, text, known, (span, "type"), near && whole),
        };
        self.report(diagnostic);
    }
}

/// Whether a name is that of a type which needs no declaration.
fn is_built_in(name: &str) -> bool {
    PLAIN.iter().any(|(plain, _)| *plain == name) || matches!(name, "list" | "map") || name == super::talk::ASSET
}

/// Whether the default of a field is written as a list or with fields.
fn has_deep_default(field: &Node) -> bool {
    field.first("default").is_some_and(|default| !matches!(Given::of(default), None | Some(Given::One(_))))
}

/// A setting without what stands before its value, and without its label.
pub(crate) fn setting_value(node: &Node, before: usize) -> Node {
    Node {
        arguments: node.arguments.iter().skip(before).cloned().collect(),
        properties: Vec::new(),
        children: node.children.iter().filter(|child| child.name.text != "label").cloned().collect(),
        ..node.clone()
    }
}

/// Names that other languages give to plain types.
const ELSEWHERE: &[(&str, &str)] = &[
    ("text", "string"),
    ("str", "string"),
    ("boolean", "bool"),
    ("integer", "int"),
    ("number", "double"),
    ("float", "double"),
    ("datetime", "timestamp"),
];

const PLAIN: &[(&str, Ty)] = &[
    ("bool", Ty::Bool),
    ("int", Ty::Int),
    ("double", Ty::Double),
    ("string", Ty::String),
    ("bytes", Ty::Bytes),
    ("timestamp", Ty::Timestamp),
    ("duration", Ty::Duration),
    ("money", Ty::Money),
    ("decimal", Ty::Decimal),
    ("json", Ty::Json),
];

fn number(value: Option<&Literal>) -> Option<f64> {
    match value?.scalar {
        #[expect(clippy::cast_precision_loss, reason = "bounds of lengths and numbers are far below 2^53")]
        Scalar::Int(number) => Some(number as f64),
        Scalar::Double(number) => Some(number),
        _ => None,
    }
}

/// The confidence of a rung: a number from 0 to 1.
pub(crate) fn confidence(value: Option<&Literal>) -> Option<f64> {
    number(value).filter(|number| (0.0..=1.0).contains(number))
}
