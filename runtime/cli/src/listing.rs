//! Which files of a folder are configuration: every KDL file below the root, each once, links followed as far as the root reaches.
//! It reads no file.

use crate::exit::Failure;
use crate::repository::{MANIFEST, tool};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tradewind_lang::code::run;
use tradewind_lang::compile::Compiled;
use tradewind_lang::diagnostic::Diagnostic;
use tradewind_lang::source::Span;

/// The files of a repository.
pub(crate) struct Listing {
    /// KDL files, in order of path.
    pub(crate) files: Vec<PathBuf>,
    /// Links that are not followed.
    pub(crate) unfollowed: Vec<Unfollowed>,
}

/// A link that is not followed.
#[derive(Debug, Clone)]
pub(crate) struct Unfollowed {
    path: String,
    target: String,
    why: &'static str,
}

impl Unfollowed {
    /// Adds it to what compiling found: the link's text is where it leads.
    pub(crate) fn report(&self, compiled: &mut Compiled) {
        let source = compiled.sources.add(self.path.clone(), self.target.as_str());
        let message = format!("the link `{}` {}", self.path, self.why);
        let diagnostic = Diagnostic::new(&run::LINK, Span::new(source, 0, self.target.len()), message).label("not followed");
        compiled.diagnostics.push(diagnostic.help("copy it into the repository, remove it, or name its folder in `ignore`"));
    }
}

/// Lists the KDL files below a root, a canonical path.
pub(crate) fn list(root: &Path, ignored: Vec<String>) -> Result<Listing, Failure> {
    let mut walk = Walk { root, ignored, seen: BTreeSet::new(), links: Vec::new(), files: Vec::new(), unfollowed: Vec::new() };
    walk.folder(root, root)?;
    // After everything that stands there itself, so that a file goes by its own path and not by a link's.
    while !walk.links.is_empty() {
        let mut links = std::mem::take(&mut walk.links);
        links.sort();
        for link in links {
            walk.follow(&link)?;
        }
    }
    walk.files.sort();
    Ok(Listing { files: walk.files, unfollowed: walk.unfollowed })
}

struct Walk<'a> {
    root: &'a Path,
    ignored: Vec<String>,
    /// Canonical paths of files and folders that were listed.
    seen: BTreeSet<PathBuf>,
    links: Vec<PathBuf>,
    files: Vec<PathBuf>,
    unfollowed: Vec<Unfollowed>,
}

impl Walk<'_> {
    /// Lists a folder under the name that it is reached by; `real` is its canonical path.
    fn folder(&mut self, path: &Path, real: &Path) -> Result<(), Failure> {
        if !self.seen.insert(real.to_owned()) {
            return Ok(());
        }
        let entries = fs::read_dir(path).map_err(|error| tool(format!("the folder `{}` cannot be read: {error}", path.display())))?;
        for entry in entries.flatten() {
            let (path, real) = (entry.path(), real.join(entry.file_name()));
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_symlink() {
                self.links.push(path);
            } else if kind.is_dir() {
                if !self.is_left_out(&path) && !is_repository(&path) {
                    self.folder(&path, &real)?;
                }
            } else if kind.is_file() {
                self.file(path, real);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: PathBuf, real: PathBuf) {
        if is_kdl(&path) && self.seen.insert(real) {
            self.files.push(path);
        }
    }

    /// Whether a folder is hidden or ignored.
    fn is_left_out(&self, folder: &Path) -> bool {
        let hidden = folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        hidden || self.ignored.contains(&relative(self.root, folder))
    }

    fn follow(&mut self, link: &Path) -> Result<(), Failure> {
        if self.is_left_out(link) {
            return Ok(());
        }
        let Ok(real) = fs::canonicalize(link) else {
            // What leads nowhere matters only where configuration was meant: editors leave such links as locks.
            if is_kdl(link) {
                self.leave(link, "leads nowhere");
            }
            return Ok(());
        };
        let folder = real.is_dir();
        if !folder && !is_kdl(link) {
            return Ok(());
        }
        if !real.starts_with(self.root) {
            self.leave(link, "leads out of the repository");
        } else if folder && link.parent().and_then(|parent| fs::canonicalize(parent).ok()).is_some_and(|parent| parent.starts_with(&real)) {
            self.leave(link, "leads to a folder around it");
        } else if folder {
            if !is_repository(&real) {
                self.folder(link, &real)?;
            }
        } else if real.is_file() {
            self.file(link.to_owned(), real);
        } else {
            // A pipe or a device would be waited for.
            self.leave(link, "leads to no file");
        }
        Ok(())
    }

    fn leave(&mut self, link: &Path, why: &'static str) {
        let target = fs::read_link(link).unwrap_or_default().to_string_lossy().into_owned();
        self.unfollowed.push(Unfollowed { path: relative(self.root, link), target, why });
    }
}

/// Whether a folder is a repository of its own.
fn is_repository(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file()
}

fn is_kdl(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "kdl")
}

/// A path from the root, with `/`.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
