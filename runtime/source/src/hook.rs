//! A git host tells of a push: `POST /source/push`. A genuine call has the source asked at once; nothing else of it is believed, as the
//! source itself says what is there.

use crate::access::OpenSecret;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use ring::hmac;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Notify;
use tradewind_lang::plan::PUSH_PATH;

/// Most bytes of a call; pushes of thousands of commits are larger, and are told by nobody but the interval.
const MOST_BYTES: usize = 4 << 20;

/// Headers with a signature of SHA-256 over the body, in hexadecimal digits.
const SIGNED: &[&str] = &["x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature", "x-gogs-signature"];
/// The header with the secret itself.
const TOKEN: &str = "x-gitlab-token";

/// What wakes whoever asks the source.
#[derive(Debug, Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// Rings; several rings before anybody hears are one.
    pub fn ring(&self) {
        self.0.notify_one();
    }

    /// Returns when it rings.
    pub async fn heard(&self) {
        self.0.notified().await;
    }
}

/// Whether a call proves to know one of the values of a secret: GitHub, Gitea, Forgejo and Gogs sign, GitLab shows it.
#[must_use]
pub fn genuine<'h>(header: impl Fn(&str) -> Option<&'h str>, body: &[u8], secrets: &[String]) -> bool {
    let known = secrets.iter().filter(|secret| !secret.is_empty());
    known.map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())).zip(secrets.iter().filter(|secret| !secret.is_empty())).any(
        |(key, secret)| {
            let signed = SIGNED.iter().filter_map(|name| hexadecimal(header(name)?)).any(|given| hmac::verify(&key, body, &given).is_ok());
            // Compared by digests under the secret itself: equal time, whatever the length.
            let shown = header(TOKEN)
                .is_some_and(|given| hmac::verify(&key, given.as_bytes(), hmac::sign(&key, secret.as_bytes()).as_ref()).is_ok());
            signed || shown
        },
    )
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let text = text.trim().trim_start_matches("sha256=");
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    Some(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

#[derive(Clone)]
struct Door {
    secret: String,
    secrets: OpenSecret,
    bell: Bell,
}

/// The route, for a secret by its name.
pub fn routes(secret: String, secrets: OpenSecret, bell: Bell) -> Router {
    let door = Door { secret, secrets, bell };
    Router::new().route(PUSH_PATH, post(pushed)).layer(DefaultBodyLimit::max(MOST_BYTES)).with_state(door)
}

async fn pushed(State(door): State<Door>, headers: HeaderMap, body: Bytes) -> Response {
    let values = (door.secrets)(&door.secret).unwrap_or_else(|why| {
        tracing::warn!("the secret `{}` cannot be read: {why}", door.secret);
        String::new()
    });
    let values: Vec<String> = values.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if !genuine(|name| headers.get(name).and_then(|value| value.to_str().ok()), &body, &values) {
        let error =
            json!({ "error": { "code": "signature", "message": "the caller does not prove that it knows the secret of this source" } });
        return (StatusCode::UNAUTHORIZED, axum::Json(error)).into_response();
    }
    door.bell.ring();
    (StatusCode::ACCEPTED, axum::Json(json!({ "asked": true }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_genuine(headers: &[(&str, &str)], body: &[u8]) -> bool {
        let secrets = ["new".to_owned(), "It's a Secret to Everybody".to_owned()];
        genuine(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value), body, &secrets)
    }

    #[test]
    fn calls_of_four_hosts_are_believed_where_they_know_the_secret() {
        // The example of GitHub's own documentation.
        let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let body = b"Hello, World!";
        assert!(is_genuine(&[("x-hub-signature-256", &format!("sha256={signature}"))], body));
        assert!(is_genuine(&[("x-gitea-signature", signature)], body));
        assert!(is_genuine(&[("x-forgejo-signature", signature)], body));
        assert!(is_genuine(&[("x-gitlab-token", "new")], body));
    }

    #[test]
    fn no_other_call_is() {
        let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(!is_genuine(&[("x-gitea-signature", signature)], b"Hello, World?"));
        assert!(!is_genuine(&[("x-gitea-signature", &signature[..62])], b"Hello, World!"));
        assert!(!is_genuine(&[("x-gitea-signature", "")], b""));
        assert!(!is_genuine(&[("x-gitlab-token", "")], b""));
        assert!(!is_genuine(&[("x-gitlab-token", "New")], b""));
        assert!(!is_genuine(&[("authorization", "Bearer new")], b""));
        assert!(!genuine(|_| Some(""), b"", &[String::new()]));
    }
}
