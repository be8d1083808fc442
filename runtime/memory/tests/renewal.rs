//! Another embedding model: the old index answers until the new one is whole, what is made stays made, and nothing of who is forgotten is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::Semaphore;
use tradewind_engine::finding::{Finder, Renewing, Sought};
use tradewind_engine::memory::Fact;
use tradewind_engine::ports::{BoxFuture, Classification, Embedded, Models};
use tradewind_engine::vectors::Vectors;
use tradewind_lang::money::{Currency, Money};
use tradewind_lang::plan::{Memory, MemoryTerms, Model};
use tradewind_lang::value::Value;
use tradewind_memory::Ranker;

/// Two models that find the opposite of each other. The second one is slow, and fails when it is told to.
struct Two {
    /// How often each text was embedded by the second.
    texts: Mutex<BTreeMap<String, usize>>,
    batches: AtomicUsize,
    may_go_on: Semaphore,
    fails: AtomicBool,
    /// The second gives vectors of another length for texts than for questions.
    is_odd: AtomicBool,
}

impl Two {
    fn new(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            texts: Mutex::default(),
            batches: AtomicUsize::new(0),
            may_go_on: Semaphore::new(permits),
            fails: AtomicBool::new(false),
            is_odd: AtomicBool::new(false),
        })
    }
}

impl Models for Two {
    fn classify(&self, _: Arc<Model>, _: Arc<[String]>, _: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(std::future::ready(Err("it classifies nothing".to_owned())))
    }

    fn embed(&self, model: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        let is_new = model.is_some_and(|model| model.name == "new");
        let number = |text: &str| text.rsplit(' ').next().and_then(|word| word.parse::<f32>().ok()).unwrap_or(0.0);
        // The old one says that large numbers are near to what is asked, the new one that small ones are.
        let of = move |text: &Arc<str>| match number(text) / 10_000.0 {
            share if is_new => vec![1.0 - share, share],
            share => vec![share, 1.0 - share],
        };
        Box::pin(async move {
            let is_many = texts.len() > 1;
            if is_new && is_many {
                self.may_go_on.acquire().await.unwrap().forget();
                self.batches.fetch_add(1, Ordering::SeqCst);
                if self.fails.load(Ordering::SeqCst) {
                    return Err("it cannot be reached".to_owned());
                }
                let mut counted = self.texts.lock().unwrap();
                texts.iter().for_each(|text| *counted.entry(text.to_string()).or_default() += 1);
            }
            let is_odd = is_new && is_many && self.is_odd.load(Ordering::SeqCst);
            let longer = |vector: Vec<f32>| if is_odd { [vector, vec![0.5]].concat() } else { vector };
            let vectors = texts.iter().map(of).map(longer).collect();
            Ok(Embedded { vectors, by: if is_new { "the-new-model" } else { "the-old-model" }.to_owned() })
        })
    }
}

fn model(name: &str) -> Arc<Model> {
    let price = Money::zero(Currency::parse("USD").unwrap());
    let (provider, rows, label) = ("embedding".to_owned(), String::new(), String::new());
    Arc::new(Model { name: name.to_owned(), provider, rows, label, price, remote: None, gate: None })
}

fn memory(model: &str) -> Arc<Memory> {
    let terms = MemoryTerms { embed: Some(("text".to_owned(), Some(model.to_owned()))), ..MemoryTerms::default() };
    let (name, record) = ("notes".to_owned(), "note".to_owned());
    Arc::new(Memory { name, tier: "long-term".to_owned(), record, subject: String::new(), retention: None, cap: None, terms })
}

fn facts(many: u64) -> Vec<Arc<Fact>> {
    (1..=many).map(|n| Arc::new(Fact::new((n, 0), 0, Value::record([("text", Value::string(format!("fact {n}")))])))).collect()
}

/// The nearest fact, and what ranked it.
async fn nearest(models: &Arc<Two>, ranker: &Ranker, facts: &[Arc<Fact>], by: &str) -> Result<(u64, String), String> {
    let (passes, facts) = (vec![true; facts.len()], facts.to_vec());
    let sought = Sought {
        memory: memory(by),
        model: Some(model(by)),
        subject: None,
        query: "0".into(),
        most: 1,
        facts: facts.clone(),
        passes,
        is_present: true,
        vectors: Vectors::of_process(models.clone()),
    };
    let ranked = ranker.find(sought).await?;
    let best = ranked.hits.first().and_then(|(place, _)| facts.get(*place)).map(|fact| fact.seq);
    Ok((best.unwrap(), ranked.by.to_string()))
}

async fn until(mut is_so: impl FnMut() -> bool) {
    let mut looks = 0;
    while !is_so() {
        looks += 1;
        assert!(looks < 10_000, "it is never so");
        tokio::task::yield_now().await;
    }
}

fn far(ranker: &Ranker) -> Vec<(u64, u64, Option<String>)> {
    let told = |of: &Renewing| (of.done, of.of, of.failed.as_ref().map(ToString::to_string));
    ranker.renewing().iter().map(told).collect()
}

#[tokio::test]
async fn the_old_index_answers_until_the_new_one_is_whole_and_it_is_told_how_far_that_is() {
    let models = Two::new(0);
    let ranker = Ranker::default();
    let mut facts = facts(3_000);
    assert_eq!(nearest(&models, &ranker, &facts, "old").await.unwrap(), (1, "words and vectors of the-old-mode".to_owned()));
    assert_eq!(far(&ranker), []);
    // The memory names another model from now on: nothing of it is there yet.
    assert_eq!(nearest(&models, &ranker, &facts, "new").await.unwrap().1, "words and vectors of the-old-mode");
    assert_eq!(far(&ranker), [(0, 3_000, None)]);
    models.may_go_on.add_permits(1);
    until(|| far(&ranker)[0].0 == 1_024).await;
    // What is new meanwhile is found, by the old one.
    facts.push(Arc::new(Fact::new((3_001, 0), 0, Value::record([("text", Value::string("fact 0"))]))));
    assert_eq!(nearest(&models, &ranker, &facts, "new").await.unwrap(), (3_001, "words and vectors of the-old-mode".to_owned()));
    models.may_go_on.add_permits(9);
    until(|| far(&ranker).first().is_none_or(|(done, ..)| *done == 3_000)).await;
    let (found, by) = nearest(&models, &ranker, &facts, "new").await.unwrap();
    assert_eq!((found, by.as_str()), (3_001, "words and vectors of the-new-mode"));
    assert_eq!(far(&ranker), []);
    assert!(models.texts.lock().unwrap().values().all(|times| *times == 1), "no text was embedded twice");
}

#[tokio::test]
async fn what_fails_on_the_way_goes_on_where_it_stopped() {
    let models = Two::new(1);
    let ranker = Ranker::default();
    let facts = facts(3_000);
    nearest(&models, &ranker, &facts, "old").await.unwrap();
    nearest(&models, &ranker, &facts, "new").await.unwrap();
    until(|| far(&ranker)[0].0 == 1_024).await;
    models.fails.store(true, Ordering::SeqCst);
    models.may_go_on.add_permits(1);
    until(|| far(&ranker)[0].2.is_some()).await;
    assert_eq!(far(&ranker), [(1_024, 3_000, Some("it cannot be reached".to_owned()))]);
    assert_eq!(nearest(&models, &ranker, &facts, "new").await.unwrap().1, "words and vectors of the-old-mode");
    models.fails.store(false, Ordering::SeqCst);
    models.may_go_on.add_permits(9);
    until(|| far(&ranker)[0].0 == 3_000).await;
    assert_eq!(nearest(&models, &ranker, &facts, "new").await.unwrap().1, "words and vectors of the-new-mode");
    assert!(models.texts.lock().unwrap().values().all(|times| *times == 1), "what was made stayed made");
}

#[tokio::test]
async fn nothing_is_made_of_who_was_forgotten_while_it_was_under_way() {
    let models = Two::new(1);
    let ranker = Ranker::default();
    let facts = facts(3_000);
    nearest(&models, &ranker, &facts, "old").await.unwrap();
    nearest(&models, &ranker, &facts, "new").await.unwrap();
    until(|| far(&ranker)[0].0 == 1_024).await;
    // Of those that are made, and of those that are just being made.
    let is_gone = |fact: &&Arc<Fact>| fact.seq.is_multiple_of(3);
    ranker.forget(facts.iter().filter(is_gone).map(|fact| (Arc::from("notes"), fact.id())).collect());
    let left: Vec<Arc<Fact>> = facts.iter().filter(|fact| !is_gone(fact)).cloned().collect();
    models.may_go_on.add_permits(99);
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(nearest(&models, &ranker, &left, "new").await.unwrap().1, "words and vectors of the-old-mode");
    until(|| far(&ranker)[0].0 == 2_000).await;
    assert_eq!(nearest(&models, &ranker, &left, "new").await.unwrap().1, "words and vectors of the-new-mode");
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ranker.size().await, (1, 2_000, 2_000));
}

#[tokio::test]
async fn vectors_of_another_length_than_the_question_are_refused() {
    let models = Two::new(99);
    models.is_odd.store(true, Ordering::SeqCst);
    let ranker = Ranker::default();
    let why = nearest(&models, &ranker, &facts(20), "new").await.unwrap_err();
    assert_eq!(why, "the model `new` gave a vector of 3 numbers where 2 were expected, as those before have");
}
