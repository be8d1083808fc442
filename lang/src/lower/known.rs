//! What lowering has learnt of things that other nodes name, beside the plan. None of it is in the plan.

use crate::ty::{Marks, Ty};
use std::collections::{BTreeMap, BTreeSet};

/// What is known so far.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// Type and marks of what a flow answers.
    pub(crate) outputs: BTreeMap<String, (Ty, Marks)>,
    /// Name and operation of every act of a flow, as written.
    pub(crate) acts: BTreeMap<String, Vec<(String, String)>>,
    /// Fields of the accounts of the connector at hand.
    pub(crate) account: Vec<crate::ty::Field>,
    /// The instant at which the scenario at hand begins.
    pub(crate) scenario_at: i64,
    /// Types and files of seeds that were looked at.
    pub(crate) seeds: BTreeSet<(String, String)>,
    /// Part and digest of every base that something replaces.
    pub(crate) lock: Vec<(String, String)>,
}
