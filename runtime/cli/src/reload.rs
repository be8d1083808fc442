//! Reloading: whenever files change, the whole repository is compiled, and the plan takes effect wholly or not at all. What cannot be
//! taken leaves the last plan that could; nothing here ends the process.

use crate::exit::Failure;
use crate::host::{Host, Refusal, SHOWN, Stage};
use crate::output::tell;
use crate::render;
use crate::snapshot::{Snapshot, Taken, take};
use crate::watch::Watch;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tradewind_engine::engine::{Engine, SteerError};
use tradewind_lang::code::run;
use tradewind_lang::compile::{Compiled, Generation};
use tradewind_lang::diagnostic::Severity;
use tradewind_lang::plan::{Plan, Project};

/// Nothing may have changed for so long before files are read.
const QUIET: Duration = Duration::from_millis(150);
/// The longest wait for that.
const STORM: Duration = Duration::from_secs(3);
/// The pause before files that changed while they were read are read again.
const AGAIN: Duration = Duration::from_millis(120);
/// How long a file may be gone or empty while an editor writes it.
const SHRUNK: Duration = Duration::from_millis(500);
/// How often that is tried before the next news are waited for.
const TRIES: usize = 25;
/// How often a file that cannot be read is tried.
const READS: usize = 5;

/// Keeps the engine at the plan of the repository; never ends.
pub(crate) async fn keep(host: Arc<Host>, engine: Engine, environment: Option<String>, first: Option<Box<Snapshot>>) {
    let mut keeper =
        Keeper { watch: Watch::new(&host.root), host, engine, environment, generation: Generation::default(), lengths: BTreeMap::new() };
    match first {
        Some(first) => {
            let Snapshot { generation, lengths, read, .. } = *first;
            keeper.watch.look_at(lengths.keys().map(Path::new), &read);
            (keeper.generation, keeper.lengths) = (generation, lengths);
        }
        None => keeper.watch.look_at(std::iter::empty(), &std::collections::BTreeSet::new()),
    }
    // What changed between the first reading and now is read again.
    keeper.reload().await;
    loop {
        keeper.watch.changed().await;
        keeper.watch.quiet(QUIET, STORM).await;
        keeper.reload().await;
    }
}

struct Keeper {
    host: Arc<Host>,
    engine: Engine,
    environment: Option<String>,
    watch: Watch,
    generation: Generation,
    lengths: BTreeMap<String, usize>,
}

impl Keeper {
    async fn reload(&mut self) {
        let mut confirmed = false;
        for attempt in 1..=TRIES {
            // Before the files are read: what changes after this is news.
            self.watch.is_known().await;
            let (root, environment) = (self.host.root.clone(), self.environment.clone());
            let before = std::mem::take(&mut self.generation);
            let taken = tokio::task::spawn_blocking(move || take(&root, environment.as_deref(), before)).await;
            match taken {
                Ok(Taken::Stable(snapshot)) if snapshot.has_shrunk(&self.lengths) && !confirmed => {
                    confirmed = true;
                    self.generation = snapshot.generation;
                    tokio::time::sleep(SHRUNK).await;
                }
                Ok(Taken::Stable(snapshot)) => {
                    let Snapshot { compiled, generation, lengths, read } = *snapshot;
                    self.watch.look_at(lengths.keys().map(Path::new), &read);
                    (self.generation, self.lengths) = (generation, lengths);
                    consider(&self.host, &self.engine, &compiled, None).await;
                    return;
                }
                Ok(Taken::Unreadable(failure)) if attempt >= READS => return refuse(&self.host, &failure),
                Ok(Taken::Changing | Taken::Unreadable(_)) => tokio::time::sleep(AGAIN).await,
                Err(error) => {
                    let failure = Failure::new(crate::exit::Exit::Tool, &run::CANNOT_READ, format!("compiling broke off: {error}"));
                    return refuse(&self.host, &failure);
                }
            }
        }
    }
}

/// What became of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Considered {
    /// It is active.
    Applied,
    /// It is not.
    Refused {
        /// The code.
        code: &'static str,
        /// Why, in one sentence.
        why: String,
    },
    /// The engine ends, whatever is considered.
    Ended,
}

/// Says why the newest generation is not taken.
pub(crate) fn refuse(host: &Host, failure: &Failure) {
    let why = format!("error[{}]: {}", failure.code, failure.message);
    if host.note(Stage::Refused, None, Some(Refusal { why: why.clone(), diagnostics: Vec::new() })) {
        tell!("refused: {why}; the plan before stays");
    }
}

/// Takes a generation for somebody, or says why not.
pub(crate) async fn consider(host: &Host, engine: &Engine, compiled: &Compiled, by: Option<&str>) -> Considered {
    let Some(plan) = &compiled.plan else {
        let why = refuse_mistakes(host, compiled);
        return Considered::Refused { code: run::CONFIGURATION.id, why };
    };
    let (digest, active) = (plan.digest(), engine.active());
    let Ok(held) = engine.held().await else { return Considered::Ended };
    if held == Some(digest) {
        if host.note(Stage::RolledBack, Some(digest), None) {
            tell!("plan {} waits: somebody went back from it", digest.short());
        }
        return Considered::Refused { code: run::COMMIT_UNFIT.id, why: format!("somebody went back from its plan {}", digest.short()) };
    }
    // Where somebody went back and the files followed, adopting it again lets go of what was gone back from.
    if active.digest == digest && held.is_none() {
        host.note(Stage::Applied, Some(digest), None);
        return Considered::Applied;
    }
    // Whoever follows files takes none that say that something else is followed.
    let follows = by.is_none().then_some(plan.project.source.as_ref()).flatten().map(|_| "`source`");
    if let Some(what) = needs_restart(&active.plan.project, &plan.project).or(follows) {
        let why = format!("{what} changed, which only a new process can take");
        let told = format!("error[{}]: {why}", run::RESTART_NEEDED.id);
        if host.note(Stage::Refused, Some(digest), Some(Refusal { why: told.clone(), diagnostics: Vec::new() })) {
            tell!("refused: {told}; the plan before stays");
        }
        return Considered::Refused { code: run::RESTART_NEEDED.id, why };
    }
    let plan: Arc<Plan> = Arc::new(plan.clone());
    match engine.adopt_for(plan, by).await {
        Ok(_) => {
            if host.note(Stage::Applied, Some(digest), None) {
                tell!("applied: plan {}", digest.short());
            }
            Considered::Applied
        }
        Err(SteerError::Refused(refusal)) => {
            let failure = Failure::new(crate::exit::Exit::Mistakes, &run::RESTART_NEEDED, refusal.to_string());
            refuse(host, &failure);
            Considered::Refused { code: run::RESTART_NEEDED.id, why: failure.message }
        }
        // Whoever serves ends for that reason.
        Err(SteerError::Store(_) | SteerError::Stopped) => Considered::Ended,
    }
}

/// What mistakes a refused generation has, as `status` shows them; in one sentence.
pub(crate) fn refuse_mistakes(host: &Host, compiled: &Compiled) -> String {
    let errors: Vec<_> = compiled.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error).collect();
    let why = match errors.len() {
        1 => "the repository has a mistake".to_owned(),
        many => format!("the repository has {many} mistakes"),
    };
    let shown = first_mistakes(compiled);
    if host.note(Stage::Refused, None, Some(Refusal { why: why.clone(), diagnostics: shown })) {
        for diagnostic in errors.iter().take(SHOWN) {
            tell!("{}", render::diagnostic(diagnostic, &compiled.sources, render::colours()));
        }
        tell!("refused: {why}; the plan before stays");
    }
    match errors.first() {
        Some(first) => format!("{why}, first {}: {}", first.code.id, first.message),
        None => why,
    }
}

/// The first mistakes, rendered without colours.
pub(crate) fn first_mistakes(compiled: &Compiled) -> Vec<String> {
    let errors = compiled.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == Severity::Error);
    errors.take(SHOWN).map(|diagnostic| render::diagnostic(diagnostic, &compiled.sources, false)).collect()
}

/// What of the project the process was built around.
pub(crate) fn needs_restart(active: &Project, next: &Project) -> Option<&'static str> {
    match () {
        () if active.name != next.name => Some("the project's name"),
        () if active.store != next.store => Some("`store`"),
        () if active.checkpoints != next.checkpoints => Some("`checkpoints`"),
        () if active.twins != next.twins => Some("`twins`"),
        () if active.environment != next.environment => Some("the environment"),
        () => None,
    }
}
