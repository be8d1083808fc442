//! Caps, limits and business keys, counted again from the intents (I13).

use crate::event::Intent;
use crate::guard::{Amount, Claim, Span};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{Plan, StepKind};

struct Share {
    effect: Arc<str>,
    at: i64,
    amount: Amount,
    span: Span,
}

#[derive(Default)]
pub(super) struct Limits {
    shares: BTreeMap<(Arc<str>, Arc<str>), Vec<Share>>,
    keys: BTreeMap<(Arc<str>, Arc<str>), Arc<str>>,
    now: i64,
}

fn number(amount: Amount) -> f64 {
    match amount {
        Amount::Number(number) => number,
        Amount::Money(money) => money.amount.to_string().parse().unwrap_or(f64::NAN),
    }
}

impl Limits {
    /// Takes what an intent takes; what it may not take.
    pub(super) fn take(&mut self, intent: &Intent, at: i64) -> Vec<String> {
        self.now = self.now.max(at);
        let (now, mut found) = (self.now, Vec::new());
        for claim in &intent.claims {
            match claim {
                Claim::Unique { operation, key } => {
                    let place = (operation.clone(), key.clone());
                    if self.keys.insert(place, intent.key.clone()).is_some() {
                        found.push(format!("`{operation}` is done twice for `{key}`"));
                    }
                }
                Claim::Limit { rule, by, amount, max, span, .. } => {
                    let shares = self.shares.entry((rule.clone(), by.clone())).or_default();
                    let counts = |share: &&Share| match (span, share.span) {
                        (Span::Rolling(length), _) => share.at > now - length,
                        (Span::Day(day), Span::Day(other)) => *day == other,
                        _ => true,
                    };
                    let sum: f64 = shares.iter().filter(counts).map(|share| number(share.amount)).sum();
                    let forced = intent.approval.is_some() && intent.forced.iter().any(|name| **name == **rule);
                    // A cent of rounding: the sum is one of doubles, the engine's is exact.
                    if !forced && sum + number(*amount) > number(*max) + 0.001 {
                        found.push(format!("{rule}: {sum} and {amount} are above {max}"));
                    }
                    shares.push(Share { effect: intent.key.clone(), at: now, amount: *amount, span: *span });
                }
            }
        }
        found
    }

    /// It certainly did not happen.
    pub(super) fn release(&mut self, effect: &Arc<str>) {
        self.shares.values_mut().for_each(|shares| shares.retain(|share| share.effect != *effect));
        self.keys.retain(|_, holder| holder != effect);
    }

    /// Whether a run costs more than its flow's cap and the calls that may have been in flight when it was reached.
    pub(super) fn cost_of(&self, plan: &Plan, flow: &str, cost: Option<Money>) -> Option<String> {
        let (flow, cost) = (plan.flows.get(flow)?, cost?);
        let cap = flow.cost_cap?;
        let beside = flow.steps.iter().filter_map(|step| match &step.kind {
            StepKind::Each(each) => Some(each.parallel.saturating_sub(1)),
            _ => None,
        });
        let price = plan.models.get("kind")?.price;
        let most = (0..beside.max().unwrap_or(0)).try_fold(cap, |sum, _| sum.plus(price))?;
        cost.compare(most).is_some_and(std::cmp::Ordering::is_gt).then(|| format!("`{}` cost {cost}, and its cap is {cap}", flow.name))
    }
}
