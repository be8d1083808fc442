//! Finding facts: what is looked for, the port behind which facts are ranked, and what the log says of what was found.
//!
//! Which facts may be found at all (whose, how old, under which condition) is settled before anybody ranks; a finder puts the rest in
//! order and keeps no fact alive.

use crate::failure::{Failure, FailureKind};
use crate::memory::{Fact, FactId};
use crate::ports::BoxFuture;
use crate::vectors::{UNFIT, UNPAID, Vectors};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::plan::{Memory, Model};

/// What a step looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The memory.
    pub memory: Arc<str>,
    /// Whose facts; everybody's where absent.
    pub subject: Option<Arc<str>>,
    /// What they are about.
    pub query: Option<Arc<str>>,
    /// As it was known at this instant.
    pub as_of: Option<i64>,
}

/// What was found, as the log has it: enough to trace an answer, and nothing of what the facts say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Finding {
    /// Which facts, in the order given.
    pub facts: Vec<FactId>,
    /// How well each fits, in the same order; empty where nothing was ranked.
    pub scores: Vec<f64>,
    /// How many facts it was looked among, when whose they are, how old and under which condition was settled.
    pub among: u64,
    /// What ranked them: the indexes, and the model of the vectors; empty where nothing was ranked.
    pub by: Arc<str>,
    /// As it was known at this instant; the moment of the decision where absent.
    pub as_of: Option<i64>,
}

/// Facts to be ranked.
#[derive(Debug, Clone)]
pub struct Sought {
    /// The memory: which fields are found by words, and which by meaning.
    pub memory: Arc<Memory>,
    /// The model of the vectors, where the memory names one.
    pub model: Option<Arc<Model>>,
    /// Whose facts these are; everybody's where absent. What is known of one subject's words weighs nothing for another's.
    pub subject: Option<Arc<str>>,
    /// What they are to be about.
    pub query: Arc<str>,
    /// At most so many.
    pub most: usize,
    /// Every fact of the memory, or of the subject, that stands, oldest first: what an index holds.
    pub facts: Vec<Arc<Fact>>,
    /// For each of them, whether it may be found.
    pub passes: Vec<bool>,
    /// Whether these are the facts of now, of which an index may be kept.
    pub is_present: bool,
    /// Whom to ask for vectors.
    pub vectors: Vectors,
}

/// What was found of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ranked {
    /// The place of each in what was sought, and how well it fits, best first.
    pub hits: Vec<(usize, f64)>,
    /// What ranked them.
    pub by: Arc<str>,
}

/// Why nothing was ranked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfound {
    /// Such as `budget` or `dimension`; empty where there is no more to say than the message.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Unfound {
    /// One with a code.
    #[must_use]
    pub fn coded(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// What it means for the step that looks.
    #[must_use]
    pub fn failure(self) -> Failure {
        match self.code.as_str() {
            "" => Failure::new(FailureKind::Api, self.message),
            UNPAID => Failure::new(FailureKind::Budget, self.message),
            "time-out" => Failure::new(FailureKind::TimeOut, self.message),
            UNFIT | "schema" => Failure::coded(FailureKind::Schema, self.code, self.message),
            _ => Failure::coded(FailureKind::Api, self.code, self.message),
        }
    }
}

impl std::fmt::Display for Unfound {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

impl From<Unfound> for String {
    fn from(unfound: Unfound) -> Self {
        unfound.message
    }
}

impl From<String> for Unfound {
    fn from(message: String) -> Self {
        Self { code: String::new(), message }
    }
}

impl From<&str> for Unfound {
    fn from(message: &str) -> Self {
        Self::from(message.to_owned())
    }
}

/// Vectors of another model that are being made, while those of the one before go on answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewing {
    /// The memory.
    pub memory: Arc<str>,
    /// Whose facts; everybody's where absent.
    pub subject: Option<Arc<str>>,
    /// How many facts have theirs.
    pub done: u64,
    /// Of how many.
    pub of: u64,
    /// The digest of the new model.
    pub by: Arc<str>,
    /// Why it stopped, for people; it goes on with the next search.
    pub failed: Option<Arc<str>>,
}

/// How what is fast compared with what is plain, since the process began.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// The memory.
    pub memory: Arc<str>,
    /// Searches by vectors that were made again by looking at each vector, on a sample of the facts.
    pub compared: u64,
    /// Of those, how many found something else.
    pub differed: u64,
    /// The share of the ten nearest, by the numbers that a model gave, that are among the ten nearest by the bytes that are kept; on
    /// samples of what was indexed, none where too little was.
    pub kept: Option<f64>,
}

/// Ranks facts.
pub trait Finder: Send + Sync + 'static {
    /// The best of the facts that may be found; equal ones newest first. The same facts and the same query give the same answer, whatever
    /// was asked before.
    fn find(&self, sought: Sought) -> BoxFuture<'_, Result<Ranked, Unfound>>;

    /// Indexes that are being made anew, as the model of their vectors is another one.
    fn renewing(&self) -> Vec<Renewing> {
        Vec::new()
    }

    /// How it compared with brute force, memory by memory; nothing where nobody searched by vectors.
    fn checked(&self) -> Vec<Checked> {
        Vec::new()
    }

    /// Drops everything that is kept of facts of somebody who was forgotten, each with its memory: vectors, postings, caches. Called
    /// within a runtime; it may take a moment, as long as nothing of them is found from now on.
    fn forget(&self, gone: Vec<(Arc<str>, FactId)>);
}

/// Finds nothing: for whoever opens an engine without an index.
#[derive(Debug, Clone, Copy)]
pub struct NoFinder;

impl Finder for NoFinder {
    fn find(&self, sought: Sought) -> BoxFuture<'_, Result<Ranked, Unfound>> {
        let message = format!("nothing here finds facts of `{}` by what they are about", sought.memory.name);
        Box::pin(std::future::ready(Err(message.into())))
    }

    fn forget(&self, _: Vec<(Arc<str>, FactId)>) {}
}

/// What a fact says in the fields that a memory is searched by words in, one after the other.
#[must_use]
pub fn words_of(memory: &Memory, fact: &Fact) -> String {
    let said = memory.terms.fulltext.iter().filter_map(|field| fact.fields.get(field)?.as_str());
    said.collect::<Vec<_>>().join("\n")
}

/// What a fact says in the field that a memory is searched by meaning in; nothing where that is empty or erased.
#[must_use]
pub fn meaning_of<'a>(memory: &Memory, fact: &'a Fact) -> Option<&'a str> {
    let (field, _) = memory.terms.embed.as_ref()?;
    fact.fields.get(field)?.as_str().filter(|text| !text.trim().is_empty())
}
