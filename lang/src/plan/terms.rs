//! What a flow says of itself beside its steps: what starts it, how many at once, and what follows a failure.

use super::{Bindings, Micros, Step};
use crate::expr::Expr;
use serde::{Deserialize, Serialize};

/// Terms of a flow.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Terms {
    /// What starts it.
    pub triggers: Vec<Trigger>,
    /// How runs that share a key stand to each other.
    pub concurrency: Option<Concurrency>,
    /// Which runs go first.
    pub priority: Priority,
    /// Label of the workers that may take it.
    pub place: Option<String>,
    /// Whether waits for people count against the deadline.
    #[serde(default)]
    pub people_count: bool,
    /// Steps after a failure, in document order; their ids count from 0 in this list. Scope: `failure`, and the flow's steps, each optional.
    pub on_failure: Vec<Step>,
}

impl Terms {
    /// Whether a person, or the command line, may start it: where it says `manual`, or names nothing else that does.
    #[must_use]
    pub fn starts_by_hand(&self) -> bool {
        self.triggers.is_empty() || self.triggers.iter().any(|trigger| trigger.cause == Cause::Manual)
    }
}

/// Which runs go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Priority {
    /// After all others.
    Low,
    /// As they come.
    #[default]
    Normal,
    /// Before all others.
    High,
}

/// How runs that share a key stand to each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Concurrency {
    /// Runs of equal key share one place; all runs of the flow do where it is absent. Scope: `input`.
    pub key: Option<Expr>,
    /// What becomes of a run that finds the place taken.
    pub busy: Busy,
}

/// What becomes of a run that finds its place taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Busy {
    /// It waits.
    Queue,
    /// It does not start.
    Skip,
    /// The older one stops.
    Replace,
}

/// What starts a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    /// What happens.
    pub cause: Cause,
    /// Only where this is true; scope as that of `input`.
    pub condition: Option<Expr>,
    /// Several of them within this time start one run.
    pub debounce: Option<Micros>,
    /// Fields of the input that are not taken by their own name. Scope: `event`, or `value` and `group`, or `body`; `run`, `settings`.
    pub input: Bindings,
}

/// What happens for a flow to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Cause {
    /// An event of a connector, or one that a flow emits.
    Event {
        /// Its name.
        event: String,
    },
    /// Somebody calls an address; the body is the input.
    Webhook {
        /// The last part of the address.
        path: String,
        /// The secret that a caller proves to know; `None` where anybody may call.
        auth: Option<String>,
    },
    /// Somebody calls an address and waits for the answer.
    Request {
        /// The last part of the address.
        path: String,
        /// The secret that a caller proves to know; `None` where anybody may call.
        auth: Option<String>,
        /// How long the caller waits; the answer comes by a link after that.
        reply_within: Micros,
    },
    /// A person, or the command line.
    Manual,
    /// A metric crosses a bound.
    Metric {
        /// The metric.
        metric: String,
        /// The bound; scope: `value`, `group`, `settings`.
        when: Expr,
        /// A group that did is quiet for so long.
        rearm: Micros,
    },
    /// A clock.
    Schedule {
        /// When.
        times: Times,
        /// What is done about times at which nothing ran.
        catch_up: CatchUp,
        /// IANA time zone; the project's where absent.
        time_zone: Option<String>,
    },
}

/// Times of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Times {
    /// Every so long.
    Every(Micros),
    /// Every day at a minute of the day.
    Daily {
        /// Minutes since midnight.
        at: u16,
    },
    /// Every week on a day, at a minute of the day.
    Weekly {
        /// Monday is 1.
        day: u8,
        /// Minutes since midnight.
        at: u16,
    },
    /// As five fields of cron say.
    Cron(String),
}

/// What is done about times at which nothing ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatchUp {
    /// Nothing.
    Skip,
    /// One run for the latest.
    Latest,
    /// A run for each.
    All,
}
