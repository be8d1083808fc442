//! The test bites: a hole in the proofs lets programs through that are refused without it, and a pair of their runs differs.
//! `cargo test -p tradewind-engine --features planted every_hole -- --nocapture` prints how many programs and pairs that took.

use super::super::world::PROJECT;
use super::pair::{Outside, side};
use super::program::program;
use super::shop::{FRAME, UNCAPPED};
use super::{EACH, number, try_plan};
use std::collections::BTreeMap;
use tradewind_lang::{holes, plant};

/// Programs in which all of them have to be found.
const PROGRAMS: u64 = 6_000;

/// What a program must say for a hole to be of any use to it; of the others, nothing is known.
const NEEDED: &[(&str, &str)] = &[
    ("Let", "let \""),
    ("When", " when=\""),
    ("Arm", "choose \""),
    ("Rule", "rule \""),
    ("Reflect", "else=stop"),
    ("Conditional", " ? "),
    ("Among", "among("),
    ("LookUp", "shop.order.get"),
    ("Label", "classify"),
    ("Item", "each \""),
    ("Items", "each \""),
    ("Picked", "each \""),
    ("Failure", "on-failure"),
    ("State", "steps."),
    ("Request", ".request."),
    ("Event", "emit \""),
    ("Emission", "emit \""),
    ("Trigger", "where=\"event.words"),
    ("Wait", "event.note"),
    ("Kept", "recall"),
    ("Fact", "recall"),
    ("Called", "flow \"s\""),
    ("Answer", "flow \"s\""),
    ("Failed", "recall"),
    ("Subject", "'c2'"),
    ("Row", "- when="),
    ("Undone", "undo flow"),
    ("Bound", "each \""),
    ("Taken", "event=\"parcel\""),
    ("Key", "key \"=input.words\""),
];

/// What was tried with a hole.
#[derive(Default)]
struct Tried {
    through: usize,
    pairs: usize,
}

/// Whether a pair of runs of a program that a hole lets through differs.
async fn bites(hole: &str, seed: u64, parts: &[&str], tried: &mut Tried) -> bool {
    plant(Some(hole));
    let plan = try_plan(parts);
    plant(None);
    let Ok(plan) = plan else { return false };
    tried.through += 1;
    let one = side(&plan, Outside::of(seed.wrapping_mul(31))).await;
    for other in 1..=2 * EACH as u64 {
        tried.pairs += 1;
        if !one.agrees(&side(&plan, Outside::of(seed.wrapping_mul(31) + other)).await) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn every_hole_in_the_proofs_is_found() {
    let only = std::env::var("TRADEWIND_HOLE").ok();
    let mut open: BTreeMap<String, Tried> = holes().into_iter().map(|hole| (hole, Tried::default())).collect();
    open.retain(|hole, _| only.as_ref().is_none_or(|only| only == hole));
    println!("| hole | programs | let through | pairs |\n|---|---|---|---|");
    for seed in 0..number("TRADEWIND_PROGRAMS", PROGRAMS) {
        let text = program(seed).text;
        let parts = [PROJECT, FRAME, UNCAPPED, &text];
        // What several places lead to, one hole does not let through.
        let Err(codes) = try_plan(&parts) else { continue };
        if codes.len() > 2 || codes.iter().any(|code| !matches!(*code, "TW0194" | "TW0134")) {
            continue;
        }
        let names: Vec<String> = open.keys().cloned().collect();
        for hole in names {
            let needed = NEEDED.iter().find(|(of, _)| *of == hole).map_or("", |(_, needed)| needed);
            let Some(tried) = open.get_mut(&hole).filter(|_| text.contains(needed)) else { continue };
            if bites(&hole, seed, &parts, tried).await {
                println!("| {hole} | {} | {} | {} |", seed + 1, tried.through, tried.pairs);
                open.remove(&hole);
            }
        }
        if open.is_empty() {
            return;
        }
    }
    let missed: Vec<String> =
        open.iter().map(|(hole, tried)| format!("{hole}: {} let through, {} pairs", tried.through, tried.pairs)).collect();
    panic!("these holes were not found: {missed:#?}");
}
