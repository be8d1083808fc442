//! Replacing a file's text whole: a full disk or a kill leaves the old text or the new one, never a part, and its permissions stay.
//! It refuses to overwrite what somebody changed since it was read.

use crate::exit::{Exit, Failure};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tradewind_lang::code::run;

/// Replaces the text `old` of a file by `new`. A link stays a link: what it leads to is replaced.
pub(crate) fn replace(path: &Path, old: &str, new: &str) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::Tool, &run::CANNOT_WRITE, format!("`{}` cannot be written: {error}", path.display()))
    };
    let target = fs::canonicalize(path).map_err(|error| wrong(&error))?;
    let there = fs::read(&target).map_err(|error| wrong(&error))?;
    if there != old.as_bytes() {
        return Err(wrong(&"it was changed meanwhile").help("run the command again"));
    }
    let permissions = fs::metadata(&target).map_err(|error| wrong(&error))?.permissions();
    // Renaming needs no right to write the file itself; a file that is read-only was meant to stay.
    if permissions.readonly() {
        return Err(wrong(&"it is read-only"));
    }
    let (mut file, beside) = create_beside(&target).map_err(|error| wrong(&error))?;
    let written = file
        .write_all(new.as_bytes())
        .and_then(|()| file.set_permissions(permissions))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&beside, &target));
    written.map_err(|error| {
        // What could not be renamed is of no use to anybody.
        let _ = fs::remove_file(&beside);
        wrong(&error)
    })
}

/// A new file in the folder of another; an existing one is never taken.
fn create_beside(target: &Path) -> io::Result<(File, PathBuf)> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut attempt = 0;
    loop {
        let beside = target.with_file_name(format!(".{name}.{}-{attempt}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&beside) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && attempt < 100 => attempt += 1,
            opened => return opened.map(|file| (file, beside)),
        }
    }
}
