//! The rows that say what was taken out of the store, and taking it out.

use crate::failure::{self, WriteFailure};
use surrealdb::Surreal;
use surrealdb::engine::local::Db;
use surrealdb::types::{Array, Bytes, Number, RecordId, RecordIdKey, SurrealValue, Value};
use tradewind_engine::anchor::Anchor;
use tradewind_engine::ports::StoreError;
use tradewind_engine::segment::Digest;

const ANCHOR: &str = include_str!("statements/anchor.surql");
const ANCHORS: &str = include_str!("statements/anchors.surql");
const PRUNE: &str = include_str!("statements/prune.surql");
/// Events whose segments are deleted in one transaction.
const AT_ONCE: u64 = 4096;

#[derive(Debug, Clone, SurrealValue)]
#[surreal(crate = "surrealdb::types")]
struct Row {
    id: RecordId,
    last: i64,
    head: Bytes,
    place: String,
    signed: String,
}

fn bound(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

impl Row {
    fn of(anchor: &Anchor) -> Self {
        let key = vec![Value::from_t(i64::from(anchor.shard)), Value::from_t(bound(anchor.from))];
        Self {
            id: RecordId::new("archive", RecordIdKey::Array(Array::from(key))),
            last: bound(anchor.last),
            head: Bytes::from(anchor.head.0.to_vec()),
            place: anchor.file.clone(),
            signed: anchor.line.clone(),
        }
    }

    fn anchor(self) -> Option<Anchor> {
        let RecordIdKey::Array(key) = &self.id.key else { return None };
        let [Value::Number(Number::Int(shard)), Value::Number(Number::Int(from))] = key.as_slice() else { return None };
        Some(Anchor {
            shard: u32::try_from(*shard).ok()?,
            from: u64::try_from(*from).ok()?,
            last: u64::try_from(self.last).ok()?,
            head: Digest(<[u8; 32]>::try_from(self.head.as_ref()).ok()?),
            file: self.place,
            line: self.signed,
        })
    }
}

/// What was taken out.
pub(crate) async fn all(surreal: &Surreal<Db>) -> Result<Vec<Anchor>, StoreError> {
    let read = |error: surrealdb::Error| failure::of_read(&error);
    let mut answer = surreal.query(ANCHORS).await.and_then(surrealdb::IndexedResults::check).map_err(read)?;
    let rows: Vec<Row> = answer.take(0).map_err(read)?;
    let anchors: Option<Vec<Anchor>> = rows.into_iter().map(Row::anchor).collect();
    let mut anchors = anchors.ok_or_else(|| StoreError::Damaged("a row of what is archived cannot be read".to_owned()))?;
    anchors.sort_by_key(|anchor| (anchor.shard, anchor.from));
    Ok(anchors)
}

/// Says that a part is archived. From then on its rows are not read, whether they are there or not.
pub(crate) async fn add(surreal: &Surreal<Db>, anchor: &Anchor) -> Result<(), WriteFailure> {
    surreal.query(ANCHOR).bind(Row::of(anchor)).await?.check()?;
    Ok(())
}

/// Deletes its rows, a part at a time.
pub(crate) async fn prune(surreal: &Surreal<Db>, anchor: &Anchor) -> Result<(), WriteFailure> {
    let mut from = anchor.from;
    while from <= anchor.last {
        let until = (from + AT_ONCE).min(anchor.last + 1);
        let delete = surreal.query(PRUNE).bind(("shard", i64::from(anchor.shard)));
        delete.bind(("from", bound(from))).bind(("until", bound(until))).await?.check()?;
        from = until;
    }
    Ok(())
}
