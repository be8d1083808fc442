//! The models of this process behind the engine's port: trained or loaded once, when first asked. It calls nothing outside.

use crate::anomaly::Anomaly;
use crate::artifact;
use crate::asked::Asked;
use crate::elasticity::Elasticity;
use crate::embedding::Embedder;
use crate::evaluation::{Baseline, Evaluation, Judged, RecordedBaselines, evaluate};
use crate::linear::{Linear, Prediction};
use crate::rows::{LabelledRow, read_rows};
use crate::settings::Settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tradewind_engine::ports::{BoxFuture, Classification, Embedded, Models};
use tradewind_lang::plan::{Gate, Learns, Model};

/// The provider of vectors that is the program itself.
const OWN: &str = "embedding";

/// A classifier and the digest that names it.
#[derive(Debug)]
struct Loaded {
    learned: Learned,
    artifact: String,
}

/// What was learned from rows.
#[derive(Debug)]
enum Learned {
    Linear(Box<Linear>),
    Anomaly(Anomaly),
    Elasticity(Elasticity),
}

impl Learned {
    fn predict(&self, asked: &Asked<'_>) -> Result<Prediction, String> {
        match self {
            Self::Linear(linear) => linear.predict(asked.text, &asked.numbers),
            Self::Anomaly(anomaly) => anomaly.predict(asked),
            Self::Elasticity(elasticity) => elasticity.predict(asked),
        }
    }

    /// For people; nothing where it is thousands of weights.
    fn says(&self) -> Option<String> {
        match self {
            Self::Linear(_) => None,
            Self::Anomaly(anomaly) => Some(anomaly.says()),
            Self::Elasticity(elasticity) => Some(elasticity.says()),
        }
    }
}

/// What identifies a classifier within one process: its name, rows, label and numbers, and the labels asked for.
type Key = (String, String, Vec<String>);

/// Classifiers that need no key and no network.
pub struct LocalModels {
    repository: PathBuf,
    artifacts: PathBuf,
    settings: Settings,
    loaded: Mutex<BTreeMap<Key, Arc<OnceCell<Arc<Loaded>>>>>,
}

impl LocalModels {
    /// Rows are found below `repository`; trained models are kept in `artifacts` (made when needed).
    #[must_use]
    pub fn new(repository: impl Into<PathBuf>, artifacts: impl Into<PathBuf>) -> Self {
        Self { repository: repository.into(), artifacts: artifacts.into(), settings: Settings::default(), loaded: Mutex::default() }
    }

    /// Loads or trains a model now, so that the first message need not wait. Returns the digest that names the artifact.
    pub async fn warm(&self, model: &Model, labels: &[String]) -> Result<String, String> {
        Ok(self.get(model, labels).await?.artifact.clone())
    }

    /// What a model has learned of numbers: what is usual, or an elasticity with its interval. Nothing of a `linear` one.
    pub async fn learned(&self, model: &Model, labels: &[String]) -> Result<Option<String>, String> {
        Ok(self.get(model, labels).await?.learned.says())
    }

    /// Judges a model by rows it has not learnt from: `threshold.jsonl` and `heldout.jsonl` beside its own rows. The threshold
    /// is the smallest confidence at which the threshold rows reach `wanted_precision`; everything reported is of the held-out rows.
    /// Figures in a `baselines.json` beside them are reported too, if they are of these very held-out rows.
    pub async fn evaluate(&self, model: &Model, labels: &[String], wanted_precision: f64) -> Result<Evaluation, String> {
        let loaded = self.get(model, labels).await?;
        let rows = self.repository.join(&model.rows);
        let folder = rows.parent().unwrap_or(Path::new("."));
        let judged = |name: &str| -> Result<Vec<Judged>, String> {
            let rows = read_rows(&folder.join(name), &model.label, labels, numbers(model))?;
            let asked = |row: &LabelledRow| {
                let asked = Asked { text: &row.text, numbers: row.numbers.clone(), at: row.at };
                Ok(Judged { truth: row.truth, prediction: loaded.learned.predict(&asked)? })
            };
            rows.iter().map(asked).collect()
        };
        let (threshold, heldout) = (judged("threshold.jsonl")?, judged("heldout.jsonl")?);
        // Rows without labels have no most frequent one: then it is that of the rows by which the confidence is chosen.
        let labelled = if reads_no_text(model) { folder.join("threshold.jsonl") } else { rows.clone() };
        let majority = majority(&read_rows(&labelled, &model.label, labels, numbers(model))?);
        let mut found = evaluate(&model.name, labels, majority, &threshold, &heldout, wanted_precision)?;
        found.baselines.extend(recorded_baselines(folder, &model.label)?);
        Ok(found)
    }

    async fn get(&self, model: &Model, labels: &[String]) -> Result<Arc<Loaded>, String> {
        if !["linear", "anomaly", "elasticity"].contains(&model.provider.as_str()) {
            return Err(format!("model `{}`: `{}` is not a provider of this version; `linear` is", model.name, model.provider));
        }
        let key = (model.rows.clone(), format!("{} {:?}", model.label, model.gate), labels.to_vec());
        let cell = Arc::clone(self.loaded.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let loaded = cell.get_or_try_init(|| self.load(model, labels)).await;
        loaded.cloned().map_err(|problem| format!("model `{}`: {problem}", model.name))
    }

    async fn load(&self, model: &Model, labels: &[String]) -> Result<Arc<Loaded>, String> {
        let (rows, label, labels) = (self.repository.join(&model.rows), model.label.clone(), labels.to_vec());
        let (folder, settings, gate) = (self.artifacts.clone(), self.settings.clone(), model.gate.clone());
        // Training takes seconds of one core: not on a thread that others wait for.
        let work = tokio::task::spawn_blocking(move || {
            if let Some(gate) = gate.as_ref().filter(|gate| gate.learns.reads_no_text()) {
                return of_numbers(&rows, gate, &labels).map(Arc::new);
            }
            let numbers = gate.map(|gate| gate.asked).unwrap_or_default();
            let rows = read_rows(&rows, &label, &labels, &numbers)?;
            let artifact = artifact::name(&rows, &labels, &numbers, &settings)?;
            let linear = artifact::load_or_train(&folder, &artifact, || Linear::train(&rows, &labels, &settings))?;
            Ok(Arc::new(Loaded { learned: Learned::Linear(Box::new(linear)), artifact }))
        });
        work.await.map_err(|problem| format!("training broke off: {problem}"))?
    }
}

impl Models for LocalModels {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(async move {
            let loaded = self.get(&model, &labels).await?;
            let prediction = loaded.learned.predict(&Asked::of(&text, model.gate.as_ref())?)?;
            let label = labels.get(prediction.label).ok_or("a prediction outside the labels")?.clone();
            Ok(Classification { label, confidence: prediction.confidence, artifact: loaded.artifact.clone() })
        })
    }

    fn embed(&self, model: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        Box::pin(async move {
            if let Some(model) = model.filter(|model| model.provider != OWN) {
                return Err(format!(
                    "model `{}`: `{}` is not a provider of vectors of this version; `{OWN}` is",
                    model.name, model.provider
                ));
            }
            // Loading the table takes a moment, and so do many texts: not on a thread that others wait for.
            let work = tokio::task::spawn_blocking(move || {
                let embedder = Embedder::shared()?;
                let vectors = texts.iter().map(|text| embedder.vector(text)).collect();
                Ok(Embedded { vectors, by: embedder.name() })
            });
            work.await.map_err(|problem| format!("embedding broke off: {problem}"))?
        })
    }
}

/// A model that learns from numbers alone; that takes no time worth an artifact.
fn of_numbers(rows: &Path, gate: &Gate, labels: &[String]) -> Result<Loaded, String> {
    let text = std::fs::read_to_string(rows).map_err(|problem| format!("the rows `{}` cannot be read: {problem}", rows.display()))?;
    let learned = match &gate.learns {
        Learns::Usual { number, season, threshold } => {
            Anomaly::learn(&text, number, season.as_ref(), *threshold, labels).map(Learned::Anomaly)
        }
        Learns::Response { level } => Elasticity::learn(&text, *level, labels).map(Learned::Elasticity),
        Learns::Labels => Err("it learns from labelled rows".to_owned()),
    };
    let learned = learned.map_err(|problem| format!("`{}`, {problem}", rows.display()))?;
    Ok(Loaded { learned, artifact: artifact::of_rows(gate, labels, &text)? })
}

fn numbers(model: &Model) -> &[String] {
    model.gate.as_ref().map_or(&[], |gate| &gate.asked)
}

fn reads_no_text(model: &Model) -> bool {
    model.gate.as_ref().is_some_and(|gate| gate.learns.reads_no_text())
}

/// The most frequent label of the rows; the first of equals.
fn majority(rows: &[LabelledRow]) -> usize {
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row.truth).or_default() += 1;
    }
    counts.iter().max_by_key(|(label, count)| (**count, std::cmp::Reverse(**label))).map_or(0, |(label, _)| *label)
}

/// The figures of baselines that were run once; none where there is no such file or it is of other held-out rows.
fn recorded_baselines(folder: &Path, label: &str) -> Result<Vec<Baseline>, String> {
    let (path, heldout) = (folder.join("baselines.json"), folder.join("heldout.jsonl"));
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let recorded: RecordedBaselines = serde_json::from_str(&text).map_err(|problem| format!("`{}`: {problem}", path.display()))?;
    let heldout = std::fs::read(&heldout).map_err(|problem| format!("`{}` cannot be read: {problem}", heldout.display()))?;
    Ok(recorded.of(label, &heldout))
}
