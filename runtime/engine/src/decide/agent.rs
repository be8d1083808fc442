//! `agent`: a model with tools, for a bounded number of turns. It says what to call; what is called is fixed by the plan, bounded by it,
//! and held by the same policies as any act. Each call is a step of the run, with a key of its own.

use super::Round;
use super::children::begin_with;
use super::draft::{conclude, told};
use super::question::{Barred, Came, Task, pursue, shortened};
use crate::actor::{MEMORY, SESSION, agent_of};
use crate::event::{EventKind, Used};
use crate::failure::{Failure, FailureKind};
use crate::key::text_of;
use crate::planted::{Bug, planted};
use crate::question::{Called, Purpose, ToolCall, ToolOffer, Turn};
use crate::scope::{Beside, Over, StepScope};
use crate::state::{Phase, RunState, Talk};
use std::sync::Arc;
use tradewind_lang::conform::{fields_from_json, to_json};
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Acting, StepId, StepKind, Tool};
use tradewind_lang::ty::{Field, Ty};
use tradewind_lang::value::{Record, Value};
use tradewind_lang::{json_keys, json_schema};

/// The longest answer of a tool that a model is told.
const LONGEST: usize = 32_000;

/// A step that addresses an agent of the document: the message goes to the flow of that agent, under its key.
fn address(round: &mut Round<'_>, id: StepId, acting: &Acting, key: &Expr) {
    let message = round.evaluate(key).and_then(|key| match key {
        Value::String(key) if !key.is_empty() => Ok(key),
        _ => Err("the key of the agent is absent".to_owned()),
    });
    let told = message.and_then(|key| Ok((key, told(&StepScope { state: &round.state, now: round.now }, &acting.talk)?)));
    match told {
        Ok((key, turns)) => {
            let said = turns.iter().filter_map(|turn| match turn {
                Turn::System(text) => Some(("system", text)),
                Turn::User(text) => Some(("user", text)),
                Turn::Model(text) => Some(("model", text)),
                // What an addressed agent is shown stays with whoever showed it: its session holds words.
                Turn::Calls(_) | Turn::Tool { .. } | Turn::Image(_) => None,
            });
            let said = said.map(|(role, text)| Value::record([("role", Value::string(role)), ("text", Value::String(text.clone()))]));
            let input = Value::record([("key", Value::String(key)), ("message", Value::list(said))]);
            begin_with(round, id, input);
        }
        Err(message) => round.fail_rule(id, message),
    }
}

/// What the model of an agent of the document is told: what it is, what it remembers, what was said before, what is said now.
fn in_session(round: &Round<'_>, acting: &Acting) -> Result<Vec<Turn>, String> {
    let scope = StepScope { state: &round.state, now: round.now };
    let names = own_names(&round.state);
    let mut turns = told(&Beside { scope: &scope, names: &names }, &acting.talk)?;
    let value = |name: &str| round.state.graph.find(name).and_then(|id| round.state.step(id)).map(|step| step.value.clone());
    for node in round.state.graph.nodes.iter().filter(|node| node.name.starts_with(MEMORY)) {
        let facts = value(&node.name).map(|facts| to_json(&facts).to_string()).filter(|facts| facts != "[]");
        turns.extend(facts.map(|facts| Turn::User(format!("What you know: {facts}").into())));
    }
    if let Some(Value::List(before)) = value(SESSION) {
        for exchange in before.iter() {
            turns.extend(exchange.get("message").map(spoken).unwrap_or_default());
            turns.extend(exchange.get("answer").map(|answer| Turn::Model(to_json(answer).to_string().into())));
        }
    }
    turns.extend(round.state.input.get("message").map(spoken).unwrap_or_default());
    Ok(turns)
}

/// Turns that were put into a message.
fn spoken(message: &Value) -> Vec<Turn> {
    let Value::List(turns) = message else { return Vec::new() };
    let turn = |turn: &Value| {
        let text = Arc::<str>::from(turn.get("text").and_then(Value::as_str)?);
        Some(match turn.get("role").and_then(Value::as_str)? {
            "system" => Turn::System(text),
            "model" => Turn::Model(text),
            _ => Turn::User(text),
        })
    };
    turns.iter().filter_map(turn).collect()
}

/// The names that only the flow of an agent has.
fn own_names(state: &RunState) -> Vec<(Arc<str>, Value)> {
    let key = state.input.get("key").filter(|_| agent_of(&state.graph.name).is_some());
    key.map(|key| (Arc::from("key"), key.clone())).into_iter().collect()
}

/// The step's turn has come, its model was heard, its tools have answered, or the guards refused a rung.
pub(super) fn go_on(round: &mut Round<'_>, id: StepId, acting: &Acting, barred: Barred<'_>) {
    if let Some((_, key)) = &acting.actor {
        return address(round, id, acting, key);
    }
    let talk = round.state.step(id).and_then(|step| step.talk.clone()).unwrap_or_default();
    if talk.turn >= acting.max_steps {
        let message = format!("it came to no answer in {} turns", acting.max_steps);
        return round.fail(id, Failure::coded(FailureKind::Rule, "max-steps", message), Used::State);
    }
    let says = match talk.turn {
        0 if agent_of(&round.state.graph.name).is_some() => in_session(round, acting),
        0 => told(&StepScope { state: &round.state, now: round.now }, &acting.talk),
        _ => Ok(results(&round.state, &talk)),
    };
    let says = match says {
        Ok(says) => says,
        Err(message) => return round.fail_rule(id, message),
    };
    let tools = acting.tools.iter().filter_map(|tool| offer(round, acting, &talk, tool)).collect();
    let (purpose, wants) = (Purpose::Turn(talk.turn + 1), Ty::Record(acting.record.clone()));
    let task = Task {
        purpose,
        route: acting.route.clone(),
        says,
        anew: talk.turn == 0,
        wants,
        tools,
        personal: acting.talk.personal,
        fits: holds,
        looked: None,
    };
    match pursue(round, id, &task, barred) {
        Came::Calls(calls) => call(round, id, acting, &talk, &calls),
        came => conclude(round, id, &acting.record, came, &task, barred),
    }
}

/// What an answer must be, beside its type.
pub(super) fn holds(round: &Round<'_>, id: StepId, answer: &Value) -> Result<(), String> {
    let Some(StepKind::Agent(acting)) = round.state.graph.step(id).map(|step| &step.kind) else { return Ok(()) };
    let name = round.state.graph.node(id).map_or("", |node| &node.name);
    let (scope, names) = (StepScope { state: &round.state, now: round.now }, own_names(&round.state));
    let scope = Beside { scope: &scope, names: &names };
    for require in &acting.requires {
        match require.when.evaluate(&Over { scope: &scope, name, value: answer }) {
            Ok(Value::Bool(true)) => {}
            Ok(_) => {
                return Err(require
                    .message
                    .clone()
                    .unwrap_or_else(|| format!("{}: `{}` does not hold", require.code, require.when.source)));
            }
            Err(error) => return Err(format!("`{}`: {}", require.when.source, error.0)),
        }
    }
    Ok(())
}

/// The newest answer of each tool, by its name: what later tools may be fixed by.
fn answers(state: &RunState, talk: &Talk) -> Vec<(Arc<str>, Value)> {
    let answered = talk.calls.iter().filter_map(|(called, step)| {
        let step = state.step((*step)?)?;
        matches!(step.phase, Phase::Completed(_)).then(|| (called.name.clone(), step.value.clone()))
    });
    own_names(state).into_iter().chain(talk.answers.iter().cloned()).chain(answered).collect()
}

/// What a tool is told of, as far as it can be called by now: parameters that the plan gives are none of the model's.
fn offer(round: &Round<'_>, acting: &Acting, talk: &Talk, tool: &Tool) -> Option<ToolOffer> {
    let (operation, _) = round.operation(&tool.operation).ok()?;
    let (_, listed) = given(round, acting, talk, tool).ok()?;
    let mut schema = json_schema::of_fields(&chosen(&operation.request, tool), &round.state.pinned.types);
    for (name, list) in &listed {
        let choices = if let Value::List(items) = list { items.iter().map(to_json).collect::<Vec<_>>() } else { Vec::new() };
        if let Some(property) = schema.get_mut("properties").and_then(|properties| properties.get_mut(name.as_ref())) {
            *property = serde_json::json!({ "enum": choices });
        }
    }
    let about = format!("{} of {}; at most {} calls", operation.name, operation.connector, tool.max_calls);
    Some(ToolOffer { name: tool.name.as_str().into(), about, schema })
}

/// The parameters that a model chooses.
fn chosen(fields: &[Field], tool: &Tool) -> Vec<Field> {
    let is_fixed = |field: &Field| tool.fixed.iter().any(|(name, _)| *name == field.name) && !planted(Bug::ToolUnfixed);
    fields.iter().filter(|field| !is_fixed(field)).cloned().collect()
}

type Named = Vec<(Arc<str>, Value)>;

/// Parameters that the plan gives, and the lists from which others are chosen.
fn given(round: &Round<'_>, _acting: &Acting, talk: &Talk, tool: &Tool) -> Result<(Named, Named), String> {
    let names = answers(&round.state, talk);
    let scope = StepScope { state: &round.state, now: round.now };
    let scope = Beside { scope: &scope, names: &names };
    let evaluate = |bindings: &tradewind_lang::plan::Bindings| {
        let each = bindings.iter().map(|(name, expr)| match expr.evaluate(&scope) {
            Ok(value) => Ok((Arc::<str>::from(name.as_str()), value)),
            Err(error) => Err(format!("`{name}`: {}", error.0)),
        });
        each.collect::<Result<Named, String>>()
    };
    Ok((evaluate(&tool.fixed)?, evaluate(&tool.one_of)?))
}

/// A model called tools: what may be called becomes steps, and the model is told why the rest is not.
fn call(round: &mut Round<'_>, id: StepId, acting: &Acting, talk: &Talk, calls: &[ToolCall]) {
    let mut called: Vec<Called> = Vec::new();
    for call in calls {
        let before = talk.called.iter().chain(called.iter().map(|call| &call.name)).filter(|name| **name == call.name).count();
        // A model may name anything, of any length; it is told why, and so is the log, and neither is told all of it again.
        let let_through = request(round, acting, talk, call, before).map_err(|why| shortened(&why));
        called.push(Called { id: call.id.clone(), name: call.name.clone(), call: let_through });
    }
    round.emit(Some(id), EventKind::ToolsCalled(called.into()), Used::State, None);
}

fn request(round: &Round<'_>, acting: &Acting, talk: &Talk, call: &ToolCall, before: usize) -> Result<(Arc<str>, Value), String> {
    let tool = acting.tools.iter().find(|tool| *tool.name == *call.name || planted(Bug::ToolUnlisted));
    let tool = tool.ok_or_else(|| format!("there is no tool `{}`", call.name))?;
    if before >= tool.max_calls as usize + usize::from(planted(Bug::ToolCalledTooOften)) {
        return Err(format!("`{}` may be called {} times, and was", tool.name, tool.max_calls));
    }
    let (operation, _) = round.operation(&tool.operation)?;
    let (fixed, listed) = given(round, acting, talk, tool)?;
    let text = if call.arguments.trim().is_empty() { "{}" } else { &*call.arguments };
    json_keys::check(text.as_bytes())?;
    let json = serde_json::from_str(text).map_err(|error| format!("its arguments are no JSON: {error}"))?;
    let types = &round.state.pinned.types;
    let chosen = fields_from_json(&json, &chosen(&operation.request, tool), types)
        .map_err(|problems| problems.iter().take(5).map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
    for (name, list) in &listed {
        let value = chosen.get(name).cloned().unwrap_or(Value::Null);
        let is_listed = matches!(list, Value::List(items) if items.contains(&value));
        if !is_listed {
            return Err(format!("`{name}` is none of those that may be chosen: `{}`", text_of(&value)));
        }
    }
    let mut whole = Record::default();
    for field in &operation.request {
        let own = fixed.iter().find(|(name, _)| **name == *field.name).map(|(_, value)| value.clone());
        let own = own.filter(|_| !planted(Bug::ToolUnfixed)).or_else(|| chosen.get(&field.name).cloned());
        whole.set(&field.name, own.unwrap_or(Value::Null));
    }
    Ok((operation.name.as_str().into(), Value::Record(Arc::new(whole))))
}

/// What the tools of the newest turn came to, as a model is told.
fn results(state: &RunState, talk: &Talk) -> Vec<Turn> {
    let result = |called: &Called, step: Option<StepId>| match (&called.call, step.and_then(|id| state.step(id))) {
        (Err(why), _) => serde_json::json!({ "error": why }),
        (Ok(_), None) => serde_json::json!({ "error": "it was not called" }),
        (Ok(_), Some(step)) => match &step.phase {
            Phase::Completed(_) => to_json(&step.value),
            Phase::Denied { rule, message } => serde_json::json!({ "denied": format!("{rule}: {message}") }),
            Phase::Failed(failure) => serde_json::json!({ "error": failure.to_string() }),
            _ => serde_json::json!({ "error": "it was left out" }),
        },
    };
    let turn = |(called, step): &(Called, Option<StepId>)| {
        let text: String = result(called, *step).to_string().chars().take(LONGEST).collect();
        Turn::Tool { id: called.id.clone(), name: called.name.clone(), text: text.into() }
    };
    talk.calls.iter().map(turn).collect()
}
