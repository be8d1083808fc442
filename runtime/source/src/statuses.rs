//! Commit statuses at a git host, by the API that GitHub, Gitea and Forgejo share. One request each; it retries nothing, follows no
//! redirection, and reads a bounded answer.

use crate::access::OpenSecret;
use crate::commit::Commit;
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use tradewind_lang::literal::timestamp;
use tradewind_lang::plan::{Access, Source};

/// How long a request may take.
const TIME: Duration = Duration::from_secs(20);
/// The longest answer that is read.
const LARGEST: usize = 2 << 20;
/// The longest description that hosts take, in characters.
const LONGEST: usize = 140;

/// How a commit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being tried, or waits.
    Pending,
    /// It is at work.
    Success,
    /// It was not taken.
    Failure,
}

impl State {
    /// As hosts name it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
        }
    }
}

/// What is told of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The commit.
    pub commit: Commit,
    /// How it stands.
    pub state: State,
    /// Why, in a few words.
    pub description: String,
}

/// A status as a host lists it, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) state: String,
    pub(crate) description: String,
    /// Microseconds since 1970 UTC.
    pub(crate) at: i64,
}

/// Why a request came to nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    /// For people.
    pub(crate) why: String,
    /// Whether the same request may do later.
    pub(crate) may_do_later: bool,
}

/// The statuses of a repository.
#[derive(Clone)]
pub struct Statuses {
    client: Client,
    url: String,
    secret: String,
    secrets: OpenSecret,
}

#[derive(Deserialize)]
struct Row {
    #[serde(alias = "status")]
    state: Option<String>,
    context: Option<String>,
    description: Option<String>,
    created_at: Option<String>,
}

impl Statuses {
    /// Those of a source; none where it names no place for them.
    ///
    /// # Errors
    /// No client can be set up.
    pub fn of(source: &Source, secrets: OpenSecret) -> Result<Option<Self>, String> {
        let Some(status) = &source.status else { return Ok(None) };
        let own = match &source.access {
            Access::Token { secret, .. } => Some(secret),
            _ => None,
        };
        let Some(secret) = status.secret.as_ref().or(own).cloned() else { return Ok(None) };
        // Somebody else may have chosen a provider already; any does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder()
            .user_agent(concat!("tradewind/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(TIME);
        if status.url.starts_with("http://") {
            // Without TLS the certificates of the system are neither needed nor waited for.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| format!("no connection can be set up: {error}"))?;
        Ok(Some(Self { client, url: status.url.clone(), secret, secrets }))
    }

    async fn request(&self, method: Method, path: &str, body: Option<serde_json::Value>) -> Result<Vec<u8>, Failed> {
        let later = |why: String| Failed { why, may_do_later: true };
        let token = (self.secrets)(&self.secret).map_err(later)?;
        let token = token.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned();
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        request = request.bearer_auth(&token).header("accept", "application/json");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let hide = |text: String| if token.is_empty() { text } else { text.replace(&token, "***") };
        let mut response =
            request.send().await.map_err(|error| later(hide(format!("the host cannot be reached: {}", innermost(&error)))))?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| later(hide(format!("its answer broke off: {}", innermost(&error)))))?
        {
            if bytes.len() + chunk.len() > LARGEST {
                return Err(later(format!("its answer is larger than {LARGEST} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        let passing = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::FORBIDDEN);
        Err(Failed { why: format!("the host answered {status}"), may_do_later: passing })
    }

    /// Tells how a commit stands, under a name.
    pub(crate) async fn tell(&self, told: &Told, name: &str) -> Result<(), Failed> {
        let description: String =
            told.description.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(LONGEST).collect();
        let body = json!({ "state": told.state.as_str(), "context": name, "description": description });
        self.request(Method::POST, &format!("/statuses/{}", told.commit), Some(body)).await.map(drop)
    }

    /// What was told of a commit under a name, newest first.
    pub(crate) async fn listed(&self, commit: &Commit, name: &str) -> Result<Vec<Listed>, Failed> {
        let bytes = self.request(Method::GET, &format!("/commits/{commit}/statuses?per_page=100"), None).await?;
        let unreadable = |why: String| Failed { why: format!("its list of statuses cannot be read: {why}"), may_do_later: true };
        let rows: Vec<Row> = serde_json::from_slice(&bytes).map_err(|error| unreadable(error.to_string()))?;
        let mut listed = Vec::new();
        for row in rows.into_iter().filter(|row| row.context.as_deref() == Some(name)) {
            let at = row.created_at.ok_or_else(|| unreadable("a status without a time".to_owned()))?;
            let at = timestamp(&at).ok_or_else(|| unreadable(format!("`{at}` is no time")))?;
            let state = row.state.unwrap_or_default();
            listed.push(Listed { state, description: row.description.unwrap_or_default(), at });
        }
        // Hosts differ in their order.
        listed.sort_by_key(|status| std::cmp::Reverse(status.at));
        Ok(listed)
    }
}

/// The innermost reason: the outer ones name the whole address.
fn innermost(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}
