//! A model behind a network makes the vectors: in batches, each text once, nothing half-indexed, and another model takes over when it is
//! whole.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tradewind_engine::engine::{Config, Engine, SearchError};
use tradewind_engine::event::EventKind;
use tradewind_engine::ports::Made;
use tradewind_engine::question::Usage;
use tradewind_engine::twin::{ManualClock, MemoryLog, ScriptedConnectors, ScriptedModels};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;
use tradewind_memory::Ranker;

const NOTES: &str = r#"
project "northfield" { currency "USD"; environment "dev" { store "memory://"; twins #true } }
model "reads" provider=openai name="NAME" base-url="http://127.0.0.1:1" {
    price input="1 USD" per="1M tokens"
    context 512
    can embed
    batch max=4 wait="1ms"
}
type "note" { field "text" string }
memory "notes" tier=long-term record="note" retention=forever { embed "text" model="reads" }
flow "note" {
    input { field "text" string }
    remember "kept" in="notes" { text "=input.text" }
}
"#;

fn plan(name: &str) -> Arc<Plan> {
    let files = [("main.kdl".to_owned(), NOTES.replace("NAME", name))];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_: &str| None, environment: None });
    Arc::new(compiled.plan.unwrap_or_else(|| panic!("{:#?}", compiled.diagnostics)))
}

/// What a model of `width` numbers gives, and what it was asked.
#[derive(Default)]
struct Provider {
    texts: Mutex<BTreeMap<String, usize>>,
    sizes: Mutex<Vec<usize>>,
    /// How many numbers the request of this number, and all behind it, get: from 0.
    narrow_from: AtomicUsize,
}

impl Provider {
    fn make(&self, texts: &[Arc<str>]) -> Made {
        let mut sizes = self.sizes.lock().unwrap();
        let is_narrow = sizes.len() >= self.narrow_from.load(Ordering::SeqCst);
        sizes.push(texts.len());
        let mut counted = self.texts.lock().unwrap();
        texts.iter().for_each(|text| *counted.entry(text.to_string()).or_default() += 1);
        // Whatever holds a number is near to what holds the same.
        let number = |text: &str| text.split(' ').filter_map(|word| word.parse::<f32>().ok()).next().unwrap_or(0.0) / 10.0;
        let of = |text: &Arc<str>| [number(text).sin(), number(text).cos(), 0.0];
        let vectors = texts.iter().map(|text| of(text).into_iter().take(if is_narrow { 2 } else { 3 }).collect()).collect();
        Made { vectors, usage: Some(Usage { input: texts.len() as u64, ..Usage::default() }), took: 1 }
    }
}

struct Stage {
    provider: Arc<Provider>,
    ranker: Arc<Ranker>,
    engine: Engine,
}

impl Stage {
    async fn of(many: usize) -> Self {
        let provider = Arc::new(Provider { narrow_from: AtomicUsize::new(usize::MAX), ..Provider::default() });
        let asked = provider.clone();
        let models = ScriptedModels::new(|_, _, _| Err("it classifies nothing".to_owned())).making(move |texts| Ok(asked.make(texts)));
        let connectors = Arc::new(ScriptedConnectors::new(|_| panic!("nothing is called")));
        let ranker = Arc::new(Ranker::default());
        let config = Config::new(plan("small"), Arc::new(MemoryLog::new()), connectors, Arc::new(models), Arc::new(ManualClock::at(0)));
        let engine = Engine::open(Config { finder: ranker.clone(), ..config }).await.unwrap();
        for number in 0..many {
            engine.start("note", Value::record([("text", Value::string(format!("note {number}")))]), "test").await.unwrap();
        }
        engine.wait_idle().await.unwrap();
        Self { provider, ranker, engine }
    }

    async fn nearest(&self, query: &str) -> Result<(String, String), SearchError> {
        let found = self.engine.search("notes", None, query, 1, None).await?;
        let text = found.facts.first().unwrap().0.fields.get("text").unwrap().as_str().unwrap().to_owned();
        Ok((text, found.by.to_string()))
    }
}

#[tokio::test]
async fn texts_go_out_in_batches_each_once_and_each_question_is_in_the_log() {
    let stage = Stage::of(10).await;
    assert_eq!(stage.nearest("number 7").await.unwrap().0, "note 7");
    assert_eq!(stage.nearest("number 3").await.unwrap().0, "note 3");
    assert_eq!(*stage.provider.sizes.lock().unwrap(), [1, 4, 4, 2, 1]);
    assert!(stage.provider.texts.lock().unwrap().values().all(|times| *times == 1));
    stage.engine.wait_idle().await.unwrap();
    let events = stage.engine.events(1, usize::MAX, None).await.unwrap();
    let asked = events.iter().filter(|event| matches!(event.kind, EventKind::VectorsAsked(_))).count();
    let paid =
        events.iter().filter(|event| matches!(&event.kind, EventKind::VectorsAnswered(answered) if answered.spent.is_some())).count();
    assert_eq!((asked, paid), (5, 5));
}

#[tokio::test]
async fn an_answer_of_another_length_is_told_and_nothing_is_indexed_by_half() {
    let stage = Stage::of(10).await;
    // The second batch of facts has two numbers.
    stage.provider.narrow_from.store(2, Ordering::SeqCst);
    let Err(SearchError::Finder(unfound)) = stage.nearest("number 7").await else { panic!("it is refused") };
    assert_eq!(unfound.message, "the model `reads` gave a vector of 2 numbers where 3 were expected, as those before have");
    assert_eq!((unfound.code.as_str(), stage.ranker.size().await.1), ("dimension", 0));
    stage.provider.narrow_from.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(stage.nearest("number 7").await.unwrap().0, "note 7");
    // What had come before was not asked again.
    assert_eq!(*stage.provider.sizes.lock().unwrap(), [1, 4, 4, 1, 4, 2]);
    // A question of another length leaves the index as it is.
    stage.provider.narrow_from.store(0, Ordering::SeqCst);
    assert!(stage.nearest("number 7").await.is_err());
    stage.provider.narrow_from.store(usize::MAX, Ordering::SeqCst);
    assert_eq!(stage.nearest("number 7").await.unwrap().0, "note 7");
}

#[tokio::test]
async fn another_model_takes_over_when_all_of_its_vectors_are_there() {
    let stage = Stage::of(40).await;
    let by_small = stage.nearest("number 7").await.unwrap().1;
    stage.engine.adopt(plan("large")).await.unwrap();
    let (found, by) = stage.nearest("number 7").await.unwrap();
    assert_eq!((found.as_str(), &by), ("note 7", &by_small), "the old one answers");
    for _ in 0..10_000 {
        if stage.engine.renewing().iter().all(|of| of.done == of.of) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let (found, by) = stage.nearest("number 7").await.unwrap();
    assert_eq!(found, "note 7");
    assert_ne!(by, by_small);
    let texts = stage.provider.texts.lock().unwrap();
    assert!(
        texts.iter().all(|(text, times)| *times == if text.starts_with("note") { 2 } else { 4 }),
        "each text once by each model: {texts:?}"
    );
}
