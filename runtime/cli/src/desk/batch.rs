//! The desk's part in batches: several questions as one item of the inbox, and one answer for those of them that are meant.

use super::{Decision, Desk, Problem, answered, edited, pending_as_json};
use crate::counted::counted;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::approval::{Batch, PendingApproval, Verdict, batches};
use tradewind_engine::engine::AnswerError;
use tradewind_lang::code::run;

/// Which items of a batch are meant.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Which {
    /// What it held when somebody looked.
    pub(crate) seen: Option<String>,
    /// These alone.
    pub(crate) only: Vec<String>,
    /// All but these.
    pub(crate) except: Vec<String>,
}

impl Which {
    /// Whether it says anything.
    pub(super) fn is_given(&self) -> bool {
        self.seen.is_some() || !self.only.is_empty() || !self.except.is_empty()
    }
}

impl Desk {
    /// What waits for people: what stands alone, and batches.
    pub(super) async fn approvals(&self) -> Result<Json, Problem> {
        // Only when they are in their batches: the requests as they are say whether somebody saw the batch of now.
        let (mut batches, mut alone) = batches(self.engine.approvals().await?);
        let items = alone.iter_mut().chain(batches.iter_mut().flat_map(|batch| &mut batch.items));
        self.engine.conceal_approvals(items).await?;
        let alone: Vec<Json> = alone.iter().map(pending_as_json).collect();
        let batches: Vec<Json> = batches.iter().filter_map(as_json).collect();
        Ok(json!({ "version": 1, "approvals": alone, "batches": batches }))
    }

    /// The batch of an id, or the beginning of one; none where an item of its own has it.
    pub(super) async fn batch(&self, id: &str) -> Result<Option<Batch>, Problem> {
        let pending = self.engine.approvals().await?;
        if id.len() < 4 || pending.iter().any(|item| item.approval.id.starts_with(id)) {
            return Ok(None);
        }
        let mut found = batches(pending).0.into_iter().filter(|batch| batch.id.starts_with(id));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => {
                Err(Problem::new(&run::UNKNOWN_APPROVAL, format!("several items begin with `{id}`")).help("give more of the id"))
            }
            (found, _) => Ok(found),
        }
    }

    /// The items that are meant, and the answer as the engine wants it.
    pub(super) async fn verdict_of_batch(
        &self,
        batch: &Batch,
        decision: &Decision,
        which: &Which,
    ) -> Result<(Vec<Arc<str>>, Verdict), Problem> {
        let items = meant(batch, which)?;
        // To say no binds nobody to what he did not see.
        let agrees = !matches!(decision, Decision::Deny { .. });
        if agrees && which.only.is_empty() && which.seen.as_deref() != Some(&*batch.seen) {
            let count = counted(batch.items.len(), "item");
            let message = match &which.seen {
                Some(_) => format!("the batch has changed since: it holds {count} now"),
                None => format!("the batch holds {count}, and nothing says that you saw them"),
            };
            return Err(Problem::new(&run::BATCH_CHANGED, message)
                .help(format!("look at them (`tradewind approvals`), then say --seen {}, or name some with --only", batch.seen))
                .refused());
        }
        let Some(first) = items.first() else {
            return Err(Problem::usage("none of its items is meant".to_owned()).help("leave one of them out of --except").refused());
        };
        let plan = self.plan_of(&first.run).await?;
        let verdict = match decision {
            Decision::Deny { reason } => Verdict::Deny { reason: reason.clone() },
            Decision::Approve { edits } => Verdict::Approve { edits: edited(&first.approval, edits, &plan)? },
            Decision::Fields(fields) => Verdict::Answer(answered(&first.approval, fields, &plan)?),
        };
        Ok((items.iter().map(|item| item.approval.id.clone()).collect(), verdict))
    }

    /// Answers the items of a batch that are meant; each is judged alone, and what is not taken waits on.
    pub(super) async fn decide_batch(&self, batch: &Batch, by: &str, decision: &Decision, which: &Which) -> Result<Json, Problem> {
        let (items, verdict) = self.verdict_of_batch(batch, decision, which).await?;
        let answers = self.engine.answer_all(&items, by, verdict).await;
        let mut refused = Vec::new();
        for (approval, answer) in &answers {
            match answer {
                Ok(()) => {}
                Err(AnswerError::Store(error)) => return Err(Problem::from(error.clone())),
                Err(AnswerError::Refused(why)) => refused.push(json!({ "approval": &**approval, "why": why.to_string() })),
                Err(AnswerError::Stopped) => {
                    return Err(Problem::broken("the process that holds the store is ending".to_owned())
                        .help("`tradewind approvals` says which items still wait; decide those again"));
                }
            }
        }
        let taken = answers.len() - refused.len();
        Ok(json!({ "version": 1, "batch": &*batch.id, "taken": taken, "refused": refused, "left": batch.items.len() - taken }))
    }
}

fn meant<'a>(batch: &'a Batch, which: &Which) -> Result<Vec<&'a PendingApproval>, Problem> {
    let is = |item: &PendingApproval, id: &String| id.len() >= 4 && item.approval.id.starts_with(id.as_str());
    for id in which.only.iter().chain(&which.except) {
        match batch.items.iter().filter(|item| is(item, id)).count() {
            1 => {}
            0 => {
                return Err(
                    Problem::new(&run::UNKNOWN_APPROVAL, format!("the batch has no item `{id}`")).help("`tradewind approvals` lists them")
                );
            }
            _ => return Err(Problem::new(&run::UNKNOWN_APPROVAL, format!("several items begin with `{id}`")).help("give more of the id")),
        }
    }
    let named = |ids: &[String], item: &PendingApproval| ids.iter().any(|id| is(item, id));
    let is_meant = |item: &&PendingApproval| (which.only.is_empty() || named(&which.only, item)) && !named(&which.except, item);
    Ok(batch.items.iter().filter(is_meant).collect())
}

fn as_json(batch: &Batch) -> Option<Json> {
    let mut json = pending_as_json(batch.items.first()?);
    let items: Vec<Json> = batch.items.iter().map(pending_as_json).collect();
    let deadline = items.iter().filter_map(|item| item.get("deadline").and_then(Json::as_str)).min().map(str::to_owned);
    let fields = json.as_object_mut()?;
    // What differs from item to item stands with each.
    for name in ["run", "request", "shown", "approved_by", "would_be_denied", "overdue", "question"] {
        fields.remove(name);
    }
    fields.insert("id".to_owned(), json!(&*batch.id));
    fields.insert("seen".to_owned(), json!(&*batch.seen));
    fields.insert("deadline".to_owned(), json!(deadline));
    fields.insert("items".to_owned(), json!(items));
    Some(json)
}
