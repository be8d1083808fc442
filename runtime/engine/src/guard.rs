//! Guards without rows: limits and business keys, checked in memory in the order of the log.
//!
//! Their state is a fold of the log, so it is never stored and never disagrees with it. A guard says yes or no;
//! whom to ask instead is the policy's business.

use crate::key::short_digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tradewind_lang::money::Money;
use tradewind_lang::plan::Micros;

/// What is counted or summed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Amount {
    /// A count or a number.
    Number(f64),
    /// Money of one currency.
    Money(Money),
}

impl Amount {
    fn plus(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => Some(Self::Number(one + two)),
            (Self::Money(one), Self::Money(two)) => one.plus(two).map(Self::Money),
            _ => None,
        }
    }

    fn minus(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => Some(Self::Number(one - two)),
            (Self::Money(one), Self::Money(two)) => one.minus(two).map(Self::Money),
            _ => None,
        }
    }

    /// Whether both count the same: numbers, or money of one currency.
    fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(_), Self::Number(_)) => true,
            (Self::Money(one), Self::Money(two)) => one.currency == two.currency,
            _ => false,
        }
    }

    fn at_most(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => one <= two,
            (Self::Money(one), Self::Money(two)) => one.compare(two).is_some_and(std::cmp::Ordering::is_le),
            _ => false,
        }
    }
}

impl std::fmt::Display for Amount {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Money(money) => write!(out, "{money}"),
        }
    }
}

/// The time over which a claim counts, worked out when it was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Span {
    /// For ever.
    Always,
    /// The last so long.
    Rolling(Micros),
    /// A calendar day of the project's time zone, counted from 1970-01-01.
    Day(i64),
}

/// What an effect takes of a guard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Claim {
    /// A share of a limit.
    Limit {
        /// `policy.limit`.
        rule: Arc<str>,
        /// Counted apart for each of these; empty for one count.
        by: Arc<str>,
        /// How much.
        amount: Amount,
        /// The cap.
        max: Amount,
        /// Over which time.
        span: Span,
        /// Whether a person may let it pass above the cap.
        escalates: bool,
    },
    /// A business key: at most one effect for each.
    Unique {
        /// Full name of the operation.
        operation: Arc<str>,
        /// The key's value.
        key: Arc<str>,
    },
}

/// What the guards say to the claims of one effect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The rule that refuses for good, and what it says.
    pub refused: Option<(String, String)>,
    /// Limits above their cap that a person may let pass.
    pub over: Vec<String>,
}

impl Answer {
    /// Whether everything may be taken.
    #[must_use]
    pub fn is_yes(&self) -> bool {
        self.refused.is_none() && self.over.is_empty()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Entry {
    at: i64,
    amount: Amount,
    key: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Ledger {
    /// One sum for each unit: an amount of another currency neither adds to a sum nor takes it away.
    sums: Vec<Amount>,
    day: i64,
    entries: VecDeque<Entry>,
    /// The span of what was taken last.
    span: Span,
}

impl Ledger {
    fn new(span: Span) -> Self {
        Self { sums: Vec::new(), day: i64::MIN, entries: VecDeque::new(), span }
    }

    /// Whether it says no more than one that is not there; `day` is the newest of which anything was heard.
    fn is_over(&mut self, now: i64, day: i64) -> bool {
        match self.span {
            Span::Always => false,
            Span::Rolling(length) => {
                self.forget_before(now.saturating_sub(length));
                self.entries.is_empty()
            }
            Span::Day(_) => self.day < day,
        }
    }

    fn sum_like(&self, amount: Amount) -> Option<Amount> {
        self.sums.iter().copied().find(|sum| sum.is_like(amount))
    }

    fn add(&mut self, amount: Amount) {
        match self.sums.iter_mut().find(|sum| sum.is_like(amount)) {
            Some(sum) => *sum = sum.plus(amount).unwrap_or(*sum),
            None => self.sums.push(amount),
        }
    }

    fn take_away(&mut self, amount: Amount) {
        if let Some(sum) = self.sums.iter_mut().find(|sum| sum.is_like(amount)) {
            *sum = sum.minus(amount).unwrap_or(*sum);
        }
    }

    fn forget_before(&mut self, oldest: i64) {
        while self.entries.front().is_some_and(|entry| entry.at <= oldest) {
            if let Some(entry) = self.entries.pop_front() {
                self.take_away(entry.amount);
            }
        }
        if self.entries.is_empty() {
            self.sums.clear();
        }
    }

    fn turn(&mut self, span: Span, now: i64) {
        match span {
            Span::Always => {}
            Span::Rolling(length) => self.forget_before(now.saturating_sub(length)),
            Span::Day(day) if day > self.day => {
                self.day = day;
                self.sums.clear();
            }
            Span::Day(_) => {}
        }
    }
}

/// Claims between two looks for ledgers whose time is over.
const BETWEEN_SWEEPS: u32 = 1 << 14;

/// All guards of a shard.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guards {
    ledgers: HashMap<Arc<str>, HashMap<Arc<str>, Ledger>>,
    /// Business keys by operation, each as its digest: they are kept for ever.
    keys: HashMap<Arc<str>, HashSet<[u8; 16]>>,
    open: HashMap<Arc<str>, Arc<[Claim]>>,
    now: i64,
    day: i64,
    since_sweep: u32,
}

impl Guards {
    /// What the guards say; nothing is taken. `forced` limits pass above their cap.
    pub fn probe(&mut self, claims: &[Claim], forced: &[String], now: i64) -> Answer {
        self.now = self.now.max(now);
        let mut answer = Answer::default();
        for claim in claims {
            match claim {
                Claim::Unique { operation, key } => {
                    if self.keys.get(operation).is_some_and(|keys| keys.contains(&short_digest(&[key]))) {
                        let message = format!("`{operation}` was already done, or is being done, for `{key}`");
                        answer.refused.get_or_insert(("unique".to_owned(), message));
                    }
                }
                Claim::Limit { rule, escalates, .. } => {
                    if forced.iter().any(|name| **name == **rule) {
                        continue;
                    }
                    if let Some(message) = self.above(claim) {
                        match escalates {
                            true => answer.over.push(rule.to_string()),
                            false => answer.refused = answer.refused.or(Some((rule.to_string(), message))),
                        }
                    }
                }
            }
        }
        answer
    }

    /// Takes the claims of an effect if the guards agree to all of them, or none.
    pub fn take(&mut self, key: &Arc<str>, claims: &[Claim], forced: &[String], now: i64) -> Answer {
        let answer = self.probe(claims, forced, now);
        if answer.is_yes() {
            self.hold(key, claims, now);
        }
        answer
    }

    /// Takes without asking: what the log says was taken.
    pub fn hold(&mut self, effect: &Arc<str>, claims: &[Claim], now: i64) {
        if claims.is_empty() || self.open.contains_key(effect) {
            return;
        }
        self.now = self.now.max(now);
        let at = self.now;
        for claim in claims {
            match claim {
                Claim::Unique { operation, key } => {
                    self.keys.entry(operation.clone()).or_default().insert(short_digest(&[key]));
                }
                Claim::Limit { rule, by, amount, span, .. } => {
                    let ledger = self.ledgers.entry(rule.clone()).or_default().entry(by.clone()).or_insert_with(|| Ledger::new(*span));
                    ledger.span = *span;
                    ledger.turn(*span, at);
                    if let Span::Day(day) = span {
                        self.day = self.day.max(*day);
                    }
                    ledger.add(*amount);
                    if matches!(span, Span::Rolling(_)) {
                        ledger.entries.push_back(Entry { at, amount: *amount, key: effect.clone() });
                    }
                }
            }
        }
        self.open.insert(effect.clone(), claims.into());
        self.since_sweep += 1;
        if self.since_sweep >= BETWEEN_SWEEPS {
            self.sweep();
        }
    }

    /// Forgets ledgers whose time is over, so that they are no more than what they still hold.
    fn sweep(&mut self) {
        let (now, day) = (self.now, self.day);
        self.since_sweep = 0;
        for ledgers in self.ledgers.values_mut() {
            ledgers.retain(|_, ledger| !ledger.is_over(now, day));
        }
    }

    /// Whether two folds of one log say the same. What has passed out of a window is forgotten when somebody asks, and may still be
    /// in one of them.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let of_all_time = |guards: &Self| -> BTreeMap<(Arc<str>, Arc<str>), BTreeSet<String>> {
            let ledgers = guards.ledgers.iter().flat_map(|(rule, ledgers)| ledgers.iter().map(move |(by, ledger)| (rule, by, ledger)));
            let always = ledgers.filter(|(_, _, ledger)| ledger.span == Span::Always);
            always.map(|(rule, by, ledger)| ((rule.clone(), by.clone()), ledger.sums.iter().map(ToString::to_string).collect())).collect()
        };
        self.keys == other.keys && self.open == other.open && of_all_time(self) == of_all_time(other)
    }

    /// Whether the claims of an effect are taken, and may still be given back.
    #[must_use]
    pub fn holds(&self, effect: &str) -> bool {
        self.open.contains_key(effect)
    }

    /// Whether more is taken of a limit than it allows.
    #[must_use]
    pub fn is_passed(&self, claim: &Claim) -> bool {
        let Claim::Limit { rule, by, amount, max, .. } = claim else { return false };
        let taken = self.ledgers.get(rule).and_then(|ledgers| ledgers.get(by)).and_then(|ledger| ledger.sum_like(*amount));
        taken.is_some_and(|taken| !taken.at_most(*max))
    }

    /// The effect happened: its claims stay for good.
    pub fn keep(&mut self, effect: &str) {
        self.open.remove(effect);
    }

    /// It is certain what was spent of what was taken: of each sum of money the rest is free again. It counts in the time in which it was
    /// taken: what a day or an hour that is over has cost is no business of the next one.
    pub fn spend(&mut self, effect: &Arc<str>, spent: Money) {
        let Some(claims) = self.open.remove(effect) else { return };
        for claim in claims.iter() {
            if let Claim::Limit { rule, by, amount, span, .. } = claim
                && let Some(ledger) = self.ledgers.get_mut(rule).and_then(|ledgers| ledgers.get_mut(by))
            {
                settle(ledger, effect, *amount, (Amount::Money(spent), spent.amount.is_zero()), *span);
            }
        }
    }

    /// The same, ahead of the log, where more was spent than was taken: whatever asks next finds it counted. What is spent of less
    /// becomes free only when the log says so.
    pub fn overspend(&mut self, effect: &Arc<str>, spent: Money) {
        let is_less = |claim: &Claim| matches!(claim, Claim::Limit { amount, .. } if !Amount::Money(spent).at_most(*amount));
        if self.open.get(effect).is_some_and(|claims| claims.iter().any(is_less)) {
            self.spend(effect, spent);
        }
    }

    /// Nothing is counted any more for what has ended, such as a run with a budget of its own; `of` says of which limits.
    pub fn forget(&mut self, by: &str, of: impl Fn(&str) -> bool) {
        let ledgers = self.ledgers.iter_mut().filter(|(rule, _)| of(rule));
        ledgers.for_each(|(_, ledgers)| drop(ledgers.remove(by)));
    }

    /// What is taken of a limit as of now, by what it is counted apart for.
    pub fn taken(&mut self, rule: &str, span: Span, now: i64) -> Vec<(Arc<str>, Amount)> {
        self.now = self.now.max(now);
        let now = self.now;
        let ledgers = self.ledgers.get_mut(rule).into_iter().flatten();
        let taken = ledgers.flat_map(|(by, ledger)| {
            ledger.turn(span, now);
            ledger.sums.iter().map(|sum| (by.clone(), *sum)).collect::<Vec<_>>()
        });
        let mut taken: Vec<(Arc<str>, Amount)> = taken.collect();
        taken.sort_by(|(one, _), (two, _)| one.cmp(two));
        taken
    }

    /// The effect certainly did not happen: its claims are free again.
    pub fn release(&mut self, effect: &str) {
        let Some(claims) = self.open.remove(effect) else { return };
        for claim in claims.iter() {
            match claim {
                Claim::Unique { operation, key } => {
                    if let Some(keys) = self.keys.get_mut(operation) {
                        keys.remove(&short_digest(&[key]));
                    }
                }
                Claim::Limit { rule, by, amount, span, .. } => {
                    if let Some(ledger) = self.ledgers.get_mut(rule).and_then(|ledgers| ledgers.get_mut(by)) {
                        give_back(ledger, effect, *amount, *span);
                    }
                }
            }
        }
    }

    fn above(&mut self, claim: &Claim) -> Option<String> {
        let Claim::Limit { rule, by, amount, max, span, .. } = claim else { return None };
        if !amount.is_like(*max) {
            return Some(format!("{amount} cannot be counted against a limit of {max}"));
        }
        let now = self.now;
        let ledger = self.ledgers.get_mut(rule).and_then(|ledgers| ledgers.get_mut(by));
        let taken = ledger.and_then(|ledger| {
            ledger.turn(*span, now);
            ledger.sum_like(*amount)
        });
        let total = match taken {
            None => Some(*amount),
            Some(taken) => taken.plus(*amount),
        };
        match total {
            Some(total) if total.at_most(*max) => None,
            Some(total) => Some(format!("{total} would be above the limit of {max}")),
            None => Some(format!("with {amount} more, the sum is too large to be counted")),
        }
    }
}

/// What was taken of a ledger came to this much, where the time over which it counts is not over.
fn settle(ledger: &mut Ledger, effect: &str, taken: Amount, (spent, is_nothing): (Amount, bool), span: Span) {
    if is_nothing {
        return give_back(ledger, effect, taken, span);
    }
    match span {
        Span::Rolling(_) => {
            let Some(entry) = ledger.entries.iter_mut().rfind(|entry| &*entry.key == effect) else { return };
            entry.amount = spent;
        }
        Span::Day(day) if day != ledger.day => return,
        Span::Day(_) | Span::Always => {}
    }
    ledger.take_away(taken);
    ledger.add(spent);
}

fn give_back(ledger: &mut Ledger, effect: &str, amount: Amount, span: Span) {
    match span {
        Span::Rolling(_) => {
            let Some(place) = ledger.entries.iter().rposition(|entry| &*entry.key == effect) else { return };
            ledger.entries.remove(place);
        }
        Span::Day(day) if day != ledger.day => return,
        Span::Day(_) | Span::Always => {}
    }
    ledger.take_away(amount);
}
