//! Models that answer by script.

use crate::ports::{BoxFuture, Classification, Models};
use std::sync::Arc;
use tradewind_lang::plan::Model;

type Script = Box<dyn Fn(&str, &[String], &str) -> Result<Classification, String> + Send + Sync>;

/// Models that answer by a function of model, labels and text.
pub struct ScriptedModels {
    script: Script,
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
        Self { script: Box::new(script) }
    }
}

impl Models for ScriptedModels {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        Box::pin(async move { (self.script)(&model.name, &labels, &text) })
    }
}
