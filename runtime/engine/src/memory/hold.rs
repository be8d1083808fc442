//! Legal holds: whose facts stay, whatever retention, caps and wishes to be forgotten say, until somebody lifts the hold. Who may
//! set and lift one is judged elsewhere.
//!
//! A hold names a key and no person, so that the log tells nobody whose data are wanted.

use super::fact::Fact;
use crate::seal::{KeyName, Keyring};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The key of the subject when it was set.
    pub key: KeyName,
    /// Who set it.
    pub by: Arc<str>,
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
    /// For what, for people.
    pub reason: Arc<str>,
}

/// Holds by key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Holds(BTreeMap<KeyName, Hold>);

impl Holds {
    /// Each, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = &Hold> {
        self.0.values()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hold of a subject.
    #[must_use]
    pub fn of_subject(&self, subject: &str, ring: &dyn Keyring) -> Option<&Hold> {
        self.0.values().find(|hold| ring.is_of(hold.key, subject))
    }

    /// The hold of a key, of whatever generation.
    #[must_use]
    pub fn of_key(&self, key: KeyName) -> Option<&Hold> {
        self.0.values().find(|hold| hold.key.of == key.of && key.generation > 0)
    }

    pub(crate) fn set(&mut self, hold: Hold) {
        self.0.entry(hold.key).or_insert(hold);
    }

    pub(crate) fn lift(&mut self, key: KeyName) -> Option<Hold> {
        self.0.remove(&key)
    }
}

/// Holds, and the keys that tell whose they are.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub(crate) holds: &'a Holds,
    pub(crate) ring: Option<&'a dyn Keyring>,
}

impl Held<'_> {
    /// Whether a subject is held.
    pub(crate) fn is_subject(&self, subject: &str) -> bool {
        !self.holds.is_empty() && !subject.is_empty() && self.ring.is_some_and(|ring| self.holds.of_subject(subject, ring).is_some())
    }

    /// Whether one of these keys is held.
    pub(crate) fn is_key(&self, keys: &[KeyName]) -> bool {
        !self.holds.is_empty() && keys.iter().any(|key| self.holds.of_key(*key).is_some())
    }

    /// Whether a fact is of somebody who is held, or was said of him.
    pub(crate) fn is_fact(&self, fact: &Fact) -> bool {
        self.is_subject(&fact.subject) || self.is_key(&fact.keys)
    }
}
