//! Questions for vectors in the order of the log: what one may cost is taken of the budgets when it has its place there, and whoever asks
//! is told when that is durable. What is reserved when a process dies counts as spent.

use super::{Reply, Shard};
use crate::decide::{cap_of, cost_of_texts, most_of_texts, rule_of};
use crate::event::EventKind;
use crate::finding::Unfound;
use crate::guard::{Amount, Claim, Span};
use crate::question::{Silence, Usage};
use crate::vectors::{UNPAID, VectorsAnswered, VectorsAsked, Wanted};
use std::sync::Arc;
use tokio::sync::oneshot;
use tradewind_lang::money::Money;
use tradewind_lang::plan::{BudgetPer, MODEL_TIMEOUT, Micros, Model};

/// A reservation, and who hears when it is durable; nobody where nothing is written.
type Taken = (Option<Arc<str>>, Option<oneshot::Receiver<()>>);

impl Shard {
    /// Writes down what is asked, if the budgets have room.
    pub(crate) fn reserve_vectors(&mut self, wanted: Wanted, reply: oneshot::Sender<Result<Taken, Unfound>>) {
        let _ = reply.send(self.taken_for(wanted));
    }

    fn taken_for(&mut self, wanted: Wanted) -> Result<Taken, Unfound> {
        let Wanted { memory, model, sizes, payer } = wanted;
        let reserved = most_of_texts(&model, &sizes, MODEL_TIMEOUT).map_err(|why| Unfound::coded(UNPAID, why))?;
        if self.look_only || self.steer_only {
            return match reserved {
                None => Ok((None, None)),
                Some(most) => Err(Unfound::from(format!(
                    "`{}` may cost {most}, and what only looks pays for nothing: ask again while `tradewind serve` is at work",
                    model.name
                ))),
            };
        }
        let mut claims = Vec::new();
        if let Some(most) = reserved {
            claims = self.claims_of(&memory, most)?;
            let cap = payer.map(|payer| limit(&cap_of(&payer.flow), payer.run, most, (payer.cap, Span::Always)));
            claims.extend(cap);
        }
        let now = self.now();
        if let Some((rule, why)) = self.books.guards.probe(&claims, &[], now).refused {
            return Err(Unfound::coded(UNPAID, format!("{rule}: {why}")));
        }
        self.sweeping.asked += 1;
        let key: Arc<str> = format!("vectors:{}.{}", self.head.next, self.sweeping.asked).into();
        let (texts, bytes) = (sizes.len() as u64, sizes.iter().sum());
        let asked = VectorsAsked { key: key.clone(), memory, model: model.name.as_str().into(), texts, bytes, reserved, claims };
        let (told, durable) = oneshot::channel();
        self.log_of_engine(EventKind::VectorsAsked(Arc::new(asked)), None, Some(Reply::Refuse(told)));
        Ok((Some(key), Some(durable)))
    }

    fn claims_of(&self, memory: &str, most: Money) -> Result<Vec<Claim>, Unfound> {
        let budgets = self.active.plan.memories.get(memory).map_or(&[][..], |memory| &memory.terms.budgets);
        let mut claims = Vec::new();
        for budget in budgets {
            let span = match budget.per {
                BudgetPer::Day => Span::Day(self.active.zone.day(self.last_now).map_err(|why| Unfound::coded(UNPAID, why))?),
                BudgetPer::Rolling(length) => Span::Rolling(length),
                // The compiler lets none of these through.
                BudgetPer::Run | BudgetPer::Task => Span::Always,
            };
            claims.push(limit(&rule_of(&format!("memory `{memory}`"), budget), "".into(), most, (budget.most, span)));
        }
        Ok(claims)
    }

    /// Writes down what became of it.
    pub(crate) fn settle_vectors(&mut self, key: Arc<str>, model: &Model, outcome: Result<(Option<Usage>, Micros), Silence>) {
        let nothing = Money::zero(model.price.currency);
        let (failed, usage, spent) = match &outcome {
            Ok((usage, took)) => {
                let cost = usage.map(|usage| cost_of_texts(model, usage, *took).ok().map(|cost| cost.unwrap_or(nothing)));
                (None, *usage, cost.flatten())
            }
            Err(silence) => {
                let cost = if silence.doubt { None } else { Some(nothing) };
                (Some(format!("{}: {}", silence.code, silence.message).into()), silence.usage, cost)
            }
        };
        let answered = VectorsAnswered { key, model: model.name.as_str().into(), failed, usage, spent };
        self.log_of_engine(EventKind::VectorsAnswered(Arc::new(answered)), None, None);
    }
}

fn limit(rule: &str, by: Arc<str>, amount: Money, (max, span): (Money, Span)) -> Claim {
    Claim::Limit { rule: rule.into(), by, amount: Amount::Money(amount), max: Amount::Money(max), span, escalates: false }
}
