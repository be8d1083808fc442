//! Who may ask, how much and for how long, before any route is reached. `/healthz` is open to all and says nothing but that it is there.

use crate::problem::problem;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::net::IpAddr;
use std::time::Duration;

/// Longest body that is read.
const LONGEST_BODY: usize = 1 << 20;
/// Longest time from a request's head to its answer.
const LONGEST: Duration = Duration::from_secs(30);

/// The digest of the token that is asked for. Digests are compared in constant time, whatever the lengths.
#[derive(Debug, Clone, Copy)]
struct Guard(Option<blake3::Hash>);

pub(crate) fn around(router: Router, token: Option<&str>) -> Router {
    let guard = Guard(token.map(|token| blake3::hash(token.as_bytes())));
    router.layer(DefaultBodyLimit::max(LONGEST_BODY)).layer(from_fn_with_state(guard, look))
}

async fn look(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if request.uri().path() != "/healthz"
        && let Err(refused) = guard.admit(&request)
    {
        return *refused;
    }
    match tokio::time::timeout(LONGEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => problem(StatusCode::GATEWAY_TIMEOUT, None, "the answer took too long; what was begun goes on", None),
    }
}

impl Guard {
    fn admit(self, request: &Request) -> Result<(), Box<Response>> {
        let head = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        match self.0 {
            Some(wanted) => {
                let shown = head(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
                if blake3::hash(shown.as_bytes()) != wanted {
                    let mut response = problem(StatusCode::UNAUTHORIZED, None, "a bearer token is asked for", None);
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
                    return Err(Box::new(response));
                }
            }
            // Whoever sits at this machine may ask; a page in their browser, under a name that leads here, may not.
            None if !head(header::HOST).is_some_and(is_this_machine) => {
                return Err(Box::new(problem(
                    StatusCode::FORBIDDEN,
                    None,
                    "without a token only this machine's own names are served",
                    None,
                )));
            }
            None => {}
        }
        // A form of a page elsewhere cannot say this without asking first, and it is told no.
        let is_json = head(header::CONTENT_TYPE).is_some_and(|kind| kind.split(';').next() == Some("application/json"));
        if request.method() == Method::POST && !is_json {
            return Err(Box::new(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, None, "a body is application/json", None)));
        }
        Ok(())
    }
}

/// Whether a `Host` is a name that only this machine has for itself.
fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
