//! The desk as the office of the HTTP server: the same answers as on the socket, and what a refusal is for HTTP.

use crate::desk::{Decision, Desk, Problem, Request, Which};
use crate::exit::{Exit, Failure};
use serde_json::Value as Json;
use std::sync::Arc;
use tradewind_connectors::hook::routes::{Inlets, routes};
use tradewind_engine::clock::SystemClock;
use tradewind_lang::code::run;
use tradewind_server::{Answer, Kind, Listening, Office, Options, Refusal, Refused, Server, Verdict, Wanted};
use tradewind_source::{Bell, OpenSecret};

/// Names the token that callers must show.
pub(crate) const TOKEN: &str = "TRADEWIND_TOKEN";

impl Office for Desk {
    fn ask(&self, wanted: Wanted) -> Answer<'_> {
        Box::pin(async move {
            let answer = match wanted {
                Wanted::Start { flow, input } => return self.start_one(&flow, input).await.map_err(refusal),
                Wanted::Runs { flow, status, limit } => self.answer(Request::Runs { flow, status, limit }).await,
                Wanted::Run { id } => self.answer(Request::Run { id, open: false }).await,
                Wanted::Approvals => self.answer(Request::Approvals).await,
                Wanted::Decide { id, by, verdict } => {
                    let decision = match verdict {
                        Verdict::Approve(edits) => Decision::Approve { edits },
                        Verdict::Deny(reason) => Decision::Deny { reason },
                        Verdict::Answer(fields) => Decision::Fields(fields),
                    };
                    self.answer(Request::Answer { id, by, decision, which: Which::default() }).await
                }
                Wanted::Status => self.answer(Request::Status).await,
            };
            answer.map_err(refusal)
        })
    }
}

impl Desk {
    async fn start_one(&self, flow: &str, input: Json) -> Result<Json, Problem> {
        let answer = self.start(flow, &[input], "http").await?;
        Ok(answer.pointer("/starts/0").cloned().unwrap_or_default())
    }
}

fn refusal(problem: Problem) -> Refusal {
    let kind = match problem.code.as_str() {
        id if [run::UNKNOWN_RUN.id, run::UNKNOWN_APPROVAL.id, run::UNKNOWN_FLOW.id].contains(&id) => Kind::Missing,
        id if [run::RUN_ENDED.id, run::INPUT_CONFLICT.id].contains(&id) => Kind::Conflict,
        id if id == run::APPROVAL_REFUSED.id => Kind::Forbidden,
        id if [run::USAGE.id, run::BAD_INPUT.id, run::NOT_RUNNABLE.id, run::NOT_MANUAL.id].contains(&id) => Kind::Unfit,
        _ => Kind::Unavailable,
    };
    Refusal { kind, code: problem.code, message: problem.message, help: problem.help }
}

/// How a git host tells of a push.
pub(crate) struct Push {
    /// The secret by which it proves who it is.
    pub(crate) secret: String,
    /// Opens it.
    pub(crate) secrets: OpenSecret,
    /// What has the source asked.
    pub(crate) bell: Bell,
}

/// Serves HTTP; the token comes from the environment.
pub(crate) async fn listen(address: std::net::SocketAddr, desk: Desk, push: Option<Push>) -> Result<Listening, Failure> {
    let token = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
    let options = Options { listen: address, token };
    let inlets = Inlets { secrets: crate::secrets::opener(desk.engine.clone()), engine: desk.engine.clone(), clock: Arc::new(SystemClock) };
    let mut server = Server::new(options, Arc::new(desk)).with_open(routes(inlets));
    if let Some(Push { secret, secrets, bell }) = push {
        server = server.with_open(tradewind_source::routes(secret, secrets, bell));
    }
    server.start().await.map_err(|refused| match refused {
        Refused::NoToken => Failure::new(
            Exit::Usage,
            &run::NOT_LISTENING,
            format!("`{address}` can be reached by others, and nothing asks them who they are"),
        )
        .help(format!("put a token in {TOKEN}, or listen on 127.0.0.1")),
        Refused::Address(why) => Failure::new(Exit::Tool, &run::NOT_LISTENING, format!("`{address}` cannot be listened on: {why}"))
            .help("name another with --listen, or serve no HTTP with --no-http"),
    })
}
