//! Upper bounds of a run: how long it takes and what its models cost, from what is declared or defaulted.
//!
//! It reads the plan alone, so that whoever prints a flow and whoever checks it say the same. It refuses nothing: whether a bound
//! is above a flow's cap is judged in `lower`. Why the figures are what they are stands in `docs/decisions/0006-bounds.md`.

mod call;
mod cost;
pub(crate) mod least;
mod names;
mod path;
mod people;
mod price;
mod range;
mod size;
mod spend;
#[cfg(test)]
mod tests;
mod time;
mod words;

pub use cost::CostBound;
pub use path::{Leg, Longest};
pub use spend::Spend;
pub use time::TimeBound;
pub use words::length;

use crate::plan::{Flow, Micros, Plan};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What a run of a flow takes and costs at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound {
    /// How long.
    pub time: TimeBound,
    /// How dear.
    pub cost: CostBound,
    /// Each step once, in the order of the flow's steps.
    pub steps: Vec<StepBound>,
}

/// What one step takes and costs at most, once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepBound {
    /// How long by itself.
    pub own: Micros,
    /// How long people may keep it waiting.
    pub people: Micros,
    /// What its models cost; `None` where it asks none, or where nothing bounds it.
    pub cost: Option<Spend>,
}

/// Something without a bound: the step, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Open {
    /// The step.
    pub step: String,
    /// Why, as it follows "`STEP` ".
    pub why: String,
}

impl Plan {
    /// What a run of a flow takes and costs at most.
    #[must_use]
    pub fn bound(&self, flow: &Flow) -> Bound {
        Bounds::of(self).flow(flow).as_ref().clone()
    }
}

/// The bounds of a plan's flows, each worked out once: flows that start others need those of the others.
pub(crate) struct Bounds<'a> {
    plan: &'a Plan,
    done: RefCell<BTreeMap<String, Rc<Bound>>>,
    /// Flows being worked out. The compiler refuses flows that start each other; a plan from elsewhere ends here.
    open: RefCell<BTreeSet<String>>,
}

impl<'a> Bounds<'a> {
    pub(crate) fn of(plan: &'a Plan) -> Self {
        Self { plan, done: RefCell::default(), open: RefCell::default() }
    }

    /// The bounds of a flow.
    pub(crate) fn flow(&self, flow: &Flow) -> Rc<Bound> {
        if let Some(done) = self.done.borrow().get(&flow.name) {
            return Rc::clone(done);
        }
        self.open.borrow_mut().insert(flow.name.clone());
        let (time, cost) = (time::of(self, flow), cost::of(self, flow));
        let steps = time::steps(self, flow).into_iter().zip(cost::steps(self, flow));
        let steps = steps.map(|((own, people), cost)| StepBound { own, people, cost }).collect();
        let bound = Rc::new(Bound { time, cost, steps });
        self.open.borrow_mut().remove(&flow.name);
        self.done.borrow_mut().insert(flow.name.clone(), Rc::clone(&bound));
        bound
    }

    /// The bounds of a flow that another one starts; `None` for one that is not there, or that starts itself.
    fn started(&self, name: &str) -> Option<Rc<Bound>> {
        let flow = self.plan.flows.get(name)?;
        if self.open.borrow().contains(name) { None } else { Some(self.flow(flow)) }
    }
}
