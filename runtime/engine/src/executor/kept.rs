//! Looking for an answer that was kept: to the same question, else to the one most like it, as the vectors of the program's own model say.
//! Texts do not leave the process for that. Where vectors cannot be had, nothing was found: a model is asked.

use super::Shard;
use crate::decide::Input;
use crate::ports::Models;
use crate::question::{Alike, Kept, Looked};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Micros, StepId};

impl Shard {
    pub(super) fn look_kept(
        &mut self,
        run: &Arc<str>,
        step: StepId,
        looked: Looked,
        (same, alike): (Digest, Option<(Alike, f64)>),
        max_age: Micros,
    ) {
        let after = self.last_now.saturating_sub(max_age);
        let found = self.books.kept.get(same, after);
        let others = match (&found, &alike) {
            (None, Some((alike, _))) => self.books.kept.alike(alike.group, after),
            _ => Vec::new(),
        };
        let (Some((alike, least)), false) = (alike, others.is_empty()) else {
            return self.push(run, Input::Kept { step, looked, found }, None);
        };
        let promise = self.promise(run, Input::Kept { step, looked: looked.clone(), found: None });
        let models = self.ports.models.clone();
        tokio::spawn(async move {
            let found = likest(&*models, &alike.text, others, least).await;
            promise.keep(Input::Kept { step, looked, found });
        });
    }
}

/// The answer to the question that is most like a text, if it is alike enough; the newest of equals.
async fn likest(models: &dyn Models, text: &Arc<str>, others: Vec<(Arc<str>, Kept)>, least: f64) -> Option<Kept> {
    let texts = std::iter::once(text.clone()).chain(others.iter().map(|(text, _)| text.clone())).collect();
    let embedded = match models.embed(None, texts).await {
        Ok(embedded) => embedded,
        Err(why) => {
            tracing::warn!(why, "no likeness can be told");
            return None;
        }
    };
    let (own, vectors) = embedded.vectors.split_first()?;
    let scored = vectors.iter().zip(others).map(|(vector, (_, kept))| (likeness(own, vector), kept));
    let (likeness, kept) = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness >= least).then_some(Kept { likeness: Some(likeness), ..kept })
}

/// The cosine of two normalised vectors. A text without a known word is like no other.
fn likeness(one: &[f32], other: &[f32]) -> f64 {
    let sum: f64 = one.iter().zip(other).map(|(one, other)| f64::from(*one) * f64::from(*other)).sum();
    if one.len() == other.len() && sum.is_finite() { sum.clamp(0.0, 1.0) } else { 0.0 }
}
