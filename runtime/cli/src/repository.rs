//! Reading a repository from disk: which files belong to it, and what compiling them gives.

use crate::arguments::Place;
use crate::exit::{Exit, Failure};
use std::fs;
use std::path::{Path, PathBuf};
use tradewind_lang::code::run;
use tradewind_lang::compile::{self, Compiled};

/// The manifest's name; the folder that holds it is the repository's root.
const MANIFEST: &str = "tradewind.kdl";

/// A repository on disk.
#[derive(Debug, Clone)]
pub(crate) struct Repository {
    /// Its root.
    pub(crate) root: PathBuf,
    /// Every KDL file: path from the root with `/`, text.
    pub(crate) configuration: Vec<(String, String)>,
}

impl Repository {
    /// Finds the root from a place or the current folder, upwards, and reads every KDL file below it.
    pub(crate) fn open(place: &Place) -> Result<Self, Failure> {
        let start = match &place.repository {
            Some(folder) => folder.clone(),
            None => std::env::current_dir().map_err(|error| tool(format!("the current folder cannot be read: {error}")))?,
        };
        let start = fs::canonicalize(&start)
            .map_err(|error| no_repository(&format!("the folder `{}` cannot be read: {error}", start.display())))?;
        let Some(root) = start.ancestors().find(|folder| folder.join(MANIFEST).is_file()) else {
            return Err(no_repository(&format!("there is no {MANIFEST} in `{}` or above it", start.display())));
        };
        let mut files = Vec::new();
        let manifest = fs::read_to_string(root.join(MANIFEST)).unwrap_or_default();
        let ignored = compile::ignored_folders(&manifest);
        list(root, root, &ignored, &mut files)?;
        files.sort();
        let mut configuration = Vec::new();
        for path in files {
            configuration.push((relative(root, &path), read(&path)?));
        }
        Ok(Self { root: root.to_owned(), configuration })
    }

    /// Compiles it.
    pub(crate) fn compile(&self, environment: Option<&str>) -> Compiled {
        self.with_texts(environment, compile::compile)
    }

    /// Hands its texts to a part of the front end.
    pub(crate) fn with_texts<T>(&self, environment: Option<&str>, work: impl FnOnce(&compile::Repository<'_>) -> T) -> T {
        let read = |path: &str| fs::read_to_string(self.root.join(path)).ok();
        work(&compile::Repository { configuration: &self.configuration, library: tradewind_stdlib::LIBRARY, read: &read, environment })
    }
}

fn list(root: &Path, folder: &Path, ignored: &[String], files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(|error| tool(format!("the folder `{}` cannot be read: {error}", folder.display())))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let hidden = name.to_string_lossy().starts_with('.');
        // Links are not followed: a repository ends at its root.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            let nested = path.join(MANIFEST).is_file();
            if !hidden && !nested && !ignored.contains(&relative(root, &path)) {
                list(root, &path, ignored, files)?;
            }
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "kdl") {
            files.push(path);
        }
    }
    Ok(())
}

fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Reads a KDL file; one that is not UTF-8 is a mistake of the configuration.
fn read(path: &Path) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|error| tool(format!("`{}` cannot be read: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(Exit::Mistakes, &run::NOT_TEXT, format!("`{}` is not UTF-8 text from byte {at} on", path.display()))
            .help("save it as UTF-8")
    })
}

fn tool(message: String) -> Failure {
    Failure::new(Exit::Tool, &run::CANNOT_READ, message)
}

fn no_repository(message: &str) -> Failure {
    Failure::new(Exit::Mistakes, &run::NO_REPOSITORY, message).help("go to a repository, or name one with --repository DIR")
}
