//! The addresses of providers and callers, as routes to be merged into a server's own. It decides nothing: the engine does.
//!
//! `POST /in/{connector}/{path}` takes deliveries of a connector's webhook; `POST /{path}` calls a trigger by `webhook` or `request`;
//! `GET /{path}/runs/{run}` tells whoever may call how a run ended that such a call began.

use super::cloud_event;
use super::{Caller, Delivery, Forged, events, knows, verify};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use tradewind_engine::engine::{Answer, Engine, ReceiveError, StartError};
use tradewind_engine::ports::Clock;
use tradewind_engine::summary::{RunStatus, RunSummary};
use tradewind_lang::conform;

/// Most bytes of a delivery.
const MOST_BYTES: usize = 1 << 20;

/// Opens a secret by name: every value that counts now; none where it cannot be read.
pub type OpenSecrets = Arc<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// What the routes work with.
#[derive(Clone)]
pub struct Inlets {
    /// Where events and calls go.
    pub engine: Engine,
    /// The clock by which the age of a delivery is judged.
    pub clock: Arc<dyn Clock>,
    /// A secret by name: every value that counts now.
    pub secrets: OpenSecrets,
}

impl std::fmt::Debug for Inlets {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Inlets").finish_non_exhaustive()
    }
}

/// The routes: to be merged into a router that has none of its own for these addresses.
pub fn routes(inlets: Inlets) -> Router {
    Router::new()
        .route("/in/{connector}/{*path}", post(deliver))
        .route("/{*path}", post(call).get(outcome).fallback(nowhere))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(inlets)
}

/// Only `POST` calls an address: for anything else there is none.
async fn nowhere() -> Response {
    problem(StatusCode::NOT_FOUND, "unknown", "there is no such address")
}

fn problem(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

fn texts(headers: &HeaderMap) -> Vec<(String, String)> {
    let named = headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
    named.collect()
}

fn is_path(declared: &str, called: &str) -> bool {
    declared.trim_matches('/') == called.trim_matches('/')
}

async fn deliver(
    State(inlets): State<Inlets>,
    Path((connector, path)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let headers = texts(&headers);
    let delivery = Delivery { headers: &headers, body: &body };
    let found = {
        let plan = &inlets.engine.active().plan;
        let hooks = plan.connectors.get(&connector).map(|connector| connector.terms.webhooks.as_slice()).unwrap_or_default();
        let Some(webhook) = hooks.iter().find(|webhook| is_path(&webhook.path, &path)) else {
            return problem(StatusCode::NOT_FOUND, "unknown", "there is no such address");
        };
        let verified = verify(plan, &connector, webhook, &delivery, &*inlets.secrets, inlets.clock.now());
        verified.map(|genuine| events(plan, &connector, &genuine))
    };
    let found = match found {
        Ok(found) => found,
        Err(forged) => {
            let status = if matches!(forged, Forged::Unreadable(_)) { StatusCode::BAD_REQUEST } else { StatusCode::UNAUTHORIZED };
            return problem(status, forged.code(), &forged.to_string());
        }
    };
    let (mut received, mut refused) = (Vec::new(), None);
    for event in found {
        let result = match event {
            Ok(arrival) => inlets.engine.receive(arrival).await,
            Err(refusal) => Err(inlets.engine.refuse(refusal).await),
        };
        match result {
            Ok(receipt) => received.push(json!({ "seq": receipt.seq, "known": receipt.was_known })),
            Err(ReceiveError::Payload(why)) => refused = refused.or(Some(why)),
            Err(error) => return not_received(&error),
        }
    }
    match refused {
        Some(why) => problem(StatusCode::UNPROCESSABLE_ENTITY, "payload", &why),
        None => Json(json!({ "events": received })).into_response(),
    }
}

fn not_received(error: &ReceiveError) -> Response {
    match error {
        ReceiveError::Busy(busy) => {
            let seconds = (busy.retry_after / 1_000_000).max(1).to_string();
            let response = problem(StatusCode::SERVICE_UNAVAILABLE, "busy", &error.to_string());
            ([(header::RETRY_AFTER, seconds)], response).into_response()
        }
        ReceiveError::Unknown(_) => problem(StatusCode::NOT_FOUND, "unknown", &error.to_string()),
        ReceiveError::Payload(why) => problem(StatusCode::UNPROCESSABLE_ENTITY, "payload", why),
        ReceiveError::Store(_) | ReceiveError::Stopped => problem(StatusCode::SERVICE_UNAVAILABLE, "stopped", "try again later"),
    }
}

async fn call(State(inlets): State<Inlets>, Path(path): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let Some(address) = inlets.engine.address(&path) else {
        return problem(StatusCode::NOT_FOUND, "unknown", "there is no such address");
    };
    let headers = texts(&headers);
    let delivery = Delivery { headers: &headers, body: &body };
    if let Some(refused) = unproven(&inlets, address.auth.as_deref(), delivery) {
        return refused;
    }
    let carried = match cloud_event::read(&delivery) {
        Ok(carried) => carried,
        Err(why) => return problem(StatusCode::BAD_REQUEST, "unreadable", &why),
    };
    match inlets.engine.call(&address, &conform::untyped(&carried.body), carried.id.as_deref(), "caller").await {
        Ok(Answer::Ended(run)) => ended(&run),
        Ok(Answer::GoesOn(run)) => goes_on(&path, &run),
        Ok(Answer::Conflict(run)) => {
            let message = format!("another input was started under the same key, by the run {run}");
            problem(StatusCode::CONFLICT, "conflict", &message)
        }
        Err(StartError::Input(why) | StartError::Key(why)) => problem(StatusCode::UNPROCESSABLE_ENTITY, "input", &why),
        Err(StartError::UnknownFlow(_)) => problem(StatusCode::NOT_FOUND, "unknown", "there is no such address"),
        Err(StartError::Store(_) | StartError::Stopped) => problem(StatusCode::SERVICE_UNAVAILABLE, "stopped", "try again later"),
    }
}

/// Where the caller may ask again, with what it called with.
fn goes_on(path: &str, run: &str) -> Response {
    let link = format!("/{}/runs/{run}", path.trim_matches('/'));
    (StatusCode::ACCEPTED, [(header::LOCATION, link)], Json(json!({ "run": run }))).into_response()
}

async fn outcome(State(inlets): State<Inlets>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some((called, run)) = path.rsplit_once("/runs/") else { return nowhere().await };
    let Some(address) = inlets.engine.address(called) else { return nowhere().await };
    let headers = texts(&headers);
    let delivery = Delivery { headers: &headers, body: &[] };
    if let Some(refused) = unproven(&inlets, address.auth.as_deref(), delivery) {
        return refused;
    }
    match inlets.engine.run(run).await {
        // A run of another flow is none of this caller's business.
        Ok(Some(found)) if found.summary.flow == address.flow => match found.summary.status {
            RunStatus::Completed | RunStatus::Failed | RunStatus::Cancelled => ended(&found.summary),
            _ => goes_on(called, run),
        },
        Ok(_) => problem(StatusCode::NOT_FOUND, "unknown", "there is no such run"),
        Err(_) => problem(StatusCode::SERVICE_UNAVAILABLE, "stopped", "try again later"),
    }
}

/// The refusal of a caller who does not prove to know the secret of an address.
fn unproven(inlets: &Inlets, secret: Option<&str>, delivery: Delivery<'_>) -> Option<Response> {
    let known = knows(&Caller { delivery, now: inlets.clock.now() }, &(inlets.secrets)(secret?));
    let message = "the caller does not prove that it knows the secret of this address";
    (!known).then(|| problem(StatusCode::UNAUTHORIZED, "signature", message))
}

fn ended(run: &RunSummary) -> Response {
    match (run.status, &run.failure) {
        (RunStatus::Completed, _) => Json::<Value>(conform::to_json(&run.output)).into_response(),
        (_, Some(failure)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &failure.code, &format!("run {}: {}", run.id, failure.message)),
        (_, None) => problem(StatusCode::CONFLICT, "cancelled", run.cancelled.as_deref().unwrap_or("the run was cancelled")),
    }
}
