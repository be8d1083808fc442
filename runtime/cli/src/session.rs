//! A session: the store, the twin, connectors, models and the engine of one repository, opened together and closed together.

use crate::all_models::{AllModels, Keys};
use crate::archiver::Archiver;
use crate::checkpoints::{self, Known, keeper::Keeper};
use crate::crash;
use crate::desk::{Desk, Foreseen, Problem, Request, is_past, out_of_time};
use crate::exit::{Exit, Failure};
use crate::host::Host;
use crate::image::{self, Imager};
use crate::output::tell;
use crate::reach::Watched;
use crate::repository::{Followed, Repository};
use crate::socket::{self, Asked, Listening};
use crate::twin_process::TwinProcess;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_connectors::{HttpConnectors, Manners};
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::{Config, Engine};
use tradewind_engine::ports::{Clock, Models, StoreError};
use tradewind_lang::code::run;
use tradewind_lang::plan::Plan;
use tradewind_memory::Ranker;
use tradewind_store::SurrealLog;
use tradewind_vault::{Keyed, Master, Paths, Vault};

/// How a session is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// Forget everything at the end.
    pub(crate) ephemeral: bool,
    /// Runs in flight at once.
    pub(crate) in_flight: usize,
    /// Go on with unfinished runs and perform effects; otherwise only look.
    pub(crate) perform: bool,
    /// Only steer the whole engine: what is frozen or gone back to is logged, and no run goes on.
    pub(crate) steer: bool,
}

impl Options {
    /// To work.
    pub(crate) fn work(ephemeral: bool, in_flight: usize) -> Self {
        Self { ephemeral, in_flight, perform: true, steer: false }
    }

    /// Whether it writes to the log.
    fn appends(self) -> bool {
        self.perform || self.steer
    }
}

/// Everything that one process holds.
pub(crate) struct Session {
    pub(crate) engine: Engine,
    host: Option<Arc<Host>>,
    store: Arc<SurrealLog>,
    keeper: Option<Keeper>,
    imager: Option<Imager>,
    archiver: Option<Archiver>,
    twin: Option<TwinProcess>,
    listening: Option<Listening>,
}

/// The folder of what the runtime keeps: the parent of the store's own.
pub(crate) fn state_folder(repository: &Repository, plan: &Plan) -> PathBuf {
    let store = store_folder(&repository.root, plan);
    store.parent().map_or_else(|| repository.root.join(".tradewind"), Path::to_owned)
}

/// The store's own folder.
pub(crate) fn store_folder(root: &Path, plan: &Plan) -> PathBuf {
    match plan.project.store.strip_prefix("surrealkv://") {
        Some(path) => root.join(path.split('?').next().unwrap_or(path)),
        None => root.join(".tradewind/store"),
    }
}

/// The twin, where effects happen on one.
async fn twin_of(repository: &Repository, plan: &Arc<Plan>, options: Options, folder: &Path) -> Result<Option<TwinProcess>, Failure> {
    if !options.perform || !plan.project.twins {
        return Ok(None);
    }
    // A log that is forgotten needs a twin that is: the repository's own ledger stays as it is.
    let ledger = if options.ephemeral { forgotten_ledger() } else { folder.join("twin.jsonl") };
    TwinProcess::start(plan, repository.at_work(), &ledger, options.ephemeral).await.map(Some)
}

impl Session {
    /// Opens the store and everything that works on it.
    pub(crate) async fn open(repository: &Repository, plan: impl Into<Arc<Plan>>, options: Options) -> Result<Self, Failure> {
        Self::of(repository, plan, options, None, None).await
    }

    /// The same; as a host, where this process serves. `wanted_by`: whose the plan is, for a log that has none yet.
    pub(crate) async fn of(
        repository: &Repository,
        plan: impl Into<Arc<Plan>>,
        options: Options,
        host: Option<Arc<Host>>,
        wanted_by: Option<&str>,
    ) -> Result<Self, Failure> {
        let plan = plan.into();
        let folder = state_folder(repository, &plan);
        std::fs::create_dir_all(&folder).map_err(|error| {
            Failure::new(Exit::Tool, &run::STORE_NOT_WRITABLE, format!("the folder `{}` cannot be made: {error}", folder.display()))
                .help("make it writable, or name another in the environment's `store`")
        })?;
        if options.appends() && host.is_none() && !options.ephemeral && repository.followed == Some(Followed::Nothing) {
            return Err(Failure::new(Exit::Tool, &run::NOTHING_TAKEN, "nothing was taken from the source yet, so there is no plan")
                .help("`tradewind serve` follows it"));
        }
        let url = if options.ephemeral { "memory://" } else { plan.project.store.as_str() };
        let store = open_store(url, &repository.root, &folder).await?;
        // Behind the store: whoever holds that holds the vault.
        let vault = match options.ephemeral || url.starts_with("memory:") {
            true => Vault::in_memory(),
            false => vault_of(repository, &plan).map_err(store_failure)?,
        };
        let place = checkpoints::place(&repository.root, &plan).filter(|_| !options.ephemeral);
        let known = admitted(place.as_ref(), &store, options).await?;
        let twin = twin_of(repository, &plan, options, &folder).await?;
        let connectors = HttpConnectors::new(twin.as_ref().map(|twin| twin.url.as_str()))
            .map_err(|message| Failure::new(Exit::Tool, &run::STORE_FAILED, message))?;
        let keys = Keys::of(&plan);
        let connectors = connectors.with_secrets(keys.opener());
        let models: Arc<dyn Models> = AllModels::for_session(repository.at_work(), &folder, &plan, &keys, host.is_some());
        let config = Config {
            plan: plan.clone(),
            log: Arc::new(Keyed::new(crash::wrapped(store.clone())?, Arc::new(vault))),
            connectors: Arc::new(Watched::new(Arc::new(Manners::new(Arc::new(connectors), Arc::new(SystemClock))))),
            finder: Arc::new(Ranker::default()),
            models,
            clock: Arc::new(SystemClock),
            shard: 0,
            in_flight: options.in_flight,
            look_only: !options.perform && !options.steer,
            steer_only: options.steer,
            // Clocks start runs where somebody serves, not where a command does one thing.
            schedules: host.is_some(),
            // What is followed is adopted by whoever follows it alone.
            keeps: repository.followed.is_some() && !options.ephemeral,
            wanted_by: wanted_by.map(Arc::from),
        };
        let image = place.as_ref().map(checkpoints::Place::image);
        let engine = opened(config, image.as_deref()).await?;
        let imager = image.filter(|_| options.appends()).map(|file| Imager::start(&engine, file));
        let desk = Desk { engine: engine.clone(), host: host.clone() };
        let archiver = host.clone().zip(place.clone()).map(|(host, place)| Archiver::start(desk.clone(), host, place));
        let keeper = place.zip(known).map(|(place, known)| Keeper::start(&engine, &place, &known)).transpose()?;
        keys.follow(&engine);
        let active = engine.active();
        if options.perform && active.digest != plan.digest() && repository.followed.is_none() {
            tell!("plan {} is at work: somebody went back to it from the plan of these files", active.digest.short());
        }
        // A command that only looks is gone in a moment: whoever met it on the socket would see it break off.
        let listening = match options.ephemeral || !options.perform {
            true => None,
            false => {
                socket::listen(&folder, desk).map_err(|error| tracing::warn!("other commands cannot reach this process: {error}")).ok()
            }
        };
        Ok(Self { engine, host, store, keeper, imager, archiver, twin, listening })
    }

    /// The desk of this session.
    pub(crate) fn desk(&self) -> Desk {
        Desk { engine: self.engine.clone(), host: self.host.clone() }
    }

    /// No command reaches this process any more.
    pub(crate) fn stop_listening(&mut self) {
        self.listening = None;
    }

    /// Ends what has begun, in order: no new request, the engine, the store, the twin.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        drop(self.listening);
        drop(self.archiver);
        if let Some(imager) = self.imager {
            imager.end(&self.engine).await;
        }
        self.engine.shutdown().await;
        if let Some(keeper) = self.keeper {
            keeper.end().await;
        }
        let stopped = self.engine.stopped().map_or(Ok(()), |error| Err(store_failure(error)));
        let closed = self.store.close().await.map_err(store_failure);
        if let Some(twin) = self.twin {
            twin.stop().await;
        }
        stopped.and(closed)
    }
}

/// The variables that say how the vault of a store is opened.
const PASSPHRASE: &str = "TRADEWIND_VAULT_PASSPHRASE";
const KEY_FILE: &str = "TRADEWIND_VAULT_KEY_FILE";

/// The vault beside the store, opened with what the environment names, else with the key file beside it.
pub(crate) fn vault_of(repository: &Repository, plan: &Plan) -> Result<Vault, StoreError> {
    let paths = Paths::beside(&store_folder(&repository.root, plan));
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let master = match (given(PASSPHRASE), given(KEY_FILE)) {
        (Some(passphrase), _) => Master::Passphrase(passphrase),
        (None, Some(path)) => Master::File(path.into()),
        (None, None) => Master::File(paths.master.clone()),
    };
    Vault::open(&paths, master)
}

/// What was signed of a store that may be appended to; none where nothing will be. Whoever only looks may look at an older store, too.
async fn admitted(place: Option<&checkpoints::Place>, store: &SurrealLog, options: Options) -> Result<Option<Known>, Failure> {
    let Some(place) = place.filter(|_| options.appends()) else { return Ok(None) };
    match place.admit(store).await {
        Ok(known) => Ok(Some(known)),
        Err(failure) => {
            store.close().await.map_err(store_failure)?;
            Err(failure)
        }
    }
}

/// The engine, from the image of an earlier day where there is one.
async fn opened(config: Config, image: Option<&Path>) -> Result<Engine, Failure> {
    let mut kept = image.and_then(image::open);
    Engine::open_with(config, kept.as_mut().map(|file| file as &mut (dyn Read + Send))).await.map_err(store_failure)
}

/// A place for a ledger that goes with the process.
fn forgotten_ledger() -> PathBuf {
    std::env::temp_dir().join(format!("tradewind-twin-{}-{}.jsonl", std::process::id(), SystemClock.now()))
}

/// How long a command waits for a store that another one holds for a moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it waits before it looks again; not the same for all, so that commands started together do not collide for ever.
fn pause() -> Duration {
    Duration::from_millis(20 + u64::from(std::process::id() % 31))
}

/// Opens the store. One that is held by a process that nobody can reach is held for a moment only: by a command that looks, or one
/// that is just starting or ending.
pub(crate) async fn open_store(url: &str, root: &Path, folder: &Path) -> Result<Arc<SurrealLog>, Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match tradewind_store::open(url, root).await {
            Err(StoreError::Locked(_)) if Instant::now() < until && !socket::is_served(folder).await => tokio::time::sleep(pause()).await,
            opened => return opened.map_err(store_failure),
        }
    }
}

/// Asks whoever holds the store; opens it for one answer where nobody does. `perform`: the answer sets runs going again.
pub(crate) async fn ask(repository: &Repository, plan: Plan, request: Request, perform: bool) -> Result<serde_json::Value, Failure> {
    let plan = Arc::new(plan);
    let folder = state_folder(repository, &plan);
    let until = Instant::now() + PATIENCE;
    loop {
        let failure = match socket::ask(&folder, &request).await {
            Asked::Answered(answer) => return answer.map_err(Failure::from),
            Asked::BrokeOff(why) if !request.only_looks() => return Err(Problem::broken(why).into()),
            Asked::BrokeOff(why) => Problem::broken(why).into(),
            Asked::Nobody => match answer_here(repository, &plan, &request, perform).await {
                // Somebody was faster, and may listen by now.
                Err(failure) if failure.code == run::STORE_LOCKED.id => failure,
                answered => return answered,
            },
        };
        if Instant::now() >= until {
            return Err(failure);
        }
        tokio::time::sleep(pause()).await;
    }
}

/// Asks a process that is known to hold the store.
pub(crate) async fn ask_holder(folder: &Path, request: &Request) -> Result<serde_json::Value, Failure> {
    match socket::ask(folder, request).await {
        Asked::Answered(answer) => answer.map_err(Failure::from),
        Asked::BrokeOff(why) => Err(Problem::broken(why).into()),
        Asked::Nobody => Err(Problem::broken("the process that held the store has just ended".to_owned()).into()),
    }
}

/// Answers from a store that nobody holds. Whoever performs looks first, so that a wrong request sets nothing going.
async fn answer_here(repository: &Repository, plan: &Arc<Plan>, request: &Request, perform: bool) -> Result<serde_json::Value, Failure> {
    let open = |perform| Session::open(repository, plan.clone(), Options { perform, ..Options::work(false, 64) });
    if request.only_steers() {
        let options = Options { perform: false, steer: true, ..Options::work(false, 64) };
        let session = Session::open(repository, plan.clone(), options).await?;
        let answer = session.desk().answer(request.clone()).await;
        session.close().await?;
        return answer.map_err(Failure::from);
    }
    let mut foreseen = Foreseen { unfinished: 0, deadline: None };
    if perform {
        let looking = open(false).await?;
        let seen = looking.desk().foresee(request).await;
        looking.close().await?;
        foreseen = seen.map_err(Failure::from)?;
    }
    let session = open(perform).await?;
    let mut answer = session.desk().answer(request.clone()).await;
    if perform && let Ok(told) = answer {
        session.engine.wait_idle().await.map_err(store_failure)?;
        answer = Ok(session.desk().told_again(told).await);
    }
    session.close().await?;
    match foreseen.unfinished {
        0 => {}
        1 => tell!("1 unfinished run went on"),
        many => tell!("{many} unfinished runs went on"),
    }
    match answer {
        // The clock was faster than the answer.
        Err(_) if is_past(foreseen.deadline) => Err(out_of_time(foreseen.deadline).into()),
        answer => answer.map_err(Failure::from),
    }
}

/// What a store's error is for people.
pub(crate) fn store_failure(error: StoreError) -> Failure {
    let (code, message, help) = match error {
        StoreError::Locked(text) => (
            &run::STORE_LOCKED,
            format!("another process holds the store: {text}"),
            "wait until it ends and run the same command again, or use the process that works: `runs`, `log` and `approvals` reach it",
        ),
        StoreError::NotWritable(text) => (
            &run::STORE_NOT_WRITABLE,
            format!("the store cannot be written: {text}"),
            "make its folder writable, or name another in `store`",
        ),
        StoreError::Full(text) => (
            &run::STORE_FULL,
            format!("the disk is full: {text}"),
            "free some space and run the same command again: what was acknowledged is safe",
        ),
        StoreError::Fenced => (
            &run::STORE_FENCED,
            "another writer took the log, so nothing more was written here".to_owned(),
            "let one process at a time hold the store",
        ),
        StoreError::Damaged(text) => (
            &run::STORE_DAMAGED,
            format!("the log cannot be read: {text}"),
            "restore the store's folder from a backup; nothing was changed",
        ),
        StoreError::Newer(text) => {
            (&run::STORE_NEWER, format!("a newer version wrote the store: {text}"), "use that version, or a newer one")
        }
        StoreError::Archived(text) => (
            &run::ARCHIVED,
            text,
            "put the file back where it was; what needs only newer events goes on without it: `tradewind log --from`",
        ),
        StoreError::Older(text) => (
            &run::STORE_OLDER,
            format!("the store is not the one that worked last: {text}"),
            "put back the store that goes with the checkpoints, or accept this one: `tradewind log accept --by WHO --reason WHY`",
        ),
        StoreError::NotDurable(text) => (
            &run::STORE_NOT_DURABLE,
            format!("the store would lose what it acknowledged: {text}"),
            "remove the setting, or say --ephemeral if nothing needs to be kept",
        ),
        StoreError::Keys(text) => (
            &run::KEYS,
            text,
            "put the vault and its key back where they were, from their own backup; nothing was changed, and nothing takes their place",
        ),
        StoreError::Other(text) => {
            (&run::STORE_FAILED, format!("the store failed: {text}"), "run the same command again: what was acknowledged is safe")
        }
    };
    Failure::new(Exit::Tool, code, message).help(help)
}
