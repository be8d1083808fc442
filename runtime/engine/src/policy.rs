//! What the policies say to one effect: denied, or allowed with these claims and these escalations.
//!
//! Pure. Deny comes before limit, limit before escalate; all escalations add up; an error denies in `deny`
//! and `limit` and escalates in `escalate`. Whether a limit is exhausted is the guards' business.

use crate::approval::Later;
use crate::guard::{Amount, Claim, Span};
use crate::key::text_of;
use crate::pinned::Pinned;
use crate::planted::{Bug, planted};
use crate::scope::Names;
use std::sync::Arc;
use tradewind_lang::expr::Expr;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Escalation, Limit, LimitElse, Measure, Micros, MoneyDirection, OnTimeout, Operation, Policy, Window};
use tradewind_lang::value::{Record, Value};

/// The project's time zone, for calendar days.
#[derive(Debug, Clone)]
pub struct Zone(Result<jiff::tz::TimeZone, String>);

impl Zone {
    /// A zone by its IANA name. An unknown name is only an error where a calendar day is asked for.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "UTC" | "Etc/UTC" => Self(Ok(jiff::tz::TimeZone::UTC)),
            _ => Self(jiff::tz::TimeZone::get(name).map_err(|error| error.to_string())),
        }
    }

    /// The zone; UTC where the name is not known.
    pub(crate) fn or_utc(&self) -> jiff::tz::TimeZone {
        self.0.clone().unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// The calendar day of an instant, counted from 1970-01-01.
    pub(crate) fn day(&self, at: i64) -> Result<i64, String> {
        let zone = self.0.as_ref().map_err(Clone::clone)?;
        let instant = jiff::Timestamp::from_microsecond(at).map_err(|error| error.to_string())?;
        let offset = i64::from(zone.to_offset(instant).seconds());
        Ok(at.div_euclid(1_000_000).saturating_add(offset).div_euclid(86_400))
    }
}

/// An effect that is to be judged.
#[derive(Debug, Clone)]
pub struct Action<'a> {
    /// The operation, of the run's own plan.
    pub operation: &'a Operation,
    /// The flow.
    pub flow: &'a str,
    /// The step.
    pub step: &'a str,
    /// `run`.
    pub run: Value,
    /// The request.
    pub request: &'a Value,
    /// The evidence the step gives.
    pub evidence: &'a Value,
    /// What was there before; none where it is not known, so that a rule that names it has no value.
    pub before: Option<&'a Value>,
    /// In whose name; none where the step names no account.
    pub account: Option<&'a str>,
    /// When.
    pub now: i64,
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It may not happen.
    Denied {
        /// `policy.rule`, or `uncovered`, `unique`, `money`.
        rule: String,
        /// For people.
        message: String,
    },
    /// It may happen if the guards agree, and after these escalations.
    Allowed {
        /// What it takes of limits and business keys.
        claims: Vec<Claim>,
        /// Who must agree first: `policy.rule` and how.
        escalations: Vec<(String, Escalation)>,
        /// The money it moves.
        money: Option<Money>,
    },
}

/// The escalation of a limit that is above its cap; the limit's own rule name asks for it.
#[must_use]
pub fn escalation_of_limit(active: &Pinned, operation: &str, flow: &str, rule: &str) -> Option<Escalation> {
    active.policies(operation, flow).find_map(|policy| {
        let name = rule.strip_prefix(policy.name.as_str())?.strip_prefix('.')?;
        policy.limits.iter().find(|limit| limit.name == name).and_then(|limit| match &limit.otherwise {
            LimitElse::Escalate(escalation) => Some(escalation.clone()),
            LimitElse::Deny => None,
        })
    })
}

/// Merges what several rules declare into one item: all teams, shortest clock, strictest time-out, greatest quorum.
#[must_use]
pub fn merge(escalations: &[(String, Escalation)]) -> Option<(Vec<String>, Escalation)> {
    let (_, first) = escalations.first()?;
    let mut teams: Vec<String> = Vec::new();
    let mut merged = first.clone();
    for (_, escalation) in escalations {
        if !teams.contains(&escalation.to) {
            teams.push(escalation.to.clone());
        }
        merged.within = merged.within.min(escalation.within);
        merged.on_timeout = stricter(merged.on_timeout, escalation.on_timeout);
        merged.quorum = merged.quorum.max(escalation.quorum);
        merged.batch |= escalation.batch;
    }
    Some((teams, merged))
}

/// Who is asked after the first, where every rule that asks goes on: the silence of one that does not counts when its time is over.
#[must_use]
pub fn later<'a>(escalations: impl Iterator<Item = &'a Escalation> + Clone) -> Vec<Later> {
    let levels = escalations.clone().map(|escalation| escalation.then.len()).min().unwrap_or(0);
    let at = |place: usize| {
        let mut asks: Vec<(String, Micros)> = Vec::new();
        let mut quorum = 1;
        for level in escalations.clone().filter_map(|escalation| escalation.then.get(place)) {
            quorum = quorum.max(level.quorum);
            match asks.iter_mut().find(|(team, _)| *team == level.to) {
                Some((_, within)) => *within = level.within.min(*within),
                None => asks.push((level.to.clone(), level.within)),
            }
        }
        Later { asks, quorum }
    };
    (0..levels).map(at).collect()
}

fn stricter(one: OnTimeout, two: OnTimeout) -> OnTimeout {
    one.max(two)
}

/// Judges an effect by the policies that are active.
#[must_use]
pub fn judge(active: &Pinned, action: &Action<'_>) -> Judgement {
    judged(active, action).unwrap_or_else(|(rule, message)| Judgement::Denied { rule, message })
}

type Denial = (String, String);

fn judged(active: &Pinned, action: &Action<'_>) -> Result<Judgement, Denial> {
    let request_scope = [("request", action.request.clone())];
    let moves = match &action.operation.money {
        None => None,
        Some(moves) => Some((moves.direction, money_of(&moves.value, &request_scope)?)),
    };
    if let Some((MoneyDirection::Out | MoneyDirection::In, money)) = moves
        && money.amount.is_sign_negative()
        && !money.amount.is_zero()
    {
        return Err(("money".to_owned(), format!("{money} is less than nothing: it would move the other way")));
    }
    let policies: Vec<&Arc<Policy>> = active.policies(&action.operation.name, action.flow).collect();
    if policies.is_empty() && matches!(moves, Some((MoneyDirection::Out | MoneyDirection::In, _))) {
        let message = format!("no policy covers `{}`, which moves money", action.operation.name);
        return Err(("uncovered".to_owned(), message));
    }
    let money = moves.map(|(_, money)| money);
    let mut claims = Vec::new();
    if !action.operation.unique.is_empty() {
        claims.push(business_key(action, &request_scope)?);
    }
    let action_value = Value::record([
        ("operation", Value::string(action.operation.name.as_str())),
        ("flow", Value::string(action.flow)),
        ("step", Value::string(action.step)),
        ("money", money.map_or(Value::Null, Value::Money)),
        ("account", action.account.map_or(Value::Null, Value::string)),
    ]);
    let scopes: Vec<Vec<(&str, Value)>> = policies
        .iter()
        .map(|policy| {
            let named = [
                ("effect", action.request.clone()),
                ("action", action_value.clone()),
                ("settings", active.settings.clone()),
                ("run", action.run.clone()),
                ("evidence", evidence_for(policy, action.evidence)),
            ];
            named.into_iter().chain(action.before.map(|before| ("before", before.clone()))).collect()
        })
        .collect();
    let scoped = || policies.iter().zip(&scopes).map(|(policy, scope)| (policy, Names(scope)));
    for (policy, scope) in scoped() {
        denies(policy, &scope)?;
    }
    for (policy, scope) in scoped() {
        for limit in &policy.limits {
            let rule = format!("{}.{}", policy.name, limit.name);
            claims.extend(claim(active, limit, &rule, &scope, action.now).map_err(|message| (rule, message))?);
        }
    }
    let escalations = scoped().flat_map(|(policy, scope)| escalates(policy, &scope)).collect();
    Ok(Judgement::Allowed { claims, escalations, money })
}

fn money_of(value: &Expr, scope: &[(&str, Value)]) -> Result<Money, Denial> {
    match value.evaluate(&Names(scope)) {
        Ok(Value::Money(money)) => Ok(money),
        Ok(_) => Err(("money".to_owned(), "the amount it moves is not money".to_owned())),
        Err(error) => Err(("money".to_owned(), error.0)),
    }
}

fn business_key(action: &Action<'_>, scope: &[(&str, Value)]) -> Result<Claim, Denial> {
    let mut parts = Vec::new();
    for part in &action.operation.unique {
        match part.evaluate(&Names(scope)) {
            Ok(Value::Null) => return Err(("unique".to_owned(), "a part of its business key is absent".to_owned())),
            Ok(value) => parts.push(text_of(&value).to_string()),
            Err(error) => return Err(("unique".to_owned(), error.0)),
        }
    }
    // A separator inside a part would let two keys meet; then the list as a value names it.
    let key = match parts.as_slice() {
        [single] => single.clone(),
        many if many.iter().any(|part| part.contains(", ")) => crate::key::digest_of(&parts).to_string(),
        many => many.join(", "),
    };
    // The same order of another account is another order.
    let own = action.account.filter(|_| !planted(Bug::UniqueAcrossAccounts));
    let key = own.map_or_else(|| key.clone(), |account| format!("{account}: {key}"));
    Ok(Claim::Unique { operation: action.operation.name.as_str().into(), key: key.into() })
}

fn evidence_for(policy: &Policy, given: &Value) -> Value {
    let mut record = Record::default();
    for need in &policy.needs {
        let value = given.get(&need.name).filter(|value| **value != Value::Null).cloned().or_else(|| need.default.clone());
        if let Some(value) = value {
            record.set(&need.name, value);
        }
    }
    Value::Record(Arc::new(record))
}

fn denies(policy: &Policy, scope: &Names<'_>) -> Result<(), Denial> {
    for deny in &policy.denies {
        let rule = || format!("{}.{}", policy.name, deny.name);
        match deny.when.evaluate(scope) {
            Ok(Value::Bool(false)) => {}
            Ok(Value::Bool(true)) => {
                let message = deny.message.as_ref().and_then(|message| message.render(scope).ok());
                return Err((rule(), message.unwrap_or_else(|| format!("`{}` holds", deny.when.source))));
            }
            Ok(_) => return Err((rule(), format!("`{}` has no value", deny.when.source))),
            Err(error) => return Err((rule(), format!("`{}`: {}", deny.when.source, error.0))),
        }
    }
    Ok(())
}

fn escalates(policy: &Policy, scope: &Names<'_>) -> Vec<(String, Escalation)> {
    let holds = |when: &Expr| !matches!(when.evaluate(scope), Ok(Value::Bool(false)));
    let asked = policy.escalates.iter().filter(|escalate| holds(&escalate.when));
    asked.map(|escalate| (format!("{}.{}", policy.name, escalate.name), escalate.escalation.clone())).collect()
}

/// What an effect takes of a limit; nothing where the limit does not count it.
fn claim(active: &Pinned, limit: &Limit, rule: &str, scope: &Names<'_>, now: i64) -> Result<Option<Claim>, String> {
    let value_of = |expr: &Expr| expr.evaluate(scope).map_err(|error| format!("`{}`: {}", expr.source, error.0));
    if let Some(condition) = &limit.condition {
        match value_of(condition)? {
            Value::Bool(true) => {}
            Value::Bool(false) => return Ok(None),
            _ => return Err(format!("`{}` has no value", condition.source)),
        }
    }
    let amount = match &limit.measure {
        Measure::Count => Amount::Number(1.0),
        Measure::Sum(expr) => amount_of(&value_of(expr)?)?,
    };
    let negative = match amount {
        Amount::Number(number) => number.is_nan() || number < 0.0,
        Amount::Money(money) => money.amount.is_sign_negative() && !money.amount.is_zero(),
    };
    if negative {
        return Err(format!("{amount} cannot be counted against a limit"));
    }
    let by = match &limit.by {
        None => "".into(),
        Some(by) => match value_of(by)? {
            Value::Null => return Err(format!("`{}` has no value", by.source)),
            value => text_of(&value),
        },
    };
    let span = match limit.window {
        None => Span::Always,
        Some(Window::Rolling(length)) => Span::Rolling(length),
        Some(Window::Day) => Span::Day(active.zone.day(now)?),
    };
    let max = amount_of(&value_of(&limit.max)?)?;
    let escalates = matches!(limit.otherwise, LimitElse::Escalate(_));
    Ok(Some(Claim::Limit { rule: rule.into(), by, amount, max, span, escalates }))
}

fn amount_of(value: &Value) -> Result<Amount, String> {
    match value {
        // Counts stay far below 2^53, where a double is exact.
        Value::Int(number) => Ok(Amount::Number(*number as f64)),
        Value::Double(number) => Ok(Amount::Number(*number)),
        Value::Money(money) => Ok(Amount::Money(*money)),
        _ => Err("a limit counts numbers or money".to_owned()),
    }
}
