//! What a dry run comes to, read from its log: each run with its effects, questions, model calls and memories, and the sums of all.

use super::Terms;
use super::effects::Effect;
use crate::arguments::simulating::Until;
use crate::counted::counted;
use crate::describe::shortened;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use tradewind_engine::engine::Engine;
use tradewind_engine::event::{Event, EventKind, Used};
use tradewind_engine::history::{self, Which};
use tradewind_engine::summary::{RunStatus, RunSummary};
use tradewind_engine::twin::MemoryLog;
use tradewind_engine::undo::{Reversal, reversal};
use tradewind_lang::conform::to_json;
use tradewind_lang::literal::{duration_text, timestamp_text};
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Plan, StepKind};

/// One run, with those within it.
#[derive(Debug, Default)]
struct Run {
    line: usize,
    id: Arc<str>,
    summary: Option<RunSummary>,
    effects: Vec<Effect>,
    /// The place of an effect, by the run and the step that do it.
    places: BTreeMap<(Arc<str>, u16), usize>,
    /// Questions that no effect waits for.
    questions: Vec<(String, Json)>,
    /// Which model was asked what, and what it cost.
    models: Vec<(String, String, Option<Money>)>,
    remembered: Vec<(String, Json)>,
    emitted: Vec<(String, Json)>,
}

/// What is told of a dry run.
#[derive(Debug)]
pub(crate) struct Told {
    flow: String,
    until: Until,
    at: i64,
    runs: Vec<Run>,
    /// Lines that say again what another one said.
    again: Vec<usize>,
    plan: Option<Arc<Plan>>,
}

impl Told {
    pub(super) fn new(flow: &str, terms: &Terms) -> Self {
        Self { flow: flow.to_owned(), until: terms.until, at: terms.at, runs: Vec::new(), again: Vec::new(), plan: None }
    }

    pub(super) fn begun(&mut self, line: usize, id: Arc<str>) {
        self.runs.push(Run { line, id, ..Run::default() });
    }

    pub(super) fn again(&mut self, line: usize) {
        self.again.push(line);
    }

    /// Whether a run ended badly.
    pub(crate) fn has_failures(&self) -> bool {
        self.count(RunStatus::Failed) > 0
    }

    fn count(&self, status: RunStatus) -> usize {
        self.runs.iter().filter(|run| run.summary.as_ref().is_some_and(|summary| summary.status == status)).count()
    }

    /// Reads what happened.
    pub(super) async fn read(&mut self, (engine, log): (&Engine, &MemoryLog), plan: &Arc<Plan>) -> Result<(), String> {
        let stopped = |error| format!("the engine stopped: {error:?}");
        self.plan = Some(plan.clone());
        let places: BTreeMap<Arc<str>, usize> = self.runs.iter().enumerate().map(|(at, run)| (run.id.clone(), at)).collect();
        // Of each run, which of ours it belongs to, and its flow.
        let mut within: BTreeMap<Arc<str>, (usize, Arc<str>)> = BTreeMap::new();
        for event in engine.shown_events(1, usize::MAX, None).await.map_err(stopped)? {
            let Some(run) = event.header.run.clone() else { continue };
            if let EventKind::RunStarted { flow, parent, .. } = &event.kind {
                let at = match parent {
                    Some(parent) => within.get(&parent.run).map(|(at, _)| *at),
                    None => places.get(&run).copied(),
                };
                within.extend(at.map(|at| (run.clone(), (at, flow.clone()))));
            }
            let Some((at, flow)) = within.get(&run) else { continue };
            if let Some(own) = self.runs.get_mut(*at) {
                own.hear(&event, (&run, flow), plan);
            }
        }
        let done = history::effects(log, 0, 1, &Which::default(), false).await.map_err(stopped)?;
        let active = engine.active();
        let mut back: BTreeMap<Arc<str>, Reversal> = done.iter().map(|done| (done.intent.key.clone(), reversal(&active, done))).collect();
        for run in &mut self.runs {
            run.summary = engine.shown_run(&run.id).await.map_err(stopped)?.map(|details| details.summary);
            for effect in &mut run.effects {
                effect.back = effect.key().and_then(|key| back.remove(key));
            }
        }
        Ok(())
    }

    /// For people.
    pub(crate) fn text(&self, rejected: usize) -> String {
        let Some(plan) = &self.plan else { return String::new() };
        let mut out = String::new();
        let people = match self.until {
            Until::Asked => "what people are asked stays open",
            Until::Approved => "people approve what they are asked",
            Until::Denied => "people deny what they are asked",
            Until::Silence => "nobody answers",
        };
        let _ = writeln!(out, "{} on twins from {}, {people}; nothing leaves and nothing is kept", self.flow, timestamp_text(self.at));
        for run in &self.runs {
            let _ = write!(out, "\n{}", run.text(plan));
        }
        let _ = write!(out, "\n{}: {}", self.flow, counted(self.runs.len(), "run"));
        for status in [RunStatus::Completed, RunStatus::Waiting, RunStatus::Failed, RunStatus::Cancelled, RunStatus::Queued] {
            let count = self.count(status);
            if count > 0 {
                let _ = write!(out, ", {count} {}", status.as_str());
            }
        }
        let _ = writeln!(out, "; {} said again, {rejected} rejected", counted(self.again.len(), "line"));
        for (operation, (done, denied, asked, money)) in self.sums(plan) {
            let money: String = money.iter().map(|money| format!("  {money}")).collect();
            let _ = writeln!(out, "  {operation:<32} {done:>6} done, {denied} denied, {asked} asked{money}");
        }
        let cost: Vec<String> = self.cost().iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "  model cost {}", if cost.is_empty() { "nothing".to_owned() } else { cost.join(" + ") });
        out
    }

    /// For programs, version 1.
    pub(crate) fn json(&self, rejected: usize) -> Json {
        let Some(plan) = &self.plan else { return Json::Null };
        let sums = self.sums(plan).into_iter().map(|(operation, (done, denied, asked, money))| {
            let money: Vec<String> = money.iter().map(ToString::to_string).collect();
            (operation, json!({ "done": done, "denied": denied, "asked": asked, "money": money }))
        });
        json!({
            "version": 1,
            "flow": self.flow,
            "plan": plan.digest().to_string(),
            "at": timestamp_text(self.at),
            "runs": self.runs.iter().map(|run| run.json(plan)).collect::<Vec<_>>(),
            "lines_said_again": self.again,
            "rejected": rejected,
            "effects": sums.collect::<serde_json::Map<_, _>>(),
            "cost": self.cost().iter().map(ToString::to_string).collect::<Vec<_>>(),
        })
    }

    /// By operation: how many were done, denied, asked for, and what was moved.
    fn sums(&self, plan: &Plan) -> BTreeMap<String, (usize, usize, usize, Vec<Money>)> {
        let mut sums: BTreeMap<String, (usize, usize, usize, Vec<Money>)> = BTreeMap::new();
        for effect in self.runs.iter().flat_map(|run| &run.effects) {
            let sum = sums.entry(effect.operation().to_owned()).or_default();
            sum.0 += usize::from(effect.is_done());
            sum.1 += usize::from(effect.denied_by().is_some());
            sum.2 += usize::from(effect.is_asked());
            effect.moved(plan).into_iter().for_each(|money| add(&mut sum.3, money));
        }
        sums
    }

    fn cost(&self) -> Vec<Money> {
        let mut sums = Vec::new();
        self.runs.iter().filter_map(|run| run.summary.as_ref()?.cost).for_each(|money| add(&mut sums, money));
        sums
    }
}

/// One sum for each currency.
fn add(sums: &mut Vec<Money>, money: Money) {
    match sums.iter_mut().find(|sum| sum.currency == money.currency) {
        Some(sum) => *sum = sum.plus(money).unwrap_or(*sum),
        None => sums.push(money),
    }
}

impl Run {
    /// Takes in an event of this run or of one within it.
    fn hear(&mut self, event: &Event, (run, flow): (&Arc<str>, &Arc<str>), plan: &Plan) {
        let Some(step) = &event.header.step else { return };
        let name = &step.name;
        if let Some(effect) = self.effect_of(event, (run, flow), plan) {
            effect.hear(&event.kind, event.header.at, &event.header.actor);
        }
        match (&event.kind, &event.used) {
            (EventKind::ModelAsked(question), _) => {
                self.models.push((name.to_string(), format!("{} for a {}", question.model, question.purpose), None));
            }
            (EventKind::ModelAnswered(answered), _) => {
                let asked = self.models.iter_mut().rev().find(|(step, _, _)| **step == **name);
                asked.into_iter().for_each(|asked| asked.2 = answered.spent);
            }
            (_, Used::Model { by, refused, .. }) => {
                let passed: String = refused.iter().map(|why| format!(", after {why}")).collect();
                self.models.push((name.to_string(), format!("{by}{passed}"), event.cost));
            }
            (EventKind::FactRemembered { memory, subject, fields, .. }, _) => {
                self.remembered.push((format!("{memory} of {subject}"), to_json(fields)));
            }
            (EventKind::FactsRemembered { memory, subject, facts, .. }, _) => {
                let of = if subject.is_empty() { memory.to_string() } else { format!("{memory} of {subject}") };
                self.remembered.extend(facts.iter().map(|fact| (of.clone(), to_json(fact))));
            }
            (EventKind::EventEmitted(arrival), _) => self.emitted.push((arrival.name.to_string(), to_json(&arrival.payload))),
            (EventKind::ApprovalRequested(approval), _) if approval.operation.is_none() => {
                let until = approval.deadline.map(timestamp_text);
                let asked = format!("{name} asks {}: {}", approval.to.join(" and "), approval.question);
                self.questions.push((
                    match &until {
                        Some(until) => format!("{asked} (until {until})"),
                        None => asked,
                    },
                    json!({ "step": &**name, "to": approval.to, "question": approval.question, "until": until }),
                ));
            }
            _ => {}
        }
    }

    /// The effect that an event is about, if it is about one.
    fn effect_of(&mut self, event: &Event, (run, flow): (&Arc<str>, &Arc<str>), plan: &Plan) -> Option<&mut Effect> {
        let step = event.header.step.as_ref()?;
        let place = (run.clone(), step.id.0);
        let begins = match &event.kind {
            EventKind::IntentRecorded(intent) => Some(intent.operation.clone()),
            EventKind::ApprovalRequested(approval) => approval.operation.as_deref().map(Arc::from),
            // A policy refused what was not even asked for.
            EventKind::EffectDenied { .. } => Some(operation_of(plan, flow, &step.name).unwrap_or_else(|| step.name.clone())),
            _ => None,
        };
        let known = self.places.get(&place).copied();
        let at = match (known, begins) {
            // A step that begins anew, as one of a reflection does, is another effect.
            (Some(at), Some(_)) if self.effects.get(at).is_some_and(|effect| effect.key().is_none()) => at,
            (Some(at), None) => at,
            (_, Some(operation)) => {
                self.effects.push(Effect::new(step.name.clone(), flow.clone(), operation));
                self.places.insert(place, self.effects.len() - 1);
                self.effects.len() - 1
            }
            (None, None) => return None,
        };
        self.effects.get_mut(at)
    }

    fn text(&self, plan: &Plan) -> String {
        let mut out = String::new();
        let Some(summary) = &self.summary else { return out };
        let took = duration_text(summary.updated_at.saturating_sub(summary.started_at));
        let why = summary.failure.as_ref().map(|failure| format!(": {failure}")).unwrap_or_default();
        let _ = writeln!(out, "line {}, {}: {} after {took}{why}", self.line, summary.key, summary.status.as_str());
        self.effects.iter().for_each(|effect| out.push_str(&effect.text(plan)));
        let mut line = |text: String| {
            let _ = writeln!(out, "  {text}");
        };
        self.questions.iter().for_each(|(text, _)| line(text.clone()));
        for (step, what, cost) in &self.models {
            let cost = cost.map(|cost| format!(", {cost}")).unwrap_or_default();
            line(format!("model of {step}: {what}{cost}"));
        }
        self.remembered.iter().for_each(|(of, fields)| line(format!("remembers in {of}: {}", shortened(fields))));
        self.emitted.iter().for_each(|(name, payload)| line(format!("tells of {name}: {}", shortened(payload))));
        summary.waits_for.iter().for_each(|what| line(format!("waits {what}")));
        if summary.status == RunStatus::Completed {
            line(format!("output {}", shortened(&to_json(&summary.output))));
        }
        out
    }

    fn json(&self, plan: &Plan) -> Json {
        let Some(summary) = &self.summary else { return Json::Null };
        json!({
            "line": self.line,
            "run": &*self.id,
            "key": &*summary.key,
            "status": summary.status.as_str(),
            "took_seconds": summary.updated_at.saturating_sub(summary.started_at) as f64 / 1e6,
            "failure": summary.failure.as_ref().map(ToString::to_string),
            "effects": self.effects.iter().map(|effect| effect.json(plan)).collect::<Vec<_>>(),
            "questions": self.questions.iter().map(|(_, json)| json).collect::<Vec<_>>(),
            "models": self.models.iter().map(|(step, what, cost)| json!({ "step": step, "what": what, "cost": cost.map(|cost| cost.to_string()) })).collect::<Vec<_>>(),
            "memory": self.remembered.iter().map(|(of, fields)| json!({ "in": of, "fields": fields })).collect::<Vec<_>>(),
            "events": self.emitted.iter().map(|(name, payload)| json!({ "name": name, "payload": payload })).collect::<Vec<_>>(),
            "waits_for": summary.waits_for,
            "output": to_json(&summary.output),
        })
    }
}

/// The operation of an act, by its name in its flow.
fn operation_of(plan: &Plan, flow: &str, step: &str) -> Option<Arc<str>> {
    let found = plan.flows.get(flow)?.steps.iter().find(|known| known.name == step)?;
    match &found.kind {
        StepKind::Act { operation, .. } => Some(operation.as_str().into()),
        _ => None,
    }
}
