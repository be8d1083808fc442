//! What models are asked, what it costs, and which tools they set going (I1, I2, I3, I13), counted from the events and from the vendor's bill.

use super::{Judge, budgets};
use crate::event::{Event, EventKind, Intent};
use crate::question::{Answer, Answered, Called, Prompt, Purpose, Question};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Plan, Rung, Step, StepKind, Unaccepted};
use tradewind_lang::value::Value;

/// How often a model that cannot be reached is asked again, whatever it is asked for; the process's own ends are not counted.
const RETRIES: u32 = 2;
const DEFAULT_REPAIRS: u32 = 1;

type Place = (Arc<str>, u16);

pub(super) struct Asked {
    pub(super) question: Arc<Question>,
    /// When the log says that it was put.
    pub(super) at: i64,
    run: Arc<str>,
    pub(super) flow: Arc<str>,
    /// The run that is none's part.
    pub(super) whole: Arc<str>,
    /// What the log says that it cost; none while it is open.
    answered: Option<Option<Money>>,
    /// When it says so; while it is open, when it was put.
    answered_at: i64,
    /// What the vendor wants.
    charged: Option<Money>,
    times: u32,
}

impl Asked {
    /// What counts of it: what it cost where that is certain, else what it may cost.
    pub(super) fn counts(&self) -> Option<Money> {
        self.answered.flatten().or(self.question.reserved)
    }

    /// Since when that counts.
    pub(super) fn counted_at(&self) -> i64 {
        self.answered_at
    }
}

/// The newest question of a step, and how often its rung was asked after an answer that did not fit, and after none.
struct Newest {
    question: Arc<Question>,
    answer: Option<Answer>,
    repairs: u32,
    retries: u32,
}

#[derive(Default)]
pub(super) struct Talks {
    pub(super) asked: BTreeMap<Arc<str>, Asked>,
    newest: BTreeMap<Place, Newest>,
    called: BTreeMap<(Place, Arc<str>), u32>,
    /// What tools were let through: the run, the operation, and the request as it is printed.
    let_through: BTreeSet<(Arc<str>, Arc<str>, String)>,
    /// The newest judgement of the version at hand.
    scores: BTreeMap<Place, f64>,
    pub(super) wrong: Vec<(&'static str, String)>,
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let (Some(run), Some(step)) = (&event.header.run, &event.header.step) else { return };
    let place = (run.clone(), step.id.0);
    let found = judge.runs.get(run).and_then(|known| Some((judge.plans.get(&known.plan)?.clone(), known.flow.clone())));
    let Some((pinned, flow)) = found else { return };
    let plan: &Plan = &pinned.plan;
    let declared = pinned.flow(&flow).and_then(|graph| graph.step(step.id)).cloned();
    match &event.kind {
        EventKind::ModelAsked(question) => asked(judge, (run, &place), (plan, declared.as_ref()), (event.header.at, question)),
        EventKind::ModelAnswered(answered) => answer(judge, event, &place, answered),
        EventKind::AnswerTaken(Purpose::Judge(_), value) => {
            let score = if let Some(Value::Double(score)) = value.get("score") { *score } else { f64::NAN };
            judge.talks.scores.insert(place, score);
        }
        EventKind::AnswerTaken(..) => drop(judge.talks.scores.remove(&place)),
        EventKind::ToolsCalled(calls) => tools(judge, (run, &place), declared.as_ref(), calls),
        EventKind::StepCompleted { value } => completed(judge, &place, (plan, declared.as_ref()), value),
        EventKind::IntentRecorded(intent) if matches!(&*flow, "help" | "agent:clerk") => meant(judge, run, intent),
        _ => {}
    }
    let wrong = std::mem::take(&mut judge.talks.wrong);
    wrong.into_iter().for_each(|(invariant, what)| judge.violated(invariant, what));
}

fn asked(
    judge: &mut Judge,
    (run, place): (&Arc<str>, &Place),
    (plan, step): (&Plan, Option<&Step>),
    (at, question): (i64, &Arc<Question>),
) {
    let is_paused = judge.runs.get(run).is_some_and(|run| run.paused);
    let whole = judge.whole(run);
    let flow = judge.runs.get(run).map(|run| run.flow.clone()).unwrap_or_default();
    let talks = &mut judge.talks;
    let key = &question.key;
    if is_paused {
        talks.wrong.push(("pause", format!("paused run {run} asks {key}")));
    }
    if talks.asked.contains_key(key) {
        talks.wrong.push(("I2", format!("question {key} was put twice")));
    }
    talks.climbs(place, (plan, step), question);
    budgets::spends(talks, plan, (&flow, &whole), (at, question));
    let (question, run) = (question.clone(), run.clone());
    let asked = Asked { question, at, run, flow, whole, answered: None, answered_at: at, charged: None, times: 0 };
    talks.asked.insert(key.clone(), asked);
}

impl Talks {
    /// One question of a step at once, by the rung that its route declares, and no more often than that allows.
    fn climbs(&mut self, place: &Place, (plan, step): (&Plan, Option<&Step>), question: &Arc<Question>) {
        let route = plan.routes.get(&*question.route);
        let rung = route.and_then(|route| route.rungs.get(usize::from(question.rung)));
        if !matches!(rung, Some(Rung::Candidate { model }) if **model == *question.model) {
            self.wrong.push(("I13", format!("{} is no rung of route `{}`", question.model, question.route)));
        }
        let (mut repairs, mut retries) = (0, 0);
        if let Some(last) = self.newest.get(place) {
            let is_same =
                (last.question.purpose, last.question.rung, last.question.since) == (question.purpose, question.rung, question.since);
            match &last.answer {
                None => self.wrong.push(("I1", format!("{} is put while {} is open", question.key, last.question.key))),
                Some(Answer::Said(_)) if is_same => (repairs, retries) = (last.repairs + 1, 0),
                Some(Answer::Silent(silence)) if is_same => {
                    (repairs, retries) = (last.repairs, last.retries + u32::from(silence.code != crate::state::RESTART));
                }
                Some(_) => {}
            }
        }
        let most = route.and_then(|route| route.terms.repairs).unwrap_or(DEFAULT_REPAIRS);
        if repairs > most || retries > RETRIES {
            self.wrong.push(("I13", format!("{} repeats its rung: {repairs} repairs, {retries} retries", question.key)));
        }
        let bound = match (step.map(|step| &step.kind), question.purpose) {
            (Some(StepKind::Agent(acting)), Purpose::Turn(turn)) => turn <= acting.max_steps,
            (Some(StepKind::Revise(revise)), Purpose::Revision(revision)) => revision <= revise.max_revisions,
            (Some(StepKind::Revise(revise)), Purpose::Judge(place)) => usize::from(place) < revise.critics.len(),
            (Some(StepKind::Generate(_)), Purpose::Draft) | (Some(StepKind::Classify { .. }), Purpose::Label) => true,
            _ => false,
        };
        if !bound {
            self.wrong.push(("I13", format!("{} is {} too many, or of another kind of step", question.key, question.purpose)));
        }
        self.newest.insert(place.clone(), Newest { question: question.clone(), answer: None, repairs, retries });
    }
}

fn answer(judge: &mut Judge, event: &Event, place: &Place, answered: &Answered) {
    let talks = &mut judge.talks;
    let Some(asked) = talks.asked.get_mut(&answered.key) else {
        return talks.wrong.push(("I1", format!("{} is answered, and was never put", answered.key)));
    };
    asked.answered_at = event.header.at;
    let cost = answered.spent.or(asked.question.reserved).filter(|cost| !cost.amount.is_zero());
    if event.cost != cost {
        talks.wrong.push(("I13", format!("{} cost {:?} by its answer, and {cost:?} by its words", answered.key, event.cost)));
    }
    if asked.answered.replace(answered.spent).is_some() {
        talks.wrong.push(("I2", format!("{} is answered twice", answered.key)));
    }
    let bill = too_little(asked);
    talks.wrong.extend(bill);
    if let Some(newest) = talks.newest.get_mut(place).filter(|newest| newest.question.key == answered.key) {
        newest.answer = Some(answered.answer.clone());
    }
}

/// The log never says less than the vendor wants.
fn too_little(asked: &Asked) -> Option<(&'static str, String)> {
    let (charged, counted) = (asked.charged?, asked.answered.map(|_| asked.counts())?);
    let enough = counted.is_some_and(|counted| counted.amount >= charged.amount);
    (!enough).then(|| ("I13", format!("{} of run {} cost {charged}, and the log says {counted:?}", asked.question.key, asked.run)))
}

/// Only declared tools, with what is fixed of their requests, and no more often than declared.
fn tools(judge: &mut Judge, (run, place): (&Arc<str>, &Place), step: Option<&Step>, calls: &[Called]) {
    let Some(StepKind::Agent(acting)) = step.map(|step| &step.kind) else {
        return judge.violated("tools", format!("a step of run {run} calls tools, and has none"));
    };
    let order = judge.runs.get(run).and_then(|run| run.input.get("order").or(run.input.get("key")).cloned()).unwrap_or(Value::Null);
    for Called { name, call, .. } in calls {
        let Ok((operation, request)) = call else { continue };
        let Some(tool) = acting.tools.iter().find(|tool| *tool.name == **name) else {
            judge.violated("tools", format!("run {run} calls `{name}`, which is no tool of its step"));
            continue;
        };
        let count = judge.talks.called.entry((place.clone(), name.clone())).or_default();
        *count += 1;
        let count = *count;
        let of = if *tool.name == *"order" { request.get("id") } else { request.get("order_id") };
        let five = Money::parse("5 USD").unwrap();
        let is_fixed = of == Some(&order) && request.get("amount").is_none_or(|amount| *amount == Value::Money(five));
        if tool.operation != **operation || count > tool.max_calls || !is_fixed {
            judge.violated("tools", format!("run {run} calls `{name}` otherwise, or more often, than declared: {count} {request:?}"));
        }
        judge.talks.let_through.insert((run.clone(), operation.clone(), format!("{request:?}")));
    }
}

fn meant(judge: &mut Judge, run: &Arc<str>, intent: &Intent) {
    let call = (run.clone(), intent.operation.clone(), format!("{:?}", intent.request));
    if !judge.talks.let_through.contains(&call) {
        judge.violated("tools", format!("`{}` of run {run} is meant, and no tool was called for it", intent.operation));
    }
}

/// What a model wrote has its declared form, and a judge that has to be content was.
fn completed(judge: &mut Judge, place: &Place, (plan, step): (&Plan, Option<&Step>), value: &Value) {
    match step.map(|step| &step.kind) {
        Some(StepKind::Generate(_)) => {
            let is_copy = value.get("title").and_then(Value::as_str).is_some_and(|title| title.chars().count() <= 20)
                && matches!(value.get("tags"), Some(Value::List(_)));
            if !is_copy {
                judge.violated("schema", format!("run {} takes {value:?} for a draft", place.0));
            }
        }
        Some(StepKind::Revise(revise)) if matches!(revise.otherwise, Unaccepted::Stop) => {
            let least = revise.critics.iter().filter_map(|name| plan.critics.get(name)?.judge.as_ref()).map(|judge| judge.min);
            let score = judge.talks.scores.get(place).copied();
            if !least.into_iter().all(|least| score.is_some_and(|score| score >= least)) {
                judge.violated("reflect", format!("run {} accepts a draft that its judge gave {score:?}", place.0));
            }
        }
        _ => {}
    }
}

/// A run ends: it asks nothing any more.
pub(super) fn ends(judge: &mut Judge, run: &Arc<str>) {
    let open = judge.talks.open().find(|(of, _)| *of == run).map(|(_, key)| key.clone());
    if let Some(key) = open {
        judge.violated("I3", format!("run {run} ended, and question {key} is open"));
    }
}

impl Talks {
    /// Questions without an answer, with their runs.
    pub(super) fn open(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        self.asked.iter().filter(|(_, asked)| asked.answered.is_none()).map(|(key, asked)| (&asked.run, key))
    }
}

impl Judge {
    /// A question reaches a model.
    pub(in super::super) fn asked(&mut self, prompt: &Prompt) {
        let key = &prompt.question.key;
        let Some(asked) = self.talks.asked.get_mut(key) else {
            return self.violated("I1", format!("{key} is asked, and the question is not durable"));
        };
        asked.times += 1;
        // Who waited before it asks looks at the log again: another process may have taken it, and given this question up.
        let is_given_up = asked.answered.is_some() && asked.question.not_before > asked.at;
        let is_over = is_given_up || asked.answered == Some(Some(zero(prompt)));
        let (times, is_same) = (asked.times, asked.question == prompt.question);
        if times > 1 || !is_same {
            self.violated("I2", format!("{key} is asked {times} times, or with other words than the log has"));
        }
        if is_over {
            self.violated("I13", format!("{key} is asked, and the log says that it was given up, or cost nothing"));
        }
    }

    /// A model has worked, and wants this for it.
    pub(in super::super) fn charged(&mut self, key: &Arc<str>, amount: Money) {
        let Some(asked) = self.talks.asked.get_mut(key) else { return };
        asked.charged = Some(amount);
        let bill = too_little(asked);
        bill.into_iter().for_each(|(invariant, what)| self.violated(invariant, what));
    }
}

fn zero(prompt: &Prompt) -> Money {
    Money::zero(prompt.question.reserved.unwrap_or(prompt.model.price).currency)
}
