//! Vectors of texts, for whoever ranks facts. The program's own model is asked at once. A model behind a network is asked by the engine
//! alone: the question is an intent, durable with all that it may cost before its first byte leaves, and its answer settles it. The log
//! holds how much was asked and what it cost, and no text. Nothing is asked that no budget has room for, and nothing by who only looks.

use crate::executor::Message;
use crate::finding::Unfound;
use crate::guard::Claim;
use crate::ports::{Clock, Embedded, Made, Models};
use crate::question::{Silence, Usage};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tradewind_lang::money::Money;
use tradewind_lang::plan::{MODEL_TIMEOUT, Memory, Micros, Model};

/// How often a request is sent at most: what certainly did nothing is sent again.
const ATTEMPTS: u32 = 3;
/// The longest pause before it is, in microseconds; a provider that wants a longer one is given up.
const LONGEST_PAUSE: Micros = 30_000_000;
/// The pause where a provider wants none.
const PAUSE: Micros = 500_000;
/// Texts of a request, where the model does not say, and at most.
const TEXTS: usize = 128;
const MOST_TEXTS: usize = 2_048;
/// Bytes of the texts of a request.
const BYTES: usize = 200_000;

/// A question for vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorsAsked {
    /// Its name.
    pub key: Arc<str>,
    /// The memory that they are for.
    pub memory: Arc<str>,
    /// The model.
    pub model: Arc<str>,
    /// How many texts.
    pub texts: u64,
    /// Of how many bytes together.
    pub bytes: u64,
    /// The most that it may cost; none where it is free.
    pub reserved: Option<Money>,
    /// What it takes of budgets.
    pub claims: Vec<Claim>,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VectorsAnswered {
    /// Its name.
    pub key: Arc<str>,
    /// The model.
    pub model: Arc<str>,
    /// Why there are none; none where there are.
    pub failed: Option<Arc<str>>,
    /// What the provider counts.
    pub usage: Option<Usage>,
    /// What it cost where that is certain; where it is not, the reservation stays.
    pub spent: Option<Money>,
}

/// Who pays for a question, beside the memory's own budgets: a run whose flow has a cap.
#[derive(Debug, Clone)]
pub(crate) struct Payer {
    /// The whole run.
    pub(crate) run: Arc<str>,
    /// Its flow.
    pub(crate) flow: String,
    /// The cap.
    pub(crate) cap: Money,
}

/// What is to be reserved.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) memory: Arc<str>,
    pub(crate) model: Arc<Model>,
    /// How long each text is, in bytes.
    pub(crate) sizes: Vec<u64>,
    pub(crate) payer: Option<Payer>,
}

/// For what vectors are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// What is looked for: the run that looks pays for it, too.
    Question,
    /// What is found in.
    Facts,
}

/// The name of a reservation; none where nothing is kept of it. Or why there is none.
pub(crate) type Reserved = Result<Option<Arc<str>>, Unfound>;

/// The loop that reserves and settles.
#[derive(Clone)]
struct Till {
    /// It does not keep the loop from ending.
    outside: mpsc::WeakSender<Message>,
    clock: Arc<dyn Clock>,
}

/// Whom to ask for vectors.
#[derive(Clone)]
pub struct Vectors {
    models: Arc<dyn Models>,
    till: Option<Till>,
    payer: Option<Payer>,
}

impl std::fmt::Debug for Vectors {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Vectors").field("payer", &self.payer).finish_non_exhaustive()
    }
}

impl Vectors {
    /// Those of models in this process: without an engine nobody else is asked.
    #[must_use]
    pub fn of_process(models: Arc<dyn Models>) -> Self {
        Self { models, till: None, payer: None }
    }

    /// Those of all models, paid for by way of the loop.
    pub(crate) fn paid(models: Arc<dyn Models>, outside: &mpsc::Sender<Message>, clock: Arc<dyn Clock>) -> Self {
        Self { models, till: Some(Till { outside: outside.downgrade(), clock }), payer: None }
    }

    /// The same, for a run whose flow has a cap.
    pub(crate) fn for_run(&self, payer: Option<Payer>) -> Self {
        Self { payer, ..self.clone() }
    }

    /// Vectors of texts, each normalised and all of one length; by the model of the program where none is named.
    ///
    /// # Errors
    /// No budget has room, nobody answers, or what comes is no vector for each text.
    pub async fn embed(&self, memory: &Memory, model: Option<Arc<Model>>, texts: Vec<Arc<str>>, of: For) -> Result<Embedded, Unfound> {
        let Some(model) = model.as_ref().filter(|model| model.remote.is_some()).cloned() else {
            return self.models.embed(model, texts).await.map_err(Unfound::from);
        };
        let Some(till) = &self.till else {
            return Err(Unfound::from(format!("nothing here reaches the embedding model `{}`", model.name)));
        };
        let sizes = texts.iter().map(|text| text.len() as u64).collect();
        let payer = self.payer.clone().filter(|_| of == For::Question);
        let key = till.reserve(Wanted { memory: memory.name.as_str().into(), model: model.clone(), sizes, payer }).await?;
        let many = texts.len();
        let made = self.asked(&model, texts, till).await;
        if let Some(key) = key {
            till.settle(key, model.clone(), &made).await;
        }
        match made {
            Ok(made) => Ok(Embedded { vectors: fitting(&model, made.vectors, many)?, by: name_of(&model) }),
            Err(silence) => Err(Unfound::coded(&silence.code, format!("the model `{}` gives no vectors: {}", model.name, silence.message))),
        }
    }

    /// Sends it, again where it certainly did nothing.
    async fn asked(&self, model: &Arc<Model>, texts: Vec<Arc<str>>, till: &Till) -> Result<Made, Silence> {
        let mut attempt = 1;
        loop {
            let silence = match self.models.vectors(model.clone(), texts.clone(), MODEL_TIMEOUT).await {
                Ok(made) => return Ok(made),
                Err(silence) => silence,
            };
            let pause = silence.retry_after.unwrap_or(PAUSE.saturating_mul(i64::from(attempt)));
            if silence.doubt || !silence.retry || attempt >= ATTEMPTS || pause > LONGEST_PAUSE {
                return Err(silence);
            }
            attempt += 1;
            till.clock.sleep_until(till.clock.now().saturating_add(pause)).await;
        }
    }
}

impl Till {
    async fn reserve(&self, wanted: Wanted) -> Reserved {
        let stopped = || Unfound::from("the engine was shut down");
        let model = wanted.model.name.clone();
        let (reply, answer) = oneshot::channel();
        let query = Message::Query(Box::new(move |shard| shard.reserve_vectors(wanted, reply)));
        self.outside.upgrade().ok_or_else(stopped)?.send(query).await.map_err(|_| stopped())?;
        let (reserved, durable) = answer.await.map_err(|_| stopped())??;
        match durable {
            None => Ok(reserved),
            // Another question took what was left in the order of the log.
            Some(durable) => match durable.await {
                Ok(()) => Ok(reserved),
                Err(_) => {
                    Err(Unfound::coded(UNPAID, format!("no budget has room for what `{model}` may cost, or the engine was shut down")))
                }
            },
        }
    }

    async fn settle(&self, key: Arc<str>, model: Arc<Model>, made: &Result<Made, Silence>) {
        let outcome = made.as_ref().map(|made| (made.usage, made.took)).map_err(Clone::clone);
        let query = Message::Query(Box::new(move |shard| shard.settle_vectors(key, &model, outcome)));
        if let Some(outside) = self.outside.upgrade() {
            // Where the loop has ended nothing is settled: what was reserved counts as spent.
            let _ = outside.send(query).await;
        }
    }
}

/// The code of what no budget has room for.
pub const UNPAID: &str = "budget";
/// The code of vectors of another length than was expected.
pub const UNFIT: &str = "dimension";

/// The name that vectors of a model go by, hexadecimal: another address, provider or name is another model.
#[must_use]
pub fn name_of(model: &Model) -> String {
    let mut digest = blake3::Hasher::new();
    let remote = model.remote.as_ref();
    let parts =
        [Some(model.provider.as_str()), remote.map(|remote| remote.model.as_str()), remote.and_then(|remote| remote.base_url.as_deref())];
    for part in parts {
        let part = part.unwrap_or_default();
        digest.update(&(part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().to_hex().to_string()
}

/// How many texts go out together to a model behind a network, and of how many bytes.
#[must_use]
pub fn batch_of(model: &Model) -> (usize, usize) {
    let declared = model.remote.as_ref().and_then(|remote| remote.batch).map(|(most, _)| most as usize);
    (declared.unwrap_or(TEXTS).clamp(1, MOST_TEXTS), BYTES)
}

/// What a provider gave, if it is a vector of one length for each text; normalised.
fn fitting(model: &Model, vectors: Vec<Vec<f32>>, many: usize) -> Result<Vec<Vec<f32>>, Unfound> {
    let name = &model.name;
    if vectors.len() != many {
        return Err(Unfound::coded("schema", format!("the model `{name}` gave {} vectors for {many} texts", vectors.len())));
    }
    let wanted = vectors.first().map_or(0, Vec::len);
    if let Some(other) = vectors.iter().find(|vector| vector.len() != wanted) {
        let message = format!("the model `{name}` gave a vector of {} numbers where {wanted} were expected, as the first has", other.len());
        return Err(Unfound::coded(UNFIT, message));
    }
    if wanted == 0 {
        return Err(Unfound::coded(UNFIT, format!("the model `{name}` gave vectors of no number at all")));
    }
    Ok(vectors.into_iter().map(normalised).collect())
}

fn normalised(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|part| f64::from(*part) * f64::from(*part)).sum::<f64>().sqrt();
    if length > 0.0 && length.is_finite() {
        #[expect(clippy::cast_possible_truncation, reason = "at most 1, as each is divided by the length")]
        vector.iter_mut().for_each(|part| *part = (f64::from(*part) / length) as f32);
    }
    vector
}
