//! The keys as one process sees them: what it laid aside is gone to it alone, until it is destroyed on the disk of all.

use crate::ports::StoreError;
use crate::seal::{Kept, KeyName, Keyring};
use crate::twin::MemoryKeys;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tradewind_lang::plan::Digest;

#[derive(Debug)]
pub(super) struct OwnKeys {
    disk: Arc<MemoryKeys>,
    aside: Mutex<BTreeSet<KeyName>>,
}

impl OwnKeys {
    pub(super) fn of(disk: Arc<MemoryKeys>) -> Self {
        Self { disk, aside: Mutex::default() }
    }

    /// The name of a subject here, where the disk has this one: whoever is laid aside and comes back is somebody new.
    fn here(&self, mut name: KeyName) -> KeyName {
        let aside = self.aside.lock().unwrap();
        while aside.contains(&name) {
            name.generation += 1;
        }
        name
    }
}

impl Keyring for OwnKeys {
    fn of_subject(&self, subject: &str) -> Result<KeyName, StoreError> {
        self.disk.of_subject(subject).map(|name| self.here(name))
    }

    fn known(&self, subject: &str) -> Option<KeyName> {
        self.disk.known(subject).map(|name| self.here(name))
    }

    fn is_of(&self, name: KeyName, subject: &str) -> bool {
        self.disk.is_of(name, subject)
    }

    fn key(&self, name: KeyName) -> Kept {
        if self.aside.lock().unwrap().contains(&name) { Kept::Erased } else { self.disk.key(name) }
    }

    fn make(&self, name: KeyName) -> Result<Kept, StoreError> {
        if self.aside.lock().unwrap().contains(&name) { Ok(Kept::Erased) } else { self.disk.make(name) }
    }

    fn digest(&self, bytes: &[u8]) -> Result<Digest, StoreError> {
        self.disk.digest(bytes)
    }

    fn is_unsettled(&self) -> bool {
        self.disk.is_unsettled()
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.disk.settle()
    }

    fn want_gone(&self, names: &[KeyName], by: &str, at: i64) -> Result<(), StoreError> {
        self.disk.want_gone(names, by, at)
    }

    fn lay_aside(&self, names: &[KeyName]) {
        self.aside.lock().unwrap().extend(names);
    }

    fn destroy(&self, names: &[KeyName]) -> Result<(), StoreError> {
        self.lay_aside(names);
        self.disk.destroy(names)
    }

    fn gone(&self) -> Vec<KeyName> {
        self.disk.gone()
    }

    fn waits_for_disk(&self) -> bool {
        self.disk.waits_for_disk()
    }
}
