//! The twin as a process of its own: records each request in its ledger, works it, records the outcome, and only then answers.
//!
//! It listens on this machine alone. Killed at any moment, it takes up where its ledger ends.

use super::hangup::{Hangup, HangupListener};
use super::ledger::{Ledger, Outcome};
use super::world::{TwinAnswer, TwinRequest, TwinWorld};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Json as JsonAnswer, Response};
use axum::routing::get;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;

/// How a twin is started.
#[derive(Debug, Clone)]
pub struct TwinOptions {
    /// A loopback address; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// Its ledger; created where it is missing.
    pub ledger: PathBuf,
    /// Orders, one JSON object a line; those that the ledger knows stay as they are.
    pub orders: Option<PathBuf>,
    /// Ends when its standard input ends: it never outlives the process that started it.
    pub exit_on_stdin_eof: bool,
    /// What goes wrong on purpose.
    pub faults: TwinFaults,
}

/// What goes wrong on purpose. Requests are counted over the life of the ledger. The same request goes wrong at most [`IN_A_ROW`]
/// times in a row, so that a caller who repeats it reaches what he would without faults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TwinFaults {
    /// Before each answer.
    pub latency: Option<Duration>,
    /// Every so many requests: worked and recorded, then the connection is dropped without an answer.
    pub drop_every: Option<u64>,
    /// Every so many requests: not worked, answered with 503.
    pub busy_every: Option<u64>,
}

/// How often in a row the same request goes wrong: fewer times than the shipped connectors repeat it.
pub const IN_A_ROW: u32 = 3;

#[derive(Debug)]
struct Book {
    ledger: Ledger,
    world: TwinWorld,
    /// How often in a row a request has gone wrong, since the twin was started; without those that went well last.
    unlucky: BTreeMap<String, u32>,
    /// Something was worked and could not be recorded: the world is not that of the ledger any more.
    broken: bool,
}

#[derive(Debug)]
struct Desk {
    book: Mutex<Book>,
    faults: TwinFaults,
}

/// A twin that listens and does not answer yet.
#[derive(Debug)]
pub struct Twin {
    listener: TcpListener,
    address: SocketAddr,
    desk: Arc<Desk>,
}

impl Twin {
    /// Opens the ledger, takes in the orders, and listens.
    ///
    /// # Errors
    /// An address that is not of this machine or is taken; a ledger that is damaged, held by another twin or cannot be
    /// written; orders that cannot be read.
    pub async fn bind(options: &TwinOptions) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a twin listens on this machine alone"));
        }
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", options.ledger.display()));
        let (mut ledger, mut world) = Ledger::open(&options.ledger).map_err(named)?;
        if let Some(orders) = &options.orders {
            ledger.seed(&mut world, orders)?;
        }
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let desk =
            Arc::new(Desk { book: Mutex::new(Book { ledger, world, unlucky: BTreeMap::new(), broken: false }), faults: options.faults });
        Ok(Self { listener, address, desk })
    }

    /// Such as `http://127.0.0.1:7411`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers until `stop` is done; then ends what it has begun.
    ///
    /// # Errors
    /// The listener fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let routes = Router::new().route("/health", get(async || JsonAnswer(json!({ "ok": true })))).fallback(answer).with_state(self.desk);
        let service = routes.into_make_service_with_connect_info::<Hangup>();
        axum::serve(HangupListener(self.listener), service).with_graceful_shutdown(stop).await
    }
}

/// Runs a twin: says `listening on http://ADDRESS` on standard output, and answers until it is stopped.
///
/// # Errors
/// Those of [`Twin::bind`] and [`Twin::serve`].
pub async fn serve_twin(options: TwinOptions) -> io::Result<()> {
    let twin = Twin::bind(&options).await?;
    let mut out = io::stdout();
    writeln!(out, "listening on {}", twin.url())?;
    out.flush()?;
    if options.exit_on_stdin_eof {
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        // A thread of its own: a read of standard input cannot be cancelled and would hold up the end of the runtime.
        std::thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            drop(ended);
        });
        return twin.serve(async { drop(end.await) }).await;
    }
    twin.serve(std::future::pending()).await
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    ConnectInfo(hangup): ConnectInfo<Hangup>,
    Query(query): Query<Vec<(String, String)>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body: Json = match body.as_ref() {
        [] => Json::Null,
        // What is no JSON is recorded as text; no route accepts a text.
        bytes => serde_json::from_slice(bytes).unwrap_or_else(|_| Json::String(String::from_utf8_lossy(bytes).into_owned())),
    };
    let key = headers.get("idempotency-key").map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
    let request = TwinRequest { method: method.to_string(), path: uri.path().to_owned(), query, key, body };
    let worked = desk.work(&request);
    if let Some(latency) = desk.faults.latency {
        tokio::time::sleep(latency).await;
    }
    match worked {
        Ok((_, true)) => {
            hangup.hang_up();
            StatusCode::OK.into_response()
        }
        Ok((answer, false)) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, JsonAnswer(answer.body)).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "the ledger cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, JsonAnswer(json!({ "message": "the ledger cannot be written" }))).into_response()
        }
    }
}

impl Desk {
    /// Records, works and records again; tells whether the answer is to be withheld.
    fn work(&self, request: &TwinRequest) -> io::Result<(TwinAnswer, bool)> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let Book { ledger, world, unlucky, broken } = &mut *book;
        if *broken {
            return Err(io::Error::other("the ledger could not be written before; start the twin again"));
        }
        let n = ledger.request(now(), request)?;
        let TwinRequest { method, path, query, key, body } = request;
        let name = format!("{method} {path} {query:?} {key:?} {body}");
        let so_far = unlucky.remove(&name).unwrap_or(0);
        let due = |every: Option<u64>| so_far < IN_A_ROW && every.is_some_and(|every| every > 0 && n.is_multiple_of(every));
        let (busy, dropped) = (due(self.faults.busy_every), due(self.faults.drop_every));
        if busy || dropped {
            unlucky.insert(name, so_far + 1);
        }
        if busy {
            ledger.outcome(Outcome::injected(n, 503))?;
            return Ok((TwinAnswer::error(503, "busy"), false));
        }
        let answer = world.handle(request);
        *broken = true;
        ledger.outcome(Outcome::of(n, &answer, dropped))?;
        *broken = false;
        Ok((answer, dropped))
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
