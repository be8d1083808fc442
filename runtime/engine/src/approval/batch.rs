//! Batches: what one run asks of the same people for the same reasons is one item of the inbox. Each effect in it keeps a question of
//! its own, bound to its own digest: a batch is only how they are shown and answered together.

use super::PendingApproval;
use crate::key::{digest_of, hexadecimal, short_digest};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Several questions as one item of the inbox.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its name: sixteen hexadecimal digits.
    pub id: Arc<str>,
    /// What it holds now, so that nobody agrees to what came in after they looked.
    pub seen: Arc<str>,
    /// The questions, oldest first.
    pub items: Vec<PendingApproval>,
}

/// What waits for people: batches of two and more, and what stands alone, oldest first.
#[must_use]
pub fn batches(pending: Vec<PendingApproval>) -> (Vec<Batch>, Vec<PendingApproval>) {
    let mut grouped: BTreeMap<Arc<str>, Vec<PendingApproval>> = BTreeMap::new();
    let mut alone = Vec::new();
    for item in pending {
        match &item.approval.batch {
            // Those of which the next team has got hold already are an item of that team.
            Some(batch) => {
                let to = item.approval.to.join(", ");
                grouped.entry(hexadecimal(short_digest(&["batch", batch, &to]).get(..8).unwrap_or_default())).or_default().push(item);
            }
            None => alone.push(item),
        }
    }
    let (several, single): (BTreeMap<_, _>, BTreeMap<_, _>) = grouped.into_iter().partition(|(_, items)| items.len() > 1);
    alone.extend(single.into_values().flatten());
    alone.sort_by(|one, two| (one.asked_at, &one.approval.id).cmp(&(two.asked_at, &two.approval.id)));
    let mut batches: Vec<Batch> = several
        .into_iter()
        .map(|(id, items)| {
            // The request as it is now: with the edits of whoever agreed before.
            let held: Vec<_> = items.iter().map(|item| (&item.approval.id, &item.approval.digest, &item.request)).collect();
            let seen = digest_of(&held).short().into();
            Batch { id, seen, items }
        })
        .collect();
    batches.sort_by_key(|batch| batch.items.first().map(|item| (item.asked_at, batch.id.clone())));
    (batches, alone)
}
