//! The HTTP side of `serve`: routes, who may ask, how much and for how long. It decides nothing and knows neither the engine nor the
//! store: whoever serves answers as the [`Office`]. More routes come through [`Server::with`].

mod guard;
mod problem;
mod routes;

use axum::Router;
use serde_json::Value as Json;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use problem::{Kind, Refusal};

/// An answer that is awaited.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Json, Refusal>> + Send + 'a>>;

/// What is asked of whoever serves.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// A run of a flow. Answered with `run`, `new`, `conflict`; or with `rejected`, why it is no input.
    Start {
        /// The flow.
        flow: String,
        /// The input.
        input: Json,
    },
    /// Runs, newest first.
    Runs {
        /// Only of this flow.
        flow: Option<String>,
        /// Only with this status.
        status: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// One run with its steps.
    Run {
        /// Its id, the beginning of one, or its key.
        id: String,
    },
    /// What waits for people.
    Approvals,
    /// To decide an item.
    Decide {
        /// The item.
        id: String,
        /// Who decides.
        by: String,
        /// What.
        verdict: Verdict,
    },
    /// How everything stands.
    Status,
}

/// What a person says.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Yes, with changed fields.
    Approve(Json),
    /// No, for this reason.
    Deny(String),
    /// The fields of an answer.
    Answer(Json),
}

/// Whoever answers.
pub trait Office: Send + Sync + 'static {
    /// Answers.
    fn ask(&self, wanted: Wanted) -> Answer<'_>;
}

/// How to serve.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where; port 0 takes any.
    pub listen: SocketAddr,
    /// What every caller must show, if anything.
    pub token: Option<String>,
}

/// Why nothing is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Others than this machine's users could reach it, and no token is asked of them.
    NoToken,
    /// The address cannot be taken: why.
    Address(String),
}

/// A server that is about to listen.
pub struct Server {
    options: Options,
    router: Router,
    open: Router,
}

impl Server {
    /// The routes of an office.
    #[must_use]
    pub fn new(options: Options, office: Arc<dyn Office>) -> Self {
        Self { options, router: routes::of(office), open: Router::new() }
    }

    /// More routes, behind the same guard.
    #[must_use]
    pub fn with(mut self, more: Router) -> Self {
        self.router = self.router.merge(more);
        self
    }

    /// Routes whose callers prove by themselves who they are, before the guard: providers know no token of ours.
    #[must_use]
    pub fn with_open(mut self, more: Router) -> Self {
        self.open = self.open.merge(more);
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// An address that cannot be taken, or that others can reach although no token is asked of them.
    pub async fn start(self) -> Result<Listening, Refused> {
        if self.options.token.is_none() && !self.options.listen.ip().is_loopback() {
            return Err(Refused::NoToken);
        }
        let refused = |error: std::io::Error| Refused::Address(error.to_string());
        let listener = TcpListener::bind(self.options.listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let router = guard::around(self.router, self.options.token.as_deref()).merge(self.open);
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let ending = async move {
                // Dropping the sender is the sign.
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(ending).await {
                tracing::warn!("the HTTP server ended: {error}");
            }
        });
        Ok(Listening { address, stop, task })
    }
}

/// A server that listens.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Takes nothing new, and returns when what was taken is answered.
    pub async fn end(self) {
        drop(self.stop);
        // It ended either way.
        let _ = self.task.await;
    }
}

#[cfg(test)]
mod tests;
