//! The `linear` classifier: trained from labelled rows of text and numbers, with a confidence calibrated by cross-fitting over groups of rows.
//!
//! It answers with one of its labels and the probability that this is right. It refuses to learn from too few rows.

use crate::arithmetic::{exp, ln, softmax};
use crate::embedding::Embedder;
use crate::features::TextFeatures;
use crate::regression::{Problem, scores};
use crate::rows::{LabelledRow, listed};
use crate::settings::{FEWEST_ROWS, FOLDS, Settings};
use crate::vectorizer::{SparseVector, Vectorizer, number};
use serde::{Deserialize, Serialize};

/// A trained classifier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    labels: Vec<String>,
    settings: Settings,
    vectorizer: Vectorizer,
    weights: Vec<f64>,
    /// Scores are divided by it before they become probabilities.
    temperature: f64,
}

/// What a classifier believes of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Place of the likeliest label.
    pub label: usize,
    /// Its calibrated probability.
    pub confidence: f64,
    /// The calibrated probability of each label; they sum to 1.
    pub probabilities: Vec<f64>,
}

impl Prediction {
    /// The likeliest label; the first of equals.
    #[must_use]
    pub fn of(probabilities: Vec<f64>) -> Self {
        let mut best = (0, f64::NEG_INFINITY);
        for (label, probability) in probabilities.iter().enumerate() {
            if *probability > best.1 {
                best = (label, *probability);
            }
        }
        Self { label: best.0, confidence: best.1, probabilities }
    }
}

impl Linear {
    /// Trains on all rows; the confidence is calibrated on predictions for rows whose group the predicting fold had not seen.
    pub fn train(rows: &[LabelledRow], labels: &[String], settings: &Settings) -> Result<Self, String> {
        check(rows, labels)?;
        let embedder = Embedder::shared()?;
        let texts: Vec<TextFeatures> = rows.iter().map(|row| TextFeatures::of(&row.text, &row.numbers, embedder)).collect();
        let temperature = temperature(&unseen_scores(rows, &texts, labels.len(), settings));
        let all: Vec<usize> = (0..rows.len()).collect();
        let (vectorizer, weights) = fit(rows, &texts, &all, labels.len(), settings);
        Ok(Self { labels: labels.to_vec(), settings: settings.clone(), vectorizer, weights, temperature })
    }

    /// The labels it answers with.
    #[must_use]
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// What it believes of a text and the numbers beside it. A text without a word says nothing: every label is equally likely.
    pub fn predict(&self, text: &str, numbers: &[f64]) -> Result<Prediction, String> {
        let text = TextFeatures::of(text, numbers, Embedder::shared()?);
        if text.empty {
            return Ok(Prediction::of(vec![1.0 / number(self.labels.len()); self.labels.len()]));
        }
        let vector = self.vectorizer.vector(&text, &self.settings);
        Ok(Prediction::of(cooled(scores(&self.weights, self.labels.len(), &vector), self.temperature)))
    }

    /// Whether what was read from a file can be used.
    pub(crate) fn is_sound(&self) -> bool {
        self.vectorizer.is_sound() && self.weights.len() == self.vectorizer.width() * self.labels.len() && self.temperature > 0.0
    }
}

/// Predictions for every row by a model that has not seen the row's group, calibrated on themselves: for choosing settings.
pub fn cross_fit(rows: &[LabelledRow], labels: &[String], settings: &Settings) -> Result<Vec<(usize, Prediction)>, String> {
    check(rows, labels)?;
    let embedder = Embedder::shared()?;
    let texts: Vec<TextFeatures> = rows.iter().map(|row| TextFeatures::of(&row.text, &row.numbers, embedder)).collect();
    let unseen = unseen_scores(rows, &texts, labels.len(), settings);
    let temperature = temperature(&unseen);
    Ok(unseen.into_iter().map(|(truth, scores)| (truth, Prediction::of(cooled(scores, temperature)))).collect())
}

fn check(rows: &[LabelledRow], labels: &[String]) -> Result<(), String> {
    if labels.len() < 2 {
        return Err(format!("a classifier needs at least two labels, not {}", listed(labels)));
    }
    for (place, label) in labels.iter().enumerate() {
        let count = rows.iter().filter(|row| row.truth == place).count();
        if count < FEWEST_ROWS {
            return Err(format!("too few rows: {count} with the label `{label}`, and {FEWEST_ROWS} are needed"));
        }
    }
    Ok(())
}

/// The part of the cross-fitting in which a group is predicted.
fn fold(group: &str) -> u64 {
    let digest = blake3::hash(group.as_bytes());
    digest.as_bytes().iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte)) % FOLDS
}

fn unseen_scores(rows: &[LabelledRow], texts: &[TextFeatures], classes: usize, settings: &Settings) -> Vec<(usize, Vec<f64>)> {
    let folds: Vec<u64> = rows.iter().map(|row| fold(&row.group)).collect();
    let mut unseen = Vec::with_capacity(rows.len());
    for part in 0..FOLDS {
        let seen: Vec<usize> = folds.iter().enumerate().filter(|(_, fold)| **fold != part).map(|(at, _)| at).collect();
        if seen.len() == rows.len() {
            continue;
        }
        let (vectorizer, weights) = fit(rows, texts, &seen, classes, settings);
        for ((row, text), _) in rows.iter().zip(texts).zip(&folds).filter(|(_, fold)| **fold == part) {
            unseen.push((row.truth, scores(&weights, classes, &vectorizer.vector(text, settings))));
        }
    }
    unseen
}

fn fit(rows: &[LabelledRow], texts: &[TextFeatures], seen: &[usize], classes: usize, settings: &Settings) -> (Vectorizer, Vec<f64>) {
    let chosen: Vec<&TextFeatures> = seen.iter().filter_map(|at| texts.get(*at)).collect();
    let truths: Vec<usize> = seen.iter().filter_map(|at| rows.get(*at)).map(|row| row.truth).collect();
    let vectorizer = Vectorizer::of(&chosen, settings);
    let vectors: Vec<SparseVector> = chosen.iter().map(|text| vectorizer.vector(text, settings)).collect();
    let (width, ridge, iterations) = (vectorizer.width(), settings.ridge, settings.iterations);
    let weights = Problem { rows: &vectors, truths: &truths, classes, width, ridge, iterations }.solve();
    (vectorizer, weights)
}

fn cooled(mut scores: Vec<f64>, temperature: f64) -> Vec<f64> {
    scores.iter_mut().for_each(|score| *score /= temperature);
    softmax(&mut scores);
    scores
}

/// The temperature under which unseen rows are likeliest, by golden-section search between a quarter and eight.
fn temperature(unseen: &[(usize, Vec<f64>)]) -> f64 {
    let loss = |logarithm: f64| -> f64 {
        let temperature = exp(logarithm);
        let surprise = |(truth, scores): &(usize, Vec<f64>)| {
            let mut scores: Vec<f64> = scores.iter().map(|score| score / temperature).collect();
            let right = scores.get(*truth).copied().unwrap_or_default();
            softmax(&mut scores) - right
        };
        unseen.iter().map(surprise).sum()
    };
    let (mut low, mut high) = (-ln(4.0), ln(8.0));
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    for _ in 0..40 {
        let (left, right) = (high - ratio * (high - low), low + ratio * (high - low));
        if loss(left) <= loss(right) { high = right } else { low = left }
    }
    exp(f64::midpoint(low, high))
}
