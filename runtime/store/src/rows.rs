//! The rows of the log and the statements that write and read them: constant text, values bound.
//!
//! Each write is one block, and so one transaction: its text is never stopped half way, and a conflict comes back typed.

use crate::Turn;
use crate::caps::LARGEST_BODY_BYTES;
use crate::failure::{self, FENCED, WriteFailure};
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb::types::{Array, Bytes, Number, RecordId, RecordIdKey, SurrealValue, Value};
use tradewind_engine::ports::StoreError;
use tradewind_engine::segment::{Digest, Segment};

/// Sequence numbers that one range read covers at least; a read holds at most as many rows.
const WINDOW: u64 = 256;
/// And at most, so that a scan of everything does not hold all rows twice.
const WIDEST_WINDOW: u64 = 1 << 16;

/// Raises the epoch of a shard.
const TAKE: &str = include_str!("statements/take.surql");
/// Every append changes the epoch's row, so that two writers always conflict: the database allows write skew.
const APPEND: &str = include_str!("statements/append.surql");
/// The same of a segment that is there. The database writes no row that stays as it is, so both rows are changed on the way.
const APPEND_AGAIN: &str = include_str!("statements/append_again.surql");
/// The first number of the newest segment.
const HEAD: &str = include_str!("statements/head.surql");
/// A whole range is read in order and without looking at any other row; `LIMIT` would not bound it.
const RANGE: &str = include_str!("statements/range.surql");

/// A segment as a row.
#[derive(Debug, Clone, SurrealValue)]
#[surreal(crate = "surrealdb::types")]
pub(crate) struct Row {
    id: RecordId,
    count: i64,
    previous: Bytes,
    hash: Bytes,
    body: Bytes,
}

impl Row {
    pub(crate) fn of(segment: Segment) -> Result<Self, StoreError> {
        if segment.body.len() > LARGEST_BODY_BYTES {
            let text = format!("a segment of {} bytes is more than the store takes, {LARGEST_BODY_BYTES}", segment.body.len());
            return Err(StoreError::Other(text));
        }
        let key = vec![Value::from_t(i64::from(segment.shard)), Value::from_t(number(segment.first)?)];
        Ok(Self {
            id: RecordId::new("segment", RecordIdKey::Array(Array::from(key))),
            count: i64::from(segment.count),
            previous: Bytes::from(segment.previous.0.to_vec()),
            hash: Bytes::from(segment.hash.0.to_vec()),
            body: Bytes::from(segment.body),
        })
    }

    fn first(&self) -> Option<(u32, u64)> {
        let RecordIdKey::Array(key) = &self.id.key else { return None };
        match key.as_slice() {
            [Value::Number(Number::Int(shard)), Value::Number(Number::Int(first))] => {
                Some((u32::try_from(*shard).ok()?, u64::try_from(*first).ok()?))
            }
            _ => None,
        }
    }

    fn segment(self) -> Result<Segment, StoreError> {
        let damaged = |what: &str| StoreError::Damaged(format!("a row of the log has no valid {what}"));
        let (shard, first) = self.first().ok_or_else(|| damaged("id"))?;
        Ok(Segment {
            shard,
            first,
            count: u32::try_from(self.count).map_err(|_| damaged("count"))?,
            previous: digest(&self.previous).ok_or_else(|| damaged("previous hash"))?,
            hash: digest(&self.hash).ok_or_else(|| damaged("hash"))?,
            body: self.body.into_inner().into(),
        })
    }
}

fn digest(bytes: &Bytes) -> Option<Digest> {
    Some(Digest(<[u8; 32]>::try_from(bytes.as_ref()).ok()?))
}

/// The database's integers are signed.
pub(crate) fn number(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Other(format!("the number {value} is beyond what the store can hold")))
}

fn epoch_row(shard: u32) -> RecordId {
    RecordId::new("epoch", i64::from(shard))
}

pub(crate) async fn take(surreal: &Surreal<Db>, shard: u32) -> Result<u64, WriteFailure> {
    let mut answer = surreal.query(TAKE).bind(("shard", epoch_row(shard))).await?.check()?;
    let epoch: Option<i64> = answer.take(0)?;
    let epoch = epoch.and_then(|epoch| u64::try_from(epoch).ok());
    epoch.ok_or_else(|| WriteFailure::Doubtful(StoreError::Damaged(format!("shard {shard} has no valid epoch"))))
}

pub(crate) async fn append(surreal: &Surreal<Db>, epoch: i64, row: Row, turn: Turn) -> Result<(), WriteFailure> {
    let Some((shard, first)) = row.first() else { return Err(WriteFailure::Refused(StoreError::Other("a row without a key".to_owned()))) };
    let query = surreal
        .query(if turn == Turn::First { APPEND } else { APPEND_AGAIN })
        .bind(("shard", epoch_row(shard)))
        .bind(("epoch", epoch))
        .bind(("fenced", FENCED))
        .bind(("first", i64::try_from(first).unwrap_or(i64::MAX)))
        .bind(row);
    match query.await?.check() {
        Ok(_) => Ok(()),
        Err(error) if error.is_already_exists() => {
            Err(WriteFailure::Refused(StoreError::Other(format!("segment {first} of shard {shard} is already in the log"))))
        }
        Err(error) => Err(error.into()),
    }
}

/// Reads window after window until there is enough. Sequence numbers have no gaps, so a window holds at most as many rows as
/// numbers, and the whole takes time in proportion to what it returns.
pub(crate) async fn scan(surreal: &Surreal<Db>, shard: u32, from: u64, limit: usize) -> Result<Vec<Segment>, StoreError> {
    let read = |error: surrealdb::Error| failure::of_read(&error);
    let mut answer =
        surreal.query(HEAD).bind(("shard", epoch_row(shard))).await.and_then(surrealdb::IndexedResults::check).map_err(read)?;
    let head: Option<i64> = answer.take(0).map_err(read)?;
    let Some(head) = head.and_then(|head| u64::try_from(head).ok()) else { return Ok(Vec::new()) };

    let mut segments = Vec::new();
    let mut from = from;
    let mut window = u64::try_from(limit).unwrap_or(u64::MAX).clamp(WINDOW, WIDEST_WINDOW);
    while segments.len() < limit && from <= head {
        let until = from.saturating_add(window);
        let rows = range(surreal, shard, from, until).await?;
        if rows.is_empty() {
            // Only a segment longer than the window, or a pruned log, is that empty.
            window = window.saturating_mul(2);
        }
        for row in rows.into_iter().take(limit - segments.len()) {
            segments.push(row.segment()?);
        }
        from = until;
    }
    Ok(segments)
}

async fn range(surreal: &Surreal<Db>, shard: u32, from: u64, until: u64) -> Result<Vec<Row>, StoreError> {
    let bound = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    let query = surreal.query(RANGE).bind(("shard", i64::from(shard))).bind(("from", bound(from))).bind(("until", bound(until)));
    let mut answer = query.await.and_then(surrealdb::IndexedResults::check).map_err(|error| failure::of_read(&error))?;
    answer.take(0).map_err(|error| failure::of_read(&error))
}
