//! `batch` of an operation: several calls that go out as one, each with an outcome of its own. What would leave a call without its
//! key, or without its answer, is refused.

use super::connector::{METHODS, answer_scope, object_of};
use super::context::Context;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Expr, Scope};
use crate::plan::{Batch, BatchAnswered, BatchFailed, BatchHttp, Bindings, Idempotent, Operation};
use crate::shape::Shaped;
use crate::ty::{Field, Marks, Ty};

/// The key of an effect, as an object.
fn keyed() -> Ty {
    Ty::Object(vec![("key".to_owned(), Ty::String)])
}

impl Context<'_> {
    pub(crate) fn batch(&mut self, node: &Node, request: &[Field]) -> Option<Batch> {
        let max = self.bound(node, "max", 100_000, "write `max=250`: at most so many calls at once");
        let wait = self.span_of_time_of(node, "wait", "write `wait=\"200ms\"`: how long the first waits for others");
        let one = Scope::default().with("request", object_of(request), Marks::default());
        let group = node.setting("group").cloned().and_then(|group| self.value(&group, &one, None));
        let requests = Ty::List(Box::new(object_of(request)));
        let call = Ty::Object(vec![("request".to_owned(), object_of(request)), ("effect".to_owned(), keyed())]);
        let scope = Scope::default()
            .with("requests", requests, Marks::default())
            .with("calls", Ty::List(Box::new(call)), Marks::default())
            .with("effect", keyed(), Marks::default());
        let mut scope = self.account_in(scope);
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
        let answered = node.first("answered").and_then(|answered| self.batch_answered(answered));
        Some(Batch { max: max?, wait: wait?, group: group.map(|checked| checked.expr), graphql, http, failed, answered })
    }

    fn batch_http(&mut self, node: &Node, scope: &Scope) -> Option<BatchHttp> {
        let method = node.argument(0).cloned()?;
        let method = self.word(&method, "a method", METHODS)?;
        let path = self.lower_path(node, &[])?;
        let query = self.free_bindings(node.first("query"), scope);
        let headers = self.header_bindings(node, scope);
        Some(BatchHttp { method, path, body: self.free_bindings(node.first("body"), scope), query, headers })
    }

    /// A list in the answer, the name of one of its items, and what is in scope of that one.
    fn batch_list(&mut self, node: &Node) -> Option<(Expr, String, Scope)> {
        let list = node.argument(0)?.clone();
        let list = self.value(&list, &answer_scope(), None)?.expr;
        let ty = match &list.ty {
            Ty::List(item) => item.as_ref().clone(),
            Ty::Json | Ty::Unknown | Ty::Dyn => Ty::Json,
            other => {
                let span = node.argument(0).map_or(node.name.span, |value| value.span);
                let diagnostic =
                    Diagnostic::new(&meaning::WRONG_VALUE, span, format!("`{}` names a list, this is {other}", node.name.text));
                self.report(diagnostic.label("not a list").help("name the list in the answer, such as `=body.errors`"));
                return None;
            }
        };
        let item = self.setting_text(node, "as").unwrap_or_else(|| "item".to_owned());
        let scope = answer_scope().with(&item, ty, Marks::default());
        Some((list, item, scope))
    }

    fn batch_failed(&mut self, node: &Node) -> Option<BatchFailed> {
        let (list, item, scope) = self.batch_list(node)?;
        let index = match node.setting("index").cloned() {
            Some(index) => self.value(&index, &scope, Some(&Ty::Int)).map(|checked| checked.expr),
            None => {
                self.missing(node, "index", "write `index=\"=e.index\"`: the place of the call among those sent, from 0");
                None
            }
        };
        let mut text =
            |name: &str| node.setting(name).cloned().and_then(|value| self.value(&value, &scope, None)).map(|checked| checked.expr);
        let (code, message) = (text("code"), text("message"));
        let retry = node.setting("retry").cloned().and_then(|when| self.condition(&when, &scope)).map(|checked| checked.expr);
        Some(BatchFailed { list, item, index: index?, code, message, retry })
    }

    fn batch_answered(&mut self, node: &Node) -> Option<BatchAnswered> {
        let (list, item, scope) = self.batch_list(node)?;
        let mut value = |name: &str, ty: Option<&Ty>| {
            node.setting(name).cloned().and_then(|value| self.value(&value, &scope, ty)).map(|checked| checked.expr)
        };
        let index = value("index", Some(&Ty::Int));
        Some(BatchAnswered { list, item, index, at: value("at", None) })
    }

    /// One read in the place of many: `read` for each of the writes of `own`.
    pub(crate) fn batch_call(&mut self, node: &Node, own: &Operation, read: &Operation) -> Option<(String, Bindings, String)> {
        let name = self.operation_of(&node.argument(0)?.clone(), &own.connector)?;
        self.read_only(&name, node);
        let several = self.plan.operations.get(&name)?.clone();
        let Some(key) = self.setting_text(node, "key") else {
            self.missing(node, "key", "write `key=\"id\"`: the field by which the answers are told apart");
            return None;
        };
        let Some(most) = own.terms.batch.as_ref().map(|batch| batch.max) else {
            let message = format!("`{}` has no `batch`, so nothing says how many of its writes are read for at once", own.name);
            let diagnostic = Diagnostic::new(&meaning::MISSING_SETTING, node.name.span, message).label("how many?");
            self.report(diagnostic.help("give the operation a `batch`, or remove `batch-call`"));
            return None;
        };
        self.check_batch_call(node, &several, read, (&key, most));
        let requests = Ty::List(Box::new(object_of(&own.request)));
        let scope = Scope::default().with("requests", requests, Marks::default());
        let bare = Node {
            properties: node.properties.iter().filter(|property| property.name.text != "key").cloned().collect(),
            children: node.children.iter().filter(|child| child.name.text != "key").cloned().collect(),
            ..node.clone()
        };
        let request = self.request_bindings(&bare, &several, &scope);
        Some((name, request.into_iter().map(|(name, checked)| (name, checked.expr)).collect(), key))
    }

    /// Its answer is a list of what `read` answers, told apart by a field that `read` is asked with, and it takes as many as go together.
    fn check_batch_call(&mut self, node: &Node, several: &Operation, read: &Operation, (key, most): (&str, u32)) {
        let mut found: Vec<(String, String)> = Vec::new();
        if several.response != Ty::List(Box::new(read.response.clone())) {
            let message = format!("`{}` answers with {}, and `{}` with {}", several.name, several.response, read.name, read.response);
            found.push((message, format!("call an operation that answers with a list of {}", read.response)));
        }
        let asked = read.request.iter().find(|field| field.name == key).map(|field| &field.ty);
        let told = match &read.response {
            Ty::Record(record) => {
                self.plan.types.records.get(record).and_then(|record| record.fields.iter().find(|field| field.name == key))
            }
            _ => None,
        };
        if asked.is_none() || asked != told.map(|field| &field.ty) {
            let message = format!("`{key}` is not in the request and, of the same type, in the answer of `{}`", read.name);
            found.push((message, "name the field that says which answer is whose".to_owned()));
        }
        let lists = several.request.iter().filter(|field| matches!(field.ty, Ty::List(_)));
        for (field, max) in lists.filter_map(|field| Some((field, field.max?))).filter(|(_, max)| *max < f64::from(most)) {
            let message = format!("`{}` takes at most {max} `{}`, and {most} writes go together", several.name, field.name);
            found.push((message, format!("write `max={max}` at the `batch`")));
        }
        let span = node.argument(0).map_or(node.name.span, |value| value.span);
        for (message, help) in found {
            self.report(Diagnostic::new(&meaning::WRONG_VALUE, span, message).label("cannot stand for many reads").help(help));
        }
    }

    /// What an operation that is sent in batches must say of each call: its key, and where its answer stands.
    pub(crate) fn check_batch(&mut self, node: &Node, operation: &Operation) {
        let (Some(batch), Some(written)) = (&operation.terms.batch, node.first("batch")) else { return };
        if operation.response != Ty::Null && batch.answered.is_none() && written.first("answered").is_none() {
            self.missing(written, "answered", "write `answered \"=body.results\"`: where the answer to each call stands, in their order");
        }
        if operation.response == Ty::Null
            && let Some(answered) = written.first("answered")
        {
            let message = format!("`{}` has no response that an answer could be", operation.name);
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, answered.name.span, message).label("an answer to what?");
            self.report(diagnostic.help("declare the operation's `response`, or remove `answered`"));
        }
        let at = node.first("response").and_then(|response| response.setting("at"));
        if let Some(at) = at.filter(|_| node.first("http").is_none() && node.first("graphql").is_none()) {
            let message = format!("`{}` is only sent in batches, and nothing is read at this place of their answers", operation.name);
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, at.span, message).label("never read");
            self.report(diagnostic.help("write it in the batch: `answered \"=body.results\" as=\"a\" at=\"=a.order\"`"));
        }
        self.check_batch_keys(node, operation);
    }

    /// A provider that knows an effect by its key must hear the key of each: a batch that is sent again may hold others.
    fn check_batch_keys(&mut self, node: &Node, operation: &Operation) {
        let (Some(batch), Some(Idempotent::Key { .. })) = (&operation.terms.batch, &operation.idempotent) else { return };
        let http = batch.http.iter().flat_map(|http| http.body.iter().chain(&http.query).chain(&http.headers));
        let graphql = batch.graphql.iter().flat_map(|graphql| &graphql.variables);
        if http.chain(graphql).any(|(_, expr)| expr.root.picks(&["effect", "key"])) {
            return;
        }
        let span = node.first("batch").map_or(node.name.span, |batch| batch.name.span);
        let message = format!("a batch of `{}` does not say the key of each call", operation.name);
        let diagnostic = Diagnostic::new(&meaning::BATCH_WITHOUT_KEYS, span, message).label("no `effect.key` of a call");
        let also = node.first("idempotent").map_or(node.name.span, |idempotent| idempotent.span);
        self.report(diagnostic.also(also, "by which the provider would know it").help(
            "write it with each call, as in `orders \"=calls.map(c, {'id': c.request.id, 'key': c.effect.key})\"`, or `idempotent natural` \
             where a repetition changes nothing",
        ));
    }
}
