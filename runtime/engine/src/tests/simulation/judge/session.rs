//! An agent of the document: what it is told begins with what was said under its key before, and with nothing else.

use super::Judge;
use crate::event::{Event, EventKind};
use crate::question::{Purpose, Turn};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// The flow of the agent, and its memory.
const CLERK: &str = "agent:clerk";
/// An agent is told the newest so many.
const TOLD: usize = 20;

/// How many answers were remembered under each key.
#[derive(Default)]
pub(super) struct Sessions(BTreeMap<Arc<str>, usize>);

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let Some(run) = &event.header.run else { return };
    match &event.kind {
        EventKind::FactRemembered { memory, subject, .. } if &**memory == CLERK => {
            *judge.sessions.0.entry(subject.clone()).or_default() += 1;
        }
        EventKind::ModelAsked(question) if question.anew && question.purpose == Purpose::Turn(1) => {
            let Some(known) = judge.runs.get(run).filter(|run| &*run.flow == CLERK) else { return };
            let key: Arc<str> = known.input.get("key").and_then(Value::as_str).unwrap_or_default().into();
            // A fork takes over what was recalled before.
            if judge.families.is_forked(run) {
                return;
            }
            let before = judge.sessions.0.get(&key).copied().unwrap_or(0).min(TOLD);
            let answers = question.says.iter().filter(|turn| matches!(turn, Turn::Model(_))).count();
            let strange = question.says.iter().find_map(|turn| match turn {
                Turn::User(text) if !text.contains(&format!("order {key}?")) => Some(text.clone()),
                _ => None,
            });
            if answers != before || strange.is_some() {
                let what = format!("run {run} is told {answers} answers under `{key}`, there were {before}, and {strange:?}");
                judge.violated("session", what);
            }
        }
        _ => {}
    }
}
