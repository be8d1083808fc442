//! `batch` of an operation: several calls that go out as one, each with an outcome of its own.

use super::connector::{METHODS, answer_scope, object_of};
use super::context::Context;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Scope;
use crate::plan::{Batch, BatchFailed, Bindings};
use crate::shape::Shaped;
use crate::ty::{Field, Marks, Ty};

impl Context<'_> {
    pub(crate) fn batch(&mut self, node: &Node, request: &[Field]) -> Option<Batch> {
        let max = self.bound(node, "max", 100_000, "write `max=250`: at most so many calls at once");
        let wait = self.span_of_time_of(node, "wait", "write `wait=\"200ms\"`: how long the first waits for others");
        let one = Scope::default().with("request", object_of(request), Marks::default());
        let group = node.setting("group").cloned().and_then(|group| self.value(&group, &one, None));
        let requests = Ty::List(Box::new(object_of(request)));
        let mut scope = self.account_in(Scope::default().with("requests", requests, Marks::default()));
        if let Some(group) = &group {
            scope = scope.with("group", group.expr.ty.clone(), Marks::default());
        }
        let graphql = node.first("graphql").and_then(|graphql| self.graphql(graphql, &scope));
        let http = node.first("http").and_then(|http| self.batch_http(http, &scope));
        if node.first("graphql").is_some() == node.first("http").is_some() {
            let diagnostic = Diagnostic::new(&meaning::WRONG_VERB, node.name.span, "a batch is sent in exactly one way");
            self.report(diagnostic.label("how?").help("write `graphql (file)\"…\"` or `http POST \"/orders/batch\"` in it"));
        }
        let failed = match node.first("failed") {
            Some(failed) => self.batch_failed(failed),
            None => {
                self.missing(node, "failed", "write `failed \"=body.errors\" as=\"e\" index=\"=e.index\"`: which of them failed");
                None
            }
        };
        Some(Batch { max: max?, wait: wait?, group: group.map(|checked| checked.expr), graphql, http, failed })
    }

    fn batch_http(&mut self, node: &Node, scope: &Scope) -> Option<(String, String, Bindings)> {
        let method = node.argument(0).cloned()?;
        let method = self.word(&method, "a method", METHODS)?;
        let path = self.lower_path(node, &[])?;
        Some((method, path, self.free_bindings(node.first("body"), scope)))
    }

    fn batch_failed(&mut self, node: &Node) -> Option<BatchFailed> {
        let list = node.argument(0)?.clone();
        let list = self.value(&list, &answer_scope(), None)?.expr;
        let item = self.setting_text(node, "as").unwrap_or_else(|| "item".to_owned());
        let scope = Scope::default().with(&item, Ty::Json, Marks::default());
        let index = match node.setting("index").cloned() {
            Some(index) => self.value(&index, &scope, Some(&Ty::Int)).map(|checked| checked.expr),
            None => {
                self.missing(node, "index", "write `index=\"=e.index\"`: the place of the call among those sent");
                None
            }
        };
        let mut text =
            |name: &str| node.setting(name).cloned().and_then(|value| self.value(&value, &scope, None)).map(|checked| checked.expr);
        let (code, message) = (text("code"), text("message"));
        Some(BatchFailed { list, item, index: index?, code, message })
    }
}
