//! The port of keys: one for each subject, kept apart from the log. What keeps them is an adapter; the twin is in [`crate::twin`].

use crate::key::short_digest;
use crate::ports::StoreError;
use serde::{Deserialize, Serialize};
use std::fmt;
use tradewind_lang::plan::Digest;

/// The name of a key, as the log says it: it tells nothing of whose it is to whoever has no vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyName {
    /// A keyed hash of the subject, or a hash of a run's name.
    pub of: [u8; 16],
    /// Counted up when the subject is met again after having been forgotten; 0 for the key of a run.
    pub generation: u32,
}

impl KeyName {
    /// The key of a run, for what belongs to no subject or to too many.
    #[must_use]
    pub fn of_run(run: &str) -> Self {
        Self { of: short_digest(&["key of a run", run]), generation: 0 }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.of.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        write!(out, ".{}", self.generation)
    }
}

impl std::str::FromStr for KeyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("`{text}` is no name of a key");
        let (of, generation) = text.split_once('.').ok_or_else(fail)?;
        let digits: Option<Vec<u8>> = of.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
        let bytes: Vec<u8> =
            digits.ok_or_else(fail)?.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        let of = <[u8; 16]>::try_from(bytes.as_slice()).map_err(|_| fail())?;
        Ok(Self { of, generation: generation.parse().map_err(|_| fail())? })
    }
}

/// A key. It has no text, and is never in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(pub [u8; 32]);

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }
}

/// What became of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is here.
    Here(Key),
    /// Its subject was forgotten.
    Erased,
    /// It is not here, and nobody was forgotten.
    Missing,
}

/// Keeps the keys of subjects.
pub trait Keyring: Send + Sync + fmt::Debug + 'static {
    /// The key of a subject for what is sealed now; a new one where he has none, or was forgotten before.
    ///
    /// # Errors
    /// The vault is lost, or no key can be made.
    fn of_subject(&self, subject: &str) -> Result<KeyName, StoreError>;
    /// The same where there is one; makes nothing.
    fn known(&self, subject: &str) -> Option<KeyName>;
    /// Whether a name is one of a subject's, of whatever generation.
    fn is_of(&self, name: KeyName, subject: &str) -> bool;
    /// A key.
    fn key(&self, name: KeyName) -> Kept;
    /// A key; the key of a run is made where there is none.
    ///
    /// # Errors
    /// Those of [`Keyring::of_subject`].
    fn make(&self, name: KeyName) -> Result<Kept, StoreError>;
    /// A digest that nobody without the vault can guess at.
    ///
    /// # Errors
    /// Those of [`Keyring::of_subject`].
    fn digest(&self, bytes: &[u8]) -> Result<Digest, StoreError>;
    /// Whether a key was made that is not durable yet.
    fn is_unsettled(&self) -> bool;
    /// Returns when every key that was made is durable: what is sealed with it may be written then. It may wait for the disk.
    ///
    /// # Errors
    /// The vault cannot be written.
    fn settle(&self) -> Result<(), StoreError>;
    /// Notes, durably and apart from vault and log, that keys are to go; who wants it, and when (microseconds since 1970 UTC).
    ///
    /// # Errors
    /// The list cannot be written.
    fn want_gone(&self, names: &[KeyName], by: &str, at: i64) -> Result<(), StoreError>;
    /// From now on keys are gone to this process: nothing more is sealed with them or opened by them, and whoever comes back is somebody
    /// new. Nothing is written yet; [`Keyring::destroy`] does that.
    fn lay_aside(&self, names: &[KeyName]);
    /// Destroys keys, durably.
    ///
    /// # Errors
    /// The vault cannot be written.
    fn destroy(&self, names: &[KeyName]) -> Result<(), StoreError>;
    /// Every key that is to be gone, by the list.
    fn gone(&self) -> Vec<KeyName>;
    /// Whether what it writes waits for a disk, so that it is done on a thread that may wait.
    fn waits_for_disk(&self) -> bool {
        true
    }
}
