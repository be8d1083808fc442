//! What a process begins with that follows a source: what is at work already; else what the log adopted last; else the newest commit that
//! may be taken. Where there is nothing of the three, it does not begin.

use super::{by, noted, read};
use crate::exit::{Exit, Failure};
use crate::last_plan;
use crate::output::tell;
use crate::reload::{self, needs_restart};
use crate::repository::{Followed, Repository};
use crate::secrets;
use crate::session::state_folder;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::ports::Clock;
use tradewind_lang::code::run;
use tradewind_lang::compile::Generation;
use tradewind_lang::plan::{Plan, SecretSource, Source, status_name};
use tradewind_source::{CURRENT, Commit, Follower, News, OpenSecret, Place, State, Taken, Teller, Told};

/// How often a source that cannot be reached is asked before there is nothing to begin with, and the pause between.
const TRIES: usize = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// How long a process that cannot begin waits for the host to hear why.
const HEARS: Duration = Duration::from_secs(10);

/// The folder in which a source is kept.
pub(crate) fn folder_of(repository: &Repository, plan: &Plan) -> PathBuf {
    state_folder(repository, plan).join("source")
}

/// Opens the secrets that the served folder declares; no commit says where they are.
pub(crate) fn secrets_of(plan: &Plan) -> OpenSecret {
    let declared = plan.project.secrets.clone();
    Arc::new(move |name| {
        let source = declared.get(name).ok_or_else(|| format!("there is no secret `{name}`"))?;
        secrets::open(source).map_err(|why| format!("the secret `{name}` cannot be read: {why}"))
    })
}

/// What a process begins with.
pub(crate) struct Beginning {
    /// Whoever follows.
    pub(crate) follower: Follower,
    /// The plan, where the log has none.
    pub(crate) plan: Plan,
    /// Whose that plan is.
    pub(crate) wanted_by: Option<String>,
    /// The served folder, with what is at work.
    pub(crate) repository: Repository,
}

/// Finds it. `served` is the plan of the served folder itself.
pub(crate) async fn begin(repository: &Repository, served: &Plan, source: Source, environment: Option<&str>) -> Result<Beginning, Failure> {
    let state = folder_of(repository, served);
    let failed = |why: String| Failure::new(Exit::Tool, &run::SOURCE_UNREACHED, why);
    let files = served.project.secrets.clone();
    let key_file = move |name: &str| match files.get(name) {
        Some(SecretSource::File(path)) => Some(path.clone()),
        _ => None,
    };
    let place = Place { home: repository.root.clone(), state: state.clone(), secrets: secrets_of(served), key_file: Arc::new(key_file) };
    let mut follower = Follower::open(source, place).map_err(failed)?;
    let with = |followed: Followed| repository.clone().following(followed);
    let current = state.join(CURRENT);
    if let Some(folder) = follower.active_folder() {
        follower.show(&folder).map_err(failed)?;
        let snapshot = read(&folder, environment.map(str::to_owned), Generation::default()).await?;
        let wanted_by = follower.kept().active.as_ref().map(|active| by(&active.commit));
        // A newer version may find mistakes in what is at work: the log still holds its plan.
        let plan = snapshot.compiled.plan.unwrap_or_else(|| served.clone());
        return Ok(Beginning { follower, plan, wanted_by, repository: with(Followed::Commit(current)) });
    }
    if let Some(plan) = last_plan::at(&repository.root, &served.project.store).await? {
        // What is at work looks for its files where those of the newest commit are; that one is taken in order later.
        if let News::Take(taken) = follower.ask(SystemClock.now()).await {
            follower.show(&taken.folder).map_err(failed)?;
        }
        let followed = if current.exists() { Followed::Commit(current) } else { Followed::Nothing };
        tell!("the files of the commit at work are gone: its plan is taken from the log, and the source is asked anew");
        return Ok(Beginning { follower, plan, wanted_by: None, repository: with(followed) });
    }
    let (Taken { commit, folder }, plan) = first(&mut follower, served, environment).await?;
    follower.show(&folder).map_err(failed)?;
    Ok(Beginning { follower, plan, wanted_by: Some(by(&commit)), repository: with(Followed::Commit(current)) })
}

/// The first commit of all, and its plan. Where it is none to begin with, its host hears why before this process ends.
async fn first(follower: &mut Follower, served: &Plan, environment: Option<&str>) -> Result<(Taken, Plan), Failure> {
    let name = status_name(&served.project.environment);
    let teller = follower.statuses().map(|statuses| Teller::begin(statuses, name, super::known(follower.kept())));
    let tell = |commit: &Commit, state: State, description: String| {
        if let Some(teller) = &teller {
            teller.tell(Told { commit: commit.clone(), state, description });
        }
    };
    let found = judged(follower, served, environment, &tell).await;
    if let (Err(_), Some(teller)) = (&found, &teller) {
        teller.settle(HEARS).await;
        if let Some(told) = teller.told() {
            noted(follower.told(&told));
        }
    }
    found
}

/// What becomes of the first commit.
async fn judged(
    follower: &mut Follower,
    served: &Plan,
    environment: Option<&str>,
    tell: &(dyn Fn(&Commit, State, String) + Sync),
) -> Result<(Taken, Plan), Failure> {
    tell!("following {} of {}: nothing was taken from it yet", follower.source().follows, follower.source().url);
    let mut tries = 1;
    let taken = loop {
        match follower.ask(SystemClock.now()).await {
            News::Take(taken) => break taken,
            News::Unreached(_) if tries < TRIES => {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
            News::Unreached(why) => {
                let message = format!("the source cannot be asked, and nothing was taken from it yet: {why}");
                return Err(
                    Failure::new(Exit::Tool, &run::SOURCE_UNREACHED, message).help("run the same command again when it can be reached")
                );
            }
            News::Refused(refusal) => {
                tell(&refusal.commit, State::Failure, format!("{}: {}", refusal.code.id, refusal.why));
                let message = format!("commit {}: {}", refusal.commit.short(), refusal.why);
                return Err(Failure::new(Exit::Mistakes, refusal.code, message).help("nothing was taken before it, so nothing is served"));
            }
            News::Waits(commit, why) => {
                tell(&commit, State::Pending, why.clone());
                let message = format!("nothing was taken from the source yet, and commit {} waits: {why}", commit.short());
                return Err(Failure::new(Exit::Tool, &run::NOTHING_TAKEN, message).help("run the same command again later"));
            }
            News::Same => {
                let tried = follower.kept().tried.as_ref();
                // Whoever was not told by the process before this one is told now.
                if let Some(tried) = tried {
                    tell(&tried.commit, State::Failure, format!("{}: {}", tried.code, tried.why));
                }
                let message =
                    tried.map_or_else(String::new, |tried| format!(": commit {} was refused: {}", tried.commit.short(), tried.why));
                return Err(Failure::new(Exit::Mistakes, &run::NOTHING_TAKEN, format!("nothing was taken from the source yet{message}"))
                    .help("a commit is tried once: push one that mends it"));
            }
        }
    };
    tell(&taken.commit, State::Pending, "it is being checked".to_owned());
    let snapshot = read(&taken.folder, environment.map(str::to_owned), Generation::default()).await?;
    let Some(plan) = snapshot.compiled.plan.clone() else {
        crate::render::diagnostics(&snapshot.compiled);
        let mistakes = reload::first_mistakes(&snapshot.compiled);
        let why = "the repository has mistakes";
        tell(&taken.commit, State::Failure, format!("{}: {why}", run::CONFIGURATION.id));
        noted(follower.refuse(&taken.commit, run::CONFIGURATION.id, why, mistakes, SystemClock.now()));
        let message = format!("commit {} has mistakes, and nothing was taken before it", taken.commit.short());
        return Err(Failure::new(Exit::Mistakes, &run::CONFIGURATION, message).help("push one that mends them"));
    };
    if let Some(what) = needs_restart(&served.project, &plan.project) {
        let why = format!("{what} is another one than that of the served folder");
        tell(&taken.commit, State::Failure, format!("{}: {why}", run::RESTART_NEEDED.id));
        let message = format!("commit {}: {why}", taken.commit.short());
        return Err(Failure::new(Exit::Mistakes, &run::RESTART_NEEDED, message).help("the folder and the source must agree on it"));
    }
    Ok((taken, plan))
}
