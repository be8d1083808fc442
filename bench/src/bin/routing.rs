//! What a routed question costs beside the model: in process, and through a minimal OpenAI-compatible endpoint; and what callers see of
//! a primary that hangs or fails. The parts are processes of their own (`backend`, `endpoint`, `drive`), so that a gateway of somebody
//! else can stand in the place of ours: `bench/peers/gateways.sh` does that.

use clap::{Parser, Subcommand, ValueEnum};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tradewind_bench::http::{Connection, serve};
use tradewind_bench::latency::Latencies;
use tradewind_bench::machine::{self, Lap, Stopwatch};
use tradewind_bench::routed::{ANSWER, AtOnce, OverHttp, Places, QUESTION, Routed};
use tradewind_bench::table::{Table, thousands};
use tradewind_engine::ports::Models;

/// Questions that go through a route.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Health {
    Well,
    Fails,
    Hangs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A provider that answers at once, with 500, or never; it counts what it was asked at its end (SIGINT).
    Backend {
        #[arg(long)]
        port: u16,
        #[arg(long, value_enum, default_value_t = Health::Well)]
        health: Health,
    },
    /// The engine behind `/v1/chat/completions`, with a primary (500 ms) and a fallback.
    Endpoint {
        #[arg(long)]
        port: u16,
        /// Base URL of the primary.
        #[arg(long)]
        primary: String,
        #[arg(long)]
        fallback: String,
        /// Leave a primary alone that failed three times in ten seconds.
        #[arg(long)]
        breaker: bool,
    },
    /// Callers of a chat endpoint: each sends a question, waits, and sends the next.
    Drive {
        /// `127.0.0.1:4000`.
        #[arg(long)]
        address: String,
        #[arg(long, default_value = "/v1/chat/completions")]
        path: String,
        /// The model that is asked for.
        #[arg(long, default_value = "answer")]
        model: String,
        /// Headers, such as `x-api-key: none`.
        #[arg(long)]
        header: Vec<String>,
        #[arg(long, default_value_t = 1)]
        callers: usize,
        #[arg(long, default_value_t = 1_000)]
        questions: usize,
        /// Before that, without being measured.
        #[arg(long, default_value_t = 200)]
        warm: usize,
        /// What the row is called.
        #[arg(long)]
        name: String,
    },
    /// In one process: with models that answer at once, and over HTTP beside the bare call.
    Inside {
        #[arg(long, default_value_t = 20_000)]
        questions: usize,
        /// Questions at once, in the second row.
        #[arg(long, default_value_t = 64)]
        callers: usize,
        #[arg(long, default_value_t = 3)]
        rounds: usize,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string());
    match runtime.and_then(|runtime| runtime.block_on(run(&arguments.what))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(what: &What) -> Result<(), String> {
    match what {
        What::Backend { port, health } => backend(*port, *health).await,
        What::Endpoint { port, primary, fallback, breaker } => {
            let places = Places { primary: primary.clone(), fallback: fallback.clone(), breaker: *breaker };
            let routed = Routed::begin(&places, Arc::new(OverHttp::default())).await?;
            serve(listen(*port).await?, move |body| answer(routed.clone(), body)).await
        }
        What::Drive { address, path, model, header, callers, questions, warm, name } => {
            let headers: String = header.iter().map(|line| format!("{line}\r\n")).collect();
            let asked = Asked { address: address.clone(), path: path.clone(), headers, body: question(model) };
            drive(&asked, *callers, *warm).await?;
            let (lap, latencies, failed) = drive(&asked, *callers, *questions).await?;
            println!("{}", row(name, *callers, &lap, &latencies, (*questions, failed)).join(" | "));
            Ok(())
        }
        What::Inside { questions, callers, rounds } => inside(*questions, *callers, *rounds).await,
    }
}

async fn listen(port: u16) -> Result<TcpListener, String> {
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|error| format!("port {port}: {error}"))
}

fn completion(text: &str) -> String {
    let message = serde_json::json!({ "role": "assistant", "content": text });
    let usage = serde_json::json!({ "prompt_tokens": 30, "completion_tokens": 8, "total_tokens": 38 });
    let choice = serde_json::json!({ "index": 0, "message": message, "finish_reason": "stop" });
    serde_json::json!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage })
        .to_string()
}

fn question(model: &str) -> String {
    serde_json::json!({ "model": model, "max_tokens": 64, "messages": [{ "role": "user", "content": QUESTION }] }).to_string()
}

async fn backend(port: u16, health: Health) -> Result<(), String> {
    let asked = Arc::new(AtomicUsize::new(0));
    let (count, well) = (asked.clone(), completion(ANSWER));
    let answer = move |_| {
        count.fetch_add(1, Ordering::Relaxed);
        let said = match health {
            Health::Well => Some((200, well.clone())),
            Health::Fails => Some((500, r#"{"error": {"message": "down", "type": "server_error"}}"#.to_owned())),
            Health::Hangs => None,
        };
        std::future::ready(said)
    };
    let served = serve(listen(port).await?, answer);
    tokio::select! {
        ended = served => ended,
        _ = tokio::signal::ctrl_c() => {
            println!("{}", asked.load(Ordering::Relaxed));
            Ok(())
        }
    }
}

async fn answer(routed: Routed, body: Vec<u8>) -> Option<(u16, String)> {
    let text = serde_json::from_slice::<serde_json::Value>(&body).ok();
    let text = text.as_ref().and_then(|body| body.pointer("/messages/0/content")).and_then(serde_json::Value::as_str);
    let Some(text) = text else { return Some((400, r#"{"error": "no message"}"#.to_owned())) };
    Some(match routed.ask(text).await {
        Ok(text) => (200, completion(&text)),
        Err(why) => (502, serde_json::json!({ "error": why }).to_string()),
    })
}

/// Where a question goes.
#[derive(Debug, Clone)]
struct Asked {
    address: String,
    path: String,
    headers: String,
    body: String,
}

/// Asks so often with so many callers: how long it took, each answer's time, and how many were none.
async fn drive(asked: &Asked, callers: usize, questions: usize) -> Result<(Lap, Latencies, usize), String> {
    let mut connections = Vec::with_capacity(callers);
    for _ in 0..callers {
        connections.push(Connection::to(&asked.address).await?);
    }
    let next = Arc::new(AtomicUsize::new(0));
    let watch = Stopwatch::start();
    let mut all = tokio::task::JoinSet::new();
    for mut connection in connections {
        let (asked, next) = (asked.clone(), next.clone());
        all.spawn(async move {
            let (mut times, mut failed) = (Vec::new(), 0);
            while next.fetch_add(1, Ordering::Relaxed) < questions {
                let began = Instant::now();
                let (status, _) = connection.post(&asked.path, &asked.headers, &asked.body).await?;
                times.push(began.elapsed());
                failed += usize::from(status != 200);
            }
            Ok::<_, String>((times, failed))
        });
    }
    let (mut times, mut failed) = (Vec::new(), 0);
    while let Some(done) = all.join_next().await {
        let (own, not) = done.map_err(|error| error.to_string())??;
        times.extend(own);
        failed += not;
    }
    Ok((watch.lap(), Latencies::of(times), failed))
}

fn row(name: &str, callers: usize, lap: &Lap, latencies: &Latencies, (questions, failed): (usize, usize)) -> Vec<String> {
    let milliseconds = |hundredths| format!("{:.3}", latencies.percentile(hundredths).as_secs_f64() * 1e3);
    let whole = lap.wall.as_secs_f64();
    let rate = thousands(lap.rate(questions));
    vec![
        name.to_owned(),
        callers.to_string(),
        milliseconds(50),
        milliseconds(99),
        rate,
        format!("{whole:.2}"),
        failed.to_string(),
        lap.others_text(),
    ]
}

/// Each kind alternates with the others, so that what else the machine does befalls all of them.
async fn inside(questions: usize, callers: usize, rounds: usize) -> Result<(), String> {
    println!("{}", machine::described());
    let listener = listen(0).await?;
    let address = listener.local_addr().map_err(|error| error.to_string())?.to_string();
    let well = completion(ANSWER);
    tokio::spawn(serve(listener, move |_| std::future::ready(Some((200, well.clone())))));
    let base = format!("http://{address}/v1");
    let places = Places { primary: base.clone(), fallback: base, breaker: true };
    let bare = Asked { address, path: "/v1/chat/completions".to_owned(), headers: String::new(), body: question("primary") };
    let mut table = Table::new(&["a question", "at once", "p50, ms", "p99, ms", "a second", "s", "failed", "others' CPU"]);
    for at_once in [1, callers] {
        let mut found: Vec<Vec<(Duration, Vec<String>)>> = vec![Vec::new(); 3];
        for _ in 0..rounds {
            let engine = routed(&places, Arc::new(AtOnce), "the engine alone", (at_once, questions)).await?;
            let whole = routed(&places, Arc::new(OverHttp::default()), "engine, HTTP, model", (at_once, questions)).await?;
            let (lap, latencies, failed) = drive(&bare, at_once, questions).await?;
            let alone = (latencies.percentile(50), row("the model, bare", at_once, &lap, &latencies, (questions, failed)));
            for (kind, one) in found.iter_mut().zip([engine, whole, alone]) {
                kind.push(one);
            }
        }
        for mut kind in found {
            kind.sort_by_key(|(median, _)| *median);
            if let Some((_, row)) = kind.into_iter().nth(rounds.saturating_sub(1) / 2) {
                table.row(row);
            }
        }
    }
    println!("{table}");
    println!("Each row is the round of the median p50 of {rounds}. The server of the model is part of this process.");
    Ok(())
}

async fn routed(
    places: &Places,
    models: Arc<dyn Models>,
    name: &str,
    (at_once, questions): (usize, usize),
) -> Result<(Duration, Vec<String>), String> {
    let routed = Routed::begin(places, models).await?;
    for _ in 0..200 {
        routed.ask(QUESTION).await?;
    }
    let next = Arc::new(AtomicUsize::new(0));
    let watch = Stopwatch::start();
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (routed, next) = (routed.clone(), next.clone());
        all.spawn(async move {
            let (mut times, mut failed) = (Vec::new(), 0);
            while next.fetch_add(1, Ordering::Relaxed) < questions {
                let began = Instant::now();
                let answered = routed.ask(QUESTION).await;
                times.push(began.elapsed());
                failed += usize::from(answered.is_err());
            }
            (times, failed)
        });
    }
    let (mut times, mut failed) = (Vec::new(), 0);
    while let Some(done) = all.join_next().await {
        let (own, not) = done.map_err(|error| error.to_string())?;
        times.extend(own);
        failed += not;
    }
    let (lap, latencies) = (watch.lap(), Latencies::of(times));
    Ok((latencies.percentile(50), row(name, at_once, &lap, &latencies, (questions, failed))))
}
