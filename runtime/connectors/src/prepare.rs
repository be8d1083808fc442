//! From a call to the request that will be sent: path, query, headers and body out of the operation's bindings.
//!
//! Pure. It knows no host and opens nothing; whatever cannot become a well-formed request is refused here, before a byte is sent.

use crate::account::Opened;
use crate::percent;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value as Json};
use tradewind_engine::ports::Call;
use tradewind_lang::conform;
use tradewind_lang::expr::{Expr, Resolve};
use tradewind_lang::plan::{Bindings, EffectKind};
use tradewind_lang::value::Value;

/// A request without its host.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prepared {
    pub(crate) method: reqwest::Method,
    /// Percent-encoded, with a leading `/`.
    pub(crate) path: String,
    /// Names and values, not yet encoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Json>,
    /// In whose name it is sent.
    pub(crate) account: Option<Opened>,
}

impl Prepared {
    /// The path with its query, encoded.
    pub(crate) fn target(&self) -> String {
        let pairs = self.query.iter().map(|(name, value)| format!("{}={}", percent::encode(name), percent::encode(value)));
        let query = pairs.collect::<Vec<_>>().join("&");
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }

    /// The value of a header, where it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known.as_str() == name)?;
        std::str::from_utf8(value.as_bytes()).ok()
    }
}

/// Whether the call may change something outside.
pub(crate) fn is_write(call: &Call) -> bool {
    call.operation.effect != EffectKind::Read
}

/// What the expressions of a request may name.
struct RequestScope<'a> {
    call: &'a Call,
    account: Option<&'a Opened>,
}

impl Resolve for RequestScope<'_> {
    fn resolve(&self, name: &str) -> Option<Value> {
        match name {
            "request" => Some(self.call.request.clone()),
            "effect" => Some(keyed(&self.call.key)),
            "account" => self.account.map(|account| account.value.clone()),
            _ => None,
        }
    }
}

/// An effect as expressions see it.
pub(crate) fn keyed(key: &str) -> Value {
    Value::record([("key", Value::string(key))])
}

/// Builds the request. The error is for people and holds no value of the request.
pub(crate) fn prepare(call: &Call, account: Option<Opened>) -> Result<Prepared, String> {
    let operation = &*call.operation;
    let scope = RequestScope { call, account: account.as_ref() };
    Ok(Prepared {
        method: method(&operation.method)?,
        path: path(call)?,
        query: query(&operation.query, &scope)?,
        headers: headers(call.connector.headers.iter().chain(&operation.headers), &scope)?,
        body: body(&operation.body, &scope)?,
        account,
    })
}

pub(crate) fn method(name: &str) -> Result<reqwest::Method, String> {
    Ok(match name {
        "GET" => reqwest::Method::GET,
        "POST" => reqwest::Method::POST,
        "PUT" => reqwest::Method::PUT,
        "PATCH" => reqwest::Method::PATCH,
        "DELETE" => reqwest::Method::DELETE,
        other => return Err(format!("`{other}` is not a method that can be sent")),
    })
}

/// Names and values of query parameters; what is absent is left out.
pub(crate) fn query(bindings: &Bindings, scope: &dyn Resolve) -> Result<Vec<(String, String)>, String> {
    let mut query = Vec::new();
    for (name, expression) in bindings {
        query.extend(plain(name, expression, scope)?.map(|text| (name.clone(), text)));
    }
    Ok(query)
}

/// Headers; a later one replaces an earlier one of its name, as an operation's own does the connector's.
pub(crate) fn headers<'a>(
    bindings: impl Iterator<Item = &'a (String, Expr)>,
    scope: &dyn Resolve,
) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let mut headers = Vec::new();
    for (name, expression) in bindings {
        let Some(text) = plain(name, expression, scope)? else { continue };
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` cannot be the name of a header"))?;
        let value =
            HeaderValue::from_str(&text).map_err(|_| format!("the value of header `{name}` holds a character that no header may hold"))?;
        headers.retain(|(known, _)| *known != header);
        headers.push((header, value));
    }
    Ok(headers)
}

/// Fills the holes of the path. A value may only ever be text inside one segment.
fn path(call: &Call) -> Result<String, String> {
    let mut path = String::new();
    let below = call.operation.path.strip_prefix('/').ok_or("the path does not begin with `/`")?;
    for segment in below.split('/') {
        let mut filled = String::new();
        let mut rest = segment;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, tail) = after.split_once('}').ok_or("the path has a `{` without its `}`")?;
            let value = call.request.get(name).and_then(text_of).ok_or_else(|| format!("the path needs `{name}`, which has no value"))?;
            if value.is_empty() {
                return Err(format!("the path needs `{name}`, which is empty"));
            }
            filled.push_str(before);
            filled.push_str(&percent::encode(&value));
            rest = tail;
        }
        filled.push_str(rest);
        if filled == "." || filled == ".." {
            return Err("a value of the request would change the path".to_owned());
        }
        path.push('/');
        path.push_str(&filled);
    }
    Ok(path)
}

/// The body: an object; none where nothing is bound.
pub(crate) fn body(bindings: &Bindings, scope: &dyn Resolve) -> Result<Option<Json>, String> {
    if bindings.is_empty() {
        return Ok(None);
    }
    let mut fields = Map::new();
    for (name, expression) in bindings {
        let value = evaluate(name, expression, scope)?;
        // An absent optional is left out: most providers read a null as a wish to clear the field.
        if value != Value::Null {
            fields.insert(name.clone(), conform::to_json(&value));
        }
    }
    Ok(Some(Json::Object(fields)))
}

/// The value of a header or query parameter as text; `None` where it is absent.
fn plain(name: &str, expression: &Expr, scope: &dyn Resolve) -> Result<Option<String>, String> {
    match evaluate(name, expression, scope)? {
        Value::Null => Ok(None),
        value => text_of(&value).map(Some).ok_or_else(|| format!("`{name}` is not a plain value")),
    }
}

fn evaluate(name: &str, expression: &Expr, scope: &dyn Resolve) -> Result<Value, String> {
    expression.evaluate(scope).map_err(|error| format!("`{name}` has no value: {}", error.0))
}

/// A single value as text; `None` for records, lists and nothing.
fn text_of(value: &Value) -> Option<String> {
    match conform::to_json(value) {
        Json::String(text) => Some(text),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
