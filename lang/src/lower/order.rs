//! The order of steps: data, `after`, document order of writes, and gates, as a petgraph graph.

use super::flow::{Draft, FlowDraft};
use crate::ast::{Literal, Node};
use crate::shape::Shaped;
use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use std::collections::BTreeSet;

/// Steps of a flow in an order in which each can be typed: what it names comes first, as far as a glance tells.
pub(crate) fn lowering_order(draft: &FlowDraft<'_>) -> Vec<usize> {
    let guesses: Vec<BTreeSet<usize>> = (0..draft.drafts.len()).map(|at| guess(draft, at)).collect();
    // Strongly connected components come out with what they depend on first.
    let mut order = Vec::new();
    for mut component in tarjan_scc(&graph(&guesses)) {
        component.sort();
        order.extend(component.into_iter().map(NodeIndex::index));
    }
    order
}

/// Steps of a flow in the order of what they really read; a `choose` comes after the steps of its arms.
pub(crate) fn order_of_reads(draft: &FlowDraft<'_>) -> Vec<usize> {
    let reads: Vec<BTreeSet<usize>> = (0..draft.drafts.len())
        // A step with a mistake has no reads of its own: its place stays that of the guess.
        .map(|at| draft.lowered.get(&at).map_or_else(|| guess(draft, at), |lowered| lowered.reads.clone()))
        .collect();
    let mut order = Vec::new();
    for mut component in tarjan_scc(&graph(&with_inner(draft, &reads))) {
        component.sort();
        order.extend(component.into_iter().map(NodeIndex::index));
    }
    order
}

/// The same edges, and from each `choose` to the steps of its arms: it is settled when they are.
pub(crate) fn with_inner(draft: &FlowDraft<'_>, depends: &[BTreeSet<usize>]) -> Vec<BTreeSet<usize>> {
    let mut all = depends.to_vec();
    for (inner, step) in draft.drafts.iter().enumerate() {
        if let Some(own) = step.within.and_then(|(choose, _)| all.get_mut(choose)) {
            own.insert(inner);
        }
    }
    all
}

fn graph(depends: &[BTreeSet<usize>]) -> DiGraph<(), ()> {
    let mut graph = DiGraph::new();
    let nodes: Vec<NodeIndex> = depends.iter().map(|_| graph.add_node(())).collect();
    for (from, targets) in nodes.iter().zip(depends) {
        for target in targets.iter().filter_map(|at| nodes.get(*at)) {
            graph.add_edge(*from, *target, ());
        }
    }
    graph
}

/// Groups of steps that wait for each other.
pub(crate) fn cycles(depends: &[BTreeSet<usize>]) -> Vec<Vec<usize>> {
    let graph = graph(depends);
    let components = tarjan_scc(&graph)
        .into_iter()
        .filter(|component| component.len() > 1 || component.first().is_some_and(|node| graph.contains_edge(*node, *node)));
    components.map(|component| component.into_iter().map(NodeIndex::index).collect::<BTreeSet<_>>().into_iter().collect()).collect()
}

/// Names that the step's texts mention, without parsing them: good enough to choose an order of typing.
fn guess(draft: &FlowDraft<'_>, at: usize) -> BTreeSet<usize> {
    let Some(step) = draft.drafts.get(at) else { return BTreeSet::new() };
    let named = draft.index.named(draft.index.mentioned(at), step.within).into_iter().filter(|other| *other != at);
    let inside = if draft.index.is_holder(at) { draft.drafts.len() } else { 0 };
    let inner = (0..inside).filter(|other| is_inside(draft, *other, at));
    named.chain(inner).collect()
}

fn is_inside(draft: &FlowDraft<'_>, inner: usize, outer: usize) -> bool {
    let mut within = draft.drafts.get(inner).and_then(|step| step.within);
    while let Some((choose, _)) = within {
        if choose == outer {
            return true;
        }
        within = draft.drafts.get(choose).and_then(|step| step.within);
    }
    false
}

/// The words of a step's texts that may name a step.
pub(super) fn mentioned(node: &Node, draft: &FlowDraft<'_>, names: &mut BTreeSet<String>, glance: Glance) {
    let literals = node.arguments.iter().chain(node.properties.iter().map(|property| &property.value));
    literals.filter_map(Literal::text).for_each(|text| mentioned_in(text, names, glance));
    if let Some(written) = node.setting("route").and_then(|route| draft.routes.get(route.text()?)) {
        for rung in &written.rungs {
            if let super::model::WrittenRung::Template { text, .. } = rung {
                mentioned_in(text, names, glance);
            }
        }
    }
    for child in &node.children {
        // Steps of arms have names of their own to mention.
        if !super::flow::VERBS.contains(&child.name.text.as_str()) {
            mentioned(child, draft, names, glance);
        }
    }
}

/// How closely texts are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// Words that are likely to name a step; now and then a step's name is overlooked.
    Names,
    /// Every word: no step's name is overlooked, and much is none.
    Words,
}

/// Words of an expression; of a template, those inside its braces.
pub(super) fn mentioned_in(text: &str, names: &mut BTreeSet<String>, glance: Glance) {
    if glance == Glance::Words {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty());
        return names.extend(words.map(str::to_owned));
    }
    if !text.contains("{{") && !text.contains("{%") {
        return identifiers(text, names);
    }
    for part in text.split('{').skip(1) {
        if let Some(hole) = part.split('}').next().filter(|hole| !hole.is_empty()) {
            identifiers(hole, names);
        }
    }
}

/// Words outside quotes that do not follow a dot; for `steps.refund`, also the word after it.
fn identifiers(text: &str, names: &mut BTreeSet<String>) {
    let mut quote: Option<char> = None;
    let mut word = String::new();
    let mut after_dot = false;
    let mut last = String::new();
    for letter in text.chars().chain([' ']) {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            if quote.is_none() {
                word.push(letter);
            }
            continue;
        }
        if !word.is_empty() {
            if !after_dot || last == "steps" {
                names.insert(word.clone());
            }
            last = std::mem::take(&mut word);
        }
        after_dot = letter == '.' && quote.is_none();
        match quote {
            Some(open) if open == letter => quote = None,
            None if letter == '\'' || letter == '"' => quote = Some(letter),
            _ => {}
        }
    }
}

/// What every step waits for: what it reads, `after`, and the gates.
pub(crate) fn depends(draft: &FlowDraft<'_>) -> Vec<BTreeSet<usize>> {
    let mut depends: Vec<BTreeSet<usize>> =
        (0..draft.drafts.len()).map(|at| draft.lowered.get(&at).map(|lowered| lowered.reads.clone()).unwrap_or_default()).collect();
    let scopes: BTreeSet<Option<(usize, u16)>> = draft.drafts.iter().map(|step| step.within).collect();
    for scope in scopes {
        let mut previous: Option<usize> = None;
        let mut gates: Vec<usize> = Vec::new();
        for (at, step) in draft.drafts.iter().enumerate().filter(|(_, step)| step.within == scope) {
            if holds(draft, at, step, &["act", "ask", "remember", "wait", "agent"]) {
                if let Some(own) = depends.get_mut(at) {
                    own.extend(gates.iter().copied().chain(previous));
                }
                previous = Some(at);
            }
            if holds(draft, at, step, &["reflect", "ask"]) {
                gates.push(at);
            }
        }
    }
    depends
}

/// Whether a step has one of these verbs, or holds a step that has.
fn holds(draft: &FlowDraft<'_>, at: usize, step: &Draft<'_>, verbs: &[&str]) -> bool {
    let has = |step: &Draft<'_>| verbs.contains(&step.node.name.text.as_str());
    has(step) || draft.index.is_holder(at) && draft.drafts.iter().enumerate().any(|(inner, step)| has(step) && is_inside(draft, inner, at))
}
