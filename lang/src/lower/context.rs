//! What every lowering step shares: sources, declared names, and how values, references and files are read.
//! It lowers no node itself.

use super::annotation::annotation;
use super::found::Found;
use super::given::constant_of;
use crate::ast::{Literal, Name, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::{Diagnostic, nearest};
use crate::expr::{self, Checked, Expr, Scope, Tree};
use crate::literal;
use crate::money::{Currency, Money};
use crate::plan::{Digest, Locations, Plan};
use crate::shape::Shaped;
use crate::source::{SourceMap, Span};
use crate::template;
use crate::ty::Ty;
use crate::value::Value;
use std::collections::BTreeMap;

/// The state of one compilation.
pub(crate) struct Context<'a> {
    /// Every text.
    pub(crate) sources: SourceMap,
    /// Reads another file of the repository, by its path from the root.
    pub(crate) read: &'a (dyn Fn(&str) -> Option<String> + Sync),
    /// Every mistake so far.
    pub(crate) diagnostics: Found,
    /// The plan so far.
    pub(crate) plan: Plan,
    /// Where steps and rules stand.
    pub(crate) locations: Locations,
    /// Declared names by kind, with their place.
    pub(crate) declared: BTreeMap<(&'static str, String), Span>,
    /// For each operation, the request fields that choose its target and its amount.
    pub(crate) choosing: BTreeMap<String, Vec<String>>,
    /// Types of `settings.NAME`.
    pub(crate) settings: Vec<(String, Ty)>,
    /// What has been learnt beside the plan.
    pub(crate) known: super::known::Known,
    /// Other files of the repository that were read, and what was in them.
    pub(crate) files_read: Vec<(String, Digest)>,
}

impl<'a> Context<'a> {
    /// A compilation that knows nothing yet but its texts.
    pub(crate) fn new(sources: SourceMap, read: &'a (dyn Fn(&str) -> Option<String> + Sync)) -> Self {
        Self {
            sources,
            read,
            diagnostics: Found::default(),
            plan: crate::compile::empty_plan(),
            locations: Locations::default(),
            declared: BTreeMap::new(),
            choosing: BTreeMap::new(),
            settings: Vec::new(),
            known: super::known::Known::default(),
            files_read: Vec::new(),
        }
    }
}

impl Context<'_> {
    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.report(diagnostic);
    }

    pub(crate) fn locate(&mut self, key: String, span: Span) {
        let (line, _) = self.sources.line_column(span);
        self.locations.0.insert(key, (self.sources.path(span).to_owned(), line));
    }

    /// The type of the `settings` variable.
    pub(crate) fn settings_type(&self) -> Ty {
        Ty::Object(self.settings.clone())
    }

    /// The currency of a plain number where money is wanted: the project's.
    pub(crate) fn currency(&self) -> Currency {
        self.plan.project.currency
    }

    /// The text of a literal; anything else is a mistake.
    pub(crate) fn text(&mut self, value: &Literal, what: &str) -> Option<String> {
        if !self.is_plain(value) {
            return None;
        }
        self.written_text(value, what)
    }

    /// The same, whatever stands in brackets before it.
    pub(crate) fn written_text(&mut self, value: &Literal, what: &str) -> Option<String> {
        if let Scalar::String(text) = &value.scalar {
            return Some(text.clone());
        }
        self.report(
            Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("{what} must be text")).label("not text").help("put it in quotes"),
        );
        None
    }

    /// The text of an argument; its absence was reported by the shape check.
    pub(crate) fn argument(&mut self, node: &Node, at: usize, what: &str) -> Option<String> {
        let value = node.argument(at)?.clone();
        self.text(&value, what)
    }

    /// The text of a setting, if given.
    pub(crate) fn setting_text(&mut self, node: &Node, name: &str) -> Option<String> {
        let value = node.setting(name)?.clone();
        self.text(&value, &format!("`{name}`"))
    }

    /// Reports that a setting must be given.
    pub(crate) fn missing(&mut self, node: &Node, name: &str, help: &str) {
        if mistyped(node, name) {
            return;
        }
        let kind = node.name.text.clone();
        let diagnostic = Diagnostic::new(&meaning::MISSING_SETTING, node.name.span, format!("`{kind}` lacks its `{name}`"));
        self.report(diagnostic.label(format!("no `{name}`")).help(help));
    }

    /// A value typed by its place.
    pub(crate) fn typed(&mut self, value: &Literal, ty: &Ty) -> Option<Value> {
        if !self.annotation_fits(value, ty) {
            return None;
        }
        match literal::read_scalar(value, ty, &self.plan.types, Some(self.currency())) {
            Ok(read) => {
                self.check_listed(&read, value.span);
                Some(read)
            }
            Err(diagnostic) => {
                self.report(diagnostic);
                None
            }
        }
    }

    /// A span of time of a setting, in microseconds.
    pub(crate) fn span_of_time(&mut self, node: &Node, name: &str) -> Option<i64> {
        let value = node.setting(name)?.clone();
        match self.typed(&value, &Ty::Duration)? {
            Value::Duration(micros) if micros > 0 => Some(micros),
            _ => {
                let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{name}` must be longer than nothing"));
                self.report(diagnostic.label("no time at all").help("write a span such as \"4h\" or \"30d\""));
                None
            }
        }
    }

    /// Money of a setting: a price, a budget, a cap, what something is worth. Less than nothing would give room for more.
    pub(crate) fn money(&mut self, value: &Literal) -> Option<Money> {
        let Value::Money(money) = self.typed(value, &Ty::Money)? else { return None };
        if money.amount.is_sign_negative() && !money.amount.is_zero() {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{money}` is less than nothing"));
            let nothing = Money::zero(money.currency);
            self.report(diagnostic.label("gives where it should cost").help(format!("write an amount, or `{nothing}`")));
            return None;
        }
        Some(money)
    }

    /// A whole number of a setting within bounds.
    pub(crate) fn count(&mut self, node: &Node, name: &str, least: i64, most: i64) -> Option<u32> {
        let value = node.setting(name)?.clone();
        match value.scalar {
            Scalar::Int(number) if (least..=most).contains(&number) => u32::try_from(number).ok(),
            _ => {
                let diagnostic =
                    Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{name}` must be a whole number from {least} to {most}"));
                self.report(diagnostic.label("not such a number").help(format!("write `{name}={least}`, for instance")));
                None
            }
        }
    }

    /// One word of a fixed choice.
    pub(crate) fn word(&mut self, value: &Literal, what: &str, choice: &[&str]) -> Option<String> {
        // A number or a flag in quotes would be none of the words either.
        let text = match &value.scalar {
            Scalar::Int(number) => number.to_string(),
            Scalar::Double(number) => number.to_string(),
            Scalar::Bool(flag) => format!("#{flag}"),
            Scalar::Null | Scalar::String(_) => self.text(value, what)?,
        };
        if choice.contains(&text.as_str()) {
            return Some(text);
        }
        let quoted: Vec<String> = choice.iter().map(|word| format!("`{word}`")).collect();
        let mut diagnostic =
            Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("{what} cannot be `{text}`")).label("not one of its values");
        diagnostic = diagnostic.help(format!("possible: {}", quoted.join(", ")));
        if let Some(near) = nearest(&text, choice.iter().copied()) {
            diagnostic = diagnostic.fix(format!("write `{near}`"), value.span, near);
        }
        self.report(diagnostic);
        None
    }

    /// The name of something that must be declared. `kind` is its node's name.
    pub(crate) fn reference(&mut self, value: &Literal, kind: &'static str) -> Option<String> {
        let name = self.text(value, &format!("the name of a {kind}"))?;
        if self.declared.contains_key(&(kind, name.clone())) {
            return Some(name);
        }
        let known = self.declared.keys().filter(|(of, _)| *of == kind).map(|(_, name)| name.as_str());
        let diagnostic =
            Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("there is no {kind} `{name}`")).label(format!("no such {kind}"));
        let near = self.diagnostics.affords(self.declared.len());
        let diagnostic = suggest_of(diagnostic, &name, known, (value.span, kind), near);
        self.report(diagnostic);
        None
    }

    /// The required setting that names something declared.
    pub(crate) fn setting_reference(&mut self, node: &Node, name: &'static str, kind: &'static str) -> Option<String> {
        let Some(value) = node.setting(name).cloned() else {
            self.missing(node, name, &format!("write `{name}=\"…\"` with the name of a {kind}"));
            return None;
        };
        self.reference(&value, kind)
    }

    /// Registers a declared name; a second declaration is a mistake.
    pub(crate) fn declare(&mut self, kind: &'static str, name: &str, span: Span) -> bool {
        if let Some(first) = self.declared.get(&(kind, name.to_owned())).copied() {
            let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, span, format!("there are two {} named `{name}`", several(kind)));
            self.report(diagnostic.label("again").also(first, "first here").help("rename one, or remove it"));
            return false;
        }
        self.declared.insert((kind, name.to_owned()), span);
        true
    }

    /// CEL where a condition is expected: the text itself, or after `=`.
    pub(crate) fn condition(&mut self, value: &Literal, scope: &Scope) -> Option<Checked> {
        let text = self.text(value, "a condition")?;
        if annotation(value) == Some("str") {
            self.refuse_annotation(value, "this place wants a condition");
            return None;
        }
        let (text, offset) = text.strip_prefix('=').map_or((text.as_str(), 0), |rest| (rest, 1));
        let (checked, found) = expr::check(text, value, offset, scope, &self.plan.types, Some(&Ty::Bool));
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        self.refuse_idle(checked.as_ref());
        checked
    }

    /// A value of a place: CEL after `=`, anything else a literal typed by the place.
    pub(crate) fn value(&mut self, value: &Literal, scope: &Scope, expected: Option<&Ty>) -> Option<Checked> {
        if super::secret::is_secret(value) {
            let diagnostic = Diagnostic::new(&meaning::SECRET_WRITTEN, value.span, "a secret cannot stand here");
            self.report(
                diagnostic
                    .label("would be opened too early")
                    .help("name it in an account of the environment, a model, or a trigger's `auth`"),
            );
            return None;
        }
        if annotation(value) == Some("money") {
            return self.amount(value, expected);
        }
        if annotation(value) == Some("file") {
            let (text, _) = self.file_or_text(value)?;
            return self.filled(&text, value, (0, value.text().map_or(0, str::len)), scope, expected);
        }
        if let Scalar::String(text) = &value.scalar {
            let as_written = annotation(value) == Some("str");
            if let Some(source) = text.strip_prefix('=').filter(|_| !as_written) {
                let (checked, found) = expr::check(source, value, 1, scope, &self.plan.types, expected);
                found.into_iter().for_each(|diagnostic| self.report(diagnostic));
                self.refuse_idle(checked.as_ref());
                return checked;
            }
            if !as_written {
                self.warn_path(text, value, scope, expected);
                if let Some(hole) = hole(text) {
                    return self.filled(text, value, hole, scope, expected);
                }
            }
        }
        let ty = match (expected, &value.scalar) {
            (Some(Ty::Optional(inner)), scalar) if *scalar != Scalar::Null => (**inner).clone(),
            (Some(Ty::Json | Ty::Unknown) | None, scalar) => type_of(scalar),
            (Some(ty), _) => ty.clone(),
        };
        let constant = self.typed(value, &ty)?;
        Some(constant_of(constant, ty))
    }

    /// Text with holes is a template where text is wanted, and a mistake anywhere else.
    fn filled(
        &mut self,
        text: &str,
        value: &Literal,
        (start, end): (usize, usize),
        scope: &Scope,
        expected: Option<&Ty>,
    ) -> Option<Checked> {
        let wanted = if let Some(Ty::Optional(inner)) = expected { Some(inner.as_ref()) } else { expected };
        if let Some(ty) = wanted.filter(|ty| !matches!(ty, Ty::String | Ty::Json | Ty::Unknown)) {
            let message = format!("a hole gives text, its place wants {ty}");
            let diagnostic = Diagnostic::new(&meaning::UNFILLED, value.locate(start, end), message).label("stays as it is");
            self.report(diagnostic.help("write an expression, such as `\"=input.amount\"`"));
            return None;
        }
        let (checked, found) = template::check(text, value, scope, &self.plan.types);
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
        let checked = checked?;
        let expr =
            Expr { source: text.to_owned(), ty: Ty::String, root: Tree::Text(Box::new(checked.template)), secret: checked.marks.secret };
        let (marks, reads, outside) = (checked.marks, checked.reads, checked.outside);
        Some(Checked {
            expr,
            marks,
            own: marks,
            reads,
            outside,
            proves: Vec::new(),
            refutes: Vec::new(),
            closed: false,
            endorsed: Vec::new(),
        })
    }

    /// Words that are said as they stand: a person would read the braces.
    pub(crate) fn refuse_holes(&mut self, value: &Literal, what: &str) {
        if self.refuse_expression(value, None) {
            return;
        }
        let Some((start, end)) = value.text().and_then(hole) else { return };
        let message = format!("a hole in {what} is not filled");
        let diagnostic = Diagnostic::new(&meaning::UNFILLED, value.locate(start, end), message).label("stays as it is");
        self.report(diagnostic.help("say it in words that hold for every run"));
    }

    /// A plain string that is a path in scope was probably meant as an expression.
    fn warn_path(&mut self, text: &str, value: &Literal, scope: &Scope, expected: Option<&Ty>) {
        let root = text.split('.').next().unwrap_or("");
        let path = text.contains('.')
            && text.split('.').all(|part| !part.is_empty() && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'));
        if path && scope.get(root).is_some() && matches!(expected, None | Some(Ty::String | Ty::Optional(_))) {
            let diagnostic =
                Diagnostic::new(&meaning::PATH_AS_TEXT, value.span, format!("`{text}` is taken as text, though it is a path in scope"));
            let fixed = format!("\"={text}\"");
            self.report(
                diagnostic
                    .label("text, not an expression")
                    .help(format!("write {fixed} for its value, or `(str)` before it for the text"))
                    .proposal(format!("write {fixed}"), value.span, fixed),
            );
        }
    }

    /// The text of a literal, or of the file that it names with `(file)`; the path too, in that case.
    pub(crate) fn file_or_text(&mut self, value: &Literal) -> Option<(String, Option<String>)> {
        if annotation(value) != Some("file") {
            return Some((self.text(value, "this")?, None));
        }
        let text = value.text()?.to_owned();
        let read = self.repository_file(&text, value.span)?;
        Some((read, Some(text)))
    }

    /// The text of a file of the repository, by its path from the root; one that leads outside is a mistake like one that is missing.
    pub(crate) fn repository_file(&mut self, path: &str, span: Span) -> Option<String> {
        let outside = path.starts_with('/') || path.contains('\\') || path.split('/').any(|part| part == "..");
        if let Some(read) = (!outside).then(|| (self.read)(path)).flatten() {
            self.files_read.push((path.to_owned(), Digest::of(read.as_bytes())));
            return Some(read);
        }
        let why = if outside { "lies outside the repository" } else { "is not in the repository, or is not UTF-8 text" };
        let diagnostic = Diagnostic::new(&meaning::MISSING_FILE, span, format!("the file `{path}` {why}"));
        self.report(diagnostic.label("cannot be read").help("paths are relative to the folder of tradewind.kdl"));
        None
    }
}

/// Where the first hole or block of a template stands in a text. One that nobody closed reaches to the end: somebody meant it to be filled, and its
/// braces would be read by whoever gets the text.
fn hole(text: &str) -> Option<(usize, usize)> {
    let pair = |open: &str, close: &str| {
        let start = text.find(open)?;
        let length = text.get(start..)?.find(close).map_or(text.len() - start, |length| length + close.len());
        Some((start, start + length))
    };
    pair("{{", "}}").or_else(|| pair("{%", "%}"))
}

fn type_of(scalar: &Scalar) -> Ty {
    match scalar {
        Scalar::String(_) => Ty::String,
        Scalar::Int(_) => Ty::Int,
        Scalar::Double(_) => Ty::Double,
        Scalar::Bool(_) => Ty::Bool,
        Scalar::Null => Ty::Null,
    }
}

/// Adds a near miss with a fix, or the list of what is known.
pub(crate) fn suggest(diagnostic: Diagnostic, name: &str, known: &[String], span: Span, kind: &str) -> Diagnostic {
    suggest_of(diagnostic, name, known.iter().map(String::as_str), (span, kind), true)
}

/// The same, of names that are in no list of their own. `near`: look for one that is near.
pub(crate) fn suggest_of<'k>(
    diagnostic: Diagnostic,
    name: &str,
    known: impl Iterator<Item = &'k str> + Clone,
    (span, kind): (Span, &str),
    near: bool,
) -> Diagnostic {
    match near.then(|| nearest(name, known.clone())).flatten() {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).meant(name, near, span, format!("\"{near}\"")),
        None if known.clone().next().is_none() => diagnostic.help(format!("no {kind} is declared")),
        None => diagnostic.help(format!("declared: {}", listed(known))),
    }
}

/// Names for a line of help, the first of them where there are too many to read.
fn listed<'k>(mut names: impl Iterator<Item = &'k str> + Clone) -> String {
    let mut listed: Vec<String> = names.clone().take(LISTED).map(|name| format!("`{name}`")).collect();
    // Counting them takes as long as listing them.
    if names.nth(LISTED).is_some() {
        listed.push("and more".to_owned());
    }
    listed.join(", ")
}

/// A kind of node in the plural.
fn several(kind: &str) -> String {
    match kind.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if kind == "series" => kind.to_owned(),
        None => format!("{kind}s"),
    }
}

/// How many names a line of help lists.
const LISTED: usize = 20;

/// Whether a setting seems to be given under a misspelt name: that was reported, and is not missing too.
pub(crate) fn mistyped(node: &Node, name: &str) -> bool {
    let rule = crate::shape::rule_of("", &node.name.text);
    let known: Vec<&String> = rule.iter().flat_map(|rule| rule.settings.iter().chain(&rule.children)).collect();
    let given = node.properties.iter().map(|property| &property.name.text).chain(node.children.iter().map(|child| &child.name.text));
    given.filter(|given| !known.contains(given)).any(|given| nearest(given, [name]).is_some())
}

/// The name given by a node's first argument, with its place.
pub(crate) fn name_of(node: &Node) -> Option<Name> {
    let value = node.argument(0)?;
    Some(Name { text: value.text()?.to_owned(), span: value.span })
}
