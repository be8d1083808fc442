//! What people are asked, and what they answer. Who may answer is decided in `decide`, not here.

mod batch;

pub use batch::{Batch, batches};

use crate::guard::Claim;
use crate::seal::ERASED;
use crate::state::{Asked, RunState};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Micros, OnTimeout, StepId};
use tradewind_lang::value::Value;

/// What a person is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApprovalKind {
    /// Whether an effect may happen.
    Act,
    /// For an answer that a step needs.
    Ask,
    /// Whether a run may go on with a draft that no critic accepts, or with which other one.
    Version,
    /// What became of an effect whose outcome is in doubt: approve means it happened, deny that it did not.
    Settle,
}

/// One item of the inbox: a stage, every escalation and the question of one step, merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Stable name: sixteen hexadecimal digits.
    pub id: Arc<str>,
    /// What for.
    pub kind: ApprovalKind,
    /// Every team of which a member must agree; nobody may answer where none is named.
    pub to: Vec<String>,
    /// Answers count before this instant; never for none.
    pub deadline: Option<i64>,
    /// What happens then: the strictest of what was declared.
    pub on_timeout: OnTimeout,
    /// How many distinct people must agree: the greatest of what was declared.
    pub quorum: u32,
    /// Why it is asked: `policy.rule`, `stage`, `ask`, `settle`.
    pub rules: Vec<String>,
    /// Limits that are above their cap and pass if this is approved.
    pub over: Vec<String>,
    /// The question, for people.
    pub question: String,
    /// What is shown beside it: the expression and its value.
    pub shown: Vec<(String, Value)>,
    /// The operation, for an effect.
    pub operation: Option<Arc<str>>,
    /// Its request.
    pub request: Value,
    /// What the policies were shown.
    pub evidence: Value,
    /// What the effect will take; looked at, not taken.
    pub claims: Vec<Claim>,
    /// Request fields the approver may change.
    pub editable: Vec<String>,
    /// Record type of the answer.
    pub answer: Option<String>,
    /// Digest of operation, request, evidence and active policies. A change of any of them voids the approval.
    pub digest: Digest,
    /// Digest of the policies that were active when it was asked.
    pub policy: Digest,
    /// What was there before the effect when it was asked; none where nothing is read, or could be.
    #[serde(default)]
    pub before: Option<Value>,
    /// Who is asked after those of now, one after the other.
    #[serde(default)]
    pub then: Vec<Later>,
    /// What makes it one item of the inbox with others: everything that one run asks of the same people for the same reasons.
    #[serde(default)]
    pub batch: Option<Arc<str>>,
}

/// Who is asked when those before let their time pass.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Later {
    /// Every team of which a member must agree, and how long it has from the moment it is asked.
    pub asks: Vec<(String, Micros)>,
    /// How many distinct people must agree, with those who agreed before.
    pub quorum: u32,
}

/// The next team gets an item, with a time of its own. Who agreed before counts on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raised {
    /// The approval.
    pub approval: Arc<str>,
    /// Every team of which a member must agree from now on.
    pub to: Vec<String>,
    /// Answers count before this instant.
    pub deadline: i64,
    /// How many distinct people must agree.
    pub quorum: u32,
    /// Who is asked after them.
    pub then: Vec<Later>,
}

impl Approval {
    /// The rules that asked, as one name for a denial: `policy.rule`, joined with ` and `.
    #[must_use]
    pub fn asked_by(&self) -> String {
        self.rules.join(AND)
    }
}

/// Between the names of rules that asked together.
const AND: &str = " and ";

/// Whether a denial named so is one by this rule, alone or together with others.
#[must_use]
pub fn is_denied_by(denied: &str, rule: &str) -> bool {
    denied.split(AND).any(|name| name == rule)
}

/// What a person said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// Yes, with changed request fields where the item allows them.
    Approve {
        /// A record of changed fields, or `Null`.
        edits: Value,
    },
    /// No.
    Deny {
        /// Why, for people.
        reason: String,
    },
    /// The record that was asked for; for a doubtful effect, what the provider answered.
    Answer(Value),
}

/// Why an answer was not taken. Nothing was logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerRefusal {
    /// There is no such item.
    Unknown,
    /// It is closed already.
    Closed,
    /// It was answered too late.
    Expired,
    /// The person belongs to none of its teams.
    NotAMember(Vec<String>),
    /// The person agreed already, and another one is needed.
    Twice,
    /// A question needs an answer, an action needs yes or no.
    WrongVerdict(String),
    /// A field that may not be changed, or a value that does not fit.
    BadValue(String),
    /// The person started the run: somebody else must agree to what it does.
    OwnRun,
    /// With these edits it would be denied, by this rule: what it says.
    WouldBeDenied(String, String),
}

impl std::fmt::Display for AnswerRefusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => write!(out, "nothing waits under that name"),
            Self::Closed => write!(out, "it is decided already"),
            Self::Expired => write!(out, "its time has run out"),
            Self::NotAMember(teams) if teams.is_empty() => {
                write!(out, "no team may decide it: no policy that covers the operation has an owner or an escalation")
            }
            Self::NotAMember(teams) => write!(out, "only members of {} may decide it", teams.join(", ")),
            Self::OwnRun => write!(out, "this person started the run, and somebody else must agree to what it does"),
            Self::Twice => write!(out, "this person agreed already, and another one is needed"),
            Self::WouldBeDenied(rule, message) => write!(out, "with these changes it would be denied by {rule}: {message}"),
            Self::WrongVerdict(why) | Self::BadValue(why) => write!(out, "{why}"),
        }
    }
}

/// An item of the inbox with where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct PendingApproval {
    /// The item.
    pub approval: Arc<Approval>,
    /// The run that waits.
    pub run: Arc<str>,
    /// Its flow.
    pub flow: Arc<str>,
    /// The step that waits.
    pub step: Arc<str>,
    /// When it was asked.
    pub asked_at: i64,
    /// Who agreed so far, to the request as it is now.
    pub agreed: Vec<Arc<str>>,
    /// The request as it is now, with the edits of whoever agreed: what another one would agree to.
    pub request: Value,
    /// The rule that would refuse it for good if it were approved now, and what it says: its business key was taken meanwhile,
    /// or a limit is used up.
    pub would_be_denied: Option<(String, String)>,
    /// Whether its deadline has passed; nothing counts for it any more.
    pub is_overdue: bool,
}

impl PendingApproval {
    /// An open item of a run, as it stands at an instant. Of somebody who was forgotten since it is shown nothing, whatever the run still holds.
    pub(crate) fn of(state: &RunState, step: StepId, asked: &Asked, now: i64) -> Self {
        let is_erased = state.erased;
        let hidden = |value: &Value| if *value == Value::Null { Value::Null } else { Value::Erased };
        let approval = match is_erased {
            false => asked.approval.clone(),
            true => Arc::new(Approval {
                question: ERASED.to_owned(),
                shown: asked.approval.shown.iter().map(|(name, value)| (name.clone(), hidden(value))).collect(),
                request: hidden(&asked.approval.request),
                evidence: hidden(&asked.approval.evidence),
                before: asked.approval.before.as_ref().map(hidden),
                digest: Digest::default(),
                ..Approval::clone(&asked.approval)
            }),
        };
        Self {
            run: state.id.clone(),
            flow: state.graph.name.clone(),
            step: state.graph.node(step).map_or_else(|| "".into(), |node| node.name.clone()),
            asked_at: asked.at,
            agreed: asked.agreed.clone(),
            request: if is_erased { hidden(&asked.request) } else { asked.request.clone() },
            would_be_denied: None,
            is_overdue: approval.deadline.is_some_and(|deadline| now >= deadline),
            approval,
        }
    }
}
