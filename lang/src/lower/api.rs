//! What a connector says beside plain calls: accounts, limits, money, webhooks; and GraphQL, pages and undo of an operation.

use super::connector::{answer_scope, request_scope, with_fields};
use super::context::{Context, name_of};
use super::event::hook_scope;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Scope, Tree};
use crate::plan::{Before, Bindings, ConnectorTerms, EffectKind, Graphql, MoneyForm, OperationTerms, Pages, RateLimit, UndoCall, Webhook};
use crate::shape::Shaped;
use crate::ty::{Field, Marks, Ty};
use crate::value::Value;
use std::sync::Arc;

impl Context<'_> {
    /// Sets whose account the places that follow have.
    pub(crate) fn with_account(&mut self, fields: &[Field]) {
        self.known.account = fields.to_vec();
    }

    pub(crate) fn account_fields(&self, connector: &str) -> Vec<Field> {
        self.plan.connectors.get(connector).map(|connector| connector.terms.account.clone()).unwrap_or_default()
    }

    /// A scope with `account`, where the connector has accounts.
    pub(crate) fn account_in(&self, scope: Scope) -> Scope {
        if self.known.account.is_empty() {
            return scope;
        }
        with_fields(scope, "account", &self.known.account)
    }

    pub(crate) fn connector_terms(&mut self, node: &Node, base: &Literal) -> ConnectorTerms {
        let account = node.first("account").map(|account| {
            let name = name_of(account).map_or_else(String::new, |name| name.text);
            self.lower_fields(account, &name)
        });
        let account = account.unwrap_or_default();
        self.with_account(&account);
        let scope = self.account_in(Scope::default());
        let base_url = base.text().is_some_and(|text| text.contains("{{")).then(|| self.template(base, &scope)).flatten();
        let naming = node.setting("naming").cloned().and_then(|word| self.word(&word, "`naming`", &["camel", "snake"]));
        let in_flight = node.setting("in-flight").is_some().then(|| self.count(node, "in-flight", 1, 10_000)).flatten();
        let graphql_path = self.setting_text(node, "graphql-path");
        let money = node.first("money-as").and_then(|money| {
            let form = money.argument(0).cloned()?;
            let form = self.word(&form, "`money-as`", &["decimal string", "minor units"])?;
            let currency = money.setting("currency").cloned().and_then(|value| {
                let checked = self.value(&value, &scope, Some(&Ty::String))?;
                if let Tree::Constant(Value::String(text)) = &checked.expr.root {
                    self.check_currency(text, value.span);
                }
                Some(checked)
            });
            Some(MoneyForm { form, currency: currency.map(|checked| checked.expr) })
        });
        let rate_limit = node.first("rate-limit").and_then(|limit| self.rate_limit(limit));
        let hooks: Vec<&Node> = node.all("webhook").collect();
        let webhooks = hooks.into_iter().filter_map(|hook| self.webhook(hook)).collect();
        let trust = node.setting("trust").cloned().and_then(|word| self.word(&word, "`trust`", &["own", "partner"]));
        let partner = trust.as_deref() == Some("partner");
        ConnectorTerms { account, base_url, naming, in_flight, graphql_path, money, rate_limit, webhooks, contracts: Vec::new(), partner }
    }

    fn rate_limit(&mut self, node: &Node) -> Option<RateLimit> {
        let help = "write `rate-limit capacity=40 refill=2 per=\"1s\"`";
        for needed in ["capacity", "refill"].into_iter().filter(|needed| node.setting(needed).is_none()) {
            self.missing(node, needed, help);
        }
        let mut number = |name: &str| node.setting(name).is_some().then(|| self.count(node, name, 1, 1_000_000_000)).flatten();
        let (capacity, refill) = (number("capacity"), number("refill"));
        let per = self.span_of_time_of(node, "per", help);
        let mut read = |name: &str| node.setting(name).cloned().and_then(|value| self.value(&value, &answer_scope(), Some(&Ty::Double)));
        let (used, left) = (read("used").map(|checked| checked.expr), read("left").map(|checked| checked.expr));
        Some(RateLimit { capacity: capacity?, refill: refill?, per: per?, used, left })
    }

    fn webhook(&mut self, node: &Node) -> Option<Webhook> {
        let path = self.argument(node, 0, "an address")?;
        let scope = self.account_in(hook_scope());
        let Some(verify) = node.first("verify").cloned() else {
            self.missing(
                node,
                "verify",
                "write `verify hmac=sha256 header=\"X-Signature\" encoding=hex secret=\"=account.webhook_secret\"`",
            );
            return None;
        };
        let mut word = |name: &'static str, choice: &[&str], help: &str| match verify.setting(name).cloned() {
            Some(value) => self.word(&value, &format!("`{name}`"), choice),
            None => {
                self.missing(&verify, name, help);
                None
            }
        };
        let hmac = word("hmac", &["sha256", "sha1"], "write `hmac=sha256`");
        let encoding = word("encoding", &["base64", "hex"], "write `encoding=hex` or `encoding=base64`");
        let header = self.setting_text(&verify, "header");
        if header.is_none() {
            self.missing(&verify, "header", "write `header=\"X-Signature\"`: where the signature stands");
        }
        let secret = verify.setting("secret").cloned().and_then(|value| self.value(&value, &scope, Some(&Ty::String)));
        if let (Some(checked), Some(value)) = (&secret, verify.setting("secret")) {
            let name = value.text().and_then(|text| text.strip_prefix("=account."));
            let sealed =
                name.and_then(|name| self.known.account.iter().find(|field| field.name == name)).is_some_and(|field| field.marks.secret);
            if !sealed || checked.reads.is_empty() {
                let diagnostic = Diagnostic::new(&meaning::SECRET_WRITTEN, value.span, "a signature is made with a secret of the account");
                self.report(
                    diagnostic.label("no secret field").help("write `secret=\"=account.webhook_secret\"`, a field marked `secret`"),
                );
            }
        }
        let id = match node.first("id").and_then(|id| id.argument(0)).cloned() {
            Some(value) => self.value(&value, &scope, Some(&Ty::String)),
            None => {
                self.missing(node, "id", "write `id \"=headers['x-event-id']\"`: what tells deliveries apart");
                None
            }
        };
        let at = node.first("at").and_then(|at| {
            let value = at.argument(0).cloned()?;
            let checked = self.value(&value, &scope, Some(&Ty::Timestamp))?;
            let oldest = at.setting("max-age").is_some().then(|| self.span_of_time(at, "max-age")).flatten();
            Some((checked.expr, oldest))
        });
        let account = node.first("account").and_then(|account| account.argument(0)).cloned();
        let account = account.and_then(|value| self.value(&value, &scope, Some(&Ty::String))).map(|checked| checked.expr);
        Some(Webhook { path, header: header?, hmac: hmac?, encoding: encoding?, secret: secret?.expr, id: id?.expr, at, account })
    }

    pub(crate) fn operation_terms(&mut self, node: &Node, request: &[Field], scope: &Scope) -> OperationTerms {
        let cost = node.setting("cost").is_some().then(|| self.count(node, "cost", 0, 1_000_000)).flatten();
        if let (Some(http), Some(graphql)) = (node.first("http"), node.first("graphql")) {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, graphql.name.span, "this operation is called in two ways");
            self.report(diagnostic.label("the second").also(http.name.span, "the first").help("keep one of the two"));
        }
        let graphql = node.first("graphql").and_then(|graphql| self.graphql(graphql, scope));
        let response = node.first("response").map(|response| self.response_fields(response)).unwrap_or_default();
        let pages = node.first("pages").and_then(|pages| self.pages(pages, request));
        let batch = node.first("batch").and_then(|batch| self.batch(batch, request));
        OperationTerms { cost, graphql, response, pages, batch, before: None, undo: None }
    }

    /// A query of a text or file, and its variables.
    pub(crate) fn graphql(&mut self, node: &Node, scope: &Scope) -> Option<Graphql> {
        let value = node.argument(0)?.clone();
        let (query, _) = self.file_or_text(&value)?;
        Some(Graphql { query, variables: self.free_bindings(Some(node), scope) })
    }

    /// Fields of a record that the answer has at another place.
    fn response_fields(&mut self, node: &Node) -> Bindings {
        let own = Node {
            properties: Vec::new(),
            children: node.children.iter().filter(|child| child.name.text != "at").cloned().collect(),
            ..node.clone()
        };
        if own.children.is_empty() {
            return Bindings::new();
        }
        let ty = node.argument(0).and_then(|value| value.text()).unwrap_or_default().trim();
        let record = ty.strip_prefix("list<").and_then(|rest| rest.strip_suffix('>')).unwrap_or(ty).trim().to_owned();
        let fields = self.plan.types.records.get(&record).map(|record| record.fields.clone()).unwrap_or_default();
        let fields: Vec<Field> = fields.into_iter().map(|field| Field { ty: field.ty.optional(), ..field }).collect();
        let scope = Scope::default().with("it", Ty::Json, Marks::default());
        self.typed_bindings(&own, &fields, &scope, &record, "field").into_iter().map(|(name, checked)| (name, checked.expr)).collect()
    }

    fn pages(&mut self, node: &Node, request: &[Field]) -> Option<Pages> {
        let send = self.setting_text(node, "send");
        if send.is_none() {
            self.missing(node, "send", "write `send=\"after\"`: the parameter or variable that names the next page");
        }
        let next = match node.setting("next").cloned() {
            Some(next) => self.value(&next, &answer_scope(), None).map(|checked| checked.expr),
            None => {
                self.missing(node, "next", "write `next=\"=body.next\"`: where the answer names the next page");
                None
            }
        };
        let more = node.setting("more").cloned().and_then(|more| self.condition(&more, &answer_scope())).map(|checked| checked.expr);
        let max = self.bound(node, "max", 100_000, "write `max=200`: at most so many pages");
        if let Some(field) = request.iter().find(|field| Some(&field.name) == send.as_ref()) {
            let span = node.setting("send").map_or(node.name.span, |value| value.span);
            let message = format!("the caller gives `{}`, so it cannot name the next page too", field.name);
            self.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("taken").help("name a parameter that no request has"));
        }
        Some(Pages { send: send?, next: next?, more, max: max? })
    }

    /// `before` and `undo` of an operation, once every operation is known.
    pub(crate) fn lower_reversal(&mut self, node: &Node, full: &str) {
        let before = node.first("before").and_then(|before| self.lower_before(before, full));
        if let Some(operation) = self.plan.operations.get_mut(full) {
            Arc::make_mut(operation).terms.before = before;
        }
        let undo = node.first("undo").and_then(|undo| self.lower_undo_call(undo, full));
        if let Some(operation) = self.plan.operations.get_mut(full) {
            Arc::make_mut(operation).terms.undo = undo;
        }
    }

    /// A call of an operation of the same connector, with or without the connector's name before it.
    pub(crate) fn operation_of(&mut self, value: &Literal, connector: &str) -> Option<String> {
        let name = self.text(value, "the name of an operation")?;
        let full = format!("{connector}.{name}");
        if self.declared.contains_key(&("operation", full.clone())) {
            return Some(full);
        }
        self.reference(value, "operation")
    }

    fn called(&mut self, node: &Node, full: &str, help: &str) -> Option<(String, Node)> {
        let Some(call) = node.first("call") else {
            self.missing(node, "call", help);
            return None;
        };
        let connector = self.plan.operations.get(full)?.connector.clone();
        let name = self.operation_of(&call.argument(0)?.clone(), &connector)?;
        Some((name, call.clone()))
    }

    pub(crate) fn read_only(&mut self, name: &str, call: &Node) {
        if self.plan.operations.get(name).is_some_and(|operation| operation.effect != EffectKind::Read) {
            let diagnostic =
                Diagnostic::new(&meaning::WRONG_VERB, call.name.span, format!("`{name}` changes something, and this only looks"));
            self.report(diagnostic.label("a write").help("call a read operation"));
        }
    }

    fn lower_before(&mut self, node: &Node, full: &str) -> Option<Before> {
        let (operation, call) = self.called(node, full, "write `call \"CONNECTOR.OPERATION\"` of a read operation")?;
        self.read_only(&operation, &call);
        let own = self.plan.operations.get(full)?.clone();
        let read = self.plan.operations.get(&operation)?.clone();
        let scope = request_scope(&own.request);
        let request = self.request_bindings(&call, &read, &scope);
        let request = self.without_lost_secrets(&call, &read, &scope, request);
        let batch = node.first("batch-call").and_then(|call| self.batch_call(call, &own, &read));
        Some(Before { operation, request, batch })
    }

    fn lower_undo_call(&mut self, node: &Node, full: &str) -> Option<UndoCall> {
        let (operation, call) = self.called(node, full, "write `call \"CONNECTOR.OPERATION\"` of the operation that takes it back")?;
        let own = self.plan.operations.get(full)?.clone();
        let back = self.plan.operations.get(&operation)?.clone();
        if own.effect == EffectKind::Irreversible || back.effect == EffectKind::Read {
            let message = if back.effect == EffectKind::Read { "a read takes nothing back" } else { "what is irreversible has no `undo`" };
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, node.name.span, message).label("says two things");
            self.report(diagnostic.help("write `effect=reversible` or `effect=compensable`, or remove the `undo`"));
        }
        let mut scope = request_scope(&own.request).with("response", own.response.clone(), Marks::default());
        if let Some(before) = own.terms.before.as_ref().and_then(|before| self.plan.operations.get(&before.operation)) {
            scope = scope.with("before", before.response.clone(), Marks::default());
        }
        let request = self.request_bindings(&call, &back, &scope);
        Some(UndoCall { operation, request: self.without_lost_secrets(&call, &back, &scope, request) })
    }
}
