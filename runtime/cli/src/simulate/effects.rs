//! One effect of a dry run, put together from the events of its step: what it would do to whom, what the policies said, how it could be
//! taken back. It asks nobody anything.

use crate::describe::shortened;
use serde_json::{Value as Json, json};
use std::fmt::Write as _;
use std::sync::Arc;
use tradewind_engine::approval::{Approval, Verdict};
use tradewind_engine::event::{EventKind, Intent, Next, Outcome};
use tradewind_engine::guard::{Amount, Claim, Span};
use tradewind_engine::undo::{Back, Reversal};
use tradewind_lang::conform::to_json;
use tradewind_lang::literal::{duration_text, timestamp_text};
use tradewind_lang::plan::{EffectKind, MoneyDirection, Plan};

/// Somebody who was asked.
#[derive(Debug)]
struct Asked {
    approval: Arc<Approval>,
    asked_at: i64,
    /// What was said, by whom.
    said: Vec<(Arc<str>, &'static str)>,
    /// Nobody answered in time.
    expired: bool,
}

/// An effect that was done, refused, asked for or left open.
#[derive(Debug)]
pub(super) struct Effect {
    step: Arc<str>,
    flow: Arc<str>,
    operation: Arc<str>,
    intent: Option<Arc<Intent>>,
    asked: Vec<Asked>,
    denied: Option<(String, String)>,
    /// What went wrong on the way.
    attempts: Vec<String>,
    outcome: Option<(Outcome, &'static str)>,
    pub(super) back: Option<Reversal>,
}

impl Effect {
    pub(super) fn new(step: Arc<str>, flow: Arc<str>, operation: Arc<str>) -> Self {
        let (asked, attempts) = (Vec::new(), Vec::new());
        Self { step, flow, operation, intent: None, asked, denied: None, attempts, outcome: None, back: None }
    }

    /// The key under which it happened, where it was to happen.
    pub(super) fn key(&self) -> Option<&str> {
        self.intent.as_ref().map(|intent| &*intent.key)
    }

    /// Whether it was done.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.outcome, Some((Outcome::Done(_), _)))
    }

    /// What it moved, where it was done and is no price.
    pub(super) fn moved(&self, plan: &Plan) -> Option<tradewind_lang::money::Money> {
        let is_price = self.direction(plan) == Some(MoneyDirection::Price);
        self.intent.as_ref().filter(|_| self.is_done() && !is_price)?.money
    }

    /// Its operation.
    pub(super) fn operation(&self) -> &str {
        &self.operation
    }

    /// Who refused it.
    pub(super) fn denied_by(&self) -> Option<&str> {
        self.denied.as_ref().map(|(rule, _)| rule.as_str())
    }

    /// Whether it waits for people.
    pub(super) fn is_asked(&self) -> bool {
        self.outcome.is_none() && self.denied.is_none() && self.asked.iter().any(|asked| asked.said.is_empty() && !asked.expired)
    }

    /// Takes in an event of its step.
    pub(super) fn hear(&mut self, kind: &EventKind, at: i64, actor: &Arc<str>) {
        match kind {
            EventKind::IntentRecorded(intent) => self.intent = Some(intent.clone()),
            EventKind::EffectAttempted { attempt, doubt, code, next, .. } => {
                let then = match next {
                    Next::Send(_) => "sent again",
                    Next::Lookup(_) => "looked up",
                    Next::Person => "a person is asked what became of it",
                };
                let state = if *doubt { "in doubt" } else { "failed" };
                self.attempts.push(format!("attempt {attempt} {state} ({code}), then {then}"));
            }
            EventKind::EffectSettled { outcome, by, .. } => self.outcome = Some((outcome.clone(), by.as_str())),
            EventKind::EffectDenied { rule, message, .. } => self.denied = Some((rule.clone(), message.clone())),
            EventKind::ApprovalRequested(approval) => {
                self.asked.push(Asked { approval: approval.clone(), asked_at: at, said: Vec::new(), expired: false });
            }
            EventKind::ApprovalAnswered { verdict, .. } => {
                let said = match verdict {
                    Verdict::Approve { .. } => "approved",
                    Verdict::Deny { .. } => "denied",
                    Verdict::Answer(_) => "answered",
                };
                self.asked.last_mut().into_iter().for_each(|asked| asked.said.push((actor.clone(), said)));
            }
            EventKind::ApprovalExpired { .. } => self.asked.last_mut().into_iter().for_each(|asked| asked.expired = true),
            _ => {}
        }
    }

    fn direction(&self, plan: &Plan) -> Option<MoneyDirection> {
        plan.operations.get(&*self.operation)?.money.as_ref().map(|money| money.direction)
    }

    fn kind(&self, plan: &Plan) -> &'static str {
        match plan.operations.get(&*self.operation).map(|operation| operation.effect) {
            Some(EffectKind::Reversible) => "reversible",
            Some(EffectKind::Compensable) => "compensable",
            Some(EffectKind::Read) => "read",
            Some(EffectKind::Irreversible) | None => "irreversible",
        }
    }

    fn state(&self) -> &'static str {
        match (&self.outcome, &self.denied) {
            (Some((Outcome::Done(_), _)), _) => "done",
            (Some((Outcome::Failed(_), _)), _) => "failed",
            (None, Some(_)) => "denied",
            (None, None) if self.is_asked() => "asked",
            (None, None) => "open",
        }
    }

    /// What each policy that covers it said.
    fn verdicts(&self, plan: &Plan) -> Vec<(String, &'static str, String)> {
        let mut verdicts = Vec::new();
        for policy in plan.policies.values().filter(|policy| policy.covers(&self.operation, &self.flow)) {
            let of_policy = |rule: &&String| rule.split_once('.').is_some_and(|(name, _)| name == policy.name);
            let asking = self.asked.iter().flat_map(|asked| asked.approval.rules.iter()).find(of_policy);
            let verdict = match (&self.denied, asking) {
                (Some((rule, message)), _) if of_policy(&rule) => ("denies", format!("{rule}: {message}")),
                (_, Some(rule)) => ("asks", rule.clone()),
                _ => ("allows", String::new()),
            };
            verdicts.push((policy.name.clone(), verdict.0, verdict.1));
        }
        let covered = |rule: &str| verdicts.iter().any(|(_, _, said)| said.starts_with(rule));
        if let Some((rule, message)) = self.denied.as_ref().filter(|(rule, _)| !covered(rule)) {
            verdicts.push((rule.clone(), "denies", message.clone()));
        }
        verdicts
    }

    fn undo(&self) -> Option<(Option<(&str, Json)>, String)> {
        match &self.back.as_ref()?.back {
            Back::By { operation, request } => {
                let request = to_json(request);
                Some((Some((&**operation, request.clone())), format!("{operation} {}", shortened(&request))))
            }
            Back::Not(why) => Some((None, why.to_string())),
        }
    }

    /// For people, a block of lines.
    pub(super) fn text(&self, plan: &Plan) -> String {
        let mut out = String::new();
        let money = self.intent.as_ref().and_then(|intent| intent.money).map(|money| {
            let how = match self.direction(plan) {
                Some(MoneyDirection::In) => "in",
                Some(MoneyDirection::Price) => "as a price",
                Some(MoneyDirection::Out) | None => "out",
            };
            format!(", {money} {how}")
        });
        let target = self.intent.as_ref().and_then(|intent| intent.target.clone()).map(|target| format!(" on {target}"));
        let account = self.intent.as_ref().and_then(|intent| intent.account.clone()).map(|account| format!(" for {account}"));
        let _ = writeln!(
            out,
            "  {} {} {}{}{}{}, {}",
            self.state(),
            self.step,
            self.operation,
            account.unwrap_or_default(),
            target.unwrap_or_default(),
            money.unwrap_or_default(),
            self.kind(plan)
        );
        let mut line = |text: String| {
            let _ = writeln!(out, "      {text}");
        };
        if let Some(request) = self.request() {
            line(format!("request {}", shortened(&request)));
        }
        for (policy, verdict, why) in self.verdicts(plan) {
            line(if why.is_empty() { format!("policy {policy} {verdict}") } else { format!("policy {policy} {verdict}: {why}") });
        }
        for asked in &self.asked {
            line(asked.text());
        }
        for claim in self.claims() {
            line(format!("takes {claim}"));
        }
        self.attempts.iter().for_each(|attempt| line(attempt.clone()));
        match &self.outcome {
            Some((Outcome::Failed(failure), by)) => line(format!("failed, by {by}: {failure}")),
            Some((Outcome::Done(_), by)) if *by != "answer" => line(format!("settled by {by}")),
            _ => {}
        }
        if let Some(before) = self.intent.as_ref().and_then(|intent| intent.before.as_ref()) {
            line(format!("before it {}", shortened(&to_json(before))));
        }
        match self.undo() {
            Some((Some(_), how)) => line(format!("undo by {how}")),
            Some((None, why)) => line(format!("no undo: {why}")),
            None => {}
        }
        out
    }

    /// What is sent, or would be if people agreed.
    fn request(&self) -> Option<Json> {
        match (&self.intent, self.asked.last()) {
            (Some(intent), _) => Some(to_json(&intent.request)),
            (None, Some(asked)) => Some(to_json(&asked.approval.request)),
            (None, None) => None,
        }
    }

    /// What it takes of limits and business keys, or would take if people agreed.
    fn claims(&self) -> Vec<String> {
        let claims = match (&self.intent, self.asked.last()) {
            (Some(intent), _) => intent.claims.as_slice(),
            (None, Some(asked)) => asked.approval.claims.as_slice(),
            (None, None) => &[],
        };
        claims.iter().map(claim_text).collect()
    }

    /// For programs.
    pub(super) fn json(&self, plan: &Plan) -> Json {
        let intent = self.intent.as_deref();
        let verdicts =
            self.verdicts(plan).into_iter().map(|(policy, verdict, why)| json!({ "policy": policy, "verdict": verdict, "why": why }));
        let undo = self.undo().map(|(by, text)| match by {
            Some((operation, request)) => json!({ "operation": operation, "request": request }),
            None => json!({ "not": text }),
        });
        json!({
            "step": &*self.step,
            "operation": &*self.operation,
            "state": self.state(),
            "effect": self.kind(plan),
            "target": intent.and_then(|intent| intent.target.as_deref()),
            "account": intent.and_then(|intent| intent.account.as_deref()),
            "money": intent.and_then(|intent| intent.money).map(|money| money.to_string()),
            "direction": self.direction(plan).map(|direction| match direction {
                MoneyDirection::Out => "out",
                MoneyDirection::In => "in",
                MoneyDirection::Price => "price",
            }),
            "request": self.request(),
            "key": self.key(),
            "policies": verdicts.collect::<Vec<_>>(),
            "asked": self.asked.iter().map(Asked::json).collect::<Vec<_>>(),
            "takes": self.claims(),
            "attempts": self.attempts,
            "failure": self.outcome.as_ref().and_then(|(outcome, _)| match outcome {
                Outcome::Failed(failure) => Some(failure.to_string()),
                Outcome::Done(_) => None,
            }),
            "settled_by": self.outcome.as_ref().map(|(_, by)| *by),
            "before": intent.and_then(|intent| intent.before.as_ref()).map(to_json),
            "undo": undo,
        })
    }
}

impl Asked {
    fn until(&self) -> Option<String> {
        let deadline = self.approval.deadline?;
        Some(format!("{} (within {})", timestamp_text(deadline), duration_text(deadline.saturating_sub(self.asked_at))))
    }

    fn text(&self) -> String {
        let until = self.until().map_or_else(|| "without end".to_owned(), |until| format!("until {until}"));
        let many = if self.approval.quorum > 1 { format!("{} of ", self.approval.quorum) } else { String::new() };
        let said: Vec<String> = self.said.iter().map(|(who, what)| format!("{what} by {who}")).collect();
        let said = match (said.is_empty(), self.expired) {
            (true, true) => "; nobody answered in time".to_owned(),
            (true, false) => String::new(),
            (false, _) => format!("; {}", said.join(", ")),
        };
        format!("asks {many}{} {until}, because of {}{said}", self.approval.to.join(" and "), self.approval.rules.join(" and "))
    }

    fn json(&self) -> Json {
        json!({
            "to": self.approval.to,
            "quorum": self.approval.quorum,
            "because": self.approval.rules,
            "until": self.approval.deadline.map(timestamp_text),
            "question": self.approval.question,
            "request": to_json(&self.approval.request),
            "said": self.said.iter().map(|(who, what)| json!({ "by": &**who, "what": what })).collect::<Vec<_>>(),
            "expired": self.expired,
        })
    }
}

fn claim_text(claim: &Claim) -> String {
    match claim {
        Claim::Limit { rule, by, amount, max, span, .. } => {
            let of = if by.is_empty() { String::new() } else { format!(" of {by}") };
            let over = match span {
                Span::Always => "for ever".to_owned(),
                Span::Rolling(span) => format!("in {}", duration_text(*span)),
                Span::Day(_) => "a day".to_owned(),
            };
            format!("{} of at most {} {over} by {rule}{of}", amount_text(*amount), amount_text(*max))
        }
        Claim::Unique { operation, key } => format!("the one {operation} for {key}"),
    }
}

fn amount_text(amount: Amount) -> String {
    match amount {
        Amount::Number(number) => number.to_string(),
        Amount::Money(money) => money.to_string(),
    }
}
