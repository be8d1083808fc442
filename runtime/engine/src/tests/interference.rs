//! Non-interference: two runs that differ only in outside text do the same to the same, for as much, where no cap holds it.
//! A text may make a run fail, and so keep it from doing something; it may not make it do anything else, or more.
//!
//! Programs are generated; those that the compiler accepts are sent two messages one after the other, once for each side of a pair. All that
//! comes from outside differs between the sides: texts, notes, reviews, what events carry, what providers say of what they refuse.
//! `TRADEWIND_PAIRS` says how many pairs, `TRADEWIND_SEED` where the programs begin.

mod acts;
mod draft;
#[cfg(feature = "planted")]
mod holes;
mod pair;
mod program;
mod shapes;
mod shop;
mod steps;
mod talking;

use super::world::PROJECT;
use draft::Used;
use pair::{Outside, Side, side};
use shop::{CAPPED, FRAME, UNCAPPED};
use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Plan;

/// Pairs of runs where nothing else is asked for.
const PAIRS: usize = 1_000;
/// Pairs of each program.
const EACH: usize = 4;

/// What a thousand pairs must hold at least so often: constructs of accepted programs, and what their runs did.
const COVERAGE: &[(&str, usize)] = &[
    ("let", 35),
    ("rules", 30),
    ("reflect", 35),
    ("look-up", 35),
    ("deadline of a step", 6),
    ("read of outside text", 30),
    ("classify with a ladder", 35),
    ("template", 40),
    ("draft of a model", 70),
    ("agent", 40),
    ("agent with a tool that writes", 9),
    ("search", 25),
    ("choose", 15),
    ("choose in choose or each", 3),
    ("on-error=skip of a choose", 2),
    ("each", 30),
    ("each with where", 4),
    ("each with on-error=skip", 8),
    ("key of an item by outside text", 2),
    ("wait for a span", 6),
    ("wait for an instant", 10),
    ("wait for an event", 12),
    ("emit", 18),
    ("flow that an event starts", 15),
    ("remember", 25),
    ("row that is remembered or not", 4),
    ("recall", 20),
    ("flow that a flow begins", 18),
    ("undo", 5),
    ("ask", 20),
    ("on-failure", 25),
    ("on-error=skip", 25),
    ("on-error=skip of an act", 18),
    ("act with when", 60),
    ("act that moves money", 60),
    ("act that cannot be taken back", 25),
    ("act that can be taken back", 12),
    ("act with evidence", 12),
    ("staged act", 12),
    ("message with outside text", 35),
    ("optional value", 60),
    ("list", 60),
    ("map", 30),
    ("text with holes", 60),
    ("written list and map", 15),
    ("? :", 20),
    ("among", 4),
    ("between", 2),
    ("endorse", 4),
    ("pattern", 2),
    ("model-asked", 300),
    ("tools-called", 60),
    ("approval-answered", 300),
    ("child-ended", 500),
    ("effect-denied", 40),
    ("event-emitted", 90),
    ("event-taken", 90),
    ("fact-remembered", 120),
    ("failure-handled", 25),
    ("flow-begun", 120),
    ("items-completed", 150),
    ("run-failed", 200),
    ("step-failed", 150),
    ("step-skipped", 250),
    ("undo-planned", 40),
    ("wait-ended", 120),
];

/// The plan, or the codes of what is wrong.
fn try_plan(parts: &[&str]) -> Result<Arc<Plan>, Vec<&'static str>> {
    let files: Vec<(String, String)> = parts.iter().enumerate().map(|(at, text)| (format!("part{at}.kdl"), (*text).to_owned())).collect();
    let read = |_: &str| Some("{\"text\":\"x\",\"kind\":\"praise\"}\n".to_owned());
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &read, environment: None });
    if std::env::var("TRADEWIND_SHOW").is_ok() {
        for found in compiled.diagnostics.iter().filter(|found| found.code.id != "TW0194" && found.code.id != "TW0134") {
            let (line, column) = compiled.sources.line_column(found.span);
            let text = parts.last().and_then(|text| text.lines().nth(line - 1)).unwrap_or("");
            println!("{line}:{column} {} {}\n    {text}", found.code.id, found.message);
        }
    }
    let errors = compiled.diagnostics.iter().filter(|found| found.severity() == tradewind_lang::diagnostic::Severity::Error);
    let codes = errors.map(|found| found.code.id).collect();
    compiled.plan.map(Arc::new).ok_or(codes)
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// The sides of a program: the first, and those that it is compared with.
async fn sides(plan: &Arc<Plan>, seed: u64) -> (Side, Vec<Side>) {
    let first = side(plan, Outside::of(seed.wrapping_mul(31))).await;
    let mut others = Vec::new();
    for other in 0..EACH as u64 {
        others.push(side(plan, Outside::of(seed.wrapping_mul(31) + other + 1)).await);
    }
    (first, others)
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    compared: usize,
    generated: usize,
    accepted: usize,
    did_something: usize,
    /// Pairs of which both sides came to their end everywhere.
    ended: usize,
    /// Programs that are refused for control by outside text, those of them that differ where a cap lets them through, and the same of
    /// those that have a shape.
    refused: usize,
    rightly: usize,
    shaped: usize,
    shaped_rightly: usize,
    codes: BTreeMap<&'static str, usize>,
    used: Used,
    events: BTreeMap<&'static str, usize>,
}

impl Seen {
    async fn accept(&mut self, seed: u64, plan: &Arc<Plan>, program: &program::Program) -> Result<(), String> {
        let (one, others) = sides(plan, seed).await;
        self.accepted += 1;
        self.did_something += usize::from(one.did_something());
        program.used.iter().for_each(|(what, count)| *self.used.entry(what).or_default() += count);
        for two in others {
            if !one.agrees(&two) {
                return Err(format!("seed {seed}: {:#?}\n{:#?}\n{}", one.phases, two.phases, program.text));
            }
            self.compared += 1;
            self.ended += usize::from(one.ended_with(&two));
            two.events.iter().for_each(|(kind, count)| *self.events.entry(kind).or_default() += count);
        }
        Ok(())
    }

    /// With a cap it is accepted: then it shows whether there was anything to refuse.
    async fn refuse(&mut self, seed: u64, program: &program::Program) {
        let plan = try_plan(&[PROJECT, FRAME, CAPPED, &program.text]).unwrap_or_else(|codes| panic!("{codes:?}\n{}", program.text));
        let (one, others) = sides(&plan, seed).await;
        let differs = usize::from(others.iter().any(|two| !one.agrees(two)));
        if program::shape(seed).is_some() {
            self.shaped += 1;
            self.shaped_rightly += differs;
        } else {
            self.refused += 1;
            self.rightly += differs;
        }
    }
}

#[tokio::test]
async fn outside_text_changes_nothing_that_no_cap_holds() {
    let pairs = usize::try_from(number("TRADEWIND_PAIRS", PAIRS as u64)).unwrap();
    let (first, all) = (number("TRADEWIND_SEED", 0), std::env::var("TRADEWIND_ALL").is_ok());
    let mut seen = Seen::default();
    let mut found = 0;
    for seed in first.. {
        if seen.compared >= pairs {
            break;
        }
        assert!(seen.generated < 100 + 10 * pairs, "hardly anything is accepted: {seen:#?}");
        seen.generated += usize::from(program::shape(seed).is_none());
        let program = program::program(seed);
        match try_plan(&[PROJECT, FRAME, UNCAPPED, &program.text]) {
            Ok(plan) => {
                if let Err(why) = seen.accept(seed, &plan, &program).await {
                    assert!(all, "{why}");
                    println!("{why}");
                    found += 1;
                }
            }
            Err(codes) => {
                codes.iter().take(1).for_each(|code| *seen.codes.entry(code).or_default() += 1);
                let tried = if program::shape(seed).is_some() { seen.shaped } else { seen.refused };
                if codes.iter().all(|code| *code == "TW0194") && tried < (pairs / 10).min(100) {
                    seen.refuse(seed, &program).await;
                }
            }
        }
    }
    println!("{seen:#?}");
    assert_eq!(found, 0, "outside text decided something");
    assert!(seen.accepted * 10 > seen.generated * 4, "only {} of {} programs are accepted", seen.accepted, seen.generated);
    assert!(seen.did_something * 4 > seen.accepted, "most of the accepted programs do nothing: {seen:#?}");
    assert!(seen.ended * 5 > seen.compared * 2, "most pairs fail on the way: {seen:#?}");
    let (differ, shaped) = (seen.shaped_rightly, seen.shaped);
    assert!(differ * 5 > shaped * 2, "only {differ} of {shaped} programs differ that have a shape, and are refused");
    // Of a few pairs, not everything can be asked.
    if seen.compared < PAIRS {
        return;
    }
    assert!(seen.refused >= 50 && seen.rightly * 10 > seen.refused, "{} of {} refused would have differed", seen.rightly, seen.refused);
    for (what, least) in COVERAGE {
        let count = seen.used.get(what).or_else(|| seen.events.get(what)).copied().unwrap_or(0);
        assert!(count * 1_000 >= least * seen.compared, "`{what}` only {count} times: {seen:#?}");
    }
}
