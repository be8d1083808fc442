//! One wave: every step that may start now starts; pure steps complete at once. Then the end, where it is reached.

use super::question::Barred;
use super::{Effect, Round, act, agent, children, draft, effect, model, person, remember, revise, undo};
use crate::cohort::verb;
use crate::event::{EventKind, SkipReason, Used};
use crate::failure::{Failure, FailureKind};
use crate::key::text_of;
use crate::planted::{Bug, planted};
use crate::state::{OpenEffect, Phase, Standing};
use std::borrow::Cow;
use std::sync::Arc;
use tradewind_lang::plan::{Arm, Require, Rule, Step, StepId, StepKind};
use tradewind_lang::value::{Record, Value};

/// Most steps of one wave, so that a decision always fits a segment.
const WIDEST: usize = 512;

pub(super) fn wave(round: &mut Round<'_>) {
    if round.is_running() && round.state.deadline().is_some_and(|deadline| round.now >= deadline) {
        let failure = Failure::new(FailureKind::TimeOut, "the run took longer than its deadline");
        round.state.standing = Standing::Failing(failure);
    }
    let known = round.known;
    for step in round.state.ready().into_iter().filter(|id| usize::from(id.0) < known).take(WIDEST) {
        if !round.is_working() || round.state.paused && !planted(Bug::PauseIgnored) {
            break;
        }
        start(round, step);
    }
    let unasked: Vec<(StepId, Arc<OpenEffect>)> = round.state.unasked().map(|(id, open)| (id, open.clone())).collect();
    unasked.into_iter().for_each(|(id, open)| person::settle(round, id, &open, "the log does not say"));
    finish(round);
}

fn finish(round: &mut Round<'_>) {
    if matches!(round.state.standing, Standing::Failing(_) | Standing::Cancelling(_)) && round.state.open > 0 {
        effect::let_go(round);
    }
    match round.state.standing.clone() {
        Standing::Running if round.state.is_settled() && !round.state.paused && undo::end(round).is_some() => {
            undo::end(round).into_iter().for_each(|end| round.emit(None, end, Used::State, None));
        }
        Standing::Running if round.state.is_settled() && !round.state.paused => match children::output(round) {
            Ok(output) => round.emit(None, EventKind::RunCompleted { output }, Used::State, None),
            Err(message) => {
                let failure = Failure::new(FailureKind::Rule, format!("the output has no value: {message}"));
                round.emit(None, EventKind::RunFailed { failure }, Used::State, None);
            }
        },
        Standing::Failing(_) if round.state.children > 0 && !round.state.is_handling() => {
            round.perform(Effect::EndChildren { step: None, reason: "the run around it fails".into() });
        }
        Standing::Cancelling(reason) if round.state.children > 0 => round.perform(Effect::EndChildren { step: None, reason }),
        Standing::Undoing(failure) if round.state.is_settled() && !round.state.paused => {
            let failure = undo::told_failure(round, failure);
            if !children::handle(round, &failure) {
                round.emit(None, EventKind::RunFailed { failure }, Used::State, None);
            }
        }
        Standing::Failing(_) if round.state.open == 0 && round.state.takes_back => {
            withdraw(round);
            undo::own(round);
        }
        Standing::Failing(failure) if round.state.open == 0 => {
            withdraw(round);
            if children::handle(round, &failure) {
                return;
            }
            round.emit(None, EventKind::RunFailed { failure }, Used::State, None);
        }
        Standing::Cancelling(reason) if round.state.open == 0 || planted(Bug::CancelForgetsEffects) => {
            withdraw(round);
            round.emit(None, EventKind::RunCancelled { reason }, Used::State, None);
        }
        _ => {}
    }
}

/// Nobody is asked any more for a run that ends.
fn withdraw(round: &mut Round<'_>) {
    let open: Vec<(StepId, Arc<str>)> = round.state.inbox().map(|(step, asked)| (step, asked.approval.id.clone())).collect();
    for (step, approval) in open.into_iter().filter(|_| !planted(Bug::QuestionLeftOpen)) {
        round.emit(Some(step), EventKind::ApprovalWithdrawn { approval }, Used::State, None);
    }
}

fn start(round: &mut Round<'_>, id: StepId) {
    let graph = round.state.graph.clone();
    let Some(step) = graph.step(id) else { return };
    match round.state.step(id).map(|step| step.phase.clone()) {
        Some(Phase::Approved(asked)) => return act::approved(round, id, &asked),
        Some(Phase::Arm { arm, .. }) => return leave(round, id, step, arm),
        Some(Phase::Items(_)) => return children::go_on(round, id),
        Some(Phase::Flow { .. }) => return children::flow(round, id),
        Some(Phase::Heard) => return talk(round, id, Barred::default()),
        Some(Phase::Ready) => {}
        _ => return,
    }
    if let Some(reverses) = graph.node(id).and_then(|node| node.reverses.as_ref())
        && undo::is_covered(round, id, reverses)
    {
        return undo::leave(round, id);
    }
    if super::inherit::keeps(round, id) {
        return;
    }
    match step.when.as_ref().map(|when| round.holds(when)) {
        None | Some(Ok(true)) => {}
        Some(Ok(false)) => return round.emit(Some(id), EventKind::StepSkipped { why: SkipReason::Condition }, Used::State, None),
        Some(Err(message)) => return round.fail_rule(id, message),
    }
    match &step.kind {
        // Of an arm, what its unit gets.
        StepKind::Split(_) => match verb(&round.state, id).map(Cow::into_owned) {
            Ok(verb) => begin(round, id, &verb),
            Err(message) => round.fail_rule(id, message),
        },
        verb => begin(round, id, verb),
    }
}

fn begin(round: &mut Round<'_>, id: StepId, verb: &StepKind) {
    match verb {
        StepKind::Act { .. } if act::is_done(round, id) => {}
        _ if super::wait::is_put_off(round, id) => {}
        StepKind::Let { value } => match round.evaluate(value) {
            Ok(value) => round.complete(id, value, Used::State, None),
            Err(message) => round.fail_rule(id, message),
        },
        StepKind::Rules { rules, otherwise } => decide_rules(round, id, rules, otherwise),
        StepKind::Reflect { requires, go_on } => reflect(round, id, requires, *go_on),
        StepKind::Choose { arms } => choose(round, id, arms),
        StepKind::Call { operation, request } => super::read::start(round, id, operation, request),
        StepKind::Recall { memory, subject, last } => match round.evaluate(subject) {
            Ok(subject) => {
                round.perform(Effect::Recall { step: id, memory: memory.as_str().into(), subject: text_of(&subject), last: *last });
            }
            Err(message) => round.fail_rule(id, message),
        },
        StepKind::Classify { .. } | StepKind::Look(_) => model::start(round, id),
        StepKind::Draft { field, route, .. } => model::draft(round, id, field, route),
        StepKind::Ask { escalation, question, show, answer } => person::ask(round, id, escalation, question, show, answer),
        StepKind::Act { .. } => act::start(round, id, &[]),
        StepKind::Undo(step) => undo::start(round, id, step),
        StepKind::Remember { memory, subject, fields } => remember::one(round, id, memory, (subject, fields)),
        StepKind::Facts(facts) => remember::several(round, id, facts),
        StepKind::Search(search) => super::search::start(round, id, search),
        StepKind::Each(each) => children::start(round, id, each),
        StepKind::Begin(begin) => children::begin_flow(round, id, begin),
        StepKind::Wait(wait) => super::wait::start(round, id, wait),
        StepKind::Emit(emit) => super::wait::emit(round, id, emit),
        StepKind::Generate(_) | StepKind::Revise(_) | StepKind::Agent(_) => talk(round, id, Barred::default()),
        StepKind::Measure(_) => super::measure::start(round, id),
        // Whoever starts a run asks the plan first; this is for a plan that came another way.
        StepKind::Split(_) => {
            let does = tradewind_lang::graph::verb(verb);
            round.fail_rule(id, format!("this version checks steps like this one (`{does}`), and cannot run them yet"));
        }
    }
}

/// A step that talks to models begins, or goes on with what it heard.
pub(super) fn talk(round: &mut Round<'_>, id: StepId, barred: Barred<'_>) {
    let graph = round.state.graph.clone();
    match graph.step(id).map(|step| &step.kind) {
        Some(StepKind::Generate(generate)) => draft::go_on(round, id, generate, barred),
        Some(StepKind::Revise(step)) => revise::go_on(round, id, step, barred),
        Some(StepKind::Agent(acting)) => agent::go_on(round, id, acting, barred),
        Some(StepKind::Classify { .. } | StepKind::Look(_)) => model::heard(round, id, barred),
        Some(StepKind::Split(_)) => match verb(&round.state, id).map(Cow::into_owned) {
            Ok(StepKind::Generate(generate)) => draft::go_on(round, id, &generate, barred),
            Ok(_) => model::heard(round, id, barred),
            Err(message) => round.fail_rule(id, message),
        },
        _ => {}
    }
}

fn decide_rules(round: &mut Round<'_>, id: StepId, rules: &[Rule], otherwise: &tradewind_lang::expr::Expr) {
    let mut found = (otherwise, "otherwise");
    for rule in rules {
        match round.holds(&rule.when) {
            Ok(false) => {}
            Ok(true) => {
                found = (&rule.value, &rule.name);
                break;
            }
            Err(message) => return round.fail_rule(id, format!("rule `{}`: {message}", rule.name)),
        }
    }
    match round.evaluate(found.0) {
        Ok(value) => {
            let value = Value::record([("value", value), ("rule", Value::string(found.1))]);
            round.complete(id, value, Used::State, None);
        }
        Err(message) => round.fail_rule(id, message),
    }
}

fn reflect(round: &mut Round<'_>, id: StepId, requires: &[Require], go_on: bool) {
    let mut codes = Vec::new();
    let mut first: Option<&Require> = None;
    for require in requires {
        // A requirement without a value does not hold.
        if !matches!(round.holds(&require.when), Ok(true)) {
            codes.push(Value::string(require.code.as_str()));
            first.get_or_insert(require);
        }
    }
    match first {
        Some(require) if !go_on => {
            let message = require.message.clone().unwrap_or_else(|| format!("`{}` does not hold", require.when.source));
            let failure = Failure::coded(FailureKind::Rule, require.code.clone(), message);
            round.emit(Some(id), EventKind::StepFailed { failure, goes_on: false }, Used::State, None);
        }
        _ => {
            let value = Value::record([("passed", Value::Bool(codes.is_empty())), ("codes", Value::list(codes))]);
            round.complete(id, value, Used::State, None);
        }
    }
}

fn choose(round: &mut Round<'_>, id: StepId, arms: &[Arm]) {
    for (place, arm) in arms.iter().enumerate() {
        match arm.when.as_ref().map(|when| round.holds(when)) {
            Some(Ok(false)) => {}
            Some(Err(message)) => return round.fail_rule(id, message),
            None | Some(Ok(true)) => {
                return take_arm(round, id, u16::try_from(place).unwrap_or(u16::MAX));
            }
        }
    }
    round.fail_rule(id, "no arm holds".to_owned());
}

/// A `choose` takes an arm; one without steps is through at once.
pub(super) fn take_arm(round: &mut Round<'_>, id: StepId, arm: u16) {
    round.emit(Some(id), EventKind::ArmTaken { arm }, Used::State, None);
    let graph = round.state.graph.clone();
    if let Some(step) = graph.step(id)
        && matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Arm { left: 0, .. }))
    {
        leave(round, id, step, arm);
    }
}

fn leave(round: &mut Round<'_>, id: StepId, step: &Step, arm: u16) {
    match &step.kind {
        StepKind::Undo(_) => return undo::conclude(round, id),
        StepKind::Agent(acting) => return agent::go_on(round, id, acting, Barred::default()),
        _ => {}
    }
    if let StepKind::Choose { arms } = &step.kind
        && let Some(arm) = arms.get(usize::from(arm))
    {
        answer_arm(round, id, &arm.output);
    }
}

fn answer_arm(round: &mut Round<'_>, id: StepId, output: &tradewind_lang::plan::Bindings) {
    match round.bind(output) {
        Ok(Value::Record(record)) => round.complete(id, Value::Record(record), Used::State, None),
        Ok(_) => round.complete(id, Value::Record(Arc::new(Record::default())), Used::State, None),
        Err(message) => round.fail_rule(id, message),
    }
}
