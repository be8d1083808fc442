//! What a model is asked and what it says: data of the log and of the port. Nothing here decides.
//!
//! A question is an intent: it is durable, with all that it may cost, before its first byte leaves. Its answer settles it.

use crate::guard::Claim;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Breaker, Digest, Micros, Model};
use tradewind_lang::value::Value;

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Turn {
    /// What the model is told to be.
    System(Arc<str>),
    /// What is said to it.
    User(Arc<str>),
    /// What it said.
    Model(Arc<str>),
    /// Tools that it called.
    Calls(Vec<ToolCall>),
    /// An image that is shown to it.
    Image(Picture),
    /// What a tool answered.
    Tool {
        /// Which call.
        id: Arc<str>,
        /// The tool.
        name: Arc<str>,
        /// The answer, as JSON.
        text: Arc<str>,
    },
}

impl Turn {
    /// Bytes of its text: as many tokens at most. How many an image is, its provider alone knows.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let sum = |texts: &[&str]| texts.iter().map(|text| text.len() as u64).sum();
        match self {
            Self::System(text) | Self::User(text) | Self::Model(text) => sum(&[text]),
            Self::Image(_) => 0,
            Self::Calls(calls) => calls.iter().map(|call| sum(&[&call.id, &call.name, &call.arguments])).sum(),
            Self::Tool { id, name, text } => sum(&[id, name, text]),
        }
    }
}

/// An image that a model is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Picture {
    /// A file: its bytes stay where they are until it is sent.
    Asset {
        /// The BLAKE3 digest of its bytes, hexadecimal.
        digest: Arc<str>,
        /// Such as `image/png`.
        media_type: Arc<str>,
        /// How many there are.
        bytes: u64,
    },
    /// Its provider fetches it itself.
    Url(Arc<str>),
    /// What an expression gave.
    Inline {
        /// Such as `image/png`.
        media_type: Arc<str>,
        /// Its bytes.
        base64: Arc<str>,
    },
}

/// A tool that a model calls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's name for this call.
    pub id: Arc<str>,
    /// The tool.
    pub name: Arc<str>,
    /// What it is called with: JSON, as the model wrote it.
    pub arguments: Arc<str>,
}

/// What a question is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A draft.
    Draft,
    /// A label.
    Label,
    /// The judgement of a critic, by its place among those of the step.
    Judge(u16),
    /// A draft anew: which revision, from 1.
    Revision(u32),
    /// A turn of an agent, from 1.
    Turn(u32),
}

impl std::fmt::Display for Purpose {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Draft => out.write_str("draft"),
            Self::Label => out.write_str("label"),
            Self::Judge(place) => write!(out, "judgement {}", place + 1),
            Self::Revision(number) => write!(out, "revision {number}"),
            Self::Turn(number) => write!(out, "turn {number}"),
        }
    }
}

/// A call of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Stable name: of run, step and number.
    pub key: Arc<str>,
    /// Which call of its step, from 1.
    pub number: u32,
    /// What for.
    pub purpose: Purpose,
    /// The route.
    pub route: Arc<str>,
    /// The place of the rung on its ladder.
    pub rung: u16,
    /// The model.
    pub model: Arc<str>,
    /// How many answers of this rung did not fit before.
    pub repair: u32,
    /// How many calls of this rung failed before, and may be repeated.
    pub retry: u32,
    /// Whether a conversation begins.
    pub anew: bool,
    /// What is new in the conversation.
    pub says: Vec<Turn>,
    /// Not before this instant.
    pub not_before: i64,
    /// It is given up at this one.
    pub until: i64,
    /// When the ladder was begun.
    pub since: i64,
    /// The most that it may cost; none where it is free.
    pub reserved: Option<Money>,
    /// What it takes of budgets that runs share.
    pub claims: Vec<Claim>,
    /// What tells equal questions, where their answers are kept.
    #[serde(default)]
    pub same: Option<Digest>,
    /// What questions that are alike have in common, where answers to those do.
    #[serde(default)]
    pub alike: Option<Alike>,
    /// How many calls it may come to: a second one where it is hedged.
    pub calls: u32,
    /// Images that are shown and made.
    #[serde(default)]
    pub images: u32,
    /// Rungs whose budget is used up.
    pub barred: Vec<String>,
    /// Why earlier rungs gave no answer.
    pub passed: Vec<String>,
}

/// A question among those that say the same but for one text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// What tells them from all others: the route, what is said before, and the shape of the answer.
    pub group: Digest,
    /// The text in which they differ.
    pub text: Arc<str>,
}

/// Tokens of a call, as the provider counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Read, those that were kept included.
    pub input: u64,
    /// Of those, kept from earlier calls.
    pub cached: u64,
    /// Written, those of reasoning included.
    pub output: u64,
    /// Of those, what it thought and did not say.
    #[serde(default)]
    pub reasoning: u64,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Its text.
    pub text: Arc<str>,
    /// Tools that it calls.
    pub calls: Vec<ToolCall>,
    /// What it counts; none where the provider does not say.
    pub usage: Option<Usage>,
    /// The model that answered, in the provider's words.
    pub by: Arc<str>,
    /// Whether a second call was sent beside it, of which nobody knows what it counts.
    pub hedged: bool,
    /// How long it took, in microseconds.
    pub took: Micros,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// `refused`, `http-STATUS`, `connect`, `time-out`, `connection`, `schema`, `egress`, `secret`, `breaker`, `limit`, `restart`.
    pub code: String,
    /// For people.
    pub message: String,
    /// Whether the provider may have worked, and may want to be paid.
    pub doubt: bool,
    /// Whether another call may help.
    pub retry: bool,
    /// How long the provider asked us to wait.
    pub retry_after: Option<Micros>,
    /// What it counts all the same; none where it does not say.
    pub usage: Option<Usage>,
}

impl Silence {
    /// Nothing was sent, or the provider refused before it worked.
    #[must_use]
    pub fn free(code: &str, message: impl Into<String>, retry: bool) -> Self {
        Self { code: code.to_owned(), message: message.into(), doubt: false, retry, retry_after: None, usage: None }
    }

    /// It may have worked.
    #[must_use]
    pub fn doubtful(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), doubt: true, retry: true, retry_after: None, usage: None }
    }
}

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// The model said something.
    Said(Reply),
    /// It did not.
    Silent(Silence),
}

/// A question with its answer, as the log has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The question's key.
    pub key: Arc<str>,
    /// Its number.
    pub number: u32,
    /// What became of it.
    pub answer: Answer,
    /// What it cost where that is certain; where it is not, the reservation stays.
    pub spent: Option<Money>,
}

/// A tool call that a model made, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Called {
    /// The provider's name for this call.
    pub id: Arc<str>,
    /// The tool.
    pub name: Arc<str>,
    /// The operation and its request, which become a step; or why nothing is called.
    pub call: Result<(Arc<str>, Value), String>,
}

/// Who answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// The model, or `template`, `cache`.
    pub by: Arc<str>,
    /// The place of its rung on the ladder.
    pub rung: u16,
    /// `remote`, `template`, `cache`.
    pub tier: Arc<str>,
    /// How old the answer is, in microseconds.
    pub age: Micros,
    /// The event that holds it, where it was kept.
    pub seq: Option<u64>,
    /// Why each earlier rung gave no answer.
    pub passed: Vec<String>,
    /// How alike the question was to which it was given, 0 to 1; none where it was the same.
    #[serde(default)]
    pub likeness: Option<f64>,
}

impl std::fmt::Display for Label {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "by {}", self.by)?;
        if self.tier != self.by {
            write!(out, ", {}", self.tier)?;
        }
        if self.age > 0 {
            write!(out, ", {} old", tradewind_lang::literal::duration_text(self.age))?;
        }
        if let Some(likeness) = self.likeness {
            write!(out, ", to a question {likeness:.3} alike")?;
        }
        Ok(())
    }
}

/// A tool as a model is told of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOffer {
    /// Its name.
    pub name: Arc<str>,
    /// What it does.
    pub about: String,
    /// The JSON schema of what it is called with.
    pub schema: serde_json::Value,
}

/// Everything that a provider needs for one call.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The step that asks.
    pub step: Arc<str>,
    /// The model.
    pub model: Arc<Model>,
    /// The question.
    pub question: Arc<Question>,
    /// The whole conversation.
    pub turns: Vec<Turn>,
    /// The JSON schema of the answer.
    pub schema: serde_json::Value,
    /// What it may call.
    pub tools: Vec<ToolOffer>,
    /// The longest that the call may take.
    pub within: Micros,
    /// The share of calls that are faster than the first: a second one is sent after that time.
    pub hedge: Option<f64>,
    /// When the model is left alone.
    pub breaker: Option<Breaker>,
    /// Whether an image is to be made: the answer says which file it is.
    pub draws: bool,
}

/// Where a ladder stands while it is looked for an answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// The next rung, if nothing is found.
    pub next: u16,
    /// When the ladder was begun.
    pub since: i64,
    /// Why earlier rungs gave no answer.
    pub passed: Vec<String>,
    /// Rungs whose budget is used up.
    pub barred: Vec<String>,
}

/// An answer that was kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The event that holds it.
    pub seq: u64,
    /// When it was given.
    pub at: i64,
    /// The answer.
    pub value: Value,
    /// How alike the question was to which it was given, 0 to 1; none where it was the same.
    pub likeness: Option<f64>,
}
