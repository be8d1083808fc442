//! What keeps a payment from happening twice: an idempotency key that outlives every attempt, and a business key that tells one payment
//! from another. Words that hold nothing are refused like missing ones.

use super::connector::SECOND;
use super::context::Context;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr, Tree};
use crate::literal::duration_text;
use crate::plan::{Idempotent, MoneyDirection, Operation};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::Ty;

/// A business key as checked, and where it stands.
pub(crate) type WrittenKey = (Checked, Span);

/// Whether a part of a request holds the key of the effect.
fn carries_key(value: &Expr) -> bool {
    match &value.root {
        Tree::Text(template) => template.variables.iter().any(|name| name == "effect"),
        tree => tree.paths().iter().any(|path| path == "effect" || path == "effect.key"),
    }
}

/// Whether something is read of a variable.
fn reads(checked: &Checked, root: &str) -> bool {
    checked.reads.iter().any(|(path, _)| path.split('.').next() == Some(root))
}

impl Context<'_> {
    /// A business key is made of the request: a constant lets one effect happen ever, and the key of the effect any number.
    pub(crate) fn check_business_key(&mut self, keys: &[WrittenKey], operation: &str) {
        for (_, span) in keys.iter().filter(|(key, _)| reads(key, "effect")) {
            let message = format!("a business key of `{operation}` is another one for every effect, so it keeps none from happening twice");
            self.hollow_key(*span, message, "tells nothing of the request");
        }
        if let (Some((_, span)), false) = (keys.first(), keys.iter().any(|(key, _)| reads(key, "request") || reads(key, "effect"))) {
            let message = format!("the business key of `{operation}` is the same for every request, so only one could ever happen");
            self.hollow_key(*span, message, "reads nothing of the request");
        }
    }

    fn hollow_key(&mut self, span: Span, message: String, label: &str) {
        let diagnostic = Diagnostic::new(&meaning::HOLLOW_KEY, span, message).label(label);
        self.report(diagnostic.help("write `unique \"=request.order_id\"`: what tells one payment from another"));
    }

    /// Money that moves needs a story for repeats: an idempotency key and a business key.
    pub(crate) fn check_money_story(&mut self, node: &Node, operation: &Operation) {
        self.check_amount(node, operation);
        let moves = operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price);
        if !moves {
            return;
        }
        self.check_key_window(node, operation);
        let (lacks, help) = match (&operation.idempotent, operation.unique.is_empty()) {
            (None, _) => ("idempotency story", "write `idempotent key=\"=effect.key\" for=\"24h\"`, as the provider documents it"),
            (Some(_), true) => ("business key", "write `unique \"=request.order_id\"`: at most one effect for each value of it"),
            (Some(_), false) => return,
        };
        let diagnostic =
            Diagnostic::new(&meaning::MONEY_WITHOUT_KEY, node.name.span, format!("`{}` moves money and has no {lacks}", operation.name));
        self.report(diagnostic.label("could pay twice").help(help));
    }

    /// The provider tells a repeated request from a new one by the key, so the request has to carry it.
    pub(crate) fn check_key_sent(&mut self, node: &Node, operation: &Operation) {
        let Some(Idempotent::Key { .. }) = operation.idempotent else { return };
        // What has no request of its own says the key of each call in its batch, or is refused there.
        if operation.terms.batch.is_some() && operation.path.is_empty() && operation.terms.graphql.is_none() {
            return;
        }
        let Some(key) = node.first("idempotent").and_then(|idempotent| idempotent.setting("key")) else { return };
        let connector = self.plan.connectors.get(&operation.connector).map(|connector| &connector.headers);
        let variables = operation.terms.graphql.as_ref().map(|graphql| &graphql.variables);
        let sent = [&operation.headers, &operation.query, &operation.body].into_iter().chain(connector).chain(variables).flatten();
        // A batch carries a key for each of its calls, and whether it does is said of the batch.
        let is_told = key.text() != Some("=effect.key") || operation.terms.batch.is_some();
        if is_told || sent.into_iter().any(|(_, value)| carries_key(value)) {
            return;
        }
        let message = format!("`{}` relies on a key that its request does not carry", operation.name);
        let diagnostic = Diagnostic::new(&meaning::KEY_UNSENT, key.span, message).label("sent nowhere");
        let help = "write `header \"Idempotency-Key\" \"=effect.key\"` in `http`, or put `=effect.key` where the provider wants it";
        self.report(diagnostic.help(help));
    }

    /// The provider knows the key for as long as attempts may be made with it.
    fn check_key_window(&mut self, node: &Node, operation: &Operation) {
        let Some(Idempotent::Key { window }) = operation.idempotent else { return };
        let Some(connector) = self.plan.connectors.get(&operation.connector) else { return };
        let retries = i64::from(connector.retry.max);
        let attempts = connector.total_timeout.saturating_mul(retries.saturating_add(1));
        let most = attempts.saturating_add(connector.retry.to.saturating_mul(retries)).max(SECOND);
        if window >= most {
            return;
        }
        let span =
            node.first("idempotent").map_or(node.name.span, |idempotent| idempotent.setting("for").map_or(idempotent.span, |of| of.span));
        let (window, most) = (duration_text(window), duration_text(most));
        let message = format!("the provider knows a key of `{}` for {window}, and attempts may take {most}", operation.name);
        let diagnostic = Diagnostic::new(&meaning::HOLLOW_KEY, span, message).label("the last attempt could pay again");
        self.report(diagnostic.help("write how long the provider documents it, and shorten `timeout` and `retry` to fit"));
    }

    /// An amount that is the same whatever is asked for, beside a parameter that is one.
    fn check_amount(&mut self, node: &Node, operation: &Operation) {
        let amount = operation.request.iter().find(|field| field.ty == Ty::Money);
        let constant = operation.money.as_ref().is_some_and(|money| matches!(money.value.root, Tree::Constant(_)));
        let Some(amount) = amount.filter(|_| constant) else { return };
        let message = format!("`{}` moves the same amount, whatever `{}` is", operation.name, amount.name);
        let span = node.first("money").and_then(|money| money.argument(0)).map_or(node.name.span, |value| value.span);
        let diagnostic = Diagnostic::new(&meaning::MONEY_UNSAID, span, message).label("no guard sees the amount");
        self.report(diagnostic.help(format!("write `money \"=request.{}\"` here", amount.name)));
    }
}
