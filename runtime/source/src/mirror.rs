//! The bare mirror of the repository: fetched into, asked about commits, thrown away when it is broken. It holds nothing that cannot be
//! fetched again.

use crate::access::Entry;
use crate::commit::Commit;
use crate::git::{Bounds, Git, size_of};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tradewind_lang::plan::{Follows, Source};

/// The longest that a fetch may take.
const FETCH_TIME: Duration = Duration::from_secs(300);
/// Most bytes that a fetch may bring.
const MOST_FETCHED: u64 = 512 << 20;
/// Packs from which on they are made one.
const MANY_PACKS: usize = 50;
/// Where the newest commit is noted, and the one that was taken last: so that it is never thrown away.
const WANTED: &str = "refs/tradewind/wanted";
const TAKEN: &str = "refs/tradewind/taken";

/// How a commit stands to an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Descent {
    /// It follows it, or is it.
    Follows,
    /// It does not, or the earlier one is not there any more.
    Rewritten,
}

/// A bare mirror.
#[derive(Debug, Clone)]
pub(crate) struct Mirror {
    git: Git,
}

impl Mirror {
    /// The mirror below a folder; what a process that was killed left behind is cleared away first.
    pub(crate) fn at(folder: &Path) -> Result<Self, String> {
        let git = Git { folder: folder.join("mirror.git"), home: folder.join("home") };
        let wrong = |error: std::io::Error| format!("the folder `{}` cannot be made: {error}", folder.display());
        fs::create_dir_all(&git.home).map_err(wrong)?;
        clear(&git.folder);
        Ok(Self { git })
    }

    pub(crate) fn git(&self) -> &Git {
        &self.git
    }

    fn packs(&self) -> PathBuf {
        self.git.folder.join("objects/pack")
    }

    async fn make(&self) -> Result<(), String> {
        if self.git.folder.join("HEAD").is_file() {
            return Ok(());
        }
        let made = self.git.run(&["init", "--quiet", "--bare", "--template="], &Entry::default(), &Bounds::small()).await?;
        made.well().map(drop).map_err(|said| format!("the mirror cannot be made: {said}"))
    }

    /// Fetches what is followed, and returns its commit. A mirror that is broken is made anew, once.
    pub(crate) async fn fetch(&self, source: &Source, entry: &Entry) -> Result<Commit, String> {
        self.make().await?;
        let first = self.fetch_once(source, entry).await;
        match first {
            // A repository that does not know itself any more knows nothing worth keeping.
            Err(_) if !self.is_sound().await => {
                tracing::warn!("the mirror of the source is broken and is made anew");
                fs::remove_dir_all(&self.git.folder).map_err(|error| format!("the broken mirror cannot be removed: {error}"))?;
                self.make().await?;
                self.fetch_once(source, entry).await
            }
            first => first,
        }
    }

    async fn fetch_once(&self, source: &Source, entry: &Entry) -> Result<Commit, String> {
        let from = match &source.follows {
            Follows::Branch(name) => format!("refs/heads/{name}"),
            Follows::Tag(name) => format!("refs/tags/{name}"),
            Follows::Commit(name) => name.clone(),
        };
        let folder = Some((self.packs(), size_of(&self.packs()).saturating_add(MOST_FETCHED)));
        let bounds = Bounds { time: FETCH_TIME, output: 1 << 20, folder };
        let refs = format!("+{from}:{WANTED}");
        let arguments = [
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-maintenance",
            "--no-recurse-submodules",
            "--",
            &source.url,
            &refs,
        ];
        let fetched = self.git.run(&arguments, entry, &bounds).await;
        if fetched.is_err() {
            // What it was writing is of no use.
            clear(&self.git.folder);
        }
        fetched?.well()?;
        self.commit_of(WANTED).await
    }

    /// The commit of a name; of a tag, what it stands for.
    async fn commit_of(&self, name: &str) -> Result<Commit, String> {
        let wanted = format!("{name}^{{commit}}");
        let found = self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).await?;
        let found = String::from_utf8_lossy(&found).trim().to_owned();
        Commit::parse(&found).ok_or_else(|| "what is followed is no commit".to_owned())
    }

    async fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        self.git.run(arguments, &Entry::default(), &Bounds::small()).await?.well()
    }

    async fn is_sound(&self) -> bool {
        // Every commit that is noted can be read, and so can the folders of each.
        let refs = self.ask(&["for-each-ref", "--format=%(objectname) %(tree)"]).await;
        let bounds = Bounds { time: Duration::from_secs(120), ..Bounds::small() };
        let arguments = ["rev-list", "--objects", "--quiet", "--all"];
        let walked = self.git.run(&arguments, &Entry::default(), &bounds).await;
        refs.is_ok() && matches!(walked, Ok(answer) if answer.code == Some(0))
    }

    /// Whether the mirror holds a commit.
    pub(crate) async fn holds(&self, commit: &Commit) -> bool {
        self.ask(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).await.is_ok()
    }

    /// How a commit stands to an earlier one.
    pub(crate) async fn descent(&self, earlier: &Commit, commit: &Commit) -> Result<Descent, String> {
        if !self.holds(earlier).await {
            return Ok(Descent::Rewritten);
        }
        let arguments = ["merge-base", "--is-ancestor", earlier.as_str(), commit.as_str()];
        let bounds = Bounds { time: Duration::from_secs(120), ..Bounds::small() };
        let answer = self.git.run(&arguments, &Entry::default(), &bounds).await?;
        match answer.code {
            Some(0) => Ok(Descent::Follows),
            Some(1) => Ok(Descent::Rewritten),
            _ => Err(answer.said),
        }
    }

    /// Who signed a commit, where it is one of the keys of a file; else why nobody did.
    pub(crate) async fn signer(&self, commit: &Commit, signers: &Path) -> Result<Result<String, String>, String> {
        if !signers.is_file() {
            return Err(format!("the signers' keys `{}` cannot be read", signers.display()));
        }
        let keys = format!("gpg.ssh.allowedSignersFile={}", signers.display());
        let answer = self.git.run(&["-c", &keys, "verify-commit", "--raw", commit.as_str()], &Entry::default(), &Bounds::small()).await?;
        let good = answer.said.lines().find_map(|line| line.strip_prefix("Good \"git\" signature for "));
        let signer = good.and_then(|rest| rest.split(" with ").next()).map(str::to_owned);
        Ok(match (answer.code, signer) {
            (Some(0), Some(signer)) => Ok(signer),
            (_, _) if answer.said.trim().is_empty() => Err("it has no signature".to_owned()),
            (_, _) => Err(answer.said.replace('\n', "; ")),
        })
    }

    /// The commits from one back to an earlier one, along first parents, newest first; so many at most.
    pub(crate) async fn path(&self, from: &Commit, back_to: Option<&Commit>, most: usize) -> Result<Vec<Commit>, String> {
        let count = format!("--max-count={most}");
        let mut arguments = vec!["rev-list", "--first-parent", &count, from.as_str()];
        let without = match back_to {
            Some(commit) if self.holds(commit).await => Some(format!("^{commit}")),
            _ => None,
        };
        arguments.extend(without.as_deref());
        let listed = self.ask(&arguments).await?;
        Ok(String::from_utf8_lossy(&listed).lines().filter_map(Commit::parse).collect())
    }

    /// Notes the commit that was taken, and makes many packs one.
    pub(crate) async fn taken(&self, commit: &Commit) -> Result<(), String> {
        self.ask(&["update-ref", TAKEN, commit.as_str()]).await?;
        let packs = fs::read_dir(self.packs()).into_iter().flatten().flatten();
        if packs.filter(|file| file.path().extension().is_some_and(|end| end == "pack")).count() >= MANY_PACKS {
            let bounds = Bounds { time: FETCH_TIME, ..Bounds::small() };
            self.git.run(&["repack", "-a", "-d", "--quiet"], &Entry::default(), &bounds).await?.well()?;
        }
        Ok(())
    }
}

/// Removes locks and halves of packs: whoever wrote them is gone, since one process holds the folder.
fn clear(folder: &Path) {
    let lock = |name: &str| name.ends_with(".lock");
    let half = |name: &str| name.starts_with("tmp_") || lock(name);
    for (place, is_left) in [("", &lock as &dyn Fn(&str) -> bool), ("refs", &lock), ("refs/tradewind", &lock), ("objects/pack", &half)] {
        for file in fs::read_dir(folder.join(place)).into_iter().flatten().flatten() {
            if file.file_name().to_str().is_some_and(is_left) {
                // What cannot be removed is met again by the fetch, which says so.
                let _ = fs::remove_file(file.path());
            }
        }
    }
    // Where packs of an interrupted fetch are checked before they count.
    for file in fs::read_dir(folder.join("objects")).into_iter().flatten().flatten() {
        if file.file_name().to_str().is_some_and(|name| name.starts_with("tmp_objdir-")) {
            let _ = fs::remove_dir_all(file.path());
        }
    }
}
