//! Callers over HTTP: each sends a request, waits for its answer, and sends the next. The server is another process, ours or a peer's.

use crate::five_steps;
use crate::latency::Latencies;
use crate::machine::Stopwatch;
use serde_json::{Value as Json, json};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

pub use crate::closed_loop::Driven;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server's address, and what it wants to be shown.
#[derive(Debug, Clone)]
pub struct Caller {
    client: reqwest::Client,
    token: Option<String>,
}

impl Caller {
    /// Callers that share their connections.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(token: Option<&str>) -> Result<Self, String> {
        // Nothing here is encrypted, but no client is made without somebody who could. Whoever came first stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(PATIENCE).pool_max_idle_per_host(256).no_proxy().build();
        Ok(Self { client: client.map_err(|error| error.to_string())?, token: token.map(str::to_owned) })
    }

    /// Sends JSON; the answer's text.
    ///
    /// # Errors
    /// No answer, or one that says that it did not work.
    pub async fn post(&self, url: &str, body: &Json) -> Result<String, String> {
        let (status, text) = self.answer(url, self.client.post(url).json(body)).await?;
        if status == 202 { Err(format!("{url}: the run goes on: {text}")) } else { Ok(text) }
    }

    /// Sends JSON; what it begins may go on.
    ///
    /// # Errors
    /// No answer, or one that says that it did not work.
    pub async fn post_begun(&self, url: &str, body: &Json) -> Result<(), String> {
        self.answer(url, self.client.post(url).json(body)).await.map(drop)
    }

    /// Asks.
    ///
    /// # Errors
    /// No answer, or one that says that it did not work.
    pub async fn get(&self, url: &str) -> Result<String, String> {
        self.answer(url, self.client.get(url)).await.map(|(_, text)| text)
    }

    async fn answer(&self, url: &str, mut request: reqwest::RequestBuilder) -> Result<(u16, String), String> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|error| format!("{url}: {error:?}"))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| format!("{url}: {error:?}"))?;
        if status.is_success() { Ok((status.as_u16(), text)) } else { Err(format!("{url}: {status}: {text}")) }
    }
}

/// The body of a call: the same input as in the process.
#[must_use]
pub fn body(number: usize) -> Json {
    json!({ "id": five_steps::key(number), "text": five_steps::text(number) })
}

/// Drives the calls of a range of numbers with so many callers.
///
/// # Errors
/// A call that was not answered with success.
pub async fn drive(caller: &Caller, url: &str, callers: usize, numbers: Range<usize>) -> Result<Driven, String> {
    let next = Arc::new(AtomicUsize::new(numbers.start));
    let watch = Stopwatch::start();
    let mut all = JoinSet::new();
    for _ in 0..callers {
        let (caller, url, next) = (caller.clone(), url.to_owned(), next.clone());
        all.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= numbers.end {
                    return Ok::<_, String>(latencies);
                }
                let body = body(number);
                let began = Instant::now();
                caller.post(&url, &body).await?;
                latencies.push(began.elapsed());
            }
        });
    }
    let mut latencies = Vec::with_capacity(numbers.len());
    while let Some(called) = all.join_next().await {
        latencies.extend(called.map_err(|error| error.to_string())??);
    }
    Ok(Driven { lap: watch.lap(), latencies: Latencies::of(latencies) })
}
