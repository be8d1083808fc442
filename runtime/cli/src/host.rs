//! What a serving process knows of itself: which generation of the repository is active, which is wanted, and why they differ.
//! It changes nothing; `reload.rs` and people do.

use serde_json::{Value as Json, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;
use tradewind_engine::clock::SystemClock;
use tradewind_engine::ports::Clock;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::plan::{Digest, Plan};

/// Most diagnostics of a refused generation that are kept.
pub(crate) const SHOWN: usize = 5;

/// What became of the newest generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Stage {
    /// It is active.
    #[default]
    Applied,
    /// It is not, and the one before stays.
    Refused,
    /// A person went back from it.
    RolledBack,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Refused => "refused",
            Self::RolledBack => "rolled back",
        }
    }
}

/// Why a generation was refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Refusal {
    /// In one sentence.
    pub(crate) why: String,
    /// The first diagnostics, rendered.
    pub(crate) diagnostics: Vec<String>,
}

#[derive(Debug, Default)]
struct Generations {
    number: u64,
    stage: Stage,
    wanted: Option<Digest>,
    at: i64,
    refusal: Option<Refusal>,
}

/// A process that serves.
#[derive(Debug)]
pub(crate) struct Host {
    /// The repository.
    pub(crate) root: PathBuf,
    began: Instant,
    since: i64,
    /// Where HTTP is served.
    pub(crate) address: OnceLock<SocketAddr>,
    generations: Mutex<Generations>,
    /// How the source stands that is followed; null where none is.
    source: Mutex<Json>,
    /// Why the log is not archived that should be.
    archiving: Mutex<Option<String>>,
}

impl Host {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            began: Instant::now(),
            since: SystemClock.now(),
            address: OnceLock::new(),
            generations: Mutex::default(),
            source: Mutex::new(Json::Null),
            archiving: Mutex::default(),
        }
    }

    /// A generation was looked at. Whether that is news: the same outcome of the same files is none.
    pub(crate) fn note(&self, stage: Stage, wanted: Option<Digest>, refusal: Option<Refusal>) -> bool {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let same = generations.stage == stage && generations.wanted == wanted && generations.refusal == refusal;
        if same && generations.number > 0 {
            return false;
        }
        *generations = Generations { number: generations.number + 1, stage, wanted, at: SystemClock.now(), refusal };
        true
    }

    /// A person went back from what the repository says, or to it.
    pub(crate) fn went_back(&self, active: Digest) {
        let wanted = self.generations.lock().unwrap_or_else(PoisonError::into_inner).wanted;
        let stage = if wanted == Some(active) { Stage::Applied } else { Stage::RolledBack };
        self.note(stage, wanted, None);
    }

    /// How the source stands that is followed.
    pub(crate) fn set_source(&self, source: Json) {
        *self.source.lock().unwrap_or_else(PoisonError::into_inner) = source;
    }

    /// Why the log is not archived that should be. Whether that is news.
    pub(crate) fn set_archiving(&self, why: Option<String>) -> bool {
        let mut known = self.archiving.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *known != why;
        *known = why;
        is_news
    }

    /// For `status`.
    pub(crate) fn as_json(&self, active: &Plan) -> Json {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let lacking = active.flows.values().filter_map(|flow| {
            let lacks = active.not_runnable(flow);
            let first = lacks.first()?;
            Some(json!({ "flow": flow.name, "lacks": first.what }))
        });
        json!({
            "process": std::process::id(),
            "repository": self.root,
            "since": timestamp_text(self.since),
            "uptime_seconds": self.began.elapsed().as_secs(),
            "listen": self.address.get().map(ToString::to_string),
            "generation": {
                "number": generations.number,
                "state": generations.stage.as_str(),
                "at": timestamp_text(generations.at),
                "wanted": generations.wanted.map(|digest| digest.to_string()),
                "refused": generations.refusal.as_ref().map(|refusal| json!({ "why": refusal.why, "diagnostics": refusal.diagnostics })),
            },
            "source": self.source.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            "not_archived": self.archiving.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            "not_runnable": lacking.collect::<Vec<_>>(),
        })
    }
}
