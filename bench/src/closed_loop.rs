//! Load as callers make it: each of so many callers starts a run, waits until it has ended, and starts the next.

use crate::five_steps::{Work, input, key};
use crate::latency::Latencies;
use crate::machine::{Lap, Stopwatch};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tradewind_engine::engine::Engine;

/// What a load showed.
#[derive(Debug)]
pub struct Driven {
    /// From the first start to the last end.
    pub lap: Lap,
    /// From each start to its end.
    pub latencies: Latencies,
}

/// Who waits for the end of a run, by its key.
pub type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Arc<tradewind_engine::summary::RunSummary>>>>>;

/// Drives the runs of a range of numbers through an engine with so many callers.
///
/// # Errors
/// A run that does not start, or an engine that stopped.
pub async fn drive(engine: &Engine, work: Work, callers: usize, numbers: Range<usize>) -> Result<Driven, String> {
    let waiting = Waiting::default();
    let router = tokio::spawn(route(engine.subscribe().ended, waiting.clone()));
    let next = Arc::new(AtomicUsize::new(numbers.start));
    let watch = Stopwatch::start();
    let mut all = JoinSet::new();
    for _ in 0..callers {
        all.spawn(call(engine.clone(), work, next.clone(), numbers.end, waiting.clone()));
    }
    let mut latencies = Vec::with_capacity(numbers.len());
    while let Some(called) = all.join_next().await {
        latencies.extend(called.map_err(|error| error.to_string())??);
    }
    let lap = watch.lap();
    router.abort();
    Ok(Driven { lap, latencies: Latencies::of(latencies) })
}

async fn call(engine: Engine, work: Work, next: Arc<AtomicUsize>, end: usize, waiting: Waiting) -> Result<Vec<Duration>, String> {
    let mut latencies = Vec::new();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= end {
            return Ok(latencies);
        }
        let (ended, end_seen) = oneshot::channel();
        let input = input(number);
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(key(number), ended);
        let began = Instant::now();
        engine.start(work.flow(), input, "bench").await.map_err(|error| error.to_string())?;
        end_seen.await.map_err(|_| "the engine stopped, or its news were lost".to_owned())?;
        latencies.push(began.elapsed());
    }
}

/// One listener for all callers: each of them listening itself would wake all of them for every run.
pub async fn route(mut news: tokio::sync::broadcast::Receiver<Arc<tradewind_engine::summary::RunSummary>>, waiting: Waiting) {
    loop {
        match news.recv().await {
            Ok(summary) => {
                let caller = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&*summary.key);
                if let Some(caller) = caller {
                    let _ = caller.send(summary);
                }
            }
            Err(RecvError::Lagged(_) | RecvError::Closed) => {
                // Dropping what is left tells the callers.
                waiting.lock().unwrap_or_else(PoisonError::into_inner).clear();
                return;
            }
        }
    }
}
