//! Targets `check` and `scenario`: a repository of one file of any bytes, or with one file of scenarios of any bytes, is compiled to the end;
//! every mistake has its place; there is a plan exactly where nothing is an error; and a plan is read back from its bytes. Bytes that are no
//! text are said to be none, and nothing is said of what stands behind them.

use std::sync::LazyLock;
use tradewind_lang::code::run::NOT_TEXT;
use tradewind_lang::compile::{Compiled, Decoded, Generation, Repository, compile, compile_after, ignored_folders};
use tradewind_lang::plan::Plan;

const MANIFEST: &str = "project \"example\" { currency \"USD\"; setting \"most\" int 3 }\n";

fn read(_: &str) -> Option<String> {
    Some("{\"text\":\"x\",\"label\":\"y\"}\n".to_owned())
}

fn compiled<T>(files: &[(String, String)], work: impl FnOnce(&Repository<'_>) -> T) -> T {
    work(&Repository { configuration: files, library: tradewind_stdlib::LIBRARY, read: &read, environment: None })
}

/// Whatever holds of any compilation.
pub(crate) fn sound(compiled: &Compiled) {
    assert_eq!(compiled.plan.is_none(), compiled.has_errors(), "a plan, and errors");
    for found in &compiled.diagnostics {
        let places = std::iter::once(found.span).chain(found.secondary.iter().map(|label| label.span));
        let places = places.chain(found.fixes.iter().flat_map(|fix| fix.edits.iter().map(|edit| edit.span)));
        for span in places {
            let source = compiled.sources.get(span.source);
            let part = source.and_then(|source| source.text.get(span.start as usize..span.end as usize));
            assert!(part.is_some(), "{found:?} has no place");
        }
        assert!(!found.message.is_empty() && !found.message.contains('\n'), "{found:?} is no line");
    }
    if let Some(plan) = &compiled.plan {
        let again = Plan::from_bytes(&plan.to_bytes()).expect("a plan is read back");
        assert_eq!(again.digest(), plan.digest(), "a plan is read back as another");
    }
}

/// Says, as whoever reads files from a disk does, that a file is no text.
fn noted(mut compiled: Compiled, path: &str, decoded: &Decoded) -> Compiled {
    let Some(at) = decoded.garbled else { return compiled };
    compiled.note_garbled(path, at);
    assert!(compiled.plan.is_none(), "a plan of what is no text");
    let own = compiled.diagnostics.iter().filter(|found| compiled.sources.path(found.span) == path);
    let behind: Vec<_> = own.filter(|found| found.span.start as usize >= at).map(|found| found.code.id).collect();
    assert_eq!(behind, [NOT_TEXT.id], "what is said from byte {at} on");
    compiled
}

pub(crate) fn target(bytes: &[u8]) {
    let decoded = crate::parse::decoded(bytes);
    let _ = ignored_folders(&decoded.text);
    // One that says what project it is stands alone: beside another, it would always be a mistake.
    let alone = decoded.text.contains("project \"");
    let mut files = vec![("a.kdl".to_owned(), decoded.text.clone()), ("tradewind.kdl".to_owned(), MANIFEST.to_owned())];
    files.truncate(if alone { 1 } else { 2 });
    compiled(&files, |repository| {
        let (first, generation) = compile_after(repository, Generation::default(), 1);
        let (second, _) = compile_after(repository, generation, 2);
        assert_eq!(first.diagnostics, second.diagnostics, "compiled again, it says something else");
        sound(&noted(first, "a.kdl", &decoded));
    });
}

/// The flow that scenarios run.
static BASE: LazyLock<String> = LazyLock::new(|| {
    let page = std::fs::read_to_string(tradewind_tests::root().join("tests/spec/8-scenarios.md")).expect("the page of scenarios");
    let first = tradewind_tests::markdown::blocks(&page).swap_remove(0).text;
    let at = first.find("\nscenario").expect("a scenario");
    first[..=at].to_owned()
});

pub(crate) fn scenario(bytes: &[u8]) {
    let decoded = crate::parse::decoded(bytes);
    let files = [
        ("a.kdl".to_owned(), BASE.clone()),
        ("scenarios.kdl".to_owned(), decoded.text.clone()),
        ("tradewind.kdl".to_owned(), MANIFEST.to_owned()),
    ];
    sound(&noted(compiled(&files, compile), "scenarios.kdl", &decoded));
}

/// The scenarios of the reference and of the shipped files.
pub(crate) fn scenarios(shipped: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let texts = shipped.into_iter().filter_map(|bytes| String::from_utf8(bytes).ok());
    let found: Vec<Vec<u8>> = texts.filter_map(|text| text.find("scenario \"").map(|at| text.as_bytes()[at..].to_vec())).collect();
    assert!(found.len() > 5, "only {} texts have scenarios", found.len());
    found
}
