//! Follows a source: fetches, judges the newest commit by what is declared, and lays out the one that may be taken. Each commit is judged
//! once; what is at work stays until another one is taken.

use crate::access::{Entry, KeyFile, OpenSecret};
use crate::commit::Commit;
use crate::kept::{self, Active, Kept, Tried};
use crate::mirror::{Descent, Mirror};
use crate::promotion::{Promoted, promoted};
use crate::statuses::Statuses;
use crate::tree::{self, Unfit};
use std::fs;
use std::path::{Path, PathBuf};
use tradewind_lang::code::{Code, run};
use tradewind_lang::plan::{Digest, Source};

/// Where a source is followed.
#[derive(Clone)]
pub struct Place {
    /// The folder that is served: files that the declaration names are found there.
    pub home: PathBuf,
    /// A folder of its own, which nobody else writes into.
    pub state: PathBuf,
    /// Opens secrets by name.
    pub secrets: OpenSecret,
    /// The file of a secret, where it is one.
    pub key_file: KeyFile,
}

/// A commit that may be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The commit.
    pub commit: Commit,
    /// Its files.
    pub folder: PathBuf,
}

/// Why a commit may not be taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The commit.
    pub commit: Commit,
    /// The code.
    pub code: Code,
    /// In one sentence.
    pub why: String,
}

/// What asking the source gave.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// Nothing that was not known.
    Same,
    /// A commit that may be taken, as far as it can be told without reading its files.
    Take(Taken),
    /// A commit that may not.
    Refused(Refusal),
    /// A commit that may be taken later, and why not now.
    Waits(Commit, String),
    /// It could not be asked.
    Unreached(String),
}

/// Whoever follows.
pub struct Follower {
    source: Source,
    terms: String,
    place: Place,
    mirror: Mirror,
    statuses: Option<Statuses>,
    kept: Kept,
    wanted: Option<Commit>,
    /// Why the newest commit waits.
    waits: Option<String>,
}

impl Follower {
    /// Takes up what is known of a source.
    ///
    /// # Errors
    /// A folder that cannot be written; the text is for people.
    pub fn open(source: Source, place: Place) -> Result<Self, String> {
        fs::create_dir_all(place.state.join("commits")).map_err(|error| format!("`{}` cannot be made: {error}", place.state.display()))?;
        let mirror = Mirror::at(&place.state)?;
        let statuses = Statuses::of(&source, place.secrets.clone())?;
        let terms = kept::terms(&format!("{source:?}"));
        let kept = Kept::read(&place.state);
        Ok(Self { source, terms, place, mirror, statuses, kept, wanted: None, waits: None })
    }

    /// What is known of it.
    #[must_use]
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// The declaration.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Where statuses are told, if anywhere.
    #[must_use]
    pub fn statuses(&self) -> Option<Statuses> {
        self.statuses.clone()
    }

    /// The newest commit that was seen by this process.
    #[must_use]
    pub fn wanted(&self) -> Option<&Commit> {
        self.wanted.as_ref()
    }

    /// Why it waits.
    #[must_use]
    pub fn waits(&self) -> Option<&str> {
        self.waits.as_deref()
    }

    /// The files of the commit at work, where they are still there.
    #[must_use]
    pub fn active_folder(&self) -> Option<PathBuf> {
        let folder = self.folder_of(&self.kept.active.as_ref()?.commit);
        folder.is_dir().then_some(folder)
    }

    /// The log says that this commit is at work, whatever was kept beside it.
    ///
    /// # Errors
    /// What is kept cannot be written.
    pub fn believe(&mut self, active: Active) -> Result<(), String> {
        self.kept.active = Some(active);
        self.kept.write(&self.place.state)
    }

    fn folder_of(&self, commit: &Commit) -> PathBuf {
        // The same commit by another folder is something else.
        let folder = Digest::of(self.source.folder.as_bytes()).short();
        self.place.state.join("commits").join(format!("{commit}-{folder}"))
    }

    /// Asks the source. `now` is in microseconds since 1970 UTC.
    pub async fn ask(&mut self, now: i64) -> News {
        match self.asked(now).await {
            Ok(news) => news,
            Err(why) => News::Unreached(why),
        }
    }

    async fn asked(&mut self, now: i64) -> Result<News, String> {
        let entry = Entry::of(&self.source, &self.place.home, &self.place.secrets, &*self.place.key_file)?;
        let newest = self.mirror.fetch(&self.source, &entry).await?;
        self.waits = None;
        let active = self.kept.active.as_ref().map(|active| active.commit.clone());
        let commit = match (&self.source.after, &self.statuses) {
            (Some(after), Some(statuses)) if active.as_ref() != Some(&newest) => {
                match promoted(&self.mirror, statuses, after, (&newest, active.as_ref()), now).await? {
                    Promoted::Commit(commit) => commit,
                    Promoted::Waits(why) => {
                        let is_news = self.wanted.as_ref() != Some(&newest);
                        self.wanted = Some(newest.clone());
                        self.waits = Some(why.clone());
                        return Ok(if is_news { News::Waits(newest, why) } else { News::Same });
                    }
                }
            }
            _ => newest,
        };
        self.wanted = Some(commit.clone());
        if active.as_ref() == Some(&commit) {
            // What was tried in between is not wanted any more.
            if self.kept.tried.take().is_some() {
                self.kept.write(&self.place.state)?;
            }
            return Ok(News::Same);
        }
        if self.kept.has_tried(&commit, &self.terms) {
            return Ok(News::Same);
        }
        if let Some((code, why)) = self.objection(active.as_ref(), &commit).await? {
            return self.refused(commit, code, why, now);
        }
        let folder = self.folder_of(&commit);
        match tree::lay_out(self.mirror.git(), &commit, &self.source.folder, &folder).await {
            Ok(()) => Ok(News::Take(Taken { commit, folder })),
            Err(Unfit::Commit(why)) => self.refused(commit, &run::COMMIT_UNFIT, why, now),
            Err(Unfit::Failed(why)) => Err(why),
        }
    }

    /// What the declaration has against a commit.
    async fn objection(&self, active: Option<&Commit>, commit: &Commit) -> Result<Option<(Code, String)>, String> {
        if let Some(active) = active.filter(|_| self.source.keeps_history)
            && self.mirror.descent(active, commit).await? == Descent::Rewritten
        {
            return Ok(Some((&run::HISTORY_REWRITTEN, format!("it does not descend from {}, which is at work", active.short()))));
        }
        let Some(signers) = &self.source.signers else { return Ok(None) };
        match self.mirror.signer(commit, &self.place.home.join(signers)).await? {
            Ok(signer) => {
                tracing::info!(%commit, signer, "signed");
                Ok(None)
            }
            Err(why) => Ok(Some((&run::COMMIT_UNSIGNED, format!("nobody in `{signers}` has signed it: {why}")))),
        }
    }

    fn refused(&mut self, commit: Commit, code: Code, why: String, now: i64) -> Result<News, String> {
        self.refuse(&commit, code.id, &why, Vec::new(), now)?;
        Ok(News::Refused(Refusal { commit, code, why }))
    }

    /// A commit was tried and not taken: it is not tried again, over restarts too, until the source or its declaration says something else.
    ///
    /// # Errors
    /// What is kept cannot be written.
    pub fn refuse(&mut self, commit: &Commit, code: &str, why: &str, diagnostics: Vec<String>, now: i64) -> Result<(), String> {
        let (commit, terms) = (commit.clone(), self.terms.clone());
        self.kept.tried = Some(Tried { commit, terms, code: code.to_owned(), why: why.to_owned(), diagnostics, at: now });
        self.sweep();
        self.kept.write(&self.place.state)
    }

    /// Whoever reads files reads those of this folder from now on.
    ///
    /// # Errors
    /// The link cannot be written.
    pub fn show(&self, folder: &Path) -> Result<(), String> {
        let beside = self.place.state.join(".current.new");
        // What a process that was killed left there.
        let _ = fs::remove_file(&beside);
        let relative = folder.strip_prefix(&self.place.state).unwrap_or(folder);
        let shown = std::os::unix::fs::symlink(relative, &beside).and_then(|()| fs::rename(&beside, self.place.state.join(CURRENT)));
        shown.map_err(|error| format!("`{CURRENT}` cannot be written: {error}"))
    }

    /// A commit is at work.
    ///
    /// # Errors
    /// What is kept cannot be written.
    pub async fn taken(&mut self, commit: &Commit, digest: Digest, now: i64) -> Result<(), String> {
        self.kept.active = Some(Active { commit: commit.clone(), digest: digest.to_string(), since: now });
        self.kept.tried = None;
        self.kept.write(&self.place.state)?;
        self.sweep();
        if let Err(why) = self.mirror.taken(commit).await {
            tracing::warn!("the mirror of the source was not tidied: {why}");
        }
        Ok(())
    }

    /// What was told of a commit is known to its host.
    ///
    /// # Errors
    /// What is kept cannot be written.
    pub fn told(&mut self, told: &crate::Told) -> Result<(), String> {
        let told = (told.commit.clone(), told.state.as_str().to_owned(), told.description.clone());
        if self.kept.told.as_ref() == Some(&told) {
            return Ok(());
        }
        self.kept.told = Some(told);
        self.kept.write(&self.place.state)
    }

    /// Removes the files of commits that are not at work.
    fn sweep(&self) {
        let active = self.kept.active.as_ref().map(|active| self.folder_of(&active.commit));
        let shown = fs::canonicalize(self.place.state.join(CURRENT)).ok();
        for file in fs::read_dir(self.place.state.join("commits")).into_iter().flatten().flatten() {
            let path = file.path();
            if Some(&path) != active.as_ref() && fs::canonicalize(&path).ok() != shown {
                // What cannot be removed is removed the next time.
                let _ = fs::remove_dir_all(&path);
            }
        }
    }
}

/// The link to the files of the commit at work, in the folder of the source.
pub const CURRENT: &str = "current";
