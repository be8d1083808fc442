//! Our tree, the `kdl` crate and the official KDL 2 suite agree on what is KDL, but for the differences listed here.
//! The suite is not in the repository; without it only the generated texts are compared.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that reads the folder which its caller names; clippy does not know its functions for tests"
)]

use kdl::KdlDocument;
use std::path::PathBuf;
use tradewind_lang::code::syntax as code;
use tradewind_lang::layout::format;
use tradewind_lang::source::SourceId;
use tradewind_lang::syntax::Loader;
use tradewind_lang::syntax::load;
use tradewind_lang::syntax::tree::parse;

/// Where our tree differs from the suite: the case, whether we accept it, and why.
const OURS: [(&str, bool, &str); 1] =
    [("unusual_chars_in_bare_id.kdl", false, "a quote inside a bare word is refused: it is nearly always a mistake")];

/// Where the `kdl` crate differs from the suite: the case, whether it accepts it, and why.
const THEIRS: [(&str, bool, &str); 5] = [
    ("multiline_raw_string_single_line_err_fail.kdl", true, "it takes three quotes on one line for a raw string of one line"),
    ("unicode_delete_fail.kdl", true, "it takes the control character U+007F, which KDL forbids"),
    ("zero_space_before_slashdash_arg.kdl", false, "it wants a space before a slashdash; KDL does not"),
    ("zero_space_before_slashdash_children.kdl", false, "it wants a space before a slashdash; KDL does not"),
    ("zero_space_before_slashdash_prop.kdl", false, "it wants a space before a slashdash; KDL does not"),
];

/// Where what we read differs from what the suite says that a case means: the case, and why.
const MEANINGS: [(&str, &str); 1] =
    [("repeated_prop.kdl", "both are kept, since a property that is written twice is reported as a mistake")];

fn accepts(text: &str) -> bool {
    parse(SourceId(0), text).1.is_empty()
}

fn cases() -> Option<Vec<(String, String)>> {
    let Ok(folder) = std::env::var("TRADEWIND_KDL_SUITE") else {
        // Straight to standard error: the test runner keeps what is printed by tests that pass.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            "skipped: TRADEWIND_KDL_SUITE names no folder; get tests/test_cases of https://github.com/kdl-org/kdl\n".as_bytes(),
        );
        return None;
    };
    let mut inputs = vec![PathBuf::from(folder)];
    let mut cases = Vec::new();
    while let Some(path) = inputs.pop() {
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "expected_kdl") {
                inputs.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        } else if path.extension().is_some_and(|extension| extension == "kdl")
            && let Ok(text) = String::from_utf8(std::fs::read(&path).unwrap())
        {
            cases.push((path.file_name().unwrap().to_string_lossy().into_owned(), text));
        }
    }
    cases.sort();
    assert!(cases.len() > 300, "the suite has more than 300 cases, found {}", cases.len());
    Some(cases)
}

#[test]
fn the_tree_accepts_what_the_suite_accepts() {
    let Some(cases) = cases() else { return };
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(name, text)| {
            let wanted = OURS.iter().find(|(listed, ..)| listed == name).map_or(!name.contains("_fail"), |(_, accepted, _)| *accepted);
            accepts(text) != wanted
        })
        .map(|(name, text)| (name, parse(SourceId(0), text).1.into_iter().map(|mistake| mistake.message).collect::<Vec<_>>()))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_kdl_crate_differs_only_as_listed() {
    let Some(cases) = cases() else { return };
    let wrong: Vec<_> = cases
        .iter()
        .filter(|(name, text)| {
            let wanted = THEIRS.iter().find(|(listed, ..)| listed == name).map_or(!name.contains("_fail"), |(_, accepted, _)| *accepted);
            KdlDocument::parse_v2(text).is_ok() != wanted
        })
        .map(|(name, _)| name)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn accepted_cases_mean_what_the_suite_says() {
    let Some(cases) = cases() else { return };
    let Some(expected) = expected() else { return };
    let mut compared = 0;
    let mut differ = Vec::new();
    for (name, text) in cases.iter().filter(|(_, text)| accepts(text)) {
        let Some((_, meaning)) = expected.iter().find(|(other, _)| other == name) else { continue };
        compared += 1;
        let (ours, theirs) = (plain(&load(SourceId(0), text).0), plain(&load(SourceId(0), meaning).0));
        if (ours != theirs) != MEANINGS.iter().any(|(listed, _)| listed == name) {
            differ.push(format!("{name}:\n{ours}{theirs}"));
        }
    }
    assert!(compared > 200, "{compared} cases were compared");
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// What the suite says that its cases mean, in the form that it prints.
fn expected() -> Option<Vec<(String, String)>> {
    let mut folders = vec![PathBuf::from(std::env::var("TRADEWIND_KDL_SUITE").ok()?)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if folder.file_name().is_some_and(|name| name == "expected_kdl") {
                found.push((path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    Some(found)
}

#[test]
fn accepted_cases_load_and_keep_their_meaning_when_formatted() {
    let Some(cases) = cases() else { return };
    for (name, text) in cases.iter().filter(|(_, text)| accepts(text)) {
        let (nodes, mistakes) = load(SourceId(0), text);
        assert!(mistakes.is_empty(), "{name}: {mistakes:#?}");
        let (once, _) = format(text);
        assert_eq!(format(&once).0, once, "{name}: formatting twice differs");
        let (again, mistakes) = load(SourceId(0), &once);
        assert!(mistakes.is_empty(), "{name}: {mistakes:#?}");
        assert_eq!(plain(&nodes), plain(&again), "{name}: formatting changed the meaning");
    }
}

#[test]
fn forms_and_values_give_what_whole_nodes_give() {
    let mut texts: Vec<(String, String)> = cases().unwrap_or_default();
    let mut random = Random(0x7777_0000_1234_5678);
    for round in 0..20000 {
        let length = 1 + random.below(16);
        texts.push((format!("round {round}"), soup(&mut random, length)));
    }
    // One loader for all, so that what it remembers of one text meets the next.
    let (mut loader, mut whole) = (Loader::default(), Loader::of_whole_nodes());
    for (name, text) in &texts {
        // As text: a NaN is not equal to itself.
        let (by_forms, as_whole) = (loader.load(SourceId(7), text), whole.load(SourceId(7), text));
        assert_eq!(format!("{by_forms:?}"), format!("{as_whole:?}"), "{name}: {text:?}");
    }
}

/// Nodes without their places.
fn plain(nodes: &[tradewind_lang::ast::Node]) -> String {
    let value =
        |literal: &tradewind_lang::ast::Literal| format!("({:?}){:?}", literal.annotation.as_ref().map(|name| &name.text), literal.scalar);
    nodes
        .iter()
        .map(|node| {
            let properties: Vec<_> = node.properties.iter().map(|property| (&property.name.text, value(&property.value))).collect();
            let arguments: Vec<_> = node.arguments.iter().map(value).collect();
            let annotation = node.annotation.as_ref().map(|name| &name.text);
            format!("{annotation:?} {} {arguments:?} {properties:?} [{}]\n", node.name.text, plain(&node.children))
        })
        .collect()
}

/// A small deterministic generator (xorshift), so that a failure can be repeated.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap()
    }
}

const PIECES: [&str; 46] = [
    "a",
    "b",
    "name",
    " ",
    " ",
    " ",
    "\n",
    "\n",
    "\n    ",
    ";",
    "{",
    "}",
    " {",
    "}\n",
    "\n}",
    "(t)",
    "(",
    ")",
    "=",
    "k=",
    "1",
    "-5",
    "0x1f",
    "1.5e3",
    "#true",
    "#null",
    "true",
    "\"s\"",
    "\"\\n\"",
    "\"\\q\"",
    "\"open",
    "#\"raw\"#",
    "\"\"\"\n x\n \"\"\"",
    "/-",
    " /- ",
    "/* c */",
    "/*",
    "// c\n",
    "\\\n",
    "\\",
    "'q'",
    "é",
    "🦀",
    "\u{FEFF}",
    "\u{200E}",
    "[",
];

fn soup(random: &mut Random, length: usize) -> String {
    (0..length).map(|_| PIECES[random.below(PIECES.len())]).collect()
}

#[test]
fn any_text_is_read_without_loss_and_formatting_settles() {
    let mut random = Random(0x5eed_1234_abcd_0001);
    for round in 0..6000 {
        let length = 1 + random.below(24);
        let text = soup(&mut random, length);
        let (tree, mistakes) = parse(SourceId(0), &text);
        let rebuilt: String = tree.tokens.iter().map(|token| &text[token.start..token.end]).collect();
        assert_eq!(rebuilt, text, "round {round}");
        for mistake in &mistakes {
            assert!(text.get(mistake.span.start as usize..mistake.span.end as usize).is_some(), "round {round}: {text:?} {mistake:?}");
        }
        let _ = load(SourceId(0), &text);
        let (once, refused) = format(&text);
        if refused.is_empty() {
            let (twice, refused) = format(&once);
            assert!(refused.is_empty(), "round {round}: {text:?} became {once:?}");
            assert_eq!(once, twice, "round {round}: {text:?}");
        }
    }
}

#[test]
fn what_our_tree_accepts_the_kdl_crate_reads_the_same() {
    let mut random = Random(0x0bad_cafe_0000_0007);
    let mut accepted = 0;
    for round in 0..20000 {
        let length = 1 + random.below(9);
        let text = soup(&mut random, length);
        if !accepts(&text) {
            continue;
        }
        accepted += 1;
        let (_, mistakes) = load(SourceId(0), &text);
        assert!(mistakes.iter().all(|mistake| mistake.code.id != code::REFUSED.id), "round {round}: {text:?} {mistakes:?}");
    }
    assert!(accepted > 1000, "the generator makes too few sound texts: {accepted}");
}

#[test]
fn after_repair_the_kdl_crate_refuses_nothing() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let mut refused = Vec::new();
    for _ in 0..6000 {
        let length = 1 + random.below(12);
        let text = soup(&mut random, length);
        let (_, mistakes) = load(SourceId(0), &text);
        refused.extend(
            mistakes.into_iter().filter(|mistake| mistake.code.id == code::REFUSED.id).map(|mistake| (text.clone(), mistake.message)),
        );
    }
    assert!(refused.is_empty(), "{} of them: {:#?}", refused.len(), refused.iter().take(8).collect::<Vec<_>>());
}

#[test]
fn what_the_kdl_crate_accepts_our_tree_accepts() {
    let mut random = Random(0x1357_9bdf_0246_8ace);
    for round in 0..20000 {
        let length = 1 + random.below(7);
        let text = soup(&mut random, length);
        // Deep unclosed `/-{` takes the crate exponential time; texts this short do not.
        if KdlDocument::parse_v2(&text).is_err() {
            continue;
        }
        let (_, mistakes) = parse(SourceId(0), &text);
        let known = |id: &str| id == code::QUOTE_IN_WORD.id;
        let surprises: Vec<_> = mistakes.iter().filter(|mistake| !known(mistake.code.id)).collect();
        assert!(surprises.is_empty(), "round {round}: {text:?} {surprises:?}");
    }
}
