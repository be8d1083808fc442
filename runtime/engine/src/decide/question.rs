//! Ladders of models behind networks: which rung is asked, what becomes of its answer, and what follows. The choice is pure, and its
//! reasons are in the log; an answer counts only where it fits the declared type, and there is never a default.

use super::budget::{self, Images};
use super::choice::{self, Asked};
use super::{Cause, Effect, Round};
use crate::backoff::{asked_for, retry_at};
use crate::event::{EventKind, Used};
use crate::failure::{Failure, FailureKind};
use crate::key::{digest_of, question_key};
use crate::planted::{Bug, planted};
use crate::question::{Alike, Answer, Answered, Label, Looked, Prompt, Purpose, Question, Silence, ToolCall, ToolOffer, Turn};
use crate::state::{Phase, RESTART};
use std::sync::Arc;
use tradewind_lang::conform;
use tradewind_lang::json_keys;
use tradewind_lang::json_schema;
use tradewind_lang::plan::{DEFAULT_REPAIRS, Digest, Escalation, MODEL_TIMEOUT, Micros, Model, Plan, Remote, Retry, Route, Rung, StepId};
use tradewind_lang::template::Template;
use tradewind_lang::ty::{Ty, TypeTable};
use tradewind_lang::value::Value;

/// How often a rung whose provider is busy or out of reach is asked again.
const RETRIES: u32 = 2;
const PAUSES: Retry = Retry { max: RETRIES, from: 500_000, to: 10_000_000, when: Vec::new() };
/// Longest reason that is kept of a rung.
const LONGEST_REASON: usize = 400;

/// What is to be found out by a ladder.
pub(super) struct Task {
    pub(super) purpose: Purpose,
    pub(super) route: String,
    /// The conversation as it begins, or what is new in it.
    pub(super) says: Vec<Turn>,
    /// Whether it begins.
    pub(super) anew: bool,
    /// The type of the answer.
    pub(super) wants: Ty,
    pub(super) tools: Vec<ToolOffer>,
    /// Whether personal data may be in what is said.
    pub(super) personal: bool,
    /// What must hold of an answer beside its type, in words for the model and for people.
    pub(super) fits: Fits,
    /// What was looked for among kept answers in vain, in this decision.
    pub(super) looked: Option<Looked>,
}

impl Task {
    /// What a decision used beside the state: what the guards said, or that nothing was kept.
    pub(super) fn used(&self, barred: Barred<'_>) -> Used {
        self.looked.clone().map(Used::NothingKept).or_else(|| barred.used()).unwrap_or_default()
    }

    /// What tells equal questions, where the route keeps answers to them.
    fn same(&self, route: &Route, schema: &serde_json::Value) -> Option<Digest> {
        let keeps = route.terms.cache_exact.is_some() || route.rungs.iter().any(|rung| matches!(rung, Rung::Cached { .. }));
        let is_kept = matches!(self.purpose, Purpose::Draft | Purpose::Label);
        (keeps && is_kept).then(|| digest_of(&(&self.route, &self.says, schema.to_string())))
    }

    /// What questions that are alike have in common, where answers to those do: everything but what is said last. Who asks about a
    /// person never gets here: the compiler refuses `similar` where personal data are told.
    fn alike(&self, route: &Route, schema: &serde_json::Value) -> Option<Alike> {
        route.terms.cache_similar?;
        let (Turn::User(text), before) = self.says.split_last()? else { return None };
        let group = digest_of(&(&self.route, before, schema.to_string()));
        matches!(self.purpose, Purpose::Draft | Purpose::Label).then(|| Alike { group, text: text.clone() })
    }
}

/// Whether an answer is one: the error says what is wrong with it.
pub(super) type Fits = fn(&Round<'_>, StepId, &Value) -> Result<(), String>;

/// Whatever has the type will do.
pub(super) fn any(_: &Round<'_>, _: StepId, _: &Value) -> Result<(), String> {
    Ok(())
}

/// What a ladder came to.
pub(super) enum Came {
    /// A model is being asked.
    Asked,
    /// An answer of the wanted type.
    Value(Value, Label),
    /// Tools that the model calls.
    Calls(Vec<ToolCall>),
    /// The floor is a template.
    Template(Template, Label),
    /// The floor is a person.
    Person(Escalation, Vec<String>),
    /// There is no answer.
    Nothing(Failure),
}

/// What the newest answer of a task leaves to do.
pub(super) enum Followed {
    /// The ladder is not begun, or this rung gave nothing: the next one, when the ladder was begun, and why each before it gave nothing.
    Up(u16, i64, Vec<String>),
    /// A model is being asked.
    Asked,
    /// An answer of the wanted type.
    Value(Value, Label),
    /// Tools that the model calls.
    Calls(Vec<ToolCall>),
}

/// Where on a ladder a question stands.
#[derive(Default)]
struct Attempt {
    rung: u16,
    repair: u32,
    retry: u32,
    not_before: i64,
    since: i64,
    /// What is said instead of the task's own words.
    instead: Option<Vec<Turn>>,
    passed: Vec<String>,
}

/// What the guards said to an earlier choice: rungs that are barred, and why.
#[derive(Default, Clone, Copy)]
pub(super) struct Barred<'a> {
    pub(super) rungs: &'a [String],
    pub(super) refused: Option<&'a (String, String)>,
}

impl Barred<'_> {
    /// What a decision used because of it.
    pub(super) fn used(self) -> Option<Used> {
        (!self.rungs.is_empty()).then(|| Used::Guard { over: self.rungs.to_vec(), refused: self.refused.cloned() })
    }

    fn holds(self, rung: u16) -> Option<String> {
        let barred = self.rungs.iter().any(|barred| *barred == rung.to_string());
        barred.then(|| self.refused.map_or_else(|| "budget: it is used up".to_owned(), |(rule, why)| format!("budget: {rule}: {why}")))
    }
}

/// An answer came. What follows is the next wave's to say: a run that is paused takes it down and does nothing more.
pub(super) fn heard(round: &mut Round<'_>, id: StepId, number: u32, answer: &Answer) {
    let open = round.state.step(id).filter(|step| matches!(step.phase, Phase::Talking)).and_then(|step| step.talk.clone());
    let Some(question) = open.and_then(|talk| talk.question.clone()).filter(|question| question.number == number) else { return };
    settle(round, id, &question, answer.clone(), Used::State);
}

/// The process ended while a model was asked: whether it answered, nobody knows. That it was not due yet proves nothing: the clock may
/// have been set back since it was asked, and what it then cost would be forgotten.
pub(super) fn interrupted(round: &mut Round<'_>, id: StepId) {
    let talk = round.state.step(id).filter(|step| matches!(step.phase, Phase::Talking)).and_then(|step| step.talk.clone());
    let Some(question) = talk.and_then(|talk| talk.question.clone()) else { return };
    let why = "the process ended before an answer was logged";
    let silence = match planted(Bug::ReservationForgottenAtRestart) {
        true => Silence::free(RESTART, why, true),
        false => Silence::doubtful(RESTART, why),
    };
    settle(round, id, &question, Answer::Silent(silence), Used::Restart);
}

fn settle(round: &mut Round<'_>, id: StepId, question: &Question, answer: Answer, used: Used) {
    let model = round.state.pinned.plan.models.get(&*question.model).cloned();
    let spent = model.and_then(|model| budget::spent(&model, question, &answer));
    let cost = spent.or(question.reserved).filter(|cost| !cost.amount.is_zero());
    let answered = Answered { key: question.key.clone(), number: question.number, answer, spent };
    let cause = if round.decision.events.is_empty() { Cause::Seq(round.used_last) } else { Cause::First };
    round.emit_as(Some(id), EventKind::ModelAnswered(Arc::new(answered)), used, cost, None, cause);
}

/// What a task has come to by now: its ladder is begun, or goes on from where its newest answer leaves it.
pub(super) fn pursue(round: &mut Round<'_>, id: StepId, task: &Task, barred: Barred<'_>) -> Came {
    let plan = round.state.pinned.plan.clone();
    let Some(route) = plan.routes.get(&task.route) else {
        return Came::Nothing(Failure::new(FailureKind::Rule, format!("the plan has no route `{}`", task.route)));
    };
    match follow(round, id, task, barred) {
        // Whoever was refused by the guards has looked before.
        Followed::Up(0, since, passed) if task.looked.is_none() && barred.rungs.is_empty() && route.terms.cache_exact.is_some() => {
            let looked = Looked { next: 0, since, passed: passed.clone(), barred: Vec::new() };
            match look(round, id, task, route, (looked, route.terms.cache_exact.unwrap_or(0))) {
                true => Came::Asked,
                false => climb(round, id, task, route, Attempt { since, passed, ..Attempt::default() }, barred),
            }
        }
        Followed::Up(rung, since, passed) => climb(round, id, task, route, Attempt { rung, since, passed, ..Attempt::default() }, barred),
        Followed::Asked => Came::Asked,
        Followed::Value(value, label) => Came::Value(value, label),
        Followed::Calls(calls) => Came::Calls(calls),
    }
}

/// What follows from the newest answer, short of another rung.
pub(super) fn follow(round: &mut Round<'_>, id: StepId, task: &Task, barred: Barred<'_>) -> Followed {
    let plan = round.state.pinned.plan.clone();
    let talk = round.state.step(id).and_then(|step| step.talk.clone());
    let last = talk.and_then(|talk| Some((talk.question.clone()?, talk.answer.clone()?)));
    let last = last.filter(|(question, _)| question.purpose == task.purpose).zip(plan.routes.get(&task.route));
    // What was kept was looked for and not found: the ladder goes on from there, whatever was said before.
    if let Some(looked) = &task.looked {
        return Followed::Up(looked.next, looked.since, looked.passed.clone());
    }
    let Some(((question, answered), route)) = last else { return Followed::Up(0, round.now, Vec::new()) };
    let mut here = Attempt { rung: question.rung, since: question.since, passed: question.passed.clone(), ..Attempt::default() };
    let is_open = barred.holds(question.rung).is_none();
    let why = match &answered.answer {
        Answer::Said(reply) if !reply.calls.is_empty() && !task.tools.is_empty() => return Followed::Calls(reply.calls.clone()),
        Answer::Said(reply) => match taken(round, id, task, &reply.text) {
            Ok(value) => {
                let (by, tier) = (question.model.clone(), "remote".into());
                return Followed::Value(
                    value,
                    Label { by, rung: question.rung, tier, age: 0, seq: None, passed: question.passed.clone(), likeness: None },
                );
            }
            Err(problem) if is_open && question.repair < most_repairs(route) && converses(&plan, &question.model) => {
                here.repair = question.repair + 1;
                here.instead = Some(vec![Turn::User(repair(&problem).into())]);
                problem
            }
            Err(problem) => problem,
        },
        Answer::Silent(silence) => {
            if let (Some(at), true) = (again(round, &question, silence), is_open) {
                (here.retry, here.repair, here.not_before) = (question.retry + u32::from(silence.code != RESTART), question.repair, at);
                // The conversation is as it was.
                here.instead = Some(Vec::new());
            }
            format!("{}: {}", silence.code, silence.message)
        }
    };
    let mut why = why;
    if here.instead.is_some() {
        match candidate(round, id, task, route, &here, &question.model, barred) {
            Ok(()) => return Followed::Asked,
            Err(more) => why = format!("{why}; {more}"),
        }
    }
    here.passed.push(format!("`{}`: {}", question.model, shortened(&why)));
    Followed::Up(question.rung.saturating_add(1), question.since, here.passed)
}

/// Asks the model of a rung; what speaks against it is the error.
pub(super) fn ask(
    round: &mut Round<'_>,
    id: StepId,
    task: &Task,
    (rung, since, passed): (u16, i64, &[String]),
    model: &str,
    barred: Barred<'_>,
) -> Result<(), String> {
    let plan = round.state.pinned.plan.clone();
    let route = plan.routes.get(&task.route).ok_or_else(|| format!("the plan has no route `{}`", task.route))?;
    candidate(round, id, task, route, &Attempt { rung, since, passed: passed.to_vec(), ..Attempt::default() }, model, barred)
}

fn taken(round: &Round<'_>, id: StepId, task: &Task, text: &str) -> Result<Value, String> {
    let value = read(text, &task.wants, &round.state.pinned.types)?;
    (task.fits)(round, id, &value).map(|()| value)
}

/// Whether a model can be told what was wrong: one that only predicts would say the same again.
fn converses(plan: &Plan, model: &str) -> bool {
    plan.models.get(model).and_then(|model| model.remote.as_ref()).is_none_or(Remote::converses)
}

/// How often an answer that does not fit is said back.
fn most_repairs(route: &Route) -> u32 {
    route.terms.repairs.unwrap_or(DEFAULT_REPAIRS) + u32::from(planted(Bug::RepairBeyondBound))
}

/// When the same model is asked again; `None` where that would help nobody.
fn again(round: &Round<'_>, question: &Question, silence: &Silence) -> Option<i64> {
    if !silence.retry || question.retry >= RETRIES && !planted(Bug::RetryBeyondBound) {
        return None;
    }
    let at = retry_at(&PAUSES, &question.key, question.retry + 1, round.now);
    Some(at.max(asked_for(silence.retry_after, round.now)))
}

fn repair(problem: &str) -> String {
    format!("Your answer cannot be used: {problem}. Answer again, with nothing but JSON of the wanted form.")
}

/// Looks for an answer to the same question that was kept; whether one may be there.
pub(super) fn look(round: &mut Round<'_>, id: StepId, task: &Task, route: &Route, (looked, max_age): (Looked, Micros)) -> bool {
    let schema = json_schema::of(&task.wants, &round.state.pinned.types);
    let Some(same) = task.same(route, &schema) else { return false };
    let alike = task.alike(route, &schema).zip(route.terms.cache_similar);
    round.perform(Effect::LookKept { step: id, looked, same, alike, max_age });
    true
}

fn climb(round: &mut Round<'_>, id: StepId, task: &Task, route: &Route, mut attempt: Attempt, barred: Barred<'_>) -> Came {
    for (rung, place) in route.rungs.iter().zip(0_u16..).skip(usize::from(attempt.rung)) {
        attempt.rung = place;
        match rung {
            Rung::Candidate { model } => match candidate(round, id, task, route, &attempt, model, barred) {
                Ok(()) => return Came::Asked,
                Err(why) => attempt.passed.push(why),
            },
            Rung::Template { template } => {
                let (by, tier) = ("template".into(), "template".into());
                let label = Label { by, rung: place, tier, age: 0, seq: None, passed: attempt.passed, likeness: None };
                return Came::Template(template.clone(), label);
            }
            Rung::Person { escalation } => return Came::Person(escalation.clone(), attempt.passed),
            Rung::Fail { message } => return Came::Nothing(nothing(message.clone(), &attempt.passed)),
            Rung::Value { .. } => attempt.passed.push("a label is no text".to_owned()),
            Rung::Cached { max_age } => {
                let (next, passed, barred) = (place.saturating_add(1), attempt.passed.clone(), barred.rungs.to_vec());
                let looked = Looked { next, since: attempt.since, passed, barred };
                match look(round, id, task, route, (looked, *max_age)) {
                    true => return Came::Asked,
                    false => attempt.passed.push("nothing of this is kept".to_owned()),
                }
            }
        }
    }
    let message = format!("no rung of the route `{}` gave an answer", task.route);
    Came::Nothing(nothing(message, &attempt.passed))
}

/// A failure that says why each rung gave no answer.
fn nothing(message: String, passed: &[String]) -> Failure {
    let kind = match passed.last() {
        Some(why) if why.starts_with("budget: ") => FailureKind::Budget,
        _ => FailureKind::Api,
    };
    let why = if passed.is_empty() { String::new() } else { format!(" ({})", passed.join("; ")) };
    Failure::new(kind, shortened(&format!("{message}{why}")))
}

/// Asks the model of a rung, unless something speaks against it: that is said, and is logged with the question that is asked instead.
fn candidate(
    round: &mut Round<'_>,
    id: StepId,
    task: &Task,
    route: &Route,
    attempt: &Attempt,
    name: &str,
    barred: Barred<'_>,
) -> Result<(), String> {
    if let Some(why) = barred.holds(attempt.rung) {
        return Err(why);
    }
    let plan = round.state.pinned.plan.clone();
    let model = plan.models.get(name).ok_or_else(|| format!("the plan has no model `{name}`"))?;
    let (not_before, since) = (attempt.not_before.max(round.now), attempt.since);
    let until = until(round, id, (route, attempt.rung), since, not_before);
    if until <= not_before {
        return Err(format!("`{name}`: no time is left"));
    }
    let talk = round.state.step(id).and_then(|step| step.talk.clone()).unwrap_or_default();
    let (says, anew) = match &attempt.instead {
        Some(says) => (says.clone(), false),
        None => (task.says.clone(), task.anew),
    };
    let turns: Vec<Turn> = talk.turns.iter().filter(|_| !anew).chain(&says).cloned().collect();
    let schema = json_schema::of(&task.wants, &round.state.pinned.types);
    let tools: usize = task.tools.iter().map(|tool| tool.name.len() + tool.about.len() + tool.schema.to_string().len()).sum();
    let bytes = turns.iter().map(Turn::bytes).sum::<u64>() + (schema.to_string().len() + tools) as u64;
    let (same, alike) = (task.same(route, &schema), task.alike(route, &schema));
    let terms = route.terms.candidates.get(&u8::try_from(attempt.rung).unwrap_or(u8::MAX));
    if let Some(when) = terms.and_then(|terms| terms.when.as_ref()) {
        choice::holds(round, name, when, &Asked { capability: &route.needs, tokens: bytes, personal: task.personal })?;
    }
    let (hedge, breaker) = (terms.and_then(|terms| terms.hedge), route.terms.breaker.clone());
    let calls = if hedge.is_some() { 2 } else { 1 };
    let within = until.saturating_sub(not_before);
    let images = images_of(&turns, route);
    let reserved = budget::worst(model, bytes, within, (calls, images))?;
    let claims = budget::claims(round, id, &task.route, name, reserved)?;
    let number = talk.asked + 1;
    let step = round.state.graph.node(id).map_or_else(|| "".into(), |node| node.name.clone());
    let question = Arc::new(Question {
        key: question_key(&round.state.id, &step, number),
        number,
        purpose: task.purpose,
        route: task.route.as_str().into(),
        rung: attempt.rung,
        model: name.into(),
        repair: attempt.repair,
        retry: attempt.retry,
        anew,
        says,
        not_before,
        until,
        since,
        reserved,
        claims,
        same,
        alike,
        calls,
        images: images.all(),
        barred: barred.rungs.to_vec(),
        passed: attempt.passed.clone(),
    });
    let (model, tools) = (Arc::<Model>::clone(model), task.tools.clone());
    let prompt = Prompt { step, model, question: question.clone(), turns, schema, tools, within, hedge, breaker, draws: images.made > 0 };
    round.emit(Some(id), EventKind::ModelAsked(question), task.used(barred), None);
    round.perform(Effect::Say { step: id, prompt: Arc::new(prompt) });
    Ok(())
}

/// Images that are shown, and made.
fn images_of(turns: &[Turn], route: &Route) -> Images {
    let shown = turns.iter().filter(|turn| matches!(turn, Turn::Image(_))).count();
    Images { shown: u32::try_from(shown).unwrap_or(u32::MAX), made: u32::from(route.needs == "image") }
}

/// When a call is given up: in the time of the candidate, of the route, of the step and of the run, and no later than any call is.
fn until(round: &Round<'_>, id: StepId, (route, rung): (&Route, u16), since: i64, not_before: i64) -> i64 {
    let terms = route.terms.candidates.get(&u8::try_from(rung).unwrap_or(u8::MAX));
    let most = terms.and_then(|terms| terms.timeout).unwrap_or(MODEL_TIMEOUT);
    let route = route.terms.deadline.map(|deadline: Micros| since.saturating_add(deadline));
    let step = round.state.graph.step(id).and_then(|step| step.bounds.deadline).map(|deadline| since.saturating_add(deadline));
    let all = [route, step, round.state.due(), Some(not_before.saturating_add(most))];
    all.into_iter().flatten().min().unwrap_or(not_before)
}

/// A value of the wanted type from what a model said, or what is wrong with it, in words for the model and for people.
pub(super) fn read(text: &str, wants: &Ty, types: &TypeTable) -> Result<Value, String> {
    let text = fenced(text.trim());
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    json_keys::check(text.as_bytes()).map_err(|why| format!("it is no answer: {why}"))?;
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"))?;
    conform::from_json(&json, wants, types).map_err(|problems| {
        let each = problems.iter().take(5).map(ToString::to_string).collect::<Vec<_>>();
        shortened(&each.join("; "))
    })
}

/// What stands between fences, as models like to write JSON.
fn fenced(text: &str) -> &str {
    let inner = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
    inner.and_then(|inner| inner.strip_suffix("```")).map_or(text, str::trim)
}

/// A reason, as it is kept and told.
pub(super) fn shortened(text: &str) -> String {
    text.chars().take(LONGEST_REASON).collect()
}
