//! Connectors over HTTP: one attempt of one call, sent with bounded time and size to a declared, public host.
//!
//! It retries nothing, follows no redirection and decides nothing: what became of the call is told by `answer`.

use crate::account::{OpenSecret, Opened, opened};
use crate::answer::{Body, Exchange, Received, conclude, measured};
use crate::egress::{self, GuardedResolver};
use crate::manners::{Observe, Observed, ObservedTogether};
use crate::prepare::{Prepared, prepare};
use crate::redact::{redact, redact_together};
use crate::retry_after;
use crate::together::{conclude_together, prepare_together};
use reqwest::{Client, Response, Url};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tradewind_engine::egress::NotPublic;
use tradewind_engine::ports::{BoxFuture, Call, CallFailure, CallOutcome, Connectors};
use tradewind_lang::plan::{Connector, Micros};
use tradewind_lang::value::Record;

/// The longest answer that is read.
const LARGEST_ANSWER: usize = 1024 * 1024;
/// How long an unused connection is kept.
const IDLE: Duration = Duration::from_secs(15);

/// Every connector of a plan, over HTTP.
pub struct HttpConnectors {
    twin: Option<String>,
    /// Opens the secrets of accounts; nothing does for a twin.
    secrets: OpenSecret,
    /// One client for each connect time-out, as reqwest sets it for a client and not for a request; with or without TLS.
    clients: Mutex<BTreeMap<(Micros, bool), Client>>,
}

impl std::fmt::Debug for HttpConnectors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("HttpConnectors").field("twin", &self.twin).finish_non_exhaustive()
    }
}

impl HttpConnectors {
    /// Connectors; each answer has the types of its call. With `twin`, such as `http://127.0.0.1:7411`, every connector's
    /// base URL is `TWIN/NAME OF THE CONNECTOR` instead of its own.
    ///
    /// # Errors
    /// A twin that is not on this machine; the text is for people.
    pub fn new(twin: Option<&str>) -> Result<Self, String> {
        if let Some(twin) = twin {
            let url = egress::base_url(twin, &[])?;
            if !egress::is_loopback(&url) {
                return Err(format!("the twin `{twin}` is not on this machine"));
            }
        }
        // Somebody else may have chosen a provider already; any does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let twin = twin.map(|twin| twin.trim_end_matches('/').to_owned());
        Ok(Self { twin, secrets: Arc::new(|_| None), clients: Mutex::default() })
    }

    /// The same, with a way to open the secrets of accounts.
    #[must_use]
    pub fn with_secrets(mut self, secrets: OpenSecret) -> Self {
        self.secrets = secrets;
        self
    }

    /// The account of a call. A twin gets no secret of anybody.
    fn opened(&self, call: &Call) -> Result<Option<Opened>, CallOutcome> {
        opened(call, self.twin.is_none().then_some(&self.secrets)).map_err(|message| refused("account", message))
    }

    async fn observed(&self, call: &Call) -> Observed {
        let prepared = match self.opened(call) {
            Ok(account) => prepare(call, account).map_err(|message| refused("request", message)),
            Err(refused) => Err(refused),
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => return refused.into(),
        };
        let exchange = self.exchanged(call, &prepared).await;
        let (used, left) = measured(call, &exchange);
        Observed { outcome: redact(call, &prepared, conclude(call, &call.types, exchange)), used, left }
    }

    async fn observed_together(&self, calls: &[Call]) -> ObservedTogether {
        let all = |outcome: CallOutcome| ObservedTogether { outcomes: vec![outcome.clone(); calls.len()], whole: outcome.into() };
        let Some((first, batch)) = calls.first().and_then(|first| Some((first, first.operation.terms.batch.as_ref()?))) else {
            return all(refused("request", "the operation is not sent in batches".to_owned()));
        };
        let account = match self.opened(first) {
            Ok(account) => account,
            Err(refused) => return all(refused),
        };
        let prepared = match prepare_together(calls, batch, account) {
            Ok(prepared) => prepared,
            Err(message) => return all(refused("request", message)),
        };
        let exchange = self.exchanged(first, &prepared).await;
        let (used, left) = measured(first, &exchange);
        let (whole, outcomes) = conclude_together(calls, batch, exchange);
        ObservedTogether { whole: Observed { outcome: whole, used, left }, outcomes: redact_together(calls, &prepared, outcomes) }
    }

    /// Sends a request once; `call` says to whom, and how long.
    async fn exchanged(&self, call: &Call, prepared: &Prepared) -> Exchange {
        let url = match self.url(&call.connector, prepared) {
            Ok(url) => url,
            Err(message) => return Exchange::NotSent { code: "egress", message, retry: false },
        };
        match self.client(call.connector.connect_timeout, &url) {
            Ok(client) => exchange(&client, call, prepared, url).await,
            Err(message) => Exchange::NotSent { code: "request", message, retry: false },
        }
    }

    /// The whole URL: the base URL with the request's path below it, and nothing that the joining could have changed.
    fn url(&self, connector: &Connector, prepared: &Prepared) -> Result<Url, String> {
        let base = match (&self.twin, &connector.terms.base_url) {
            (Some(twin), _) => egress::base_url(&format!("{twin}/{}", connector.name), &[])?,
            (None, Some(address)) => {
                let account = prepared.account.iter().map(|account| ("account".into(), account.value.clone()));
                egress::base_url(&address.render(&Record(account.collect()))?, &connector.hosts)?
            }
            (None, None) => egress::base_url(&connector.base_url, &connector.hosts)?,
        };
        let text = format!("{}{}", base.as_str().trim_end_matches('/'), prepared.target());
        let url = Url::parse(&text).map_err(|error| format!("the URL cannot be read: {error}"))?;
        if url.as_str() != text || url.host_str() != base.host_str() || url.port() != base.port() {
            return Err("the path of the operation would lead elsewhere than it says".to_owned());
        }
        Ok(url)
    }

    fn client(&self, connect_timeout: Micros, url: &Url) -> Result<Client, String> {
        let secure = url.scheme() == "https";
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(connect_timeout, secure)) {
            return Ok(client.clone());
        }
        let mut builder = Client::builder()
            .user_agent(concat!("tradewind/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .dns_resolver(GuardedResolver)
            .connect_timeout(duration(connect_timeout))
            .pool_idle_timeout(IDLE);
        if !secure {
            // Without TLS the certificates of the system are neither needed nor waited for.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| format!("no connection can be set up: {}", chain(&error)))?;
        clients.insert((connect_timeout, secure), client.clone());
        Ok(client)
    }
}

impl Connectors for HttpConnectors {
    fn call(&self, call: Call) -> BoxFuture<'_, CallOutcome> {
        Box::pin(async move { self.attempt(call).await.outcome })
    }

    fn call_together(&self, calls: Vec<Call>) -> BoxFuture<'_, Vec<CallOutcome>> {
        Box::pin(async move { self.attempt_together(calls).await.outcomes })
    }
}

impl Observe for HttpConnectors {
    fn attempt(&self, call: Call) -> BoxFuture<'_, Observed> {
        Box::pin(async move {
            let observed = self.observed(&call).await;
            tracing::debug!(operation = call.operation.name, became = became(&observed.outcome), "call");
            observed
        })
    }

    fn attempt_together(&self, calls: Vec<Call>) -> BoxFuture<'_, ObservedTogether> {
        Box::pin(async move {
            let observed = self.observed_together(&calls).await;
            let operation = calls.first().map_or("", |call| call.operation.name.as_str());
            tracing::debug!(operation, count = calls.len(), became = became(&observed.whole.outcome), "batch");
            observed
        })
    }
}

/// An outcome in a word.
fn became(outcome: &CallOutcome) -> &str {
    match outcome {
        CallOutcome::Answered(_) => "answered",
        CallOutcome::Failed(failure) => &failure.code,
        CallOutcome::Unknown(_) => "unknown",
    }
}

async fn exchange(client: &Client, call: &Call, prepared: &Prepared, url: Url) -> Exchange {
    let mut request = client.request(prepared.method.clone(), url).timeout(duration(call.connector.total_timeout));
    if let Some(body) = &prepared.body {
        request = request.json(body);
    }
    for (name, value) in &prepared.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(response) => Exchange::Received(receive(response, call.connector.terms.rate_limit.is_some()).await),
        Err(error) => lost(&call.connector.name, &error),
    }
}

/// What an error says of whether anything was sent.
fn lost(connector: &str, error: &reqwest::Error) -> Exchange {
    if let Some(guard) = sources(error).find_map(|source| source.downcast_ref::<NotPublic>()) {
        return Exchange::NotSent { code: "egress", message: guard.to_string(), retry: false };
    }
    if error.is_builder() {
        return Exchange::NotSent { code: "request", message: format!("the request cannot be built: {}", chain(error)), retry: false };
    }
    if error.is_connect() {
        return Exchange::NotSent { code: "connect", message: format!("cannot connect to {connector}: {}", chain(error)), retry: true };
    }
    if error.is_timeout() {
        return Exchange::Doubt { code: "time-out", message: format!("{connector} did not answer in time") };
    }
    Exchange::Doubt { code: "connection", message: format!("the connection to {connector} broke: {}", chain(error)) }
}

async fn receive(mut response: Response, with_headers: bool) -> Received {
    let status = response.status().as_u16();
    let retry_after = retry_after::read(response.headers());
    let text = |value: &reqwest::header::HeaderValue| value.to_str().ok().map(str::to_owned);
    let headers = response.headers().iter().filter(|_| with_headers);
    let headers = headers.filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect();
    let mut bytes = Vec::new();
    let body = loop {
        match response.chunk().await {
            Ok(None) => break Body::parse(&bytes),
            Ok(Some(chunk)) if bytes.len() + chunk.len() <= LARGEST_ANSWER => bytes.extend_from_slice(&chunk),
            Ok(Some(_)) => break unreadable("schema", format!("the answer is larger than {LARGEST_ANSWER} bytes"), false),
            Err(error) if error.is_timeout() => break unreadable("time-out", "the answer did not end in time".to_owned(), true),
            Err(error) => break unreadable("connection", format!("the connection broke within the answer: {}", chain(&error)), true),
        }
    };
    Received { status, retry_after, headers, body }
}

fn unreadable(code: &'static str, message: String, retry: bool) -> Body {
    Body::Unreadable { code, message, retry }
}

fn refused(code: &str, message: String) -> CallOutcome {
    CallOutcome::Failed(CallFailure { code: code.to_owned(), message, retry: false, retry_after: None })
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |outer| (*outer).source())
}

/// The innermost reason. The outer ones of reqwest name the URL, and a query may hold personal data.
fn chain(error: &(dyn Error + 'static)) -> String {
    sources(error).last().map(ToString::to_string).unwrap_or_default()
}

fn duration(micros: Micros) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
