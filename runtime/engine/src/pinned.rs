//! A plan made ready to run: who depends on whom, labels of enums, settings as a value, policies by operation.
//!
//! Worked out once for each plan, so that a step costs no search.

use crate::policy::Zone;
use crate::trigger::Triggers;
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_lang::plan::{Digest, Flow, Plan, Policy, Step, StepId, StepKind};
use tradewind_lang::ty::TypeTable;
use tradewind_lang::value::{Record, Value};

/// A plan with everything derived from it.
#[derive(Debug)]
pub struct Pinned {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Its types, for whoever reads an answer of a call of one of its runs.
    pub types: Arc<TypeTable>,
    /// Its digest.
    pub digest: Digest,
    /// The digest of its policies, teams and settings.
    pub policy_digest: Digest,
    /// `settings`.
    pub settings: Value,
    /// The project's name.
    pub tenant: Arc<str>,
    /// The project's time zone.
    pub zone: Zone,
    pub(crate) triggers: Triggers,
    flows: HashMap<String, Arc<FlowGraph>>,
    policies: HashMap<String, Vec<Arc<Policy>>>,
}

impl Pinned {
    /// Prepares a plan.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Self {
        let digest = plan.digest();
        Self::with_digest(plan, digest)
    }

    /// Prepares a plan whose digest the log names: a newer version may write the same plan differently.
    #[must_use]
    pub fn with_digest(plan: Arc<Plan>, digest: Digest) -> Self {
        let settings = plan.project.settings.iter().map(|(name, value)| (Arc::from(name.as_str()), value.clone())).collect();
        let mut policies: HashMap<String, Vec<Arc<Policy>>> = HashMap::new();
        for policy in plan.policies.values() {
            for operation in &policy.on {
                policies.entry(operation.clone()).or_default().push(policy.clone());
            }
        }
        Self {
            types: Arc::new(plan.types.clone()),
            digest,
            policy_digest: plan.policy_digest(),
            settings: Value::Record(Arc::new(Record(settings))),
            tenant: plan.project.name.as_str().into(),
            zone: Zone::named(&plan.project.time_zone),
            flows: plan.flows.iter().map(|(name, flow)| (name.clone(), Arc::new(FlowGraph::new(&plan, flow)))).collect(),
            policies,
            triggers: Triggers::new(&plan),
            plan,
        }
    }

    /// A flow, ready to run.
    #[must_use]
    pub fn flow(&self, name: &str) -> Option<&Arc<FlowGraph>> {
        self.flows.get(name)
    }

    /// The policies that cover an operation, in order of name.
    #[must_use]
    pub fn policies(&self, operation: &str) -> &[Arc<Policy>] {
        self.policies.get(operation).map_or(&[], Vec::as_slice)
    }
}

/// A step with what is derived from it.
#[derive(Debug)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Steps that wait for it.
    pub dependents: Vec<StepId>,
    /// How many steps it waits for.
    pub blockers: u16,
    /// For a `choose`: the steps that stand directly in each arm.
    pub arms: Vec<Vec<StepId>>,
    /// For a `classify`: the labels.
    pub labels: Arc<[String]>,
}

/// A flow as a graph.
#[derive(Debug)]
pub struct FlowGraph {
    /// The flow.
    pub flow: Arc<Flow>,
    /// Its name.
    pub name: Arc<str>,
    /// One for each step.
    pub nodes: Vec<Node>,
    /// How many steps stand in no arm.
    pub top: u32,
    places: HashMap<String, StepId>,
}

impl FlowGraph {
    fn new(plan: &Plan, flow: &Arc<Flow>) -> Self {
        let mut nodes: Vec<Node> = flow.steps.iter().map(|step| node(plan, flow, step)).collect();
        let mut places = HashMap::new();
        let mut top = 0;
        for (place, step) in flow.steps.iter().enumerate() {
            let id = StepId(u16::try_from(place).unwrap_or(u16::MAX));
            places.insert(step.name.clone(), id);
            for dependency in awaited(flow, step) {
                if let Some(node) = nodes.get_mut(usize::from(dependency.0)) {
                    node.dependents.push(id);
                }
            }
            match step.within {
                None => top += 1,
                Some((choose, arm)) => {
                    if let Some(arm) = nodes.get_mut(usize::from(choose.0)).and_then(|node| node.arms.get_mut(usize::from(arm))) {
                        arm.push(id);
                    }
                }
            }
        }
        Self { flow: flow.clone(), name: flow.name.as_str().into(), nodes, top, places }
    }

    /// A step of the plan.
    #[must_use]
    pub fn step(&self, id: StepId) -> Option<&Step> {
        self.flow.steps.get(usize::from(id.0))
    }

    /// What is derived from a step.
    #[must_use]
    pub fn node(&self, id: StepId) -> Option<&Node> {
        self.nodes.get(usize::from(id.0))
    }

    /// A step by name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<StepId> {
        self.places.get(name).copied()
    }
}

fn node(plan: &Plan, flow: &Flow, step: &Step) -> Node {
    let arms = match &step.kind {
        StepKind::Choose { arms } => vec![Vec::new(); arms.len()],
        _ => Vec::new(),
    };
    let labels = match &step.kind {
        StepKind::Classify { labels, .. } => plan.types.enums.get(labels).map_or_else(|| Arc::from([]), |labels| labels.as_slice().into()),
        _ => Arc::from([]),
    };
    let blockers = u16::try_from(awaited(flow, step).len()).unwrap_or(u16::MAX);
    Node { name: step.name.as_str().into(), dependents: Vec::new(), blockers, arms, labels }
}

/// What a step waits for, each once. A step of an arm never waits for the `choose` around it: that one waits for the step.
fn awaited(flow: &Flow, step: &Step) -> Vec<StepId> {
    let mut steps = step.depends.clone();
    let mut around = step.within;
    while let Some((choose, _)) = around {
        steps.retain(|id| *id != choose);
        around = flow.steps.get(usize::from(choose.0)).and_then(|step| step.within).filter(|(outer, _)| outer.0 < choose.0);
    }
    steps.sort_unstable();
    steps.dedup();
    steps
}
