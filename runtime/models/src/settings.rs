//! What a training depends on besides its rows. Chosen by cross-validation on the training rows of the shipped flow alone.

use serde::{Deserialize, Serialize};

/// Raised whenever training or the features change, so that older artifacts are not taken for new ones.
pub(crate) const TRAINER_VERSION: u32 = 1;
/// Parts of the deterministic cross-fitting by group, from which the confidence is calibrated.
pub(crate) const FOLDS: u64 = 5;
/// Fewer rows of a label than this teach nothing.
pub(crate) const FEWEST_ROWS: usize = 10;

/// How a `linear` model is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Weight of the squared weights against the summed loss.
    pub ridge: f64,
    /// Most steps of the optimiser.
    pub iterations: usize,
    /// Length of the block of the mean embedding.
    pub embedding: f64,
    /// Length of the block of the mean embedding of negated words.
    pub negated: f64,
    /// Length of the block of word features: words, pairs, negated words.
    pub words: f64,
    /// Length of the block of character features: three to five characters within a word.
    pub characters: f64,
    /// Length of the block of simple cues: punctuation, length, figures.
    pub cues: f64,
    /// In how many rows a word or character feature must occur to be kept.
    pub occurrences: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { ridge: 2.0, iterations: 80, embedding: 1.5, negated: 1.0, words: 1.5, characters: 1.5, cues: 0.5, occurrences: 2 }
    }
}
