//! What is known of the source over restarts: which commit is at work, and what became of the last one that was tried. A file of its own,
//! replaced whole; where it is lost, the log still says which plan is at work and of which commit.

use crate::commit::Commit;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use tradewind_lang::plan::Digest;

/// The version of the file.
const VERSION: u32 = 1;

/// A commit that is at work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Active {
    /// The commit.
    pub commit: Commit,
    /// The digest of its plan, in hexadecimal digits.
    pub digest: String,
    /// Since when, in microseconds since 1970 UTC.
    pub since: i64,
}

/// A commit that was tried and not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// The commit.
    pub commit: Commit,
    /// By which version and which declaration of the source: with others it is tried again.
    pub terms: String,
    /// The code of the reason.
    pub code: String,
    /// The reason, in one sentence.
    pub why: String,
    /// Its first mistakes, rendered.
    #[serde(default)]
    pub diagnostics: Vec<String>,
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
}

/// Everything that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    version: u32,
    /// The commit that is at work.
    pub active: Option<Active>,
    /// The last one that was tried and not taken; none once another is taken.
    pub tried: Option<Tried>,
    /// What was told last of a commit: the commit, the state, the description.
    #[serde(default)]
    pub told: Option<(Commit, String, String)>,
}

impl Default for Kept {
    fn default() -> Self {
        Self { version: VERSION, active: None, tried: None, told: None }
    }
}

fn file(folder: &Path) -> PathBuf {
    folder.join("source.json")
}

impl Kept {
    /// What a folder holds; nothing where it cannot be read, which is told to whoever looks at the log of the process.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let Ok(text) = fs::read_to_string(file(folder)) else { return Self::default() };
        match serde_json::from_str::<Self>(&text) {
            Ok(kept) if kept.version == VERSION => kept,
            Ok(_) => Self::default(),
            Err(error) => {
                tracing::warn!("what was known of the source cannot be read: {error}");
                Self::default()
            }
        }
    }

    /// Replaces what the folder holds.
    ///
    /// # Errors
    /// A file that cannot be written; the text is for people.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let (to, beside) = (file(folder), folder.join(".source.json.new"));
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let written = fs::File::create(&beside)
            .and_then(|mut out| out.write_all(text.as_bytes()).and_then(|()| out.sync_all()))
            .and_then(|()| fs::rename(&beside, &to))
            .and_then(|()| fs::File::open(folder)?.sync_all());
        written.map_err(|error| format!("`{}` cannot be written: {error}", to.display()))
    }

    /// Whether a commit was tried by these terms and not taken.
    #[must_use]
    pub fn has_tried(&self, commit: &Commit, terms: &str) -> bool {
        self.tried.as_ref().is_some_and(|tried| tried.commit == *commit && tried.terms == terms)
    }
}

/// What decides about a commit beside itself: the declaration of the source, as text, and this version.
pub(crate) fn terms(declared: &str) -> String {
    Digest::of(format!("{} {declared}", env!("CARGO_PKG_VERSION")).as_bytes()).short()
}
