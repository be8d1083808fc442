//! Our own values that outside text chose, and facts that it let be remembered: the next run that recalls them rests on it, too; and so
//! does one that waits for an event that it let be emitted. Flows that recall or wait are proved once more for that. Words from outside need none of it: the memory's fields say so themselves.

use super::carried::{Carried, Over};
use super::context::{Context, name_of};
use super::control::leading_to;
use super::failing::failing_flow;
use super::flow::FlowDraft;
use super::flows::Outcome;
use super::model::WrittenRoute;
use crate::ast::Node;
use crate::code::meaning;
use crate::expr::Checked;
use crate::parallel;
use crate::plan::{Flow, StepKind, Until};
use crate::planted::{Hole, planted};
use crate::ty::{Field, Marks};
use std::collections::{BTreeMap, BTreeSet};

/// What outside text decides of memories.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Fields of records that are remembered, or emitted: which of our own values they have.
    fields: BTreeSet<(String, String)>,
    /// Records of memories and of events: whether there is one at all.
    whole: BTreeSet<String>,
    /// Acts, by flow and step: whether they were done, or to what.
    acts: BTreeSet<(String, String)>,
    /// What agents of the document were told in their sessions, by their names.
    pub(super) told: BTreeMap<String, Marks>,
    /// Fields that words come in which a model mixed.
    pub(super) mixed: Carried,
}

impl Kept {
    /// Whether outside text decides if there is a fact.
    pub(crate) fn whole(&self, record: &str) -> bool {
        self.whole.contains(record)
    }

    /// Whether outside text decided if an act was done, or to what.
    pub(crate) fn acted(&self, flow: &str, step: &str) -> bool {
        self.acts.contains(&(flow.to_owned(), step.to_owned()))
    }

    /// Adds what others found.
    pub(crate) fn extend(&mut self, other: Self) {
        self.fields.extend(other.fields);
        self.whole.extend(other.whole);
        self.acts.extend(other.acts);
        self.mixed.extend(other.mixed);
        other.told.into_iter().for_each(|(agent, marks)| self.tell(agent, marks));
    }

    /// Adds what an agent was told.
    pub(super) fn tell(&mut self, agent: String, marks: Marks) {
        let known = self.told.entry(agent).or_default();
        *known = known.with(marks);
    }

    /// Whether outside text decided anything of what is remembered there.
    pub(super) fn concerns(&self, record: &str) -> bool {
        self.whole(record) || self.fields.iter().any(|(of, _)| of == record)
    }
}

impl Context<'_> {
    /// Notes the values of a fact that outside text chose.
    pub(crate) fn note_kept(&mut self, record: &str, fields: &[Field], bound: &[(String, Checked)]) {
        self.note_carried(Over::Fact, record, bound);
        let marked = |name: &String| fields.iter().any(|field| field.name == *name && field.marks.untrusted);
        let steered = bound.iter().filter(|(name, checked)| !planted(Hole::Kept) && checked.marks.steered && !marked(name));
        self.known.kept.fields.extend(steered.map(|(name, _)| (record.to_owned(), name.clone())));
    }

    /// Notes the facts that outside text lets a flow remember, and the effects that it lets it have, for those who take them back. A run
    /// that fails over outside text remembers nothing behind that, and does nothing.
    pub(crate) fn note_remembering(&mut self, draft: &FlowDraft<'_>) {
        let fails = !failing_flow(draft, &[]).is_empty() && !planted(Hole::Failed);
        for (at, lowered) in &draft.lowered {
            // Most steps do neither, and are not asked about.
            if !matches!(lowered.step.kind, StepKind::Act { .. } | StepKind::Remember { .. } | StepKind::Facts(_)) {
                continue;
            }
            let led = fails || !leading_to(draft, *at).is_empty() && !planted(Hole::Fact);
            let memory = match &lowered.step.kind {
                _ if !led => continue,
                StepKind::Act { .. } => {
                    self.known.kept.acts.insert((draft.name.clone(), lowered.step.name.clone()));
                    continue;
                }
                // Whether there is another message in its session.
                StepKind::Agent(acting) => {
                    let agent = acting.actor.as_ref().map(|(agent, _)| agent.clone());
                    agent.into_iter().for_each(|agent| self.note_heard(&agent, Marks { steered: true, ..Marks::default() }));
                    continue;
                }
                StepKind::Remember { memory, .. } => memory,
                StepKind::Facts(facts) => &facts.memory,
                _ => continue,
            };
            let record = self.plan.memories.get(memory).map(|memory| memory.record.clone());
            self.known.kept.whole.extend(record);
        }
    }

    /// Notes which of the values of an event outside text chose, for those that wait for it.
    pub(crate) fn note_told(&mut self, event: &str, fields: impl IntoIterator<Item = String>) {
        self.known.kept.fields.extend(fields.into_iter().map(|field| (event.to_owned(), field)));
    }

    /// Notes events that outside text lets be emitted, for those that wait for them.
    pub(crate) fn note_decided(&mut self, events: impl IntoIterator<Item = String>) {
        self.known.kept.whole.extend(events);
    }

    /// Whether a flow waits for an event of ours of which outside text decides something.
    fn waits_for_kept(&self, event: &str) -> bool {
        !self.plan.events.contains_key(event) && self.known.recalled.concerns(event)
    }

    /// Whether a flow recalls what outside text decided, or starts one that may.
    fn rests_on_kept(&self, flow: &Flow, others: &BTreeSet<String>) -> bool {
        let recalls = |memory: &String| self.plan.memories.get(memory).is_some_and(|memory| self.known.recalled.concerns(&memory.record));
        !self.mixed_fields(flow).is_empty()
            || flow.steps.iter().chain(&flow.terms.on_failure).any(|step| match &step.kind {
                StepKind::Recall { memory, .. } => recalls(memory),
                StepKind::Search(search) => recalls(&search.memory),
                StepKind::Revise(revise) => {
                    let critics = revise.critics.iter().filter_map(|name| self.plan.critics.get(name));
                    critics.flat_map(|critic| &critic.grounded).any(recalls)
                }
                StepKind::Undo(undo) => self.known.recalled.acted(&undo.flow, &undo.step),
                StepKind::Begin(begin) => others.contains(&begin.flow),
                StepKind::Agent(acting) => acting.actor.as_ref().is_some_and(|(agent, _)| self.rests_on_heard(agent)),
                StepKind::Wait(wait) => matches!(&wait.until, Until::Event { event, .. } if self.waits_for_kept(event)),
                _ => false,
            })
    }

    /// Proves the flows that recall what outside text decided in other runs, on so many threads.
    pub(crate) fn prove_recalled(&mut self, nodes: &[Node], routes: &BTreeMap<String, WrittenRoute>, threads: usize) {
        // What is proved may be remembered in turn; there are no more fields than there are.
        self.note_begun();
        while self.known.kept != self.known.recalled {
            self.known.recalled = self.known.kept.clone();
            let mut proved = BTreeSet::new();
            // Those that others start come first, so that what they answer is known.
            for wave in self.flows_in_order(nodes) {
                let rests = |node: &&Node| {
                    let flow = name_of(node).and_then(|name| self.plan.flows.get(&name.text));
                    flow.is_some_and(|flow| self.rests_on_kept(flow, &proved))
                };
                let wave: Vec<&Node> = wave.into_iter().filter(rests).collect();
                proved.extend(wave.iter().filter_map(|node| name_of(node)).map(|name| name.text));
                let shared = &*self;
                let lowered = parallel::each(threads, &wave, || shared.for_recalling(), |worker, node| worker.lower_carried(node, routes));
                lowered.into_iter().flatten().for_each(|outcome| self.take_proof(outcome));
            }
            self.prove_emitted(routes);
            self.note_begun();
        }
        self.note_listeners();
    }

    /// A context of its own, in which what was remembered is marked.
    fn for_recalling(&self) -> Self {
        let mut apart = self.for_flows();
        for (record, name) in &self.known.recalled.fields {
            // A recalled fact that says whether it is stale has a type of its own.
            let flagged = self.plan.memories.values().filter(|memory| memory.record == *record && memory.flags());
            for record in flagged.map(|memory| memory.recalled()).chain([record.clone()]) {
                let fields = apart.plan.types.records.get_mut(&record).map(|record| &mut record.fields);
                for field in fields.into_iter().flatten().filter(|field| field.name == *name) {
                    field.marks.steered = true;
                }
            }
        }
        apart
    }

    /// What is wrong with a flow where it rests on other runs. It is in the plan already, and what is wrong with it anyway was reported.
    fn take_proof(&mut self, outcome: Outcome) {
        let proofs = [&meaning::STEERED, &meaning::TAINTED, &meaning::AGENT_TOO_FREE, &meaning::EXFILTRATION, &meaning::CORRECTED_OUTSIDE];
        for diagnostic in outcome.found.into_iter().filter(|diagnostic| proofs.contains(&diagnostic.code)) {
            if !self.diagnostics.says(diagnostic.span, diagnostic.code.id) {
                self.report(diagnostic);
            }
        }
        self.known.kept.extend(outcome.kept);
        self.known.emitted.extend(outcome.emitted);
        if outcome.fails {
            self.known.failing.insert(outcome.name.clone());
        }
        self.known.outputs.extend(outcome.output.map(|output| (outcome.name, output)));
    }
}
