//! Runs a target on its corpus and on mutations of it, within a number of inputs or a time. What fails is made small and written to
//! the corpus. What hangs, or takes too much memory, ends the process with the input's path. It knows no target.

use crate::{measure, mutate};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tradewind_tests::random::Random;
use tradewind_tests::{markdown, root};

/// Inputs of a target where no time is given.
const INPUTS: u64 = 250;
/// Far above what any input needs, also where other programs share the machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The process may grow by so much, in kilobytes, over what it had when the target began.
const MEMORY: u64 = 3_000_000;

/// What a target does with an input; it panics where something is wrong.
pub(crate) type Target = fn(&[u8]);

/// The KDL examples of the reference and of the pages of codes, and the shipped files.
pub(crate) fn shipped() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for folder in ["tests/spec", "docs/codes", "flows", "policies", "stdlib/connectors", "tests/examples/brand", "tests/examples/retail"] {
        for path in files(&root().join(folder)) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("md") => seeds.extend(
                    markdown::blocks(&text).into_iter().filter(|block| block.language == "kdl").map(|block| block.text.into_bytes()),
                ),
                Some("kdl") => seeds.push(text.into_bytes()),
                _ => {}
            }
        }
    }
    assert!(seeds.len() > 100, "only {} texts were found", seeds.len());
    seeds
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn corpus(target: &str) -> PathBuf {
    root().join("tests/fuzz/corpus").join(target)
}

/// What is worked on, for the watchman.
type Current = Arc<Mutex<Option<(Instant, Vec<u8>)>>>;

/// Ends the process when an input takes too long or too much memory: nothing else can stop a loop.
fn watch(target: &'static str, current: Current) {
    let began_with = resident();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(250));
            if Arc::strong_count(&current) == 1 {
                return;
            }
            let Some((began, input)) = current.lock().expect("nobody panics while holding it").clone() else { continue };
            let grown = resident().saturating_sub(began_with);
            if began.elapsed() > PATIENCE || grown > MEMORY {
                let path = kept(target, &input);
                eprintln!("{target}: {:?} and {grown} kB for {}", began.elapsed(), path.display());
                std::process::abort();
            }
        }
    });
}

/// Kilobytes in memory; 0 where the system does not tell.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    line.unwrap_or(0)
}

fn kept(target: &str, input: &[u8]) -> PathBuf {
    let sum = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let folder = corpus(target);
    std::fs::create_dir_all(&folder).expect("the corpus can be written");
    let path = folder.join(format!("found-{sum:016x}"));
    std::fs::write(&path, input).expect("the corpus can be written");
    path
}

/// Runs a target; `seeds` beside its corpus.
pub(crate) fn run(name: &'static str, seeds: Vec<Vec<u8>>, target: Target) {
    let seconds: Option<u64> = std::env::var("TRADEWIND_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
    let seed = std::env::var("TRADEWIND_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let own: Vec<Vec<u8>> = files(&corpus(name)).iter().map(|path| std::fs::read(path).expect("the corpus can be read")).collect();
    let _alone = measure::alone();
    let current: Current = Arc::default();
    watch(name, current.clone());
    let mut most = (0, Vec::new());
    let mut note = |cost: usize, input: &[u8]| {
        if cost > most.0 {
            most = (cost, input.to_vec());
        }
    };
    own.iter().for_each(|input| note(tried(name, &current, target, input), input));
    let mut random = Random::of(seed);
    let seeds: Vec<Vec<u8>> = seeds.into_iter().chain(own).collect();
    let began = Instant::now();
    let mut inputs = 0;
    while seconds.map_or(inputs < INPUTS, |seconds| began.elapsed() < Duration::from_secs(seconds)) {
        let input = mutate::mutated(&mut random, &seeds);
        note(tried(name, &current, target, &input), &input);
        inputs += 1;
    }
    let (bytes, dearest) = most;
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dearest-{name}"));
    std::fs::write(&path, &dearest).expect("the folder of the build can be written");
    println!(
        "{name}: {inputs} inputs from {} seeds in {:?}; the dearest has {} bytes and asked for {bytes} ({})",
        seeds.len(),
        began.elapsed(),
        dearest.len(),
        path.display()
    );
}

/// What the input cost.
fn tried(name: &str, current: &Current, target: Target, input: &[u8]) -> usize {
    let cost = cost(current, target, input);
    if cost.failed {
        let small = smaller(current, target, input);
        let path = kept(name, &small);
        panic!(
            "{name} fails on {} ({} bytes, {} before it was made small); what it said is above",
            path.display(),
            small.len(),
            input.len()
        );
    }
    cost.bytes
}

fn cost(current: &Current, target: Target, input: &[u8]) -> measure::Cost {
    *current.lock().expect("nobody panics while holding it") = Some((Instant::now(), input.to_vec()));
    // A stack that ends takes the process with it: then this file holds the input.
    if std::env::var("TRADEWIND_FUZZ_TRACE").is_ok() {
        std::fs::write(root().join("target/fuzz-input"), input).expect("a file for the input");
    }
    let cost = measure::of(input.len(), || target(input));
    *current.lock().expect("nobody panics while holding it") = None;
    cost
}

/// The same failure with less text: halves, quarters and so on are left out while it still fails.
fn smaller(current: &Current, target: Target, input: &[u8]) -> Vec<u8> {
    let mut small = input.to_vec();
    let mut length = small.len() / 2;
    let began = Instant::now();
    while length > 0 && began.elapsed() < Duration::from_secs(20) {
        let mut at = 0;
        while at < small.len() && began.elapsed() < Duration::from_secs(20) {
            let mut less = small.clone();
            less.drain(at..(at + length).min(small.len()));
            if cost(current, target, &less).failed { small = less } else { at += length }
        }
        length /= 2;
    }
    small
}
