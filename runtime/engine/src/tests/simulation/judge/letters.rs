//! People: what is found of somebody is his, was remembered, and is not of anybody who was forgotten; whoever is forgotten is met by nothing
//! from then on, and the runs that met him do nothing new.

use super::Judge;
use crate::event::{Event, EventKind, Used};
use crate::finding::{Finding, Sought};
use crate::memory::FactId;
use crate::seal::KeyName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::value::Value;

/// The memory.
pub(in super::super) const LETTERS: &str = "letters";
/// At most so many are looked for by what they are about, and so many otherwise.
const MOST: (usize, usize) = (3, 40);

struct Letter {
    id: String,
    customer: String,
    kind: String,
    keys: Arc<[KeyName]>,
}

#[derive(Default)]
pub(super) struct Letters {
    known: BTreeMap<FactId, Letter>,
    /// Keys that are gone, and since which event.
    gone: BTreeMap<KeyName, u64>,
    /// The keys that each run met.
    met: BTreeMap<Arc<str>, BTreeSet<KeyName>>,
    /// Runs of which something was dropped as it was written.
    hollow: BTreeSet<Arc<str>>,
    /// Runs of which somebody was forgotten before they had ended, and in which segment.
    bereft: BTreeMap<Arc<str>, u64>,
    segments: u64,
    begun: BTreeMap<Arc<str>, u64>,
    /// How often an index had nothing to say.
    silences: usize,
}

fn text(value: &Value, field: &str) -> String {
    value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
}

impl Letters {
    /// The next segment is durable.
    pub(super) fn segment(&mut self) {
        self.segments += 1;
    }

    /// Since which event a letter is of somebody who was forgotten.
    fn gone_since(&self, letter: &Letter) -> Option<u64> {
        letter.keys.iter().filter_map(|key| self.gone.get(key)).min().copied()
    }

    /// What stood by an event of the log, oldest first, where it is wanted.
    fn stood(&self, at: u64, wanted: impl Fn(&Letter) -> bool) -> Vec<FactId> {
        let there =
            |(id, letter): &(&FactId, &Letter)| id.0 <= at && self.gone_since(letter).is_none_or(|gone| gone > at) && wanted(letter);
        self.known.iter().filter(there).map(|(id, _)| *id).collect()
    }

    /// Events between which what stands does not change.
    fn moments(&self, from: u64, until: u64) -> Vec<u64> {
        let changes = self.known.keys().map(|(seq, _)| *seq).chain(self.gone.values().copied());
        [from].into_iter().chain(changes.filter(|seq| (from..until).contains(seq))).collect()
    }
}

pub(super) fn look(judge: &mut Judge, event: &Event) {
    let seq = event.header.seq;
    if let Some(key) = event.header.subjects.iter().find(|key| judge.letters.gone.contains_key(key)) {
        let what = format!("{} of run {:?} is sealed with {key}, which is gone", event.kind.name(), event.header.run);
        judge.violated("forget", what);
    }
    if let EventKind::SubjectForgotten { keys } = &event.kind {
        forgotten(judge, seq, keys);
    }
    let Some(run) = &event.header.run else { return };
    if event.header.erased {
        judge.letters.hollow.insert(run.clone());
    }
    judge.letters.met.entry(run.clone()).or_default().extend(event.header.subjects.iter().copied());
    judge.letters.begun.entry(run.clone()).or_insert(seq);
    let is_new = matches!(&event.kind, EventKind::IntentRecorded(_) | EventKind::ModelAsked(_) | EventKind::FactRemembered { .. });
    // What goes into the log with it, or behind it, may have been decided before it was there.
    let since = judge.letters.bereft.get(run).copied();
    if is_new && since.is_some_and(|since| judge.letters.segments > since + 1) {
        judge.violated("forget", format!("run {run} goes on with {} although somebody of its was forgotten", event.kind.name()));
    }
    match &event.kind {
        EventKind::FactRemembered { memory, fields, .. } if &**memory == LETTERS => {
            let letter = Letter {
                id: text(fields, "id"),
                customer: text(fields, "customer"),
                kind: text(fields, "kind"),
                keys: event.header.subjects.clone(),
            };
            judge.letters.known.insert((seq, 0), letter);
        }
        EventKind::StepCompleted { value } => {
            if let (Used::Found(finding), Some(step)) = (&event.used, &event.header.step) {
                found(judge, (run, &step.name, seq), finding, value);
            }
        }
        EventKind::StepFailed { .. }
            if event.header.step.as_ref().is_some_and(|step| &*step.name == "like")
                && judge.letters.silences == 0
                && !judge.is_erased(run) =>
        {
            judge.violated("search", format!("run {run} finds nothing out, and every index answered"));
        }
        _ => {}
    }
}

fn forgotten(judge: &mut Judge, seq: u64, keys: &[KeyName]) {
    for key in keys {
        judge.letters.gone.entry(*key).or_insert(seq);
    }
    let is_open = |run: &Arc<str>| judge.runs.get(run).is_some_and(|run| run.ended.is_none());
    let met = judge.letters.met.iter().filter(|(run, met)| is_open(run) && keys.iter().any(|key| met.contains(key)));
    let bereft: Vec<Arc<str>> = met.map(|(run, _)| run.clone()).collect();
    let segment = judge.letters.segments;
    judge.letters.bereft.extend(bereft.into_iter().map(|run| (run, segment)));
}

/// What was found is what stood at some moment while the run looked, as far as it was wanted, and nothing of it is gone by now.
fn found(judge: &mut Judge, (run, step, seq): (&Arc<str>, &Arc<str>, u64), finding: &Finding, value: &Value) {
    let Some(known) = judge.runs.get(run).filter(|known| matches!(&*known.flow, "correspond" | "tally")) else { return };
    let customer = text(&known.input, "customer");
    let letters = &judge.letters;
    let wanted = |letter: &Letter| match &**step {
        "late" => letter.kind == "late",
        _ => letter.customer == customer,
    };
    let ids: Vec<String> =
        finding.facts.iter().map(|id| letters.known.get(id).map_or_else(String::new, |letter| letter.id.clone())).collect();
    let Value::List(told) = value else { return };
    let told: Vec<String> = told.iter().map(|told| text(told, "id")).collect();
    let gone = finding.facts.iter().filter_map(|id| letters.known.get(id)).any(|letter| letters.gone_since(letter).is_some());
    let from = letters.begun.get(run).copied().unwrap_or(seq);
    let is_of = |moment: u64| {
        let stood = letters.stood(moment, wanted);
        let is_counted = finding.among == stood.len() as u64;
        match &**step {
            "like" => is_counted && finding.facts.len() <= MOST.0 && finding.facts.iter().all(|id| stood.contains(id)),
            _ => is_counted && finding.facts == stood[stood.len().saturating_sub(MOST.1)..],
        }
    };
    let is_known = letters.moments(from, seq).into_iter().any(is_of);
    if gone || told != ids || !is_known {
        let what =
            format!("run {run} finds {told:?} ({:?} of {}) by `{step}` for `{customer}`; gone: {gone}", finding.facts, finding.among);
        judge.violated("search", what);
    }
}

impl Judge {
    /// An index is asked: nothing of anybody else is shown to it, and nothing of anybody who was forgotten.
    pub(in super::super) fn sought(&mut self, sought: &Sought) {
        let letters = &self.letters;
        let strange = sought.facts.iter().find(|fact| {
            let gone = letters.known.get(&fact.id()).is_none_or(|letter| letters.gone_since(letter).is_some());
            gone || sought.subject.as_ref().is_some_and(|subject| *subject != fact.subject)
        });
        let what = strange.map(|fact| format!("{:?} of `{}` is looked at for {:?}", fact.id(), fact.subject, sought.subject));
        what.into_iter().for_each(|what| self.violated("search", what));
    }

    /// An index has nothing to say.
    pub(in super::super) fn unfound(&mut self) {
        self.letters.silences += 1;
    }

    /// Whether what a run was told may be gone, as somebody of its was forgotten.
    pub(in super::super) fn is_bereft(&self, run: &Arc<str>) -> bool {
        self.letters.bereft.contains_key(run)
    }

    /// Whether a run met somebody who was forgotten.
    pub(in super::super) fn is_erased(&self, run: &Arc<str>) -> bool {
        let mut met = self.letters.met.get(run).into_iter().flatten();
        self.letters.hollow.contains(run) || met.any(|key| self.letters.gone.contains_key(key))
    }

    /// How many keys are gone by the log.
    pub(in super::super) fn gone_by_log(&self) -> usize {
        self.letters.gone.len()
    }

    /// Whether it is in the log that keys are gone.
    pub(in super::super) fn has_forgotten(&self, keys: &[KeyName]) -> bool {
        keys.iter().all(|key| self.letters.gone.contains_key(key))
    }
}
