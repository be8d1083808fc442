//! What keeps a payment from happening twice: an idempotency key that outlives every attempt, and a business key that tells one payment
//! from another. Words that hold nothing are refused like missing ones.

use super::connector::SECOND;
use super::context::Context;
use super::hollow::sums_nothing;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Checked, Expr, Tree};
use crate::literal::duration_text;
use crate::money::Money;
use crate::plan::{Idempotent, MoneyDirection, Operation};
use crate::shape::{Shaped, given};
use crate::source::Span;
use crate::ty::Ty;
use crate::value::Value;

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
pub(crate) fn reads(checked: &Checked, root: &str) -> bool {
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

    /// An amount below nothing is denied wherever it comes: it would move the other way, and give room under a limit.
    pub(crate) fn check_backwards(&mut self, call: &Node, operation: &Operation, bound: &[(String, Checked)]) {
        let Some(money) = operation.money.as_ref().filter(|money| money.direction != MoneyDirection::Price) else { return };
        let moved = |name: &str| money.value.root.is_path() && money.value.root.describe() == format!("request.{name}");
        for (name, checked) in bound.iter().filter(|(name, _)| moved(name)) {
            let Some(amount) = below_nothing(&checked.expr.root) else { continue };
            let message = format!("`{}` would move {amount}, which is less than nothing, so it is always denied", operation.name);
            let diagnostic = Diagnostic::new(&meaning::BACKWARDS, given::place(call, name), message).label("would move the other way");
            self.report(diagnostic.help("write the amount itself, and call the operation that moves money the other way"));
        }
    }

    /// An amount that is the same whatever is asked for, beside a parameter that is one; and amounts of a payment that no guard is told of.
    fn check_amount(&mut self, node: &Node, operation: &Operation) {
        let Some(money) = &operation.money else { return };
        let span = node.first("money").and_then(|money| money.argument(0)).map_or(node.name.span, |value| value.span);
        if let (Tree::Constant(_), Some(amount)) = (&money.value.root, operation.request.iter().find(|field| field.ty == Ty::Money)) {
            let message = format!("`{}` moves the same amount, whatever `{}` is", operation.name, amount.name);
            let diagnostic = Diagnostic::new(&meaning::MONEY_UNSAID, span, message).label("no guard sees the amount");
            self.report(diagnostic.help(format!("write `money \"=request.{}\"` here", amount.name)));
            return;
        }
        if money.direction == MoneyDirection::Price {
            return;
        }
        if sums_nothing(&money.value.root) {
            let message = format!("`{}` moves nothing, whatever it is given", operation.name);
            let diagnostic = Diagnostic::new(&meaning::MONEY_UNSAID, span, message).label("no guard sees an amount");
            self.report(diagnostic.help("write what moves, such as `money \"=request.amount\"`"));
            return;
        }
        let paths = money.value.root.paths();
        let read = |name: &str| {
            let begins =
                |path: &String| path == "request" || path.strip_prefix("request.").is_some_and(|rest| rest.split('.').next() == Some(name));
            paths.iter().any(begins)
        };
        let source = money.value.source.clone();
        for field in operation.request.iter().filter(|field| is_amount(&field.ty) && !read(&field.name)) {
            let message = format!("`{}` takes the amount `{}`, and `money` does not read it", operation.name, field.name);
            let diagnostic = Diagnostic::new(&meaning::MONEY_UNSAID, span, message).label(format!("no guard sees `{}`", field.name));
            let more = if field.ty == Ty::Money { format!("{source} + request.{}", field.name) } else { "…".to_owned() };
            let help = format!("write `money \"={more}\"` if it moves, too; if the provider is only told, make it `{}`", told(&field.ty));
            self.report(diagnostic.help(help));
        }
    }
}

/// The amount below nothing that a constant is, or that one of those is which may be chosen.
fn below_nothing(tree: &Tree) -> Option<Money> {
    let is_below = |value: &Value| match value {
        Value::Money(money) => Some(*money).filter(|money| money.amount.is_sign_negative() && !money.amount.is_zero()),
        _ => None,
    };
    match tree {
        Tree::Constant(Value::List(values)) => values.iter().find_map(is_below),
        Tree::Constant(value) => is_below(value),
        Tree::List(items) => items.iter().find_map(below_nothing),
        _ => None,
    }
}

/// Whether a type is an amount, or several of them.
fn is_amount(ty: &Ty) -> bool {
    match ty {
        Ty::Money => true,
        Ty::List(inner) | Ty::Map(inner) | Ty::Optional(inner) => is_amount(inner),
        _ => false,
    }
}

/// A type of amounts as one of plain numbers, which move nothing.
fn told(ty: &Ty) -> Ty {
    match ty {
        Ty::List(inner) => Ty::List(Box::new(told(inner))),
        Ty::Map(inner) => Ty::Map(Box::new(told(inner))),
        Ty::Optional(inner) => Ty::Optional(Box::new(told(inner))),
        _ => Ty::Decimal,
    }
}
