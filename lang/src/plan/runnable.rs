//! What a flow needs that this version checks and cannot run yet. Whoever runs a flow asks this first and starts nothing where
//! there is an answer; nothing else decides it.

use super::{Decision, Flow, Plan, Prices, Rung, Search, Step, StepKind};
use std::collections::BTreeSet;

/// Something that this version checks and cannot run yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lacking {
    /// Where it was written, as [`super::Locations`] names places: `flow:NAME.STEP`, `flow:NAME`, `policy:NAME`, `team:NAME`, `project`.
    pub place: String,
    /// What it is, in the words of the language: `each`, `a trigger by event`.
    pub what: String,
}

/// Providers whose dialect this version speaks.
const REACHED: &[&str] = &["openai", "mistral", "anthropic", "predict"];

/// Providers of vectors that this version reaches: the program itself, and those that speak as `OpenAI` does.
const EMBEDS: &[&str] = &["embedding", "openai", "mistral"];

impl Plan {
    /// Everything that a flow needs and this version cannot run; empty for a flow that runs.
    #[must_use]
    pub fn not_runnable(&self, flow: &Flow) -> Vec<Lacking> {
        let mut found = BTreeSet::new();
        // Each flow that it starts once, however many ways lead there.
        let mut named = BTreeSet::from([flow.name.as_str()]);
        let mut open = vec![flow];
        while let Some(flow) = open.pop() {
            self.add_lacking(flow, &mut found);
            for step in flow.steps.iter().chain(&flow.terms.on_failure) {
                if let StepKind::Begin(begin) = &step.kind
                    && named.insert(&begin.flow)
                {
                    open.extend(self.flows.get(&begin.flow).map(|flow| &**flow));
                }
            }
        }
        found.into_iter().collect()
    }

    /// What a flow lacks itself.
    fn add_lacking(&self, flow: &Flow, found: &mut BTreeSet<Lacking>) {
        let mut add = |place: String, what: &str| {
            found.insert(Lacking { place, what: what.to_owned() });
        };
        if let Some(place) = self.elsewhere(flow.terms.place.as_ref()) {
            add(format!("flow:{}", flow.name), &place);
        }
        for step in flow.steps.iter().chain(&flow.terms.on_failure) {
            for what in self.lacks(step) {
                add(format!("flow:{}.{}", flow.name, step.name), &what);
            }
        }
    }

    /// A place that the one process of this environment is not.
    fn elsewhere(&self, place: Option<&String>) -> Option<String> {
        let place = place.filter(|place| !self.project.places.contains(place))?;
        Some(format!("the place `{place}` (the environment `{}` has no process there)", self.project.environment))
    }

    fn lacks(&self, step: &Step) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        found.extend(self.elsewhere(step.bounds.place.as_ref()));
        match &step.kind {
            StepKind::Undo(undo) => found.extend(self.operation_lacks(&undo.by, true)),
            StepKind::Generate(generate) => found.extend(self.route_lacks(&generate.route)),
            StepKind::Look(look) => found.extend(self.route_lacks(&look.route)),
            StepKind::Split(split) => {
                for (_, decision) in &split.arms {
                    match decision {
                        Decision::Draft(generate) => found.extend(self.route_lacks(&generate.route)),
                        Decision::Classify { route, .. } => found.extend(self.route_lacks(route)),
                        Decision::Rules { .. } => {}
                    }
                }
            }
            StepKind::Revise(revise) => {
                let critics = revise.critics.iter().filter_map(|name| self.critics.get(name));
                for critic in critics {
                    if !critic.scenarios.is_empty() {
                        found.push("`scenario` of a critic".to_owned());
                    }
                    let judge = critic.judge.as_ref();
                    found.extend(judge.map(|judge| self.route_lacks(&judge.route)).unwrap_or_default());
                }
            }
            StepKind::Agent(acting) => {
                let actor = acting.actor.as_ref().and_then(|(name, _)| self.agents.get(name));
                for acting in std::iter::once(&**acting).chain(actor.map(|actor| &actor.acting)) {
                    found.extend(self.route_lacks(&acting.route));
                    found.extend(acting.tools.iter().flat_map(|tool| self.operation_lacks(&tool.operation, false)));
                }
            }
            StepKind::Search(search) => found.extend(self.search_lacks(search)),
            StepKind::Classify { route, .. } | StepKind::Draft { route, .. } => found.extend(self.route_lacks(route)),
            StepKind::Call { operation, .. } | StepKind::Act { operation, .. } => {
                found.extend(self.operation_lacks(operation, step.bounds.account.is_some()));
            }
            StepKind::Let { .. }
            | StepKind::Recall { .. }
            | StepKind::Remember { .. }
            | StepKind::Facts(_)
            | StepKind::Measure(_)
            | StepKind::Rules { .. }
            | StepKind::Reflect { .. }
            | StepKind::Ask { .. }
            | StepKind::Each(_)
            | StepKind::Begin(_)
            | StepKind::Wait(_)
            | StepKind::Emit(_)
            | StepKind::Choose { .. } => {}
        }
        found
    }

    /// Facts that are found by vectors of a model that nothing here reaches, or that is paid for in a currency nobody counts in.
    fn search_lacks(&self, search: &Search) -> Option<String> {
        let asked = self.memories.get(&search.memory).filter(|_| search.query.is_some())?;
        let model = self.models.get(asked.terms.embed.as_ref()?.1.as_ref()?)?;
        if !EMBEDS.contains(&model.provider.as_str()) {
            return Some(format!("vectors of the provider `{}`", model.provider));
        }
        let foreign = model.remote.as_ref().is_some_and(|remote| self.is_foreign(&remote.prices));
        (foreign && !self.project.exchanges.is_empty()).then(|| "a price in another currency".to_owned())
    }

    fn route_lacks(&self, route: &str) -> Vec<String> {
        let Some(route) = self.routes.get(route) else { return Vec::new() };
        let mut found = Vec::new();
        for rung in &route.rungs {
            let Rung::Candidate { model } = rung else { continue };
            let remote = self.models.get(model).and_then(|model| Some((model, model.remote.as_ref()?)));
            let Some((model, remote)) = remote else { continue };
            if !REACHED.contains(&model.provider.as_str()) {
                found.push(format!("models of the provider `{}`", model.provider));
            }
            // Budgets are kept in one currency: a rate is for expressions, and bounds before a run.
            if !self.project.exchanges.is_empty() && self.is_foreign(&remote.prices) {
                found.push("a price in another currency".to_owned());
            }
        }
        found
    }

    /// Whether something is paid for in another currency than the project's.
    fn is_foreign(&self, prices: &Prices) -> bool {
        let counted = [&prices.input, &prices.output, &prices.cached_input].into_iter().flatten().map(|(price, _)| price);
        let each = [&prices.call, &prices.image, &prices.second].into_iter().flatten();
        each.chain(counted).any(|price| price.currency != self.project.currency)
    }

    /// What an operation needs; `named`: it is said in whose name it is called.
    fn operation_lacks(&self, operation: &str, named: bool) -> Vec<String> {
        let Some(operation) = self.operations.get(operation) else { return Vec::new() };
        let connector = self.connectors.get(&operation.connector);
        // A doubtful outcome is settled by the lookup, what was there before is read, and it may be taken back: those must run, too.
        let lookup = operation.lookup.as_ref().map(|lookup| &lookup.operation);
        let before = operation.terms.before.iter();
        let before = before.flat_map(|before| std::iter::once(&before.operation).chain(before.batch.as_ref().map(|(several, ..)| several)));
        let undo = operation.terms.undo.as_ref().map(|undo| &undo.operation);
        let beside: Vec<_> = lookup.into_iter().chain(before).chain(undo).filter_map(|name| self.operations.get(name)).collect();
        let several = |connector: &str| self.project.accounts.values().filter(|account| account.connector == connector).count() > 1;
        let elsewhere = beside.iter().any(|other| other.connector != operation.connector && several(&other.connector));
        let several = (elsewhere || !named && several(&operation.connector)).then_some("several accounts");
        let settled = beside.into_iter().flat_map(|operation| operation.terms.beyond());
        let beyond = connector
            .map(|connector| connector.terms.beyond())
            .unwrap_or_default()
            .into_iter()
            .chain(operation.terms.beyond())
            .chain(settled);
        beyond.chain(several).map(|word| format!("{word} of a connector")).collect()
    }
}
