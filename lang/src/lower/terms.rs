//! What a flow says of itself beside its steps: concurrency, priority, place, `on-failure`; and bounds that any step may have.

use super::context::{Context, name_of};
use super::control::Steering;
use super::flow::{FlowDraft, finished};
use super::index::Index;
use super::step::Place;
use crate::ast::Node;
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::plan::{Bounds, Busy, Concurrency, Endorsement, Priority, Step, Terms};
use crate::planted::{Hole, planted};
use crate::shape::Shaped;
use crate::source::Span;
use crate::ty::{Marks, Ty};
use std::collections::{BTreeMap, BTreeSet};

/// The flows that a flow starts, as written.
fn begins(node: &Node, found: &mut BTreeSet<String>) {
    for child in &node.children {
        if node.name.text == "act" && child.name.text == "flow" {
            found.extend(name_of(child).map(|name| name.text));
        }
        begins(child, found);
    }
}

/// Every flow that another one starts, as written.
pub(crate) fn begun(nodes: &[Node]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    nodes.iter().for_each(|node| begins(node, &mut found));
    found
}

/// Where a flow starts another one.
fn begin_span(node: &Node, started: &str) -> Option<Span> {
    node.children.iter().find_map(|child| {
        let name = name_of(child).filter(|name| node.name.text == "act" && child.name.text == "flow" && name.text == started);
        name.map(|name| name.span).or_else(|| begin_span(child, started))
    })
}

/// Of flows that wait for others, some that wait for each other, in their order.
fn circle<'n>(waiting: &[(&'n Node, BTreeSet<String>)]) -> Option<Vec<&'n Node>> {
    let of = |name: &str| waiting.iter().find(|(node, _)| name_of(node).is_some_and(|of| of.text == name));
    let mut path: Vec<&'n Node> = Vec::new();
    let mut at = waiting.first();
    while let Some((node, needed)) = at {
        if let Some(start) = path.iter().position(|before| std::ptr::eq(*before, *node)) {
            let mut circle = path.split_off(start);
            let first = circle.iter().enumerate().min_by_key(|(_, node)| (node.span.source, node.span.start)).map_or(0, |(at, _)| at);
            circle.rotate_left(first);
            return Some(circle);
        }
        path.push(node);
        at = needed.iter().find_map(|name| of(name));
    }
    None
}

/// A flow with the names of those that it begins.
type Begins<'n> = (&'n Node, BTreeSet<String>);

/// Flows in waves, each of which begins only what came before; and those that begin each other, or what does.
fn waves(flows: Vec<&Node>) -> (Vec<Vec<&Node>>, Vec<Begins<'_>>) {
    let begun = |node: &&Node| {
        let mut needed = BTreeSet::new();
        begins(node, &mut needed);
        needed
    };
    let needed: Vec<BTreeSet<String>> = flows.iter().map(begun).collect();
    let names: Vec<Option<String>> = flows.iter().map(|node| name_of(node).map(|name| name.text)).collect();
    // How many flows of a name are not in a wave yet: a name that is declared twice is known when both are.
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    names.iter().flatten().for_each(|name| *open.entry(name).or_default() += 1);
    let mut waiting_for: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut missing: Vec<usize> = vec![0; flows.len()];
    for ((at, needed), missing) in needed.iter().enumerate().zip(&mut missing) {
        for name in needed.iter().filter(|name| open.contains_key(name.as_str())) {
            *missing += 1;
            waiting_for.entry(name).or_default().push(at);
        }
    }
    let mut order: Vec<Vec<&Node>> = Vec::new();
    let mut placed = vec![false; flows.len()];
    let mut ready: BTreeSet<usize> = missing.iter().enumerate().filter(|(_, missing)| **missing == 0).map(|(at, _)| at).collect();
    while !ready.is_empty() {
        let wave = std::mem::take(&mut ready);
        for at in &wave {
            if let Some(placed) = placed.get_mut(*at) {
                *placed = true;
            }
            let Some(name) = names.get(*at).and_then(Option::as_deref) else { continue };
            let left = open.get_mut(name).map_or(0, |left| {
                *left = left.saturating_sub(1);
                *left
            });
            for next in waiting_for.get(name).into_iter().flatten().filter(|_| left == 0) {
                if let Some(missing) = missing.get_mut(*next) {
                    *missing = missing.saturating_sub(1);
                    if *missing == 0 {
                        ready.insert(*next);
                    }
                }
            }
        }
        order.push(wave.iter().filter_map(|at| flows.get(*at).copied()).collect());
    }
    let rest = flows.into_iter().zip(needed).zip(placed).filter(|(_, placed)| !placed).map(|(begins, _)| begins);
    (order, rest.collect())
}

impl Context<'_> {
    /// Flows in waves, those that others start first: what they answer is then known. Flows that start each other never end.
    pub(crate) fn flows_in_order<'n>(&mut self, nodes: &'n [Node]) -> Vec<Vec<&'n Node>> {
        let flows: Vec<&Node> = nodes.iter().filter(|node| node.name.text == "flow").collect();
        let (order, waiting) = waves(flows);
        if let Some(circle) = circle(&waiting)
            && let Some(first) = circle.first()
        {
            let message = "these flows start each other, and would never end";
            let mut diagnostic = Diagnostic::new(&meaning::CYCLE, first.name.span, message).label("starts itself through the others");
            for (node, next) in circle.iter().zip(circle.iter().cycle().skip(1)) {
                let started = name_of(next).map(|name| name.text).unwrap_or_default();
                if let Some(span) = begin_span(node, &started) {
                    diagnostic = diagnostic.also(span, format!("starts `{started}`"));
                }
            }
            self.report(diagnostic.help("put what both do into a flow of its own, or repeat it in an `each`, which has a `max`"));
        }
        // One after the other, as each of them knows only what came before.
        let mut order = order;
        order.extend(waiting.iter().map(|(node, _)| vec![*node]));
        order
    }

    pub(crate) fn lower_bounds(&mut self, node: &Node, place: &mut Place<'_, '_>) -> Bounds {
        let deadline = node.setting("deadline").is_some().then(|| self.span_of_time(node, "deadline")).flatten();
        let label = self.setting_text(node, "place");
        let not_before = node.setting("not-before").cloned().and_then(|value| self.value(&value, &place.scope, Some(&Ty::Timestamp)));
        if let (Some(checked), Some(value)) = (&not_before, node.setting("not-before"))
            && checked.marks.untrusted
        {
            let diagnostic = Diagnostic::new(&meaning::TAINTED, value.span, "text from outside chooses when this is sent");
            let diagnostic = self.with_way(diagnostic.label("derived from outside text"), checked, place);
            self.report(diagnostic.help("bound it with `between(x, lo, hi)`"));
        }
        let account = self.lower_account_of(node, place);
        Bounds { deadline, place: label, not_before: not_before.map(|checked| place.note(checked).expr), account }
    }

    /// The steps that one waits for without reading them.
    pub(crate) fn lower_after(&mut self, node: &Node, draft: &FlowDraft<'_>, within: Option<(usize, u16)>) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        for value in node.list("after").into_iter().cloned() {
            let Some(name) = self.text(&value, "a step's name") else { continue };
            if name_of(node).is_some_and(|own| own.text == name) {
                let message = format!("`{name}` waits for itself");
                let diagnostic = Diagnostic::new(&meaning::CYCLE, value.span, message).label("would never begin");
                self.report(diagnostic.help("name another step, or leave `after` out"));
                continue;
            }
            let visible = draft.visible(within);
            match visible.iter().find(|at| draft.drafts.get(**at).is_some_and(|step| step.name == name)) {
                Some(at) => {
                    found.insert(*at);
                }
                None => {
                    let known: Vec<String> = visible.iter().filter_map(|at| draft.drafts.get(*at)).map(|step| step.name.clone()).collect();
                    let diagnostic = Diagnostic::new(&meaning::UNKNOWN_NAME, value.span, format!("there is no step `{name}` here"))
                        .label("no such step");
                    self.report(super::context::suggest(diagnostic, &name, &known, value.span, "step"));
                }
            }
        }
        found
    }

    pub(crate) fn lower_terms(
        &mut self,
        node: &Node,
        draft: &FlowDraft<'_>,
        reached: Vec<Steering>,
        endorsed: &mut Vec<Endorsement>,
    ) -> Terms {
        let triggers = self.lower_triggers(node, &draft.name, draft.input.as_deref());
        let concurrency = node.first("concurrency").and_then(|node| self.lower_concurrency(node, draft));
        let priority = match node.setting("priority").cloned().and_then(|word| self.word(&word, "`priority`", &["low", "normal", "high"])) {
            Some(word) if word == "low" => Priority::Low,
            Some(word) if word == "high" => Priority::High,
            _ => Priority::Normal,
        };
        let place = self.setting_text(node, "place");
        let on_failure = node.first("on-failure").map(|node| self.lower_on_failure(node, draft, reached, endorsed)).unwrap_or_default();
        let people_count = self.lower_counts(node);
        Terms { triggers, concurrency, priority, place, people_count, on_failure }
    }

    /// Whether a flow says that waits for people count against its deadline.
    fn lower_counts(&mut self, node: &Node) -> bool {
        let counts = node.first("deadline").and_then(|deadline| deadline.property("counts")).cloned();
        counts.is_some_and(|counts| self.word(&counts, "`counts`", &["people"]).is_some())
    }

    /// What of outside text stands in a flow's keys: two runs of one key are one, so that it decides whether a run begins. One that only
    /// waits for its turn begins all the same.
    pub(crate) fn keyed_by(&mut self, node: &Node, input: Option<&str>) -> Vec<Steering> {
        if planted(Hole::Key) {
            return Vec::new();
        }
        let concurrency = node.first("concurrency").filter(|node| node.setting("busy").and_then(|busy| busy.text()) != Some("queue"));
        let keys = [Some(node), concurrency].into_iter().flatten().filter_map(|node| node.setting("key"));
        let scope = self.input_scope(input);
        // Its mistakes are reported where the key is lowered.
        let said = self.diagnostics.len();
        let steering = keys.filter_map(|key| Steering::of(&self.value(key, &scope, None)?, key.span)).collect();
        self.diagnostics.truncate(said);
        steering
    }

    fn lower_concurrency(&mut self, node: &Node, draft: &FlowDraft<'_>) -> Option<Concurrency> {
        let scope = self.input_scope(draft.input.as_deref());
        let key = node.setting("key").cloned().and_then(|key| self.plain_key(&key, &scope, "the key of its concurrency"));
        let Some(busy) = node.setting("busy").cloned() else {
            self.missing(node, "busy", "write `busy=queue` to wait, `skip` not to start, or `replace` to stop the older run");
            return None;
        };
        let busy = match self.word(&busy, "`busy`", &["queue", "skip", "replace"])?.as_str() {
            "skip" => Busy::Skip,
            "replace" => Busy::Replace,
            _ => Busy::Queue,
        };
        Some(Concurrency { key, busy })
    }

    /// Steps after a failure see what failed, and whatever the flow's own steps had come to. They are reached through what it failed over.
    pub(crate) fn after_failure<'n>(&mut self, node: &'n Node, flow: &FlowDraft<'n>, reached: Vec<Steering>) -> FlowDraft<'n> {
        let failure = self.failure(flow, !reached.is_empty());
        let mut base = self.input_scope(flow.input.as_deref()).with("failure", failure, Marks::default());
        for at in flow.visible(None) {
            let (Some(step), Some(lowered)) = (flow.drafts.get(at), flow.lowered.get(&at)) else { continue };
            base = base.with(&step.name, lowered.seen.clone().optional(), lowered.marks);
            base = lowered.parts.iter().fold(base, |base, (path, marks)| base.part(format!("{}.{path}", step.name), *marks));
        }
        let name = flow.name.clone();
        let mut draft = FlowDraft {
            input: flow.input.clone(),
            reached: if planted(Hole::Failure) { Vec::new() } else { reached },
            ..FlowDraft::alone(&name, base, flow.routes)
        };
        self.collect(&node.children, None, &mut draft.drafts, &mut BTreeMap::new());
        draft.index = Index::of(&draft);
        self.lower_steps(&mut draft);
        draft
    }

    fn lower_on_failure(
        &mut self,
        node: &Node,
        flow: &FlowDraft<'_>,
        reached: Vec<Steering>,
        endorsed: &mut Vec<Endorsement>,
    ) -> Vec<Step> {
        let draft = self.after_failure(node, flow, reached);
        if draft.drafts.is_empty() {
            let diagnostic = Diagnostic::new(&meaning::EMPTY, node.name.span, "this `on-failure` has no step");
            self.report(diagnostic.label("does nothing").help("write a step in it, such as an `ask`, or remove it"));
        }
        for step in &draft.drafts {
            let Some(first) = flow.drafts.iter().find(|other| other.name == step.name) else { continue };
            let message = format!("there are two steps named `{}` in this flow", step.name);
            let diagnostic = Diagnostic::new(&meaning::DUPLICATE_NAME, step.span, message).label("again").also(first.span, "first here");
            self.report(diagnostic.help("a step's name is its name in expressions: rename one"));
        }
        self.check_control(&draft);
        endorsed.extend(draft.lowered.values().flat_map(|lowered| lowered.endorsed.iter().cloned()));
        let depends = super::order::depends(&draft);
        self.report_cycles(&draft, &depends);
        finished(draft.lowered, depends)
    }
}
