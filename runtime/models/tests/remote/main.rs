//! Models behind a network, over a server on this machine that answers by script: every dialect, and every fault we could think of.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on says so by panicking")]

mod images;
mod limits;
mod predict;
mod streams;
mod talk;

use serde_json::{Value as Json, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tradewind_engine::question::{Answer, Prompt, Purpose, Question, Silence, Turn};
use tradewind_lang::money::{Currency, Money};
use tradewind_lang::plan::{Model, Prices, Remote};
use tradewind_models::RemoteModels;

/// What the server does with a request.
#[derive(Clone)]
enum Does {
    /// Answers with a status, headers and a body.
    Answers(u16, &'static str, String),
    /// Says nothing.
    Hangs,
    /// Sends a byte of an endless answer ten times a second.
    Drips,
    /// Ends the connection within the answer.
    Breaks,
    /// Answers after so long.
    Late(u64, String),
    /// Sends events, each after so long.
    Streams(Vec<(u64, String)>),
}

struct Server {
    url: String,
    /// Head and body of each request.
    seen: Arc<Mutex<Vec<(String, Json)>>>,
}

impl Server {
    /// Answers the first request by the first of the script, and those beyond its end by the last.
    async fn with(script: Vec<Does>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (seen, count) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let told = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, told, count) = (script.clone(), told.clone(), count.clone());
                tokio::spawn(async move {
                    let _ = serve(stream, &script, &told, &count).await;
                });
            }
        });
        Self { url, seen }
    }

    fn bodies(&self) -> Vec<Json> {
        self.seen.lock().unwrap().iter().map(|(_, body)| body.clone()).collect()
    }
}

async fn serve(mut stream: TcpStream, script: &[Does], seen: &Mutex<Vec<(String, Json)>>, count: &AtomicUsize) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let end = loop {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&buffer[..read]);
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    // What keeps a model loaded has no body.
    let length: usize = head.split("content-length: ").nth(1).map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    while bytes.len() < end + length {
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await?;
        bytes.extend_from_slice(&buffer[..read]);
    }
    seen.lock().unwrap().push((head, serde_json::from_slice(&bytes[end..]).unwrap_or_default()));
    let place = count.fetch_add(1, Ordering::SeqCst).min(script.len() - 1);
    let whole = |status: u16, headers: &str, body: &str| {
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
    };
    match &script[place] {
        Does::Answers(status, headers, body) => stream.write_all(whole(*status, headers, body).as_bytes()).await?,
        Does::Late(millis, body) => {
            tokio::time::sleep(Duration::from_millis(*millis)).await;
            stream.write_all(whole(200, "", body).as_bytes()).await?;
        }
        Does::Hangs => tokio::time::sleep(Duration::from_secs(60)).await,
        Does::Drips => {
            stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 100000\r\n\r\n{").await?;
            loop {
                tokio::time::sleep(Duration::from_millis(100)).await;
                stream.write_all(b" ").await?;
            }
        }
        Does::Streams(events) => {
            stream.write_all(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n").await?;
            for (millis, event) in events {
                tokio::time::sleep(Duration::from_millis(*millis)).await;
                stream.write_all(event.as_bytes()).await?;
                stream.flush().await?;
            }
        }
        Does::Breaks => stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 1000\r\n\r\n{\"choices\": [").await?,
    }
    stream.flush().await
}

fn prompt(provider: &str, url: &str) -> Prompt {
    let usd = Currency::parse("USD").unwrap();
    let remote = Remote {
        model: "m-1".to_owned(),
        base_url: Some(url.to_owned()),
        secret: Some("KEY".to_owned()),
        context: 8_000,
        max_output: Some(100),
        region: None,
        prices: Prices::default(),
        can: vec!["text".to_owned()],
        cleared: Vec::new(),
        cleared_region: None,
        limit: None,
        batch: None,
        warm: None,
        warm_path: None,
        stream: false,
        predict: None,
    };
    let (name, provider) = ("large".to_owned(), provider.to_owned());
    let price = Money::zero(usd);
    let model = Arc::new(Model { name, provider, rows: String::new(), label: String::new(), price, remote: Some(remote), gate: None });
    let question = Question {
        key: "k".into(),
        number: 1,
        purpose: Purpose::Draft,
        route: "copy".into(),
        rung: 0,
        model: "large".into(),
        repair: 0,
        retry: 0,
        anew: true,
        says: Vec::new(),
        not_before: 0,
        until: 0,
        since: 0,
        reserved: None,
        claims: Vec::new(),
        same: None,
        alike: None,
        calls: 1,
        images: 0,
        barred: Vec::new(),
        passed: Vec::new(),
    };
    let schema =
        json!({ "type": "object", "properties": { "title": { "type": "string" } }, "required": ["title"], "additionalProperties": false });
    let turns = vec![Turn::System("You write.".into()), Turn::User("A chair".into())];
    Prompt {
        step: "copy".into(),
        model,
        question: Arc::new(question),
        turns,
        schema,
        tools: Vec::new(),
        within: 700_000,
        hedge: None,
        breaker: None,
        draws: false,
    }
}

fn models() -> RemoteModels {
    RemoteModels::new(Arc::new(|name| (name == "KEY").then(|| "sk-very-secret".to_owned())))
}

fn openai(content: &Json) -> String {
    json!({
        "model": "m-1-2026",
        "choices": [{ "finish_reason": "stop", "message": { "role": "assistant", "content": content } }],
        "usage": { "prompt_tokens": 30, "completion_tokens": 7, "prompt_tokens_details": { "cached_tokens": 20 },
            "completion_tokens_details": { "reasoning_tokens": 3 } },
    })
    .to_string()
}

async fn ask(provider: &str, does: Does) -> (Answer, Server) {
    let server = Server::with(vec![does]).await;
    (models().say(&prompt(provider, &server.url)).await, server)
}

async fn silence(provider: &str, does: Does) -> Silence {
    match ask(provider, does).await.0 {
        Answer::Silent(silence) => silence,
        Answer::Said(reply) => panic!("{reply:?}"),
    }
}
