//! Flows that start each other without end, through the events that they emit. Each run has its bounds, and the chain of them has none.
//! Allowed is a circle that a count ends, and one that a `debounce` makes as slow as a clock. Flows that call each other in a circle
//! are refused in `terms`, whatever they count.

use super::context::{Context, name_of};
use super::limits::{flow_span, step_span};
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::{Comparison, Expr, Operation, Tree};
use crate::plan::{Bindings, Cause, Flow, Plan, StepKind, Trigger};
use crate::shape::Shaped;
use crate::source::Span;
use crate::value::Value;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A way from one flow into another.
#[derive(Clone, Copy)]
struct Way<'p> {
    from: &'p Flow,
    to: &'p Flow,
    /// The act, and the condition under which it is done.
    step: &'p str,
    when: Option<&'p Expr>,
    by: By<'p>,
}

#[derive(Clone, Copy)]
enum By<'p> {
    Call(&'p Bindings),
    /// The event, its fields, and the trigger that it fires.
    Event(&'p str, &'p Bindings, &'p Trigger),
}

/// A field that is another one, and more or less by a constant.
struct Carried<'t> {
    field: &'t str,
    more: i64,
}

/// `root.field`, `root.field + 1`, `root.field - 1`.
fn carried<'t>(tree: &'t Tree, root: &str) -> Option<Carried<'t>> {
    let field = |tree: &'t Tree| match tree {
        Tree::Select { of, field, .. } if matches!(&**of, Tree::Variable { name, .. } if &**name == root) => Some(&**field),
        _ => None,
    };
    match tree {
        Tree::Arithmetic(Operation::Add, left, right) => match (&**left, &**right) {
            (of, Tree::Constant(Value::Int(more))) | (Tree::Constant(Value::Int(more)), of) => {
                Some(Carried { field: field(of)?, more: *more })
            }
            _ => None,
        },
        Tree::Arithmetic(Operation::Subtract, left, right) => match (&**left, &**right) {
            (of, Tree::Constant(Value::Int(less))) => Some(Carried { field: field(of)?, more: less.checked_neg()? }),
            _ => None,
        },
        other => Some(Carried { field: field(other)?, more: 0 }),
    }
}

/// Whether a condition holds a field of a root below (or above) a constant.
fn bounds(condition: &Tree, root: &str, field: &str, upwards: bool) -> bool {
    let is = |tree: &Tree| carried(tree, root).is_some_and(|carried| carried.field == field && carried.more == 0);
    let constant = |tree: &Tree| matches!(tree, Tree::Constant(Value::Int(_)));
    match condition {
        Tree::And(left, right) => bounds(left, root, field, upwards) || bounds(right, root, field, upwards),
        Tree::Compare(how, left, right) => {
            let below = matches!(how, Comparison::Less | Comparison::AtMost);
            let above = matches!(how, Comparison::More | Comparison::AtLeast);
            let (from, to) = if upwards { (below, above) } else { (above, below) };
            from && is(left) && constant(right) || to && constant(left) && is(right)
        }
        _ => false,
    }
}

fn given<'p>(bindings: &'p Bindings, name: &str) -> Option<&'p Expr> {
    bindings.iter().find(|(of, _)| of == name).map(|(_, expr)| expr)
}

impl<'p> Way<'p> {
    /// The field of the event that fills a field of the input, and by how much it differs.
    fn of_event(trigger: &'p Trigger, field: &'p str) -> Option<Carried<'p>> {
        match given(&trigger.input, field) {
            Some(expr) => carried(&expr.root, "event"),
            None => Some(Carried { field, more: 0 }),
        }
    }

    /// The field of the one flow's input that fills a field of the other's.
    fn fills(&self, field: &'p str) -> Option<Carried<'p>> {
        let (bindings, told) = match self.by {
            By::Call(bindings) => (bindings, Carried { field, more: 0 }),
            By::Event(_, bindings, trigger) => (bindings, Self::of_event(trigger, field)?),
        };
        let from = carried(&given(bindings, told.field)?.root, "input")?;
        Some(Carried { field: from.field, more: from.more.checked_add(told.more)? })
    }

    /// Whether it is taken only while a count is below (or above) a constant: `from` in the one flow's input, `to` in the other's.
    fn is_bounded(&self, from: &str, to: &'p str, upwards: bool) -> bool {
        let step = self.when.is_some_and(|when| bounds(&when.root, "input", from, upwards));
        let By::Event(_, _, trigger) = self.by else { return step };
        let asked = trigger.condition.as_ref().zip(Self::of_event(trigger, to));
        step || asked.is_some_and(|(condition, told)| bounds(&condition.root, "event", told.field, upwards))
    }

    /// Whether it is taken no more than once in a span of time, as a clock strikes: without a key, all runs are one.
    fn is_slow(&self) -> bool {
        matches!(self.by, By::Event(_, _, trigger) if trigger.debounce.is_some() && self.to.key.is_none())
    }
}

/// Every way from a flow of the plan into another.
fn ways(plan: &Plan) -> Vec<Way<'_>> {
    let mut waiting: BTreeMap<&str, Vec<(&Flow, &Trigger)>> = BTreeMap::new();
    for flow in plan.flows.values() {
        for trigger in &flow.terms.triggers {
            if let Cause::Event { event } = &trigger.cause {
                waiting.entry(event).or_default().push((flow, trigger));
            }
        }
    }
    let mut found = Vec::new();
    for flow in plan.flows.values() {
        for step in flow.steps.iter().chain(&flow.terms.on_failure) {
            let way = |to, by| Way { from: flow, to, step: &step.name, when: step.when.as_ref(), by };
            match &step.kind {
                StepKind::Begin(begin) => {
                    found.extend(plan.flows.get(&begin.flow).map(|to| way(&**to, By::Call(&begin.input))));
                }
                StepKind::Emit(emit) => {
                    let started = waiting.get(emit.event.as_str()).into_iter().flatten();
                    found.extend(started.map(|(to, trigger)| way(*to, By::Event(&emit.event, &emit.fields, trigger))));
                }
                _ => {}
            }
        }
    }
    found
}

/// Of some ways, the shortest round from a flow back to it.
fn round<'w, 'p>(ways: &'w [Way<'p>], start: &str) -> Vec<&'w Way<'p>> {
    let mut leaving: BTreeMap<&str, Vec<&'w Way<'p>>> = BTreeMap::new();
    ways.iter().for_each(|way| leaving.entry(&way.from.name).or_default().push(way));
    let mut reached: BTreeMap<&str, &'w Way<'p>> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(at) = open.pop_front().filter(|_| !reached.contains_key(start)) {
        for way in leaving.get(at).into_iter().flatten() {
            let to = way.to.name.as_str();
            if !reached.contains_key(to) {
                reached.insert(to, way);
                open.push_back(to);
            }
        }
    }
    let mut taken = Vec::new();
    let mut at = start;
    while let Some(way) = reached.get(at).filter(|_| taken.len() < reached.len()) {
        taken.push(*way);
        at = &way.from.name;
        if at == start {
            break;
        }
    }
    taken.reverse();
    taken
}

/// The ways that lead back to where they begin, those that lead to each other together, in the order of their flows' names.
fn circles<'p>(ways: &[Way<'p>]) -> Vec<Vec<Way<'p>>> {
    let mut graph: DiGraph<&str, ()> = DiGraph::new();
    let mut nodes: BTreeMap<&str, NodeIndex> = BTreeMap::new();
    for way in ways {
        let names = [way.from.name.as_str(), way.to.name.as_str()];
        let [from, to] = names.map(|name| *nodes.entry(name).or_insert_with(|| graph.add_node(name)));
        graph.add_edge(from, to, ());
    }
    let mut together: BTreeMap<&str, &str> = BTreeMap::new();
    for component in kosaraju_scc(&graph) {
        let names: BTreeSet<&str> = component.iter().filter_map(|node| graph.node_weight(*node)).copied().collect();
        let Some(first) = names.first().copied() else { continue };
        together.extend(names.into_iter().map(|name| (name, first)));
    }
    let mut found: BTreeMap<&str, Vec<Way<'p>>> = BTreeMap::new();
    for way in ways {
        let [from, to] = [&way.from.name, &way.to.name].map(|name| together.get(name.as_str()).copied());
        if let Some(of) = from.filter(|_| from == to) {
            found.entry(of).or_default().push(*way);
        }
    }
    found.into_values().collect()
}

/// Whether a count that is passed on ends every circle: none of the ways lowers it, and each circle has one that raises it and one that
/// is taken only below a constant. Or the other way round.
fn is_counted(ways: &[Way<'_>], upwards: bool) -> bool {
    let Some(last) = ways.first().map(|way| way.to) else { return true };
    let starts = |plan: &Flow, field: &str| ways.iter().any(|way| way.to.name == plan.name && way.fills(field).is_some());
    // Every field of an input that a way fills from a field may be the count.
    let names: BTreeSet<&str> = ways.iter().filter(|way| way.to.name == last.name).flat_map(|way| filled(way)).collect();
    names.into_iter().filter(|name| starts(last, name)).any(|name| counts(ways, (&last.name, name), upwards))
}

/// The fields of the input that a way may fill from another input.
fn filled<'p>(way: &Way<'p>) -> Vec<&'p str> {
    match way.by {
        By::Call(bindings) => bindings.iter().map(|(name, _)| name.as_str()).collect(),
        By::Event(_, bindings, trigger) => bindings.iter().chain(&trigger.input).map(|(name, _)| name.as_str()).collect(),
    }
}

fn counts(ways: &[Way<'_>], (flow, field): (&str, &str), upwards: bool) -> bool {
    let mut count: BTreeMap<&str, &str> = BTreeMap::new();
    let Some(first) = ways.iter().find(|way| way.to.name == flow) else { return false };
    let Some(field) = filled(first).into_iter().find(|name| *name == field) else { return false };
    count.insert(&first.to.name, field);
    let mut arriving: BTreeMap<&str, Vec<&Way<'_>>> = BTreeMap::new();
    ways.iter().for_each(|way| arriving.entry(&way.to.name).or_default().push(way));
    let mut open = vec![first.to.name.as_str()];
    let (mut level, mut unbounded) = (Vec::new(), Vec::new());
    while let Some(at) = open.pop() {
        let Some(to) = count.get(at).copied() else { return false };
        for way in arriving.get(at).into_iter().flatten() {
            let Some(from) = way.fills(to) else { return false };
            let more = if upwards { Some(from.more) } else { from.more.checked_neg() };
            let Some(more) = more.filter(|more| *more >= 0) else { return false };
            match count.get(way.from.name.as_str()) {
                Some(known) if *known != from.field => return false,
                Some(_) => {}
                None => {
                    count.insert(&way.from.name, from.field);
                    open.push(&way.from.name);
                }
            }
            if more == 0 {
                level.push(**way);
            }
            if !way.is_bounded(from.field, to, upwards) {
                unbounded.push(**way);
            }
        }
    }
    circles(&level).is_empty() && circles(&unbounded).is_empty()
}

impl Context<'_> {
    /// Reports circles of flows that nothing ends.
    pub(crate) fn check_endless_runs(&mut self, nodes: &[Node]) {
        let plan = &self.plan;
        let all: Vec<Way<'_>> = ways(plan).into_iter().filter(|way| !way.is_slow()).collect();
        let flows: BTreeMap<String, &Node> =
            nodes.iter().filter(|node| node.name.text == "flow").filter_map(|node| Some((name_of(node)?.text, node))).collect();
        let mut found = Vec::new();
        for ways in circles(&all) {
            let first = ways.first().map_or("", |way| way.from.name.as_str());
            if !is_counted(&ways, true) && !is_counted(&ways, false) {
                found.extend(endless(&round(&ways, first), &flows));
            }
        }
        found.into_iter().for_each(|diagnostic| self.report(diagnostic));
    }
}

/// The trigger of a flow by an event.
fn trigger_span(node: &Node, event: &str) -> Option<Span> {
    let by = |trigger: &&Node| trigger.property("event").and_then(Literal::text) == Some(event);
    node.all("trigger").find(by).map(|trigger| trigger.name.span)
}

fn endless(circle: &[&Way<'_>], flows: &BTreeMap<String, &Node>) -> Option<Diagnostic> {
    let first = circle.first()?;
    let names: Vec<String> = circle.iter().map(|way| format!("`{}`", way.from.name)).collect();
    let message = match names.as_slice() {
        [one] => format!("{one} starts itself, and nothing ends it"),
        many => format!("these flows start each other, and nothing ends it: {}", many.join(", ")),
    };
    let span = |way: &Way<'_>| flows.get(&way.from.name).and_then(|node| step_span(node, way.step));
    let own = flows.get(&first.from.name).map(|node| flow_span(node))?;
    let mut diagnostic = Diagnostic::new(&meaning::ENDLESS_RUNS, span(first).unwrap_or(own), message);
    for (at, way) in circle.iter().enumerate() {
        let label = match way.by {
            By::Call(_) => format!("starts `{}`", way.to.name),
            By::Event(event, ..) => format!("emits `{event}`"),
        };
        diagnostic = match (at, span(way)) {
            (0, _) => diagnostic.label(label),
            (_, Some(span)) => diagnostic.also(span, label),
            (_, None) => diagnostic,
        };
        if let By::Event(event, ..) = way.by
            && let Some(span) = flows.get(&way.to.name).and_then(|node| trigger_span(node, event))
        {
            diagnostic = diagnostic.also(span, format!("starts `{}`", way.to.name));
        }
    }
    let count = circle.iter().find_map(|way| match way.by {
        By::Event(event, ..) => Some(event),
        By::Call(_) => None,
    })?;
    Some(diagnostic.help(format!(
        "give `{count}` a count that each run raises, as `round=\"=input.round + 1\"`, and the trigger a `where=\"event.round < 5\"`; or let it `debounce`"
    )))
}
