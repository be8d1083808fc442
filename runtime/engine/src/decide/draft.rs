//! `decide { draft }` by a model: what it is told, and what its answer comes to.

use super::picture::picture;
use super::question::{Barred, Came, Task, any, pursue};
use super::{Round, model, person};
use crate::event::Used;
use crate::failure::{Failure, FailureKind};
use crate::question::{Label, Looked, Purpose, Turn};
use crate::scope::StepScope;
use std::sync::Arc;
use tradewind_lang::conform;
use tradewind_lang::expr::Resolve;
use tradewind_lang::plan::{Escalation, Generate, StepId, Talk};
use tradewind_lang::template::Template;
use tradewind_lang::ty::Ty;
use tradewind_lang::value::Value;

/// The step's turn has come, an answer was heard, or the guards refused a rung.
pub(super) fn go_on(round: &mut Round<'_>, id: StepId, generate: &Generate, barred: Barred<'_>) {
    proceed(round, id, generate, barred, None);
}

/// Nothing of the kind is kept: the ladder goes on from there.
pub(super) fn nothing_kept(round: &mut Round<'_>, id: StepId, generate: &Generate, looked: &Looked) {
    proceed(round, id, generate, Barred { rungs: &looked.barred, refused: None }, Some(looked.clone()));
}

fn proceed(round: &mut Round<'_>, id: StepId, generate: &Generate, barred: Barred<'_>, looked: Option<Looked>) {
    let says = match told(&StepScope { state: &round.state, now: round.now }, &generate.talk) {
        Ok(says) => says,
        Err(message) => return round.fail_rule(id, message),
    };
    let (route, wants) = (generate.route.clone(), Ty::Record(generate.record.clone()));
    let task = Task {
        purpose: Purpose::Draft,
        route,
        says,
        anew: true,
        wants,
        tools: Vec::new(),
        personal: generate.talk.personal,
        fits: any,
        looked,
    };
    let came = pursue(round, id, &task, barred);
    conclude(round, id, &generate.record, came, &task, barred);
}

/// A step that ends with what its ladder came to.
pub(super) fn conclude(round: &mut Round<'_>, id: StepId, record: &str, came: Came, task: &Task, barred: Barred<'_>) {
    let used = |label: Option<Label>| match task.used(barred) {
        Used::State => label.map(Used::Said).unwrap_or_default(),
        used => used,
    };
    match came {
        Came::Asked => {}
        Came::Value(value, label) => round.complete(id, value, used(Some(label)), None),
        Came::Template(template, label) => match filled(round, record, &template) {
            Ok(value) => round.complete(id, value, used(Some(label)), None),
            Err(message) => round.fail(id, Failure::new(FailureKind::Rule, message), used(None)),
        },
        Came::Person(escalation, passed) => by_person(round, id, record, &escalation, (task, &passed), used(None)),
        Came::Nothing(failure) => round.fail(id, failure, used(None)),
        Came::Calls(_) => round.fail(id, Failure::new(FailureKind::Schema, "it called a tool, and has none"), used(None)),
    }
}

/// No model answered: a person writes what it was to write.
fn by_person(round: &mut Round<'_>, id: StepId, record: &str, escalation: &Escalation, (task, passed): (&Task, &[String]), used: Used) {
    let said = task.says.iter().filter_map(|turn| match turn {
        Turn::System(text) | Turn::User(text) => Some(Value::String(text.clone())),
        _ => None,
    });
    let shown = vec![
        ("told".to_owned(), Value::list(said)),
        ("models".to_owned(), Value::list(passed.iter().map(|why| Value::string(why.as_str())))),
    ];
    let question = format!("No model answered. Write the `{record}`.");
    person::ask_for(round, id, escalation, (question, shown), (crate::approval::ApprovalKind::Ask, Some(record.to_owned())), used);
}

/// A template fills the one required text field of a record.
pub(super) fn filled(round: &Round<'_>, record: &str, template: &Template) -> Result<Value, String> {
    let text = model::render(round, template)?;
    let types = &round.state.pinned.types;
    let fields = types.records.get(record).map_or(&[][..], |record| &record.fields);
    let field = fields.iter().find(|field| field.default.is_none() && !matches!(field.ty, Ty::Optional(_)));
    let field = field.ok_or_else(|| format!("`{record}` has no field for a text"))?;
    let json = serde_json::json!({ field.name.as_str(): text });
    conform::from_json(&json, &Ty::Record(record.to_owned()), types)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Everything that a model is told, in its order: what it is, examples, what was said before, what is said now.
pub(super) fn told(scope: &dyn Resolve, talk: &Talk) -> Result<Vec<Turn>, String> {
    let text = |template: &Template| template.render(scope).map(Arc::<str>::from);
    let mut turns = Vec::new();
    if let Some(system) = &talk.system {
        turns.push(Turn::System(text(system)?));
    }
    for (said, answered) in &talk.examples {
        turns.push(Turn::User(text(said)?));
        turns.push(Turn::Model(text(answered)?));
    }
    if let Some(history) = &talk.history {
        let before = history.evaluate(scope).map_err(|error| format!("`{}`: {}", history.source, error.0))?;
        let Value::List(before) = before else { return Err(format!("`{}` is no list of turns", history.source)) };
        for turn in before.iter() {
            let field = |name: &str| turn.get(name).and_then(Value::as_str).unwrap_or_default();
            let said = Arc::<str>::from(field("text"));
            turns.push(match field("role") {
                "assistant" | "model" | "agent" => Turn::Model(said),
                // Whoever else spoke, it is no instruction of ours.
                _ => Turn::User(said),
            });
        }
    }
    for image in &talk.images {
        let value = image.evaluate(scope).map_err(|error| format!("`{}`: {}", image.source, error.0))?;
        turns.extend(picture(&value).map_err(|why| format!("`{}` {why}", image.source))?.map(Turn::Image));
    }
    for template in talk.prompt.iter().chain(&talk.user) {
        turns.push(Turn::User(text(template)?));
    }
    Ok(turns)
}
