//! Tells a git host how commits stand, in the background: what is told of a commit takes the place of what waits to be told of it, and a
//! host that cannot be reached holds up nothing else.

use crate::pace::Pace;
use crate::statuses::{Statuses, Told};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Most commits that wait to be told of; the oldest go first.
const MOST: usize = 32;

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Told>,
    /// What the host knows, of the newest commits; the newest last.
    told: VecDeque<Told>,
    /// Why the last attempt came to nothing.
    trouble: Option<String>,
}

/// Whoever tells.
pub struct Teller {
    queue: Arc<Mutex<Queue>>,
    news: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Teller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Teller {
    /// Begins to tell, under a name. `told`: what the host knows already.
    #[must_use]
    pub fn begin(statuses: Statuses, name: String, told: Option<Told>) -> Self {
        let queue = Arc::new(Mutex::new(Queue { told: told.into_iter().collect(), ..Queue::default() }));
        let news = Arc::new(Notify::new());
        let task = tokio::spawn(work(statuses, name, queue.clone(), news.clone()));
        Self { queue, news, task }
    }

    /// Has something told, unless the host knows it.
    pub fn tell(&self, told: Told) {
        {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.waiting.retain(|waiting| waiting.commit != told.commit);
            if queue.told.contains(&told) {
                return;
            }
            queue.waiting.push_back(told);
            if queue.waiting.len() > MOST {
                queue.waiting.pop_front();
            }
        }
        self.news.notify_one();
    }

    /// The last that the host knows.
    #[must_use]
    pub fn told(&self) -> Option<Told> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).told.back().cloned()
    }

    /// Why the last attempt came to nothing; none where it did not.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).trouble.clone()
    }

    /// Waits until all is told, for so long at most.
    pub async fn settle(&self, longest: Duration) {
        let all = async {
            loop {
                if self.queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.is_empty() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // What was not told is told by the next process.
        let _ = tokio::time::timeout(longest, all).await;
    }
}

async fn work(statuses: Statuses, name: String, queue: Arc<Mutex<Queue>>, news: Arc<Notify>) {
    let mut pace = Pace::new(Duration::from_secs(1));
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).waiting.front().cloned();
        let Some(next) = next else {
            news.notified().await;
            continue;
        };
        let answer = statuses.tell(&next, &name).await;
        let again = {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            let (again, trouble) = match answer {
                Ok(()) => {
                    pace.reached();
                    queue.told.retain(|told| told.commit != next.commit);
                    queue.told.push_back(next.clone());
                    if queue.told.len() > MOST {
                        queue.told.pop_front();
                    }
                    (false, None)
                }
                Err(failed) => {
                    pace.failed();
                    tracing::warn!("the status of {} was not written: {}", next.commit.short(), failed.why);
                    (failed.may_do_later, Some(failed.why))
                }
            };
            queue.trouble = trouble;
            if !again {
                queue.waiting.retain(|waiting| *waiting != next);
            }
            again
        };
        if again {
            tokio::time::sleep(pace.pause()).await;
        }
    }
}
