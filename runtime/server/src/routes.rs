//! The routes: from a request to what is wanted, and from its answer to a response.

use crate::problem::problem;
use crate::{Office, Refusal, Verdict, Wanted};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json as Body, Router};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::sync::Arc;

type Served = State<Arc<dyn Office>>;

/// Runs in one answer where the caller names no number, and at most.
const RUNS: usize = 50;
const MOST_RUNS: usize = 1_000;

pub(crate) fn of(office: Arc<dyn Office>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "fine\n" }))
        .route("/v1/status", get(status))
        .route("/v1/flows/{flow}/runs", post(start))
        .route("/v1/runs", get(runs))
        .route("/v1/runs/{id}", get(run))
        .route("/v1/approvals", get(approvals))
        .route("/v1/approvals/{id}", post(decide))
        .fallback(|| async { problem(StatusCode::NOT_FOUND, None, "there is no such route", None) })
        .with_state(office)
}

fn answered(answer: Result<Json, Refusal>) -> Response {
    answer.map_or_else(IntoResponse::into_response, |answer| Body(answer).into_response())
}

fn unfit(detail: &str) -> Response {
    problem(StatusCode::UNPROCESSABLE_ENTITY, None, detail, None)
}

async fn status(State(office): Served) -> Response {
    answered(office.ask(Wanted::Status).await)
}

/// 202: begun. 200: known. 409: another input has its key. 422: no input of this flow.
async fn start(State(office): Served, Path(flow): Path<String>, body: Bytes) -> Response {
    let input = match serde_json::from_slice(&body) {
        Ok(input) => input,
        Err(error) => return unfit(&format!("the body is not JSON: {error}")),
    };
    let answer = match office.ask(Wanted::Start { flow, input }).await {
        Ok(answer) => answer,
        Err(refusal) => return refusal.into_response(),
    };
    if let Some(reason) = answer.get("rejected").and_then(Json::as_str) {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, Some("TW0507"), reason, None);
    }
    let is = |name: &str| answer.get(name).and_then(Json::as_bool) == Some(true);
    let run = answer.get("run").and_then(Json::as_str).unwrap_or_default().to_owned();
    if is("conflict") {
        let detail = format!("run {run} was started under this key with another input");
        return problem(StatusCode::CONFLICT, Some("TW0508"), &detail, None);
    }
    let code = if is("new") { StatusCode::ACCEPTED } else { StatusCode::OK };
    (code, [(header::LOCATION, format!("/v1/runs/{run}"))], Body(json!({ "version": 1, "run": run, "new": is("new") }))).into_response()
}

#[derive(Debug, Deserialize)]
struct Filter {
    flow: Option<String>,
    status: Option<String>,
    limit: Option<usize>,
}

async fn runs(State(office): Served, Query(filter): Query<Filter>) -> Response {
    let limit = filter.limit.unwrap_or(RUNS).min(MOST_RUNS);
    answered(office.ask(Wanted::Runs { flow: filter.flow, status: filter.status, limit }).await)
}

async fn run(State(office): Served, Path(id): Path<String>) -> Response {
    answered(office.ask(Wanted::Run { id }).await)
}

async fn approvals(State(office): Served) -> Response {
    answered(office.ask(Wanted::Approvals).await)
}

/// `{"by": …}` with one of `approve` (changed fields, or `true`), `deny` (a reason) and `answer` (fields).
async fn decide(State(office): Served, Path(id): Path<String>, body: Bytes) -> Response {
    let body: Json = match serde_json::from_slice(&body) {
        Ok(body) => body,
        Err(error) => return unfit(&format!("the body is not JSON: {error}")),
    };
    let Some(by) = body.get("by").and_then(Json::as_str).filter(|by| !by.is_empty()) else {
        return unfit("`by` says who decides: an address of a member of the team");
    };
    let verdict = match (body.get("approve"), body.get("deny"), body.get("answer")) {
        (Some(Json::Bool(true)), None, None) => Verdict::Approve(json!({})),
        (Some(edits @ Json::Object(_)), None, None) => Verdict::Approve(edits.clone()),
        (None, Some(Json::String(reason)), None) => Verdict::Deny(reason.clone()),
        (None, None, Some(fields @ Json::Object(_))) => Verdict::Answer(fields.clone()),
        _ => return unfit("one of `approve` (true, or changed fields), `deny` (a reason) and `answer` (fields) says what is decided"),
    };
    answered(office.ask(Wanted::Decide { id, by: by.to_owned(), verdict }).await)
}
