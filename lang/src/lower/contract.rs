//! `contract` of a connector: what was sent, what came back, and what must be made of it.

use super::context::{Context, name_of};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Contract, ContractGiven};
use crate::shape::Shaped;
use crate::ty::{Marks, Ty};
use std::sync::Arc;

impl Context<'_> {
    /// Contracts, once every operation is known.
    pub(crate) fn lower_contracts(&mut self, nodes: &[Node]) {
        for node in nodes.iter().filter(|node| node.name.text == "connector") {
            let Some(name) = name_of(node) else { continue };
            let written: Vec<&Node> = node.all("contract").collect();
            let contracts: Vec<Contract> = written.into_iter().filter_map(|contract| self.lower_contract(contract, &name.text)).collect();
            if let Some(connector) = self.plan.connectors.get_mut(&name.text) {
                Arc::make_mut(connector).terms.contracts = contracts;
            }
        }
    }

    fn lower_contract(&mut self, node: &Node, connector: &str) -> Option<Contract> {
        let name = name_of(node)?;
        let (given, scope) = match self.one_of(node, &["call", "batch", "webhook"])? {
            call if call.name.text == "call" => self.contract_call(call, connector)?,
            batch if batch.name.text == "batch" => self.contract_batch(batch, connector)?,
            webhook => {
                let (headers, body) = (self.contract_text(webhook, "headers")?, self.contract_text(webhook, "body")?);
                (ContractGiven::Webhook { headers, body }, Scope::default())
            }
        };
        let called = !matches!(given, ContractGiven::Webhook { .. });
        let (status, body) = match node.first("reply") {
            Some(reply) => {
                let status = if reply.setting("status").is_some() { self.count(reply, "status", 100, 599)? } else { 200 };
                (u16::try_from(status).ok()?, self.contract_text(reply, "body")?)
            }
            None if called => {
                self.missing(node, "reply", "write `reply status=200 body=(file)\"fixtures/order.json\"`");
                return None;
            }
            None => (200, String::new()),
        };
        let expect = node.first("expect");
        let mut conditions = Vec::new();
        for that in expect.map(|expect| expect.all("that").collect::<Vec<_>>()).unwrap_or_default() {
            let Some(value) = that.argument(0).cloned() else { continue };
            conditions.extend(self.condition(&value, &scope).map(|checked| checked.expr));
        }
        let refused = expect.and_then(|expect| expect.first("refused")).and_then(|refused| refused.argument(0)).and_then(Literal::text);
        let refused = refused.map(str::to_owned);
        if expect.is_none_or(|expect| expect.children.is_empty()) {
            let message = format!("the contract `{}` expects nothing, so it cannot fail", name.text);
            let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, message).label("no `expect`");
            self.report(diagnostic.help("write `expect { that \"…\" }` or `expect { refused \"CODE\" }`"));
        }
        Some(Contract { name: name.text, given, status, body, expect: conditions, refused })
    }

    fn contract_text(&mut self, node: &Node, name: &'static str) -> Option<String> {
        let Some(value) = node.setting(name).cloned() else {
            self.missing(node, name, &format!("write `{name}=(file)\"fixtures/example.json\"`"));
            return None;
        };
        self.file_or_text(&value).map(|(text, _)| text)
    }

    fn contract_call(&mut self, node: &Node, connector: &str) -> Option<(ContractGiven, Scope)> {
        let operation = self.operation_of(&node.argument(0)?.clone(), connector)?;
        let found = self.plan.operations.get(&operation)?.clone();
        let request = self.fields_of(node, &found.request, &operation);
        let scope = Scope::default().with("response", found.response.clone(), Marks::default());
        Some((ContractGiven::Call { operation, request }, scope))
    }

    fn contract_batch(&mut self, node: &Node, connector: &str) -> Option<(ContractGiven, Scope)> {
        let value = node.argument(0)?.clone();
        let operation = self.operation_of(&value, connector)?;
        let found = self.plan.operations.get(&operation)?.clone();
        if found.terms.batch.is_none() {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, value.span, format!("`{operation}` is not sent in batches"));
            self.report(diagnostic.label("has no `batch`").help("write `call` instead, or give the operation a `batch`"));
        }
        let rows: Vec<&Node> = node.all("-").collect();
        let requests = rows.into_iter().map(|row| self.fields_of(row, &found.request, &operation)).collect();
        let text = |name: &str| (name.to_owned(), Ty::String);
        let item = Ty::Object(vec![
            ("ok".to_owned(), Ty::Bool),
            text("code"),
            text("message"),
            ("response".to_owned(), found.response.clone().optional()),
        ]);
        let scope = Scope::default().with("items", Ty::List(Box::new(item)), Marks::default());
        Some((ContractGiven::Batch { operation, requests }, scope))
    }
}
