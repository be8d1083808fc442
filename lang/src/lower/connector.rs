//! Connectors and their operations: contracts with shops, payment providers and help desks.

use super::choosing::is_grave;
use super::context::{Context, name_of};
use super::payment::WrittenKey;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr, Scope};
use crate::plan::{Bindings, Connector, EffectKind, Failure, Idempotent, Lookup, MoneyDirection, MoneyMove, Operation, Retry};
use crate::shape::{Shaped, given};
use crate::ty::{Field, Marks, Ty};
use crate::value::Value;
use std::sync::Arc;

pub(crate) const SECOND: i64 = 1_000_000;

/// Methods of HTTP that an operation may have.
pub(crate) const METHODS: &[&str] = &["GET", "POST", "PUT", "PATCH", "DELETE"];

/// A record type made of fields, as a variable's type.
pub(crate) fn object_of(fields: &[Field]) -> Ty {
    Ty::Object(fields.iter().map(|field| (field.name.clone(), field.ty.clone())).collect())
}

pub(crate) fn answer_scope() -> Scope {
    Scope::default().with("status", Ty::Int, Marks::default()).with("body", Ty::Json, Marks::default()).with(
        "headers",
        Ty::Map(Box::new(Ty::String)),
        Marks::default(),
    )
}

fn effect_type() -> Ty {
    Ty::Object(vec![("key".to_owned(), Ty::String), ("sent_at".to_owned(), Ty::Timestamp)])
}

/// A variable made of fields. Of their marks it keeps which are secrets.
pub(crate) fn with_fields(scope: Scope, name: &str, fields: &[Field]) -> Scope {
    let secret = Marks { secret: true, ..Marks::default() };
    let secrets = fields.iter().filter(|field| field.marks.secret);
    secrets.fold(scope.with(name, object_of(fields), Marks::default()), |scope, field| scope.part(format!("{name}.{}", field.name), secret))
}

pub(crate) fn request_scope(fields: &[Field]) -> Scope {
    with_fields(Scope::default(), "request", fields).with("effect", effect_type(), Marks::default())
}

impl Context<'_> {
    pub(crate) fn lower_connectors(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "connector") {
            let Some(name) = name_of(node) else { continue };
            let Some(connector) = self.lower_connector(node, &name.text) else { continue };
            self.plan.connectors.insert(name.text, Arc::new(connector));
        }
        self.with_account(&[]);
        // Requests first, so that a lookup may name an operation that stands further down.
        let operations: Vec<(String, &Node)> = nodes
            .iter()
            .filter(|node| node.name.text == "connector")
            .filter_map(|node| name_of(node).map(|name| (name.text, node)))
            .flat_map(|(name, node)| {
                node.children.iter().filter(|child| child.name.text == "operation").map(move |child| (name.clone(), child))
            })
            .collect();
        for (connector, node) in &operations {
            let before = self.diagnostics.reports();
            if let Some(operation) = self.lower_operation(node, connector) {
                // A part of the request that could not be read may have carried it.
                if self.diagnostics.reports() == before {
                    self.check_key_sent(node, &operation);
                }
                self.check_kind(node, &operation);
                self.check_batch(node, &operation);
                self.plan.operations.insert(operation.name.clone(), Arc::new(operation));
            }
        }
        for (connector, node) in &operations {
            let Some(name) = name_of(node) else { continue };
            let full = format!("{connector}.{}", name.text);
            self.lower_reversal(node, &full);
            let Some(lookup) = node.first("lookup") else { continue };
            let lowered = self.lower_lookup(lookup, &full);
            if let Some(operation) = self.plan.operations.get_mut(&full) {
                Arc::make_mut(operation).lookup = lowered;
            }
        }
        self.lower_contracts(nodes);
    }

    fn lower_connector(&mut self, node: &Node, name: &str) -> Option<Connector> {
        let base = node.first("base-url").and_then(|base| base.argument(0)).cloned();
        let Some(base) = base else {
            self.missing(node, "base-url", "write `base-url \"https://api.shop.example\"`");
            return None;
        };
        let written = self.text(&base, "`base-url`")?;
        let terms = self.connector_terms(node, &base);
        let host = host_of(&written).filter(|_| terms.base_url.is_none());
        let base_url = if terms.base_url.is_some() { String::new() } else { written.clone() };
        if host.is_none() && terms.base_url.is_none() {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, base.span, format!("`{base_url}` is not an http address"));
            self.report(diagnostic.label("no scheme and host").help("write it as `https://host/path`"));
        }
        let mut hosts: Vec<String> = node
            .first("base-url")
            .map(|base| base.list("hosts"))
            .unwrap_or_default()
            .iter()
            .filter_map(|host| host.text().map(str::to_owned))
            .collect();
        if hosts.is_empty() && terms.base_url.is_some() {
            self.missing(node, "hosts", "write `base-url \"…\" { hosts \"*.shop.example\" }`: which addresses an account may have");
        }
        if hosts.is_empty() {
            hosts.extend(host);
        }
        let scope = self.account_in(Scope::default().with("effect", effect_type(), Marks::default()));
        let headers = self.header_bindings(node, &scope);
        self.check_wire(node, &base, &terms.account);
        let timeout = node.first("timeout");
        let connect_timeout = timeout.and_then(|timeout| self.span_of_time(timeout, "connect")).unwrap_or(2 * SECOND);
        let total_timeout = timeout.and_then(|timeout| self.span_of_time(timeout, "total")).unwrap_or(15 * SECOND);
        let retry = self.lower_retry(node);
        let failures = self.lower_failures(node);
        let version = self.setting_text(node, "version").unwrap_or_default();
        Some(Connector { name: name.to_owned(), version, base_url, hosts, headers, connect_timeout, total_timeout, retry, failures, terms })
    }

    fn lower_retry(&mut self, node: &Node) -> Retry {
        let Some(retry) = node.first("retry") else {
            return Retry { max: 0, from: SECOND / 4, to: 30 * SECOND, when: Vec::new() };
        };
        let scope = answer_scope();
        let when = retry.all("when").filter_map(|when| when.argument(0).cloned()).collect::<Vec<_>>();
        let when = when.iter().filter_map(|when| self.condition(when, &scope)).map(|checked| checked.expr).collect();
        let max = self.count(retry, "max", 0, 100).unwrap_or(0);
        let from = self.span_of_time(retry, "from").unwrap_or(SECOND / 4);
        let to = self.span_of_time(retry, "to").unwrap_or(30 * SECOND);
        Retry { max, from, to: to.max(from), when }
    }

    pub(crate) fn lower_failures(&mut self, node: &Node) -> Vec<Failure> {
        let scope = answer_scope();
        let mut failures = Vec::new();
        for child in node.all("failure") {
            let Some(code) = self.argument(child, 0, "a failure's code") else { continue };
            let Some(when) = child.setting("when").cloned() else {
                self.missing(child, "when", "write `when=\"status == 404\"`");
                continue;
            };
            let when = self.condition(&when, &scope);
            let message =
                child.setting("message").cloned().and_then(|message| self.value(&message, &scope, None)).map(|checked| checked.expr);
            let retry = child.setting("retry").cloned().is_some_and(|value| self.typed(&value, &Ty::Bool) == Some(Value::Bool(true)));
            if let Some(when) = when {
                failures.push(Failure { code, when: when.expr, message, retry });
            }
        }
        failures
    }

    pub(crate) fn header_bindings(&mut self, node: &Node, scope: &Scope) -> Bindings {
        let mut bindings = Bindings::new();
        self.check_headers(node, &self.known.account.clone());
        for header in node.all("header") {
            let (Some(name), Some(value)) = (header.argument(0).and_then(|name| name.text()), header.argument(1).cloned()) else {
                continue;
            };
            let name = name.to_owned();
            if let Some(checked) = self.value(&value, scope, Some(&Ty::String)) {
                bindings.push((name, checked.expr));
            }
        }
        bindings
    }

    /// Names bound to values of any type: query parameters, bodies.
    pub(crate) fn free_bindings(&mut self, node: Option<&Node>, scope: &Scope) -> Bindings {
        let pairs = node.map(given::all).unwrap_or_default().into_iter();
        let bound = pairs.filter_map(|(name, value)| Some((name.text.clone(), self.given_value(&name.text, value, scope, None)?.expr)));
        bound.collect()
    }

    fn lower_operation(&mut self, node: &Node, connector: &str) -> Option<Operation> {
        let name = format!("{connector}.{}", name_of(node)?.text);
        let effect = self.effect_kind(node)?;
        let request = node.first("request").map(|request| self.request_fields(request, &name)).unwrap_or_default();
        let fields = self.account_fields(connector);
        self.with_account(&fields);
        let scope = self.account_in(request_scope(&request));
        let empty = Node { children: Vec::new(), arguments: Vec::new(), properties: Vec::new(), ..node.clone() };
        let http = match node.first("http") {
            Some(http) => http,
            None if node.first("graphql").is_some() || node.first("batch").is_some() => &empty,
            None => {
                self.missing(node, "http", "write `http GET \"/orders/{id}\"`, or `graphql (file)\"…\"`");
                return None;
            }
        };
        let (method, path) = match http.argument(0).cloned() {
            Some(method) => (self.word(&method, "a method", METHODS)?, self.lower_path(http, &request)?),
            None => ("POST".to_owned(), String::new()),
        };
        let query = self.free_bindings(http.first("query"), &scope);
        let body = self.free_bindings(http.first("body"), &scope);
        let headers = self.header_bindings(http, &scope);
        let terms = self.operation_terms(node, &request, &scope);
        let (response, at) = self.lower_response(node);
        let mut choosing = Vec::new();
        let target = node.setting("target").cloned().and_then(|value| self.value(&value, &scope, Some(&Ty::String)));
        if let Some(target) = &target {
            self.check_personal_request(&request, target, "what an effect acts on");
            self.check_target(node, &request, target, &name);
        }
        let target = target.map(|checked| note_fields(checked, &mut choosing));
        let money = node.first("money").and_then(|money| self.lower_money(money, &scope, &mut choosing));
        let unique: Vec<_> = node.list("unique").into_iter().cloned().collect();
        let unique: Vec<WrittenKey> = unique.iter().filter_map(|value| Some((self.value(value, &scope, None)?, value.span))).collect();
        unique.iter().for_each(|(key, _)| self.check_personal_request(&request, key, "a business key"));
        self.check_business_key(&unique, &name);
        let unique = unique.into_iter().map(|(checked, _)| note_fields(checked, &mut choosing)).collect();
        let choosing = self.choosing_fields(&request, choosing, &path, is_grave(effect, money.as_ref()));
        self.choosing.insert(name.clone(), choosing);
        let idempotent = node.first("idempotent").and_then(|idempotent| self.lower_idempotent(idempotent));
        let failures = self.lower_failures(node);
        let connector = connector.to_owned();
        let operation = Operation {
            name,
            connector,
            effect,
            request,
            response,
            method,
            path,
            query,
            headers,
            body,
            at,
            target,
            money,
            unique,
            idempotent,
            failures,
            lookup: None,
            terms,
        };
        self.check_money_story(node, &operation);
        Some(operation)
    }

    fn effect_kind(&mut self, node: &Node) -> Option<EffectKind> {
        let Some(value) = node.setting("effect").cloned() else {
            self.missing(node, "effect", "write `effect=read`, `reversible`, `compensable` or `irreversible`");
            return None;
        };
        Some(match self.word(&value, "`effect`", &["read", "reversible", "compensable", "irreversible"])?.as_str() {
            "read" => EffectKind::Read,
            "reversible" => EffectKind::Reversible,
            "compensable" => EffectKind::Compensable,
            _ => EffectKind::Irreversible,
        })
    }

    pub(crate) fn lower_path(&mut self, http: &Node, request: &[Field]) -> Option<String> {
        let value = http.argument(1)?.clone();
        let path = self.text(&value, "a path")?;
        let mut rest = path.as_str();
        while let Some((_, after)) = rest.split_once('{') {
            let Some((name, next)) = after.split_once('}') else { break };
            if !request.iter().any(|field| field.name == name) {
                let start = path.len() - after.len();
                let span = value.locate(start, start + name.len());
                let known: Vec<String> = request.iter().map(|field| field.name.clone()).collect();
                let diagnostic =
                    Diagnostic::new(&meaning::UNKNOWN_NAME, span, format!("the request has no field `{name}`")).label("no such field");
                self.report(super::context::suggest(diagnostic, name, &known, span, "field"));
            }
            rest = next;
        }
        self.check_path(&value, &path);
        Some(path)
    }

    fn request_fields(&mut self, request: &Node, operation: &str) -> Vec<Field> {
        self.know_fields(request, operation);
        self.lower_fields(request, operation)
    }

    fn lower_response(&mut self, node: &Node) -> (Ty, Option<Expr>) {
        let Some(response) = node.first("response") else { return (Ty::Null, None) };
        let ty = response.argument(0).cloned().and_then(|value| self.type_of_literal(&value)).unwrap_or(Ty::Unknown);
        let at =
            response.setting("at").cloned().and_then(|at| self.value(&at, &answer_scope(), Some(&Ty::Json))).map(|checked| checked.expr);
        (ty, at)
    }

    fn lower_money(&mut self, node: &Node, scope: &Scope, choosing: &mut Vec<String>) -> Option<MoneyMove> {
        let value = node.argument(0)?.clone();
        let value = note_fields(self.value(&value, scope, Some(&Ty::Money))?, choosing);
        let Some(way) = node.setting("as").cloned() else {
            self.missing(node, "as", "write `as=out` for a payment, `as=in` for a charge, `as=price` for a price");
            return None;
        };
        let direction = match self.word(&way, "`as`", &["out", "in", "price"])?.as_str() {
            "out" => MoneyDirection::Out,
            "in" => MoneyDirection::In,
            _ => MoneyDirection::Price,
        };
        Some(MoneyMove { value, direction })
    }

    fn lower_idempotent(&mut self, node: &Node) -> Option<Idempotent> {
        if let Some(kind) = node.argument(0).cloned() {
            return self.word(&kind, "`idempotent`", &["natural"]).map(|_| Idempotent::Natural);
        }
        let Some(key) = node.setting("key").cloned() else {
            self.missing(node, "key", "write `idempotent natural`, or `idempotent key=\"=effect.key\" for=\"24h\"`");
            return None;
        };
        if key.text() != Some("=effect.key") {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, key.span, "an idempotency key must be `=effect.key`");
            self.report(diagnostic.label("another key").help("only `effect.key` is the same over retries, restarts and forks"));
        }
        let window = self.span_of_time(node, "for").unwrap_or(24 * 3_600 * SECOND);
        Some(Idempotent::Key { window })
    }

    fn lower_lookup(&mut self, node: &Node, of: &str) -> Option<Lookup> {
        let own = self.plan.operations.get(of)?.clone();
        let Some(call) = node.first("call") else {
            self.missing(node, "call", "write `call \"CONNECTOR.OPERATION\"` of a read operation");
            return None;
        };
        let scope = request_scope(&own.request);
        let name = call.argument(0).cloned().and_then(|value| self.operation_of(&value, &own.connector))?;
        let read = self.plan.operations.get(&name)?.clone();
        if read.effect != EffectKind::Read {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, call.span, format!("a lookup calls a read operation, `{name}` is none"));
            self.report(diagnostic.label("changes something").help("a lookup only looks whether the effect happened"));
        }
        let request = self.request_bindings(call, &read, &scope);
        let request = self.without_lost_secrets(call, &read, &scope, request);
        let run = Ty::Object(vec![("now".to_owned(), Ty::Timestamp), ("id".to_owned(), Ty::String), ("flow".to_owned(), Ty::String)]);
        let found = scope.with("found", read.response.clone(), Marks::default()).with("run", run, Marks::default());
        let found = match own.terms.before.as_ref().and_then(|before| self.plan.operations.get(&before.operation)) {
            Some(before) => found.with("before", before.response.clone(), Marks::default()),
            None => found,
        };
        let Some(done) = node.first("done") else {
            self.missing(node, "done", "write `done when=\"size(found) > 0\"`");
            return None;
        };
        let when = done.setting("when").cloned();
        let when = when.and_then(|when| self.condition(&when, &found))?.expr;
        let result =
            done.setting("result").cloned().and_then(|result| self.value(&result, &found, Some(&own.response))).map(|checked| checked.expr);
        let not_done = node
            .first("not-done")
            .and_then(|node| node.setting("when"))
            .cloned()
            .and_then(|when| self.condition(&when, &found))
            .map(|checked| checked.expr);
        Some(Lookup { operation: name, request, done: when, result, not_done })
    }
}

/// Notes which request fields an expression reads.
fn note_fields(checked: Checked, fields: &mut Vec<String>) -> Expr {
    let named = checked
        .reads
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("request."))
        .map(|rest| rest.split('.').next().unwrap_or(rest).to_owned());
    fields.extend(named);
    checked.expr
}

/// The host of an http address without credentials.
pub(super) fn host_of(url: &str) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = match authority.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next()?,
        None => authority.split(':').next()?,
    };
    (!host.is_empty() && !authority.contains('@')).then(|| host.to_owned())
}
