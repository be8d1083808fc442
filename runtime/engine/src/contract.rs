//! The contracts of a log store and of a finder, as suites that the twins and every real one pass. They never panic: they report.

mod finding;

pub use finding::finder;

use crate::ports::{LogStore, StoreError};
use crate::segment::Segment;
use std::future::Future;
use std::sync::Arc;
use tradewind_lang::plan::Digest;

/// Checks a store against the contract. `make` opens the same, at first empty, store each time it is called;
/// an earlier handle is dropped before.
///
/// # Errors
/// The first thing that is not as the contract says, for people.
pub async fn log_store<M, F>(make: M) -> Result<(), String>
where
    M: Fn() -> F,
    F: Future<Output = Arc<dyn LogStore>>,
{
    let store = make().await;
    order_and_limits(&*store).await?;
    duplicates(&*store).await?;
    fencing(&*store).await?;
    shards_apart(&*store).await?;
    large_bodies(&*store).await?;
    let before = everything(&*store, 0).await?;
    drop(store);
    let store = make().await;
    same("after reopening, the segments", &everything(&*store, 0).await?, &before)?;
    let epoch = take(&*store, 0).await?;
    let next = before.last().map_or(1, |last| last.first + u64::from(last.count));
    let previous = before.last().map_or(Digest::default(), |last| last.hash);
    append(&*store, epoch, Segment::seal(0, next, 1, previous, vec![9])).await?;
    same("after reopening, the count", &everything(&*store, 0).await?.len(), &(before.len() + 1))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, wanted: &T) -> Result<(), String> {
    if is == wanted { Ok(()) } else { Err(format!("{what}: {is:?}, wanted {wanted:?}")) }
}

async fn take(store: &dyn LogStore, shard: u32) -> Result<u64, String> {
    store.take(shard).await.map(|head| head.epoch).map_err(|error| format!("take: {error:?}"))
}

async fn append(store: &dyn LogStore, epoch: u64, segment: Segment) -> Result<(), String> {
    let first = segment.first;
    store.append(epoch, segment).await.map_err(|error| format!("append of {first}: {error:?}"))
}

async fn scan(store: &dyn LogStore, shard: u32, from: u64, limit: usize) -> Result<Vec<Segment>, String> {
    store.scan(shard, from, limit).await.map_err(|error| format!("scan from {from}: {error:?}"))
}

async fn everything(store: &dyn LogStore, shard: u32) -> Result<Vec<Segment>, String> {
    scan(store, shard, 0, 10_000).await
}

fn chain(shard: u32, first: u64, mut previous: Digest, counts: &[u32]) -> Vec<Segment> {
    let mut next = first;
    let mut segments = Vec::new();
    for count in counts {
        let segment = Segment::seal(shard, next, *count, previous, format!("body of {next}").into_bytes());
        next += u64::from(*count);
        previous = segment.hash;
        segments.push(segment);
    }
    segments
}

async fn order_and_limits(store: &dyn LogStore) -> Result<(), String> {
    same("an empty store holds", &everything(store, 0).await?.len(), &0)?;
    let epoch = take(store, 0).await?;
    // More than ten segments, with numbers on both sides of ten and of a hundred: order is of numbers, not of text.
    let counts: Vec<u32> = (0..40).map(|place| 1 + place % 5).collect();
    let written = chain(0, 1, Digest::default(), &counts);
    for segment in &written {
        append(store, epoch, segment.clone()).await?;
    }
    same("a scan of everything", &everything(store, 0).await?, &written)?;
    let from = written.get(17).map_or(0, |segment| segment.first);
    let five: Vec<Segment> = written.iter().skip(17).take(5).cloned().collect();
    same("a scan from a first seq with a limit", &scan(store, 0, from, 5).await?, &five)?;
    let inside = written.get(16).map_or(0, |segment| segment.first + 1);
    same("a scan from inside a segment", &scan(store, 0, inside, 5).await?, &five)?;
    same("a scan beyond the end", &scan(store, 0, 1_000_000, 5).await?.len(), &0)
}

async fn duplicates(store: &dyn LogStore) -> Result<(), String> {
    let epoch = take(store, 0).await?;
    let before = everything(store, 0).await?;
    let Some(last) = before.last().cloned() else { return Err("the store lost its segments".to_owned()) };
    if store.append(epoch, last.clone()).await.is_ok() {
        return Err(format!("the segment at {} was appended twice", last.first));
    }
    let other = Segment::seal(0, last.first, 1, last.previous, vec![1, 2, 3]);
    if store.append(epoch, other).await.is_ok() {
        return Err(format!("another segment was appended at {}", last.first));
    }
    same("after refused appends, the segments", &everything(store, 0).await?, &before)
}

async fn fencing(store: &dyn LogStore) -> Result<(), String> {
    let old = take(store, 0).await?;
    let new = take(store, 0).await?;
    if new <= old {
        return Err(format!("epoch {new} does not follow {old}"));
    }
    let before = everything(store, 0).await?;
    let Some(last) = before.last() else { return Err("the store lost its segments".to_owned()) };
    let segment = Segment::seal(0, last.first + u64::from(last.count), 1, last.hash, vec![7]);
    match store.append(old, segment.clone()).await {
        Err(StoreError::Fenced) => {}
        other => return Err(format!("an append with the old epoch: {other:?}, wanted Fenced")),
    }
    same("after a fenced append, the segments", &everything(store, 0).await?, &before)?;
    append(store, new, segment).await?;
    same("the newest epoch holds the shard", &store.holds(0, new).await, &true)
}

async fn shards_apart(store: &dyn LogStore) -> Result<(), String> {
    let before = everything(store, 0).await?;
    let epoch = take(store, 1).await?;
    let written = chain(1, 1, Digest::default(), &[2, 3]);
    for segment in &written {
        append(store, epoch, segment.clone()).await?;
    }
    same("the other shard", &everything(store, 1).await?, &written)?;
    same("the first shard", &everything(store, 0).await?, &before)
}

async fn large_bodies(store: &dyn LogStore) -> Result<(), String> {
    let epoch = take(store, 2).await?;
    let body: Vec<u8> = (0_u32..1 << 20).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let segment = Segment::seal(2, 1, 512, Digest::default(), body);
    append(store, epoch, segment.clone()).await?;
    same("a body of one megabyte comes back whole", &(everything(store, 2).await? == vec![segment]), &true)
}
