//! One request to a provider and what comes back: with its key, to a public host, within its time and size. It decides nothing about
//! when to ask, how often, or whom.

use crate::assets::Assets;
use crate::egress::{self, GuardedResolver};
use crate::exchange::{failed, parse, shortened};
use crate::pictures::{self, Shown};
use crate::predict::{self, Asked};
use crate::stream::{self, Streamed};
use crate::{anthropic, drawing, openai, vectors};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tradewind_engine::egress::NotPublic;
use tradewind_engine::ports::Made;
use tradewind_engine::question::{Answer, Prompt, Silence};
use tradewind_lang::plan::{Model, Predict, Remote};

/// The longest answer that is read.
pub(crate) const LARGEST_ANSWER: usize = 1024 * 1024;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);
/// How long what keeps a model loaded may take.
const PING: Duration = Duration::from_secs(10);

/// Opens a secret by its name; none where it cannot be read.
pub type OpenSecret = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Connections to providers.
pub(crate) struct Wire {
    secrets: OpenSecret,
    /// Files that are shown and made; none where nothing keeps them.
    assets: Option<Assets>,
    /// With and without TLS.
    clients: Mutex<BTreeMap<bool, Client>>,
}

impl Wire {
    pub(crate) fn new(secrets: OpenSecret, assets: Option<Assets>) -> Self {
        Self { secrets, assets, clients: Mutex::default() }
    }

    /// What a model that predicts is asked.
    ///
    /// # Errors
    /// An image that is not sent.
    pub(crate) fn asked(&self, prompt: &Prompt) -> Result<Asked, Silence> {
        Ok(Asked::of(prompt, pictures::open(prompt, self.assets.as_ref())?.iter().map(Shown::url).collect()))
    }

    /// Asks a model that talks.
    pub(crate) async fn talk(&self, prompt: &Prompt, remote: &Remote, within: Duration) -> Answer {
        let provider = prompt.model.provider.as_str();
        let shown = match pictures::open(prompt, self.assets.as_ref()) {
            Ok(shown) => shown,
            Err(silence) => return Answer::Silent(silence),
        };
        let own = provider == "openai" && remote.base_url.is_none();
        let (path, body) = match provider {
            "openai" | "mistral" if prompt.draws => ("/images/generations", drawing::request(prompt, remote, own)),
            "anthropic" if !prompt.draws => ("/v1/messages", anthropic::request(prompt, remote, &shown)),
            "openai" | "mistral" => ("/chat/completions", openai::request(prompt, remote, own, &shown)),
            other => {
                let message = format!("`{other}` is not a provider that this version reaches");
                return Answer::Silent(Silence::free("request", message, false));
            }
        };
        let (request, secret) = match self.request(&prompt.model, remote, path) {
            Ok((url, client, secret)) => (signed(client.post(url), provider, secret.as_deref()).timeout(within).json(&body), secret),
            Err(silence) => return Answer::Silent(silence),
        };
        let body = match (prompt.draws, remote.stream) {
            (true, _) => exchanged(request, drawing::LARGEST_ANSWER).await,
            (false, true) => streamed(request, provider, within).await,
            (false, false) => exchanged(request, LARGEST_ANSWER).await,
        };
        let answer = match body {
            Ok(body) if prompt.draws => drawing::read(prompt, remote, &body, self.assets.as_ref()),
            Ok(body) if provider == "anthropic" => anthropic::read(&body),
            Ok(body) => openai::read(&body),
            Err(answer) => answer,
        };
        without(answer, secret.as_deref())
    }

    /// Asks a model that predicts about several texts in one request; an answer for each.
    pub(crate) async fn predict(
        &self,
        model: &Model,
        (remote, how): (&Remote, &Predict),
        asked: &[&Asked],
        within: Duration,
    ) -> Vec<Answer> {
        let all = |answer: Answer| asked.iter().map(|_| answer.clone()).collect::<Vec<_>>();
        let (path, body) = match predict::request(how, &remote.model, asked) {
            Ok(sent) => sent,
            Err(why) => return all(Answer::Silent(Silence::free("request", shortened(&why), false))),
        };
        let (request, secret) = match self.request(model, remote, &path) {
            Ok((url, client, secret)) => (signed(client.post(url), &model.provider, secret.as_deref()).timeout(within).json(&body), secret),
            Err(silence) => return all(Answer::Silent(silence)),
        };
        let answers = match exchanged(request, LARGEST_ANSWER).await {
            Ok(body) => predict::read(how, remote, asked, &body),
            Err(answer) => all(answer),
        };
        answers.into_iter().map(|answer| without(answer, secret.as_deref())).collect()
    }

    /// Asks a model for vectors.
    pub(crate) async fn vectors(&self, model: &Model, remote: &Remote, texts: &[Arc<str>], within: Duration) -> Result<Made, Silence> {
        if !["openai", "mistral"].contains(&model.provider.as_str()) {
            let message = format!("`{}` is not a provider of vectors that this version reaches", model.provider);
            return Err(Silence::free("request", message, false));
        }
        let (url, client, secret) = self.request(model, remote, vectors::PATH)?;
        let body = vectors::request(&remote.model, texts);
        let request = signed(client.post(url), &model.provider, secret.as_deref()).timeout(within).json(&body);
        match exchanged(request, vectors::LARGEST_ANSWER).await {
            Ok(body) => vectors::read(&body, texts.len()),
            Err(answer) => match without(answer, secret.as_deref()) {
                Answer::Silent(silence) => Err(silence),
                Answer::Said(_) => Err(Silence::doubtful("schema", "it said something else than vectors")),
            },
        }
    }

    /// Asks something that costs nothing, so that a model stays loaded.
    pub(crate) async fn ping(&self, model: &Model, remote: &Remote) {
        let own = match (&remote.predict, model.provider.as_str()) {
            (Some(_), _) => format!("/v2/models/{}/ready", remote.model),
            (None, "anthropic") => "/v1/models".to_owned(),
            (None, _) => "/models".to_owned(),
        };
        let path = remote.warm_path.as_deref().unwrap_or(&own);
        let became = match self.request(model, remote, path) {
            Ok((url, client, secret)) => {
                let sent = signed(client.get(url), &model.provider, secret.as_deref()).timeout(PING).send().await;
                sent.map_or_else(|error| lost(&error).code, |response| response.status().as_str().to_owned())
            }
            Err(silence) => silence.code,
        };
        tracing::debug!(model = model.name, became, "kept warm");
    }

    /// Where a request goes, through which client, and the secret that is to be in it.
    fn request(&self, model: &Model, remote: &Remote, path: &str) -> Result<(Url, Client, Option<String>), Silence> {
        let secret = match &remote.secret {
            None => None,
            Some(name) => {
                let opened = (self.secrets)(name).filter(|secret| !secret.is_empty());
                Some(opened.ok_or_else(|| Silence::free("secret", format!("the secret `{name}` cannot be read"), false))?)
            }
        };
        let own = match model.provider.as_str() {
            "anthropic" => "https://api.anthropic.com",
            "mistral" => "https://api.mistral.ai/v1",
            _ => "https://api.openai.com/v1",
        };
        let url = egress::url(remote.base_url.as_deref().unwrap_or(own), path).map_err(|why| Silence::free("egress", why, false))?;
        let client = self.client(url.scheme() == "https").map_err(|why| Silence::free("request", why, false))?;
        Ok((url, client, secret))
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

fn signed(request: RequestBuilder, provider: &str, secret: Option<&str>) -> RequestBuilder {
    match (provider, secret) {
        ("anthropic", None) => request.header("anthropic-version", anthropic::VERSION),
        ("anthropic", Some(secret)) => request.header("anthropic-version", anthropic::VERSION).header("x-api-key", secret),
        (_, None) => request,
        (_, Some(secret)) => request.bearer_auth(secret),
    }
}

/// A body of JSON with status 200, or what came instead.
async fn exchanged(request: RequestBuilder, most: usize) -> Result<Json, Answer> {
    let response = request.send().await.map_err(|error| Answer::Silent(lost(&error)))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes = body(response, most).await.map_err(Answer::Silent)?;
    if status == 200 { parse(&bytes) } else { Err(failed(status, &headers, &bytes)) }
}

/// The body that a stream of events comes to, or what came instead.
async fn streamed(request: RequestBuilder, provider: &str, within: Duration) -> Result<Json, Answer> {
    let mut response = request.send().await.map_err(|error| Answer::Silent(lost(&error)))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let is_stream = headers.get("content-type").and_then(|kind| kind.to_str().ok()).is_some_and(|kind| kind.contains("event-stream"));
    if status != 200 || !is_stream {
        // Some servers answer as a whole whatever is asked.
        let bytes = body(response, LARGEST_ANSWER).await.map_err(Answer::Silent)?;
        return if status == 200 { parse(&bytes) } else { Err(failed(status, &headers, &bytes)) };
    }
    let (mut streamed, mut read) = (Streamed::of(provider), 0_usize);
    let stall = stream::stall(within);
    loop {
        // What has begun goes on: a stream that says nothing whole for so long is dead, or as good as that.
        let chunk = match streamed.quiet_until(stall) {
            Some(until) => match tokio::time::timeout_at(until, response.chunk()).await {
                Ok(chunk) => chunk,
                Err(_) => return Err(Answer::Silent(stream::stalled())),
            },
            None => response.chunk().await,
        };
        match chunk {
            Ok(None) => return streamed.whole(),
            Ok(Some(chunk)) => {
                read += chunk.len();
                if read > LARGEST_ANSWER {
                    return Err(Answer::Silent(too_large(LARGEST_ANSWER)));
                }
                if let Some(done) = streamed.take(&chunk) {
                    return done;
                }
            }
            Err(error) => return Err(Answer::Silent(lost(&error))),
        }
    }
}

fn too_large(most: usize) -> Silence {
    Silence { retry: false, ..Silence::doubtful("schema", format!("the answer is larger than {most} bytes")) }
}

async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, Silence> {
    let mut bytes = Vec::new();
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(bytes),
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= most => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err(too_large(most)),
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
