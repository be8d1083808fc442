//! The test bites: for every hole in the proofs there is a program that is refused without it and let through with it, and a pair of runs of
//! which differs. `cargo test -p tradewind-engine --features planted every_hole -- --nocapture` prints how many programs and pairs that took.

use super::super::world::PROJECT;
use super::pair::{Outside, side};
use super::program::shaped;
use super::shapes::SHAPES;
use super::shop::{FRAME, UNCAPPED};
use super::{EACH, number, try_plan};
use tradewind_lang::{holes, plant};

/// Programs of its shape in which a hole has to be found.
const PROGRAMS: u64 = 30;

/// What was tried with a hole.
#[derive(Default)]
struct Tried {
    refused: usize,
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
    for other in 1..=EACH as u64 {
        tried.pairs += 1;
        if !one.agrees(&side(&plan, Outside::of(seed.wrapping_mul(31) + other)).await) {
            return true;
        }
    }
    false
}

/// How many programs it took to find a hole, and what was tried; none where it was not found.
async fn found(hole: &str) -> (Option<u64>, Tried) {
    let mut tried = Tried::default();
    assert!(SHAPES.iter().any(|(of, _)| *of == hole), "no shape is about `{hole}`");
    for seed in 0..number("TRADEWIND_PROGRAMS", PROGRAMS) {
        let text = shaped(hole, seed).text;
        let parts = [PROJECT, FRAME, UNCAPPED, &text];
        // What stands before it may be wrong in a way of its own; and what it took for outside text may be none.
        let is_meant = |code: &&str| *code == "TW0194" || hole == "Tool" && *code == "TW0154";
        if !try_plan(&parts).is_err_and(|codes| codes.iter().all(is_meant)) {
            continue;
        }
        tried.refused += 1;
        if bites(hole, seed, &parts, &mut tried).await {
            return (Some(seed + 1), tried);
        }
    }
    (None, tried)
}

#[tokio::test]
async fn every_hole_in_the_proofs_is_found() {
    let only = std::env::var("TRADEWIND_HOLE").ok();
    let mut missed = Vec::new();
    println!("| hole | programs | let through | pairs |\n|---|---|---|---|");
    for hole in holes().into_iter().filter(|hole| only.as_ref().is_none_or(|only| only == hole)) {
        match found(&hole).await {
            (Some(programs), tried) => println!("| {hole} | {programs} | {} | {} |", tried.through, tried.pairs),
            (None, Tried { refused, through, pairs }) => {
                missed.push(format!("{hole}: {refused} refused, {through} let through, {pairs} pairs"))
            }
        }
    }
    assert!(missed.is_empty(), "these holes were not found: {missed:#?}");
}
