//! The language reference: prose with examples, each followed by what the compiler says of it.

use super::{compiled, listed};
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tradewind_tests::markdown::{self, Block};
use tradewind_tests::root;

const EXAMPLE: &str = "example.kdl";

/// Far above what any example takes, far below what exponential time would.
const PATIENCE: Duration = Duration::from_secs(20);

/// Blocks up to a `text` block are the files of one repository, the `text` block is what must be said of it.
fn cases(blocks: Vec<Block>) -> Vec<(Vec<Block>, Option<Block>)> {
    let mut cases: Vec<(Vec<Block>, Option<Block>)> = Vec::new();
    for block in blocks {
        match cases.last_mut() {
            Some((_, expected @ None)) if block.language == "text" => *expected = Some(block),
            Some((files, None)) => files.push(block),
            _ => cases.push((vec![block], None)),
        }
    }
    cases
}

fn check(path: &str, files: &[Block], expected: Option<&Block>) -> Result<(), String> {
    let at = files.first().map_or(0, |block| block.line);
    let name = |block: &Block| if block.argument.is_empty() { EXAMPLE.to_owned() } else { block.argument.clone() };
    let given: Vec<(String, String)> = files.iter().map(|block| (name(block), block.text.clone())).collect();
    let started = Instant::now();
    let found = listed(&compiled(&given, true), EXAMPLE);
    let took = started.elapsed();
    let Some(expected) = expected else { return Err(format!("{path}:{at}: no `text` block says what is expected; found:\n{found}")) };
    if found != expected.text {
        return Err(format!("{path}:{at} ({}):\nexpected:\n{}found:\n{found}", expected.heading, expected.text));
    }
    if took > PATIENCE {
        return Err(format!("{path}:{at} ({}): took {took:?}", expected.heading));
    }
    Ok(())
}

#[test]
fn every_example_of_the_reference_says_what_the_compiler_says() {
    let mut pages: Vec<_> = std::fs::read_dir(root().join("tests/spec")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    assert!(pages.len() >= 8, "the reference is missing");
    let mut broken = String::new();
    for page in &pages {
        let path = format!("tests/spec/{}", page.file_name().unwrap().to_string_lossy());
        for (files, expected) in cases(markdown::blocks(&std::fs::read_to_string(page).unwrap())) {
            if let Err(why) = check(&path, &files, expected.as_ref()) {
                writeln!(broken, "{why}").unwrap();
            }
        }
    }
    assert!(broken.is_empty(), "\n{broken}");
}

#[test]
fn comments_nested_without_end_are_answered_at_once() {
    for opening in ["/- a { ", "/-{", "a { /- b { ", "/- (a", "a /- b={ "] {
        for depth in [40, 400, 20_000] {
            let started = Instant::now();
            let found = compiled(&[(EXAMPLE.to_owned(), opening.repeat(depth))], true);
            assert!(found.has_errors(), "{depth} times `{opening}` was accepted");
            assert!(started.elapsed() < PATIENCE, "{depth} times `{opening}` took {:?}", started.elapsed());
        }
    }
}
