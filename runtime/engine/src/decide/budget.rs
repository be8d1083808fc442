//! What a call of a model may cost, what it did cost, and whether the budgets leave room for it. Pure arithmetic over prices.
//!
//! Before a call, a byte is a token and the answer is as long as it may be. What is reserved so is what it cost where nobody says better.

use super::Round;
use crate::actor::agent_of;
use crate::guard::{Amount, Claim, Span};
use crate::planted::{Bug, planted};
use crate::question::{Answer, Question, Usage};
use crate::scope::whole;
use std::cmp::Ordering;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Budget, BudgetPer, Micros, Model, Remote, StepId};

/// Tokens beside the text: roles, marks between turns.
const FRAME: u64 = 2_048;

/// Tokens beside each text of which vectors are made: its beginning and its end.
const AROUND: u64 = 8;

/// Images of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Images {
    /// Shown.
    pub(super) shown: u32,
    /// Made.
    pub(super) made: u32,
}

impl Images {
    /// All of them.
    pub(super) fn all(self) -> u32 {
        self.shown.saturating_add(self.made)
    }
}

/// The most that a call may cost; `None` where it is free.
///
/// # Errors
/// A price that is not known, in words for people.
pub(super) fn worst(model: &Model, bytes: u64, within: Micros, (calls, images): (u32, Images)) -> Result<Option<Money>, String> {
    let remote = remote(model)?;
    let output = match (remote.max_output, &remote.prices.output) {
        (Some(most), _) => u64::from(most),
        (None, None) => 0,
        // An image is no text, however long.
        (None, Some(_)) if images.made > 0 => 0,
        (None, Some(_)) => return Err(format!("`{}` declares no `max-output`, so nobody knows what an answer costs", model.name)),
    };
    // An image is as many tokens as its provider says, which nobody declares.
    let read = if images.shown > 0 { u64::MAX } else { bytes.saturating_add(FRAME) };
    let input = read.min(u64::from(remote.context));
    let once = cost(model, Usage { input, cached: 0, output, reasoning: 0 }, (within, images.all()))?;
    let all = once.map(|once| once.times(f64::from(calls.max(1))).ok_or_else(|| too_large(model)));
    all.transpose()
}

/// The most that vectors of texts of so many bytes may cost; `None` where they are free. No text counts as more than the model reads.
///
/// # Errors
/// A price that is not known, in words for people.
pub(crate) fn most_of_texts(model: &Model, sizes: &[u64], within: Micros) -> Result<Option<Money>, String> {
    let context = u64::from(remote(model)?.context);
    let input = sizes.iter().map(|bytes| bytes.saturating_add(AROUND).min(context)).fold(0, u64::saturating_add);
    cost(model, Usage { input, ..Usage::default() }, (within, 0))
}

/// What they cost, as the provider counts.
///
/// # Errors
/// Those of [`cost`].
pub(crate) fn cost_of_texts(model: &Model, usage: Usage, took: Micros) -> Result<Option<Money>, String> {
    cost(model, usage, (took, 0))
}

/// What a call cost.
///
/// # Errors
/// Prices that cannot be added up.
pub(super) fn cost(model: &Model, usage: Usage, (took, images): (Micros, u32)) -> Result<Option<Money>, String> {
    let prices = &remote(model)?.prices;
    let cached = usage.cached.min(usage.input);
    let (kept, read) = match prices.cached_input {
        Some(price) => (Some((price, cached)), usage.input - cached),
        None => (None, usage.input),
    };
    let micros = u64::try_from(took.max(0)).unwrap_or(u64::MAX);
    let parts = [
        prices.call.map(|price| (price, 1, 1)),
        prices.input.map(|(price, per)| (price, read, per)),
        kept.map(|((price, per), count)| (price, count, per)),
        prices.output.map(|(price, per)| (price, usage.output, per)),
        prices.second.map(|price| (price, micros, 1_000_000)),
        prices.image.map(|price| (price, u64::from(images), 1)),
    ];
    let mut sum: Option<Money> = None;
    for (price, count, per) in parts.into_iter().flatten().filter(|(price, count, _)| !price.amount.is_zero() && *count > 0) {
        let part = price.part(count, per).ok_or_else(|| too_large(model))?;
        sum = Some(match sum {
            None => part,
            Some(sum) => sum.plus(part).ok_or_else(|| format!("the prices of `{}` are of several currencies", model.name))?,
        });
    }
    Ok(sum.filter(|sum| !sum.amount.is_zero()))
}

fn remote(model: &Model) -> Result<&Remote, String> {
    model.remote.as_ref().ok_or_else(|| format!("`{}` is not behind a network", model.name))
}

fn too_large(model: &Model) -> String {
    format!("what `{}` may cost is too large to be counted", model.name)
}

/// What a question cost where that is certain; `None` where its reservation must stay.
pub(super) fn spent(model: &Model, question: &Question, answer: &Answer) -> Option<Money> {
    let nothing = question.reserved.map(|reserved| Money::zero(reserved.currency));
    let Some(nothing) = nothing else {
        // It is free whatever it counts; any currency says nothing.
        return Some(Money::zero(model.price.currency));
    };
    let (usage, took, is_alone) = match answer {
        Answer::Said(reply) => (reply.usage, reply.took, !reply.hedged),
        // Whoever would not answer and counts all the same is certain of its own call; whether there was a second one, nobody says.
        Answer::Silent(silence) => (silence.usage, 0, !silence.doubt || question.calls <= 1),
    };
    match (usage, answer) {
        // How long it took is part of the price, and nobody says.
        (Some(_), Answer::Silent(_)) if is_by_time(model) => None,
        (Some(usage), _) => {
            let one = cost(model, usage, (took, question.images)).ok()?.unwrap_or(nothing);
            // Of the call that was given up, nobody knows more than what it may have cost.
            if is_alone { Some(one) } else { question.reserved?.part(1, u64::from(question.calls.max(1)))?.plus(one) }
        }
        (None, Answer::Silent(silence)) if !silence.doubt || planted(Bug::LostAnswerFree) => Some(nothing),
        (None, _) => None,
    }
}

fn is_by_time(model: &Model) -> bool {
    model.remote.as_ref().and_then(|remote| remote.prices.second).is_some_and(|price| !price.amount.is_zero())
}

/// Whether the budgets that only this run has leave room for what a call may cost, and what it takes of those that are shared.
///
/// # Errors
/// Which budget leaves no room, in words for people.
pub(super) fn claims(round: &Round<'_>, id: StepId, route: &str, model: &str, worst: Option<Money>) -> Result<Vec<Claim>, String> {
    let Some(worst) = worst.filter(|_| !planted(Bug::QuestionUncounted)) else { return Ok(Vec::new()) };
    let run = if planted(Bug::RunBudgetOfItem) { round.state.id.clone() } else { whole(&round.state).id.clone() };
    let mut claims = Vec::new();
    if let Some(cap) = round.state.graph.flow.cost_cap {
        let known = [round.state.spent(), round.state.outstanding(), Some(worst)];
        if !add(&known).and_then(|sum| sum.compare(cap)).is_some_and(Ordering::is_le) {
            return Err(format!("budget: `{model}` may cost {worst}, and the run may cost {cap}"));
        }
        let rule = cap_of(&round.state.graph.flow.name);
        claims.push(claim(&rule, run.clone(), worst, cap, Span::Always));
    }
    let plan = &round.state.pinned.plan;
    let of_route = plan.routes.get(route).map_or(&[][..], |route| &route.terms.budgets);
    let agent = agent_of(&round.state.graph.name).and_then(|name| plan.agents.get(name));
    let of_agent = agent.and_then(|agent| Some((format!("agent `{}`", agent.name), agent.budget.as_ref()?)));
    let all = of_route.iter().map(|budget| (format!("route `{route}`"), budget)).chain(of_agent);
    for (of, budget) in all {
        let (by, span) = match budget.per {
            BudgetPer::Task => {
                let task = task(round, id);
                if planted(Bug::TaskBudgetIgnored) {
                    continue;
                }
                if !add(&[task, Some(worst)]).and_then(|sum| sum.compare(budget.most)).is_some_and(Ordering::is_le) {
                    return Err(format!("budget: `{model}` may cost {worst}, and a task of the {of} may cost {}", budget.most));
                }
                continue;
            }
            BudgetPer::Run => (run.clone(), Span::Always),
            BudgetPer::Day if planted(Bug::DayOfUtc) => ("".into(), Span::Day(round.now.div_euclid(86_400_000_000))),
            BudgetPer::Day => ("".into(), Span::Day(round.state.pinned.zone.day(round.now)?)),
            BudgetPer::Rolling(length) => ("".into(), Span::Rolling(if planted(Bug::RollingHalf) { length / 2 } else { length })),
        };
        claims.push(claim(&rule_of(&of, budget), by, worst, budget.most, span));
    }
    Ok(claims)
}

/// What the ladder under way has cost, or may.
fn task(round: &Round<'_>, id: StepId) -> Option<Money> {
    round.state.step(id)?.talk.as_ref()?.task
}

const BUDGET: &str = "budget of ";
const CAP: &str = "cost-cap of ";

/// Whether a limit is a budget rather than one of a policy.
pub(crate) fn is_budget(rule: &str) -> bool {
    rule.starts_with(BUDGET) || rule.starts_with(CAP)
}

/// The name of a flow's cap, as the guards keep it.
pub(crate) fn cap_of(flow: &str) -> String {
    format!("{CAP}`{flow}`")
}

/// The name of a budget, as the guards keep it.
pub(crate) fn rule_of(of: &str, budget: &Budget) -> String {
    let per = match budget.per {
        BudgetPer::Task => "task".to_owned(),
        BudgetPer::Run => "run".to_owned(),
        BudgetPer::Day => "day".to_owned(),
        BudgetPer::Rolling(length) => tradewind_lang::literal::duration_text(length),
    };
    format!("{BUDGET}{of} per {per}")
}

fn claim(rule: &str, by: Arc<str>, amount: Money, max: Money, span: Span) -> Claim {
    Claim::Limit { rule: rule.into(), by, amount: Amount::Money(amount), max: Amount::Money(max), span, escalates: false }
}

/// The sum of what there is; `None` where currencies differ.
fn add(parts: &[Option<Money>]) -> Option<Money> {
    let mut sum: Option<Money> = None;
    for part in parts.iter().flatten() {
        sum = Some(match sum {
            None => *part,
            Some(sum) => sum.plus(*part)?,
        });
    }
    sum
}
