//! Reading a repository from disk: which files belong to it, and what compiling them gives.

use crate::arguments::Place;
use crate::exit::{Exit, Failure};
use crate::listing::{self, Listing, relative};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use tradewind_lang::code::run;
use tradewind_lang::compile::{self, Compiled, Decoded, LOCK};

/// The manifest's name; the folder that holds it is the repository's root.
pub(crate) const MANIFEST: &str = "tradewind.kdl";

/// A repository on disk.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// Its root.
    pub(crate) root: PathBuf,
    /// Every KDL file: path from the root with `/`, text.
    pub(crate) configuration: Vec<(String, String)>,
    /// Links that were not followed.
    unfollowed: Vec<listing::Unfollowed>,
    /// Files that are not UTF-8 text, by path, and the byte at which each stops being text; their text above is what could be read.
    garbled: BTreeMap<String, usize>,
    /// Where the chosen environment follows a source: what of it is at work. None where these files are.
    pub(crate) followed: Option<Followed>,
}

/// What of a source is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Followed {
    /// Nothing was taken from it yet.
    Nothing,
    /// A commit, whose files are in this folder.
    Commit(PathBuf),
}

impl Repository {
    /// The same, where its environment follows a source.
    pub(crate) fn following(self, followed: Followed) -> Self {
        Self { followed: Some(followed), ..self }
    }

    /// The folder with the files of what is at work.
    pub(crate) fn at_work(&self) -> &Path {
        match &self.followed {
            Some(Followed::Commit(folder)) => folder,
            Some(Followed::Nothing) | None => &self.root,
        }
    }

    /// Finds the root from a place or the current folder, upwards, and reads every KDL file below it.
    pub(crate) fn open(place: &Place) -> Result<Self, Failure> {
        Self::read(&Self::root(place)?)
    }

    /// Finds the root.
    pub(crate) fn root(place: &Place) -> Result<PathBuf, Failure> {
        let start = match &place.repository {
            Some(folder) => folder.clone(),
            None => std::env::current_dir().map_err(|error| tool(format!("the current folder cannot be read: {error}")))?,
        };
        let start = fs::canonicalize(&start)
            .map_err(|error| no_repository(&format!("the folder `{}` cannot be read: {error}", start.display())))?;
        let Some(root) = start.ancestors().find(|folder| folder.join(MANIFEST).is_file()) else {
            return Err(no_repository(&format!("there is no {MANIFEST} in `{}` or above it", start.display())));
        };
        Ok(root.to_owned())
    }

    /// Reads every KDL file below a root, a canonical path.
    pub(crate) fn read(root: &Path) -> Result<Self, Failure> {
        let manifest = fs::read_to_string(root.join(MANIFEST)).unwrap_or_default();
        let Listing { files, unfollowed } = listing::list(root, compile::ignored_folders(&manifest))?;
        let (mut configuration, mut garbled) = (Vec::new(), BTreeMap::new());
        for path in files {
            let bytes = fs::read(&path).map_err(|error| tool(format!("`{}` cannot be read: {error}", path.display())))?;
            let name = relative(root, &path);
            let decoded = Decoded::of(bytes);
            if let Some(at) = decoded.garbled {
                garbled.insert(name.clone(), at);
            }
            configuration.push((name, decoded.text));
        }
        Ok(Self { root: root.to_owned(), configuration, unfollowed, garbled, followed: None })
    }

    /// Compiles it.
    pub(crate) fn compile(&self, environment: Option<&str>) -> Compiled {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut compiled = self.with_texts(environment, |repository| {
            let (compiled, _) = compile::compile_after(repository, compile::Generation::default(), threads);
            compiled
        });
        self.note_files(&mut compiled);
        compiled
    }

    /// Adds what is to be said of links that were not followed, and of files that are not text: those never end in a plan.
    pub(crate) fn note_files(&self, compiled: &mut Compiled) {
        for link in &self.unfollowed {
            link.report(compiled);
        }
        for (path, at) in &self.garbled {
            compiled.note_garbled(path, *at);
        }
    }

    /// Whether a file's text is what is on the disk, so that it may be written again.
    pub(crate) fn is_text(&self, path: &str) -> bool {
        !self.garbled.contains_key(path)
    }

    /// Refuses a repository with a file that is not text, for those who write every file anew.
    pub(crate) fn only_text(self) -> Result<Self, Failure> {
        match self.garbled.first_key_value() {
            None => Ok(self),
            Some((path, at)) => {
                let message = format!("`{path}` is not UTF-8 text from byte {at} on");
                Err(Failure::new(Exit::Mistakes, &run::NOT_TEXT, message).help("save it as UTF-8"))
            }
        }
    }

    /// Hands its texts to a part of the front end.
    pub(crate) fn with_texts<T>(&self, environment: Option<&str>, work: impl FnOnce(&compile::Repository<'_>) -> T) -> T {
        self.with_reader(environment, &|path: &str| self.file(path), work)
    }

    /// The same, with whoever reads the files beside them.
    pub(crate) fn with_reader<T>(
        &self,
        environment: Option<&str>,
        read: &(dyn Fn(&str) -> Option<String> + Sync),
        work: impl FnOnce(&compile::Repository<'_>) -> T,
    ) -> T {
        work(&compile::Repository { configuration: &self.configuration, library: tradewind_stdlib::LIBRARY, read, environment })
    }

    /// The text of a file of the repository; a link out of it leads nowhere.
    pub(crate) fn file(&self, path: &str) -> Option<String> {
        let place = fs::canonicalize(self.root.join(path)).ok()?;
        // A pipe or a device would be waited for.
        let bytes = (place.starts_with(&self.root) && place.is_file()).then(|| fs::read(place).ok()).flatten()?;
        // A lock file that is no text is a mistake, not one that was never written.
        if path == LOCK { Some(String::from_utf8_lossy(&bytes).into_owned()) } else { String::from_utf8(bytes).ok() }
    }
}

pub(crate) fn tool(message: String) -> Failure {
    Failure::new(Exit::Tool, &run::CANNOT_READ, message)
}

fn no_repository(message: &str) -> Failure {
    Failure::new(Exit::Mistakes, &run::NO_REPOSITORY, message).help("go to a repository, or name one with --repository DIR")
}
