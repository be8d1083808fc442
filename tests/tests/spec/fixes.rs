//! Which codes have a fix. A code may come onto the list and never leave it; whatever a fix leaves behind, it mends what it is for.

use super::with_repository;
use std::collections::BTreeSet;
use tradewind_lang::code::{self, Code};
use tradewind_lang::fix::mend;
use tradewind_tests::markdown::{self, Block};

/// Codes whose wrong example is mended without a doubt.
const SAFE: &[&str] = &[];

/// Codes whose wrong example is mended when proposals are asked for, too.
const PROPOSED: &[&str] = &[];

/// Codes of the configuration for which no edit can be computed, and why.
const HOPELESS: &[(&str, &str)] = &[];

/// The share of the other codes that must have one, in percent.
const TARGET: usize = 60;

fn wrong_examples() -> Vec<(Code, Block)> {
    let of = |code: Code| {
        let blocks = markdown::blocks(code.page);
        blocks.into_iter().find(|block| block.heading == "Wrong" && block.language == "kdl").map(|block| (code, block))
    };
    code::all().into_iter().filter_map(of).collect()
}

/// Whether the code is gone once the example is mended.
fn mends(code: Code, block: &Block, all: bool) -> bool {
    let files = [("example.kdl".to_owned(), block.text.clone())];
    with_repository(&files, block.argument != "without-manifest", |repository| {
        let after = mend(repository, all);
        let is = |other: Code| other.id == code.id;
        after.fixed.iter().any(|fixed| is(fixed.code)) && !after.compiled.diagnostics.iter().any(|found| is(found.code))
    })
}

#[test]
fn codes_that_have_a_fix_keep_it_and_most_have_one() {
    let (mut safe, mut proposed) = (BTreeSet::new(), BTreeSet::new());
    for (code, block) in wrong_examples() {
        if mends(code, &block, false) {
            safe.insert(code.id);
        } else if mends(code, &block, true) {
            proposed.insert(code.id);
        }
    }
    let listed = |list: &[&'static str]| list.iter().copied().collect::<BTreeSet<&str>>();
    assert_eq!((&safe, &proposed), (&listed(SAFE), &listed(PROPOSED)), "a new fix is added to its list; none may go");
    let configuration = code::all().into_iter().filter(|code| !code.id.starts_with("TW05")).count();
    let possible = configuration - HOPELESS.len();
    let found = safe.len() + proposed.len();
    assert!(found * 100 >= possible * TARGET, "{found} of {possible} codes have a fix, fewer than {TARGET} %");
    let both: Vec<_> = HOPELESS.iter().filter(|(id, _)| safe.contains(id) || proposed.contains(id)).collect();
    assert!(both.is_empty(), "these have a fix after all: {both:?}");
}
