//! The plan that the log adopted last, for the days when the files do not compile: looking, answering and denying go on by it.
//! It knows only the usual place of a store, since another one is named in files that cannot be read.

use crate::exit::Failure;
use crate::repository::Repository;
use crate::session::store_failure;
use crate::socket;
use std::path::{Path, PathBuf};
use tradewind_engine::recover;
use tradewind_lang::plan::Plan;

/// Where the store is unless an environment says otherwise.
const USUAL: &str = ".tradewind/store";

/// The folder around it.
pub(crate) fn usual_folder(root: &Path) -> PathBuf {
    root.join(USUAL).parent().map_or_else(|| root.to_owned(), Path::to_owned)
}

/// What is known without today's files.
pub(crate) enum Known {
    /// A process holds the store and answers on its socket in this folder, whatever the files say.
    Served(PathBuf),
    /// Nobody holds it; this plan was adopted last.
    Plan(Box<Plan>),
    /// There is no store in the usual place, or nothing in it.
    Nothing,
}

/// Looks for whoever holds the store, and for the plan in it.
pub(crate) async fn find(repository: &Repository) -> Result<Known, Failure> {
    let store = repository.root.join(USUAL);
    if !store.exists() {
        return Ok(Known::Nothing);
    }
    let folder = usual_folder(&repository.root);
    if socket::is_served(&folder).await {
        return Ok(Known::Served(folder));
    }
    let plan = at(&repository.root, &format!("surrealkv://{USUAL}")).await?;
    Ok(plan.map_or(Known::Nothing, |plan| Known::Plan(Box::new(plan))))
}

/// The plan that the log of a store adopted last; none where there is no such store, or nothing in it.
pub(crate) async fn at(root: &Path, store: &str) -> Result<Option<Plan>, Failure> {
    let Some(path) = store.strip_prefix("surrealkv://") else { return Ok(None) };
    if !root.join(path.split('?').next().unwrap_or(path)).exists() {
        return Ok(None);
    }
    let log = tradewind_store::open(store, root).await.map_err(store_failure)?;
    let plan = recover::last_plan(&*log, 0).await;
    let closed = log.close().await;
    plan.and_then(|plan| closed.map(|()| plan)).map_err(store_failure)
}
