//! Secrets and accounts: where they come from, and that a secret stands only where one is opened. No secret is ever read here.

use super::context::{Context, name_of, suggest};
use crate::ast::{Literal, Name, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::money::{Currency, Money};
use crate::plan::{Account, AccountValue, SecretSource};
use crate::shape::Shaped;
use crate::shape::given::{self, Given};
use crate::source::Span;
use crate::value::Value;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// Whether a literal names a secret.
pub(crate) fn is_secret(value: &Literal) -> bool {
    value.annotation.as_ref().is_some_and(|annotation| annotation.text == "secret")
}

/// The environment that is chosen: the one of that name, else `dev`, else the first.
fn chosen<'n>(project: &'n Node, wanted: Option<&str>) -> Option<&'n Node> {
    let named = |name: &str| project.all("environment").find(|node| name_of(node).is_some_and(|of| of.text == name));
    match wanted {
        Some(name) => named(name),
        None => named("dev").or_else(|| project.first("environment")),
    }
}

impl Context<'_> {
    /// Secrets, exchange rates and the chosen environment's accounts.
    pub(crate) fn lower_holdings(&mut self, nodes: &[Node], wanted: Option<&str>) {
        let Some(project) = nodes.iter().find(|node| node.name.text == "project") else { return };
        self.locate("project".to_owned(), project.span);
        for exchange in project.all("exchange").collect::<Vec<_>>() {
            self.lower_exchange(exchange);
        }
        let chosen = chosen(project, wanted).and_then(name_of).map(|name| name.text);
        let environments: Vec<&Node> = project.all("environment").collect();
        for (holder, own) in std::iter::once((project, true)).chain(environments.iter().map(|node| (*node, false))) {
            let here = own || name_of(holder).map(|name| name.text) == chosen;
            let mut here_already: BTreeMap<String, Span> = BTreeMap::new();
            for secret in holder.all("secret").collect::<Vec<_>>() {
                let Some(name) = name_of(secret) else { continue };
                if let Some(first) = here_already.insert(name.text.clone(), name.span) {
                    self.said_again("secret", &name, first);
                }
                self.declared.entry(("secret", name.text.clone())).or_insert(name.span);
                if let Some(source) = self.secret_source(secret).filter(|_| here) {
                    self.plan.project.secrets.insert(name.text, source);
                }
            }
        }
        for environment in &environments {
            let Some(of) = name_of(environment) else { continue };
            let here = Some(&of.text) == chosen.as_ref();
            let secrets = project.all("secret").chain(environment.all("secret")).filter_map(name_of).map(|name| name.text).collect();
            for account in environment.all("account").collect::<Vec<_>>() {
                let Some((name, lowered)) = self.lower_account(account, nodes, (&of.text, &secrets)) else { continue };
                if here {
                    self.plan.project.accounts.insert(name, lowered);
                }
            }
        }
        for environment in environments {
            let (Some(source), Some(name)) = (environment.first("source").cloned(), name_of(environment)) else { continue };
            let lowered = self.lower_source(&source, &name.text, environment, project);
            if chosen.as_ref() == Some(&name.text) {
                self.plan.project.source = lowered;
            }
        }
    }

    fn lower_exchange(&mut self, node: &Node) {
        let (Some(from), Some(to)) = (node.argument(0).cloned(), node.argument(1).cloned()) else { return };
        // A code alone is no amount.
        let code = |value: &Literal| value.text().and_then(|text| text.split(' ').next_back()).and_then(Currency::parse);
        let bare = |value: &Literal| value.text().is_some_and(|text| Currency::parse(text).is_some());
        if let (Some(one), Some(other), true) = (code(&from), code(&to), bare(&from) || bare(&to)) {
            let (span, one, other) = (if bare(&from) { from.span } else { to.span }, one.as_str(), other.as_str());
            let message = "an exchange says what an amount of one currency is worth in another";
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("no amount");
            self.report(diagnostic.help(format!("write `exchange \"1 {one}\" \"1.10 {other}\"`, with what one {one} is worth")));
            return;
        }
        let Some((one, other)) = self.money(&from).zip(self.money(&to)) else { return };
        if one.currency == other.currency || Currency::none() == one.currency {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, to.span, "an exchange is between two currencies");
            self.report(diagnostic.label("the same currency").help("write `exchange \"1 USD\" \"0.92 EUR\"`"));
            return;
        }
        self.known.currencies.extend([one.currency, other.currency]);
        let is_known = |(from, to): &(Money, Money)| (from.currency, to.currency) == (one.currency, other.currency);
        if self.plan.project.exchanges.iter().any(is_known) {
            let (from, to) = (one.currency.as_str().to_owned(), other.currency.as_str().to_owned());
            let message = format!("what {from} is worth in {to} is said twice");
            let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, node.span, message).label("the second");
            self.report(diagnostic.help("keep one of the two rates"));
            return;
        }
        if one.amount <= Decimal::ZERO || other.amount <= Decimal::ZERO {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, node.span, "a rate is between two amounts above zero");
            self.report(diagnostic.label("no rate").help("write `exchange \"1 USD\" \"0.92 EUR\"`"));
            return;
        }
        self.plan.project.exchanges.push((one, other));
        self.plan.types.exchanges.push((one, other));
    }

    fn secret_source(&mut self, node: &Node) -> Option<SecretSource> {
        let given: Vec<&str> = ["env", "file", "command"].into_iter().filter(|name| node.setting(name).is_some()).collect();
        if let [first, second, ..] = given.as_slice() {
            let span = node.setting(second).map_or(node.name.span, |value| value.span);
            let name = name_of(node).map_or_else(String::new, |name| name.text);
            let named: Vec<String> = given.iter().map(|of| format!("`{of}`")).collect();
            let (last, before) = (named.last().cloned().unwrap_or_default(), named.get(..named.len() - 1).unwrap_or_default().join(", "));
            let message =
                format!("the secret `{name}` has {} sources, {before} and {last}", if named.len() == 2 { "two" } else { "three" });
            let mut diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("which one is not said");
            if let Some(one) = node.setting(first) {
                diagnostic = diagnostic.also(one.span, "and this one");
            }
            self.report(diagnostic.help("keep one of them"));
            return None;
        }
        let [only] = given.as_slice() else {
            self.missing(node, "source", "write one of `env=\"VARIABLE\"`, `file=\"PATH\"` and `command=\"…\"`");
            return None;
        };
        let text = self.setting_text(node, only)?;
        if text.trim().is_empty() {
            let span = node.setting(only).map_or(node.name.span, |value| value.span);
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, span, format!("`{only}` names nothing"));
            self.report(diagnostic.label("empty").help("write where the secret comes from, such as `env=\"VARIABLE\"`"));
            return None;
        }
        Some(match *only {
            "env" => SecretSource::Variable(text),
            "file" => SecretSource::File(text),
            _ => SecretSource::Command(text),
        })
    }

    /// What one place says twice: the last would win without a word.
    pub(crate) fn said_again(&mut self, kind: &'static str, name: &Name, first: Span) {
        let message = format!("the {kind} `{}` is said twice in one place", name.text);
        let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, name.span, message).label("again").also(first, "first here");
        self.report(diagnostic.help("keep one of the two"));
    }

    /// The name of a declared secret, with or without `(secret)` before it where nothing else may stand.
    pub(crate) fn secret_reference(&mut self, value: &Literal) -> Option<String> {
        if value.annotation.is_some() && !is_secret(value) {
            self.refuse_annotation(value, "this place wants the name of a secret");
            return None;
        }
        let name = self.written_text(value, "the name of a secret")?;
        if self.declared.contains_key(&("secret", name.clone())) {
            return Some(name);
        }
        let known: Vec<String> = self.declared.keys().filter(|(kind, _)| *kind == "secret").map(|(_, name)| name.clone()).collect();
        let diagnostic =
            Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("there is no secret `{name}`")).label("no such secret");
        self.report(suggest(diagnostic, &name, &known, value.span, "secret"));
        None
    }

    /// A secret of one environment is none of another.
    fn no_secret_there(&mut self, value: &Literal, name: &str, environment: &str) {
        let message = format!("the environment `{environment}` has no secret `{name}`, only another one has");
        let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, message).label("not there");
        self.report(diagnostic.help(format!("write `secret \"{name}\" env=\"…\"` in it, or in the project for all of them")));
    }

    /// `account "CONNECTOR.NAME" field=…` of an environment.
    fn lower_account(
        &mut self,
        node: &Node,
        nodes: &[Node],
        (environment, secrets): (&str, &BTreeSet<String>),
    ) -> Option<(String, Account)> {
        let name = name_of(node)?;
        let connector = name.text.split_once('.').map_or(name.text.as_str(), |(connector, _)| connector).to_owned();
        let declared = nodes.iter().find(|node| node.name.text == "connector" && name_of(node).is_some_and(|of| of.text == connector));
        // The field that says in which currency the provider's numbers are.
        let money = declared.and_then(|node| node.first("money-as")?.setting("currency")?.text()?.strip_prefix("=account."));
        let money = money.map(|field| field.trim().to_owned());
        let Some(fields) = declared.and_then(|node| node.first("account")).cloned() else {
            let (message, label) = match declared {
                Some(_) => (format!("the connector `{connector}` has no accounts"), "none of these"),
                None => (format!("there is no connector `{connector}`"), "no such connector"),
            };
            let has_accounts = |node: &&Node| node.name.text == "connector" && node.first("account").is_some();
            let known: Vec<String> = nodes.iter().filter(has_accounts).filter_map(name_of).map(|name| name.text).collect();
            let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, name.span, message).label(label);
            self.report(match (known.is_empty(), declared) {
                (true, _) => diagnostic.help("no connector says `account { field … }`"),
                (false, Some(_)) => diagnostic.help(format!("connectors with accounts: `{}`", known.join("`, `"))),
                (false, None) => suggest(diagnostic, &connector, &known, name.span, "connector"),
            });
            return None;
        };
        let fields = self.lower_fields(&fields, &connector);
        let mut values = Vec::new();
        let pairs = given::all(node);
        for (of, value) in &pairs {
            let Some(field) = fields.iter().find(|field| field.name == of.text) else {
                let known: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
                let message = format!("an account of `{connector}` has no field `{}`", of.text);
                let diagnostic = Diagnostic::new(&meaning::UNKNOWN_PARAMETER, of.span, message).label("unknown field");
                self.report(suggest(diagnostic, &of.text, &known, of.span, "field"));
                continue;
            };
            let secret = if let Given::One(literal) = value { Some(*literal).filter(|literal| is_secret(literal)) } else { None };
            if field.marks.secret != secret.is_some() {
                let message = if field.marks.secret { "a secret is named, never written" } else { "this field is no secret" };
                let diagnostic = Diagnostic::new(&meaning::SECRET_WRITTEN, value.span(), format!("`{}`: {message}", of.text));
                let help =
                    if field.marks.secret { "write `(secret)\"NAME\"`, with a `secret` node beside it" } else { "leave out `(secret)`" };
                self.report(diagnostic.label("in the wrong form").help(help));
                continue;
            }
            let read = match secret {
                Some(secret) => self.secret_reference(secret).map(|name| {
                    if !secrets.contains(&name) {
                        self.no_secret_there(secret, &name, environment);
                    }
                    AccountValue::Secret(name)
                }),
                None => self.typed_given(&of.text, *value, &field.ty).map(AccountValue::Plain),
            };
            if let (Some(AccountValue::Plain(Value::String(text))), true) = (&read, money.as_ref() == Some(&of.text)) {
                self.check_currency(text, value.span());
            }
            values.extend(read.map(|read| (of.text.clone(), read)));
        }
        let named = values.iter().filter_map(|(_, value)| if let AccountValue::Plain(value) = value { value.as_str() } else { None });
        self.known.currencies.extend(named.filter_map(Currency::parse));
        for field in fields.iter().filter(|field| field.default.is_none() && !pairs.iter().any(|(name, _)| name.text == field.name)) {
            let message = format!("the account `{}` lacks `{}`", name.text, field.name);
            let diagnostic = Diagnostic::new(&meaning::MISSING_PARAMETER, node.name.span, message).label(format!("no `{}`", field.name));
            self.report(diagnostic.help(format!("write `{}=…` of type {}", field.name, field.ty)));
        }
        Some((name.text, Account { connector, fields: values }))
    }
}
