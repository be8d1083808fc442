//! The vault: the keys of personal data, in a file of its own beside the store's folder, apart from what they open.
//!
//! Keys are drawn at random, one for each subject, and durable before anything is sealed with them. A key that is destroyed is gone
//! from the file, which is written anew and put in the place of the old one. It never takes a vault that is lost for one that never
//! was: it refuses to make another. It knows nothing of events, and whoever holds the store holds the vault.

mod file;
mod keyed;
mod list;
mod master;

pub use keyed::Keyed;
pub use master::Master;

use file::{Entry, VaultFile};
use list::List;
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tradewind_engine::ports::StoreError;
use tradewind_engine::seal::{Kept, Key, KeyName, Keyring};
use tradewind_engine::segment::Digest;

/// Where a vault and what belongs to it lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The keys.
    pub vault: PathBuf,
    /// The key that the vault itself is sealed with, where no other is named.
    pub master: PathBuf,
    /// Who was forgotten: kept apart, so that a backup that is restored forgets the same.
    pub forgotten: PathBuf,
}

impl Paths {
    /// The files beside a store's folder: `store.vault`, `store.vault-key`, `store.forgotten`.
    #[must_use]
    pub fn beside(store: &Path) -> Self {
        let with = |ending: &str| {
            let name = store.file_name().map_or_else(|| "store".into(), |name| name.to_string_lossy());
            store.with_file_name(format!("{name}.{ending}"))
        };
        Self { vault: with("vault"), master: with("vault-key"), forgotten: with("forgotten") }
    }
}

#[derive(Debug, Default)]
struct Inner {
    /// What names of subjects are hashed with; none before the first of them.
    secret: Option<[u8; 32]>,
    keys: BTreeMap<KeyName, Key>,
    /// Destroyed keys of runs, and the newest destroyed generation of each subject.
    gone: BTreeSet<KeyName>,
    /// The newest generation of each subject, here or gone.
    newest: BTreeMap<[u8; 16], u32>,
    unsettled: Vec<Entry>,
    /// Whether keys are gone of which the file says nothing yet.
    unwritten: bool,
}

impl Inner {
    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Secret(secret) => self.secret = Some(secret),
            Entry::Key(name, key) => {
                let newest = self.newest.entry(name.of).or_default();
                *newest = (*newest).max(name.generation);
                self.keys.insert(name, Key(key));
            }
            Entry::Gone(name) => {
                let newest = self.newest.entry(name.of).or_default();
                *newest = (*newest).max(name.generation);
                self.gone.insert(name);
            }
        }
    }

    /// Everything that the file is to hold.
    fn entries(&self) -> Vec<Entry> {
        let secret = self.secret.iter().map(|secret| Entry::Secret(*secret));
        let gone = self.gone.iter().map(|name| Entry::Gone(*name));
        secret.chain(gone).chain(self.keys.iter().map(|(name, key)| Entry::Key(*name, key.0))).collect()
    }

    fn is_gone(&self, name: KeyName) -> bool {
        // A subject that was forgotten is forgotten with everything before.
        self.gone.range(name..=KeyName { generation: if name.generation == 0 { 0 } else { u32::MAX }, ..name }).next().is_some()
    }
}

/// A vault.
#[derive(Debug)]
pub struct Vault {
    inner: Mutex<Inner>,
    /// None for keys that go with the process.
    files: Option<Mutex<Files>>,
    /// Why no key can be made.
    lost: Option<String>,
}

#[derive(Debug)]
struct Files {
    vault: VaultFile,
    list: List,
}

fn guarded<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn drawn() -> Result<[u8; 32], StoreError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| StoreError::Keys("the machine gives no random numbers".to_owned()))?;
    Ok(bytes)
}

impl Vault {
    /// A vault in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { inner: Mutex::default(), files: None, lost: None }
    }

    /// Opens a vault, and destroys every key that the list of the forgotten names. One that never was is made with its first key.
    ///
    /// # Errors
    /// A file that cannot be read, or that another key opens.
    pub fn open(paths: &Paths, master: Master) -> Result<Self, StoreError> {
        let list = List::open(&paths.forgotten)?;
        let mut inner = Inner::default();
        let (vault, entries) = VaultFile::open(&paths.vault, master)?;
        let lost = (entries.is_none() && list.exists())
            .then(|| format!("the vault `{}` is gone, and a list of who was forgotten says that there was one", paths.vault.display()));
        entries.into_iter().flatten().for_each(|entry| inner.take(entry));
        let opened = Self { inner: Mutex::new(inner), files: Some(Mutex::new(Files { vault, list })), lost };
        let gone = opened.gone();
        if !gone.is_empty() && opened.lost.is_none() {
            opened.destroy(&gone)?;
        }
        Ok(opened)
    }

    fn usable(&self) -> Result<(), StoreError> {
        self.lost.clone().map_or(Ok(()), |why| Err(StoreError::Keys(why)))
    }

    /// The secret, made where there is none.
    fn secret(&self, inner: &mut Inner) -> Result<[u8; 32], StoreError> {
        self.usable()?;
        if let Some(secret) = inner.secret {
            return Ok(secret);
        }
        let secret = drawn()?;
        inner.secret = Some(secret);
        inner.unsettled.push(Entry::Secret(secret));
        Ok(secret)
    }

    fn draw(inner: &mut Inner, name: KeyName) -> Result<Key, StoreError> {
        let key = drawn()?;
        inner.take(Entry::Key(name, key));
        inner.unsettled.push(Entry::Key(name, key));
        Ok(Key(key))
    }
}

fn hash(secret: &[u8; 32], subject: &str) -> [u8; 16] {
    let mut short = [0; 16];
    short.iter_mut().zip(blake3::keyed_hash(secret, subject.as_bytes()).as_bytes()).for_each(|(to, from)| *to = *from);
    short
}

impl Keyring for Vault {
    fn of_subject(&self, subject: &str) -> Result<KeyName, StoreError> {
        let mut inner = guarded(&self.inner);
        let of = hash(&self.secret(&mut inner)?, subject);
        let newest = inner.newest.get(&of).copied().unwrap_or(0);
        let name = KeyName { of, generation: newest };
        if newest > 0 && inner.keys.contains_key(&name) {
            return Ok(name);
        }
        let name = KeyName { of, generation: newest + 1 };
        Self::draw(&mut inner, name)?;
        Ok(name)
    }

    fn known(&self, subject: &str) -> Option<KeyName> {
        let inner = guarded(&self.inner);
        let of = hash(inner.secret.as_ref()?, subject);
        let name = KeyName { of, generation: *inner.newest.get(&of)? };
        inner.keys.contains_key(&name).then_some(name)
    }

    fn is_of(&self, name: KeyName, subject: &str) -> bool {
        name.generation > 0 && guarded(&self.inner).secret.as_ref().is_some_and(|secret| hash(secret, subject) == name.of)
    }

    fn key(&self, name: KeyName) -> Kept {
        let inner = guarded(&self.inner);
        match inner.keys.get(&name) {
            Some(key) => Kept::Here(key.clone()),
            None if inner.is_gone(name) => Kept::Erased,
            None => Kept::Missing,
        }
    }

    fn make(&self, name: KeyName) -> Result<Kept, StoreError> {
        let kept = self.key(name);
        if kept != Kept::Missing || name.generation > 0 {
            return Ok(kept);
        }
        let mut inner = guarded(&self.inner);
        self.secret(&mut inner)?;
        Self::draw(&mut inner, name).map(Kept::Here)
    }

    fn digest(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        let secret = self.secret(&mut guarded(&self.inner))?;
        let mut hasher = blake3::Hasher::new_keyed(&secret);
        hasher.update(b"digest");
        hasher.update(bytes);
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    fn is_unsettled(&self) -> bool {
        !guarded(&self.inner).unsettled.is_empty()
    }

    fn settle(&self) -> Result<(), StoreError> {
        let Some(files) = &self.files else {
            guarded(&self.inner).unsettled.clear();
            return Ok(());
        };
        let mut files = guarded(files);
        let (entries, all) = {
            let mut inner = guarded(&self.inner);
            let all = if files.vault.exists() { Vec::new() } else { inner.entries() };
            (std::mem::take(&mut inner.unsettled), all)
        };
        let written = match files.vault.exists() {
            true => files.vault.append(&entries),
            // From then on a vault that is not there is one that is lost.
            false => files.vault.rewrite(&all).and_then(|()| files.list.make()),
        };
        if written.is_err() {
            guarded(&self.inner).unsettled.extend(entries);
        }
        written
    }

    fn want_gone(&self, names: &[KeyName], by: &str, at: i64) -> Result<(), StoreError> {
        match &self.files {
            Some(files) => guarded(files).list.add(names, by, at),
            None => Ok(()),
        }
    }

    fn lay_aside(&self, names: &[KeyName]) {
        let mut inner = guarded(&self.inner);
        for name in names.iter().filter(|name| !inner.is_gone(**name) || inner.keys.contains_key(*name)).collect::<Vec<_>>() {
            inner.keys.remove(name);
            inner.take(Entry::Gone(*name));
            inner.unwritten = true;
        }
    }

    fn destroy(&self, names: &[KeyName]) -> Result<(), StoreError> {
        self.usable()?;
        let mut files = self.files.as_ref().map(guarded);
        self.lay_aside(names);
        let entries = {
            let mut inner = guarded(&self.inner);
            if !std::mem::take(&mut inner.unwritten) {
                return Ok(());
            }
            inner.unsettled.clear();
            inner.entries()
        };
        let written = files.as_mut().map_or(Ok(()), |files| files.vault.rewrite(&entries));
        if written.is_err() {
            guarded(&self.inner).unwritten = true;
        }
        written
    }

    fn gone(&self) -> Vec<KeyName> {
        self.files.as_ref().map(|files| guarded(files).list.names()).unwrap_or_default()
    }
}

/// Destroys every key of a vault that the list beside it names; how many names it holds. A vault that is restored from a backup is
/// given the list of now, not that of the backup, and forgets what was forgotten since.
///
/// # Errors
/// Those of [`Vault::open`].
pub fn replay_forgets(paths: &Paths, master: Master) -> Result<usize, StoreError> {
    Vault::open(paths, master).map(|vault| vault.gone().len())
}

#[cfg(test)]
mod tests;
