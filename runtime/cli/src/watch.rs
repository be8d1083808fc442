//! News of changed files: the system's own where it gives them, and a look at every file's stamp now and then where it does not (network
//! disks, links, a queue that ran over). It says that something changed, never what.

use crate::listing;
use crate::repository::MANIFEST;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;
use tradewind_lang::compile;
use tradewind_lang::plan::Digest;

/// How often the stamps of all files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Whoever watches a repository.
pub(crate) struct Watch {
    root: PathBuf,
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    /// Files beside the KDL files.
    beside: BTreeSet<PathBuf>,
    stamp: Digest,
    news: mpsc::Receiver<()>,
}

impl Watch {
    /// Watches a root, a canonical path.
    pub(crate) fn new(root: &Path) -> Self {
        let (told, news) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.as_ref().map_or(true, matters) {
                // A full channel says it already.
                let _ = told.try_send(());
            }
        });
        let watcher = watcher.map_err(|error| tracing::warn!("files are looked at every {LOOK:?}, as nobody tells of changes: {error}"));
        Self {
            root: root.to_owned(),
            watcher: watcher.ok(),
            folders: BTreeSet::new(),
            beside: BTreeSet::new(),
            stamp: Digest::default(),
            news,
        }
    }

    /// Watches the folders of these files, from the root, from now on.
    pub(crate) fn look_at<'a>(&mut self, files: impl Iterator<Item = &'a Path>, beside: &'a BTreeSet<PathBuf>) {
        self.beside.clone_from(beside);
        let mut wanted = BTreeSet::from([self.root.clone()]);
        for file in files.chain(beside.iter().map(PathBuf::as_path)) {
            let path = self.root.join(file);
            wanted.extend(path.ancestors().skip(1).take_while(|folder| folder.starts_with(&self.root)).map(Path::to_owned));
        }
        let Some(watcher) = &mut self.watcher else { return };
        for folder in self.folders.difference(&wanted) {
            // A folder that is gone is watched by nobody.
            let _ = watcher.unwatch(folder);
        }
        for folder in &wanted {
            // Again also where it was watched: another folder may have its name by now. What cannot be watched is looked at.
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::debug!("`{}` cannot be watched: {error}", folder.display());
            }
        }
        self.folders = wanted;
    }

    /// What stands there is known.
    pub(crate) async fn is_known(&mut self) {
        self.stamp = self.stamp_now().await;
    }

    /// Returns when something may have changed.
    pub(crate) async fn changed(&mut self) {
        loop {
            match tokio::time::timeout(LOOK, self.news.recv()).await {
                Ok(Some(())) => return,
                // Nobody tells: only looking is left.
                Ok(None) => tokio::time::sleep(LOOK).await,
                Err(_) => {}
            }
            if self.stamp_now().await != self.stamp {
                return;
            }
        }
    }

    /// Returns when nothing has changed for so long, or a storm has lasted too long.
    pub(crate) async fn quiet(&mut self, quiet: Duration, longest: Duration) {
        let storm = async {
            while let Ok(Some(())) = tokio::time::timeout(quiet, self.news.recv()).await {
                // Events come in bursts: one look at the channel for each of them would be a busy loop.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        // A storm that does not end is looked into all the same.
        let _ = tokio::time::timeout(longest, storm).await;
    }

    async fn stamp_now(&self) -> Digest {
        let (root, beside) = (self.root.clone(), self.beside.clone());
        // A task that fails looks like a change, which is looked into.
        tokio::task::spawn_blocking(move || stamp(&root, &beside)).await.unwrap_or_default()
    }
}

/// Reading is no change, and what is hidden is no configuration: the store's own folder changes all the time.
fn matters(event: &notify::Event) -> bool {
    let is_change = match event.kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        _ => true,
    };
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    is_change && (event.paths.is_empty() || !event.paths.iter().all(hidden))
}

/// Path, length, time and number of every file.
fn stamp(root: &Path, beside: &BTreeSet<PathBuf>) -> Digest {
    let manifest = std::fs::read_to_string(root.join(MANIFEST)).unwrap_or_default();
    let listed = listing::list(root, compile::ignored_folders(&manifest)).map(|listing| listing.files).unwrap_or_default();
    let mut text = String::new();
    for path in listed.into_iter().chain(beside.iter().map(|path| root.join(path))) {
        let stamp = std::fs::metadata(&path).map(|file| (file.len(), file.mtime(), file.mtime_nsec(), file.ino())).ok();
        text.push_str(&format!("{path:?} {stamp:?}\n"));
    }
    Digest::of(text.as_bytes())
}
