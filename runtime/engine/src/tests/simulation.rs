//! The whole engine on twins of clock, store, providers and models, by seeds: whatever befalls it, the invariants hold.
//!
//! A seed gives the same bytes in the log on every machine. `TRADEWIND_SEED=7` repeats one, `TRADEWIND_SEEDS=1000` lives through so many.

mod bites;
mod branches;
mod clock;
mod crowd;
mod disk;
mod ending;
mod flows;
mod index;
mod judge;
mod keys;
mod letters;
mod life;
mod models;
mod moving;
mod parties;
mod provider;
mod quiet;
mod rare;
mod script;
mod shelves;
mod sold;
mod talking;
mod together;

use crate::event::{Event, EventKind};
use ending::Share;
use judge::Violation;
use life::Life;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// So many seeds where nobody asks for more.
const SEEDS: u64 = 60;
/// So many things befall a life.
const STEPS: u64 = 44;

/// Kinds of events that some of the seeds must come by, so that the simulation never narrows unseen.
const HAPPENS: [&str; 49] = [
    "run-migrated",
    "model-asked",
    "model-answered",
    "answer-taken",
    "tools-called",
    "pre-image-read",
    "undo-planned",
    "plan-adopted",
    "effects-frozen",
    "effects-thawed",
    "step-inherited",
    "effect-inherited",
    "approval-raised",
    "item-set-aside",
    "run-started",
    "run-admitted",
    "run-paused",
    "run-resumed",
    "cancel-requested",
    "arm-taken",
    "items-picked",
    "items-completed",
    "flow-begun",
    "failure-handled",
    "child-ended",
    "step-completed",
    "step-skipped",
    "step-failed",
    "intent-recorded",
    "effect-attempted",
    "effect-settled",
    "effect-denied",
    "approval-requested",
    "approval-answered",
    "approval-expired",
    "approval-withdrawn",
    "wait-begun",
    "wait-ended",
    "event-taken",
    "event-emitted",
    "event-received",
    "event-refused",
    "events-gathered",
    "event-dispatched",
    "schedule-fired",
    "fact-remembered",
    "facts-remembered",
    "run-completed",
    "run-cancelled",
];

/// What became of a seed.
struct Lived {
    violations: Vec<Violation>,
    trace: Vec<String>,
    segments: Vec<crate::segment::Segment>,
    events: Vec<Event>,
    share: Share,
}

/// Lives through a seed, on one thread.
fn live(seed: u64, plans: &flows::Plans) -> Lived {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut life = Life::new(seed, plans);
        for _ in 0..STEPS {
            script::step(&mut life).await;
            if !life.judge.lock().unwrap().violations.is_empty() {
                break;
            }
        }
        let share = if life.judge.lock().unwrap().violations.is_empty() { ending::end(&mut life).await } else { Share::default() };
        let mut judge = life.judge.lock().unwrap();
        let (violations, events) = (std::mem::take(&mut judge.violations), std::mem::take(&mut judge.events));
        Lived { violations, trace: std::mem::take(&mut life.trace), segments: life.disk.segments(), events, share }
    })
}

fn told(event: &Event) -> String {
    let step = event.header.step.as_ref().map_or("", |step| &*step.name);
    let run = event.header.run.as_deref().unwrap_or_default();
    let line = format!("{} {} {} {step} {:?}", event.header.seq, event.header.at, run.get(..8).unwrap_or_default(), event.kind);
    line.chars().take(400).collect()
}

/// The runs that a violation is about, by the names and keys in its words.
fn concerned(lived: &Lived, violations: &str) -> BTreeSet<Arc<str>> {
    let names: BTreeSet<&str> = violations.split(|letter: char| !letter.is_ascii_hexdigit()).filter(|name| name.len() == 32).collect();
    let key = |event: &Event| match &event.kind {
        EventKind::IntentRecorded(intent) => Some(intent.key.clone()),
        EventKind::ModelAsked(question) => Some(question.key.clone()),
        _ => None,
    };
    let is_named = |event: &&Event| event.header.run.clone().into_iter().chain(key(event)).any(|name| names.contains(&*name));
    lived.events.iter().filter(is_named).filter_map(|event| event.header.run.clone()).collect()
}

/// What a person needs to see why a seed fails.
fn report(seed: u64, lived: &Lived) -> String {
    let violations: Vec<String> = lived.violations.iter().map(|violation| format!("{}: {}", violation.invariant, violation.what)).collect();
    let (violations, end) = (violations.join("\n"), lived.events.len().saturating_sub(40));
    let runs = concerned(lived, &violations);
    let of_them = lived.events.iter().filter(|event| event.header.run.as_ref().is_some_and(|run| runs.contains(run)));
    let (of_them, tail): (Vec<String>, Vec<String>) =
        (of_them.take(80).map(told).collect(), lived.events.iter().skip(end).map(told).collect());
    format!(
        "seed {seed} (TRADEWIND_SEED={seed} repeats it):\n{violations}\n\nwhat befell it:\n{}\n\nwhat the log says of it:\n{}\n\nthe end of the log:\n{}",
        lived.trace.join("\n"),
        of_them.join("\n"),
        tail.join("\n")
    )
}

/// What is kept of a seed that was lived through.
struct Summary {
    share: Share,
    events: usize,
    runs: usize,
    kinds: BTreeSet<&'static str>,
    why: Option<String>,
}

impl Summary {
    fn of(seed: u64, lived: Lived) -> Self {
        let runs = lived.events.iter().filter(|event| event.kind.name() == "run-started").count();
        let why = (!lived.violations.is_empty()).then(|| report(seed, &lived));
        let kinds = lived.events.iter().map(|event| event.kind.name()).collect();
        Self { share: lived.share, events: lived.events.len(), runs, kinds, why }
    }
}

/// Does the work of each on as many threads as there are; the answers come in the order of the work.
fn on_threads<W: Sync, A: Send>(work: Vec<W>, does: impl Fn(&W) -> A + Sync) -> Vec<(W, A)> {
    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((place, one)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|place| Some((place, work.get(place)?)))
                {
                    let answer = does(one);
                    answers.lock().unwrap().push((place, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap();
    answers.sort_by_key(|(place, _)| *place);
    work.into_iter().zip(answers.into_iter().map(|(_, answer)| answer)).collect()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn simulation_of_the_whole_engine_holds_every_invariant() {
    let plans = flows::plans();
    let seeds = match number("TRADEWIND_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TRADEWIND_SEEDS").unwrap_or(SEEDS),
    };
    let began = std::time::Instant::now();
    let (mut share, mut events, mut runs, mut failed, mut kinds) = (Share::default(), 0, 0, Vec::new(), BTreeSet::new());
    for (seed, lived) in on_threads(seeds.clone().collect(), |seed| Summary::of(*seed, live(*seed, &plans))) {
        share.add(&lived.share);
        events += lived.events;
        runs += lived.runs;
        kinds.extend(lived.kinds);
        if let Some(why) = lived.why {
            failed.push(seed);
            if failed.len() < 4 {
                println!("{why}\n");
            }
        }
    }
    println!("{} seeds, {runs} runs, {events} events, {share:?}, {:?}", seeds.end - seeds.start, began.elapsed());
    assert!(failed.is_empty(), "these seeds fail: {failed:?}");
    // Of a few seeds one may have had more bad luck.
    let is_few = seeds.end - seeds.start < 20;
    assert!(is_few || share.completed * 10 >= share.all * 9, "after the faults stopped, only {share:?} completed");
    let missing: Vec<&str> = HAPPENS.into_iter().filter(|kind| !kinds.contains(kind)).collect();
    assert!(is_few || missing.is_empty(), "no seed comes by {missing:?}");
}

#[test]
fn a_seed_of_the_simulation_gives_the_same_bytes_again() {
    let plans = flows::plans();
    for seed in [1, 2, 3] {
        let (one, two) = (live(seed, &plans), live(seed, &plans));
        assert!(one.trace == two.trace, "seed {seed}: what befell it differs");
        assert!(one.segments == two.segments, "seed {seed}: the logs differ");
    }
}
