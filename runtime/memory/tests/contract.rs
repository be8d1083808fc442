//! The finder as whoever opens an engine meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tradewind_engine::contract;
use tradewind_engine::finding::{Finder, Sought};
use tradewind_engine::memory::Fact;
use tradewind_engine::ports::{BoxFuture, Classification, Embedded, Models};
use tradewind_engine::vectors::Vectors;
use tradewind_lang::plan::{Memory, MemoryTerms, Model};
use tradewind_lang::value::Value;
use tradewind_memory::Ranker;

/// Vectors of three kinds of words: what is broken, what is late, what is bought. It counts what it is asked.
#[derive(Default)]
struct Kinds {
    embedded: AtomicUsize,
    texts: Mutex<BTreeMap<String, usize>>,
}

const KINDS: [&[&str]; 3] = [&["broken", "cracked", "defect"], &["late", "delayed", "slow"], &["buy", "order", "price"]];

impl Models for Kinds {
    fn classify(&self, _: Arc<Model>, _: Arc<[String]>, _: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(std::future::ready(Err("it classifies nothing".to_owned())))
    }

    fn embed(&self, _: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        self.embedded.fetch_add(texts.len(), Ordering::Relaxed);
        for text in &texts {
            *self.texts.lock().unwrap().entry(text.to_string()).or_default() += 1;
        }
        let count = |text: &str, kind: &[&str]| kind.iter().filter(|word| text.contains(**word)).count() as f32;
        let vector = |text: &Arc<str>| KINDS.iter().map(|kind| count(text, kind)).collect::<Vec<f32>>();
        let vectors = texts.iter().map(vector).collect();
        Box::pin(std::future::ready(Ok(Embedded { vectors, by: "kinds-of-words".to_owned() })))
    }
}

fn memory(fulltext: bool) -> Arc<Memory> {
    let fulltext = if fulltext { vec!["text".to_owned()] } else { Vec::new() };
    let terms = MemoryTerms { fulltext, embed: Some(("text".to_owned(), None)), ..MemoryTerms::default() };
    let (name, record) = ("notes".to_owned(), "note".to_owned());
    Arc::new(Memory { name, tier: "long-term".to_owned(), record, subject: String::new(), retention: None, cap: None, terms })
}

fn fact(seq: u64, text: &str) -> Arc<Fact> {
    Arc::new(Fact::new((seq, 0), 0, Value::record([("text", Value::string(text))])))
}

fn sought(models: &Arc<Kinds>, memory: &Arc<Memory>, facts: &[Arc<Fact>], query: &str) -> Sought {
    let vectors = Vectors::of_process(models.clone());
    let (passes, facts, memory) = (vec![true; facts.len()], facts.to_vec(), memory.clone());
    Sought { memory, model: None, subject: None, query: query.into(), most: 3, facts, passes, is_present: true, vectors }
}

async fn places(ranker: &Ranker, sought: Sought) -> Vec<usize> {
    ranker.find(sought).await.unwrap().hits.into_iter().map(|(place, _)| place).collect()
}

#[tokio::test]
async fn the_finder_keeps_its_contract() {
    contract::finder(&Ranker::default()).await.unwrap();
}

#[tokio::test]
async fn meaning_finds_what_shares_no_word_and_words_find_what_has_no_meaning() {
    let (models, ranker) = (Arc::new(Kinds::default()), Ranker::default());
    let facts: Vec<Arc<Fact>> = ["the vase arrived cracked", "where is parcel 4711", "my parcel is delayed", "what is the price"]
        .into_iter()
        .zip(1..)
        .map(|(text, seq)| fact(seq, text))
        .collect();
    assert_eq!(places(&ranker, sought(&models, &memory(false), &facts, "it is broken")).await[0], 0);
    assert_eq!(places(&ranker, sought(&models, &memory(true), &facts, "4711")).await, [1], "no word of it has a meaning here");
    // In both orders: before what is first in one of them.
    assert_eq!(places(&ranker, sought(&models, &memory(true), &facts, "parcel late")).await[0], 2);
    let ranked = ranker.find(sought(&models, &memory(true), &facts, "broken")).await.unwrap();
    assert_eq!(&*ranked.by, "words and vectors of kinds-of-wor");
}

#[tokio::test]
async fn a_text_is_embedded_once_and_nothing_is_kept_of_who_is_forgotten() {
    let models = Arc::new(Kinds::default());
    let ranker = Ranker::default();
    let memory = memory(true);
    let facts: Vec<Arc<Fact>> = (1..=50).map(|seq| fact(seq, &format!("order {} is late", seq % 10))).collect();
    for _ in 0..3 {
        assert_eq!(places(&ranker, sought(&models, &memory, &facts, "late order 7")).await.len(), 3);
    }
    let once = models.texts.lock().unwrap().iter().filter(|(text, times)| text.starts_with("order") && **times == 1).count();
    assert_eq!((once, models.embedded.load(Ordering::Relaxed)), (10, 10 + 3), "ten texts, and the question each time");
    assert_eq!(ranker.size().await, (1, 50, 10));

    let gone: Vec<_> = facts.iter().filter(|fact| fact.seq % 10 == 7).map(|fact| (Arc::from("notes"), fact.id())).collect();
    let left: Vec<Arc<Fact>> = facts.iter().filter(|fact| fact.seq % 10 != 7).cloned().collect();
    // Somebody looks just now, with everything still before him.
    let late = ranker.find(sought(&models, &memory, &facts, "late order 7"));
    ranker.forget(gone);
    late.await.unwrap();
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ranker.size().await, (1, 45, 9), "neither he nor what he looked at brings it back");
    let before = models.embedded.load(Ordering::Relaxed);
    assert!(places(&ranker, sought(&models, &memory, &left, "late order 7")).await.iter().all(|place| left[*place].seq % 10 != 7));
    assert_eq!(models.embedded.load(Ordering::Relaxed), before + 1);
}

#[tokio::test]
async fn many_facts_are_ranked_as_few_are() {
    let (models, ranker) = (Arc::new(Kinds::default()), Ranker::default());
    let memory = memory(true);
    let mut facts: Vec<Arc<Fact>> = (1..=5_000).map(|seq| fact(seq, "what is the price of it")).collect();
    facts.push(fact(6_000, "the handle is cracked"));
    assert_eq!(places(&ranker, sought(&models, &memory, &facts, "broken handle")).await[0], 5_000);
    // The oldest go, one comes between, and the order of the rest stays.
    facts.drain(..1_000);
    facts.insert(4_000, fact(5_500, "a broken handle, again"));
    // Each is first in one order and second in the other.
    assert_eq!(places(&ranker, sought(&models, &memory, &facts, "broken handle")).await[..2], [4_001, 4_000]);
    assert_eq!(ranker.size().await.1, 4_002);
}

#[tokio::test]
async fn what_is_fast_says_how_it_compares_with_brute_force() {
    let (models, ranker) = (Arc::new(Kinds::default()), Ranker::default());
    assert_eq!(ranker.checked(), []);
    let memory = memory(true);
    let facts: Vec<Arc<Fact>> =
        (1..=9_000).map(|seq| fact(seq, &format!("order {seq} is {}", ["late", "broken"][seq as usize % 2]))).collect();
    for number in 0..65 {
        places(&ranker, sought(&models, &memory, &facts, &format!("broken order {number}"))).await;
    }
    let told = ranker.checked();
    assert_eq!((&*told[0].memory, told[0].compared, told[0].differed), ("notes", 2, 0));
    assert!(told[0].kept.is_some_and(|kept| kept > 0.0), "{told:?}");
}
