//! In whose name something is done: in that of the account that its run names, and what is taken back in the one in which it was done. A
//! business key counts for each account by itself.

use super::Judge;
use crate::event::{Event, EventKind, Intent};
use crate::ports::Call;
use std::sync::Arc;
use tradewind_lang::value::Value;

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let (Some(run), Some(step)) = (&event.header.run, &event.header.step) else { return };
    let Some(known) = judge.runs.get(run) else { return };
    let shop = (&*known.flow == "retitle").then(|| text(&known.input, "shop").to_owned());
    match (&event.kind, shop) {
        (EventKind::StepCompleted { value }, Some(shop)) if &*step.name == "now" && text(value, "by") != format!("branch.{shop}") => {
            judge.violated("accounts", format!("run {run} is told of {value:?}, and asked `{shop}`"));
        }
        (EventKind::IntentRecorded(intent), shop) if intent.operation.starts_with("branch.") => meant(judge, run, intent, shop),
        (EventKind::EffectDenied { rule, .. }, Some(shop)) if &*step.name == "open" && rule == "unique" => {
            let page = judge.runs.get(run).map(|known| text(&known.input, "page").to_owned()).unwrap_or_default();
            let is_same = |intent: &Intent| {
                &*intent.operation == "branch.open" && intent.account.as_deref() == Some(&*shop) && text(&intent.request, "id") == page
            };
            if !judge.meant.values().any(|meant| is_same(&meant.intent)) {
                judge.violated("accounts", format!("run {run} may not open `{page}` of `{shop}`, and nobody did"));
            }
        }
        _ => {}
    }
}

fn meant(judge: &mut Judge, run: &Arc<str>, intent: &Intent, shop: Option<String>) {
    let wanted = match &intent.undoes {
        Some(of) => judge.meant.get(of).and_then(|meant| meant.intent.account.as_deref().map(str::to_owned)),
        None => shop.or_else(|| intent.account.as_deref().map(str::to_owned)),
    };
    if wanted.is_none() || intent.account.as_deref() != wanted.as_deref() {
        judge.violated("accounts", format!("run {run} does `{}` for {:?}, and {wanted:?} is meant", intent.operation, intent.account));
    }
    let named = wanted.map(|wanted| format!("branch.{wanted}"));
    let before = intent.before.as_ref().map(|before| text(before, "by").to_owned());
    if before.is_some() && before != named {
        judge.violated("accounts", format!("run {run} does `{}` for {named:?}, and looked at {before:?}", intent.operation));
    }
}

/// A request leaves in the name that its intent has.
pub(super) fn sent(judge: &mut Judge, call: &Call) {
    let Some(meant) = judge.meant.get(&*call.key).filter(|meant| meant.intent.operation.starts_with("branch.")) else { return };
    let named = meant.intent.account.as_ref().map(|account| format!("branch.{account}"));
    let own = call.account.as_ref().map(|whose| whose.name.clone());
    if named.is_none() || own != named {
        judge.violated("accounts", format!("`{}` leaves for {own:?}, and {named:?} is meant", call.operation.name));
    }
}
