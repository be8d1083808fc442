//! What memories and series held before a scenario: facts are remembered by runs and points made of events of their own, on the clock
//! of then, so that they are in the log as any others are. It expects nothing.

use crate::stage::Stage;
use std::sync::Arc;
use tradewind_engine::arrival::Arrival;
use tradewind_lang::expr::{Expr, Tree};
use tradewind_lang::plan::{Bounds, Facts, Flow, Memory, OnError, Plan, SeriesSource, Step, StepKind, Terms};
use tradewind_lang::scenario::{Before, Scenario};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// Begins the names of flows and events that no file can declare.
const GIVEN: &str = "given:";

/// What is to be there, and how old it is at the beginning.
struct Item {
    age: i64,
    name: String,
    value: Value,
    is_fact: bool,
}

/// What a scenario gives, oldest first.
pub(crate) struct Given(Vec<Item>);

impl Given {
    /// Of a scenario, whose plan takes in what tells of it.
    pub(crate) fn of(plan: &mut Plan, scenario: &Scenario) -> Self {
        let mut items = Vec::new();
        for before in &scenario.before {
            match before {
                Before::Facts { memory, facts } => {
                    let Some(memory) = plan.memories.get(memory).cloned() else { continue };
                    for (age, value) in facts {
                        // One flow each: the same fact twice is two facts, and two runs.
                        let name = format!("{GIVEN}{}:{}", memory.name, items.len());
                        let flow = remembering(plan, &memory, &name);
                        plan.flows.insert(name.clone(), Arc::new(flow));
                        items.push(Item { age: *age, name, value: value.clone(), is_fact: true });
                    }
                }
                Before::Points { series, points } => {
                    let name = format!("{GIVEN}{series}");
                    tell_of(plan, series, &name);
                    items.extend(points.iter().map(|(age, value)| Item {
                        age: *age,
                        name: name.clone(),
                        value: value.clone(),
                        is_fact: false,
                    }));
                }
                Before::Effect(_) | Before::Rollout { .. } => {}
            }
        }
        items.sort_by_key(|item| std::cmp::Reverse(item.age));
        Self(items)
    }

    /// How old the oldest of it is.
    pub(crate) fn oldest(&self) -> i64 {
        self.0.first().map_or(0, |item| item.age.max(0))
    }

    /// Makes it so; the clock stands at the beginning of the scenario then.
    pub(crate) async fn make(&self, stage: &Stage, begins: i64) -> Result<(), String> {
        let Stage { engine, clock } = stage;
        for (number, item) in self.0.iter().enumerate() {
            clock.set(begins.saturating_sub(item.age));
            if item.is_fact {
                let started = engine.start(&item.name, item.value.clone(), "scenario").await;
                started.map_err(|error| format!("what the scenario gives was not remembered: {error:?}"))?;
            } else {
                let id = format!("{GIVEN}{number}").into();
                let arrival = Arrival {
                    name: item.name.as_str().into(),
                    source: "scenario".into(),
                    account: "".into(),
                    id,
                    payload: item.value.clone(),
                };
                engine.receive(arrival).await.map_err(|error| format!("what the scenario gives made no point: {error}"))?;
            }
            stage.settle().await?;
        }
        clock.set(begins);
        Ok(())
    }
}

/// A flow that remembers its input as a fact.
fn remembering(plan: &Plan, memory: &Memory, name: &str) -> Flow {
    let of = |field: &str, ty: Ty| {
        let input = Tree::Variable { name: "input".into(), optional: false };
        let root = Tree::Select { of: Box::new(input), field: field.into(), optional: true };
        Expr { source: format!("input.{field}"), ty, root, secret: false }
    };
    let fields = plan.types.records.get(&memory.record).map_or(&[][..], |record| &record.fields);
    let bound = fields.iter().map(|field| (field.name.clone(), of(&field.name, field.ty.clone()))).collect();
    let subject = (!memory.subject.is_empty()).then(|| of(&memory.subject, Ty::String));
    let facts = Facts { memory: memory.name.clone(), subject, facts: vec![(None, bound)] };
    let step = Step {
        name: "given".to_owned(),
        within: None,
        when: None,
        depends: Vec::new(),
        on_error: OnError::Fail,
        skip_denied: false,
        bounds: Bounds::default(),
        kind: StepKind::Facts(Box::new(facts)),
        ty: Ty::Object(Vec::new()),
        origin: None,
    };
    Flow {
        name: name.to_owned(),
        summary: String::new(),
        input: memory.record.clone(),
        key: None,
        deadline: None,
        cost_cap: None,
        terms: Terms::default(),
        steps: vec![step],
        output: Vec::new(),
        endorsed: Vec::new(),
    }
}

/// An event that is a point of a series.
fn tell_of(plan: &mut Plan, series: &str, event: &str) {
    let Some(found) = plan.series.get_mut(series) else { return };
    let source = SeriesSource { event: event.to_owned(), each: None, fields: Vec::new() };
    Arc::make_mut(found).sources.push(source);
    if let Some(record) = plan.types.records.get(&found.point).cloned() {
        plan.types.records.insert(event.to_owned(), record);
    }
}
