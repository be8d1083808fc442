//! What lowering has learnt of things that other nodes name, beside the plan. None of it is in the plan.

use super::called::Bare;
use super::came::Way;
use super::emitted::Emitted;
use super::kept::Kept;
use super::marked::Brought;
use crate::ast::Node;
use crate::money::Currency;
use crate::source::Span;
use crate::ty::{Marks, Ty};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is known so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// Type and marks of what a flow answers.
    pub(crate) outputs: BTreeMap<String, Answer>,
    /// Flows that may fail over outside text.
    pub(crate) failing: BTreeSet<String>,
    /// Name and operation of every act of a flow, as written.
    pub(crate) acts: BTreeMap<String, Vec<(String, String)>>,
    /// Flows that other flows start, as written.
    pub(crate) called: BTreeMap<String, Arc<Node>>,
    /// What was proved of flows for callers whose values outside text chose.
    pub(crate) proved: BTreeMap<(String, BTreeSet<String>), Proved>,
    /// Events that flows emit where outside text decides something, with what it decides.
    pub(crate) emitted: Vec<Emitted>,
    /// What outside text decides of memories, as far as it was found.
    pub(crate) kept: Kept,
    /// The same, as it is taken for the flow at hand.
    pub(crate) recalled: Kept,
    /// Every flow is in the plan, so that what an event starts is known.
    pub(crate) complete: bool,
    /// Uncapped effects to which the values given to called flows lead.
    pub(crate) led: Vec<Bare>,
    /// Critics whose model reads the draft, with the route as written.
    pub(crate) judges: BTreeMap<String, String>,
    /// Where outside text came into the value of a step, by its name, of the flow at hand.
    pub(crate) through: BTreeMap<String, Way>,
    /// What brought a mark into the value of a step, by its name and the word of the mark, of the flow at hand.
    pub(crate) marked: BTreeMap<(String, &'static str), Brought>,
    /// Fields of acts, such as `open.request.vip`, that are declared secrets and have few values, of the flow at hand.
    pub(crate) truths: BTreeSet<String>,
    /// Where the marked fields of records and of requests are declared.
    pub(crate) fields: Arc<BTreeMap<(String, String), Span>>,
    /// Fields of the accounts of the connector at hand.
    pub(crate) account: Vec<crate::ty::Field>,
    /// The instant at which the scenario at hand begins.
    pub(crate) scenario_at: i64,
    /// Types and files of seeds that were looked at.
    pub(crate) seeds: BTreeSet<(String, String)>,
    /// Currencies that exchanges and accounts name, in whichever environment.
    pub(crate) currencies: BTreeSet<Currency>,
    /// Policies with a limit or an escalation that could not be read: what it would hold is not known.
    pub(crate) unread: BTreeSet<String>,
    /// Part and digest of every base that something replaces.
    pub(crate) lock: Vec<(String, String)>,
}

/// What a flow answers to whoever starts it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Answer {
    pub(crate) ty: Ty,
    /// What is said of all of it.
    pub(crate) marks: Marks,
    /// What is said of each of its fields.
    pub(crate) parts: Vec<(String, Marks)>,
}

/// What a flow does where outside text chose some of its inputs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Proved {
    /// The uncapped effects that it then leads to.
    pub(crate) bare: Vec<Bare>,
    /// What is said of each field of the answer.
    pub(crate) parts: Vec<(String, Marks)>,
}
