//! Memory in use: how many runs a second look for what is known of a customer and remember what he buys, and how often something is known.
//! Order lines are real ones, in the order of their dates. The log tells the hits; nothing is asserted.

use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tradewind_bench::csv;
use tradewind_bench::machine::{self, Stopwatch};
use tradewind_bench::table::{Table, thousands};
use tradewind_bench::workplace::Workplace;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::{Config, Engine};
use tradewind_engine::ports::LogStore;
use tradewind_engine::twin::{MemoryLog, Reply, ScriptedConnectors, ScriptedModels};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;
use tradewind_memory::Ranker;

/// What customers bought; who orders is looked up first, by himself or by what he bought that is like it.
const FLOWS: &str = r#"
project "bench" { currency "USD"; environment "dev" { store "memory://"; twins #true } }
type "bought" subject="customer" { field "customer" string; field "product" string }
memory "bought" tier=long-term record="bought" subject="customer" retention="2y" { fulltext "product"; cap 50 per=subject evict=oldest }
flow "newest" {
    input { field "line" int; field "customer" string; field "product" string }
    key "=string(input.line)"
    observe "known" { recall "bought" subject="=input.customer" last=3 }
    remember "kept" after="known" in="bought" subject="=input.customer" { customer "=input.customer"; product "=input.product" }
    output { known "=size(known)" }
}
flow "alike" {
    input { field "line" int; field "customer" string; field "product" string }
    key "=string(input.line)"
    observe "known" { recall "bought" subject="=input.customer" query="=input.product" top=3 }
    remember "kept" after="known" in="bought" subject="=input.customer" { customer "=input.customer"; product "=input.product" }
    output { known "=size(known)" }
}
"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    /// SurrealDB on SurrealKV, each commit synced.
    Surrealkv,
    /// In memory, not durable: what the engine alone costs.
    Memory,
}

/// Hit rate and write rate of a memory.
#[derive(Debug, Parser)]
struct Arguments {
    /// Order lines as CSV, with `Order Date`, `Customer ID` and `Product Name`.
    #[arg(long)]
    orders: PathBuf,
    /// Which log.
    #[arg(long, value_enum, default_value_t = Log::Surrealkv)]
    log: Log,
    /// Runs in flight.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// A folder on the disk that is to be measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| error.to_string());
    match runtime.and_then(|runtime| runtime.block_on(measure(&arguments))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plan() -> Result<Arc<Plan>, String> {
    let files = [("bench.kdl".to_owned(), FLOWS.to_owned())];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_: &str| None, environment: None });
    compiled.plan.map(Arc::new).ok_or_else(|| format!("{:?}", compiled.diagnostics))
}

/// Customer and product of each line, oldest first.
fn lines(path: &Path) -> Result<Vec<(String, String)>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display()))?;
    let rows = csv::read(&String::from_utf8_lossy(&bytes)).map_err(|why| format!("`{}`: {why}", path.display()))?;
    let (dates, customers, products) = (rows.column("Order Date")?, rows.column("Customer ID")?, rows.column("Product Name")?);
    let mut lines: Vec<_> = dates.into_iter().zip(customers.into_iter().zip(products)).collect();
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(lines.into_iter().map(|(_, line)| line).collect())
}

async fn measure(arguments: &Arguments) -> Result<(), String> {
    let lines = lines(&arguments.orders)?;
    println!(
        "{}\n{} order lines, {} in flight; log: {:?}\n",
        machine::described(),
        thousands(lines.len() as f64),
        arguments.in_flight,
        arguments.log
    );
    let mut table = Table::new(&["looks for", "facts written/s", "looks", "hits", "hit rate", "others' CPU"]);
    for flow in ["newest", "alike"] {
        let place = Workplace::below(&arguments.folder, flow).map_err(|error| error.to_string())?;
        let log = open(arguments.log, place.path()).await?;
        let connectors = Arc::new(ScriptedConnectors::new(|_| Reply::Done(Value::Null)));
        let models = Arc::new(ScriptedModels::new(|_, _, _| Err("no step asks a model".to_owned())));
        let config = Config::new(plan()?, log, connectors, models, Arc::new(SystemClock));
        let config = Config { in_flight: arguments.in_flight, finder: Arc::new(Ranker::default()), ..config };
        let engine = Engine::open(config).await.map_err(|error| format!("{error:?}"))?;
        let watch = Stopwatch::start();
        for (number, (customer, product)) in lines.iter().enumerate() {
            let line = i64::try_from(number).unwrap_or(i64::MAX);
            let input = Value::record([
                ("line", Value::Int(line)),
                ("customer", Value::string(customer.as_str())),
                ("product", Value::string(product.as_str())),
            ]);
            engine.submit(flow, input, "bench").await.map_err(|error| error.to_string())?;
        }
        engine.wait_idle().await.map_err(|error| format!("{error:?}"))?;
        let lap = watch.lap();
        let reused = engine.reuse(None).await.map_err(|error| format!("{error:?}"))?;
        let (looked, hits) = reused.iter().fold((0, 0), |(looked, hits), of| (looked + of.looked, hits + of.hits));
        let written = engine.history_of("bought", None).await.map_err(|error| format!("{error:?}"))?.len();
        engine.shutdown().await;
        if written != lines.len() {
            return Err(format!("{written} facts of {} lines were written", lines.len()));
        }
        table.row([
            flow.to_owned(),
            thousands(lap.rate(lines.len())),
            thousands(looked as f64),
            thousands(hits as f64),
            format!("{:.3}", hits as f64 / looked.max(1) as f64),
            lap.others_text(),
        ]);
    }
    println!("{table}");
    Ok(())
}

async fn open(log: Log, folder: &Path) -> Result<Arc<dyn LogStore>, String> {
    match log {
        Log::Memory => Ok(Arc::new(MemoryLog::new())),
        Log::Surrealkv => surrealkv(folder).await,
    }
}

#[cfg(feature = "store")]
async fn surrealkv(folder: &Path) -> Result<Arc<dyn LogStore>, String> {
    let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
    let store = tradewind_store::open(&format!("surrealkv://{}", folder.join("store").display()), Path::new("/")).await;
    let store: Arc<dyn LogStore> = store.map_err(|error| format!("{error:?}"))?;
    Ok(store)
}

#[cfg(not(feature = "store"))]
async fn surrealkv(_: &Path) -> Result<Arc<dyn LogStore>, String> {
    Err("built without the store; use --log memory".to_owned())
}
