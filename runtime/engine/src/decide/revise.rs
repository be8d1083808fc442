//! `reflect` of a draft: critics look at a version, the draft is written anew with what they said, and what is accepted is the step's
//! value. A judge that cannot be had accepts nothing.

use super::draft::told;
use super::question::{Barred, Came, Task, any, pursue};
use super::{Round, person};
use crate::approval::ApprovalKind;
use crate::event::{EventKind, Used};
use crate::failure::{Failure, FailureKind};
use crate::grounded::unsupported;
use crate::planted::{Bug, planted};
use crate::question::{Purpose, Turn};
use crate::scope::{Names, Over, StepScope};
use std::sync::Arc;
use tradewind_lang::conform::to_json;
use tradewind_lang::expr::Resolve;
use tradewind_lang::plan::{Critic, Require, Revise, Step, StepId, StepKind, Unaccepted};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// What a critic has against a version: a code, and what it says.
type Against = (String, String);

/// The step's turn has come, an answer was heard, or the guards refused a rung.
pub(super) fn go_on(round: &mut Round<'_>, id: StepId, revise: &Revise, barred: Barred<'_>) {
    let plan = round.state.pinned.plan.clone();
    let critics: Vec<Arc<Critic>> = revise.critics.iter().filter_map(|name| plan.critics.get(name).cloned()).collect();
    // Each turn of the loop takes down a judgement or a version, or ends it: there are so many of both as the step declares.
    for _ in 0..(u64::from(revise.max_revisions) + 1) * (critics.len() as u64 + 1) {
        let version = match version(round, id, revise) {
            Ok(version) => version,
            Err(message) => return round.fail_rule(id, message),
        };
        let mut against = match by_rules(round, revise, &critics, version.as_ref()) {
            Ok(against) => against,
            Err(message) => return round.fail_rule(id, message),
        };
        if against.is_empty() {
            match judged(round, id, &critics, version.as_ref(), barred) {
                Verdict::Asked => return,
                Verdict::Taken => continue,
                Verdict::Failed(failure) => return round.fail(id, failure, barred.used().unwrap_or_default()),
                Verdict::Against(said) => against = said,
            }
        }
        if against.is_empty() {
            return accept(round, id, version, &[], barred);
        }
        match anew(round, id, revise, version.as_ref(), (&against, barred)) {
            Verdict::Asked => return,
            Verdict::Taken => {}
            Verdict::Failed(_) | Verdict::Against(_) => return unaccepted(round, id, revise, version, (&against, barred)),
        }
    }
}

enum Verdict {
    /// A model is being asked.
    Asked,
    /// What it said was taken down.
    Taken,
    Failed(Failure),
    Against(Vec<Against>),
}

/// The version at hand; none where the step is of no draft.
///
/// # Errors
/// The draft that was to be there is not.
pub(super) fn version(round: &Round<'_>, id: StepId, revise: &Revise) -> Result<Option<Value>, String> {
    let Some(of) = &revise.of else { return Ok(None) };
    let written = round.state.step(id).and_then(|step| step.talk.as_ref()).and_then(|talk| talk.version.clone());
    let first = || StepScope { state: &round.state, now: round.now }.resolve(of).filter(|draft| *draft != Value::Null);
    written.or_else(first).map(Some).ok_or_else(|| format!("`{of}` drafted nothing"))
}

/// What requirements, and facts, say against a version.
fn by_rules(round: &Round<'_>, revise: &Revise, critics: &[Arc<Critic>], version: Option<&Value>) -> Result<Vec<Against>, String> {
    let scope = StepScope { state: &round.state, now: round.now };
    let mut against = match (&revise.of, version) {
        (Some(of), Some(version)) => unmet(&revise.requires, &Over { scope: &scope, name: of, value: version })?,
        _ => unmet(&revise.requires, &scope)?,
    };
    let Some(version) = version else { return Ok(against) };
    for critic in critics {
        let names = [(critic.variable.as_str(), version.clone()), ("settings", round.state.pinned.settings.clone())];
        against.extend(unmet(&critic.requires, &Names(&names))?);
        if !critic.grounded.is_empty() {
            let facts = cited(round, &critic.grounded);
            against.extend(
                unsupported(version, &facts)
                    .into_iter()
                    .map(|claim| ("ungrounded".to_owned(), format!("{claim} stands in no fact of {}", critic.grounded.join(", ")))),
            );
        }
    }
    Ok(against)
}

fn unmet(requires: &[Require], scope: &dyn Resolve) -> Result<Vec<Against>, String> {
    let mut against = Vec::new();
    for require in requires {
        match require.when.evaluate(scope) {
            Ok(Value::Bool(true)) => {}
            Ok(Value::Bool(false)) => {
                let said = require.message.clone().unwrap_or_else(|| format!("`{}` does not hold", require.when.source));
                against.push((require.code.clone(), said));
            }
            Ok(_) => return Err(format!("`{}` has no value", require.when.source)),
            Err(error) => return Err(format!("`{}`: {}", require.when.source, error.0)),
        }
    }
    Ok(against)
}

/// The facts of some memories that the run has recalled: what a draft may rest on.
fn cited(round: &Round<'_>, memories: &[String]) -> Vec<Value> {
    let mut facts = Vec::new();
    let mut state = Some(&round.state);
    while let Some(here) = state {
        for (step, held) in here.graph.flow.steps.iter().zip(&here.steps) {
            let memory = match &step.kind {
                StepKind::Recall { memory, .. } => memory,
                StepKind::Search(search) => &search.memory,
                _ => continue,
            };
            if memories.contains(memory) {
                facts.push(held.value.clone());
            }
        }
        state = here.outer.as_deref();
    }
    facts
}

/// What the models among the critics say, one after the other; the first that is not content ends it.
fn judged(round: &mut Round<'_>, id: StepId, critics: &[Arc<Critic>], version: Option<&Value>, barred: Barred<'_>) -> Verdict {
    let Some(version) = version else { return Verdict::Against(Vec::new()) };
    let judges = critics.iter().filter_map(|critic| Some((critic, critic.judge.as_ref()?)));
    let said = round.state.step(id).and_then(|step| step.talk.as_ref()).map(|talk| talk.judged.clone()).unwrap_or_default();
    for ((critic, judge), place) in judges.zip(0_u16..) {
        if let Some(said) = said.get(usize::from(place)) {
            let score = if let Some(Value::Double(score)) = said.get("score") { *score } else { f64::NAN };
            if score >= judge.min || planted(Bug::JudgeIgnored) {
                continue;
            }
            let reason = said.get("reason").and_then(Value::as_str).unwrap_or_default();
            return Verdict::Against(vec![(critic.name.clone(), format!("it is worth {score}, and {} is wanted: {reason}", judge.min))]);
        }
        let names = [(critic.variable.as_str(), version.clone()), ("settings", round.state.pinned.settings.clone())];
        let mut says = vec![Turn::System(JUDGE.into())];
        match told(&Names(&names), &judge.talk) {
            Ok(told) => says.extend(told),
            Err(message) => return Verdict::Failed(Failure::new(FailureKind::Rule, message)),
        }
        let wants = Ty::Object(vec![("score".to_owned(), Ty::Double), ("reason".to_owned(), Ty::String)]);
        let purpose = Purpose::Judge(place);
        let task = Task {
            purpose,
            route: judge.route.clone(),
            says,
            anew: true,
            wants,
            tools: Vec::new(),
            personal: judge.talk.personal,
            fits: is_share,
            looked: None,
        };
        return match pursue(round, id, &task, barred) {
            Came::Asked => Verdict::Asked,
            Came::Value(value, _) => take(round, id, purpose, value),
            Came::Nothing(failure) => Verdict::Failed(failure),
            Came::Calls(_) | Came::Template(..) | Came::Person(..) => {
                let message = format!("no model judged for the critic `{}`", critic.name);
                Verdict::Failed(Failure::new(FailureKind::Api, message))
            }
        };
    }
    Verdict::Against(Vec::new())
}

const JUDGE: &str = "You judge a draft by what you are asked. Answer with `score`, from 0 (not at all) to 1 (wholly), and `reason`, one sentence that says what to change.";

fn is_share(_: &Round<'_>, _: StepId, value: &Value) -> Result<(), String> {
    match value.get("score") {
        Some(Value::Double(score)) if (0.0..=1.0).contains(score) => Ok(()),
        _ => Err("`score` is a number from 0 to 1".to_owned()),
    }
}

fn take(round: &mut Round<'_>, id: StepId, purpose: Purpose, value: Value) -> Verdict {
    round.emit(Some(id), EventKind::AnswerTaken(purpose, value), Used::State, None);
    Verdict::Taken
}

/// The draft is written anew by whom wrote it, who is told what is wrong with it.
fn anew(
    round: &mut Round<'_>,
    id: StepId,
    revise: &Revise,
    version: Option<&Value>,
    (against, barred): (&[Against], Barred<'_>),
) -> Verdict {
    let so_far = round.state.step(id).and_then(|step| step.talk.as_ref()).map_or(0, |talk| talk.revision);
    let nobody = || Verdict::Against(Vec::new());
    if so_far >= revise.max_revisions + u32::from(planted(Bug::RevisionBeyondBound)) {
        return nobody();
    }
    let drafted = revise.of.as_ref().and_then(|of| Some((drafting(round, of)?, version?)));
    let Some((step, version)) = drafted else { return nobody() };
    let (record, route, talk) = match &step.kind {
        StepKind::Generate(generate) => (&generate.record, &generate.route, &generate.talk),
        StepKind::Agent(acting) => (&acting.record, &acting.route, &acting.talk),
        // A template says the same every time.
        _ => return nobody(),
    };
    let mut says = match told(&StepScope { state: &round.state, now: round.now }, talk) {
        Ok(says) => says,
        Err(message) => return Verdict::Failed(Failure::new(FailureKind::Rule, message)),
    };
    says.push(Turn::Model(to_json(version).to_string().into()));
    says.push(Turn::User(difference(against).into()));
    let purpose = Purpose::Revision(so_far + 1);
    let wants = Ty::Record(record.clone());
    let task = Task {
        purpose,
        route: route.clone(),
        says,
        anew: true,
        wants,
        tools: Vec::new(),
        personal: talk.personal,
        fits: any,
        looked: None,
    };
    match pursue(round, id, &task, barred) {
        Came::Asked => Verdict::Asked,
        Came::Value(value, _) => take(round, id, purpose, value),
        // Nobody wrote a better one: what follows is what follows a version that nobody accepts.
        Came::Nothing(_) | Came::Calls(_) | Came::Template(..) | Came::Person(..) => nobody(),
    }
}

/// The step that drafted, here or in what runs around it.
fn drafting(round: &Round<'_>, name: &str) -> Option<Step> {
    let mut state = Some(&round.state);
    while let Some(here) = state {
        if let Some(step) = here.graph.find(name).and_then(|id| here.graph.step(id)) {
            return Some(step.clone());
        }
        state = here.outer.as_deref();
    }
    None
}

fn difference(against: &[Against]) -> String {
    let each: String = against.iter().map(|(code, said)| format!("\n- {code}: {said}")).collect();
    format!("This version was not accepted:{each}\nWrite it again, whole, and change what is wrong with it and nothing else.")
}

/// A version, or what holds of no draft, with the codes of what does not hold.
fn accept(round: &mut Round<'_>, id: StepId, version: Option<Value>, against: &[Against], barred: Barred<'_>) {
    let codes = || Value::list(against.iter().map(|(code, _)| Value::string(code.as_str())));
    let value = version.unwrap_or_else(|| Value::record([("passed", Value::Bool(against.is_empty())), ("codes", codes())]));
    round.complete(id, value, barred.used().unwrap_or_default(), None);
}

fn unaccepted(round: &mut Round<'_>, id: StepId, revise: &Revise, version: Option<Value>, (against, barred): (&[Against], Barred<'_>)) {
    let used = barred.used().unwrap_or_default();
    match &revise.otherwise {
        Unaccepted::Continue => accept(round, id, version, against, barred),
        Unaccepted::Stop => {
            let code = against.first().map_or("rule", |(code, _)| code.as_str());
            let kind = if code == "ungrounded" { FailureKind::Ungrounded } else { FailureKind::Rule };
            let said = against.iter().map(|(code, said)| format!("{code}: {said}")).collect::<Vec<_>>().join("; ");
            let failure = Failure::coded(kind, code, said);
            round.emit(Some(id), EventKind::StepFailed { failure, goes_on: false }, used, None);
        }
        Unaccepted::Escalate(escalation) => {
            let said = against.iter().map(|(code, said)| Value::string(format!("{code}: {said}")));
            let shown = vec![("version".to_owned(), version.unwrap_or(Value::Null)), ("against it".to_owned(), Value::list(said))];
            let record = revise.of.as_ref().and_then(|of| match drafting(round, of)?.ty {
                Ty::Record(record) => Some(record),
                _ => None,
            });
            let question = "No critic accepts this version. May the run go on with it?".to_owned();
            person::ask_for(round, id, escalation, (question, shown), (ApprovalKind::Version, record), used);
        }
    }
}

/// A person accepted the version that nobody else did, or wrote one.
pub(super) fn accepted(round: &mut Round<'_>, id: StepId, written: Option<Value>) {
    let graph = round.state.graph.clone();
    let Some(StepKind::Revise(revise)) = graph.step(id).map(|step| &step.kind) else { return };
    match written.map_or_else(|| version(round, id, revise), |written| Ok(Some(written))) {
        Ok(version) => accept(round, id, version, &[], Barred::default()),
        Err(message) => round.fail_rule(id, message),
    }
}
