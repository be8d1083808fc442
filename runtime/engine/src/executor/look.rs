//! What was there before several writes, read in one call: `batch-call` of `before`. Each write still has a pre-image of its own, and
//! where the one call is refused, or cannot be made, each is read by itself.

use super::gather::{Road, Sending};
use crate::fit;
use crate::planted::{Bug, planted};
use crate::ports::{Call, CallFailure, CallOutcome};
use crate::scope::Names;
use crate::seal::has_hole;
use std::sync::atomic::Ordering;
use tradewind_lang::value::{Record, Value};

impl Road {
    pub(super) async fn look(self, together: Vec<Sending>) {
        let Some(call) = one_for_all(&together) else { return self.apart(together) };
        let permit = match self.connectors.ready(&call).await {
            Ok(permit) => permit,
            Err(failure) => return together.into_iter().for_each(|one| one.tell(CallOutcome::Failed(failure.clone()))),
        };
        if self.ended.load(Ordering::Acquire) {
            return;
        }
        let outcome = self.connectors.call(call).await;
        drop(permit);
        match outcome {
            CallOutcome::Answered(found) => together.into_iter().for_each(|one| {
                let outcome = own(&one.call, &found);
                one.tell(outcome);
            }),
            // One of them may be what it does not take.
            CallOutcome::Failed(failure) if !failure.retry => self.apart(together),
            other => together.into_iter().for_each(|one| one.tell(other.clone())),
        }
    }

    fn apart(&self, together: Vec<Sending>) {
        for one in together {
            tokio::spawn(self.clone().send(vec![one]));
        }
    }
}

/// The one call; none where its request has no value, or one that it does not take.
fn one_for_all(together: &[Sending]) -> Option<Call> {
    let first = together.first()?;
    let several = first.call.several.as_ref()?;
    let (_, bindings, _) = several.write.terms.before.as_ref()?.batch.as_ref()?;
    let requests = together.iter().filter_map(|one| Some(one.call.several.as_ref()?.request.clone()));
    let scope = [("requests", Value::list(requests))];
    let mut request = Vec::with_capacity(bindings.len());
    for (name, expr) in bindings {
        request.push((name.as_str().into(), expr.evaluate(&Names(&scope)).ok()?));
    }
    let request = Value::Record(std::sync::Arc::new(Record(request)));
    fit::request(&several.operation.request, &request, &first.call.types).ok()?;
    let (connector, operation, account) = (several.connector.clone(), several.operation.clone(), several.account.clone());
    let types = first.call.types.clone();
    (!has_hole(&request)).then(|| Call { connector, operation, request, key: String::new(), types, account, several: None })
}

/// What the answer says of one of them: the item with the key that it asked for.
fn own(call: &Call, found: &Value) -> CallOutcome {
    let key = call.several.as_ref().and_then(|several| several.write.terms.before.as_ref()?.batch.as_ref());
    let own = key.and_then(|(_, _, key)| {
        let (Value::List(items), wanted) = (found, call.request.get(key)?) else { return None };
        items.iter().find(|item| item.get(key) == Some(wanted) || planted(Bug::BatchBeforeOfAnother))
    });
    match own {
        Some(own) => CallOutcome::Answered(own.clone()),
        None => {
            let message = format!("{} does not know it", call.connector.name);
            CallOutcome::Failed(CallFailure { code: "not-found".to_owned(), message, retry: false, retry_after: None })
        }
    }
}
