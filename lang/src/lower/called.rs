//! What outside text decides across flows: whether another flow is started at all, and with what. A flow is proved alone for values
//! that are trusted; where one of its inputs was chosen by outside text it is proved once more, for that caller.

use super::context::Context;
use super::control::{cap_it, decides, leading_to};
use super::failing::failing_flow;
use super::flow::FlowDraft;
use super::index::Index;
use super::known::Proved;
use super::model::WrittenRoute;
use crate::ast::{Literal, Node};
use crate::code::meaning;
use crate::diagnostic::Diagnostic;
use crate::expr::Checked;
use crate::plan::{Begin, EffectKind, MoneyDirection, Operation, Stage, StepKind};
use crate::planted::{Hole, planted};
use crate::shape::{Shaped, given};
use crate::ty::Marks;
use std::collections::{BTreeMap, BTreeSet};

/// An effect of a flow that is neither capped nor looked at: the flow, the operation, and why the limits that it has are no caps.
pub(crate) type Bare = (String, String, String);

/// Whether an effect moves money or cannot be taken back.
pub(crate) fn is_grave(operation: &Operation) -> bool {
    operation.effect == EffectKind::Irreversible || operation.money.as_ref().is_some_and(|money| money.direction != MoneyDirection::Price)
}

impl Context<'_> {
    /// The effects of a step that move money or cannot be taken back and that nothing caps; those of the flows that it starts, too.
    /// `chosen`: the parameters of its call that outside text chose.
    pub(crate) fn bare_effects(&self, kind: &StepKind, flow: &str, chosen: &BTreeSet<String>) -> Vec<Bare> {
        let mut found = Vec::new();
        self.add_bare(kind, (flow, chosen), &mut found, &mut BTreeSet::new());
        found
    }

    fn add_bare(&self, kind: &StepKind, by: (&str, &BTreeSet<String>), found: &mut Vec<Bare>, seen: &mut BTreeSet<String>) {
        let (flow, chosen) = by;
        let mut judge = |name: &str, stage: Option<&Stage>, of: &str| {
            let operation = self.plan.operations.get(name).filter(|operation| is_grave(operation));
            if let Some(loose) = operation.and_then(|operation| self.uncapped(operation, stage, of, chosen)) {
                found.push((flow.to_owned(), name.to_owned(), loose));
            }
        };
        let mut add = |name: &str, stage: Option<&Stage>| judge(name, stage, flow);
        match kind {
            StepKind::Act { operation, stage, .. } => add(operation, stage.as_ref()),
            // The policies of the flow whose effects are taken back hold.
            StepKind::Undo(undo) => judge(&undo.by, undo.stage.as_ref(), &undo.flow),
            StepKind::Agent(acting) => {
                let actor = acting.actor.as_ref().and_then(|(name, _)| self.plan.agents.get(name));
                // An agent of the document is held as itself, whichever flow addresses it.
                let (tools, of) = actor.map_or((&acting.tools, flow), |actor| (&actor.acting.tools, actor.name.as_str()));
                tools.iter().for_each(|tool| judge(&tool.operation, None, of));
            }
            StepKind::Begin(begin) if seen.insert(begin.flow.clone()) => {
                let Some(called) = self.plan.flows.get(&begin.flow).cloned() else { return };
                for step in called.steps.iter().chain(&called.terms.on_failure) {
                    self.add_bare(&step.kind, (&called.name, &BTreeSet::new()), found, seen);
                }
            }
            // Which flows an event starts is known once all are there.
            StepKind::Emit(emit) if self.known.complete => {
                for (started, _) in self.started_by(&emit.event) {
                    if seen.insert(started.name.clone()) {
                        for step in started.steps.iter().chain(&started.terms.on_failure) {
                            self.add_bare(&step.kind, (&started.name, &BTreeSet::new()), found, seen);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// A flow that is started with values that outside text chose: what would it decide by them, and what is its answer then?
    pub(crate) fn prove_called(
        &mut self,
        begin: &Begin,
        verb: &Node,
        bound: &[(String, Checked)],
        routes: &BTreeMap<String, WrittenRoute>,
    ) -> Vec<(String, Marks)> {
        // What comes from outside itself goes into a field that says so, for which the flow is proved alone.
        let steered = bound.iter().filter(|(_, checked)| !planted(Hole::Called) && checked.marks.steered && !checked.marks.untrusted);
        let steered: Vec<&(String, Checked)> = steered.collect();
        let fields: BTreeSet<String> = steered.iter().map(|(name, _)| name.clone()).collect();
        let Some(node) = self.known.called.get(&begin.flow).cloned().filter(|_| !fields.is_empty()) else { return Vec::new() };
        let key = (begin.flow.clone(), fields.clone());
        let Proved { bare, parts } = match self.known.proved.get(&key) {
            Some(known) => known.clone(),
            None => {
                let proved = self.prove_with(&node, &begin.flow, &fields, routes);
                self.known.proved.insert(key, proved.clone());
                proved
            }
        };
        self.known.led.extend(bare.iter().cloned());
        for (flow, operation, loose) in bare {
            let message = format!("text from outside leads to `{operation}` in the flow `{flow}`, and no cap holds it");
            let mut diagnostic = Diagnostic::new(&meaning::STEERED, verb.name.span, message).label("decided by what is given here");
            for (name, checked) in &steered {
                let span = given::place(verb, name);
                diagnostic = diagnostic.also(span, decides(checked.blamed().map_or("", |(path, _)| path)));
            }
            self.report(diagnostic.help(cap_it(&operation, &loose)));
        }
        parts
    }

    /// Lowers a flow for a caller, without a word, and says which effects outside text would lead to, and what its answer is then.
    pub(crate) fn prove_with(
        &mut self,
        node: &Node,
        name: &str,
        fields: &BTreeSet<String>,
        routes: &BTreeMap<String, WrittenRoute>,
    ) -> Proved {
        let Some(flow) = self.plan.flows.get(name).cloned() else { return Proved::default() };
        let mut apart = self.for_flows();
        apart.known.led.clear();
        apart.known.emitted.clear();
        // Where the same type is used elsewhere in the flow, that is taken for chosen, too: it errs on the safe side.
        if let Some(record) = apart.plan.types.records.get_mut(&flow.input) {
            for field in record.fields.iter_mut().filter(|field| fields.contains(&field.name)) {
                field.marks.steered = true;
            }
        }
        let mut draft =
            FlowDraft { input: Some(flow.input.clone()), ..FlowDraft::alone(name, apart.input_scope(Some(&flow.input)), routes) };
        apart.collect(&node.children, None, &mut draft.drafts, &mut BTreeMap::new());
        draft.index = Index::of(&draft);
        draft.reached = apart.keyed_by(node, draft.input.as_deref());
        apart.lower_steps(&mut draft);
        let scope = apart.flow_scope(&draft, None, None);
        let output = apart.lower_output(node, &scope);
        let reached = failing_flow(&draft, &output);
        let after = node.first("on-failure").map(|node| apart.after_failure(node, &draft, reached));
        let mut bare = Vec::new();
        for draft in [Some(&draft), after.as_ref()].into_iter().flatten() {
            for (at, lowered) in &draft.lowered {
                if !leading_to(draft, *at).is_empty() {
                    bare.extend(apart.bare_effects(&lowered.step.kind, name, &lowered.chosen));
                }
            }
            apart.note_emission(draft);
            apart.note_remembering(draft);
        }
        self.known.emitted.extend(apart.known.emitted.iter().cloned());
        self.known.kept.extend(apart.known.kept.clone());
        // Flows that this one starts in turn were proved for it on the way.
        bare.extend(apart.known.led.iter().cloned());
        bare.sort();
        bare.dedup();
        Proved { bare, parts: output.into_iter().map(|(name, checked)| (name, checked.marks)).collect() }
    }

    /// Flows that others start, or events, as written.
    pub(crate) fn note_called(&mut self, nodes: &[Node]) {
        let mut begun = super::terms::begun(nodes);
        let mut emitted = BTreeSet::new();
        nodes.iter().for_each(|node| super::emitted::emits(node, &mut emitted));
        let known = |trigger: &Node| trigger.property("event").and_then(Literal::text).is_some_and(|event| emitted.contains(event));
        // A trigger's own expressions may let outside text choose what it gives.
        let waits = |node: &&Node| node.all("trigger").any(|trigger| known(trigger) || !trigger.children.is_empty());
        let flows = nodes.iter().filter(|node| node.name.text == "flow");
        begun.extend(flows.filter(waits).filter_map(super::context::name_of).map(|name| name.text));
        let flows = nodes.iter().filter(|node| node.name.text == "flow");
        for node in flows {
            let Some(name) = super::context::name_of(node).filter(|name| begun.contains(&name.text)) else { continue };
            self.known.called.insert(name.text, std::sync::Arc::new(node.clone()));
        }
    }
}
