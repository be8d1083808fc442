//! Deliveries of providers: whose they are, whether they are genuine, and which declared events they hold. Pure but for its routes.
//!
//! Nothing of a delivery is believed before its signature holds over the raw bytes. It keeps nothing: the engine tells repetitions.

pub mod cloud_event;
mod proof;
pub mod routes;

pub use proof::{Caller, knows};

use std::fmt;
use tradewind_engine::arrival::{Arrival, Refusal};
use tradewind_engine::engine::typed_record;
use tradewind_lang::conform;
use tradewind_lang::expr::{Expr, Resolve};
use tradewind_lang::plan::{AccountValue, Plan, Webhook};
use tradewind_lang::value::{Record, Value};

/// What came.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Names, in lower case, and values.
    pub headers: &'a [(String, String)],
    /// The bytes as they came.
    pub body: &'a [u8],
}

impl Delivery<'_> {
    /// A header, whatever the case of its name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// A secret by its name: every value that counts now, so that one can be replaced without a gap. None where it cannot be read.
pub type Secrets<'a> = &'a (dyn Fn(&str) -> Vec<String> + Send + Sync);

/// A genuine delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Genuine {
    /// Full name of the account whose it is; empty where the connector has none.
    pub account: String,
    /// What tells it apart.
    pub id: String,
    headers: Value,
    body: Value,
}

/// Why a delivery is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forged {
    /// There is no such account.
    Account,
    /// The signature is missing or not that of the account's secret.
    Signature,
    /// It is older than is allowed, or of the future.
    Old,
    /// It is genuine, and cannot be read.
    Unreadable(String),
}

impl Forged {
    /// As contracts name it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Signature => "signature",
            Self::Old => "max-age",
            Self::Unreadable(_) => "unreadable",
        }
    }
}

impl fmt::Display for Forged {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account => out.write_str("it belongs to no account of this connector"),
            Self::Signature => out.write_str("its signature does not hold"),
            Self::Old => out.write_str("it is too old, or of the future"),
            Self::Unreadable(why) => out.write_str(why),
        }
    }
}

/// What the expressions of a webhook may name.
struct Scope<'a> {
    headers: &'a Value,
    body: &'a Value,
    account: Option<&'a Value>,
}

impl Resolve for Scope<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        self.lend(name).cloned()
    }

    fn lend(&self, name: &str) -> Option<&Value> {
        match name {
            "headers" => Some(self.headers),
            "body" => Some(self.body),
            "account" => self.account,
            _ => None,
        }
    }
}

fn text(expr: &Expr, scope: &Scope<'_>) -> Option<String> {
    match expr.evaluate(scope) {
        Ok(Value::String(text)) if !text.is_empty() => Some(text.to_string()),
        _ => None,
    }
}

/// How far a provider's clock may be ahead of ours: five minutes.
const AHEAD: i64 = 300_000_000;

/// Whether a delivery is genuine, and whose it is.
///
/// # Errors
/// Why it is not.
pub fn verify(
    plan: &Plan,
    connector: &str,
    webhook: &Webhook,
    delivery: &Delivery<'_>,
    secrets: Secrets<'_>,
    now: i64,
) -> Result<Genuine, Forged> {
    let headers = headers_of(delivery);
    // Only looked at for whose it is; nothing else is done with it before the signature holds.
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(delivery.body);
    let body = parsed.as_ref().map_or(Value::Null, conform::untyped);
    let scope = Scope { headers: &headers, body: &body, account: None };
    let whose = match &webhook.account {
        Some(expr) => Some(text(expr, &scope).ok_or(Forged::Account)?),
        None => None,
    };
    let signature = proof::signature(delivery.header(&webhook.header).unwrap_or_default(), &webhook.encoding).ok_or(Forged::Signature)?;
    let mut known = false;
    for (name, account) in accounts(plan, connector) {
        if !whose.as_ref().is_none_or(|whose| is_of(&name, account, whose)) {
            continue;
        }
        known = true;
        for opened in opened(account, &webhook.secret, secrets) {
            let scope = Scope { account: Some(&opened), ..scope };
            let Some(secret) = text(&webhook.secret, &scope) else { continue };
            if proof::holds(&webhook.hmac, secret.as_bytes(), delivery.body, &signature) {
                parsed.as_ref().map_err(|error| {
                    // Only the place of the mistake is told: a delivery may hold personal data.
                    Forged::Unreadable(format!("it is not JSON (line {}, column {})", error.line(), error.column()))
                })?;
                in_time(webhook, &scope, now)?;
                let id = text(&webhook.id, &scope).ok_or_else(|| Forged::Unreadable("it has no id".to_owned()))?;
                return Ok(Genuine { account: name, id, headers: headers.clone(), body: body.clone() });
            }
        }
    }
    Err(if known { Forged::Signature } else { Forged::Account })
}

fn in_time(webhook: &Webhook, scope: &Scope<'_>, now: i64) -> Result<(), Forged> {
    let Some((at, max_age)) = &webhook.at else { return Ok(()) };
    let Ok(Value::Timestamp(at)) = at.evaluate(scope) else {
        return Err(Forged::Unreadable("it does not say when it was sent".to_owned()));
    };
    let oldest = max_age.map_or(i64::MIN, |max_age| now.saturating_sub(max_age));
    if at < oldest || at > now.saturating_add(AHEAD) { Err(Forged::Old) } else { Ok(()) }
}

fn headers_of(delivery: &Delivery<'_>) -> Value {
    let mut headers = Record::default();
    for (name, value) in delivery.headers {
        headers.set(&name.to_ascii_lowercase(), Value::string(value.as_str()));
    }
    Value::Record(std::sync::Arc::new(headers))
}

type Fields = [(String, AccountValue)];

/// The accounts of a connector, by full name.
fn accounts<'a>(plan: &'a Plan, connector: &'a str) -> impl Iterator<Item = (String, &'a Fields)> {
    let all = plan.project.accounts.iter().filter(move |(_, account)| account.connector == connector);
    all.map(|(name, account)| (name.clone(), account.fields.as_slice()))
}

/// Whether what a delivery says of whose it is means this account: its name, or one of its plain fields.
fn is_of(name: &str, fields: &Fields, whose: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    last == whose || fields.iter().any(|(_, value)| matches!(value, AccountValue::Plain(Value::String(text)) if **text == *whose))
}

/// An account with its secrets opened: once for each value of a secret that is being replaced. Only what the signature reads is opened.
fn opened(fields: &Fields, needed: &Expr, secrets: Secrets<'_>) -> Vec<Value> {
    let mut variants = vec![Record::default()];
    for (name, value) in fields {
        let values: Vec<Value> = match value {
            AccountValue::Plain(value) => vec![value.clone()],
            AccountValue::Secret(secret) if needed.source.contains(name.as_str()) => {
                secrets(secret).into_iter().map(|text| Value::string(text.as_str())).collect()
            }
            AccountValue::Secret(_) => continue,
        };
        variants = variants.iter().flat_map(|variant| values.iter().map(|value| with(variant, name, value))).collect();
    }
    variants.into_iter().map(|record| Value::Record(std::sync::Arc::new(record))).collect()
}

fn with(record: &Record, name: &str, value: &Value) -> Record {
    let mut record = record.clone();
    record.set(name, value.clone());
    record
}

/// The declared events that a delivery holds, each as the engine takes it, or why it cannot.
#[must_use]
pub fn events(plan: &Plan, connector: &str, genuine: &Genuine) -> Vec<Result<Arrival, Refusal>> {
    let scope = Scope { headers: &genuine.headers, body: &genuine.body, account: None };
    let mut found = Vec::new();
    for (name, event) in plan.events.iter().filter(|(_, event)| event.connector == connector) {
        // A condition that has no value does not hold: it is about another kind of delivery.
        if !matches!(event.when.evaluate(&scope), Ok(Value::Bool(true))) {
            continue;
        }
        let refused = |why: String| Refusal { name: name.as_str().into(), source: connector.into(), id: genuine.id.as_str().into(), why };
        let mut payload = Record::default();
        let mut failed = None;
        for (field, expr) in &event.payload {
            match expr.evaluate(&scope) {
                Ok(value) => payload.set(field, value),
                Err(error) => failed = failed.or(Some(format!("`{field}`: {}", error.0))),
            }
        }
        let payload = match failed {
            Some(why) => Err(why),
            None => typed_record(&event.record, &Value::Record(std::sync::Arc::new(payload)), &plan.types),
        };
        found.push(payload.map_err(refused).map(|payload| Arrival {
            name: name.as_str().into(),
            source: connector.into(),
            account: genuine.account.as_str().into(),
            id: genuine.id.as_str().into(),
            payload,
        }));
    }
    found
}
