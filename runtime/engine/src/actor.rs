//! A document's `agent` as a flow of its own: what it said and heard before is recalled, a message is answered, and both are remembered.
//!
//! A step that addresses an agent begins a run of this flow. Runs of one key wait for each other, in their order: that is the agent's
//! mailbox, and each key has one writer. Its session is a memory that no other flow can name.

use crate::planted::{Bug, planted};
use std::sync::Arc;
use tradewind_lang::expr::{Expr, Tree};
use tradewind_lang::plan::{Acting, Actor, Bindings, Bounds, Busy, Concurrency, Flow, OnError, Plan, Step, StepId, StepKind, Terms};
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// Begins the name of the flow, and of the memory, of an agent: no name of the language holds a colon.
const AGENT: &str = "agent:";
/// The step that recalls the session.
pub(crate) const SESSION: &str = "session";
/// Begins the names of the steps that recall its memories.
pub(crate) const MEMORY: &str = "memory:";
/// The step that answers; requirements of the agent name its answer so.
const ANSWER: &str = "answer";
/// The newest so many messages of a session are told, and facts of each memory.
const LAST: u32 = 20;

/// The name of an agent's flow.
pub(crate) fn flow_name(agent: &str) -> String {
    format!("{AGENT}{agent}")
}

/// The agent whose flow this is.
pub(crate) fn agent_of(flow: &str) -> Option<&str> {
    flow.strip_prefix(AGENT)
}

fn variable(name: &str) -> Tree {
    Tree::Variable { name: name.into(), optional: false }
}

fn select(of: &str, field: &str, ty: Ty) -> Expr {
    let root = Tree::Select { of: Box::new(variable(of)), field: field.into(), optional: false };
    Expr { source: format!("{of}.{field}"), ty, root, secret: false }
}

fn step(name: &str, depends: Vec<StepId>, kind: StepKind, ty: Ty) -> Step {
    let (bounds, name) = (Bounds::default(), name.to_owned());
    Step { name, within: None, when: None, depends, on_error: OnError::Fail, skip_denied: false, bounds, kind, ty, origin: None }
}

/// The flow of an agent.
pub(crate) fn flow_of(plan: &Plan, agent: &Actor) -> Flow {
    let key = || match planted(Bug::SessionShared) {
        true => Expr::constant(Value::string("all"), Ty::String),
        false => select("input", "key", Ty::String),
    };
    let recalled = |memory: &str| StepKind::Recall { memory: memory.to_owned(), subject: key(), last: LAST };
    let mut steps = vec![step(SESSION, Vec::new(), recalled(&flow_name(&agent.name)), Ty::Json)];
    for memory in &agent.memories {
        steps.push(step(&format!("{MEMORY}{memory}"), Vec::new(), recalled(memory), Ty::Json));
    }
    let before = (0..u16::try_from(steps.len()).unwrap_or(u16::MAX)).map(StepId).collect();
    let record = Ty::Record(agent.acting.record.clone());
    let acting = Acting { actor: None, ..agent.acting.clone() };
    let answering = StepId(u16::try_from(steps.len()).unwrap_or(u16::MAX));
    steps.push(step(ANSWER, before, StepKind::Agent(Box::new(acting)), record.clone()));
    let fields: Bindings = vec![
        ("message".to_owned(), select("input", "message", Ty::Json)),
        ("answer".to_owned(), Expr { source: ANSWER.to_owned(), ty: record, root: variable(ANSWER), secret: false }),
    ];
    let remembered = StepKind::Remember { memory: flow_name(&agent.name), subject: key(), fields };
    steps.push(step("remembered", vec![answering], remembered, Ty::Json));
    let declared = plan.types.records.get(&agent.acting.record).map_or(&[][..], |record| &record.fields);
    let output = declared.iter().map(|field| {
        let root = Tree::Select { of: Box::new(variable(ANSWER)), field: Arc::from(field.name.as_str()), optional: true };
        (field.name.clone(), Expr { source: format!("{ANSWER}.{}", field.name), ty: field.ty.clone(), root, secret: field.marks.secret })
    });
    Flow {
        name: flow_name(&agent.name),
        summary: format!("Answers messages to the agent `{}`", agent.name),
        input: String::new(),
        key: None,
        deadline: None,
        cost_cap: None,
        terms: Terms { concurrency: Some(Concurrency { key: Some(key()), busy: Busy::Queue }), ..Terms::default() },
        steps,
        output: output.collect(),
        endorsed: Vec::new(),
    }
}
