//! Every diagnostic code has a page; its wrong example yields the code, its right one yields nothing.

use super::{compiled, listed};
use std::collections::BTreeSet;
use tradewind_lang::code::{self, Code};
use tradewind_lang::compile::Compiled;
use tradewind_tests::markdown::{self, Block};
use tradewind_tests::root;

const EXAMPLE: &str = "example.kdl";

/// Where one mistake cannot be shown without another: nothing may nest as deep as `TW0002` needs.
const UNAVOIDABLE: &[(&str, &str)] = &[("TW0002", "TW0101")];

fn compile_block(block: &Block) -> Compiled {
    compiled(&[(EXAMPLE.to_owned(), block.text.clone())], block.argument != "without-manifest")
}

/// The one example under a heading, or what is wrong with the page.
fn example<'a>(blocks: &'a [Block], heading: &str) -> Result<&'a Block, String> {
    let under: Vec<&Block> = blocks.iter().filter(|block| block.heading == heading).collect();
    match under.as_slice() {
        [only] if only.text.trim().is_empty() => Err(format!("the example under `## {heading}` is empty")),
        [only] => Ok(only),
        _ => Err(format!("{} examples under `## {heading}`, not one", under.len())),
    }
}

fn form(code: Code, page: &str) -> Result<(), String> {
    let title = format!("# {}: {}", code.id, code.title);
    if page.lines().next() != Some(&title) {
        return Err(format!("the first line is not `{title}`"));
    }
    let meaning = page.lines().skip(1).take_while(|line| !line.starts_with("##")).map(str::len).sum::<usize>();
    if meaning < 80 {
        return Err("it does not say what the mistake means and what to do".to_owned());
    }
    Ok(())
}

fn examples(code: Code, page: &str) -> Result<(), String> {
    let blocks = markdown::blocks(page);
    let (wrong, right) = (example(&blocks, "Wrong")?, example(&blocks, "Right")?);
    if wrong.language != "kdl" {
        // What only happens at run time is shown as text.
        return if wrong.language == "text" { Ok(()) } else { Err("its examples are neither `kdl` nor `text`".to_owned()) };
    }
    let found = compile_block(wrong);
    let ids = found.diagnostics.iter().map(|found| found.code.id);
    let codes: BTreeSet<&str> = ids.filter(|other| !UNAVOIDABLE.contains(&(code.id, other))).collect();
    if codes != BTreeSet::from([code.id]) {
        return Err(format!("the wrong example must yield {} alone, not:\n{}", code.id, listed(&found, EXAMPLE)));
    }
    let found = compile_block(right);
    if !found.diagnostics.is_empty() {
        return Err(format!("the right example must be clean, not:\n{}", listed(&found, EXAMPLE)));
    }
    Ok(())
}

#[test]
fn every_code_has_a_page_whose_examples_hold() {
    let mut broken = Vec::new();
    for code in code::all() {
        let path = format!("docs/codes/{}.md", code.id);
        // The file, not what was built in, so that a page can be written without building again.
        let checked = std::fs::read_to_string(root().join(&path)).map_err(|error| error.to_string());
        let checked = checked.and_then(|page| form(code, &page).and_then(|()| examples(code, &page)));
        broken.extend(checked.err().map(|why| format!("{path}: {why}")));
    }
    assert!(broken.is_empty(), "{} pages are wrong:\n\n{}", broken.len(), broken.join("\n\n"));
}

#[test]
fn every_page_has_a_code() {
    let codes: BTreeSet<String> = code::all().into_iter().map(|code| format!("{}.md", code.id)).collect();
    let pages = std::fs::read_dir(root().join("docs/codes")).unwrap();
    let pages: BTreeSet<String> = pages.map(|page| page.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(pages.difference(&codes).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn no_number_is_used_twice() {
    let codes = code::all();
    let ids: BTreeSet<&str> = codes.iter().map(|code| code.id).collect();
    assert_eq!(ids.len(), codes.len());
}

/// Proofs that rest on more than one place: each shows the others by labels.
const PATHS: &[&str] = &[
    "TW0121", "TW0134", "TW0152", "TW0153", "TW0157", "TW0159", "TW0160", "TW0166", "TW0167", "TW0192", "TW0194", "TW0196", "TW0197",
    "TW0198", "TW0609",
];

/// Proofs of one place, which say at it what is wrong.
const PLACES: &[&str] = &[
    "TW0122", "TW0123", "TW0124", "TW0126", "TW0127", "TW0129", "TW0130", "TW0131", "TW0135", "TW0136", "TW0137", "TW0150", "TW0151",
    "TW0154", "TW0158", "TW0164", "TW0165", "TW0168", "TW0169", "TW0170", "TW0171", "TW0191", "TW0193", "TW0199", "TW0218", "TW0219",
];

#[test]
fn proofs_show_by_labels_what_they_rest_on() {
    let mut bare = Vec::new();
    for (id, has_path) in PATHS.iter().map(|id| (id, true)).chain(PLACES.iter().map(|id| (id, false))) {
        let page = std::fs::read_to_string(root().join(format!("docs/codes/{id}.md"))).unwrap();
        let blocks = markdown::blocks(&page);
        let found = compile_block(example(&blocks, "Wrong").unwrap());
        let told = found.diagnostics.iter().filter(|found| found.code.id == *id);
        for found in told {
            if found.label.is_empty() || has_path && found.secondary.is_empty() {
                bare.push(format!("{id}: {} [{}]", found.message, found.label));
            }
        }
    }
    assert!(bare.is_empty(), "these show nothing:\n{}", bare.join("\n"));
}
