//! What steps and flows do, in a few words for people. It computes nothing new.

use super::span;
use crate::expr::{Expr, Tree};
use crate::plan::{Acting, Busy, Cause, Flow, Plan, Revise, StepKind, Times, Tool, Unaccepted, Until};
use crate::value::Value;

/// What a step does, in a word or two.
#[must_use]
pub fn verb(kind: &StepKind) -> String {
    match kind {
        StepKind::Let { .. } => "let".to_owned(),
        StepKind::Call { operation, .. } => format!("observe {operation}"),
        StepKind::Recall { memory, .. } => format!("recall {memory}"),
        StepKind::Classify { labels, route, .. } => format!("classify {labels} by route {route}"),
        StepKind::Draft { record, route, .. } => format!("draft {record} by route {route}"),
        StepKind::Rules { rules, .. } => format!("decide by {}", counted(rules.len(), "rule")),
        StepKind::Reflect { requires, go_on } => {
            format!("reflect on {}, else {}", counted(requires.len(), "requirement"), if *go_on { "continue" } else { "stop" })
        }
        StepKind::Ask { escalation, .. } => format!("ask {} within {}", escalation.to, span(escalation.within)),
        StepKind::Act { operation, .. } => format!("act {operation}"),
        StepKind::Remember { memory, .. } => format!("remember in {memory}"),
        StepKind::Choose { arms } => format!("choose among {}", arms.len()),
        StepKind::Facts(facts) => format!("remember {} in {}", facts.facts.len(), facts.memory),
        StepKind::Each(each) => format!("each {} of at most {}, {} at once", each.item, each.max, each.parallel),
        StepKind::Wait(wait) => match &wait.until {
            Until::Span(expr) => format!("wait for {}", shown(expr)),
            Until::Instant(expr) => format!("wait until {}", shown(expr)),
            Until::Event { event, within, .. } => format!("wait for {event} within {}", span(*within)),
        },
        StepKind::Begin(begin) => format!("run flow {}", begin.flow),
        StepKind::Undo(undo) => format!("undo {} of {}, at most {}, by {}", undo.step, undo.flow, undo.last, undo.by),
        StepKind::Emit(emit) => format!("emit {}", emit.event),
        StepKind::Generate(generate) => format!("draft {} by route {}", generate.record, generate.route),
        StepKind::Look(look) => format!("classify an image as {} by route {}", look.labels, look.route),
        StepKind::Split(split) => {
            let arms: Vec<&str> = split.arms.iter().map(|(name, _)| name.as_str()).collect();
            format!("split by rollout {}: {}", split.rollout, arms.join(", "))
        }
        StepKind::Revise(revise) => revision(revise),
        StepKind::Agent(agent) => acting(agent, &agent.tools),
        StepKind::Measure(measured) => {
            let names: Vec<&str> = measured.figures.iter().map(|(name, _)| name.as_str()).collect();
            format!("measure {}", names.join(", "))
        }
        StepKind::Search(search) => {
            format!("recall {} {} of {}", if search.all { "all, at most" } else { "at most" }, search.most, search.memory)
        }
    }
}

/// The same, of a step of a plan: an agent of the document has its tools there.
pub(super) fn does(plan: &Plan, kind: &StepKind) -> String {
    let StepKind::Agent(agent) = kind else { return verb(kind) };
    let declared = agent.actor.as_ref().and_then(|(name, _)| plan.agents.get(name));
    acting(agent, declared.map_or(&agent.tools, |declared| &declared.acting.tools))
}

fn acting(agent: &Acting, tools: &[Tool]) -> String {
    let tools: Vec<&str> = tools.iter().map(|tool| tool.operation.as_str()).collect();
    let actor = agent.actor.as_ref().map(|(name, _)| format!(" {name}")).unwrap_or_default();
    format!("agent{actor}, at most {} turns by route {}, tools: {}", agent.max_steps, agent.route, listed(&tools))
}

/// `1 rule`, `2 rules`.
fn counted(number: impl TryInto<usize>, what: &str) -> String {
    let number = number.try_into().unwrap_or(usize::MAX);
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

fn shown(expr: &Expr) -> String {
    match &expr.root {
        Tree::Constant(Value::Duration(micros)) => span(*micros),
        _ => expr.source.clone(),
    }
}

fn revision(revise: &Revise) -> String {
    let of = revise.of.as_ref().map(|of| format!(" {of}")).unwrap_or_default();
    let critics: Vec<&str> = revise.critics.iter().map(String::as_str).collect();
    let otherwise = match &revise.otherwise {
        Unaccepted::Continue => "continue".to_owned(),
        Unaccepted::Stop => "stop".to_owned(),
        Unaccepted::Escalate(escalation) => format!("ask {} within {}", escalation.to, span(escalation.within)),
    };
    format!("reflect on{of}, critics: {}, at most {}, else {otherwise}", listed(&critics), counted(revise.max_revisions, "revision"))
}

/// What starts a flow, how many run at once, and what follows a failure.
pub(super) fn terms(flow: &Flow) -> Vec<String> {
    let mut lines: Vec<String> = flow.terms.triggers.iter().map(|trigger| format!("started by {}", cause(&trigger.cause))).collect();
    lines.extend(flow.key.iter().map(|key| format!("one run for each {}", key.source)));
    if let Some(concurrency) = &flow.terms.concurrency {
        let key = concurrency.key.as_ref().map_or("one run", |key| key.source.as_str());
        let busy = match concurrency.busy {
            Busy::Queue => "others wait",
            Busy::Skip => "others do not start",
            Busy::Replace => "the older one stops",
        };
        lines.push(format!("one at a time for {key}; {busy}"));
    }
    lines.extend(flow.terms.on_failure.iter().map(|step| format!("after a failure: {}: {}", step.name, verb(&step.kind))));
    lines
}

fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Event { event } => format!("event {event}"),
        Cause::Webhook { path, .. } => format!("webhook {path}"),
        Cause::Request { path, reply_within, .. } => format!("request {path}, answered within {}", span(*reply_within)),
        Cause::Manual => "a person".to_owned(),
        Cause::Metric { metric, when, rearm } => format!("metric {metric} when {}, then quiet for {}", when.source, span(*rearm)),
        Cause::Schedule { times, time_zone, .. } => {
            let zone = time_zone.as_ref().map(|zone| format!(" in {zone}")).unwrap_or_default();
            match times {
                Times::Every(micros) => format!("a clock every {}{zone}", span(*micros)),
                Times::Daily { at } => format!("a clock every day at {}{zone}", time(*at)),
                Times::Weekly { day, at } => format!("a clock every week on day {day} at {}{zone}", time(*at)),
                Times::Cron(line) => format!("a clock at {line}{zone}"),
            }
        }
    }
}

fn time(minutes: u16) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}
