//! Runs one scenario on the real engine: log in memory, twins for connectors, a clock moved by hand.

use crate::all_models::offline_vectors;
use crate::given::Given;
use crate::stage::{Seen, Stage, VirtualClock};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_connectors::twin::{Fault, FaultKind, TwinConnectors, TwinWorld};
use tradewind_engine::approval::{PendingApproval, Verdict, is_denied_by};
use tradewind_engine::arrival::Arrival;
use tradewind_engine::engine::{Config, Engine};
use tradewind_engine::event::EventKind;
use tradewind_engine::ports::{BoxFuture, Classification, Embedded, Made, Models};
use tradewind_engine::question::{Answer, Prompt, Reply, Silence, Usage};
use tradewind_engine::summary::{RunFilter, RunStatus, StepDetails};
use tradewind_engine::twin::MemoryLog;
use tradewind_lang::conceal::SECRET;
use tradewind_lang::conform;
use tradewind_lang::expr::Resolve;
use tradewind_lang::plan::{Micros, Model, Plan, Rollout, RolloutStage, Rung, StepKind};
use tradewind_lang::scenario::{self, Action, Before, Beyond, Expectation, Scenario};
use tradewind_lang::value::{Record, Value};
use tradewind_memory::Ranker;
use tradewind_models::OfflineModels;

/// Models of a scenario: mocked answers first, the real ones for the rest.
struct MockedModels {
    mocks: BTreeMap<String, Classification>,
    /// What a model says at a step, as JSON.
    said: BTreeMap<String, String>,
    real: Arc<dyn Models>,
}

impl Models for MockedModels {
    fn classify(&self, model: Arc<Model>, labels: Arc<[String]>, text: Arc<str>) -> BoxFuture<'_, Result<Classification, String>> {
        match self.mocks.get(&model.name) {
            Some(mock) => Box::pin(async move { Ok(mock.clone()) }),
            None => self.real.classify(model, labels, text),
        }
    }

    fn embed(&self, model: Option<Arc<Model>>, texts: Vec<Arc<str>>) -> BoxFuture<'_, Result<Embedded, String>> {
        self.real.embed(model, texts)
    }

    fn vectors(&self, _: Arc<Model>, texts: Vec<Arc<str>>, _: Micros) -> BoxFuture<'_, Result<Made, Silence>> {
        Box::pin(offline_vectors(texts))
    }

    /// Nothing behind a network is reached: what is not mocked, the twin says.
    fn say(&self, prompt: Arc<Prompt>) -> BoxFuture<'_, Answer> {
        let answer = match self.said.get(&*prompt.step) {
            Some(text) => {
                let usage = Some(Usage::default());
                Answer::Said(Reply { text: text.as_str().into(), calls: Vec::new(), usage, by: "mock".into(), hedged: false, took: 0 })
            }
            None => OfflineModels::say(&prompt),
        };
        Box::pin(std::future::ready(answer))
    }
}

/// What the mocked steps say that ask a model for a whole record.
fn said(plan: &Plan, scenario: &Scenario) -> BTreeMap<String, String> {
    let steps = plan.flows.get(&scenario.flow).map(|flow| flow.steps.as_slice()).unwrap_or_default();
    let said = |(name, fields): &(String, Vec<(String, Value)>)| {
        let kind = &steps.iter().find(|step| step.name == *name)?.kind;
        let record: Record = if kind.is_written() {
            fields.iter().cloned().collect()
        } else if !kind.classifies().is_empty() || matches!(kind, StepKind::Look(_)) {
            // A model behind a network says no more of a label than this.
            let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
            let pairs = [("label", Value::Null), ("confidence", Value::Double(1.0))];
            pairs.into_iter().map(|(name, otherwise)| (name.to_owned(), field(name).unwrap_or(otherwise))).collect()
        } else {
            return None;
        };
        Some((name.clone(), conform::to_json(&Value::Record(Arc::new(record))).to_string()))
    };
    scenario.mocks.iter().filter_map(said).collect()
}

/// The answers that a scenario gives to models, by model: those of the routes of the steps it mocks.
fn mocks(plan: &Plan, scenario: &Scenario) -> Result<BTreeMap<String, Classification>, String> {
    let mut found = BTreeMap::new();
    let steps = plan.flows.get(&scenario.flow).map(|flow| flow.steps.as_slice()).unwrap_or_default();
    for (name, fields) in &scenario.mocks {
        let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let label = field("label").and_then(Value::as_str).unwrap_or_default().to_owned();
        let confidence = if let Some(Value::Double(confidence)) = field("confidence") { *confidence } else { 1.0 };
        let step = steps.iter().find(|step| step.name == *name);
        let texts = step.map(|step| step.kind.classifies()).unwrap_or_default();
        if texts.is_empty() && !step.is_some_and(|step| step.kind.is_written() || matches!(step.kind, StepKind::Look(_))) {
            return Err(format!("`{name}` asks no model, so it cannot be mocked"));
        }
        for rung in texts.iter().filter_map(|(_, route)| plan.routes.get(*route)).flat_map(|route| &route.rungs) {
            if let Rung::Candidate { model } = rung {
                found.insert(model.clone(), Classification { label: label.clone(), confidence, artifact: "mock".to_owned() });
            }
        }
    }
    Ok(found)
}

struct Play<'a> {
    scenario: &'a Scenario,
    stage: Stage,
    twins: Arc<TwinConnectors>,
    run: Option<Arc<str>>,
    /// How many events came.
    told: u32,
}

/// Runs a scenario; each entry of the result is an expectation that did not hold, with its line.
pub(crate) async fn run(plan: &Arc<Plan>, scenario: &Scenario, models: Arc<dyn Models>) -> Vec<String> {
    match prepared(plan, scenario, models).await {
        Ok(mut play) => {
            let mut missed = Vec::new();
            if let Err(error) = play.play(&mut missed).await {
                missed.push(error);
            }
            play.stage.engine.shutdown().await;
            missed
        }
        Err(error) => vec![error],
    }
}

async fn prepared<'a>(plan: &Arc<Plan>, scenario: &'a Scenario, models: Arc<dyn Models>) -> Result<Play<'a>, String> {
    let mut world = TwinWorld::default();
    for (record, value) in &scenario.twins {
        if record == "shop.order" {
            world.seed_order(&conform::to_json(value))?;
        } else {
            return Err(format!("no twin holds records of type `{record}`"));
        }
    }
    let twins = Arc::new(TwinConnectors::new(Arc::new(plan.types.clone()), world));
    for fault in &scenario.faults {
        let kind = match fault.kind {
            scenario::FaultKind::TimeoutBeforeSend => FaultKind::LostRequest,
            scenario::FaultKind::TimeoutAfterSend => FaultKind::LostAnswer,
            scenario::FaultKind::Status(status) => FaultKind::Status(status),
            scenario::FaultKind::Delay(_) => return Err("this version plays no delays".to_owned()),
        };
        twins.fault(Fault { operation: fault.operation.clone(), kind, times: Some(fault.times) });
    }
    let mut plan = Plan::clone(&standing(plan, scenario));
    let given = Given::of(&mut plan, scenario);
    let plan = &Arc::new(plan);
    let clock = Arc::new(VirtualClock::at(scenario.at.saturating_sub(given.oldest())));
    let finder = Arc::new(Ranker::default());
    let models = Arc::new(MockedModels { mocks: mocks(plan, scenario)?, said: said(plan, scenario), real: models });
    let (connectors, models) = (Seen::by(&clock, twins.clone()), Seen::by(&clock, models));
    let config = Config::new(plan.clone(), Arc::new(MemoryLog::new()), connectors, models, clock.clone());
    let config = Config { finder, ..config };
    let engine = Engine::open(config).await.map_err(|error| format!("the engine did not open: {error:?}"))?;
    let stage = Stage { engine, clock };
    given.make(&stage, scenario.at).await?;
    Ok(Play { scenario, stage, twins, run: None, told: 0 })
}

/// The plan with its rollouts at the stages, and with the units in the arms, that the scenario gives.
fn standing(plan: &Arc<Plan>, scenario: &Scenario) -> Arc<Plan> {
    let mut plan = plan.clone();
    for before in &scenario.before {
        let Before::Rollout { rollout, share, assigned } = before else { continue };
        let Some(of) = plan.rollouts.get(rollout).cloned() else { continue };
        let mut of = Rollout::clone(&of);
        of.assigned.clone_from(assigned);
        if let Some(share) = share {
            of.stages = vec![RolloutStage { share: *share, hold: None, min_sample: None }];
        }
        Arc::make_mut(&mut plan).rollouts.insert(rollout.clone(), Arc::new(of));
    }
    plan
}

impl Play<'_> {
    async fn play(&mut self, missed: &mut Vec<String>) -> Result<(), String> {
        if !self.scenario.actions.contains(&Action::Start) && self.scenario.input != Value::Null {
            self.start().await?;
        }
        for action in &self.scenario.actions {
            match action {
                Action::Start => self.start().await?,
                Action::Advance(micros) => self.stage.pass(*micros).await?,
                Action::Approve { what, by, edits, after } => {
                    if *after > 0 {
                        self.stage.pass(*after).await?;
                    }
                    let edits = if edits.is_empty() { Value::Null } else { Value::Record(Arc::new(edits.iter().cloned().collect())) };
                    self.decide(what, by, Verdict::Approve { edits }).await?;
                }
                Action::Beyond(Beyond::Event { event, payload, after }) => self.tell(event, payload, *after).await?,
                // Whoever plays a scenario asks it first.
                Action::Beyond(_) => return Err("this version cannot play all of this scenario".to_owned()),
                Action::Deny { what, by } => self.decide(what, by, Verdict::Deny { reason: String::new() }).await?,
                Action::Answer { what, by, fields } => self.decide(what, by, Verdict::Answer(fields.clone())).await?,
                Action::Expect(expectations) => {
                    for (expectation, line) in expectations {
                        if let Err(why) = self.check(expectation).await {
                            missed.push(format!("{}:{line}: {why}", self.scenario.location.0));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// An event comes. Where the scenario has no input, it is what starts the run.
    async fn tell(&mut self, event: &str, payload: &Value, after: i64) -> Result<(), String> {
        if after > 0 {
            self.stage.pass(after).await?;
        }
        self.told += 1;
        let id = format!("scenario-{}", self.told).into();
        let arrival = Arrival { name: event.into(), source: "scenario".into(), account: "".into(), id, payload: payload.clone() };
        self.stage.engine.receive(arrival).await.map_err(|error| format!("the event `{event}` was not taken: {error}"))?;
        self.stage.settle().await?;
        if self.run.is_none() {
            let of_flow = RunFilter { flow: Some(self.scenario.flow.clone()), limit: Some(1), ..RunFilter::default() };
            let runs = self.stage.engine.runs(of_flow).await.map_err(|error| format!("the engine stopped: {error:?}"))?;
            self.run = runs.first().map(|run| run.id.clone());
        }
        Ok(())
    }

    async fn start(&mut self) -> Result<(), String> {
        let started = self.stage.engine.start(&self.scenario.flow, self.scenario.input.clone(), "scenario").await;
        self.run = Some(started.map_err(|error| format!("the run did not start: {error:?}"))?.run_id);
        self.stage.settle().await
    }

    async fn waiting(&self) -> Result<Vec<PendingApproval>, String> {
        self.stage.engine.approvals().await.map_err(|error| format!("the engine stopped: {error:?}"))
    }

    async fn decide(&self, what: &str, by: &str, verdict: Verdict) -> Result<(), String> {
        let waiting = self.waiting().await?;
        let Some(item) = waiting.iter().find(|item| is_about(item, what)) else {
            return Err(format!("nothing waits because of `{what}`; {}", told(&waiting)));
        };
        self.stage
            .engine
            .answer(&item.approval.id, by, verdict)
            .await
            .map_err(|error| format!("{by} could not decide `{what}`: {error:?}"))?;
        self.stage.settle().await
    }

    async fn check(&self, expectation: &Expectation) -> Result<(), String> {
        match expectation {
            Expectation::Effect { operation, count, fields } => self.check_effect(operation, *count, fields).await,
            Expectation::Waiting { what, to } => {
                let waiting = self.waiting().await?;
                let found = waiting.iter().any(|item| is_about(item, what) && to.as_ref().is_none_or(|to| item.approval.to.contains(to)));
                if found { Ok(()) } else { Err(format!("expected that `{what}` waits; {}", told(&waiting))) }
            }
            Expectation::Denied { what, count } => {
                let rules =
                    self.events(|kind| if let EventKind::EffectDenied { rule, .. } = kind { Some(rule.clone()) } else { None }).await?;
                let found = rules.iter().filter(|rule| is_denied_by(rule, what)).count();
                compare(found, *count, &format!("denials by `{what}`"), &format!("denied by: {}", rules.join(", ")))
            }
            Expectation::Output(fields) => self.check_output(fields).await,
            Expectation::Beyond(_) => Err("this version cannot look for this".to_owned()),
            Expectation::That(condition) => {
                let outcome = self.outcome().await?;
                match condition.evaluate(&outcome) {
                    Ok(Value::Bool(true)) => Ok(()),
                    Ok(other) => Err(format!("`{}` is {}", condition.source, conform::to_json(&other))),
                    Err(error) => Err(format!("`{}` has no value: {}", condition.source, error.0)),
                }
            }
        }
    }

    async fn events<T>(&self, pick: impl Fn(&EventKind) -> Option<T>) -> Result<Vec<T>, String> {
        let events = self.stage.engine.events(1, usize::MAX, None).await.map_err(|error| format!("the log cannot be read: {error:?}"))?;
        Ok(events.iter().filter_map(|event| pick(&event.kind)).collect())
    }

    async fn check_effect(&self, operation: &str, count: Option<u32>, fields: &[(String, Value)]) -> Result<(), String> {
        // The twin says what really happened; the log says with which request.
        let done = self.twins.effects().iter().filter(|effect| effect.operation == operation).count();
        compare(done, count, &format!("effects of `{operation}`"), "counted at the twin")?;
        let requests = self.events(|kind| if let EventKind::IntentRecorded(intent) = kind { Some(intent.clone()) } else { None }).await?;
        for intent in requests.iter().filter(|intent| *intent.operation == *operation) {
            for (name, wanted) in fields {
                let found = intent.request.get(name).cloned().unwrap_or(Value::Null);
                if found != *wanted {
                    return Err(match (self.told(operation, name, found), self.told(operation, name, wanted.clone())) {
                        (Some(found), Some(wanted)) => format!("`{name}` of `{operation}` is {found}, not {wanted}"),
                        _ => format!("`{name}` of `{operation}` is another secret than is expected"),
                    });
                }
            }
        }
        Ok(())
    }

    /// A parameter of an operation for people, without the secrets in it; none where it is one.
    fn told(&self, operation: &str, name: &str, value: Value) -> Option<String> {
        let mut request = Value::record([(name, value)]);
        self.stage.engine.shown_now().request(operation, &mut request);
        let value = request.get(name).filter(|value| value.as_str() != Some(SECRET))?;
        Some(conform::to_json(value).to_string())
    }

    async fn check_output(&self, fields: &[(String, Value)]) -> Result<(), String> {
        let details = self.details().await?;
        if details.summary.status != RunStatus::Completed {
            let failure = details.summary.failure.as_ref().map(|failure| format!(": {failure}"));
            // Where it stands, and for whom: what the scenario has to answer or to let pass.
            let stands = details.steps.iter().filter(|step| matches!(step.status, "asked" | "waits" | "open"));
            let stands = stands.map(|step| format!("; `{}` {}", step.name, waits_for(step))).collect::<String>();
            return Err(format!("the run is {}{}{stands}", details.summary.status.as_str(), failure.unwrap_or_default()));
        }
        for (name, wanted) in fields {
            let found = details.summary.output.get(name).cloned().unwrap_or(Value::Null);
            if found != *wanted {
                return Err(format!("the output `{name}` is {}, not {}", conform::to_json(&found), conform::to_json(wanted)));
            }
        }
        Ok(())
    }

    async fn details(&self) -> Result<tradewind_engine::summary::RunDetails, String> {
        let Some(run) = &self.run else { return Err("the run was not started".to_owned()) };
        let details = self.stage.engine.run(run).await.map_err(|error| format!("the engine stopped: {error:?}"))?;
        details.ok_or_else(|| "the run is not known".to_owned())
    }

    /// What `that` sees: each step's value by name, and `steps`.
    async fn outcome(&self) -> Result<Outcomes, String> {
        let details = self.details().await?;
        let mut values = Record::default();
        let mut states = Record::default();
        for step in &details.steps {
            values.set(&step.name, step.value.clone());
            let settled = step.note.as_deref().and_then(|note| note.strip_prefix("settled by "));
            let flags = [("ran", step.status == "done"), ("denied", step.status == "denied"), ("failed", step.status == "failed")];
            let mut state: Record = flags.into_iter().map(|(name, flag)| (name.to_owned(), Value::Bool(flag))).collect();
            state.set("settled_by", Value::string(settled.unwrap_or_default()));
            states.set(&step.name, Value::Record(Arc::new(state)));
        }
        values.set("steps", Value::Record(Arc::new(states)));
        Ok(Outcomes(values))
    }
}

struct Outcomes(Record);

impl Resolve for Outcomes {
    fn resolve(&self, name: &str) -> Option<Value> {
        self.0.get(name).cloned()
    }
}

fn is_about(item: &PendingApproval, what: &str) -> bool {
    *item.step == *what || item.approval.rules.iter().any(|rule| rule == what)
}

fn told(waiting: &[PendingApproval]) -> String {
    let each: Vec<String> = waiting.iter().map(|item| format!("{} because of {}", item.step, item.approval.rules.join(" and "))).collect();
    if each.is_empty() { "nothing waits".to_owned() } else { format!("waiting: {}", each.join("; ")) }
}

fn compare(found: usize, count: Option<u32>, what: &str, more: &str) -> Result<(), String> {
    let wanted = count.map_or(found > 0, |count| usize::try_from(count).is_ok_and(|count| count == found));
    let number = count.map_or_else(|| "at least 1".to_owned(), |count| count.to_string());
    if wanted { Ok(()) } else { Err(format!("expected {number} {what}, found {found} ({more})")) }
}

/// What a step that is not over waits for.
fn waits_for(step: &StepDetails) -> String {
    let note = step.note.as_deref().unwrap_or_default();
    match step.status {
        // The note is the number of the question, and whom it is put to.
        "asked" => format!("is asked of {}", note.split_once(" of ").map_or(note, |(_, whom)| whom)),
        "waits" => format!("waits: {note}"),
        _ => format!("is open: {note}"),
    }
}
