//! Models that answer by script.

use crate::ports::{BoxFuture, Classification, Embedded, Made, Models};
use crate::question::{Answer, Prompt, Silence};
use std::sync::Arc;
use tradewind_lang::plan::{Micros, Model};

type Script = Box<dyn Fn(&str, &[String], &str) -> Result<Classification, String> + Send + Sync>;

type Making = Box<dyn Fn(&[Arc<str>]) -> Result<Made, Silence> + Send + Sync>;

type Saying = Box<dyn Fn(&Prompt) -> Option<Answer> + Send + Sync>;

/// Models that answer by a function of model, labels and text, or of a whole prompt.
pub struct ScriptedModels {
    script: Script,
    says: Saying,
    makes: Making,
}

impl std::fmt::Debug for ScriptedModels {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("ScriptedModels").finish_non_exhaustive()
    }
}

impl ScriptedModels {
    /// Models that answer by a function.
    #[must_use]
    pub fn new(script: impl Fn(&str, &[String], &str) -> Result<Classification, String> + Send + Sync + 'static) -> Self {
        let says =
            |prompt: &Prompt| Some(Answer::Silent(Silence::free("unreachable", format!("`{}` has no script", prompt.model.name), false)));
        let makes = |_: &[Arc<str>]| Err(Silence::free("unreachable", "no vectors have a script", false));
        Self { script: Box::new(script), says: Box::new(says), makes: Box::new(makes) }
    }

    /// The same, which also give vectors as models behind a network do.
    #[must_use]
    pub fn making(mut self, makes: impl Fn(&[Arc<str>]) -> Result<Made, Silence> + Send + Sync + 'static) -> Self {
        self.makes = Box::new(makes);
        self
    }

    /// The same, which also talk; one that says nothing never answers.
    #[must_use]
    pub fn saying(mut self, says: impl Fn(&Prompt) -> Option<Answer> + Send + Sync + 'static) -> Self {
        self.says = Box::new(says);
        self
    }
}

impl Models for ScriptedModels {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(async move { (self.script)(&model.name, &labels, &text) })
    }

    fn embed(&self, _: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        let vectors = texts.iter().map(|text| by_words(text)).collect();
        Box::pin(std::future::ready(Ok(Embedded { vectors, by: "words".to_owned() })))
    }

    fn vectors(&self, _: Arc<Model>, texts: Vec<Arc<str>>, _: Micros) -> BoxFuture<'_, Result<Made, Silence>> {
        Box::pin(async move { (self.makes)(&texts) })
    }

    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        match (self.says)(&prompt) {
            Some(answer) => Box::pin(std::future::ready(answer)),
            None => Box::pin(std::future::pending()),
        }
    }
}

/// A vector that is the more like another the more words they share; normalised.
fn by_words(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; 64];
    for word in text.split_whitespace() {
        let place = word.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte))) % vector.len();
        if let Some(count) = vector.get_mut(place) {
            *count += 1.0;
        }
    }
    let length = vector.iter().map(|count| count * count).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|count| *count /= length);
    }
    vector
}
