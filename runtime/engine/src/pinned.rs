//! A plan made ready to run: who depends on whom, labels of enums, settings as a value, policies by operation.
//!
//! Worked out once for each plan, so that a step costs no search.

use crate::actor;
use crate::policy::Zone;
use crate::question::Called;
use crate::trigger::Triggers;
use crate::undo::{AGAIN, Back, Reversal, UNDO};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Bindings, Bounds, Digest, EffectKind, Flow, OnError, Plan, Policy, Step, StepId, StepKind, Terms};
use tradewind_lang::ty::{Ty, TypeTable};
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
        let mut flows: HashMap<String, Arc<FlowGraph>> =
            plan.flows.iter().map(|(name, flow)| (name.clone(), Arc::new(FlowGraph::new(&plan, flow)))).collect();
        for agent in plan.agents.values() {
            let flow = Arc::new(actor::flow_of(&plan, agent));
            flows.insert(flow.name.clone(), Arc::new(FlowGraph::new(&plan, &flow)));
        }
        for (name, summary) in [(UNDO, "Takes effects back"), (AGAIN, "Does effects again that had failed")] {
            flows.insert(name.to_owned(), Arc::new(FlowGraph::built_in(&plan, name, summary)));
        }
        Self {
            types: Arc::new(plan.types.clone()),
            digest,
            policy_digest: plan.policy_digest(),
            settings: Value::Record(Arc::new(Record(settings))),
            tenant: plan.project.name.as_str().into(),
            zone: Zone::named(&plan.project.time_zone),
            flows,
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

    /// The policies that cover an operation where a flow does it, in order of name.
    pub fn policies<'a>(&'a self, operation: &'a str, flow: &'a str) -> impl Iterator<Item = &'a Arc<Policy>> {
        let of_operation = self.policies.get(operation).map_or(&[][..], Vec::as_slice);
        of_operation.iter().filter(move |policy| policy.covers(operation, flow))
    }
}

/// A step with what is derived from it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub name: Arc<str>,
    /// Steps that wait for it.
    pub dependents: Vec<StepId>,
    /// How many steps it waits for.
    pub blockers: u16,
    /// For a `choose`: the steps that stand directly in each arm; for an `undo`, the reversals, once they are known.
    pub arms: Vec<Vec<StepId>>,
    /// For a `classify`: the labels.
    pub labels: Arc<[String]>,
    /// Whether it stands in the body that the graph is of.
    pub is_member: bool,
    /// For a step that the run added to take an effect back: that effect.
    pub reverses: Option<Arc<Reversal>>,
    /// For a call of an agent that reads text from outside: a person looks at it, whatever the policies say.
    pub steered: bool,
}

/// A flow as a graph.
#[derive(Debug, Clone)]
pub struct FlowGraph {
    /// The flow.
    pub flow: Arc<Flow>,
    /// Its name.
    pub name: Arc<str>,
    /// One for each step.
    pub nodes: Vec<Node>,
    /// How many steps stand in no arm.
    pub top: u32,
    /// The `each` whose body this is; its other steps are none of this graph.
    pub body: Option<StepId>,
    /// Whether its runs may meet personal data.
    pub personal: bool,
    bodies: HashMap<StepId, Arc<FlowGraph>>,
    on_failure: Option<Arc<FlowGraph>>,
    places: HashMap<String, StepId>,
    /// Operations that change nothing, for tools.
    reads: Arc<HashSet<String>>,
}

/// A value as an expression.
fn constant(value: &Value) -> Expr {
    Expr::constant(value.clone(), Ty::Json)
}

impl FlowGraph {
    fn new(plan: &Plan, flow: &Arc<Flow>) -> Self {
        let loops = ids(flow).filter(|(_, step)| matches!(step.kind, StepKind::Each(_)));
        let bodies = loops.map(|(id, _)| (id, Arc::new(Self::of(plan, flow, Some(id))))).collect();
        // What follows a failure is a flow of its own kind: its steps count from 0, and those of the flow are around it.
        let on_failure = (!flow.terms.on_failure.is_empty()).then(|| {
            let mut after = Flow::clone(flow);
            after.steps = std::mem::take(&mut after.terms.on_failure);
            after.output = Default::default();
            Arc::new(Self::new(plan, &Arc::new(after)))
        });
        Self { bodies, on_failure, ..Self::of(plan, flow, None) }
    }

    /// The graph of the steps that stand directly in a body: of an `each`, or of the flow.
    fn of(plan: &Plan, flow: &Arc<Flow>, body: Option<StepId>) -> Self {
        let mut nodes: Vec<Node> = flow.steps.iter().map(|step| node(plan, step)).collect();
        let mut places = HashMap::new();
        let mut top = 0;
        for (id, step) in ids(flow).filter(|(_, step)| body_of(flow, step) == body) {
            places.insert(step.name.clone(), id);
            let awaited = awaited(flow, id, step, body);
            if let Some(node) = nodes.get_mut(usize::from(id.0)) {
                node.blockers = u16::try_from(awaited.len()).unwrap_or(u16::MAX);
                node.is_member = true;
            }
            for dependency in awaited {
                if let Some(node) = nodes.get_mut(usize::from(dependency.0)) {
                    node.dependents.push(id);
                }
            }
            match step.within.filter(|(around, _)| Some(*around) != body) {
                None => top += 1,
                Some((choose, arm)) => {
                    if let Some(arm) = nodes.get_mut(usize::from(choose.0)).and_then(|node| node.arms.get_mut(usize::from(arm))) {
                        arm.push(id);
                    }
                }
            }
        }
        let name = flow.name.as_str().into();
        let personal = crate::seal::is_personal(plan, flow);
        let reads = plan.operations.values().filter(|operation| operation.effect == EffectKind::Read);
        let talks = flow.steps.iter().any(|step| matches!(step.kind, StepKind::Agent(_)));
        let reads = Arc::new(reads.filter(|_| talks).map(|operation| operation.name.clone()).collect());
        Self { flow: flow.clone(), name, nodes, top, body, personal, bodies: HashMap::new(), on_failure: None, places, reads }
    }

    /// Whether the flow has a step of this name anywhere: in loops, arms or what follows a failure, too.
    #[must_use]
    pub fn has_step(&self, name: &str) -> bool {
        self.flow.steps.iter().chain(&self.flow.terms.on_failure).any(|step| step.name == name)
    }

    /// The graph of the body of an `each`.
    #[must_use]
    pub fn body_of(&self, each: StepId) -> Option<&Arc<FlowGraph>> {
        self.bodies.get(&each)
    }

    /// The graph of the steps of `on-failure`, where there are any.
    #[must_use]
    pub fn on_failure(&self) -> Option<&Arc<FlowGraph>> {
        self.on_failure.as_ref()
    }

    /// The arm in which a step stands; none where it stands directly in its body.
    #[must_use]
    pub fn arm_around(&self, id: StepId) -> Option<(StepId, u16)> {
        self.step(id)?.within.filter(|(around, _)| Some(*around) != self.body)
    }

    /// The flow of runs whose steps are in their inputs.
    fn built_in(plan: &Plan, name: &str, summary: &str) -> Self {
        let flow = Flow {
            name: name.to_owned(),
            summary: summary.to_owned(),
            endorsed: Vec::new(),
            input: String::new(),
            key: None,
            deadline: None,
            cost_cap: None,
            terms: Terms::default(),
            steps: Vec::new(),
            output: Vec::new(),
        };
        Self::new(plan, &Arc::new(flow))
    }

    /// The same with a step for each reversal, one after the other: inside an `undo` step, or at the end of the run.
    #[must_use]
    pub fn with_reversals(&self, step: Option<StepId>, reversals: &[Arc<Reversal>]) -> Self {
        let mut graph = self.clone();
        let mut flow = Flow::clone(&self.flow);
        let stage = match step.and_then(|step| self.step(step)).map(|step| &step.kind) {
            Some(StepKind::Undo(undo)) => undo.stage.clone(),
            _ => None,
        };
        let around = step.and_then(|step| self.node(step)).map_or("undo", |node| &*node.name).to_owned();
        // Where people answer for all of them at once they are asked ahead of their turn, but for what changes the same thing.
        let ahead = stage.as_ref().is_some_and(|stage| stage.escalation.batch && stage.always());
        let mut last: Option<StepId> = None;
        let mut added: Vec<StepId> = Vec::new();
        for (place, reversal) in (1..).zip(reversals) {
            let (Ok(id), Back::By { operation, .. }) = (u16::try_from(flow.steps.len()).map(StepId), &reversal.back) else { break };
            let name = format!("{around}.{place}");
            if ahead {
                let newer = added.iter().zip(reversals).rev().find(|(_, newer)| newer.is_about_the_same(reversal));
                last = newer.map(|(id, _)| *id);
            }
            flow.steps.push(Step {
                name: name.clone(),
                within: step.map(|step| (step, 0)),
                when: None,
                depends: last.into_iter().collect(),
                on_error: OnError::Skip,
                skip_denied: true,
                bounds: Bounds::default(),
                kind: StepKind::Act { operation: operation.to_string(), request: Vec::new(), evidence: Vec::new(), stage: stage.clone() },
                ty: Ty::Null,
                origin: None,
            });
            graph.nodes.push(Node {
                name: name.as_str().into(),
                dependents: Vec::new(),
                blockers: u16::from(last.is_some()),
                arms: Vec::new(),
                labels: Arc::from([]),
                is_member: true,
                reverses: Some(reversal.clone()),
                steered: false,
            });
            if let Some(before) = last.and_then(|last| graph.nodes.get_mut(usize::from(last.0))) {
                before.dependents.push(id);
            }
            graph.places.insert(name, id);
            added.push(id);
            last = Some(id);
        }
        if step.is_none() {
            graph.top += u32::try_from(added.len()).unwrap_or(u32::MAX);
        } else if let Some(node) = step.and_then(|step| graph.nodes.get_mut(usize::from(step.0))) {
            node.arms = vec![added];
        }
        graph.flow = Arc::new(flow);
        graph
    }

    /// The same with a step for each tool call that is let through, one after the other, inside an agent's step. The second value
    /// says which step each call became; `before` is how many calls there were.
    #[must_use]
    pub fn with_tool_calls(&self, agent: StepId, called: &[Called], before: usize) -> (Self, Vec<Option<StepId>>) {
        let mut graph = self.clone();
        let mut flow = Flow::clone(&self.flow);
        let around = self.node(agent).map_or("agent", |node| &*node.name).to_owned();
        let steered = matches!(self.step(agent).map(|step| &step.kind), Some(StepKind::Agent(acting)) if acting.reads_outside);
        let mut added: Vec<StepId> = Vec::new();
        let mut steps = Vec::new();
        for (call, number) in called.iter().zip(before + 1..) {
            let (Ok(id), Ok((operation, request))) = (u16::try_from(flow.steps.len()).map(StepId), &call.call) else {
                steps.push(None);
                continue;
            };
            let name = format!("{around}.{number}");
            let request: Bindings = match request {
                Value::Record(fields) => fields.0.iter().map(|(name, value)| (name.to_string(), constant(value))).collect(),
                _ => Bindings::new(),
            };
            let operation = operation.to_string();
            let kind = match self.reads.contains(&operation) {
                true => StepKind::Call { operation, request },
                false => StepKind::Act { operation, request, evidence: Vec::new(), stage: None },
            };
            let depends: Vec<StepId> = added.last().copied().into_iter().collect();
            let (blockers, bounds) = (u16::from(!depends.is_empty()), Bounds::default());
            let (on_error, within) = (OnError::Skip, Some((agent, 0)));
            flow.steps.push(Step {
                name: name.clone(),
                within,
                when: None,
                depends,
                on_error,
                skip_denied: true,
                bounds,
                kind,
                ty: Ty::Json,
                origin: None,
            });
            let (name, labels) = (Arc::<str>::from(name), Arc::from([]));
            if let Some(last) = added.last().and_then(|last| graph.nodes.get_mut(usize::from(last.0))) {
                last.dependents.push(id);
            }
            graph.places.insert(name.to_string(), id);
            graph.nodes.push(Node {
                name,
                dependents: Vec::new(),
                blockers,
                arms: Vec::new(),
                labels,
                is_member: true,
                reverses: None,
                steered,
            });
            added.push(id);
            steps.push(Some(id));
        }
        if let Some(node) = graph.nodes.get_mut(usize::from(agent.0)) {
            node.arms = vec![added];
        }
        graph.flow = Arc::new(flow);
        (graph, steps)
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

fn ids(flow: &Flow) -> impl Iterator<Item = (StepId, &Step)> {
    flow.steps.iter().zip(0_u16..).map(|(step, place)| (StepId(place), step))
}

fn labels_of(plan: &Plan, labels: &str) -> Arc<[String]> {
    plan.types.enums.get(labels).map_or_else(|| Arc::from([]), |labels| labels.as_slice().into())
}

fn node(plan: &Plan, step: &Step) -> Node {
    let arms = match &step.kind {
        StepKind::Choose { arms } => vec![Vec::new(); arms.len()],
        _ => Vec::new(),
    };
    let labels = match &step.kind {
        StepKind::Classify { labels, .. } => labels_of(plan, labels),
        StepKind::Look(look) => labels_of(plan, &look.labels),
        _ => Arc::from([]),
    };
    // A step of another body never starts here.
    let name = step.name.as_str().into();
    Node { name, dependents: Vec::new(), blockers: u16::MAX, arms, labels, is_member: false, reverses: None, steered: false }
}

/// The steps around a step, from the nearest.
fn around(flow: &Flow, step: &Step) -> impl Iterator<Item = StepId> {
    let outer = move |id: StepId| flow.steps.get(usize::from(id.0)).and_then(|step| step.within).filter(|(outer, _)| outer.0 < id.0);
    std::iter::successors(step.within, move |(id, _)| outer(*id)).map(|(id, _)| id)
}

fn is_loop(flow: &Flow, id: StepId) -> bool {
    flow.steps.get(usize::from(id.0)).is_some_and(|step| matches!(step.kind, StepKind::Each(_)))
}

/// The `each` in whose body a step stands, with nothing but arms between.
fn body_of(flow: &Flow, step: &Step) -> Option<StepId> {
    around(flow, step).find(|id| is_loop(flow, *id))
}

/// What a step waits for in its own body, each once; an `each` also for what its steps name outside of it. A step of an arm never
/// waits for the `choose` around it: that one waits for the step.
fn awaited(flow: &Flow, id: StepId, step: &Step, body: Option<StepId>) -> Vec<StepId> {
    let mut steps = step.depends.clone();
    if is_loop(flow, id) {
        let inside = flow.steps.iter().filter(|inner| around(flow, inner).any(|outer| outer == id));
        steps.extend(inside.flat_map(|inner| inner.depends.iter().copied()));
    }
    let outer: Vec<StepId> = around(flow, step).collect();
    steps.retain(|other| *other != id && !outer.contains(other));
    steps.retain(|other| flow.steps.get(usize::from(other.0)).is_some_and(|other| body_of(flow, other) == body));
    steps.sort_unstable();
    steps.dedup();
    steps
}
