//! What a run's models cost at most: every candidate of every ladder is asked, with its repairs and its second calls, for every
//! version, turn and item. `budget`s of a route cap it; the flow's own cap does not: the bound says what that cap has to hold.

use super::names::Names;
use super::price::{Said, call};
use super::spend::Spend;
use super::{Bounds, Open, size};
use crate::plan::{
    Acting, BudgetPer, DEFAULT_REPAIRS, Decision, Flow, Generate, Plan, Revise, Route, Rung, Search, Step, StepId, StepKind,
};
use std::collections::BTreeMap;

/// What a run's models cost at most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CostBound {
    /// So much, where nothing is open.
    pub most: Spend,
    /// What the budgets that a run has with each route let through.
    by_route: BTreeMap<String, Spend>,
    /// Steps whose cost nothing bounds.
    pub open: Vec<Open>,
    /// Steps that read a text of which nothing says how long it is: it counts as all that a model can read.
    pub whole_context: Vec<String>,
    /// Whether a model is asked at all.
    pub asks: bool,
}

impl CostBound {
    fn then(mut self, other: Self) -> Self {
        self.most = self.most.plus(&other.most);
        for (route, spend) in other.by_route {
            let sum = self.by_route.entry(route).or_default();
            *sum = std::mem::take(sum).plus(&spend);
        }
        self.with(other.open, other.whole_context, other.asks)
    }

    fn or(mut self, other: Self) -> Self {
        self.most = self.most.or(&other.most);
        for (route, spend) in other.by_route {
            let most = self.by_route.entry(route).or_default();
            *most = std::mem::take(most).or(&spend);
        }
        self.with(other.open, other.whole_context, other.asks)
    }

    fn with(mut self, open: Vec<Open>, whole_context: Vec<String>, asks: bool) -> Self {
        self.open.extend(open);
        self.whole_context.extend(whole_context);
        Self { asks: self.asks || asks, ..self }
    }

    fn times(mut self, count: u64) -> Self {
        self.most = self.most.times(count);
        self.by_route.values_mut().for_each(|spend| *spend = std::mem::take(spend).times(count));
        self
    }
}

/// What each step costs once; `None` where it asks no model, or nothing bounds it. What holds other steps costs nothing itself.
pub(super) fn steps(bounds: &Bounds<'_>, flow: &Flow) -> Vec<Option<Spend>> {
    let purse = Purse { bounds, plan: bounds.plan, flow, steps: &flow.steps, inside: BTreeMap::new() };
    let once = (0..flow.steps.len()).map(|at| purse.step(at));
    once.map(|cost| (cost.asks && cost.open.is_empty()).then_some(cost.most)).collect()
}

/// The bound of a flow.
pub(super) fn of(bounds: &Bounds<'_>, flow: &Flow) -> CostBound {
    let mut inside: BTreeMap<Option<(StepId, u16)>, Vec<usize>> = BTreeMap::new();
    for (at, step) in flow.steps.iter().enumerate() {
        inside.entry(step.within).or_default().push(at);
    }
    let purse = Purse { bounds, plan: bounds.plan, flow, steps: &flow.steps, inside };
    let mut bound = purse.all(None);
    let after = &flow.terms.on_failure;
    for at in 0..after.len() {
        let purse = Purse { steps: after, inside: BTreeMap::new(), ..purse };
        bound = bound.then(purse.step(at));
    }
    // A sum over the routes is a bound, too, once the budgets that a run has with each of them are taken off.
    let capped = bound.by_route.iter().map(|(route, spend)| {
        let budgets = bounds.plan.routes.get(route).map(|route| route.terms.budgets.as_slice()).unwrap_or_default();
        budgets.iter().filter(|budget| budget.per == BudgetPer::Run).fold(spend.clone(), |spend, budget| spend.at_most(budget.most))
    });
    let capped = capped.fold(Spend::default(), |sum, spend| sum.plus(&spend));
    bound.most = bound.most.and(&capped);
    bound.open.sort();
    bound.open.dedup();
    bound.whole_context.sort();
    bound.whole_context.dedup();
    bound
}

struct Purse<'a> {
    bounds: &'a Bounds<'a>,
    plan: &'a Plan,
    flow: &'a Flow,
    steps: &'a [Step],
    /// The steps of each arm or loop.
    inside: BTreeMap<Option<(StepId, u16)>, Vec<usize>>,
}

impl Purse<'_> {
    fn all(&self, within: Option<(StepId, u16)>) -> CostBound {
        let members = self.inside.get(&within).map(Vec::as_slice).unwrap_or_default();
        members.iter().map(|at| self.step(*at)).fold(CostBound::default(), CostBound::then)
    }

    fn step(&self, at: usize) -> CostBound {
        let (Some(step), Ok(id)) = (self.steps.get(at), u16::try_from(at).map(StepId)) else { return CostBound::default() };
        match &step.kind {
            StepKind::Choose { arms } => {
                let ways = (0..arms.len()).filter_map(|arm| u16::try_from(arm).ok()).map(|arm| self.all(Some((id, arm))));
                ways.fold(CostBound::default(), CostBound::or)
            }
            StepKind::Each(each) => self.all(Some((id, 0))).times(u64::from(each.max)),
            _ => self.asks(step, &Names { plan: self.plan, flow: Some(self.flow), at, own: None }),
        }
    }

    fn asks(&self, step: &Step, names: &Names<'_>) -> CostBound {
        match &step.kind {
            StepKind::Classify { route, text, .. } => self.route(&step.name, route, Said::text(size::of_tree(names, &text.root))),
            // A ladder of templates asks nobody; one with models hears no more than the step's own words.
            StepKind::Draft { route, .. } => self.route(&step.name, route, Said::text(None)),
            StepKind::Generate(generate) => self.generate(&step.name, names, generate),
            StepKind::Look(look) => {
                let bytes = look.text.as_ref().map_or(Some(0), |text| size::of_tree(names, &text.root));
                self.route(&step.name, &look.route, Said { bytes, images: Some(1), draws: false })
            }
            StepKind::Split(split) => {
                let arms = split.arms.iter().map(|(_, decision)| self.decision(&step.name, names, decision));
                arms.fold(CostBound::default(), CostBound::or)
            }
            StepKind::Revise(revise) => self.revise(&step.name, names, revise),
            StepKind::Agent(acting) => self.agent(&step.name, acting),
            StepKind::Search(search) => self.search(&step.name, names, search),
            StepKind::Remember { memory, .. } => self.embed(&step.name, memory, None, 1),
            StepKind::Facts(facts) => self.embed(&step.name, &facts.memory, None, u64::try_from(facts.facts.len()).unwrap_or(u64::MAX)),
            StepKind::Begin(begin) => self.started(&step.name, &begin.flow),
            _ => CostBound::default(),
        }
    }

    /// The whole ladder: each candidate may be asked and paid, and answer what cannot be used.
    fn route(&self, step: &str, name: &str, said: Said) -> CostBound {
        let Some(route) = self.plan.routes.get(name) else { return CostBound::default() };
        let mut bound = CostBound::default();
        for (rung, place) in route.rungs.iter().zip(0_u8..) {
            let Rung::Candidate { model } = rung else { continue };
            let Some(model) = self.plan.models.get(model) else { continue };
            bound.asks = true;
            let hedged = route.terms.candidates.get(&place).is_some_and(|terms| terms.hedge.is_some());
            match call(model, said, route.terms.repairs.unwrap_or(DEFAULT_REPAIRS)) {
                Ok(spend) if !spend.is_nothing() => {
                    let whole = model.remote.is_some() && said.bytes.is_none();
                    bound.whole_context.extend(whole.then(|| step.to_owned()));
                    bound.most = bound.most.plus(&spend.times(if hedged { 2 } else { 1 }));
                }
                Ok(_) => {}
                Err(why) => bound.open.push(Open { step: step.to_owned(), why }),
            }
        }
        self.budgeted(route, name, bound)
    }

    /// A budget for each call or each run ends a ladder, so that nothing is open in its currency.
    fn budgeted(&self, route: &Route, name: &str, mut bound: CostBound) -> CostBound {
        for budget in route.terms.budgets.iter().filter(|budget| matches!(budget.per, BudgetPer::Task | BudgetPer::Run)) {
            if !bound.open.is_empty() && self.pays_only(route, budget.most.currency) {
                bound.open.clear();
                bound.most = Spend::from(budget.most);
            }
            bound.most = bound.most.at_most(budget.most);
        }
        bound.by_route.insert(name.to_owned(), bound.most.clone());
        bound
    }

    fn pays_only(&self, route: &Route, currency: crate::money::Currency) -> bool {
        route.rungs.iter().all(|rung| match rung {
            Rung::Candidate { model } => self.plan.models.get(model).is_none_or(|model| {
                let prices = model.remote.as_ref().map(|remote| &remote.prices);
                let tokens = prices.into_iter().flat_map(|prices| [prices.input, prices.output]).flatten().map(|(price, _)| price);
                let others = prices.into_iter().flat_map(|prices| [prices.image, prices.second]).flatten();
                tokens.chain(others).chain([model.price]).all(|price| price.currency == currency || price.amount.is_zero())
            }),
            _ => true,
        })
    }

    fn generate(&self, step: &str, names: &Names<'_>, generate: &Generate) -> CostBound {
        let draws = self.plan.routes.get(&generate.route).is_some_and(|route| route.needs == "image");
        self.route(step, &generate.route, Said::talk(names, &generate.talk, draws))
    }

    fn decision(&self, step: &str, names: &Names<'_>, decision: &Decision) -> CostBound {
        match decision {
            Decision::Rules { .. } => CostBound::default(),
            Decision::Draft(generate) => self.generate(step, names, generate),
            Decision::Classify { route, text, .. } => self.route(step, route, Said::text(size::of_tree(names, &text.root))),
        }
    }

    /// Every version is judged; all but the first are written anew, with what was wrong, of which nothing says how long it is.
    fn revise(&self, step: &str, names: &Names<'_>, revise: &Revise) -> CostBound {
        let versions = u64::from(revise.max_revisions);
        let critics = revise.critics.iter().filter_map(|critic| self.plan.critics.get(critic));
        let judged = critics.filter_map(|critic| {
            let judge = critic.judge.as_ref()?;
            let names = Names { own: Some((&critic.variable, &critic.of)), ..*names };
            Some(self.route(step, &judge.route, Said::talk(&names, &judge.talk, false)))
        });
        let judged = judged.fold(CostBound::default(), CostBound::then).times(versions.saturating_add(1));
        let drafted = revise.of.iter().filter_map(|of| self.steps.iter().find(|step| step.name == *of));
        let drafted = drafted.map(|of| match &of.kind {
            StepKind::Draft { route, .. } => self.route(step, route, Said::text(None)),
            StepKind::Generate(generate) => {
                let draws = self.plan.routes.get(&generate.route).is_some_and(|route| route.needs == "image");
                self.route(step, &generate.route, Said { bytes: None, ..Said::talk(names, &generate.talk, draws) })
            }
            StepKind::Split(split) => {
                let arms = split.arms.iter().map(|(_, decision)| self.decision(step, names, decision));
                arms.fold(CostBound::default(), CostBound::or)
            }
            _ => CostBound::default(),
        });
        judged.then(drafted.fold(CostBound::default(), CostBound::then).times(versions))
    }

    /// Every turn reads all that was said before, and what the tools gave.
    fn agent(&self, step: &str, acting: &Acting) -> CostBound {
        let turn = self.route(step, &acting.route, Said::text(None));
        let mut bound = turn.times(u64::from(acting.max_steps));
        let budget = acting.actor.as_ref().and_then(|(name, _)| self.plan.agents.get(name)?.budget.as_ref());
        if let Some(budget) = budget.filter(|budget| matches!(budget.per, BudgetPer::Task | BudgetPer::Run)) {
            bound.most = bound.most.at_most(budget.most);
        }
        bound
    }

    fn search(&self, step: &str, names: &Names<'_>, search: &Search) -> CostBound {
        match &search.query {
            Some(query) => self.embed(step, &search.memory, size::of_tree(names, &query.root), 1),
            None => CostBound::default(),
        }
    }

    /// What reads texts for a memory that is searched by meaning.
    fn embed(&self, step: &str, memory: &str, bytes: Option<u64>, count: u64) -> CostBound {
        let embed = self.plan.memories.get(memory).and_then(|memory| memory.terms.embed.as_ref());
        let Some(model) = embed.and_then(|(_, model)| self.plan.models.get(model.as_ref()?)) else { return CostBound::default() };
        let asks = CostBound { asks: true, ..CostBound::default() };
        match call(model, Said::text(bytes), 0) {
            Ok(spend) => CostBound { most: spend.times(count), ..asks }.unrouted(),
            Err(why) => CostBound { open: vec![Open { step: step.to_owned(), why }], ..asks },
        }
    }

    fn started(&self, step: &str, flow: &str) -> CostBound {
        let Some(bound) = self.bounds.started(flow) else {
            let why = format!("starts `{flow}`, whose bound nobody knows");
            return CostBound { open: vec![Open { step: step.to_owned(), why }], ..CostBound::default() };
        };
        let cap = self.plan.flows.get(flow).and_then(|flow| flow.cost_cap);
        let why = |open: &Open| format!("starts `{flow}`, whose `{}` {}", open.step, open.why);
        let open: Vec<Open> = bound.cost.open.iter().take(1).map(|open| Open { step: step.to_owned(), why: why(open) }).collect();
        let mut most = bound.cost.most.clone();
        if let Some(cap) = cap {
            most = if open.is_empty() { most.at_most(cap) } else { Spend::from(cap) };
        }
        let open = if cap.is_some() { Vec::new() } else { open };
        CostBound { most, open, asks: bound.cost.asks, ..CostBound::default() }.unrouted()
    }
}

impl CostBound {
    /// Costs that no route's budget caps.
    fn unrouted(mut self) -> Self {
        self.by_route.insert(String::new(), self.most.clone());
        self
    }
}
