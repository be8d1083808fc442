//! Which codes have a fix. A code may come onto the list and never leave it; whatever a fix leaves behind, it mends what it is for.

use super::with_repository;
use std::collections::BTreeSet;
use tradewind_lang::code::{self, Code};
use tradewind_lang::compile::Compiled;
use tradewind_lang::diagnostic::Severity;
use tradewind_lang::fix::mend;
use tradewind_tests::markdown::{self, Block};
use tradewind_tests::random::Random;

/// Codes whose wrong example is mended without a doubt.
const SAFE: &[&str] = &[
    "TW0003", "TW0004", "TW0005", "TW0006", "TW0007", "TW0008", "TW0009", "TW0010", "TW0011", "TW0012", "TW0013", "TW0015", "TW0016",
    "TW0018", "TW0019", "TW0021", "TW0101", "TW0102", "TW0107", "TW0110", "TW0111", "TW0120", "TW0201", "TW0202", "TW0203", "TW0204",
    "TW0173", "TW0176", "TW0208", "TW0209", "TW0216", "TW0232",
];

/// Codes whose wrong example is mended when proposals are asked for, too.
const PROPOSED: &[&str] = &[
    "TW0014", "TW0017", "TW0020", "TW0103", "TW0105", "TW0108", "TW0112", "TW0115", "TW0118", "TW0123", "TW0124", "TW0126", "TW0127",
    "TW0128", "TW0133", "TW0196", "TW0211", "TW0221", "TW0222", "TW0224", "TW0230", "TW0590",
];

/// Codes of the configuration for which no edit can be computed, and what only a person knows.
const HOPELESS: &[(&str, &str)] = &[
    ("TW0001", "how to split a file"),
    ("TW0002", "what the depth was for"),
    ("TW0022", "unknown by its nature"),
    ("TW0023", "stands for other mistakes"),
    ("TW0104", "the missing name"),
    ("TW0106", "the missing value"),
    ("TW0109", "which of two is meant"),
    ("TW0113", "needs another program"),
    ("TW0114", "which file is meant"),
    ("TW0116", "what belongs in it"),
    ("TW0117", "who the person is"),
    ("TW0119", "the missing value"),
    ("TW0121", "which wait is too many"),
    ("TW0122", "the missing answer"),
    ("TW0125", "which of two is meant"),
    ("TW0129", "the missing policy"),
    ("TW0130", "the missing policy"),
    ("TW0131", "the business key"),
    ("TW0132", "the missing evidence"),
    ("TW0134", "the trusted value"),
    ("TW0135", "how long is long enough"),
    ("TW0136", "what takes it back"),
    ("TW0137", "whether it is paid"),
    ("TW0138", "which of two is meant"),
    ("TW0164", "how much is enough"),
    ("TW0165", "how much is enough"),
    ("TW0166", "what ends it"),
    ("TW0167", "which field may have it"),
    ("TW0168", "the business key"),
    ("TW0169", "where the provider wants the key"),
    ("TW0170", "which parameter says whom it reaches"),
    ("TW0177", "whether the sign or the operation is wrong"),
    ("TW0172", "where the provider wants the key"),
    ("TW0174", "what makes two starts the same"),
    ("TW0197", "what it may cost"),
    ("TW0198", "what it may cost"),
    ("TW0199", "how long it may wait"),
    ("TW0205", "which conversion is meant"),
    ("TW0206", "which conversion is meant"),
    ("TW0207", "what holds when it is absent"),
    ("TW0210", "the rate"),
    ("TW0212", "the right arguments"),
    ("TW0213", "how to name the parts"),
    ("TW0214", "another name"),
    ("TW0215", "the pattern that is meant"),
    ("TW0217", "which path is meant"),
    ("TW0219", "how to do with less"),
    ("TW0220", "which of two is meant"),
    ("TW0223", "the currency that is meant"),
    ("TW0231", "where to compute it"),
    ("TW0233", "which field is meant"),
];

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

fn errors(compiled: &Compiled) -> usize {
    compiled.diagnostics.iter().filter(|found| found.severity() == Severity::Error).count()
}

#[test]
fn whatever_the_text_mending_comes_to_an_end_and_leaves_no_more_mistakes() {
    const PIECES: &[&str] =
        &["\"", "{", "}", "[", "'", "true", " when=\"a.b\"", "=", "/*", "(str", "/-", "\\q", "\n", "x=1 x=2 ", "1u", "#tru"];
    let mut random = Random::of(3);
    for (code, block) in wrong_examples() {
        let mut text = block.text.clone();
        for _ in 0..2 {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let at = places[usize::try_from(random.below(places.len() as u64)).unwrap()];
            text.insert_str(at, PIECES[usize::try_from(random.below(PIECES.len() as u64)).unwrap()]);
        }
        let mended = |text: &str| {
            with_repository(&[("example.kdl".to_owned(), text.to_owned())], true, |repository| {
                let before = errors(&tradewind_lang::compile::compile(repository));
                let after = mend(repository, true);
                let left = errors(&after.compiled);
                assert!(left <= before, "{}: {before} errors became {left}\n{text}\n---\n{:?}", code.id, after.configuration.last());
                (after.configuration.last().unwrap().1.clone(), after.fixed.len())
            })
        };
        let (once, _) = mended(&text);
        let (twice, again) = mended(&once);
        assert!(again == 0 || twice != once, "{}: mending goes on for ever\n{once}", code.id);
    }
}

/// A part of a type is mended where it stands: what is around it stays. Each with what it becomes, or is left as.
#[test]
fn a_part_of_a_type_is_mended_alone() {
    let cases = [
        ("list<strin>", "list<string>"),
        ("map<doble>", "map<double>"),
        ("\"map<string, doble>\"", "\"map<string, double>\""),
        ("strin?", "string?"),
        ("\"list<strin>\"", "\"list<string>\""),
        ("list<list<text>>", "list<list<string>>"),
        ("strin", "\"string\""),
        ("text", "string"),
        ("list<>", "list<>"),
        ("map<>", "map<>"),
        ("\"\"", "\"\""),
    ];
    for (written, right) in cases {
        let around = |ty: &str| format!("type \"p\" {{ field \"y\" {ty}; field \"z\" int }}\n");
        let mended = with_repository(&[("example.kdl".to_owned(), around(written))], true, |repository| {
            mend(repository, true).configuration.last().unwrap().1.clone()
        });
        assert_eq!(mended, around(right), "{written}");
    }
}

/// An expression where a text stands becomes a hole where the hole can stand, and is left to a person where it cannot.
#[test]
fn an_expression_becomes_a_hole_that_can_stand() {
    let cases = [
        ("=input.words", "{{ input.words }}"),
        ("= input.words", "{{ input.words }}"),
        ("=input.pieces", "{{ input.pieces }}"),
        // A list has no text, what may be absent has none for certain, and there is no such field.
        ("=input.lines", "=input.lines"),
        ("=input.maybe", "=input.maybe"),
        ("=input.nosuch", "=input.nosuch"),
        ("=nosuch.words", "=nosuch.words"),
        ("=input.words + '!'", "=input.words + '!'"),
    ];
    for (written, right) in cases {
        let around = |text: &str| {
            let fields = "field \"words\" string; field \"pieces\" int; field \"lines\" list<string>; field \"maybe\" string?";
            let asked = format!("ask \"look\" to=\"support\" within=\"1d\" on-timeout=stop {{ question \"{text}\"; answer \"good\" }}");
            format!(
                "team \"support\" {{ member \"ana@shop.example\" }}\ntype \"good\" {{ field \"good\" bool }}\nflow \"ask-it\" {{\n    input {{ {fields} }}\n    {asked}\n}}\n"
            )
        };
        for all in [false, true] {
            let mended = with_repository(&[("example.kdl".to_owned(), around(written))], true, |repository| {
                mend(repository, all).configuration.last().unwrap().1.clone()
            });
            assert_eq!(mended, around(right), "{written}");
        }
    }
}
