//! The static embedding model of the program, loaded once when first needed. It embeds; it judges nothing.

use crate::carried;
use model2vec_rs::model::StaticModel;
use std::sync::OnceLock;

/// Components of a vector.
pub(crate) const DIMENSIONS: usize = 256;

static LOADED: OnceLock<Result<Embedder, String>> = OnceLock::new();

/// Turns a text into a vector.
pub(crate) struct Embedder {
    model: StaticModel,
    /// Identifies tokenizer, table and configuration.
    pub(crate) digest: [u8; 32],
}

impl Embedder {
    /// The one of this process.
    pub(crate) fn shared() -> Result<&'static Self, String> {
        LOADED.get_or_init(Self::load).as_ref().map_err(Clone::clone)
    }

    fn load() -> Result<Self, String> {
        let model = StaticModel::from_bytes(carried::TOKENIZER, carried::MODEL, carried::CONFIG, None)
            .map_err(|problem| format!("the embedding model of this program cannot be loaded: {problem}"))?;
        let mut digest = blake3::Hasher::new();
        for part in [carried::TOKENIZER, carried::MODEL, carried::CONFIG] {
            digest.update(blake3::hash(part).as_bytes());
        }
        Ok(Self { model, digest: *digest.finalize().as_bytes() })
    }

    /// The same as [`Embedder::embed`], in the precision that the table has.
    pub(crate) fn vector(&self, text: &str) -> Vec<f32> {
        if text.is_empty() { vec![0.0; DIMENSIONS] } else { self.model.encode_single(text) }
    }

    /// Its digest, hexadecimal.
    pub(crate) fn name(&self) -> String {
        blake3::Hash::from_bytes(self.digest).to_hex().to_string()
    }

    /// The normalised mean vector of a text; zeros for a text without a known token.
    pub(crate) fn embed(&self, text: &str) -> Vec<f64> {
        self.vector(text).into_iter().map(f64::from).collect()
    }
}
