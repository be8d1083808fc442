//! Takes secrets out of a message for people: a provider may echo what it was sent. It knows only the secrets of one call.

use crate::prepare::Prepared;
use tradewind_engine::ports::{Call, CallOutcome};
use tradewind_lang::conceal::{SECRET, each_secret_of};
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

fn without(secrets: &[String], outcome: CallOutcome) -> CallOutcome {
    match outcome {
        CallOutcome::Answered(value) => CallOutcome::Answered(value),
        CallOutcome::Unknown(message) => CallOutcome::Unknown(clean(&message, secrets)),
        CallOutcome::Failed(mut failure) => {
            failure.message = clean(&failure.message, secrets);
            CallOutcome::Failed(failure)
        }
    }
}

/// Header values (but for the key of the effect), their last words (`Bearer TOKEN`), what fields marked secret hold, at any depth, and
/// secrets of the account.
fn secrets(calls: &[Call], prepared: &Prepared) -> Vec<String> {
    let values = prepared
        .headers
        .iter()
        .filter(|(name, _)| name.as_str() != "idempotency-key")
        .filter_map(|(_, value)| std::str::from_utf8(value.as_bytes()).ok());
    let mut secrets: Vec<String> = values.flat_map(|value| [Some(value), value.rsplit(' ').next()]).flatten().map(str::to_owned).collect();
    for call in calls {
        each_secret_of(&mut call.request.clone(), &call.operation.request, &call.types, &mut |secret| words(secret, &mut secrets));
    }
    secrets.extend(prepared.account.iter().flat_map(|account| account.secrets.iter().cloned()));
    // Short values (`1`, `json`) are no secrets, and taking them out would spoil the text. Long ones go first: one may hold another.
    secrets.retain(|secret| secret.len() >= 6);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets
}

/// What of a value a provider may echo: its texts and numbers, as they are written.
fn words(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.to_string()),
        Value::Int(number) => found.push(number.to_string()),
        Value::Double(number) => found.push(number.to_string()),
        Value::Decimal(number) => found.push(number.to_string()),
        Value::Money(money) => found.push(money.amount.to_string()),
        Value::Optional(Some(inner)) => words(inner, found),
        Value::List(items) => items.iter().for_each(|item| words(item, found)),
        Value::Record(record) => record.0.iter().for_each(|(_, value)| words(value, found)),
        _ => {}
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
