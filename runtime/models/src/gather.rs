//! Calls of one model that go out together: the first waits so long, or until there are enough. Whoever asked hears his own answer. It
//! knows nothing of what is asked; a call that is given up by whoever asked is made all the same, as others may be in it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

type Waiting<Ask, Answer> = Vec<(Ask, oneshot::Sender<Answer>)>;

struct Batch<Ask, Answer> {
    waiting: Mutex<Waiting<Ask, Answer>>,
    full: Notify,
}

type Open<Ask, Answer> = Mutex<BTreeMap<String, Arc<Batch<Ask, Answer>>>>;

/// Calls that wait for others, by what they must have in common.
pub(crate) struct Gathered<Ask, Answer>(Arc<Open<Ask, Answer>>);

impl<Ask, Answer> Default for Gathered<Ask, Answer> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Ask: Send + 'static, Answer: Send + 'static> Gathered<Ask, Answer> {
    /// The answer to one of the calls that `send` makes together, at most so many; none where it gave none. The `send` of the first counts.
    pub(crate) async fn ask<Sent>(
        &self,
        key: String,
        (most, wait): (usize, Duration),
        ask: Ask,
        send: impl FnOnce(Vec<Ask>) -> Sent + Send + 'static,
    ) -> Option<Answer>
    where
        Sent: Future<Output = Vec<Answer>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        if let Some(batch) = self.join(&key, most, (ask, tell)) {
            tokio::spawn(leave(self.0.clone(), key, wait, batch, send));
        }
        told.await.ok()
    }

    /// Joins those who wait; the batch where this is the first of it.
    fn join(&self, key: &str, most: usize, one: (Ask, oneshot::Sender<Answer>)) -> Option<Arc<Batch<Ask, Answer>>> {
        let mut open = lock(&self.0);
        let known = open.get(key).cloned();
        let batch = known.clone().unwrap_or_else(|| Arc::new(Batch { waiting: Mutex::default(), full: Notify::new() }));
        let mut waiting = lock(&batch.waiting);
        waiting.push(one);
        if waiting.len() >= most {
            // Whoever comes now begins another one.
            open.remove(key);
            batch.full.notify_one();
        } else if known.is_none() {
            open.insert(key.to_owned(), batch.clone());
        }
        drop(waiting);
        known.is_none().then_some(batch)
    }
}

async fn leave<Ask: Send, Answer: Send, Sent: Future<Output = Vec<Answer>> + Send>(
    open: Arc<Open<Ask, Answer>>,
    key: String,
    wait: Duration,
    batch: Arc<Batch<Ask, Answer>>,
    send: impl FnOnce(Vec<Ask>) -> Sent + Send,
) {
    tokio::select! {
        () = batch.full.notified() => {}
        () = tokio::time::sleep(wait) => {}
    }
    {
        let mut open = lock(&open);
        if open.get(&key).is_some_and(|now| Arc::ptr_eq(now, &batch)) {
            open.remove(&key);
        }
    }
    let (asks, tells): (Vec<Ask>, Vec<oneshot::Sender<Answer>>) = std::mem::take(&mut *lock(&batch.waiting)).into_iter().unzip();
    for (tell, answer) in tells.into_iter().zip(send(asks).await) {
        // Whoever gave up hears nothing.
        drop(tell.send(answer));
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
