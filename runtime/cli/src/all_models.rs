//! Every model of a process behind the engine's port: those of this process, those behind a network, and the twin that stands for the
//! latter where the environment has twins.

use crate::command::assets;
use crate::secrets;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tradewind_connectors::hook::routes::OpenSecrets;
use tradewind_engine::engine::Engine;
use tradewind_engine::ports::{BoxFuture, Classification, Embedded, Made, Models};
use tradewind_engine::question::{Answer, Prompt, Silence};
use tradewind_lang::plan::{Micros, Model, Plan};
use tradewind_models::{Assets, LocalModels, OfflineModels, OpenSecret, RemoteModels};

/// Where secrets are: in the plan that the process began with, until the engine says which one is at work.
#[derive(Clone)]
pub(crate) struct Keys {
    begun_with: Arc<Plan>,
    at_work: Arc<OnceLock<OpenSecrets>>,
}

impl Keys {
    pub(crate) fn of(plan: &Arc<Plan>) -> Self {
        Self { begun_with: plan.clone(), at_work: Arc::default() }
    }

    /// From now on the plan that is at work says where.
    pub(crate) fn follow(&self, engine: &Engine) {
        let _ = self.at_work.set(secrets::opener(engine.clone()));
    }

    /// Opens a secret by name: the first of the values that count now.
    pub(crate) fn opener(&self) -> OpenSecret {
        let keys = self.clone();
        Arc::new(move |name| keys.open(name))
    }

    fn open(&self, name: &str) -> Option<String> {
        let values = match self.at_work.get() {
            Some(opener) => opener(name),
            None => secrets::of_plan(&self.begun_with, name),
        };
        values.into_iter().next()
    }
}

/// All models.
pub(crate) struct AllModels {
    local: LocalModels,
    /// None where a twin stands for them.
    remote: Option<Arc<RemoteModels>>,
    /// Images that are shown and made.
    assets: Assets,
}

impl AllModels {
    /// Rows are found below `root`; what is trained and kept is in the folder of the state.
    fn new(root: &Path, folder: &Path, twins: bool, keys: &Keys) -> Self {
        let assets = Assets::new(folder.join(assets::FOLDER));
        let remote = (!twins).then(|| Arc::new(RemoteModels::with_assets(keys.opener(), assets.clone())));
        Self { local: LocalModels::new(root, folder.join("models")), remote, assets }
    }

    /// Those of a session; loaded at once where it serves.
    pub(crate) fn for_session(root: &Path, folder: &Path, plan: &Plan, keys: &Keys, serves: bool) -> Arc<Self> {
        let models = Self::new(root, folder, plan.project.twins, keys);
        if serves {
            models.warm(plan);
        }
        Arc::new(models)
    }

    /// Somebody serves, who may ask any model of a plan: those that are to be kept loaded are loaded now.
    fn warm(&self, plan: &Plan) {
        let Some(remote) = &self.remote else { return };
        for model in plan.models.values().filter(|model| model.remote.as_ref().is_some_and(|remote| remote.warm.is_some())) {
            let (remote, model) = (remote.clone(), model.clone());
            tokio::spawn(async move { remote.warm(&model).await });
        }
    }
}

impl Models for AllModels {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        self.local.classify(model, labels, text)
    }

    fn embed(&self, model: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        self.local.embed(model, texts)
    }

    fn vectors(&self, model: Arc<Model>, texts: Vec<Arc<str>>, within: Micros) -> BoxFuture<'_, Result<Made, Silence>> {
        Box::pin(async move {
            match &self.remote {
                Some(remote) => remote.vectors(&model, &texts, within).await,
                None => offline_vectors(texts).await,
            }
        })
    }

    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            match &self.remote {
                Some(remote) => remote.say(&prompt).await,
                None if prompt.draws => OfflineModels::draw(&prompt, &self.assets),
                None => OfflineModels::say(&prompt),
            }
        })
    }
}

/// Many texts take a moment: not on a thread that others wait for.
pub(crate) async fn offline_vectors(texts: Vec<Arc<str>>) -> Result<Made, Silence> {
    let work = tokio::task::spawn_blocking(move || OfflineModels::vectors(&texts));
    work.await.map_err(|problem| Silence::free("unreachable", format!("embedding broke off: {problem}"), false))?
}
