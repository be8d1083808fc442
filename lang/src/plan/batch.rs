//! `batch` of an operation in the plan: how several calls go out as one request, and how its answer is told apart again.

use super::{Bindings, Graphql, Micros};
use crate::expr::Expr;
use serde::{Deserialize, Serialize};

/// How several calls go out as one. Scope of what is sent: `calls` (each with `request` and `effect.key`), `requests`, `group`,
/// `account`, and `effect.key`, which is made of the keys of all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// At most so many.
    pub max: u32,
    /// The first waits so long.
    pub wait: Micros,
    /// Only calls of equal value go together; scope: `request`.
    pub group: Option<Expr>,
    /// As a query.
    pub graphql: Option<Graphql>,
    /// As a call.
    pub http: Option<BatchHttp>,
    /// Which of them failed.
    pub failed: Option<BatchFailed>,
    /// Where the response of each stands; none where the operation has no response.
    #[serde(default)]
    pub answered: Option<BatchAnswered>,
}

/// The request of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchHttp {
    /// Upper-case method.
    pub method: String,
    /// Below the connector's base URL; without holes, as it is one for all.
    pub path: String,
    /// The fields of its body.
    pub body: Bindings,
    /// Query parameters.
    #[serde(default)]
    pub query: Bindings,
    /// Headers, beside those of the connector.
    #[serde(default)]
    pub headers: Bindings,
}

/// Which calls of a batch failed. Scope of everything but the list: the item, `status`, `headers`, `body`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchFailed {
    /// The list of failures; scope: `status`, `headers`, `body`.
    pub list: Expr,
    /// Name of one of them.
    pub item: String,
    /// The place of its call among those that were sent, from 0.
    pub index: Expr,
    /// Its code; `refused` where there is none.
    pub code: Option<Expr>,
    /// For people.
    pub message: Option<Expr>,
    /// Whether another attempt may help.
    #[serde(default)]
    pub retry: Option<Expr>,
}

/// Where the response of each call of a batch stands. Scope of everything but the list: the item, `status`, `headers`, `body`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchAnswered {
    /// The list of answers; scope: `status`, `headers`, `body`.
    pub list: Expr,
    /// Name of one of them.
    pub item: String,
    /// The place of its call among those that were sent, from 0; its own place in the list where absent.
    pub index: Option<Expr>,
    /// The response in it; the whole of it where absent.
    pub at: Option<Expr>,
}
