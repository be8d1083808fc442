//! What an operation's kind of effect promises: what is reversible says how it is taken back, an amount says whether it is paid, and a read
//! changes nothing. Guards rest on these words, so none of them may be said idly. Whether the provider keeps them no compiler can know.

use super::context::Context;
use crate::ast::{Literal, Node, Scalar};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{EffectKind, Operation};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::Ty;

/// What only an operation that writes can have.
const OF_WRITES: &[&str] = &["money", "unique", "idempotent", "before", "undo", "lookup"];

impl Context<'_> {
    pub(crate) fn check_kind(&mut self, node: &Node, operation: &Operation) {
        self.check_safe(node, operation);
        if operation.effect == EffectKind::Read {
            self.check_read(node, operation);
            return;
        }
        let span = node.setting("effect").map_or(node.name.span, |effect| effect.span);
        for method in requests(node).filter_map(|http| http.argument(0)).filter(|method| method.text() == Some("GET")) {
            let message =
                format!("`{}` changes something, and its request is a `GET`, which whoever carries it may repeat", operation.name);
            let diagnostic = Diagnostic::new(&meaning::READ_THAT_WRITES, method.span, message).label("a read").also(span, "no read");
            self.report(diagnostic.help("write the method that changes it, such as `POST`, or `effect=read`"));
        }
        let says_reversible = matches!(operation.effect, EffectKind::Reversible | EffectKind::Compensable);
        if says_reversible && node.first("undo").is_none() {
            let message = format!("`{}` says that it can be taken back, and nothing takes it back", operation.name);
            let help = "write `undo { call \"OPERATION\" … }`, or `effect=irreversible` where there is none";
            self.report(Diagnostic::new(&meaning::NO_UNDO, span, message).label("by what?").help(help));
        }
        let amount = operation.request.iter().find(|field| is_amount(&field.ty));
        if let (Some(amount), None) = (amount, node.first("money")) {
            let message = format!("`{}` takes the amount `{}` and does not say what it is", operation.name, amount.name);
            let place = node.first("request").map_or(node.name.span, |request| request.name.span);
            let help =
                format!("write `money \"=request.{}\" as=out` for a payment, `as=in` for a charge, `as=price` for a price", amount.name);
            self.report(Diagnostic::new(&meaning::MONEY_UNSAID, place, message).label("no `money`").help(help));
        }
    }

    /// `POST` alone proves nothing: many a search is one. Whoever declares such a read says that it changes nothing.
    fn check_posted(&mut self, node: &Node, operation: &Operation) {
        if node.first("graphql").is_some() {
            return;
        }
        for http in requests(node).filter(|http| http.setting("safe").is_none()) {
            let Some(method) = http.argument(0).filter(|method| method.text() == Some("POST")) else { continue };
            let message = format!("`{}` is declared a read, and a `POST` usually changes something", operation.name);
            let effect = node.setting("effect").map_or(node.name.span, |effect| effect.span);
            let diagnostic = Diagnostic::new(&meaning::POSTED_READ, method.span, message).label("is it a search?");
            let path = http.argument(1).map_or(method.span, |path| path.span);
            let end = Span { start: path.end, ..path };
            let diagnostic = diagnostic.also(effect, "no guard looks at a read");
            self.report(
                diagnostic
                    .help("write `safe=#true` beside the path if it only looks, or `effect=reversible`, `compensable` or `irreversible`")
                    .proposal("say that it only looks", end, " safe=#true"),
            );
        }
    }

    /// `safe` says of a read that its request changes nothing, and nothing else.
    fn check_safe(&mut self, node: &Node, operation: &Operation) {
        for safe in requests(node).filter_map(|http| http.setting("safe")) {
            let (message, help) = if safe.scalar != Scalar::Bool(true) {
                ("`safe` is said or left out".to_owned(), "write `safe=#true`")
            } else if operation.effect != EffectKind::Read {
                let message = format!("`{}` changes something, and its request is said to be safe", operation.name);
                (message, "remove `safe`, or write `effect=read`")
            } else {
                continue;
            };
            let diagnostic = Diagnostic::new(&meaning::WRONG_VALUE, safe.span, message).label("cannot be").help(help);
            self.report(diagnostic);
        }
    }

    fn check_read(&mut self, node: &Node, operation: &Operation) {
        let mut methods = requests(node).filter_map(|http| http.argument(0));
        let changes = methods.find(|method| method.text().is_some_and(|method| matches!(method, "PUT" | "PATCH" | "DELETE")));
        let batched = operation.terms.batch.as_ref().and_then(|batch| batch.graphql.as_ref());
        let mutation = operation.terms.graphql.iter().chain(batched).any(|graphql| is_mutation(&graphql.query));
        let said = node.children.iter().find(|child| OF_WRITES.contains(&child.name.text.as_str()));
        let (span, why) = match (changes, said) {
            (Some(method), _) => (method.span, format!("`{}` changes something", method.text().unwrap_or_default())),
            (None, _) if mutation => {
                (node.first("graphql").map_or(node.span, |graphql| graphql.name.span), "a mutation changes something".to_owned())
            }
            (None, Some(said)) => (said.name.span, format!("`{}` is said of what changes something", said.name.text)),
            (None, None) => return self.check_posted(node, operation),
        };
        let message = format!("`{}` is declared a read, and {why}", operation.name);
        let effect = node.setting("effect").map_or(node.name.span, |effect: &Literal| effect.span);
        let diagnostic =
            Diagnostic::new(&meaning::READ_THAT_WRITES, span, message).label("no read").also(effect, "no guard looks at a read");
        self.report(diagnostic.help("write `effect=reversible`, `compensable` or `irreversible`"));
    }

    /// An operation that writes stays one, whoever replaces it: policies of its base would hold nothing any more.
    pub(crate) fn check_replaced_kind(&mut self, name: &str, was: &Node, by: &Node) {
        let kind = |node: &Node| node.setting("effect").and_then(Literal::text).map(str::to_owned);
        if was.name.text != "operation" || kind(was).is_none_or(|kind| kind == "read") || kind(by).as_deref() != Some("read") {
            return;
        }
        let span = by.setting("effect").map_or(by.name.span, |effect| effect.span);
        let message = format!("`{name}` changes something, and a read takes its place");
        let diagnostic = Diagnostic::new(&meaning::READ_THAT_WRITES, span, message).label("a read").also(was.name.span, "what it replaces");
        self.report(diagnostic.help("keep the kind of effect, or declare the read under a name of its own"));
    }
}

/// The requests of an operation: its own, and that of several calls at once.
fn requests(node: &Node) -> impl Iterator<Item = &Node> {
    node.first("http").into_iter().chain(node.first("batch").and_then(|batch| batch.first("http")))
}

fn is_amount(ty: &Ty) -> bool {
    match ty {
        Ty::Money => true,
        Ty::Optional(inner) | Ty::List(inner) => is_amount(inner),
        _ => false,
    }
}

fn is_mutation(query: &str) -> bool {
    let named =
        |line: &str| line.trim_start().strip_prefix("mutation").map(|rest| rest.starts_with([' ', '(', '{', '\t']) || rest.is_empty());
    query.lines().any(|line| named(line) == Some(true))
}
