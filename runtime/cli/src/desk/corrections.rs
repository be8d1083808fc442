//! What people changed of what was proposed to them, as rows that somebody may look through and learn from. It teaches nothing itself.

use super::{Desk, MOST_EVENTS, Problem};
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;
use tradewind_engine::approval::{Approval, Verdict};
use tradewind_engine::event::{Event, EventKind};
use tradewind_lang::conform::to_json;
use tradewind_lang::literal::timestamp_text;
use tradewind_lang::value::Value;

#[derive(Default)]
struct Gathered {
    flows: HashMap<Arc<str>, Arc<str>>,
    /// What people were asked, and is open.
    asked: HashMap<Arc<str>, Arc<Approval>>,
    rows: Vec<Json>,
}

impl Desk {
    /// What people changed or answered, oldest first, of one flow or of all.
    pub(super) async fn corrections(&self, flow: Option<&str>) -> Result<Json, Problem> {
        let (mut gathered, mut from) = (Gathered::default(), 1);
        loop {
            let events = self.engine.shown_events(from, MOST_EVENTS, None).await?;
            let Some(last) = events.last() else { break };
            from = last.header.seq + 1;
            events.iter().for_each(|event| gathered.take(event, flow));
        }
        Ok(json!({ "version": 1, "corrections": gathered.rows }))
    }
}

impl Gathered {
    fn take(&mut self, event: &Event, wanted: Option<&str>) {
        let Some(run) = &event.header.run else { return };
        match &event.kind {
            EventKind::RunStarted { flow, .. } => drop(self.flows.insert(run.clone(), flow.clone())),
            EventKind::ApprovalRequested(approval) => drop(self.asked.insert(approval.id.clone(), approval.clone())),
            EventKind::ApprovalExpired { approval, .. } | EventKind::ApprovalWithdrawn { approval } => drop(self.asked.remove(approval)),
            EventKind::ApprovalAnswered { approval, verdict, closes: true, edited } => {
                let (Some(asked), Some(flow)) = (self.asked.remove(approval), self.flows.get(run)) else { return };
                let Some((proposed, corrected)) = corrected(&asked, verdict, edited.as_ref()) else { return };
                if wanted.is_none_or(|wanted| *wanted == **flow) {
                    self.rows.push(json!({
                        "flow": &**flow,
                        "step": event.header.step.as_ref().map(|step| &*step.name),
                        "run": &**run,
                        "seq": event.header.seq,
                        "at": timestamp_text(event.header.at),
                        "by": &*event.header.actor,
                        "asked": asked.question,
                        "shown": asked.shown.iter().map(|(name, value)| (name.clone(), to_json(value))).collect::<Map<_, _>>(),
                        "proposed": proposed,
                        "corrected": corrected,
                    }));
                }
            }
            _ => {}
        }
    }
}

/// What was proposed, and what came in its place; none where a person only said yes or no.
fn corrected(asked: &Approval, verdict: &Verdict, edited: Option<&Value>) -> Option<(Json, Json)> {
    match (verdict, edited) {
        (Verdict::Answer(fields), _) => Some((Json::Null, to_json(fields))),
        (_, Some(edited)) => {
            let changed = |name: &&String| asked.request.get(name) != edited.get(name);
            let of = |request: &Value| -> Json {
                let names = asked.editable.iter().filter(changed);
                Json::Object(names.map(|name| (name.clone(), request.get(name).map_or(Json::Null, to_json))).collect())
            };
            let (proposed, corrected) = (of(&asked.request), of(edited));
            corrected.as_object().is_some_and(|fields| !fields.is_empty()).then_some((proposed, corrected))
        }
        _ => None,
    }
}
