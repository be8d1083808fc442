//! Takes secrets out of a message for people: a provider may echo what it was sent. It knows only the secrets of one call: what is
//! marked in its request, however deep, and what its headers carry.

use crate::prepare::Prepared;
use tradewind_engine::ports::{Call, CallOutcome};
use tradewind_lang::conceal::{SECRET, each_secret_of};
use tradewind_lang::conform::to_json;
use tradewind_lang::value::Value;

/// Longest message that is kept, in characters: a provider may answer with a book.
const LONGEST: usize = 400;

/// The outcome with a message that holds no secret of the call and no control characters, of bounded length.
pub(crate) fn redact(call: &Call, prepared: &Prepared, outcome: CallOutcome) -> CallOutcome {
    match outcome {
        CallOutcome::Answered(value) => CallOutcome::Answered(value),
        told => without(&secrets(std::slice::from_ref(call), prepared), told),
    }
}

/// The same of several calls that were one request: none of their messages holds a secret of any of them.
pub(crate) fn redact_together(calls: &[Call], prepared: &Prepared, outcomes: Vec<CallOutcome>) -> Vec<CallOutcome> {
    if outcomes.iter().all(|outcome| matches!(outcome, CallOutcome::Answered(_))) {
        return outcomes;
    }
    let secrets = secrets(calls, prepared);
    outcomes.into_iter().map(|outcome| without(&secrets, outcome)).collect()
}

fn without(secrets: &[&str], outcome: CallOutcome) -> CallOutcome {
    match outcome {
        CallOutcome::Answered(value) => CallOutcome::Answered(value),
        CallOutcome::Unknown(message) => CallOutcome::Unknown(clean(&message, secrets)),
        CallOutcome::Failed(mut failure) => {
            failure.message = clean(&failure.message, secrets);
            CallOutcome::Failed(failure)
        }
    }
}

<<<<<<< HEAD
/// Header values (but for the key of the effect), their last words (`Bearer TOKEN`), and fields marked secret.
fn secrets(call: &Call, prepared: &Prepared) -> Vec<String> {
=======
/// Header values (but for the key of the effect), their last words (`Bearer TOKEN`), fields marked secret, and secrets of the account.
fn secrets<'a>(calls: &'a [Call], prepared: &'a Prepared) -> Vec<&'a str> {
>>>>>>> main
    let values = prepared
        .headers
        .iter()
        .filter(|(name, _)| name.as_str() != "idempotency-key")
        .filter_map(|(_, value)| std::str::from_utf8(value.as_bytes()).ok());
<<<<<<< HEAD
    let mut fields = Vec::new();
    each_secret_of(&mut call.request.clone(), &call.operation.request, &call.types, &mut |value| texts(value, &mut fields));
    let values = values.flat_map(|value| [Some(value), value.rsplit(' ').next()]).flatten().map(str::to_owned);
    // Short values of headers (`1`, `json`) are no secrets, and taking them out would spoil the text.
    let values = values.filter(|value| value.len() >= 6);
    let mut secrets: Vec<String> = values.chain(fields).filter(|secret| !secret.is_empty()).collect();
    // Long ones go first: one may hold another.
=======
    let fields = calls.iter().flat_map(|call| {
        let marked = call.operation.request.iter().filter(|field| field.marks.secret);
        marked.filter_map(|field| call.request.get(&field.name)?.as_str())
    });
    let mut secrets: Vec<&str> = values.flat_map(|value| [Some(value), value.rsplit(' ').next()]).flatten().chain(fields).collect();
    secrets.extend(prepared.account.iter().flat_map(|account| account.secrets.iter().map(String::as_str)));
    // Short values (`1`, `json`) are no secrets, and taking them out would spoil the text. Long ones go first: one may hold another.
    secrets.retain(|secret| secret.len() >= 6);
>>>>>>> main
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// Every text in a value that is a secret.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::List(items) => items.iter().for_each(|value| texts(value, found)),
        Value::Record(record) => record.0.iter().for_each(|(_, value)| texts(value, found)),
        Value::Null | Value::Bool(_) => {}
        Value::String(text) => found.push(text.to_string()),
        value => found.push(to_json(value).to_string().trim_matches('"').to_owned()),
    }
}

fn clean(message: &str, secrets: &[String]) -> String {
    let mut text = message.to_owned();
    for secret in secrets {
        text = text.replace(secret.as_str(), SECRET);
    }
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let printable = one_line.chars().filter(|character| !character.is_control());
    printable.take(LONGEST).collect()
}
