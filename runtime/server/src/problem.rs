//! Refusals as RFC 9457 problems that carry our codes. It words none of them.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What a refusal is for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// There is no such thing.
    Missing,
    /// It contradicts what is so already.
    Conflict,
    /// It does not fit.
    Unfit,
    /// This caller, or this person, may not.
    Forbidden,
    /// Not now: the engine stopped or is ending.
    Unavailable,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it is for a caller.
    pub kind: Kind,
    /// A code with a page.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self.kind {
            Kind::Missing => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Unfit => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        };
        problem(status, Some(&self.code), &self.message, self.help.as_deref())
    }
}

/// A problem of HTTP itself, or of a code.
pub(crate) fn problem(status: StatusCode, code: Option<&str>, detail: &str, help: Option<&str>) -> Response {
    let title = status.canonical_reason().unwrap_or("refused");
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail, "code": code, "help": help });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
