//! From what came back to what became of the call: answered, failed, or unknown.
//!
//! The rule: a failure is claimed only where it did not happen. Any doubt about a write is `Unknown`; a read in doubt has
//! merely failed and may be tried again.

use crate::prepare::is_write;
use serde_json::Value as Json;
use tradewind_engine::ports::{Call, CallFailure, CallOutcome};
use tradewind_lang::conform::{self, Problem};
use tradewind_lang::expr::{Expr, Resolve};
use tradewind_lang::plan::{Idempotent, Micros};
use tradewind_lang::ty::{Ty, TypeTable};
use tradewind_lang::value::{Record, Value};

/// How many misfits of an answer are told.
const TOLD: usize = 3;

/// How an exchange with a provider ended.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// Not one byte of the request was sent.
    NotSent { code: &'static str, message: String, retry: bool },
    /// It was sent, wholly or in part, and there is no answer.
    Doubt { code: &'static str, message: String },
    /// A status came back.
    Received(Received),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Micros>,
    /// Names in lower case; empty where nobody asks for them.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Body {
    /// JSON; `Null` where it is empty.
    Json(Json),
    /// It could not be read whole, or is no JSON.
    Unreadable { code: &'static str, message: String, retry: bool },
}

impl Body {
    /// Reads a whole body.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Self::Json(Json::Null);
        }
        // Only the place of the mistake is told, not the text: an answer may hold personal data.
        serde_json::from_slice(bytes).map_or_else(
            |error| {
                let message = format!("the answer is not JSON (line {}, column {})", error.line(), error.column());
                Self::Unreadable { code: "schema", message, retry: true }
            },
            Self::Json,
        )
    }
}

/// What the expressions over an answer may name. Without a readable body, `body` has no value, so that a rule about it cannot hold.
pub(crate) struct AnswerScope {
    status: u16,
    body: Option<Value>,
}

impl Resolve for AnswerScope {
    fn resolve(&self, name: &str) -> Option<Value> {
        match name {
            "status" => Some(Value::Int(i64::from(self.status))),
            "body" => self.body.clone(),
            _ => None,
        }
    }
}

impl AnswerScope {
    fn holds(&self, expression: &Expr) -> bool {
        matches!(expression.evaluate(self), Ok(Value::Bool(true)))
    }
}

/// What an answer says of the provider's bucket: what the call took, and what is left.
pub(crate) fn measured(call: &Call, exchange: &Exchange) -> (Option<f64>, Option<f64>) {
    let (Some(limit), Exchange::Received(received)) = (&call.connector.terms.rate_limit, exchange) else { return (None, None) };
    let headers = received.headers.iter().map(|(name, value)| (name.clone(), Value::string(value.as_str())));
    let body = match &received.body {
        Body::Json(json) => Some(conform::untyped(json)),
        Body::Unreadable { .. } => None,
    };
    let mut scope = Record(vec![("status".into(), Value::Int(i64::from(received.status)))]);
    scope.set("headers", Value::Record(std::sync::Arc::new(headers.collect())));
    if let Some(body) = body {
        scope.set("body", body);
    }
    // An answer that does not say it, such as an error, leaves everything as it is.
    let number = |expr: &Option<Expr>| match expr.as_ref()?.evaluate(&scope as &dyn Resolve).ok()? {
        Value::Int(number) => Some(number as f64),
        Value::Double(number) if number.is_finite() => Some(number),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    };
    (number(&limit.used), number(&limit.left))
}

/// What became of the call.
pub(crate) fn conclude(call: &Call, types: &TypeTable, exchange: Exchange) -> CallOutcome {
    match exchange {
        Exchange::NotSent { code, message, retry } => failed(code, message, retry, None),
        Exchange::Doubt { code, message } => doubt(call, code, message, true, None),
        Exchange::Received(received) => conclude_received(call, types, received),
    }
}

fn conclude_received(call: &Call, types: &TypeTable, received: Received) -> CallOutcome {
    match judged(call, received) {
        Err(outcome) => outcome,
        Ok(_) if call.operation.response == Ty::Null => CallOutcome::Answered(Value::Null),
        Ok(Accepted { unreadable: Some((code, message, retry)), retry_after, .. }) => doubt(call, code, message, retry, retry_after),
        Ok(Accepted { scope, retry_after, .. }) => match response(call, types, &scope) {
            Ok(value) => CallOutcome::Answered(value),
            Err(message) => doubt(call, "schema", message, false, retry_after),
        },
    }
}

/// An answer by which the request was accepted: what it says of the call is still to be read.
pub(crate) struct Accepted {
    pub(crate) scope: AnswerScope,
    /// Why its body could not be read.
    pub(crate) unreadable: Option<(&'static str, String, bool)>,
    pub(crate) retry_after: Option<Micros>,
}

/// Whether the request was accepted; else what became of it, and of everything that it asked for.
pub(crate) fn judged(call: &Call, received: Received) -> Result<Accepted, CallOutcome> {
    let Received { status, retry_after, body, .. } = received;
    let (json, unreadable) = match body {
        Body::Json(json) => (Some(json), None),
        Body::Unreadable { code, message, retry } => (None, Some((code, message, retry))),
    };
    let scope = AnswerScope { status, body: json.as_ref().map(conform::untyped) };
    if let Some(failure) = declared(call, &scope, retry_after) {
        // Whatever it is called: what a provider says of a write is certain only where the provider decided about it.
        let decided = !is_write(call) || matches!(status, 200..300 | 400..500) && status != 408 && !is_in_progress(call, status);
        return Err(if decided { CallOutcome::Failed(failure) } else { CallOutcome::Unknown(failure.message) });
    }
    if (200..300).contains(&status) {
        return Ok(Accepted { scope, unreadable, retry_after });
    }
    let message = match status {
        300..400 => format!("{} answered with status {status}, a redirection, which is not followed", call.connector.name),
        _ => format!("{} answered with status {status}", call.connector.name),
    };
    let code = format!("http-{status}");
    let wanted = call.connector.retry.when.iter().any(|when| scope.holds(when));
    Err(match status {
        429 => failed(code, message, true, retry_after),
        409 if is_in_progress(call, status) => CallOutcome::Unknown(message),
        400..500 if status != 408 => failed(code, message, wanted, retry_after),
        300..400 => doubt(call, &code, message, wanted, retry_after),
        _ => doubt(call, &code, message, true, retry_after),
    })
}

/// 409 to a keyed write: the first request under the key may still be at work (RFC draft idempotency-key-header, 2.7).
fn is_in_progress(call: &Call, status: u16) -> bool {
    status == 409 && is_write(call) && matches!(call.operation.idempotent, Some(Idempotent::Key { .. }))
}

/// The first declared failure that holds, the connector's before the operation's.
fn declared(call: &Call, scope: &AnswerScope, retry_after: Option<Micros>) -> Option<CallFailure> {
    let mut failures = call.connector.failures.iter().chain(&call.operation.failures);
    let failure = failures.find(|failure| scope.holds(&failure.when))?;
    let told = failure.message.as_ref().and_then(|message| message.evaluate(scope).ok());
    let message = match told.as_ref().and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
        Some(text) => text.to_owned(),
        None => format!("{} answered with status {} ({})", call.connector.name, scope.status, failure.code),
    };
    Some(CallFailure { code: failure.code.clone(), message, retry: failure.retry, retry_after })
}

/// The response within the answer, in the operation's type.
fn response(call: &Call, types: &TypeTable, scope: &AnswerScope) -> Result<Value, String> {
    let found = match &call.operation.at {
        Some(at) => at.evaluate(scope).map_err(|error| format!("the answer does not hold the response: {}", error.0))?,
        None => scope.body.clone().unwrap_or(Value::Null),
    };
    typed(call, types, &found)
}

/// What was found as the operation's response.
pub(crate) fn typed(call: &Call, types: &TypeTable, found: &Value) -> Result<Value, String> {
    let told = |problems: Vec<Problem>| problems.iter().take(TOLD).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    conform::from_answer(&conform::to_json(found), &call.operation.response, types)
        .map_err(|problems| format!("the answer does not fit `{}`: {}", call.operation.response, told(problems)))
}

pub(crate) fn doubt(call: &Call, code: &str, message: String, retry: bool, retry_after: Option<Micros>) -> CallOutcome {
    if is_write(call) { CallOutcome::Unknown(message) } else { failed(code, message, retry, retry_after) }
}

fn failed(code: impl Into<String>, message: String, retry: bool, retry_after: Option<Micros>) -> CallOutcome {
    CallOutcome::Failed(CallFailure { code: code.into(), message, retry, retry_after })
}
