//! Real counterparts, not only our own: a `llama-server` with a small model, which speaks both dialects, and a scripted server of model
//! interfaces with faults. `tests/counterparts/fetch` gets them; where they are not, a test says that it was skipped, and why.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test that cannot go on says so by panicking")]

mod llama;
mod scripted;

use serde_json::{Value as Json, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_engine::question::{Prompt, Purpose, Question, Turn};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Model;
use tradewind_models::RemoteModels;

/// A server of somebody else, which ends with the test.
struct Counterpart {
    child: Child,
    url: String,
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The folder of a counterpart: below what `TRADEWIND_COUNTERPARTS` names, else below `target`. None where it was not fetched.
fn folder(name: &str, file: &str) -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let all = std::env::var_os("TRADEWIND_COUNTERPARTS").map_or_else(|| root.join("target/counterparts"), PathBuf::from);
    let found = all.join(name).canonicalize().ok().filter(|folder| folder.join(file).is_file());
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: there is no counterpart `{name}` here (tests/counterparts/fetch gets it)");
    }
    found
}

/// Starts a server on a port of its own, and waits until it answers a request; none where it ends before that.
fn start(name: &str, command: impl FnOnce(u16) -> Command) -> Option<Counterpart> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let child = command(port).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut counterpart = Counterpart { child, url: format!("http://127.0.0.1:{port}") };
    let begun = Instant::now();
    while !is_well(port) {
        if let Some(ended) = counterpart.child.try_wait().unwrap() {
            let _ = writeln!(std::io::stderr(), "skipped: the counterpart `{name}` does not run on this machine ({ended})");
            return None;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "nobody answers on port {port}");
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(counterpart)
}

/// Whether it says that it is ready.
fn is_well(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let mut answer = String::new();
    let asked = stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
}

fn model(provider: &str, url: &str, settings: &str) -> Arc<Model> {
    let text = format!(
        r#"
project "shop" {{ currency "USD"; environment "dev" {{ store "memory://" }} }}
model "m" provider={provider} name="small" base-url="{url}" {{
    price "0 USD"
    context 4096
    max-output 60
    can text tools classify
    {settings}
}}
"#
    );
    let files = [("main.kdl".to_owned(), text)];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_| None, environment: None });
    compiled.plan.unwrap().models["m"].clone()
}

fn models() -> RemoteModels {
    RemoteModels::new(Arc::new(|_| None))
}

fn prompt(model: &Arc<Model>, said: &str, schema: Json, seconds: i64) -> Prompt {
    let question = Question {
        key: "k".into(),
        number: 1,
        purpose: Purpose::Draft,
        route: "copy".into(),
        rung: 0,
        model: "m".into(),
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
    Prompt {
        step: "copy".into(),
        model: model.clone(),
        question: Arc::new(question),
        turns: vec![Turn::System("You sort messages of customers.".into()), Turn::User(said.into())],
        schema,
        tools: Vec::new(),
        within: seconds * 1_000_000,
        hedge: None,
        breaker: None,
        draws: false,
    }
}

/// The shape of a label.
fn labels() -> Json {
    json!({
        "type": "object",
        "properties": { "label": { "type": "string", "enum": ["complaint", "praise"] }, "confidence": { "type": "number" } },
        "required": ["label", "confidence"],
        "additionalProperties": false,
    })
}
