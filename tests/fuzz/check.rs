//! Targets `check` and `scenario`: a repository of one text, or with one file of scenarios that says anything, is compiled to the end; every
//! mistake has its place; there is a plan exactly where nothing is an error; and a plan is read back from its bytes.

use std::sync::LazyLock;
use tradewind_lang::compile::{Compiled, Generation, Repository, compile, compile_after};
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

pub(crate) fn target(text: &str) {
    let files = [("a.kdl".to_owned(), text.to_owned()), ("tradewind.kdl".to_owned(), MANIFEST.to_owned())];
    compiled(&files, |repository| {
        let (first, generation) = compile_after(repository, Generation::default(), 1);
        sound(&first);
        let (second, _) = compile_after(repository, generation, 2);
        assert_eq!(first.diagnostics, second.diagnostics, "compiled again, it says something else");
    });
}

/// The flow that scenarios run.
static BASE: LazyLock<String> = LazyLock::new(|| {
    let page = std::fs::read_to_string(tradewind_tests::root().join("tests/spec/8-scenarios.md")).expect("the page of scenarios");
    let first = tradewind_tests::markdown::blocks(&page).swap_remove(0).text;
    let at = first.find("\nscenario").expect("a scenario");
    first[..=at].to_owned()
});

pub(crate) fn scenario(text: &str) {
    let files = [
        ("a.kdl".to_owned(), BASE.clone()),
        ("scenarios.kdl".to_owned(), text.to_owned()),
        ("tradewind.kdl".to_owned(), MANIFEST.to_owned()),
    ];
    sound(&compiled(&files, compile));
}

/// The scenarios of the reference and of the shipped files.
pub(crate) fn scenarios(shipped: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let texts = shipped.into_iter().filter_map(|bytes| String::from_utf8(bytes).ok());
    let found: Vec<Vec<u8>> = texts.filter_map(|text| text.find("scenario \"").map(|at| text.as_bytes()[at..].to_vec())).collect();
    assert!(found.len() > 5, "only {} texts have scenarios", found.len());
    found
}
