//! What a `run` ended with: outcomes, effects, denials, what waits for whom or for what, cost and time. Counted from the log.

use crate::counted::counted;
use crate::exit::Failure;
use crate::inputs::Conflict;
use crate::output::printable;
use crate::session::store_failure;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tradewind_engine::engine::Engine;
use tradewind_engine::event::{EventKind, Outcome, Used};
use tradewind_engine::summary::{RunFilter, RunStatus, RunSummary};
use tradewind_lang::money::Money;
use tradewind_lang::plan::MoneyDirection;

/// Events read at once.
const PAGE: usize = 4_096;

/// What became of the inputs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Runs that were started or found.
    pub(crate) ids: BTreeSet<Arc<str>>,
    /// Started now.
    pub(crate) new: usize,
    /// Started by an earlier command.
    pub(crate) known: usize,
    /// Another input under the same key.
    pub(crate) conflicts: usize,
    /// The same by line.
    pub(crate) conflicting: BTreeMap<usize, Conflict>,
    /// Lines that are no input.
    pub(crate) rejected: usize,
    /// Where those lines are.
    pub(crate) rejects: Option<PathBuf>,
}

/// The effects of one operation.
#[derive(Debug, Default)]
struct Effects {
    done: usize,
    failed: usize,
    money: Vec<Money>,
}

/// What the waiting runs wait for, themselves or in runs within them; each counts once, for the first of these.
#[derive(Debug, Default)]
struct Waits {
    person: usize,
    event: usize,
    time: usize,
}

impl Waits {
    /// For people.
    fn text(&self) -> String {
        let others = [(self.event, "an event"), (self.time, "a time")].into_iter().filter(|(count, _)| *count > 0);
        let others: String = others.map(|(count, what)| format!(", {count} waiting for {what}")).collect();
        format!("{} escalated and waiting for a person{others}", self.person)
    }
}

/// The whole report.
#[derive(Debug)]
pub(crate) struct Report {
    flow: String,
    tally: Tally,
    statuses: BTreeMap<RunStatus, usize>,
    effects: BTreeMap<String, Effects>,
    denied: BTreeMap<String, usize>,
    waiting: BTreeMap<String, usize>,
    waits: Waits,
    failures: BTreeMap<String, usize>,
    /// Why a model gave no answer, so that a later rung of its route had to.
    unanswered: BTreeMap<String, usize>,
    cost: Vec<Money>,
    elapsed: Duration,
}

/// Counts everything that the runs of this command have done, now and before.
pub(crate) async fn of(engine: &Engine, flow: &str, tally: Tally, elapsed: Duration) -> Result<Report, Failure> {
    let mut report = Report {
        flow: flow.to_owned(),
        tally,
        statuses: BTreeMap::new(),
        effects: BTreeMap::new(),
        denied: BTreeMap::new(),
        waiting: BTreeMap::new(),
        waits: Waits::default(),
        failures: BTreeMap::new(),
        unanswered: BTreeMap::new(),
        cost: Vec::new(),
        elapsed,
    };
    let runs = engine.runs(RunFilter { flow: Some(flow.to_owned()), ..RunFilter::default() }).await.map_err(store_failure)?;
    // Nothing of these runs was before the first of them began.
    let from = runs.iter().filter(|run| report.tally.ids.contains(&run.id)).map(|run| run.first).min().unwrap_or(u64::MAX);
    for run in runs.iter().filter(|run| report.tally.ids.contains(&run.id)) {
        *report.statuses.entry(run.status).or_default() += 1;
        if let Some(failure) = &run.failure {
            *report.failures.entry(failure.to_string()).or_default() += 1;
        }
        report.cost.extend(run.cost);
    }
    let within = count_effects(engine, &mut report, from).await?;
    let mut asked = BTreeSet::new();
    for item in engine.approvals().await.map_err(store_failure)? {
        let Some(whole) = within.get(&item.run) else { continue };
        asked.insert(whole.clone());
        let what = format!("{} ({})", item.approval.rules.join(" and "), item.approval.to.join(", "));
        *report.waiting.entry(format!("{}: {what}", item.step)).or_default() += 1;
    }
    if report.status(RunStatus::Waiting) > 0 {
        report.waits = waits(engine, &runs, &within, &asked).await?;
    }
    Ok(report)
}

/// What the waiting runs wait for: those that ask nobody, for events or for time.
async fn waits(
    engine: &Engine,
    runs: &[RunSummary],
    within: &BTreeMap<Arc<str>, Arc<str>>,
    asked: &BTreeSet<Arc<str>>,
) -> Result<Waits, Failure> {
    let parts = RunFilter { status: Some(RunStatus::Waiting), parts: true, ..RunFilter::default() };
    let (mut events, mut times) = (BTreeSet::new(), BTreeSet::new());
    for part in engine.runs(parts).await.map_err(store_failure)? {
        let Some(whole) = within.get(&part.id) else { continue };
        for what in &part.waits_for {
            if what.starts_with("event ") {
                events.insert(whole.clone())
            } else {
                times.insert(whole.clone())
            };
        }
    }
    let mut waits = Waits::default();
    for run in runs.iter().filter(|run| run.status == RunStatus::Waiting && within.contains_key(&run.id)) {
        match () {
            () if asked.contains(&run.id) => waits.person += 1,
            () if events.contains(&run.id) => waits.event += 1,
            () if times.contains(&run.id) => waits.time += 1,
            () => {}
        }
    }
    Ok(waits)
}

/// Counts the effects; the runs of this command, and those within them: each with the run of this command that it belongs to.
async fn count_effects(engine: &Engine, report: &mut Report, from: u64) -> Result<BTreeMap<Arc<str>, Arc<str>>, Failure> {
    let mut runs: BTreeMap<Arc<str>, Arc<str>> = report.tally.ids.iter().map(|run| (run.clone(), run.clone())).collect();
    let mut intents: BTreeMap<(Arc<str>, u16), (String, Option<Money>)> = BTreeMap::new();
    let (mut from, plan) = (from, engine.active().plan.clone());
    loop {
        let events = engine.events(from, PAGE, None).await.map_err(store_failure)?;
        let Some(last) = events.last() else { return Ok(runs) };
        from = last.header.seq + 1;
        for event in &events {
            if let (EventKind::RunStarted { parent: Some(parent), .. }, Some(run)) = (&event.kind, &event.header.run)
                && let Some(whole) = runs.get(&parent.run).cloned()
            {
                runs.insert(run.clone(), whole);
            }
            let Some(run) = event.header.run.clone().filter(|run| runs.contains_key(run)) else { continue };
            let step = event.header.step.as_ref().map_or(u16::MAX, |step| step.id.0);
            if let Used::Model { refused, .. } = &event.used {
                let name = event.header.step.as_ref().map_or("", |step| &step.name);
                refused.iter().for_each(|why| *report.unanswered.entry(format!("{name}: {why}")).or_default() += 1);
            }
            match &event.kind {
                EventKind::IntentRecorded(intent) => {
                    // What was judged and logged counts, not what today's plan would say; a price is not money that moved.
                    let moves = plan.operations.get(&*intent.operation).and_then(|operation| operation.money.as_ref());
                    let is_price = moves.is_some_and(|moves| moves.direction == MoneyDirection::Price);
                    let money = intent.money.filter(|_| !is_price);
                    intents.insert((run, step), (intent.operation.to_string(), money));
                }
                EventKind::EffectSettled { outcome, .. } => {
                    let Some((operation, money)) = intents.remove(&(run, step)) else { continue };
                    let effects = report.effects.entry(operation).or_default();
                    match outcome {
                        Outcome::Done(_) => {
                            effects.done += 1;
                            effects.money.extend(money);
                        }
                        Outcome::Failed(_) => effects.failed += 1,
                    }
                }
                EventKind::EffectDenied { rule, .. } => *report.denied.entry(rule.to_string()).or_default() += 1,
                _ => {}
            }
        }
    }
}

/// One sum a currency.
fn sums(amounts: &[Money]) -> Vec<Money> {
    let mut sums: Vec<Money> = Vec::new();
    for amount in amounts {
        match sums.iter_mut().find(|sum| sum.currency == amount.currency) {
            Some(sum) => *sum = sum.plus(*amount).unwrap_or(*sum),
            None => sums.push(*amount),
        }
    }
    sums
}

fn listed(amounts: &[Money]) -> String {
    let texts: Vec<String> = sums(amounts).iter().map(ToString::to_string).collect();
    texts.join(" + ")
}

impl Report {
    pub(crate) fn has_rejects(&self) -> bool {
        self.tally.rejected + self.tally.conflicts > 0
    }

    /// Whether a run of this command ended badly.
    pub(crate) fn has_failures(&self) -> bool {
        self.status(RunStatus::Failed) > 0
    }

    fn status(&self, status: RunStatus) -> usize {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a count of inputs for people")]
        let new = self.tally.new as f64;
        if seconds > 0.0 { new / seconds } else { 0.0 }
    }

    /// For people.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        let tally = &self.tally;
        let _ = writeln!(
            out,
            "{}: {}, {} known, {} conflicting, {} rejected",
            self.flow,
            counted(tally.new, "new input"),
            tally.known,
            tally.conflicts,
            tally.rejected
        );
        if let Some(path) = &tally.rejects {
            let _ = writeln!(out, "  rejected lines, with reasons: {}", path.display());
        }
        let (completed, failed) = (self.status(RunStatus::Completed), self.status(RunStatus::Failed));
        let _ = writeln!(out, "  {completed} completed, {}, {failed} failed", self.waits.text());
        let (queued, paused, cancelled) =
            (self.status(RunStatus::Queued), self.status(RunStatus::Paused), self.status(RunStatus::Cancelled));
        let frozen = self.status(RunStatus::Frozen);
        if frozen > 0 {
            let _ = writeln!(out, "  {frozen} with frozen effects, which leave when they are thawed");
        }
        if queued + paused + cancelled > 0 {
            let _ = writeln!(out, "  {queued} behind another run with the same concurrency key, {paused} paused, {cancelled} cancelled");
        }
        for (operation, effects) in &self.effects {
            let money = if effects.money.is_empty() { String::new() } else { format!("  {}", listed(&effects.money)) };
            let failed = if effects.failed == 0 { String::new() } else { format!("  {} failed", effects.failed) };
            let _ = writeln!(out, "  {operation:<32} {:>6} done{money}{failed}", effects.done);
        }
        for (title, counts) in [
            ("denied by", &self.denied),
            ("waiting", &self.waiting),
            ("no answer of a model at", &self.unanswered),
            ("failure", &self.failures),
        ] {
            for (what, count) in counts {
                let _ = writeln!(out, "  {title} {}: {count}", printable(what));
            }
        }
        let cost = if self.cost.is_empty() { "nothing".to_owned() } else { listed(&self.cost) };
        let _ = writeln!(out, "  model cost {cost}; {:.1} s, {:.0} new inputs/s", self.elapsed.as_secs_f64(), self.rate());
        out
    }

    /// For programs, version 1.
    pub(crate) fn json(&self) -> Json {
        let effects = self.effects.iter().map(|(operation, effects)| {
            let money: Vec<String> = sums(&effects.money).iter().map(ToString::to_string).collect();
            (operation.clone(), json!({ "done": effects.done, "failed": effects.failed, "money": money }))
        });
        json!({
            "version": 1,
            "flow": self.flow,
            "inputs": { "new": self.tally.new, "known": self.tally.known, "conflicting": self.tally.conflicts, "rejected": self.tally.rejected },
            "rejects": self.tally.rejects,
            "runs": self.statuses.iter().map(|(status, count)| (status.as_str().to_owned(), json!(count))).collect::<serde_json::Map<_, _>>(),
            "effects": effects.collect::<serde_json::Map<_, _>>(),
            "denied": self.denied,
            "waiting": self.waiting,
            "waiting_for": { "person": self.waits.person, "event": self.waits.event, "time": self.waits.time },
            "unanswered": self.unanswered,
            "failures": self.failures,
            "cost": sums(&self.cost).iter().map(ToString::to_string).collect::<Vec<_>>(),
            "seconds": self.elapsed.as_secs_f64(),
        })
    }
}
