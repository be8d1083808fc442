//! Models behind a network: one call of one model, with bounded time and size, to a public host. It retries and judges nothing; it sends
//! a second call where a route hedges, and leaves a model alone where a route's breaker says so.

use crate::breaker::Breakers;
use crate::egress::{self, GuardedResolver};
use crate::exchange::{failed, parse, shortened};
use crate::{anthropic, openai};
use reqwest::{Client, RequestBuilder, Response};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tradewind_engine::egress::NotPublic;
use tradewind_engine::question::{Answer, Prompt, Silence};
use tradewind_lang::plan::Remote;

/// The longest answer that is read.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);
/// How many calls are remembered for a hedge, and how many there must be.
const REMEMBERED: usize = 200;
const ENOUGH: usize = 20;

/// Opens a secret by its name; none where it cannot be read.
pub type OpenSecret = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Models behind a network.
pub struct RemoteModels {
    secrets: OpenSecret,
    /// With and without TLS.
    clients: Mutex<BTreeMap<bool, Client>>,
    breakers: Breakers,
    /// How long the last calls of each model took.
    times: Mutex<BTreeMap<String, VecDeque<Duration>>>,
}

impl std::fmt::Debug for RemoteModels {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RemoteModels").finish_non_exhaustive()
    }
}

impl RemoteModels {
    /// Models whose keys are opened when they are needed, and kept nowhere.
    #[must_use]
    pub fn new(secrets: OpenSecret) -> Self {
        // Somebody else may have chosen a provider already; any does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { secrets, clients: Mutex::default(), breakers: Breakers::default(), times: Mutex::default() }
    }

    /// Asks once.
    pub async fn say(&self, prompt: &Prompt) -> Answer {
        let (route, model) = (&*prompt.question.route, prompt.model.name.as_str());
        let leave = match self.breakers.leave(route, model, prompt.breaker.as_ref()) {
            Ok(leave) => leave,
            Err(left) => {
                let message = format!("it is left alone for {} s, as it failed too often", left.as_secs());
                return Answer::Silent(Silence::free("breaker", message, false));
            }
        };
        let answer = self.hedged(prompt).await;
        let is_well = match &answer {
            Answer::Said(_) => true,
            // What it refuses, or cannot take, says nothing of whether it is well.
            Answer::Silent(silence) => !silence.retry && !matches!(silence.code.as_str(), "time-out" | "connection" | "connect"),
        };
        leave.done(is_well);
        answer
    }

    async fn hedged(&self, prompt: &Prompt) -> Answer {
        let Some(usual) = prompt.hedge.and_then(|share| self.usual(&prompt.model.name, share)) else { return self.once(prompt).await };
        let mut first = Box::pin(self.once(prompt));
        tokio::select! {
            answer = &mut first => return answer,
            () = tokio::time::sleep(usual) => {}
        }
        let mut second = Box::pin(self.once(prompt));
        let (answer, other) = tokio::select! {
            answer = &mut first => (answer, second),
            answer = &mut second => (answer, first),
        };
        let answer = if let Answer::Silent(_) = answer { other.await } else { answer };
        match answer {
            Answer::Said(mut reply) => {
                reply.hedged = true;
                Answer::Said(reply)
            }
            Answer::Silent(silence) => Answer::Silent(Silence { doubt: true, usage: None, ..silence }),
        }
    }

    /// The time that a share of the last calls kept.
    fn usual(&self, model: &str, share: f64) -> Option<Duration> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<Duration> = times.get(model).filter(|times| times.len() >= ENOUGH)?.iter().copied().collect();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few hundred, from 0 to 1")]
        let place = (sorted.len() as f64 * share.clamp(0.0, 1.0)) as usize;
        sorted.get(place.min(sorted.len() - 1)).copied()
    }

    async fn once(&self, prompt: &Prompt) -> Answer {
        let Some(remote) = &prompt.model.remote else {
            return Answer::Silent(Silence::free("request", format!("`{}` is behind no network", prompt.model.name), false));
        };
        let begun = Instant::now();
        let mut answer = match self.request(prompt, remote) {
            Ok((request, secret)) => without(exchange(request, &prompt.model.provider).await, secret.as_deref()),
            Err(silence) => Answer::Silent(silence),
        };
        let took = begun.elapsed();
        if let Answer::Said(reply) = &mut answer {
            reply.took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            let times = times.entry(prompt.model.name.clone()).or_default();
            times.push_back(took);
            if times.len() > REMEMBERED {
                times.pop_front();
            }
        }
        let became = if let Answer::Silent(silence) = &answer { silence.code.as_str() } else { "answered" };
        tracing::debug!(model = prompt.model.name, became, "question");
        answer
    }

    /// The request, and the secret in it.
    fn request(&self, prompt: &Prompt, remote: &Remote) -> Result<(RequestBuilder, Option<String>), Silence> {
        let secret = match &remote.secret {
            None => None,
            Some(name) => {
                let opened = (self.secrets)(name).filter(|secret| !secret.is_empty());
                Some(opened.ok_or_else(|| Silence::free("secret", format!("the secret `{name}` cannot be read"), false))?)
            }
        };
        let (own, path, body) = match prompt.model.provider.as_str() {
            "anthropic" => ("https://api.anthropic.com", "/v1/messages", anthropic::request(prompt, remote)),
            "mistral" => ("https://api.mistral.ai/v1", "/chat/completions", openai::request(prompt, remote, false)),
            "openai" => {
                let own = remote.base_url.is_none();
                ("https://api.openai.com/v1", "/chat/completions", openai::request(prompt, remote, own))
            }
            other => return Err(Silence::free("request", format!("`{other}` is not a provider that this version reaches"), false)),
        };
        let url = egress::url(remote.base_url.as_deref().unwrap_or(own), path).map_err(|why| Silence::free("egress", why, false))?;
        let client = self.client(url.scheme() == "https").map_err(|why| Silence::free("request", why, false))?;
        let within = Duration::from_micros(u64::try_from(prompt.within).unwrap_or_default());
        let mut request = client.post(url).timeout(within).json(&body);
        if prompt.model.provider == "anthropic" {
            request = request.header("anthropic-version", anthropic::VERSION);
            if let Some(secret) = &secret {
                request = request.header("x-api-key", secret);
            }
        } else if let Some(secret) = &secret {
            request = request.bearer_auth(secret);
        }
        Ok((request, secret))
    }

    fn client(&self, secure: bool) -> Result<Client, String> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&secure) {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("tradewind/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .dns_resolver(GuardedResolver)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE);
        if !secure {
            // Without TLS the certificates of the system are neither needed nor waited for.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| format!("no connection can be set up: {}", innermost(&error)))?;
        clients.insert(secure, client.clone());
        Ok(client)
    }
}

async fn exchange(request: RequestBuilder, provider: &str) -> Answer {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Answer::Silent(lost(&error)),
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = match body(response).await {
        Ok(bytes) => bytes,
        Err(silence) => return Answer::Silent(silence),
    };
    if status != 200 {
        return failed(status, &headers, &bytes);
    }
    match parse(&bytes) {
        Ok(body) if provider == "anthropic" => anthropic::read(&body),
        Ok(body) => openai::read(&body),
        Err(answer) => answer,
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, Silence> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(bytes),
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= LARGEST_ANSWER => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                let message = format!("the answer is larger than {LARGEST_ANSWER} bytes");
                return Err(Silence { retry: false, ..Silence::doubtful("schema", message) });
            }
            Err(error) => return Err(lost(&error)),
        }
    }
}

/// What an error says of whether the provider worked.
fn lost(error: &reqwest::Error) -> Silence {
    if let Some(guard) = sources(error).find_map(|source| source.downcast_ref::<NotPublic>()) {
        return Silence::free("egress", guard.to_string(), false);
    }
    if error.is_builder() {
        return Silence::free("request", format!("the request cannot be built: {}", innermost(error)), false);
    }
    if error.is_connect() {
        return Silence::free("connect", format!("the provider cannot be reached: {}", innermost(error)), true);
    }
    if error.is_timeout() {
        return Silence { retry: false, ..Silence::doubtful("time-out", "it gave no answer in time") };
    }
    Silence::doubtful("connection", format!("the connection broke: {}", innermost(error)))
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |outer| (*outer).source())
}

/// The innermost reason: the outer ones name the URL.
fn innermost(error: &(dyn Error + 'static)) -> String {
    sources(error).last().map(|error| shortened(&error.to_string())).unwrap_or_default()
}

/// A provider may echo what it was sent: its key is in no message.
fn without(answer: Answer, secret: Option<&str>) -> Answer {
    match (answer, secret) {
        (Answer::Silent(mut silence), Some(secret)) => {
            silence.message = silence.message.replace(secret, tradewind_lang::conceal::SECRET);
            Answer::Silent(silence)
        }
        (answer, _) => answer,
    }
}
