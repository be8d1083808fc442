//! The models of this process behind the engine's port: trained or loaded once, when first asked. It calls nothing outside.

use crate::artifact;
use crate::embedding::Embedder;
use crate::evaluation::{Baseline, Evaluation, Judged, RecordedBaselines, evaluate};
use crate::linear::Linear;
use crate::rows::{LabelledRow, read_rows};
use crate::settings::Settings;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tradewind_engine::ports::{BoxFuture, Classification, Embedded, Models};
use tradewind_lang::plan::Model;

/// The provider of vectors that is the program itself.
const OWN: &str = "embedding";

/// A classifier and the digest that names its artifact.
#[derive(Debug)]
struct Loaded {
    linear: Linear,
    artifact: String,
}

/// What identifies a classifier within one process: rows, label, labels asked for.
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

    /// Judges a model by rows it has not learnt from: `threshold.jsonl` and `heldout.jsonl` beside its own rows. The threshold
    /// is the smallest confidence at which the threshold rows reach `wanted_precision`; everything reported is of the held-out rows.
    /// Figures in a `baselines.json` beside them are reported too, if they are of these very held-out rows.
    pub async fn evaluate(&self, model: &Model, labels: &[String], wanted_precision: f64) -> Result<Evaluation, String> {
        let loaded = self.get(model, labels).await?;
        let rows = self.repository.join(&model.rows);
        let folder = rows.parent().unwrap_or(Path::new("."));
        let judged = |name: &str| -> Result<Vec<Judged>, String> {
            let rows = read_rows(&folder.join(name), &model.label, labels)?;
            rows.iter().map(|row| Ok(Judged { truth: row.truth, prediction: loaded.linear.predict(&row.text)? })).collect()
        };
        let (threshold, heldout) = (judged("threshold.jsonl")?, judged("heldout.jsonl")?);
        let majority = majority(&read_rows(&rows, &model.label, labels)?);
        let mut found = evaluate(&model.name, labels, majority, &threshold, &heldout, wanted_precision)?;
        found.baselines.extend(recorded_baselines(folder, &model.label)?);
        Ok(found)
    }

    async fn get(&self, model: &Model, labels: &[String]) -> Result<Arc<Loaded>, String> {
        if model.provider != "linear" {
            return Err(format!("model `{}`: `{}` is not a provider of this version; `linear` is", model.name, model.provider));
        }
        let key = (model.rows.clone(), model.label.clone(), labels.to_vec());
        let cell = Arc::clone(self.loaded.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let loaded = cell.get_or_try_init(|| self.load(model, labels)).await;
        loaded.cloned().map_err(|problem| format!("model `{}`: {problem}", model.name))
    }

    async fn load(&self, model: &Model, labels: &[String]) -> Result<Arc<Loaded>, String> {
        let (rows, label, labels) = (self.repository.join(&model.rows), model.label.clone(), labels.to_vec());
        let (folder, settings) = (self.artifacts.clone(), self.settings.clone());
        // Training takes seconds of one core: not on a thread that others wait for.
        let work = tokio::task::spawn_blocking(move || {
            let rows = read_rows(&rows, &label, &labels)?;
            let artifact = artifact::name(&rows, &labels, &settings)?;
            let linear = artifact::load_or_train(&folder, &artifact, || Linear::train(&rows, &labels, &settings))?;
            Ok(Arc::new(Loaded { linear, artifact }))
        });
        work.await.map_err(|problem| format!("training broke off: {problem}"))?
    }
}

impl Models for LocalModels {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(async move {
            let loaded = self.get(&model, &labels).await?;
            let prediction = loaded.linear.predict(&text)?;
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
