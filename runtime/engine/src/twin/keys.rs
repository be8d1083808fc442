//! Keys in memory, the same ones for the same subjects in every process: what is sealed with them is safe from nobody.

use crate::key::short_digest;
use crate::ports::StoreError;
use crate::seal::{Kept, Key, KeyName, Keyring};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tradewind_lang::plan::Digest;

#[derive(Debug, Default)]
struct Inner {
    /// The newest generation of each subject.
    generations: BTreeMap<[u8; 16], u32>,
    made: BTreeSet<KeyName>,
    gone: BTreeSet<KeyName>,
    wanted: Vec<KeyName>,
    lost: bool,
}

/// Keys in memory.
#[derive(Debug, Default)]
pub struct MemoryKeys {
    inner: Mutex<Inner>,
}

fn hash(subject: &str) -> [u8; 16] {
    short_digest(&["twin subject", subject])
}

fn key(name: KeyName) -> Key {
    Key(*blake3::hash(name.to_string().as_bytes()).as_bytes())
}

impl MemoryKeys {
    /// From now on the vault is lost.
    pub fn lose(&self) {
        self.lock().lost = true;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keyring for MemoryKeys {
    fn of_subject(&self, subject: &str) -> Result<KeyName, StoreError> {
        let mut inner = self.lock();
        let of = hash(subject);
        let generation = *inner.generations.entry(of).or_insert(1);
        let name = KeyName { of, generation };
        inner.made.insert(name);
        Ok(name)
    }

    fn known(&self, subject: &str) -> Option<KeyName> {
        let inner = self.lock();
        let of = hash(subject);
        let name = KeyName { of, generation: *inner.generations.get(&of)? };
        inner.made.contains(&name).then_some(name)
    }

    fn is_of(&self, name: KeyName, subject: &str) -> bool {
        name.generation > 0 && name.of == hash(subject)
    }

    fn key(&self, name: KeyName) -> Kept {
        let inner = self.lock();
        match () {
            () if inner.gone.contains(&name) => Kept::Erased,
            () if inner.lost => Kept::Missing,
            () => Kept::Here(key(name)),
        }
    }

    fn make(&self, name: KeyName) -> Result<Kept, StoreError> {
        if name.generation == 0 {
            let mut inner = self.lock();
            if !inner.gone.contains(&name) {
                inner.made.insert(name);
            }
        }
        Ok(self.key(name))
    }

    fn digest(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        Ok(Digest(blake3::derive_key("tradewind twin of keys: digests", bytes)))
    }

    fn is_unsettled(&self) -> bool {
        // There is no disk to wait for.
        false
    }

    fn settle(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn want_gone(&self, names: &[KeyName], _: &str, _: i64) -> Result<(), StoreError> {
        self.lock().wanted.extend(names);
        Ok(())
    }

    fn lay_aside(&self, names: &[KeyName]) {
        let mut inner = self.lock();
        for name in names {
            inner.gone.insert(*name);
            inner.made.remove(name);
            if name.generation > 0 {
                let generation = inner.generations.entry(name.of).or_insert(0);
                *generation = (*generation).max(name.generation + 1);
            }
        }
    }

    fn destroy(&self, names: &[KeyName]) -> Result<(), StoreError> {
        self.lay_aside(names);
        Ok(())
    }

    fn gone(&self) -> Vec<KeyName> {
        self.lock().wanted.clone()
    }

    fn waits_for_disk(&self) -> bool {
        false
    }
}
