//! Which hashed features a model keeps and how rare each is, and where numbers lie; turns features into one sparse vector. It learns no weights.

use crate::arithmetic::ln;
use crate::embedding::DIMENSIONS;
use crate::features::{BUCKETS, CUES, TextFeatures};
use crate::settings::Settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Position and value, positions ascending within a block.
pub(crate) type SparseVector = Vec<(usize, f64)>;

/// The constant feature comes first.
pub(crate) const BIAS: usize = 0;
const MEAN: usize = 1;
const NEGATED: usize = MEAN + DIMENSIONS;
const CUE: usize = NEGATED + DIMENSIONS;
const HASHED: usize = CUE + CUES;

/// Kept buckets with their weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Vectorizer {
    buckets: Vec<u32>,
    rarity: Vec<f64>,
    /// Mean and standard deviation of each number that stands beside the text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    numbers: Vec<(f64, f64)>,
}

/// A number further from its mean than so many standard deviations is taken for as far: one wild value does not decide by itself.
const FURTHEST: f64 = 4.0;

impl Vectorizer {
    /// Keeps what occurs often enough in these rows.
    pub(crate) fn of(rows: &[&TextFeatures], settings: &Settings) -> Self {
        let mut occurrences: BTreeMap<u32, usize> = BTreeMap::new();
        for row in rows {
            for bucket in row.hashed.keys() {
                *occurrences.entry(*bucket).or_default() += 1;
            }
        }
        let all = number(rows.len());
        let kept = occurrences.into_iter().filter(|(_, count)| *count >= settings.occurrences);
        let (buckets, rarity) = kept.map(|(bucket, count)| (bucket, 1.0 + ln((1.0 + all) / (1.0 + number(count))))).unzip();
        let width = rows.iter().map(|row| row.numbers.len()).min().unwrap_or_default();
        let numbers = (0..width).map(|at| spread(rows.iter().filter_map(|row| row.numbers.get(at).copied()).collect())).collect();
        Self { buckets, rarity, numbers }
    }

    /// Length of its vectors.
    pub(crate) fn width(&self) -> usize {
        HASHED + self.buckets.len() + self.numbers.len()
    }

    /// Whether what was read from a file can be used.
    pub(crate) fn is_sound(&self) -> bool {
        self.buckets.len() == self.rarity.len() && self.buckets.is_sorted() && self.numbers.iter().all(|(_, deviation)| *deviation > 0.0)
    }

    /// One vector: each block has the length that the settings give it.
    pub(crate) fn vector(&self, text: &TextFeatures, settings: &Settings) -> SparseVector {
        let mut vector = vec![(BIAS, 1.0)];
        block(&mut vector, settings.embedding, text.mean.iter().copied().enumerate().map(|(at, value)| (MEAN + at, value)));
        block(&mut vector, settings.negated, text.negated.iter().copied().enumerate().map(|(at, value)| (NEGATED + at, value)));
        for (at, value) in text.cues.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            vector.push((CUE + at, value * settings.cues));
        }
        let known = |half: std::ops::Range<u32>| {
            text.hashed.range(half).filter_map(|(bucket, count)| {
                let at = self.buckets.binary_search(bucket).ok()?;
                Some((HASHED + at, (1.0 + ln(*count)) * self.rarity.get(at)?))
            })
        };
        block(&mut vector, settings.words, known(0..BUCKETS / 2));
        block(&mut vector, settings.characters, known(BUCKETS / 2..BUCKETS));
        let first = HASHED + self.buckets.len();
        for (at, (value, (mean, deviation))) in text.numbers.iter().zip(&self.numbers).enumerate() {
            vector.push((first + at, ((value - mean) / deviation).clamp(-FURTHEST, FURTHEST)));
        }
        vector
    }
}

/// Mean and standard deviation; a number that is always the same has 1, so that it says nothing.
fn spread(values: Vec<f64>) -> (f64, f64) {
    let many = number(values.len().max(1));
    let mean = values.iter().map(|value| value / many).sum::<f64>();
    let deviation = values.iter().map(|value| (value - mean) * (value - mean) / many).sum::<f64>().sqrt();
    (mean, if deviation.is_normal() { deviation } else { 1.0 })
}

/// Appends the entries, scaled to the wanted length.
fn block(vector: &mut SparseVector, length: f64, entries: impl Iterator<Item = (usize, f64)>) {
    if length == 0.0 {
        return;
    }
    let start = vector.len();
    vector.extend(entries.filter(|(_, value)| *value != 0.0));
    let Some(added) = vector.get_mut(start..) else { return };
    let norm = added.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
    for (_, value) in added {
        *value *= length / norm;
    }
}

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "counts of rows, far below 2^52")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}
