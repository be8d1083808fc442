//! `recall` by meaning, by condition, over all subjects, or as of a time. Who ranks is outside; what was found arrives as an input.

use super::{Effect, Round};
use crate::event::Used;
use crate::failure::{Failure, FailureKind};
use crate::finding::{Finding, Wanted};
use crate::key::text_of;
use crate::state::Phase;
use std::sync::Arc;
use tradewind_lang::expr::Expr;
use tradewind_lang::plan::{Search, StepId, StepKind};
use tradewind_lang::value::Value;

pub(super) fn start(round: &mut Round<'_>, id: StepId, search: &Search) {
    match wanted(round, search) {
        Ok(wanted) => round.perform(Effect::Search { step: id, wanted: Arc::new(wanted) }),
        Err(message) => round.fail_rule(id, message),
    }
}

fn wanted(round: &Round<'_>, search: &Search) -> Result<Wanted, String> {
    let text = |expr: &Option<Expr>| expr.as_ref().map(|expr| round.evaluate(expr).map(|value| text_of(&value))).transpose();
    let as_of = match &search.as_of {
        Some(expr) => match round.evaluate(expr)? {
            Value::Timestamp(at) => Some(at),
            _ => return Err(format!("`{}` is no instant", expr.source)),
        },
        None => None,
    };
    let (subject, query) = (text(&search.subject)?, text(&search.query)?);
    Ok(Wanted { memory: search.memory.as_str().into(), subject, query, as_of })
}

pub(super) fn found(round: &mut Round<'_>, id: StepId, finding: &Finding, found: &Result<Vec<Value>, Failure>) {
    if !round.is_running() || !matches!(round.state.step(id).map(|step| &step.phase), Some(Phase::Asking)) {
        return;
    }
    let graph = round.state.graph.clone();
    let Some(StepKind::Search(search)) = graph.step(id).map(|step| &step.kind) else {
        return round.fail(id, Failure::new(FailureKind::Rule, "the step looks for nothing"), Used::State);
    };
    match found {
        Ok(_) if search.all && finding.among > u64::from(search.most) => {
            let message = format!("{} facts of `{}` fit, and at most {} were to", finding.among, search.memory, search.most);
            // Which facts they are would say more than the step may have.
            let finding = Finding { facts: Vec::new(), scores: Vec::new(), ..finding.clone() };
            round.fail(id, Failure::coded(FailureKind::Rule, "too-many", message), Used::Found(finding));
        }
        Ok(facts) => round.complete(id, Value::list(facts.iter().cloned()), Used::Found(finding.clone()), None),
        Err(failure) => round.fail(id, failure.clone(), Used::Found(finding.clone())),
    }
}
