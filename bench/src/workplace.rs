//! A folder for the length of a measurement. It is removed at the end, and nothing is written elsewhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A folder that is removed with everything in it when this is dropped.
#[derive(Debug)]
pub struct Workplace(PathBuf);

impl Workplace {
    /// Makes a new folder below `parent`, which decides the disk that is measured.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn below(parent: &Path, name: &str) -> io::Result<Self> {
        let folder = parent.join(format!("tradewind-bench-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a folder with everything in it, hidden files excepted.
///
/// # Errors
/// Something cannot be read or written.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
