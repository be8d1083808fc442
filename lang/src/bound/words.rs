//! Bounds in words, for people: every drawing and every listing of a flow says the same.

use super::{Bound, Leg, Longest, Open, StepBound};
use crate::money::{Currency, Money};
use crate::plan::{Flow, Micros};

/// The greatest span there is stands for all that are longer: sums stop there.
const BEYOND: &str = "more than 292,000 years";

/// A span of time as people say it: `1h 2m 3.5s`.
#[must_use]
pub fn length(micros: Micros) -> String {
    const UNITS: &[(i64, &str)] = &[(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m")];
    if micros == Micros::MAX {
        return BEYOND.to_owned();
    }
    let mut parts = Vec::new();
    let mut rest = micros;
    for (unit, name) in UNITS {
        if rest >= *unit {
            parts.push(format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if rest > 0 || parts.is_empty() {
        let fraction = format!("{:06}", rest % 1_000_000);
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        parts.push(format!("{}{point}{fraction}s", rest / 1_000_000));
    }
    parts.join(" ")
}

/// Why a sum may be beyond counting.
const COUNTED: &str = "no longer counted; a flow counts once for each time that it may be begun, so flows that begin each other multiply";

/// `order 41s, moves 10m (313 rounds: push 2s), reply 1m`.
fn legs(legs: &[Leg]) -> String {
    let leg = |leg: &Leg| {
        let inside = match leg.rounds {
            1 => String::new(),
            rounds => format!(" ({rounds} rounds of {})", self::legs(&leg.inside)),
        };
        format!("{} {}{inside}", leg.step, length(leg.micros))
    };
    legs.iter().map(leg).collect::<Vec<_>>().join(", ")
}

fn opened(open: &[Open]) -> String {
    let told = open.iter().take(3).map(|open| format!("`{}` {}", open.step, open.why)).collect::<Vec<_>>().join("; ");
    match open.len().saturating_sub(3) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

impl Longest {
    /// The steps on it, with how long each takes.
    #[must_use]
    pub fn words(&self) -> String {
        legs(&self.legs)
    }
}

impl Bound {
    /// How long a run takes, and what says so, each a line. Nothing for a flow that waits for nothing.
    #[must_use]
    pub fn time_words(&self, flow: &Flow) -> Vec<String> {
        let time = &self.time;
        let mut lines = Vec::new();
        if let Some(deadline) = flow.deadline {
            let people = if flow.terms.people_count { "waits for people count" } else { "waits for people do not count" };
            lines.push(format!("deadline {}; {people}", length(deadline)));
        }
        if !time.open.is_empty() {
            let what = if flow.deadline.is_some() { "takes as long as its deadline lets it" } else { "no bound on how long it takes" };
            lines.push(format!("{what}: {}", opened(&time.open)));
        }
        if !time.fixed.is_empty() {
            lines.push(format!("until a fixed instant, which no figure holds: {}", opened(&time.fixed)));
        }
        if time.own.micros == 0 && time.with_people.micros == 0 {
            return lines;
        }
        let people = match time.with_people.micros > time.own.micros {
            true => format!(", {} with people", length(time.with_people.micros)),
            false => String::new(),
        };
        let rest = if time.open.is_empty() { "" } else { "the rest " };
        let counted = if flow.terms.people_count { time.with_people.micros } else { time.own.micros };
        let ends = if flow.deadline.is_some_and(|deadline| counted > deadline) { "; the deadline may end it before" } else { "" };
        let longest = time.own.micros.max(time.with_people.micros);
        lines.push(match longest {
            Micros::MAX => format!("{rest}may take {}{people}{ends}: {COUNTED}", length(time.own.micros)),
            _ => format!("{rest}takes at most {} by itself{people}{ends}", length(time.own.micros)),
        });
        if time.own.micros > 0 {
            lines.push(format!("longest path: {}", time.own.words()));
        }
        if time.with_people.micros > time.own.micros {
            lines.push(format!("longest path with people: {}", time.with_people.words()));
        }
        if time.calls {
            let until = if flow.deadline.is_some() { "until the deadline" } else { "for up to an hour before each attempt" };
            lines
                .push(format!("beyond that, a provider out of reach holds a run {until}; one that asks to be left alone, for up to a day"));
        }
        if !time.doubts.is_empty() {
            lines.push(format!("a doubt that nothing settles waits for a person without end: {}", time.doubts.join(", ")));
        }
        if flow.deadline.is_some() && time.closing > 0 {
            lines.push(format!("an effect begun before the deadline is still finished, at most {} after it", length(time.closing)));
        }
        if time.after_failure > 0 {
            lines.push(format!("after a failure at most {} more", length(time.after_failure)));
        }
        lines
    }

    /// What a run's models cost, and what says so, each a line. `currency`: in which nothing is said.
    #[must_use]
    pub fn cost_words(&self, flow: &Flow, currency: Currency) -> Vec<String> {
        let cost = &self.cost;
        let mut lines = Vec::new();
        if let Some(cap) = flow.cost_cap {
            lines.push(format!("cost cap {cap}"));
        }
        if !cost.open.is_empty() {
            lines.push(format!("no bound on what models cost: {}", opened(&cost.open)));
        } else if cost.asks {
            let above = |cap: Money| cost.most.amounts().any(|most| most.currency == cap.currency && most.amount > cap.amount);
            let ends = if flow.cost_cap.is_some_and(above) { "; the cap may end it before" } else { "" };
            lines.push(match cost.most.is_beyond() {
                true => format!("models may cost {}{ends}: {COUNTED}", cost.most.shown(currency)),
                false => format!("models cost at most {}{ends}", cost.most.shown(currency)),
            });
        }
        if cost.open.is_empty() && !cost.whole_context.is_empty() {
            let steps = cost.whole_context.join(", ");
            lines.push(format!("texts without a `max` count as all that a model can read: {steps}"));
        }
        lines
    }

    /// Both.
    #[must_use]
    pub fn words(&self, flow: &Flow, currency: Currency) -> Vec<String> {
        self.time_words(flow).into_iter().chain(self.cost_words(flow, currency)).collect()
    }
}

impl StepBound {
    /// What a step takes and costs once.
    #[must_use]
    pub fn words(&self, currency: Currency) -> Vec<String> {
        let own = (self.own > 0).then(|| format!("takes at most {}", length(self.own)));
        let people = (self.people > 0).then(|| format!("waits for people for at most {}", length(self.people)));
        let cost = self.cost.as_ref().map(|cost| format!("costs at most {}", cost.shown(currency)));
        [own, people, cost].into_iter().flatten().collect()
    }
}
