//! Checkpoints of this repository's log: where they lie, which of them are believed, and whether the store is the one they were signed
//! of. What is signed and how is the engine's (`tradewind_engine::checkpoint`).
//!
//! The file lies beside the store's folder, or in the folder that the environment names with `checkpoints`; the key lies beside the
//! store, for its owner alone. Without them nothing is refused: a store that never had a checkpoint cannot be older than one.

pub(crate) mod keeper;

use crate::exit::{Exit, Failure};
use crate::last_plan::usual_folder;
use crate::replace::replace;
use crate::session::store_folder;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tradewind_engine::checkpoint::{self, Accepted, Checkpoint, PublicKey, Signed, Signer};
use tradewind_engine::clock::SystemClock;
use tradewind_engine::ports::{Clock, LogStore, StoreError};
use tradewind_engine::recover;
use tradewind_lang::code::run;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::Plan;

/// The key's file.
const KEY: &str = "checkpoint.key";
/// More lines than that are made fewer at the next start.
const MOST_LINES: usize = 8192;
/// So many are left, the newest: each of them vouches for all of the log before it.
const LINES_LEFT: usize = 1024;

/// Where checkpoints and the key lie.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    file: PathBuf,
    key: PathBuf,
    image: PathBuf,
}

/// Where they lie for a plan's store; none for a store that is forgotten.
pub(crate) fn place(root: &Path, plan: &Plan) -> Option<Place> {
    if !plan.project.store.starts_with("surrealkv://") {
        return None;
    }
    let store = store_folder(root, plan);
    let beside = store.parent()?;
    let name = store.file_name()?.to_string_lossy().into_owned();
    let file = match &plan.project.checkpoints {
        Some(folder) => root.join(folder).join(format!("{}-{name}.checkpoints", plan.project.name)),
        None => beside.join(format!("{name}.checkpoints")),
    };
    Some(Place { file, key: beside.join(KEY), image: beside.join(format!("{name}.image")) })
}

/// Where they lie for the usual store, where the files cannot say.
pub(crate) fn usual_place(root: &Path) -> Place {
    let beside = usual_folder(root);
    Place { file: beside.join("store.checkpoints"), key: beside.join(KEY), image: beside.join("store.image") }
}

/// What was signed so far.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The lines, as they stand.
    pub(crate) lines: Vec<String>,
    /// What they say.
    pub(crate) signed: Vec<Signed>,
}

impl Known {
    /// The checkpoints that the log must meet.
    pub(crate) fn standing(&self) -> Vec<Checkpoint> {
        checkpoint::standing(&self.signed)
    }
}

impl Place {
    /// Where the image of the books lies.
    pub(crate) fn image(&self) -> PathBuf {
        self.image.clone()
    }

    /// Reads what was signed.
    pub(crate) fn known(&self) -> Result<Known, Failure> {
        let text = match fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Known::default()),
            Err(error) => return Err(unreadable(&self.file, &error)),
        };
        let Some(signer) = self.signer()? else {
            return Err(self.unbelievable(&format!("the key that signed them is not at `{}`", self.key.display())));
        };
        let signed = checkpoint::read_all(&text, Some(signer.key()))
            .map_err(|unbelievable| self.unbelievable(&format!("line {}: {}", unbelievable.line, unbelievable.why)))?;
        let lines = text.lines().take(signed.len()).map(str::to_owned).collect();
        Ok(Known { lines, signed })
    }

    fn unbelievable(&self, why: &str) -> Failure {
        let message = format!("the checkpoints of `{}` cannot be believed: {why}", self.file.display());
        Failure::new(Exit::Tool, &run::CHECKPOINT_BROKEN, message)
            .help("find out who changed them; `tradewind log accept --by WHO` puts them aside and goes on from the log as it is")
    }

    /// Whoever signs here; none where nobody has yet.
    fn signer(&self) -> Result<Option<Signer>, Failure> {
        let text = match fs::read_to_string(&self.key) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&self.key, &error)),
        };
        let no_key = || {
            Failure::new(Exit::Tool, &run::CHECKPOINT_BROKEN, format!("`{}` holds no key", self.key.display()))
                .help("put the key back; without it, remove the file: a new key is made, and `tradewind log accept` goes on under it")
        };
        Signer::of_secret(&text).map(Some).ok_or_else(no_key)
    }

    /// The same; a new key is made where there is none.
    pub(crate) fn signer_or_new(&self) -> Result<Signer, Failure> {
        if let Some(signer) = self.signer()? {
            return Ok(signer);
        }
        let secret = Signer::new_secret().map_err(|why| Failure::new(Exit::Tool, &run::CANNOT_WRITE, why))?;
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.key);
        let made = made.and_then(|mut file| file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()));
        made.map_err(|error| unwritable(&self.key, &error))?;
        self.signer()?.ok_or_else(|| unwritable(&self.key, &io::Error::other("it was removed at once")))
    }

    /// The public key, where one was made.
    pub(crate) fn key(&self) -> Result<Option<PublicKey>, Failure> {
        Ok(self.signer()?.map(|signer| signer.key()))
    }

    /// Refuses a log that does not meet its last checkpoint. What was signed otherwise.
    pub(crate) async fn admit(&self, log: &dyn LogStore) -> Result<Known, Failure> {
        let known = self.known()?;
        if let Some(last) = known.standing().last() {
            recover::meets(log, last.shard, last).await.map_err(|error| match error {
                StoreError::Older(why) => self.older(&why),
                other => crate::session::store_failure(other),
            })?;
        }
        Ok(known)
    }

    fn older(&self, why: &str) -> Failure {
        let message = format!("the store is not the one that worked last: {why}");
        Failure::new(Exit::Tool, &run::STORE_OLDER, message).help(
            "put back the store that goes with the checkpoints; where an older one is put to work on purpose, effects that it does not \
             know may happen again under their old keys: `tradewind log accept --by WHO --reason WHY` says so and goes on from it",
        )
    }

    /// Says that the log as it stands is the right one, whatever was signed before. Checkpoints that cannot be believed are put aside.
    /// Returns how far it goes, and the checkpoint that it did not meet, as far as that is known.
    pub(crate) async fn accept(
        &self,
        tenant: &str,
        log: &dyn LogStore,
        by: &str,
        reason: &str,
    ) -> Result<(u64, Option<Checkpoint>), Failure> {
        let (events, head) = recover::head(log, 0).await.map_err(crate::session::store_failure)?;
        let known = match self.known() {
            Ok(known) => known,
            Err(failure) if failure.code == run::CHECKPOINT_BROKEN.id => {
                let aside = self.file.with_extension(format!("refused-{}", SystemClock.now()));
                fs::rename(&self.file, &aside).map_err(|error| unwritable(&aside, &error))?;
                Known::default()
            }
            Err(failure) => return Err(failure),
        };
        let last = known.standing().pop();
        let accepted = Accepted { by: by.to_owned(), reason: reason.to_owned(), instead_of: last.as_ref().map_or(0, |last| last.events) };
        let now = checkpoint::of(tenant, 0, events, head, SystemClock.now());
        let mut file = self.open()?;
        self.add(&mut file, &self.signer_or_new()?.sign(&Checkpoint { accepted: Some(accepted), ..now }))
            .and_then(|()| file.sync_all())
            .map_err(|error| unwritable(&self.file, &error))?;
        Ok((events, last))
    }

    /// Opens the file to add to it. What a process left half written is cut off first.
    fn open(&self) -> Result<fs::File, Failure> {
        let made = self.file.parent().map_or(Ok(()), fs::create_dir_all);
        let opened = made.and_then(|()| OpenOptions::new().append(true).create(true).mode(0o600).open(&self.file)).and_then(|file| {
            let bytes = fs::read(&self.file)?;
            let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            if whole < bytes.len() {
                file.set_len(whole as u64)?;
            }
            Ok(file)
        });
        opened.map_err(|error| unwritable(&self.file, &error))
    }

    fn add(&self, file: &mut fs::File, line: &str) -> io::Result<()> {
        file.write_all(line.as_bytes())
    }

    /// Leaves the newest lines where there are too many.
    fn shorten(&self, known: &Known) -> Result<(), Failure> {
        if known.lines.len() <= MOST_LINES {
            return Ok(());
        }
        let newest: String = known.lines.iter().skip(known.lines.len() - LINES_LEFT).map(|line| format!("{line}\n")).collect();
        let text = fs::read_to_string(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        replace(&self.file, &text, &newest)
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Tool, &run::CANNOT_READ, format!("`{}` cannot be read: {error}", path.display()))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Exit::Tool, &run::CANNOT_WRITE, format!("`{}` cannot be written: {error}", path.display()))
}

/// How a checkpoint is told.
pub(crate) fn told(checkpoint: &Checkpoint) -> String {
    match &checkpoint.accepted {
        None => format!("event {} at {}", checkpoint.events, timestamp_text(checkpoint.at)),
        Some(accepted) => format!(
            "event {} at {}, accepted by {} instead of event {}: {}",
            checkpoint.events,
            timestamp_text(checkpoint.at),
            accepted.by,
            accepted.instead_of,
            accepted.reason
        ),
    }
}
