//! Several calls as one request, and its answer told apart again: what became of each.
//!
//! The rule is that of `answer`: a failure is claimed only where the provider said it of that call. What the whole request met (no
//! connection, a refusal, silence) it met for every call; what an answer says of no call in particular leaves all in doubt that it does
//! not name.

use crate::account::Opened;
use crate::answer::{Accepted, AnswerScope, Exchange, conclude, doubt, judged, typed};
use crate::prepare::{Prepared, body, headers, keyed, method, query};
use std::collections::BTreeMap;
use tradewind_engine::key::digest_of;
use tradewind_engine::ports::{Call, CallFailure, CallOutcome};
use tradewind_lang::expr::{Expr, Resolve};
use tradewind_lang::plan::{Batch, BatchAnswered, BatchFailed};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// What the expressions of a batch's request may name.
struct TogetherScope<'a> {
    calls: Value,
    requests: Value,
    group: Option<Value>,
    effect: Value,
    account: Option<&'a Opened>,
}

impl Resolve for TogetherScope<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        self.lend(name).cloned()
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        match name {
            "calls" => Some(&self.calls),
            "requests" => Some(&self.requests),
            "effect" => Some(&self.effect),
            "group" => self.group.as_ref(),
            "account" => self.account.map(|account| &account.value),
            _ => None,
        }
    }
}

/// The key of a request that holds several: the same for the same calls in the same order, and empty for reads.
fn key_of(calls: &[Call]) -> String {
    let keys: Vec<&str> = calls.iter().map(|call| call.key.as_str()).collect();
    if keys.iter().all(|key| key.is_empty()) { String::new() } else { digest_of(&keys).to_string() }
}

/// Builds the request of several calls; they are of one operation. The error is for people and holds no value of the requests.
pub(crate) fn prepare_together(calls: &[Call], batch: &Batch, account: Option<Opened>) -> Result<Prepared, String> {
    let (Some(first), Some(http)) = (calls.first(), &batch.http) else { return Err("there is nothing to send".to_owned()) };
    let one = |call: &Call| Value::record([("request", call.request.clone()), ("effect", keyed(&call.key))]);
    let alone: &dyn Resolve = &tradewind_lang::value::Record(vec![("request".into(), first.request.clone())]);
    let group = batch.group.as_ref().map(|group| group.evaluate(alone)).transpose();
    let scope = TogetherScope {
        calls: Value::list(calls.iter().map(one)),
        requests: Value::list(calls.iter().map(|call| call.request.clone())),
        group: group.map_err(|error| format!("the group of the batch has no value: {}", error.0))?,
        effect: keyed(&key_of(calls)),
        account: account.as_ref(),
    };
    let (query, headers) = (query(&http.query, &scope)?, headers(first.connector.headers.iter().chain(&http.headers), &scope)?);
    let (method, body) = (method(&http.method)?, body(&http.body, &scope)?);
    Ok(Prepared { method, path: http.path.clone(), query, headers, body, account })
}

/// What became of the request as a whole, and of each call.
pub(crate) fn conclude_together(calls: &[Call], batch: &Batch, exchange: Exchange) -> (CallOutcome, Vec<CallOutcome>) {
    let Some(first) = calls.first() else { return (CallOutcome::Answered(Value::Null), Vec::new()) };
    let whole = match exchange {
        Exchange::Received(received) => match judged(first, received) {
            Ok(accepted) => return (CallOutcome::Answered(Value::Null), told_apart(calls, batch, &accepted)),
            Err(outcome) => outcome,
        },
        lost => conclude(first, &first.types, lost),
    };
    let each = vec![whole.clone(); calls.len()];
    (whole, each)
}

/// An item of a list in the answer, and the answer around it.
struct ItemScope<'a> {
    around: &'a AnswerScope,
    name: &'a str,
    item: &'a Value,
}

impl Resolve for ItemScope<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        if name == self.name { Some(self.item.clone()) } else { self.around.resolve(name) }
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        (name == self.name).then_some(self.item)
    }
}

/// What an answer says of each call that failed, and of calls that it does not name.
struct Failures {
    named: BTreeMap<usize, CallFailure>,
    unnamed: Option<String>,
}

fn told_apart(calls: &[Call], batch: &Batch, accepted: &Accepted) -> Vec<CallOutcome> {
    let read = match &accepted.unreadable {
        Some((_, message, _)) => Err(message.clone()),
        None => failures(calls.len(), batch.failed.as_ref(), accepted),
    };
    let failures = match read {
        Ok(failures) => failures,
        Err(message) => return calls.iter().map(|call| doubt(call, "schema", message.clone(), false, accepted.retry_after)).collect(),
    };
    let answers = batch.answered.as_ref().map_or_else(|| Ok(BTreeMap::new()), |answered| answers(answered, &accepted.scope));
    let one = |(place, call): (usize, &Call)| {
        let unclear = |message: String| doubt(call, "schema", message, false, accepted.retry_after);
        if let Some(failure) = failures.named.get(&place) {
            return CallOutcome::Failed(failure.clone());
        }
        if let Some(message) = &failures.unnamed {
            return unclear(message.clone());
        }
        if call.operation.response == Ty::Null {
            return CallOutcome::Answered(Value::Null);
        }
        let found = answers.as_ref().map_err(Clone::clone).and_then(|answers| match answers.get(&place) {
            None | Some(Value::Null) => Err("the answer says nothing of this call".to_owned()),
            Some(found) => typed(call, &call.types, found),
        });
        found.map_or_else(unclear, CallOutcome::Answered)
    };
    calls.iter().enumerate().map(one).collect()
}

/// A list in the answer; an absent one is empty.
fn list(expr: &Expr, scope: &AnswerScope) -> Result<Vec<Value>, String> {
    match expr.evaluate(scope).map_err(|error| format!("the answer cannot be told apart: {}", error.0))? {
        Value::List(items) => Ok(items.to_vec()),
        Value::Null => Ok(Vec::new()),
        _ => Err(format!("the answer cannot be told apart: `{}` is no list", expr.source)),
    }
}

fn failures(count: usize, failed: Option<&BatchFailed>, accepted: &Accepted) -> Result<Failures, String> {
    let mut failures = Failures { named: BTreeMap::new(), unnamed: None };
    let Some(failed) = failed else { return Ok(failures) };
    for item in &list(&failed.list, &accepted.scope)? {
        let scope = ItemScope { around: &accepted.scope, name: &failed.item, item };
        let text = |expr: &Option<Expr>| match expr.as_ref()?.evaluate(&scope).ok()? {
            Value::String(text) if !text.trim().is_empty() => Some(text.to_string()),
            Value::Int(number) => Some(number.to_string()),
            _ => None,
        };
        let code = text(&failed.code).unwrap_or_else(|| "refused".to_owned());
        let message = text(&failed.message).unwrap_or_else(|| format!("it failed with `{code}`"));
        match place(failed.index.evaluate(&scope).ok(), count) {
            Some(place) => {
                let retry = failed.retry.as_ref().is_some_and(|retry| matches!(retry.evaluate(&scope), Ok(Value::Bool(true))));
                let failure = CallFailure { code, message, retry, retry_after: accepted.retry_after };
                failures.named.entry(place).or_insert(failure);
            }
            None => {
                failures.unnamed.get_or_insert(format!("a failure was told that names none of the calls: {message}"));
            }
        }
    }
    Ok(failures)
}

/// The answers by the place of their call.
fn answers(answered: &BatchAnswered, scope: &AnswerScope) -> Result<BTreeMap<usize, Value>, String> {
    let mut answers = BTreeMap::new();
    for (at, item) in list(&answered.list, scope)?.iter().enumerate() {
        let scope = ItemScope { around: scope, name: &answered.item, item };
        let place = match &answered.index {
            None => Some(at),
            Some(index) => place(index.evaluate(&scope).ok(), usize::MAX),
        };
        let found = match &answered.at {
            None => item.clone(),
            // The answer of a call that failed may hold none.
            Some(at) => at.evaluate(&scope).unwrap_or(Value::Null),
        };
        if let Some(place) = place {
            answers.entry(place).or_insert(found);
        }
    }
    Ok(answers)
}

/// A place among so many calls.
fn place(index: Option<Value>, count: usize) -> Option<usize> {
    match index {
        Some(Value::Int(index)) => usize::try_from(index).ok().filter(|place| *place < count),
        _ => None,
    }
}
