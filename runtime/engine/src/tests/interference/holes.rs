//! The test bites: a hole in the proofs lets programs through that are refused without it, and a pair of their runs differs.
//! `cargo test -p tradewind-engine --features planted every_hole -- --nocapture` prints how many programs and pairs that took.

use super::super::world::PROJECT;
use super::pair::{Outside, side};
use super::program::program;
use super::shop::{FRAME, UNCAPPED};
use super::{EACH, number, try_plan};
use tradewind_lang::{holes, plant};

/// Programs that a hole has to be found in.
const PROGRAMS: u64 = 6_000;

#[tokio::test]
async fn every_hole_in_the_proofs_is_found() {
    let programs = number("TRADEWIND_PROGRAMS", PROGRAMS);
    let only = std::env::var("TRADEWIND_HOLE").ok();
    let mut missed = Vec::new();
    let mut clean: Vec<bool> = Vec::new();
    println!("| hole | programs | let through | pairs |\n|---|---|---|---|");
    for hole in holes().into_iter().filter(|hole| only.as_ref().is_none_or(|only| only == hole)) {
        let (mut through, mut pairs, mut found) = (0, 0, None);
        for seed in 0..programs {
            let text = program(seed).text;
            let parts = [PROJECT, FRAME, UNCAPPED, &text];
            if usize::try_from(seed).unwrap() == clean.len() {
                clean.push(try_plan(&parts).is_ok());
            }
            if clean[usize::try_from(seed).unwrap()] {
                continue;
            }
            plant(Some(&hole));
            let plan = try_plan(&parts);
            plant(None);
            let Ok(plan) = plan else { continue };
            through += 1;
            let one = side(&plan, Outside::of(seed.wrapping_mul(31))).await;
            for other in 1..=EACH as u64 {
                pairs += 1;
                if !one.agrees(&side(&plan, Outside::of(seed.wrapping_mul(31) + other)).await) {
                    found = Some(seed + 1);
                    break;
                }
            }
            if found.is_some() {
                break;
            }
        }
        match found {
            Some(programs) => println!("| {hole} | {programs} | {through} | {pairs} |"),
            None => missed.push(format!("{hole}: {through} programs let through, {pairs} pairs")),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}
