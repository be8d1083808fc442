//! What a drawing of a flow shows: boxes with lines of text, and arrows between them. It knows no coordinates and no format.

use super::necessary::{Ways, necessary};
use super::span;
use super::words::{does, terms};
use crate::bound::Bound;
use crate::conform::to_json;
use crate::expr::{Expr, Tree};
use crate::plan::{
    Arm, EffectKind, Endorsement, Escalation, Flow, LimitElse, Measure, OnError, OnTimeout, Plan, Policy, Step, StepKind, Window,
};
use std::collections::BTreeSet;

/// What a box stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Where a run begins or ends.
    End,
    /// A step that looks something up.
    Read,
    /// A step that computes or asks a model.
    Decide,
    /// A step that holds what follows it.
    Gate,
    /// A step that changes something outside.
    Effect,
    /// The parting of ways.
    Choose,
    /// One of the ways.
    Arm,
}

/// What a line of a box says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// What the step does.
    Does,
    /// When it is done at all.
    When,
    /// What holds it: a policy, a stage, a kind of effect.
    Guard,
    /// How long, how often or how dear at most.
    Bound,
    /// Where it goes when something does not work.
    Branch,
}

/// A box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) title: String,
    pub(crate) kind: Kind,
    pub(crate) lines: Vec<(Note, String)>,
}

/// An arrow between two boxes, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: usize,
    pub(crate) to: usize,
}

/// A flow as boxes and arrows. Every arrow leads to a box further down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) title: String,
    pub(crate) summary: String,
    /// Bounds of the whole flow.
    pub(crate) facts: Vec<String>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) edges: Vec<Edge>,
}

/// The view of a flow.
pub(crate) fn of(plan: &Plan, flow: &Flow) -> View {
    let bound = plan.bound(flow);
    let mut nodes = vec![Node { title: "input".to_owned(), kind: Kind::End, lines: vec![(Note::Does, flow.input.clone())] }];
    nodes.extend(flow.steps.iter().enumerate().map(|(at, step)| step_node(plan, flow, &bound, at, step)));
    let mut edges = BTreeSet::new();
    let mut arms: Vec<Vec<usize>> = vec![Vec::new(); flow.steps.len()];
    for (at, step) in flow.steps.iter().enumerate() {
        for node in ways(step) {
            edges.insert(Edge { from: at + 1, to: nodes.len() });
            if let Some(arms) = arms.get_mut(at) {
                arms.push(nodes.len());
            }
            nodes.push(node);
        }
    }
    for (at, step) in flow.steps.iter().enumerate() {
        let own = step.within.and_then(|(choose, arm)| arms.get(usize::from(choose.0))?.get(usize::from(arm)).copied());
        edges.extend(own.map(|from| Edge { from, to: at + 1 }));
        for id in &step.depends {
            let inside = |step: &Step| within(flow, step, usize::from(id.0));
            // What waits for a choice waits for the end of whichever way was taken.
            let from = if inside(step) { Vec::new() } else { last_of(flow, usize::from(id.0), &arms) };
            edges.extend(from.into_iter().map(|from| Edge { from, to: at + 1 }));
        }
    }
    let output = nodes.len();
    nodes.push(Node { title: "output".to_owned(), kind: Kind::End, lines: outputs(flow) });
    let leaves: Vec<usize> = (0..output).filter(|at| !edges.iter().any(|edge: &Edge| edge.from == *at)).collect();
    let roots: Vec<usize> = (1..output).filter(|at| !edges.iter().any(|edge: &Edge| edge.to == *at)).collect();
    edges.extend(leaves.into_iter().filter(|at| *at != 0).map(|from| Edge { from, to: output }));
    edges.extend(roots.into_iter().map(|to| Edge { from: 0, to }));
    if output == 1 {
        edges.insert(Edge { from: 0, to: output });
    }
    let edges = necessary(&edges, nodes.len(), &Ways::of(flow, &arms, nodes.len()));
    View { title: flow.name.clone(), summary: flow.summary.clone(), facts: facts(plan, flow, &bound), nodes, edges }
}

/// The arms of a choice, or the items of a loop.
fn ways(step: &Step) -> Vec<Node> {
    match &step.kind {
        StepKind::Choose { arms } => {
            let arm = |(number, arm): (usize, &Arm)| {
                let title = if arm.when.is_some() { format!("when {}", number + 1) } else { "otherwise".to_owned() };
                Node { title, kind: Kind::Arm, lines: arm.when.iter().map(|when| (Note::When, source(when))).collect() }
            };
            arms.iter().enumerate().map(arm).collect()
        }
        StepKind::Each(each) => {
            let condition = each.condition.iter().map(|when| (Note::When, format!("where {}", source(when))));
            let lines = std::iter::once((Note::Does, format!("of {}", source(&each.items)))).chain(condition).collect();
            vec![Node { title: format!("each {}", each.item), kind: Kind::Arm, lines }]
        }
        _ => Vec::new(),
    }
}

/// Whether a step stands in an arm of a choice, however deep.
pub(super) fn within(flow: &Flow, step: &Step, choose: usize) -> bool {
    let mut at = step.within;
    while let Some((id, _)) = at {
        if usize::from(id.0) == choose {
            return true;
        }
        at = flow.steps.get(usize::from(id.0)).and_then(|step| step.within);
    }
    false
}

/// The boxes that a step ends in: itself, or for a choice the last of each of its ways.
fn last_of(flow: &Flow, at: usize, arms: &[Vec<usize>]) -> Vec<usize> {
    let ways = arms.get(at).map(Vec::as_slice).unwrap_or_default();
    if ways.is_empty() {
        return vec![at + 1];
    }
    let mut found = Vec::new();
    for (arm, node) in ways.iter().enumerate() {
        let members = flow
            .steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.within.is_some_and(|(choose, own)| usize::from(choose.0) == at && usize::from(own) == arm));
        let members: Vec<usize> = members.map(|(member, _)| member).collect();
        let waited = |member: &usize| {
            let id = |step: &usize| flow.steps.get(*step).map(|step| step.depends.as_slice()).unwrap_or_default();
            members.iter().any(|other| id(other).iter().any(|id| usize::from(id.0) == *member))
        };
        let last: Vec<usize> = members.iter().copied().filter(|member| !waited(member)).collect();
        if last.is_empty() {
            found.push(*node);
        }
        // Bounded: a step stands in finitely many choices.
        found.extend(last.into_iter().flat_map(|member| last_of(flow, member, arms)));
    }
    found
}

fn step_node(plan: &Plan, flow: &Flow, bound: &Bound, at: usize, step: &Step) -> Node {
    let kind = match &step.kind {
        StepKind::Call { .. } | StepKind::Recall { .. } | StepKind::Search(_) | StepKind::Measure(_) => Kind::Read,
        StepKind::Reflect { .. } | StepKind::Revise(_) | StepKind::Ask { .. } | StepKind::Wait(_) => Kind::Gate,
        StepKind::Act { .. } | StepKind::Begin(_) | StepKind::Undo(_) | StepKind::Emit(_) => Kind::Effect,
        StepKind::Remember { .. } | StepKind::Facts(_) => Kind::Effect,
        StepKind::Choose { .. } | StepKind::Each(_) => Kind::Choose,
        _ => Kind::Decide,
    };
    let does = match &step.kind {
        StepKind::Let { value } if matches!(value.root, Tree::Text(_)) => source(value),
        StepKind::Let { value } if !value.source.is_empty() => format!("= {}", source(value)),
        kind => does(plan, kind),
    };
    let mut lines = vec![(Note::Does, does)];
    lines.extend(step.when.iter().map(|when| (Note::When, format!("when {}", source(when)))));
    lines.extend(guards(plan, flow, step).into_iter().map(|guard| (Note::Guard, guard)));
    lines.extend(bounds(plan, bound, at, step).into_iter().map(|bound| (Note::Bound, bound)));
    lines.extend(branches(plan, flow, step).into_iter().map(|branch| (Note::Branch, branch)));
    Node { title: step.name.clone(), kind, lines }
}

/// What is endorsed in a step, and what holds it: of an act and of what it takes back, the kind of its effect, the rules of the policies that cover
/// it, and whether it is staged; of another flow, what its acts do, as its own page says what holds them.
pub(crate) fn guards(plan: &Plan, flow: &Flow, step: &Step) -> Vec<String> {
    let endorsed = flow.endorsed.iter().filter(|one| one.at == step.name).map(endorsed);
    let (operation, stage) = match &step.kind {
        StepKind::Act { operation, stage, .. } => (operation, stage),
        StepKind::Undo(undo) => (&undo.by, &undo.stage),
        StepKind::Begin(begin) => {
            let acts = plan.flows.get(&begin.flow).map(|flow| flow.steps.as_slice()).unwrap_or_default();
            let effect = |step: &Step| match &step.kind {
                StepKind::Act { operation, .. } => Some(operation.clone()),
                StepKind::Undo(undo) => Some(undo.by.clone()),
                _ => None,
            };
            let does = |operation: String| format!("does {operation}, {}", kind_of(plan, &operation).unwrap_or("unknown"));
            return endorsed.chain(acts.iter().filter_map(effect).collect::<BTreeSet<_>>().into_iter().map(does)).collect();
        }
        _ => return endorsed.collect(),
    };
    let kind = kind_of(plan, operation);
    let policies = plan.policies.values().filter(|policy| policy.covers(operation, &flow.name)).flat_map(|policy| rules(policy));
    let staged = stage.iter().map(|stage| {
        let when = stage.when.as_ref().map(|when| format!("where {}, ", when.source)).unwrap_or_default();
        format!("{when}staged to {}", waits(&stage.escalation))
    });
    endorsed.chain(kind.map(str::to_owned)).chain(policies).chain(staged).collect()
}

fn kind_of(plan: &Plan, operation: &str) -> Option<&'static str> {
    plan.operations.get(operation).map(|operation| match operation.effect {
        EffectKind::Read => "read",
        EffectKind::Reversible => "reversible",
        EffectKind::Compensable => "compensable",
        EffectKind::Irreversible => "irreversible",
    })
}

/// The rules of a policy, a line each.
fn rules(policy: &Policy) -> Vec<String> {
    let name = &policy.name;
    let denies = policy.denies.iter().map(|deny| format!("policy {name}: deny {}", deny.name));
    let limits = policy.limits.iter().map(|limit| {
        let window = match limit.window {
            Some(Window::Rolling(micros)) => format!(" in {}", span(micros)),
            Some(Window::Day) => " a day".to_owned(),
            None => String::new(),
        };
        let by = limit.by.as_ref().map(|by| format!(" by {}", source(by))).unwrap_or_default();
        let unit = if matches!(limit.measure, Measure::Count) { " effects" } else { "" };
        let beyond = match &limit.otherwise {
            LimitElse::Deny => String::new(),
            LimitElse::Escalate(escalation) => format!(", beyond it {}", waits(escalation)),
        };
        format!("policy {name}: limit {} of {}{unit}{by}{window}{beyond}", limit.name, source(&limit.max))
    });
    let escalates = policy.escalates.iter().map(|rule| format!("policy {name}: escalate {} to {}", rule.name, waits(&rule.escalation)));
    denies.chain(limits).chain(escalates).collect()
}

/// `support-leads within 4h, else deny`.
fn waits(escalation: &Escalation) -> String {
    let quorum = if escalation.quorum > 1 { format!("{} of ", escalation.quorum) } else { String::new() };
    let then: String = escalation.then.iter().map(|level| format!(", then {} within {}", level.to, span(level.within))).collect();
    format!("{quorum}{} within {}{then}, else {}", escalation.to, span(escalation.within), silence(escalation.on_timeout))
}

fn silence(on_timeout: OnTimeout) -> &'static str {
    match on_timeout {
        OnTimeout::Approve => "approve",
        OnTimeout::Skip => "skip",
        OnTimeout::Deny => "deny",
        OnTimeout::Stop => "stop",
    }
}

/// How long a step takes, how often it is tried and what it costs, at most.
pub(crate) fn bounds(plan: &Plan, bound: &Bound, at: usize, step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    match &step.kind {
        StepKind::Call { operation, .. } | StepKind::Act { operation, .. } => {
            let connector = plan.operations.get(operation).and_then(|operation| plan.connectors.get(&operation.connector));
            found.extend(connector.map(|connector| {
                let tries = connector.retry.max.saturating_add(1);
                let times = if tries == 1 { "once".to_owned() } else { format!("{tries} times") };
                format!("tried {times}, {} each", span(connector.total_timeout))
            }));
        }
        StepKind::Recall { last, .. } => found.push(format!("the last {last}")),
        _ => {}
    }
    found.extend(bound.steps.get(at).map(|once| once.words(plan.project.currency)).unwrap_or_default());
    found
}

/// Where a step goes when something does not work.
pub(crate) fn branches(plan: &Plan, flow: &Flow, step: &Step) -> Vec<String> {
    let mut found = Vec::new();
    // What only computes hardly ever fails; that it would end the run is said where something outside is asked.
    let inside = matches!(step.kind, StepKind::Let { .. } | StepKind::Rules { .. } | StepKind::Reflect { .. } | StepKind::Choose { .. });
    match step.on_error {
        OnError::Skip => found.push("error: skip".to_owned()),
        OnError::Undo => found.push("error: what was done is undone".to_owned()),
        OnError::Fail if !inside => found.push("error: the run fails".to_owned()),
        OnError::Fail => {}
    }
    match &step.kind {
        StepKind::Act { operation, stage, .. } => {
            let held = stage.is_some() || plan.policies.values().any(|policy| policy.covers(operation, &flow.name));
            found.extend(held.then(|| format!("denied: {}", if step.skip_denied { "skip" } else { "the flow stops" })));
        }
        StepKind::Ask { escalation, .. } => found.push(format!("silence: {}", silence(escalation.on_timeout))),
        StepKind::Reflect { go_on, .. } => found.push(format!("not met: {}", if *go_on { "go on" } else { "the flow stops" })),
        _ => {}
    }
    found
}

/// What starts the whole flow, and its bounds.
fn facts(plan: &Plan, flow: &Flow, bound: &Bound) -> Vec<String> {
    terms(flow).into_iter().chain(bound.words(flow, plan.project.currency)).collect()
}

fn outputs(flow: &Flow) -> Vec<(Note, String)> {
    let names: Vec<&str> = flow.output.iter().map(|(name, _)| name.as_str()).collect();
    let mut lines = if names.is_empty() { Vec::new() } else { vec![(Note::Does, names.join(", "))] };
    lines.extend(endorsed_elsewhere(flow).map(|one| (Note::Guard, one)));
    lines
}

/// What is endorsed beside the steps that are drawn: in the output, and after a failure.
pub(crate) fn endorsed_elsewhere(flow: &Flow) -> impl Iterator<Item = String> {
    let drawn = |one: &&Endorsement| flow.steps.iter().any(|step| step.name == one.at);
    flow.endorsed.iter().filter(move |one| !drawn(one)).map(endorsed)
}

/// Whoever looks at the picture sees what is taken on trust, and why.
fn endorsed(one: &Endorsement) -> String {
    format!("endorsed {}: {}", one.of.split_whitespace().collect::<Vec<_>>().join(" "), one.reason)
}

/// An expression as written; a constant as its value.
fn source(expr: &Expr) -> String {
    if !expr.source.is_empty() {
        return expr.source.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    match &expr.root {
        Tree::Constant(value) => to_json(value).to_string().trim_matches('"').to_owned(),
        _ => String::new(),
    }
}
