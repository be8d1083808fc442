//! What people are asked, and what may be done because of their answers (I4, I5, I6).

use super::Judge;
use crate::approval::{Approval, ApprovalKind, Raised, Verdict};
use crate::event::{Event, EventKind, Intent};
use crate::key::digest_of;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{OnTimeout, Plan};
use tradewind_lang::value::Value;

/// A question, and what was said to it.
struct Question {
    approval: Arc<Approval>,
    run: Arc<str>,
    step: u16,
    request: Value,
    agreed: BTreeSet<String>,
    /// Closed, and whether with a yes.
    closed: Option<bool>,
    used: bool,
}

#[derive(Default)]
pub(in super::super) struct Questions {
    all: BTreeMap<Arc<str>, Question>,
    /// Who answered what.
    answers: BTreeSet<(Arc<str>, Arc<str>)>,
}

impl Questions {
    pub(in super::super) fn has_answer(&self, approval: &str, by: &str) -> bool {
        self.answers.iter().any(|(one, other)| (&**one, &**other) == (approval, by))
    }

    /// Whether a run waits for somebody.
    pub(super) fn waits(&self, run: &Arc<str>) -> bool {
        self.all.values().any(|question| question.run == *run && question.closed.is_none())
    }

    /// Whether a rule asked a question.
    pub(super) fn is_about(&self, approval: &str, rule: &str) -> bool {
        self.all.get(approval).is_some_and(|question| question.approval.rules.iter().any(|one| one == rule))
    }

    /// Deadlines of open questions, with their runs.
    pub(in super::super) fn due(&self) -> impl Iterator<Item = (&Arc<str>, i64)> {
        self.all
            .values()
            .filter(|question| question.closed.is_none())
            .filter_map(|question| Some((&question.run, question.approval.deadline?)))
    }
}

fn is_member(plan: &Plan, team: &str, by: &str) -> bool {
    plan.teams.get(team).is_some_and(|team| team.members.iter().any(|member| member.eq_ignore_ascii_case(by)))
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let Some(run) = &event.header.run else { return };
    match &event.kind {
        EventKind::ApprovalRequested(approval) => {
            let (request, agreed) = (approval.request.clone(), BTreeSet::new());
            let step = event.header.step.as_ref().map_or(0, |step| step.id.0);
            let question = Question { approval: approval.clone(), run: run.clone(), step, request, agreed, closed: None, used: false };
            if judge.questions.all.insert(approval.id.clone(), question).is_some() {
                judge.violated("I6", format!("question {} was put twice", approval.id));
            }
        }
        EventKind::ApprovalAnswered { approval, verdict, closes, edited } => {
            judge.questions.answers.insert((approval.clone(), event.header.actor.clone()));
            answered(judge, event, approval, (verdict, *closes, edited.as_ref()));
        }
        EventKind::ApprovalExpired { approval, then } => {
            let Some(question) = judge.questions.all.get_mut(approval) else { return };
            let (early, twice) = (question.approval.deadline.is_none_or(|deadline| event.header.at < deadline), question.closed.is_some());
            let is_next = !question.approval.then.is_empty();
            question.closed = Some(*then == OnTimeout::Approve);
            if early || twice {
                judge.violated("I18", format!("question {approval} ran out early, or twice"));
            }
            if is_next {
                judge.violated("I5", format!("silence counted for {approval} before the next team was asked"));
            }
        }
        EventKind::ApprovalRaised(raised) => raise(judge, event, raised),
        EventKind::ApprovalWithdrawn { approval } => {
            if let Some(question) = judge.questions.all.get_mut(approval) {
                question.closed = Some(false);
            }
        }
        EventKind::IntentRecorded(intent) => allowed(judge, run, event, intent),
        _ => {}
    }
}

/// The next team has a question from now on, for as long as it declares; no team of the simulation has hours.
fn raise(judge: &mut Judge, event: &Event, raised: &Raised) {
    let (at, id) = (event.header.at, &raised.approval);
    let Some(question) = judge.questions.all.get_mut(id) else { return judge.violated("I4", format!("{id} was raised and never asked")) };
    let (before, is_closed) = (question.approval.clone(), question.closed.is_some());
    question.approval = Arc::new(Approval {
        to: raised.to.clone(),
        deadline: Some(raised.deadline),
        quorum: raised.quorum,
        then: raised.then.clone(),
        ..Approval::clone(&before)
    });
    let next = before.then.first();
    let teams: Option<Vec<String>> = next.map(|next| next.asks.iter().map(|(team, _)| team.clone()).collect());
    let until = next.and_then(|next| next.asks.iter().map(|(_, within)| at + within).min());
    if is_closed || before.deadline.is_none_or(|deadline| at < deadline) {
        judge.violated("I18", format!("question {id} was raised early, or after its end"));
    }
    if teams != Some(raised.to.clone()) || until != Some(raised.deadline) || next.map(|next| next.quorum) != Some(raised.quorum) {
        judge.violated("I5", format!("question {id} was raised to {:?} until {}, and {next:?} is declared", raised.to, raised.deadline));
    }
}

fn answered(judge: &mut Judge, event: &Event, id: &Arc<str>, (verdict, closes, edited): (&Verdict, bool, Option<&Value>)) {
    let by = event.header.actor.to_lowercase();
    let Some(question) = judge.questions.all.get_mut(id) else { return judge.violated("I4", format!("{id} was answered and never asked")) };
    let approval = question.approval.clone();
    let twice = question.closed.is_some();
    if let Some(edited) = edited {
        question.request = edited.clone();
        question.agreed.clear();
    }
    if matches!(verdict, Verdict::Approve { .. }) {
        question.agreed.insert(by.clone());
    }
    if closes {
        question.closed = Some(matches!(verdict, Verdict::Approve { .. }));
    }
    if twice {
        judge.violated("I6", format!("{id} was answered after it was closed"));
    }
    if approval.deadline.is_some_and(|deadline| event.header.at >= deadline) {
        judge.violated("I5", format!("{id} was answered after its time"));
    }
    if !approval.to.iter().any(|team| is_member(&judge.plan, team, &by)) {
        judge.violated("I5", format!("{by} answered {id} and belongs to none of {:?}", approval.to));
    }
}

/// Whether an intent has the approvals that it names, and names those that it needs.
fn allowed(judge: &mut Judge, run: &Arc<str>, event: &Event, intent: &Intent) {
    let action = (&*intent.operation, &intent.request, &intent.evidence, event.header.policy);
    let digest = intent.account.as_ref().map_or_else(|| digest_of(&action), |account| digest_of(&(&action, account)));
    if digest != intent.digest {
        judge.violated("I5", format!("the digest of `{}` is not that of what it does", intent.operation));
    }
    let flow = judge.runs.get(run).map(|run| run.flow.clone()).unwrap_or_default();
    let amount = match intent.request.get("amount") {
        Some(Value::Money(amount)) => Some(*amount),
        _ => None,
    };
    let limit = Money::parse("200 USD").unwrap();
    let is_large = amount.and_then(|amount| amount.compare(limit)).is_some_and(std::cmp::Ordering::is_gt);
    let Some(id) = &intent.approval else {
        if is_large || &*flow == "gift" {
            judge.violated("I5", format!("`{}` of {amount:?} in `{flow}` has no approval", intent.operation));
        }
        return;
    };
    let plan = judge.plan.clone();
    let Some(question) = judge.questions.all.get_mut(id) else { return judge.violated("I5", format!("approval {id} was never asked")) };
    let mut wrong = Vec::new();
    if std::mem::replace(&mut question.used, true) {
        wrong.push(("I6", "was used before"));
    }
    if question.closed != Some(true) {
        wrong.push(("I5", "was not given"));
    }
    if question.run != *run || question.approval.kind != ApprovalKind::Act || question.request != intent.request {
        wrong.push(("I6", "was given for something else"));
    }
    let teams = question.approval.to.iter().all(|team| question.agreed.iter().any(|by| is_member(&plan, team, by)));
    if question.agreed.len() < question.approval.quorum as usize || !teams {
        wrong.push(("I5", "has too few people behind it"));
    }
    let rules = &question.approval.rules;
    if is_large && !rules.iter().any(|rule| rule.ends_with(".large")) {
        wrong.push(("I5", "was not about an amount that large"));
    }
    if &*flow == "gift" && (question.agreed.len() < 2 || !rules.iter().any(|rule| rule == "stage")) {
        wrong.push(("I5", "is not signed by two"));
    }
    wrong.into_iter().for_each(|(invariant, why)| judge.violated(invariant, format!("approval {id} of `{}` {why}", intent.operation)));
}

impl Judge {
    /// The key of the effect of which somebody is asked what became of it.
    pub(in super::super) fn settles(&self, approval: &str) -> Option<String> {
        let question = self.questions.all.get(approval)?;
        self.open.get(&(question.run.clone(), question.step)).map(|key| key.to_string())
    }
}

/// A run ends: nobody is asked for it any more.
pub(super) fn ends(judge: &mut Judge, run: &Arc<str>) {
    if let Some((id, _)) = judge.questions.all.iter().find(|(_, question)| question.run == *run && question.closed.is_none()) {
        let what = format!("run {run} ended, and question {id} is open");
        judge.violated("I3", what);
    }
}
