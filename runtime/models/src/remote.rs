//! Models behind a network: when a call is sent, beside which others, and whether it is sent at all. It sends a second call where a route
//! hedges, leaves a model alone where a route's breaker says so, keeps the limits of a model, gathers what goes out together and keeps
//! loaded what is to be. It retries and judges nothing.

use crate::assets::Assets;
use crate::breaker::Breakers;
use crate::gather::Gathered;
use crate::limits::{Limits, Room};
use crate::predict::Asked;
use crate::warmth::Warmth;
use crate::wire::{OpenSecret, Wire};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tradewind_engine::ports::Made;
use tradewind_engine::question::{Answer, Prompt, Silence, Turn};
use tradewind_lang::plan::{Micros, Model, ModelLimit, Predict, Remote};

/// How many calls are remembered for a hedge, and how many there must be.
const REMEMBERED: usize = 200;
const ENOUGH: usize = 20;
/// Bytes of a token, more or less, where a limit of tokens is kept before anybody has counted them.
const TOKEN: u64 = 4;

/// Models behind a network.
pub struct RemoteModels {
    post: Arc<Post>,
    breakers: Breakers,
    gathered: Gathered<Prompt, Answer>,
    warmth: Warmth,
    /// How long the last calls of each model took.
    times: Mutex<BTreeMap<String, VecDeque<Duration>>>,
}

/// What sends, within the limits of a model.
struct Post {
    wire: Wire,
    limits: Limits,
}

impl std::fmt::Debug for RemoteModels {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RemoteModels").finish_non_exhaustive()
    }
}

impl RemoteModels {
    /// Models whose keys are opened when they are needed, and kept nowhere.
    #[must_use]
    pub fn new(secrets: OpenSecret) -> Self {
        Self::with(secrets, None)
    }

    /// The same, which show and make files of a folder.
    #[must_use]
    pub fn with_assets(secrets: OpenSecret, assets: Assets) -> Self {
        Self::with(secrets, Some(assets))
    }

    fn with(secrets: OpenSecret, assets: Option<Assets>) -> Self {
        // Somebody else may have chosen a provider already; any does.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let post = Arc::new(Post { wire: Wire::new(secrets, assets), limits: Limits::default() });
        Self { post, breakers: Breakers::default(), gathered: Gathered::default(), warmth: Warmth::default(), times: Mutex::default() }
    }

    /// Asks once.
    pub async fn say(&self, prompt: &Prompt) -> Answer {
        let (route, model) = (&*prompt.question.route, prompt.model.name.as_str());
        let leave = match self.breakers.leave(route, model, prompt.breaker.as_ref()) {
            Ok(leave) => leave,
            Err(left) => {
                let message = format!("it is left alone for {} s, as it failed too often", left.as_secs());
                return Answer::Silent(Silence::free("breaker", message, false));
            }
        };
        let answer = self.hedged(prompt).await;
        let is_well = match &answer {
            Answer::Said(_) => true,
            // What it refuses, or cannot take, says nothing of whether it is well.
            Answer::Silent(silence) => !silence.retry && !matches!(silence.code.as_str(), "time-out" | "connection" | "connect"),
        };
        leave.done(is_well);
        if let Answer::Said(_) = &answer {
            self.keep(&prompt.model);
        }
        answer
    }

    /// A process begins that may ask this model: it is loaded now, and stays so for as long as it says.
    pub async fn warm(&self, model: &Arc<Model>) {
        if let Some(remote) = model.remote.as_ref().filter(|remote| remote.warm.is_some()) {
            self.post.wire.ping(model, remote).await;
            self.keep(model);
        }
    }

    /// Asks once for vectors, when there is room for it.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn vectors(&self, model: &Arc<Model>, texts: &[Arc<str>], within: Micros) -> Result<Made, Silence> {
        let Some(remote) = &model.remote else {
            return Err(Silence::free("request", format!("`{}` is behind no network", model.name), false));
        };
        let (begun, within) = (Instant::now(), span(within));
        let tokens = texts.iter().map(|text| text.len() as u64 / TOKEN + 1).sum();
        let Some(room) = self.post.limits.room(&model.name, remote.limit.as_ref(), tokens, within).await else {
            return Err(Silence::free("limit", format!("the limit of `{}` leaves no room in time", model.name), false));
        };
        let sent = Instant::now();
        let mut made = self.post.wire.vectors(model, remote, texts, within.saturating_sub(begun.elapsed())).await;
        match &mut made {
            Ok(made) => {
                made.took = i64::try_from(sent.elapsed().as_micros()).unwrap_or(i64::MAX);
                made.usage.into_iter().filter(|usage| usage.input > 0).for_each(|usage| room.counted(usage.input));
                self.keep(model);
            }
            Err(silence) => {
                if let ("http-429", Some(pause)) = (silence.code.as_str(), silence.retry_after) {
                    room.close(span(pause));
                }
            }
        }
        tracing::debug!(
            model = model.name,
            texts = texts.len(),
            became = made.as_ref().err().map_or("answered", |silence| &silence.code),
            "vectors"
        );
        made
    }

    fn keep(&self, model: &Arc<Model>) {
        let Some(keep) = model.remote.as_ref().and_then(|remote| remote.warm) else { return };
        let (post, of) = (self.post.clone(), model.clone());
        let ping = Arc::new(move || {
            let (post, of) = (post.clone(), of.clone());
            let asked: std::pin::Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move {
                if let Some(remote) = &of.remote {
                    post.wire.ping(&of, remote).await;
                }
            });
            asked
        });
        self.warmth.keep(&model.name, span(keep), ping);
    }

    async fn hedged(&self, prompt: &Prompt) -> Answer {
        let Some(usual) = prompt.hedge.and_then(|share| self.usual(&prompt.model.name, share)) else {
            return self.once(prompt, None).await;
        };
        let mut first = Box::pin(self.once(prompt, None));
        tokio::select! {
            answer = &mut first => return answer,
            () = tokio::time::sleep(usual) => {}
        }
        // Where there is no room for a second call, the first may still be waiting for it.
        let Some(room) = self.post.limits.room_now(&prompt.model.name, limit_of(&prompt.model), estimated(prompt)) else {
            return first.await;
        };
        let mut second = Box::pin(self.once(prompt, Some(room)));
        let (answer, other) = tokio::select! {
            answer = &mut first => (answer, second),
            answer = &mut second => (answer, first),
        };
        let answer = if let Answer::Silent(_) = answer { other.await } else { answer };
        match answer {
            Answer::Said(mut reply) => {
                reply.hedged = true;
                Answer::Said(reply)
            }
            Answer::Silent(silence) => Answer::Silent(Silence { doubt: true, usage: None, ..silence }),
        }
    }

    /// The time that a share of the last calls kept.
    fn usual(&self, model: &str, share: f64) -> Option<Duration> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sorted: Vec<Duration> = times.get(model).filter(|times| times.len() >= ENOUGH)?.iter().copied().collect();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few hundred, from 0 to 1")]
        let place = (sorted.len() as f64 * share.clamp(0.0, 1.0)) as usize;
        sorted.get(place.min(sorted.len() - 1)).copied()
    }

    async fn once(&self, prompt: &Prompt, room: Option<Room>) -> Answer {
        let Some(remote) = &prompt.model.remote else {
            return Answer::Silent(Silence::free("request", format!("`{}` is behind no network", prompt.model.name), false));
        };
        let answer = match remote.batch {
            // A second call goes alone: what it is to overtake may be waiting in a batch.
            Some((most, wait)) if room.is_none() => self.together(prompt, remote, (most as usize, span(wait))).await,
            _ => self.post.alone(prompt, room).await,
        };
        if let Answer::Said(reply) = &answer {
            let took = span(reply.took);
            let mut times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
            let times = times.entry(prompt.model.name.clone()).or_default();
            times.push_back(took);
            if times.len() > REMEMBERED {
                times.pop_front();
            }
        }
        let became = if let Answer::Silent(silence) = &answer { silence.code.as_str() } else { "answered" };
        tracing::debug!(model = prompt.model.name, became, "question");
        answer
    }

    /// Asks with others of the same model: in one request where it predicts, at the same moment where it talks.
    async fn together(&self, prompt: &Prompt, remote: &Remote, (most, wait): (usize, Duration)) -> Answer {
        let key = match &remote.predict {
            // One request says to all of them what they have in common.
            Some(_) => {
                let asked = match self.post.wire.asked(prompt) {
                    Ok(asked) => asked,
                    Err(silence) => return Answer::Silent(silence),
                };
                format!("{}\n{:?}\n{:?}\n{:?}\n{}", prompt.model.name, asked.labels, asked.fields, asked.images, asked.system)
            }
            None => prompt.model.name.clone(),
        };
        let post = self.post.clone();
        let answer = self.gathered.ask(key, (most, wait), prompt.clone(), move |prompts| async move { post.together(prompts).await });
        let lost = || Answer::Silent(Silence::doubtful("connection", "nobody said what became of the call"));
        answer.await.unwrap_or_else(lost)
    }
}

impl Post {
    /// One call, when there is room for it.
    async fn alone(&self, prompt: &Prompt, room: Option<Room>) -> Answer {
        let Some(remote) = &prompt.model.remote else {
            return Answer::Silent(Silence::free("request", format!("`{}` is behind no network", prompt.model.name), false));
        };
        match &remote.predict {
            Some(how) => self.predict(&[prompt], (remote, how), room).await.pop().unwrap_or_else(|| no_room(prompt)),
            None => self.talk(prompt, remote, room).await,
        }
    }

    async fn together(self: Arc<Self>, prompts: Vec<Prompt>) -> Vec<Answer> {
        let first = prompts.first().and_then(|first| Some((first.model.remote.clone()?, first)));
        if let Some((remote, how)) = first.as_ref().and_then(|(remote, _)| Some((remote, remote.predict.as_ref()?))) {
            let answers = self.predict(&prompts.iter().collect::<Vec<_>>(), (remote, how), None).await;
            // One of them may be what it does not take: then each is asked about by itself.
            if prompts.len() == 1 || !answers.iter().all(is_refused) {
                return answers;
            }
        }
        let mut under_way = Vec::new();
        for prompt in prompts {
            let post = self.clone();
            under_way.push(tokio::spawn(async move { post.alone(&prompt, None).await }));
        }
        let mut answers = Vec::new();
        for call in under_way {
            let lost = |_| Answer::Silent(Silence::doubtful("connection", "nobody said what became of the call"));
            answers.push(call.await.unwrap_or_else(lost));
        }
        answers
    }

    async fn talk(&self, prompt: &Prompt, remote: &Remote, room: Option<Room>) -> Answer {
        let (begun, within) = (Instant::now(), span(prompt.within));
        let room = match room {
            Some(room) => room,
            None => match self.limits.room(&prompt.model.name, remote.limit.as_ref(), estimated(prompt), within).await {
                Some(room) => room,
                None => return no_room(prompt),
            },
        };
        let sent = Instant::now();
        let mut answer = self.wire.talk(prompt, remote, within.saturating_sub(begun.elapsed())).await;
        settle(&mut answer, sent.elapsed(), &room);
        answer
    }

    async fn predict(&self, prompts: &[&Prompt], (remote, how): (&Remote, &Predict), room: Option<Room>) -> Vec<Answer> {
        let Some(first) = prompts.first() else { return Vec::new() };
        let (begun, within) = (Instant::now(), prompts.iter().map(|prompt| prompt.within).min().map(span).unwrap_or_default());
        let tokens = prompts.iter().map(|prompt| estimated(prompt)).sum();
        let room = match room {
            Some(room) => room,
            None => match self.limits.room(&first.model.name, remote.limit.as_ref(), tokens, within).await {
                Some(room) => room,
                None => return prompts.iter().map(|prompt| no_room(prompt)).collect(),
            },
        };
        // Those of one request were shown the same, if anything.
        let asked: Result<Vec<Asked>, Silence> = prompts.iter().map(|prompt| self.wire.asked(prompt)).collect();
        let asked = match asked {
            Ok(asked) => asked,
            Err(silence) => return prompts.iter().map(|_| Answer::Silent(silence.clone())).collect(),
        };
        let (asked, sent): (Vec<&Asked>, Instant) = (asked.iter().collect(), Instant::now());
        let mut answers = self.wire.predict(&first.model, (remote, how), &asked, within.saturating_sub(begun.elapsed())).await;
        answers.iter_mut().for_each(|answer| settle(answer, sent.elapsed(), &room));
        answers
    }
}

/// How long a call took, and what its provider says of those to come.
fn settle(answer: &mut Answer, took: Duration, room: &Room) {
    match answer {
        Answer::Said(reply) => {
            reply.took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX);
            if let Some(usage) = reply.usage.filter(|usage| usage.input > 0) {
                room.counted(usage.input.saturating_add(usage.output));
            }
        }
        Answer::Silent(silence) => {
            if let ("http-429", Some(pause)) = (silence.code.as_str(), silence.retry_after) {
                room.close(span(pause));
            }
        }
    }
}

/// Whether a provider took nothing of a request, and never will.
fn is_refused(answer: &Answer) -> bool {
    matches!(answer, Answer::Silent(silence) if !silence.doubt && !silence.retry && silence.code.starts_with("http-4"))
}

fn no_room(prompt: &Prompt) -> Answer {
    let message = format!("the limit of `{}` leaves no room in time", prompt.model.name);
    Answer::Silent(Silence::free("limit", message, false))
}

fn limit_of(model: &Model) -> Option<&ModelLimit> {
    model.remote.as_ref()?.limit.as_ref()
}

/// Tokens that a call may come to, more or less.
fn estimated(prompt: &Prompt) -> u64 {
    let said: u64 = prompt.turns.iter().map(Turn::bytes).sum();
    let most = prompt.model.remote.as_ref().and_then(|remote| remote.max_output).unwrap_or(0);
    said / TOKEN + 1 + u64::from(most)
}

fn span(micros: Micros) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or_default())
}
