//! The handle's part in legal holds: set, lifted, listed. While somebody is held, neither retention nor a cap drops a fact of his, and
//! he cannot be forgotten.

use super::{Engine, SteerError};
use crate::executor::{Steer, Steered};
use crate::memory::Hold;
use crate::ports::StoreError;
use std::sync::Arc;

/// Why nobody is held, or nobody let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldError {
    /// The log was opened without keys, so that nobody can be told from anybody else.
    NoKeys,
    /// It was refused, or the engine stopped.
    Steer(SteerError),
    /// The vault failed.
    Store(StoreError),
}

impl Engine {
    /// Holds what is known of a subject, and what will be, until it is released. Whether that is new: somebody may be held already.
    /// `by` is a member of a team that the project's `legal-hold` names.
    ///
    /// # Errors
    /// Nobody may, or this one may not; the subject is being forgotten; the vault or the log failed.
    pub async fn hold(&self, subject: &str, by: &str, reason: &str) -> Result<bool, HoldError> {
        let ring = self.shared.log.keys().ok_or(HoldError::NoKeys)?;
        let key = ring.of_subject(subject).map_err(HoldError::Store)?;
        // A key that is new is durable before anything names it.
        let settling = ring.clone();
        super::forget::on_disk(&ring, move || settling.settle()).await.map_err(HoldError::Store)?;
        let (by, reason) = (by.into(), reason.into());
        let done = self.steer(|reply| Steer::Hold { key, by, reason, reply }).await.map_err(HoldError::Steer)?;
        Ok(done != Steered::Already)
    }

    /// Lifts the hold of a subject. What was kept for it alone is dropped by the rules of its memory, which the log tells.
    ///
    /// # Errors
    /// Those of [`Engine::hold`], or the subject is not held.
    pub async fn release(&self, subject: &str, by: &str, reason: &str) -> Result<(), HoldError> {
        let (subject, by, reason) = (subject.into(), by.into(), reason.into());
        self.steer(|reply| Steer::Release { subject, by, reason, reply }).await.map_err(HoldError::Steer).map(drop)
    }

    /// Every hold, in the order of their keys.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        self.ask(|shard| shard.holds().all().cloned().collect()).await
    }

    /// The hold of a subject.
    ///
    /// # Errors
    /// The engine stopped.
    pub async fn hold_of(&self, subject: &str) -> Result<Option<Hold>, StoreError> {
        let Some(ring) = self.shared.log.keys() else { return Ok(None) };
        let subject: Arc<str> = subject.into();
        self.ask(move |shard| shard.holds().of_subject(&subject, &*ring).cloned()).await
    }
}
