//! Following a source: the newest commit that may be taken is compiled as of itself, and its plan takes effect wholly or not at all. By which
//! terms a commit is judged stands in the served folder, so that no commit can change them.

mod beginning;

use crate::exit::{Exit, Failure};
use crate::host::{Host, Refusal, Stage};
use crate::output::tell;
use crate::reload::{self, Considered};
use crate::snapshot::{Snapshot, Taken as Read, take};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::engine::Engine;
use tradewind_engine::ports::Clock;
use tradewind_lang::code::run;
use tradewind_lang::compile::Generation;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::{Digest, status_name};
use tradewind_source::{Active, Bell, Commit, Follower, Kept, News, Pace, State, Taken, Teller, Told};

pub(crate) use beginning::{Beginning, begin, folder_of, secrets_of};

/// How the log names who wanted a plan: this, and the commit.
const BY: &str = "commit ";

/// As the log names a commit.
pub(crate) fn by(commit: &Commit) -> String {
    format!("{BY}{commit}")
}

/// The files of a commit, compiled. They change for nobody, so that they are read once.
async fn read(folder: &Path, environment: Option<String>, before: Generation) -> Result<Box<Snapshot>, Failure> {
    let unreadable = |why: String| Failure::new(Exit::Tool, &run::CANNOT_READ, why);
    let folder = std::fs::canonicalize(folder).map_err(|error| unreadable(format!("`{}` cannot be read: {error}", folder.display())))?;
    let read = tokio::task::spawn_blocking(move || take(&folder, environment.as_deref(), before)).await;
    match read.map_err(|error| unreadable(format!("compiling broke off: {error}")))? {
        Read::Stable(snapshot) => Ok(snapshot),
        Read::Unreadable(failure) => Err(failure),
        Read::Changing => Err(unreadable("the files of the commit were changed by somebody else".to_owned())),
    }
}

/// What cannot be kept is told; the log holds what matters.
fn noted(kept: Result<(), String>) {
    if let Err(why) = kept {
        tracing::warn!("{why}");
    }
}

/// What the host knows already.
fn known(kept: &Kept) -> Option<Told> {
    let (commit, state, description) = kept.told.as_ref()?;
    let state = [State::Pending, State::Success, State::Failure].into_iter().find(|known| known.as_str() == state)?;
    Some(Told { commit: commit.clone(), state, description: description.clone() })
}

/// Keeps the engine at the newest commit that may be taken; never ends, unless the engine does.
pub(crate) async fn keep(host: Arc<Host>, engine: Engine, environment: Option<String>, follower: Follower, bell: Bell) {
    let name = status_name(&engine.active().plan.project.environment);
    let teller = follower.statuses().map(|statuses| Teller::begin(statuses, name, known(follower.kept())));
    let pace = Pace::new(Duration::from_micros(u64::try_from(follower.source().poll).unwrap_or(1)));
    let mut keeper = Keeper { host, engine, environment, follower, teller, pace, unreached: None, generation: Generation::default() };
    if keeper.recall().await.is_none() {
        return;
    }
    // The first question may take long, and what is at work is known before it.
    keeper.say(None).await;
    loop {
        if keeper.turn().await.is_none() {
            return;
        }
        let pause = keeper.pace.pause();
        keeper.say(Some(SystemClock.now().saturating_add(i64::try_from(pause.as_micros()).unwrap_or(0)))).await;
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = bell.heard() => {}
        }
    }
}

struct Keeper {
    host: Arc<Host>,
    engine: Engine,
    environment: Option<String>,
    follower: Follower,
    teller: Option<Teller>,
    pace: Pace,
    unreached: Option<String>,
    generation: Generation,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.host.set_source(Json::Null);
    }
}

impl Keeper {
    /// Goes on where the last process ended: what the log says is at work is so, and a new version may read the same files differently.
    /// None where the engine has ended.
    async fn recall(&mut self) -> Option<()> {
        let adoptions = self.engine.adoptions().await.ok()?;
        let logged = adoptions.iter().rev().find_map(|adoption| Some((adoption, Commit::parse(adoption.by.strip_prefix(BY)?)?)));
        if let Some((adoption, commit)) = logged {
            let digest = adoption.digest.to_string();
            if self.follower.kept().active.as_ref().is_none_or(|active| active.digest != digest) {
                noted(self.follower.believe(Active { commit, digest, since: adoption.at }));
            }
        }
        if let Some(folder) = self.follower.active_folder() {
            noted(self.follower.show(&folder));
            let commit = self.follower.kept().active.as_ref().map(|active| active.commit.clone());
            if let (Ok(snapshot), Some(commit)) = (read(&folder, self.environment.clone(), Generation::default()).await, commit) {
                let considered = reload::consider(&self.host, &self.engine, &snapshot.compiled, Some(&by(&commit))).await;
                match considered {
                    Considered::Ended => return None,
                    Considered::Applied => {
                        let digest = self.engine.active().digest;
                        if self.follower.kept().active.as_ref().is_some_and(|active| active.digest != digest.to_string()) {
                            let taken = self.follower.taken(&commit, digest, SystemClock.now()).await;
                            noted(taken);
                        }
                    }
                    Considered::Refused { .. } => {}
                }
                self.generation = snapshot.generation;
            }
        }
        if let Some(tried) = &self.follower.kept().tried {
            let why = format!("error[{}]: commit {}: {}", tried.code, tried.commit.short(), tried.why);
            self.host.note(Stage::Refused, None, Some(Refusal { why, diagnostics: tried.diagnostics.clone() }));
        }
        Some(())
    }

    /// Asks once, and takes what may be taken. None where the engine has ended.
    async fn turn(&mut self) -> Option<()> {
        let news = self.follower.ask(SystemClock.now()).await;
        if let News::Unreached(why) = &news {
            self.pace.failed();
            if self.unreached.as_ref() != Some(why) {
                tell!("error[{}]: the source cannot be asked: {why}; what is at work stays", run::SOURCE_UNREACHED.id);
            }
            self.unreached = Some(why.clone());
            return Some(());
        }
        self.pace.reached();
        self.unreached = None;
        match news {
            News::Take(taken) => self.take(taken).await?,
            News::Refused(refusal) => {
                let message = format!("commit {}: {}", refusal.commit.short(), refusal.why);
                reload::refuse(&self.host, &Failure::new(Exit::Mistakes, refusal.code, message));
            }
            News::Waits(commit, why) => tell!("commit {} waits: {why}", commit.short()),
            News::Same | News::Unreached(_) => {}
        }
        Some(())
    }

    async fn take(&mut self, taken: Taken) -> Option<()> {
        let Taken { commit, folder } = taken;
        self.tell(&commit, State::Pending, "it is being checked".to_owned());
        let snapshot = match read(&folder, self.environment.clone(), std::mem::take(&mut self.generation)).await {
            Ok(snapshot) => snapshot,
            // Nothing is said of the commit by that: it is tried again.
            Err(failure) => {
                self.unreached = Some(failure.message);
                self.pace.failed();
                return Some(());
            }
        };
        let before = self.follower.active_folder();
        // Whoever reads rows for the new plan reads its own.
        noted(self.follower.show(&folder));
        let considered = reload::consider(&self.host, &self.engine, &snapshot.compiled, Some(&by(&commit))).await;
        let now = SystemClock.now();
        match considered {
            Considered::Ended => return None,
            Considered::Applied => {
                let digest = snapshot.compiled.plan.as_ref().map_or_else(Digest::default, tradewind_lang::plan::Plan::digest);
                tell!("commit {} is at work", commit.short());
                let kept = self.follower.taken(&commit, digest, now).await;
                noted(kept);
            }
            Considered::Refused { code, why } => {
                if let Some(before) = before {
                    noted(self.follower.show(&before));
                }
                tell!("commit {} is not taken: {code}: {why}", commit.short());
                let mistakes = reload::first_mistakes(&snapshot.compiled);
                let kept = self.follower.refuse(&commit, code, &why, mistakes, now);
                noted(kept);
            }
        }
        self.generation = snapshot.generation;
        Some(())
    }

    fn tell(&self, commit: &Commit, state: State, description: String) {
        if let Some(teller) = &self.teller {
            teller.tell(Told { commit: commit.clone(), state, description });
        }
    }

    /// Says how the source stands: to `status`, and to its host.
    async fn say(&mut self, next: Option<i64>) {
        let held = self.engine.held().await.ok().flatten();
        let kept = self.follower.kept().clone();
        if let Some(active) = &kept.active {
            let went_back = held.is_some_and(|held| held.to_string() == active.digest);
            let short: String = active.digest.chars().take(12).collect();
            match went_back {
                true => self.tell(&active.commit, State::Failure, format!("somebody went back from its plan {short}")),
                false => self.tell(&active.commit, State::Success, format!("plan {short} is at work")),
            }
        }
        if let Some(tried) = &kept.tried {
            self.tell(&tried.commit, State::Failure, format!("{}: {}", tried.code, tried.why));
        }
        if let (Some(wanted), Some(why)) = (self.follower.wanted(), self.follower.waits()) {
            self.tell(wanted, State::Pending, why.to_owned());
        }
        if let Some(told) = self.teller.as_ref().and_then(Teller::told) {
            let said = self.follower.told(&told);
            noted(said);
        }
        self.host.set_source(self.standing(next));
    }

    fn standing(&self, next: Option<i64>) -> Json {
        let (kept, source) = (self.follower.kept(), self.follower.source());
        let wanted = self.follower.wanted();
        let active = kept.active.as_ref();
        let tried = kept.tried.as_ref().filter(|tried| wanted.is_none_or(|wanted| *wanted == tried.commit));
        let (state, code, why) = match (tried, self.follower.waits()) {
            (_, Some(why)) => ("waits", None, Some(why)),
            (Some(tried), None) => ("refused", Some(tried.code.as_str()), Some(tried.why.as_str())),
            _ if wanted.is_some() && wanted == active.map(|active| &active.commit) => ("taken", None, None),
            _ => ("unknown", None, None),
        };
        json!({
            "url": source.url,
            "follows": source.follows.to_string(),
            "active": active.map(|active| json!({
                "commit": active.commit.as_str(), "plan": active.digest, "since": timestamp_text(active.since),
            })),
            "wanted": wanted.or(kept.tried.as_ref().map(|tried| &tried.commit)).map(Commit::as_str),
            "state": state,
            "code": code,
            "why": why,
            "unreached": self.unreached,
            "failures": self.pace.failures(),
            "next": next.map(timestamp_text),
            "status_trouble": self.teller.as_ref().and_then(Teller::trouble),
        })
    }
}
