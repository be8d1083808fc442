//! A program that checks clean never meets a wrong type when it runs: generated programs on generated inputs.
//!
//! Every program is walked: each expression is evaluated where the plan says it is. A part of them is run by the engine on twins, too. The only failures allowed are those that the language declares (`declared.rs`).
//! `TRADEWIND_PROGRAMS` says how many programs, `TRADEWIND_SEED` where they begin.
#![cfg(test)]

mod beyond;
mod declared;
mod expression;
mod given;
mod performed;
mod program;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use tradewind_lang::compile::{Compiled, Repository, compile};
use tradewind_lang::conform;
use tradewind_lang::ty::Ty;
use tradewind_tests::random::Random;
use walk::{Counted, End, Walk};

/// Programs where nothing else is asked for.
const PROGRAMS: u64 = 200;
/// Inputs of each.
const INPUTS: usize = 4;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

fn compiled(text: &str) -> Compiled {
    let configuration = [("tradewind.kdl".to_owned(), text.to_owned())];
    let read = |_: &str| Some("{\"text\":\"x\",\"mood\":\"odd\"}\n".to_owned());
    compile(&Repository { configuration: &configuration, library: &[], read: &read, environment: None })
}

#[test]
fn what_checks_clean_meets_no_wrong_type_wherever_it_is_evaluated() {
    let first = number("TRADEWIND_SEED", 1);
    let programs = number("TRADEWIND_PROGRAMS", PROGRAMS);
    let (mut clean, mut ended, mut counted) = (0, 0, Counted::default());
    let mut refused: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in first..first + programs {
        let text = program::program(seed);
        let compiled = compiled(&text);
        let Some(plan) = compiled.plan else {
            let shown = std::env::var("TRADEWIND_SHOW").is_ok();
            for found in
                compiled.diagnostics.iter().filter(|found| shown && found.severity() == tradewind_lang::diagnostic::Severity::Error)
            {
                let (line, column) = compiled.sources.line_column(found.span);
                println!("{seed} {line}:{column} {} {}\n    {}", found.code.id, found.message, text.lines().nth(line - 1).unwrap_or(""));
            }
            compiled.diagnostics.iter().take(1).for_each(|found| *refused.entry(found.code.id).or_default() += 1);
            continue;
        };
        clean += 1;
        let flow = &plan.flows["f"];
        let mut random = Random::of(seed ^ 0x5eed);
        for _ in 0..INPUTS {
            let input = walk::input(&mut random, &plan, flow);
            let json = conform::to_json(&input);
            let read = conform::from_json(&json, &Ty::Record(flow.input.clone()), &plan.types);
            assert_eq!(read.as_ref(), Ok(&input), "seed {seed}: what is written as JSON is not read the same");
            let mut walk = Walk::of(&plan, flow, &mut random);
            match walk.run(input.clone()) {
                Ok(()) => ended += 1,
                Err(End::Declared) => {}
                Err(End::Wrong(why)) => panic!("seed {seed}: {why}\ninput: {json}\n{text}"),
            }
            counted.evaluated += walk.counted.evaluated;
            counted.failed += walk.counted.failed;
            counted.steps += walk.counted.steps;
        }
    }
    println!("{clean} of {programs} programs are clean; {ended} walks came to their end; {counted:?}; refused: {refused:?}");
    assert!(clean * 5 > programs, "only {clean} of {programs} programs are clean");
    assert!(ended * 4 > clean * INPUTS as u64, "only {ended} walks of {clean} programs came to their end");
}

#[tokio::test]
async fn what_checks_clean_meets_no_wrong_type_when_the_engine_runs_it() {
    let first = number("TRADEWIND_SEED", 1);
    let programs = number("TRADEWIND_PROGRAMS", PROGRAMS) / 4;
    let (mut run, mut events, mut said) = (0, 0, 0);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in first..first + programs {
        let text = program::program(seed);
        let Some(plan) = compiled(&text).plan.map(Arc::new) else { continue };
        let flow = plan.flows["f"].clone();
        assert_eq!(plan.not_runnable(&flow), [], "seed {seed}: {text}");
        let mut random = Random::of(seed ^ 0x0e49);
        for _ in 0..2 {
            let input = walk::input(&mut random, &plan, &flow);
            let performed = performed::run(&plan, input.clone(), random.number()).await;
            run += 1;
            events += performed.events;
            said += performed.said.len();
            performed.kinds.iter().for_each(|(kind, count)| *kinds.entry(kind).or_default() += count);
            for sentence in performed.said {
                let json = conform::to_json(&input);
                assert!(!declared::is_wrong(&sentence), "seed {seed}: {sentence}\ninput: {json}\n{text}");
            }
        }
    }
    println!("{run} runs of {programs} programs, {events} events, {said} failures and denials: {kinds:?}");
    assert!(run * 4 > programs && events as u64 > run * 5, "{run} runs of {programs} programs, {events} events");
}
