//! An event that came from outside or that a run told of, and a delivery that was not taken. Data and names only.

use crate::event::Fields;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::value::Value;

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// Its name: a connector's event, or the type that it carries.
    pub name: Arc<str>,
    /// Who tells of it: a connector, `command-line`, or the project itself.
    pub source: Arc<str>,
    /// Whose it is, where the source has several accounts; empty otherwise.
    pub account: Arc<str>,
    /// What tells it apart from others of its source: the provider's own id.
    pub id: Arc<str>,
    /// What it carries: a record of the event's type.
    pub payload: Value,
}

impl Arrival {
    /// What makes two deliveries the same event.
    #[must_use]
    pub fn identity(&self) -> [u8; 16] {
        identity(&self.source, &self.account, &self.id, &self.name)
    }

    pub(crate) fn fields(&self) -> Fields {
        let text = |text: &Arc<str>| Value::String(text.clone());
        vec![
            ("event", text(&self.name)),
            ("source", text(&self.source)),
            ("account", text(&self.account)),
            ("id", text(&self.id)),
            ("payload", self.payload.clone()),
        ]
    }
}

/// A delivery that was not taken. What it carried is not kept: it fits no declared type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The name of the event that it would have been.
    pub name: Arc<str>,
    /// Who sent it.
    pub source: Arc<str>,
    /// Its id there.
    pub id: Arc<str>,
    /// Why, with the place in what it carried.
    pub why: String,
}

impl Refusal {
    pub(crate) fn fields(&self) -> Fields {
        let text = |text: &Arc<str>| Value::String(text.clone());
        vec![("event", text(&self.name)), ("source", text(&self.source)), ("id", text(&self.id)), ("why", Value::string(self.why.as_str()))]
    }
}

fn identity(source: &str, account: &str, id: &str, name: &str) -> [u8; 16] {
    crate::key::short_digest(&["event", source, account, id, name])
}

/// The id of an event that a step emits: a step emits once.
#[must_use]
pub fn emitted_id(run: &str, step: &str) -> Arc<str> {
    crate::key::hexadecimal(&crate::key::short_digest(&["emit", run, step]))
}

/// Most bytes of what a caller hands in, as the log would hold it.
const MOST_BYTES: usize = 256 << 10;

/// Whether a value is small enough to be taken.
pub(crate) fn within_bounds(value: &impl Serialize) -> Result<(), String> {
    let bytes = rmp_serde::to_vec(value).map_err(|error| error.to_string())?.len();
    if bytes > MOST_BYTES { Err(format!("it takes {bytes} bytes, and at most {MOST_BYTES} are taken")) } else { Ok(()) }
}
