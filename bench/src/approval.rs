//! From a person's yes to the end of the run: a run is begun and waited for, and when it is parked, it is let go on.

use crate::caller::{Caller, Driven, body};
use crate::latency::Latencies;
use crate::machine::Stopwatch;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

/// How often we ask whether a run is parked.
const LOOK: Duration = Duration::from_millis(2);
/// How often at most.
const LOOKS: usize = 10_000;

/// Where a server is told what.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Begins a run; answered when the run has ended.
    pub begin: String,
    /// Says by what a parked run is let go on; ours lists what waits, a peer's has the key of the run behind it.
    pub parked: String,
    /// Lets it go on; the token comes in the place of `{token}`.
    pub release: String,
    /// What is sent to let it go on.
    pub yes: Json,
    /// Ours: what is parked is found in a list.
    pub lists: bool,
}

impl Desk {
    async fn token(&self, caller: &Caller, key: &str) -> Result<String, String> {
        for _ in 0..LOOKS {
            let found = if self.lists {
                let list: Json = serde_json::from_str(&caller.get(&self.parked).await?).map_err(|error| error.to_string())?;
                let items = list.get("approvals").and_then(Json::as_array).cloned().unwrap_or_default();
                items.into_iter().find_map(|item| Some(item.get("id")?.as_str()?.to_owned()))
            } else {
                caller.get(&format!("{}/{key}", self.parked)).await.ok().filter(|token| !token.is_empty())
            };
            if let Some(token) = found {
                return Ok(token);
            }
            tokio::time::sleep(LOOK).await;
        }
        Err(format!("the run {key} was never parked"))
    }
}

/// So many runs, one after the other: from the yes to the answer of whoever began the run.
///
/// # Errors
/// A request that was not answered with success.
pub async fn drive(caller: &Caller, desk: &Desk, numbers: std::ops::Range<usize>) -> Result<Driven, String> {
    let watch = Stopwatch::start();
    let mut latencies = Vec::with_capacity(numbers.len());
    for number in numbers {
        let (waiting, begin, input) = (caller.clone(), desk.begin.clone(), body(number));
        let began = tokio::spawn(async move {
            waiting.post(&begin, &input).await?;
            Ok::<_, String>(Instant::now())
        });
        let token = desk.token(caller, &crate::five_steps::key(number)).await?;
        let said = Instant::now();
        // A peer may say that it has heard, and no more.
        caller.post_begun(&desk.release.replace("{token}", &token), &desk.yes).await?;
        let ended = began.await.map_err(|error| error.to_string())??;
        latencies.push(ended.saturating_duration_since(said));
    }
    Ok(Driven { lap: watch.lap(), latencies: Latencies::of(latencies) })
}

/// Our desk at an address.
#[must_use]
pub fn ours(address: &str) -> Desk {
    Desk {
        begin: format!("http://{address}/parked"),
        parked: format!("http://{address}/v1/approvals"),
        release: format!("http://{address}/v1/approvals/{{token}}"),
        yes: json!({ "by": "lead@bench.example", "answer": { "fine": true } }),
        lists: true,
    }
}
