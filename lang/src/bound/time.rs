//! How long a run takes at most: each kind of step by what is declared or defaulted, and the longest way through the flow.
//!
//! What computes takes no time here, nor does the store: the figures are those of what is waited for. Waiting for a place (a rate
//! limit, other runs in flight, a run that was begun before) is not counted either, as nothing in the flow says how long.

use super::names::Names;
use super::path::{Items, Longest, longest};
use super::{Bounds, Open, call, people, range};
use crate::expr::{Expr, Tree};
use crate::literal::timestamp_text;
use crate::plan::{
    Acting, DEFAULT_REPAIRS, Decision, EffectKind, Flow, MODEL_TIMEOUT, Micros, OnError, Plan, Revise, Rung, Step, StepKind, Tool,
    Unaccepted, Until,
};
use crate::value::Value;

/// How long a run takes at most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TimeBound {
    /// Without people: calls with their time-outs, repeated attempts and the pauses between, models, waits.
    pub own: Longest,
    /// With the time that people are given where they are asked.
    pub with_people: Longest,
    /// Of what counts against the deadline, the waiting that the flow declares: `wait`, `not-before`, and people where they count.
    pub declared: Longest,
    /// Steps that nothing ends but the flow's deadline.
    pub open: Vec<Open>,
    /// Steps that wait until an instant that is the same in every run. How far off it is, no figure holds.
    pub fixed: Vec<Open>,
    /// The same as `open` of the steps after a failure, which no deadline ends.
    pub open_after: Vec<Open>,
    /// How long what was begun when the deadline came may go on: an effect is never left half done.
    pub closing: Micros,
    /// What follows a failure: what was done is taken back, then the steps of `on-failure`. No deadline ends it.
    pub after_failure: Micros,
    /// Whether something outside is called: it may be out of reach, and is then waited for until the deadline, else for an hour.
    pub calls: bool,
    /// Effects whose doubt a person may have to settle, for which there is no time limit.
    pub doubts: Vec<String>,
}

/// What one step takes.
#[derive(Debug, Clone, Default)]
struct Took {
    own: Micros,
    declared: Micros,
    people: Micros,
    open: Option<String>,
    /// The fixed instant until which it waits: it ends for certain, and how far off it is only a run knows.
    fixed: Option<String>,
}

impl Took {
    fn own(own: Micros) -> Self {
        Self { own, ..Self::default() }
    }

    fn waiting(declared: Micros) -> Self {
        Self { own: declared, declared, ..Self::default() }
    }

    fn people(self, people: Micros) -> Self {
        Self { people, ..self }
    }

    fn times(self, count: u32) -> Self {
        let times = |span: Micros| span.saturating_mul(Micros::from(count));
        Self { own: times(self.own), declared: times(self.declared), people: times(self.people), ..self }
    }

    fn then(self, next: Self) -> Self {
        Self {
            own: self.own.saturating_add(next.own),
            declared: self.declared.saturating_add(next.declared),
            people: self.people.saturating_add(next.people),
            open: self.open.or(next.open),
            fixed: self.fixed.or(next.fixed),
        }
    }

    /// The longer of two in each respect.
    fn or(self, other: Self) -> Self {
        Self {
            own: self.own.max(other.own),
            declared: self.declared.max(other.declared),
            people: self.people.max(other.people),
            open: self.open.or(other.open),
            fixed: self.fixed.or(other.fixed),
        }
    }
}

/// How long something waits for an instant.
fn until(names: &Names<'_>, items: Items, instant: &Expr, how: &str) -> Took {
    let why = || match (&instant.root, instant.source.is_empty()) {
        (Tree::Constant(Value::Timestamp(micros)), true) => format!("{how} `{}`", timestamp_text(*micros)),
        _ => format!("{how} `{}`", instant.source),
    };
    match range::latest_instant(names, items, &instant.root) {
        Some(micros) => Took::waiting(micros),
        None if range::is_fixed(names, items, &instant.root) => Took { fixed: Some(why()), ..Took::default() },
        None => Took { open: Some(why()), ..Took::default() },
    }
}

/// The bound of a flow.
pub(super) fn of(bounds: &Bounds<'_>, flow: &Flow) -> TimeBound {
    let clock = Clock { bounds, plan: bounds.plan, flow, steps: &flow.steps };
    let counted = flow.terms.people_count;
    let way = |measure: &dyn Fn(Took) -> Micros| longest(&flow.steps, &|at, items| measure(clock.step(at, items)));
    let after = Clock { steps: &flow.terms.on_failure, ..clock };
    TimeBound {
        own: way(&|took| took.own),
        with_people: way(&|took| took.own.saturating_add(took.people)),
        declared: way(&|took| took.declared.saturating_add(if counted { took.people } else { 0 })),
        open: clock.told(|took| took.open),
        fixed: clock.told(|took| took.fixed),
        open_after: after.told(|took| took.open),
        closing: flow.steps.iter().map(|step| clock.closing(step)).max().unwrap_or(0),
        after_failure: clock.after_failure(),
        calls: flow.steps.iter().any(|step| clock.calls(step)),
        doubts: flow.steps.iter().filter(|step| clock.writes(step)).map(|step| step.name.clone()).collect(),
    }
}

/// What each step takes once: by itself, and with people.
pub(super) fn steps(bounds: &Bounds<'_>, flow: &Flow) -> Vec<(Micros, Micros)> {
    let clock = Clock { bounds, plan: bounds.plan, flow, steps: &flow.steps };
    let any = |at: usize| clock.step(at, clock.any_item(at));
    (0..flow.steps.len()).map(any).map(|took| (took.own, took.people)).collect()
}

impl TimeBound {
    /// The longest that a run takes by itself when a deadline ends it: what was begun then is finished.
    #[must_use]
    pub fn within(&self, deadline: Option<Micros>) -> Micros {
        deadline.map_or(self.own.micros, |deadline| self.own.micros.min(deadline.saturating_add(self.closing)))
    }
}

#[derive(Clone, Copy)]
struct Clock<'a> {
    bounds: &'a Bounds<'a>,
    plan: &'a Plan,
    flow: &'a Flow,
    steps: &'a [Step],
}

impl Clock<'_> {
    /// Steps of which there is something to tell.
    fn told(&self, what: impl Fn(Took) -> Option<String>) -> Vec<Open> {
        let told = |(at, step): (usize, &Step)| Some(Open { step: step.name.clone(), why: what(self.step(at, self.any_item(at)))? });
        self.steps.iter().enumerate().filter_map(told).collect()
    }

    /// The places that an item of the loop around a step may have.
    fn any_item(&self, at: usize) -> Items {
        let mut within = self.steps.get(at).and_then(|step| step.within);
        while let Some(holder) = within.and_then(|(holder, _)| self.steps.get(usize::from(holder.0))) {
            if let StepKind::Each(each) = &holder.kind {
                return (0, i64::from(each.max.saturating_sub(1)));
            }
            within = holder.within;
        }
        (0, 0)
    }

    fn step(&self, at: usize, items: Items) -> Took {
        let Some(step) = self.steps.get(at) else { return Took::default() };
        let names = Names { plan: self.plan, flow: Some(self.flow), at, own: None };
        let took = self.kind(step, &names, items);
        let took = match &step.bounds.not_before {
            Some(instant) => until(&names, items, instant, "is not sent before").then(took),
            None => took,
        };
        match step.bounds.deadline {
            Some(deadline) => Took { own: took.own.min(deadline), declared: took.declared.min(deadline), open: None, fixed: None, ..took },
            None => took,
        }
    }

    fn kind(&self, step: &Step, names: &Names<'_>, items: Items) -> Took {
        let asked = |operation: &str, stage| people::of_effect(self.plan, &self.flow.name, operation, stage);
        match &step.kind {
            StepKind::Call { operation, .. } => Took::own(call::read(self.plan, operation)),
            StepKind::Act { operation, stage, .. } => Took::own(call::write(self.plan, operation)).people(asked(operation, stage.as_ref())),
            StepKind::Undo(undo) => {
                Took::own(call::write(self.plan, &undo.by)).people(asked(&undo.by, undo.stage.as_ref())).times(undo.last)
            }
            StepKind::Classify { route, .. } | StepKind::Draft { route, .. } => self.route(route),
            StepKind::Generate(generate) => self.route(&generate.route),
            StepKind::Look(look) => self.route(&look.route),
            StepKind::Split(split) => split.arms.iter().map(|(_, decision)| self.decision(decision)).fold(Took::default(), Took::or),
            StepKind::Revise(revise) => self.revise(revise),
            StepKind::Agent(acting) => self.agent(acting),
            StepKind::Ask { escalation, .. } => Took::default().people(escalation.longest()),
            StepKind::Wait(wait) => match &wait.until {
                Until::Event { within, .. } => Took::waiting(*within),
                Until::Span(span) => match range::longest_span(names, items, &span.root) {
                    Some(micros) => Took::waiting(micros),
                    None => Took { open: Some(format!("waits for `{}`", span.source)), ..Took::default() },
                },
                Until::Instant(instant) => until(names, items, instant, "waits until"),
            },
            StepKind::Begin(begin) => self.started(&begin.flow),
            StepKind::Search(search) => {
                let memory = self.plan.memories.get(&search.memory).filter(|_| search.query.is_some());
                self.embedding(memory.and_then(|memory| memory.terms.embed.as_ref()).and_then(|(_, model)| model.as_deref()))
            }
            StepKind::Let { .. }
            | StepKind::Recall { .. }
            | StepKind::Rules { .. }
            | StepKind::Reflect { .. }
            | StepKind::Remember { .. }
            | StepKind::Choose { .. }
            | StepKind::Facts(_)
            | StepKind::Each(_)
            | StepKind::Emit(_)
            | StepKind::Measure(_) => Took::default(),
        }
    }

    /// A ladder: every model may fail, each after its time; a person is no part of what the route's own deadline ends.
    fn route(&self, route: &str) -> Took {
        let Some(found) = self.plan.routes.get(route) else { return Took::default() };
        let rungs = found.rungs.iter().zip(0_u8..);
        let sum = rungs.fold(0, |sum: Micros, (rung, place)| {
            let Rung::Candidate { model } = rung else { return sum };
            let terms = found.terms.candidates.get(&place);
            let hedged = terms.is_some_and(|terms| terms.hedge.is_some());
            // The second call begins while the first still runs, and may take as long.
            let calls = found.terms.repairs.unwrap_or(DEFAULT_REPAIRS).saturating_add(1).saturating_mul(if hedged { 2 } else { 1 });
            let most = self.model(model, terms.and_then(|terms| terms.timeout).unwrap_or(MODEL_TIMEOUT));
            sum.saturating_add(most.saturating_mul(Micros::from(calls)))
        });
        let own = found.terms.deadline.map_or(sum, |deadline| sum.min(deadline));
        Took::own(own).people(people::of_route(self.plan, route))
    }

    /// One call of a model: none that runs in this process is waited for.
    fn model(&self, model: &str, most: Micros) -> Micros {
        let remote = self.plan.models.get(model).and_then(|model| model.remote.as_ref());
        remote.map_or(0, |remote| most.saturating_add(remote.batch.map_or(0, |(_, wait)| wait)))
    }

    fn embedding(&self, model: Option<&str>) -> Took {
        model.map_or_else(Took::default, |model| Took::own(self.model(model, MODEL_TIMEOUT)))
    }

    fn decision(&self, decision: &Decision) -> Took {
        match decision {
            Decision::Rules { .. } => Took::default(),
            Decision::Draft(generate) => self.route(&generate.route),
            Decision::Classify { route, .. } => self.route(route),
        }
    }

    /// Every version is judged; all but the first are written anew.
    fn revise(&self, revise: &Revise) -> Took {
        let judges = revise.critics.iter().filter_map(|critic| self.plan.critics.get(critic)?.judge.as_ref());
        let judged = judges.map(|judge| self.route(&judge.route)).fold(Took::default(), Took::then);
        let drafts = revise.of.iter().filter_map(|of| self.steps.iter().find(|step| step.name == *of));
        let drafted = drafts.map(|step| self.draft(step)).fold(Took::default(), Took::then);
        let asked = match &revise.otherwise {
            Unaccepted::Escalate(escalation) => escalation.longest(),
            Unaccepted::Continue | Unaccepted::Stop => 0,
        };
        let judged = judged.times(revise.max_revisions.saturating_add(1));
        judged.then(drafted.times(revise.max_revisions)).then(Took::default().people(asked))
    }

    /// How long a draft takes to be written anew.
    fn draft(&self, step: &Step) -> Took {
        match &step.kind {
            StepKind::Draft { route, .. } => self.route(route),
            StepKind::Generate(generate) => self.route(&generate.route),
            StepKind::Split(split) => split.arms.iter().map(|(_, decision)| self.decision(decision)).fold(Took::default(), Took::or),
            _ => Took::default(),
        }
    }

    /// So many turns, each with a model's answer and the slowest of its tools.
    fn agent(&self, acting: &Acting) -> Took {
        let slowest = self.tools(acting).iter().map(|tool| {
            if !self.changes(tool) {
                return Took::own(call::read(self.plan, &tool.operation));
            }
            let asked = people::of_effect(self.plan, &self.flow.name, &tool.operation, None);
            Took::own(call::write(self.plan, &tool.operation)).people(asked)
        });
        let slowest = slowest.fold(Took::default(), Took::or);
        self.route(&acting.route).then(slowest).times(acting.max_steps)
    }

    /// What an agent may call; one of the document has its own.
    fn tools<'p>(&'p self, acting: &'p Acting) -> &'p [Tool] {
        let actor = acting.actor.as_ref().and_then(|(name, _)| self.plan.agents.get(name));
        actor.map_or(&acting.tools, |actor| &actor.acting.tools)
    }

    /// Whether a tool changes something outside.
    fn changes(&self, tool: &Tool) -> bool {
        self.plan.operations.get(&tool.operation).is_some_and(|operation| operation.effect != EffectKind::Read)
    }

    /// Another flow, which its own deadline ends.
    fn started(&self, name: &str) -> Took {
        let Some(bound) = self.bounds.started(name) else {
            return Took { open: Some(format!("starts `{name}`, whose bound nobody knows")), ..Took::default() };
        };
        let time = &bound.time;
        let deadline = self.plan.flows.get(name).and_then(|flow| flow.deadline);
        let own = time.within(deadline);
        let people = time.with_people.micros.saturating_sub(own);
        let declared = deadline.map_or(time.declared.micros, |deadline| time.declared.micros.min(deadline));
        let open =
            time.open.first().filter(|_| deadline.is_none()).map(|open| format!("starts `{name}`, whose `{}` {}", open.step, open.why));
        let own = deadline.filter(|_| !time.open.is_empty()).map_or(own, |deadline| deadline.saturating_add(time.closing));
        let fixed = time.fixed.first().map(|fixed| format!("starts `{name}`, whose `{}` {}", fixed.step, fixed.why));
        Took { own, declared: declared.min(own), people, open, fixed }
    }

    /// How long an effect of a step goes on when the run is over its deadline.
    fn closing(&self, step: &Step) -> Micros {
        match &step.kind {
            StepKind::Act { operation, .. } => call::write(self.plan, operation),
            StepKind::Undo(undo) => call::write(self.plan, &undo.by).saturating_mul(Micros::from(undo.last)),
            StepKind::Begin(begin) => self.bounds.started(&begin.flow).map_or(0, |bound| bound.time.closing),
            StepKind::Agent(acting) => {
                let changing = self.tools(acting).iter().filter(|tool| self.changes(tool));
                changing.map(|tool| call::write(self.plan, &tool.operation)).max().unwrap_or(0)
            }
            _ => 0,
        }
    }

    /// What was done is taken back, one after the other, where a step says so; then the flow's own steps.
    fn after_failure(&self) -> Micros {
        let undoes = self.steps.iter().any(|step| step.on_error == OnError::Undo);
        let undo = |step: &Step| match &step.kind {
            StepKind::Act { operation, .. } => {
                let undo = self.plan.operations.get(operation).and_then(|operation| operation.terms.undo.as_ref());
                undo.map_or(0, |undo| call::write(self.plan, &undo.operation))
            }
            _ => 0,
        };
        let often = |at: usize| {
            let mut times: Micros = 1;
            let mut within = self.steps.get(at).and_then(|step| step.within);
            while let Some(holder) = within.and_then(|(holder, _)| self.steps.get(usize::from(holder.0))) {
                if let StepKind::Each(each) = &holder.kind {
                    times = times.saturating_mul(Micros::from(each.max));
                }
                within = holder.within;
            }
            times
        };
        let undone = self.steps.iter().enumerate().filter(|_| undoes);
        let undone = undone.fold(0, |sum: Micros, (at, step)| sum.saturating_add(undo(step).saturating_mul(often(at))));
        let after = &self.flow.terms.on_failure;
        let clock = Clock { steps: after, ..*self };
        undone.saturating_add(longest(after, &|at, items| clock.step(at, items).own).micros)
    }

    fn calls(&self, step: &Step) -> bool {
        match &step.kind {
            StepKind::Call { .. } | StepKind::Act { .. } | StepKind::Undo(_) => true,
            StepKind::Agent(acting) => !self.tools(acting).is_empty(),
            StepKind::Begin(begin) => self.bounds.started(&begin.flow).is_some_and(|bound| bound.time.calls),
            _ => false,
        }
    }

    fn writes(&self, step: &Step) -> bool {
        match &step.kind {
            StepKind::Act { .. } | StepKind::Undo(_) => true,
            StepKind::Begin(begin) => self.bounds.started(&begin.flow).is_some_and(|bound| !bound.time.doubts.is_empty()),
            StepKind::Agent(acting) => self.tools(acting).iter().any(|tool| self.changes(tool)),
            _ => false,
        }
    }
}
