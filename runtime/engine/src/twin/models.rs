//! Models that answer by script.

use crate::ports::{BoxFuture, Classification, Models};
use crate::question::{Answer, Prompt, Silence};
use std::sync::Arc;
use tradewind_lang::plan::Model;

type Script = Box<dyn Fn(&str, &[String], &str) -> Result<Classification, String> + Send + Sync>;

type Saying = Box<dyn Fn(&Prompt) -> Option<Answer> + Send + Sync>;

/// Models that answer by a function of model, labels and text, or of a whole prompt.
pub struct ScriptedModels {
    script: Script,
    says: Saying,
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
        Self { script: Box::new(script), says: Box::new(says) }
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

    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        match (self.says)(&prompt) {
            Some(answer) => Box::pin(std::future::ready(answer)),
            None => Box::pin(std::future::pending()),
        }
    }
}
