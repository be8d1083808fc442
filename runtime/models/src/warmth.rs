//! Models that are kept loaded: after a call, and when a process begins, they are asked something that costs nothing, again and again
//! until nobody has called for so long. What comes back is not looked at; a model that cannot be reached is asked again next time.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest and the shortest time between two of those questions.
const LONGEST: Duration = Duration::from_secs(60);
const SHORTEST: Duration = Duration::from_millis(100);

/// Asks once.
pub(crate) type Ping = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// When each model was last called. Those in it are being kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Warmth(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Warmth {
    /// A model was called, or a process begins that may call it.
    pub(crate) fn keep(&self, model: &str, keep: Duration, ping: Ping) {
        let known = self.lock().insert(model.to_owned(), Instant::now());
        if known.is_none() {
            let (warmth, model) = (self.clone(), model.to_owned());
            tokio::spawn(async move { warmth.go_on(&model, keep, ping).await });
        }
    }

    async fn go_on(&self, model: &str, keep: Duration, ping: Ping) {
        let pause = (keep / 4).clamp(SHORTEST, LONGEST);
        loop {
            tokio::time::sleep(pause).await;
            let since = {
                let mut called = self.lock();
                let since = called.get(model).map(Instant::elapsed);
                if since.is_none_or(|since| since >= keep) {
                    called.remove(model);
                    return;
                }
                since.unwrap_or_default()
            };
            // A call keeps it as well.
            if since >= pause {
                ping().await;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
