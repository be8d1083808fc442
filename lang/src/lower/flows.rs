//! All flows of a repository, in parallel: none sees what another one adds to the plan, and what they add is put together in the
//! order of the nodes. Flows that others start come before those. It lowers no step itself.

use super::context::{Context, name_of};
use super::emitted::Emitted;
use super::found::Found;
use super::kept::Kept;
use super::known::{Answer, Known};
use super::model::WrittenRoute;
use super::reuse::Reuse;
use super::talk::ASSET;
use crate::ast::Node;
use crate::diagnostic::Diagnostic;
use crate::parallel;
use crate::plan::{Digest, Flow, Locations, Route};
use crate::ty::Record;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What lowering one flow gives.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) flow: Option<Arc<Flow>>,
    /// What it answers, for the flows that start it.
    pub(super) output: Option<Answer>,
    /// Whether it may fail over outside text.
    pub(super) fails: bool,
    /// The type of its input, where the flow declares it itself.
    records: Vec<(String, Record)>,
    routes: BTreeMap<String, Arc<Route>>,
    locations: Locations,
    pub(super) found: Vec<Diagnostic>,
    /// What outside text decides of the events that it emits.
    pub(super) emitted: Vec<Emitted>,
    /// What outside text decides of the memories that it writes.
    pub(super) kept: Kept,
    /// The files that it named, and what was in them.
    pub(super) files_read: Vec<(String, Digest)>,
}

impl Context<'_> {
    /// Lowers every flow, on so many threads; what is known from before is not lowered again.
    pub(crate) fn lower_flows(&mut self, nodes: &[Node], routes: &BTreeMap<String, WrittenRoute>, threads: usize, reuse: &mut Reuse) {
        // Where flows begin one another in a long line, each wave is of one: it is lowered where the one before was.
        let mut apart: Option<Self> = None;
        for wave in self.flows_in_order(nodes) {
            let shared = &*self;
            let (keys, known): (Vec<_>, Vec<_>) = wave.iter().map(|node| reuse.find(shared, node).unzip()).unzip();
            let changed: Vec<&Node> =
                wave.iter().zip(&known).filter(|(_, known)| !matches!(known, Some(Some(_)))).map(|(node, _)| *node).collect();
            let mut lowered = match changed.as_slice() {
                [] => Vec::new(),
                [only] => vec![apart.get_or_insert_with(|| shared.for_flows()).lower_apart(only, routes)],
                many => parallel::each(threads, many, || shared.for_flows(), |worker, node| worker.lower_apart(node, routes)),
            }
            .into_iter();
            for (key, known) in keys.into_iter().zip(known) {
                let Some(outcome) = known.flatten().or_else(|| lowered.next().flatten()) else { continue };
                reuse.keep(key, &outcome);
                self.know(&outcome);
                apart.iter_mut().for_each(|apart| apart.know(&outcome));
                self.diagnostics.extend(outcome.found);
                self.known.emitted.extend(outcome.emitted);
                self.known.kept.extend(outcome.kept);
                self.locations.0.extend(outcome.locations.0);
                self.plan.routes.extend(outcome.routes);
            }
            wave.iter().for_each(|node| reuse.settle(self, node));
        }
        self.prove_emitted(routes);
        self.prove_recalled(nodes, routes, threads);
    }

    /// What flows that follow may see of one that was lowered.
    fn know(&mut self, outcome: &Outcome) {
        self.plan.types.records.extend(outcome.records.iter().cloned());
        if outcome.fails {
            self.known.failing.insert(outcome.name.clone());
        }
        self.known.outputs.extend(outcome.output.clone().map(|output| (outcome.name.clone(), output)));
        self.plan.flows.extend(outcome.flow.clone().map(|flow| (outcome.name.clone(), flow)));
    }

    /// A context of its own, which knows everything that was lowered before the flows.
    pub(crate) fn for_flows(&self) -> Self {
        Self {
            sources: self.sources.clone(),
            read: self.read,
            diagnostics: Found::default(),
            plan: self.plan.clone(),
            locations: Locations::default(),
            declared: self.declared.clone(),
            choosing: self.choosing.clone(),
            settings: self.settings.clone(),
            known: Known { emitted: Vec::new(), kept: Kept::default(), ..self.known.clone() },
            files_read: Vec::new(),
        }
    }

    /// Lowers one flow and takes out of the context what it added.
    pub(super) fn lower_apart(&mut self, node: &Node, routes: &BTreeMap<String, WrittenRoute>) -> Option<Outcome> {
        let name = name_of(node)?.text;
        // A declared type may have that name; the flow of the next thread must find it unchanged.
        let own = own_record(&name);
        let declared = self.plan.types.records.get(&own).cloned();
        let declared_at = self.exchange_fields(&own, Vec::new());
        let knew_files = self.plan.types.records.contains_key(ASSET);
        let flow = self.lower_flow(node, &name, routes);
        // What stands for a file is declared where something names it: for this flow alone, where no type does.
        let files = if knew_files { None } else { self.plan.types.records.remove_entry(ASSET) };
        self.exchange_fields(&own, declared_at);
        let own_record = self.plan.types.records.remove_entry(&own);
        self.plan.types.records.extend(declared.map(|record| (own, record)));
        Some(Outcome {
            flow: flow.map(Arc::new),
            output: self.known.outputs.get(&name).cloned(),
            fails: self.known.failing.contains(&name),
            records: own_record.into_iter().chain(files).chain(self.plan.types.records.remove_entry(super::failing::FAILURE)).collect(),
            routes: std::mem::take(&mut self.plan.routes),
            locations: std::mem::take(&mut self.locations),
            found: std::mem::take(&mut self.diagnostics).into_list(),
            emitted: std::mem::take(&mut self.known.emitted),
            kept: std::mem::take(&mut self.known.kept),
            files_read: std::mem::take(&mut self.files_read),
            name,
        })
    }
}

/// The name of the type that a flow with fields of its own gives its input.
fn own_record(flow: &str) -> String {
    format!("{flow}.input")
}
