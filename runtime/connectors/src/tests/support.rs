//! Connectors, operations and calls for the tests: the shipped ones, compiled, and small ones built by hand.

use crate::HttpConnectors;
use crate::twin::{Twin, TwinFaults, TwinOptions, TwinWorld};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tradewind_engine::ports::{Call, CallFailure, CallOutcome};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::conform;
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Connector, EffectKind, Operation, Plan, Retry};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

pub(super) fn connector(name: &str, base_url: &str) -> Connector {
    Connector {
        name: name.to_owned(),
        version: "1".to_owned(),
        base_url: base_url.to_owned(),
        hosts: Vec::new(),
        headers: Vec::new(),
        connect_timeout: 400_000,
        total_timeout: 800_000,
        retry: Retry { max: 0, from: 1, to: 1, when: Vec::new() },
        failures: Vec::new(),
        terms: Default::default(),
    }
}

/// The plan of the shipped connectors alone.
pub(super) fn shipped() -> Plan {
    let library = [
        ("shop.kdl", include_str!("../../../../stdlib/connectors/shop.kdl")),
        ("payments.kdl", include_str!("../../../../stdlib/connectors/payments.kdl")),
        ("helpdesk.kdl", include_str!("../../../../stdlib/connectors/helpdesk.kdl")),
    ];
    compiled(&library, r#"project "example" { currency "USD" }"#)
}

pub(super) fn compiled(library: &[(&str, &str)], text: &str) -> Plan {
    let configuration = [("tradewind.kdl".to_owned(), text.to_owned())];
    let compiled = compile(&Repository { configuration: &configuration, library, read: &|_| None, environment: None });
    let found: Vec<String> = compiled.diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    compiled.plan.unwrap_or_else(|| panic!("{found:?}"))
}

/// A call of an operation of a plan; the request as JSON.
pub(super) fn call_of(plan: &Plan, operation: &str, request: &Json, key: &str) -> Call {
    let operation = plan.operations[operation].clone();
    let request = conform::fields_from_json(request, &operation.request, &plan.types).unwrap();
    Call {
        connector: plan.connectors[&operation.connector].clone(),
        operation,
        request,
        key: key.to_owned(),
        types: Arc::new(plan.types.clone()),
        account: None,
        several: None,
    }
}

pub(super) fn world(orders: &[Json]) -> TwinWorld {
    let mut world = TwinWorld::default();
    for order in orders {
        assert!(world.seed_order(order).unwrap());
    }
    world
}

pub(super) fn options(ledger: &Path) -> TwinOptions {
    let listen = "127.0.0.1:0".parse().unwrap();
    TwinOptions { listen, ledger: ledger.to_owned(), orders: None, exit_on_stdin_eof: false, faults: TwinFaults::default() }
}

/// A twin that serves in this process until it is killed or dropped.
pub(super) struct Running {
    pub(super) url: String,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<std::io::Result<()>>,
}

impl Running {
    pub(super) async fn start(options: &TwinOptions) -> Self {
        let twin = Twin::bind(options).await.unwrap();
        let url = twin.url();
        let (stop, stopped) = oneshot::channel();
        Self { url, stop: Some(stop), task: tokio::spawn(twin.serve(async { drop(stopped.await) })) }
    }

    pub(super) async fn kill(mut self) {
        // Only its end frees the ledger, as the end of a process does.
        self.stop.take();
        (&mut self.task).await.unwrap().unwrap();
    }

    pub(super) fn connectors(&self) -> HttpConnectors {
        HttpConnectors::new(Some(&self.url)).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Writes orders as a file of JSON lines.
pub(super) fn write_orders(path: &Path, orders: &[Json]) {
    let lines: Vec<String> = orders.iter().map(ToString::to_string).collect();
    std::fs::write(path, lines.join("\n")).unwrap();
}

/// An operation without parameters, whose answer may be any JSON.
pub(super) fn operation(method: &str, path: &str) -> Operation {
    Operation {
        name: "shop.probe".to_owned(),
        connector: "shop".to_owned(),
        effect: if method == "GET" { EffectKind::Read } else { EffectKind::Irreversible },
        request: Vec::new(),
        response: Ty::Json,
        method: method.to_owned(),
        path: path.to_owned(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Vec::new(),
        at: None,
        target: None,
        money: None,
        unique: Vec::new(),
        idempotent: None,
        failures: Vec::new(),
        lookup: None,
        terms: Default::default(),
    }
}

pub(super) fn constant(text: &str) -> Expr {
    Expr::constant(Value::string(text), Ty::String)
}

pub(super) fn call(connector: Connector, operation: Operation, request: Value, key: &str) -> Call {
    Call {
        connector: Arc::new(connector),
        operation: Arc::new(operation),
        request,
        key: key.to_owned(),
        types: Arc::default(),
        account: None,
        several: None,
    }
}

/// A call of `METHOD /probe` to a base URL.
pub(super) fn probe(method: &str, base_url: &str) -> Call {
    call(connector("shop", base_url), operation(method, "/probe"), Value::record([]), "")
}

pub(super) fn http() -> HttpConnectors {
    HttpConnectors::new(None).unwrap()
}

pub(super) fn failure(outcome: CallOutcome) -> CallFailure {
    match outcome {
        CallOutcome::Failed(failure) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

pub(super) fn order(id: &str, paid: &str) -> Json {
    json!({
        "id": id, "line_id": "1", "customer_id": "c-1", "product": "Chair", "paid": paid, "profit": "-3.00 USD",
        "ordered_at": "2017-11-08T00:00:00Z", "shipped_at": "2017-11-11T00:00:00Z",
    })
}

/// A folder of its own for each test, removed at the end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("tradewind-twin-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
