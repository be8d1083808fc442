//! Compiling again, and on several threads, ends in what compiling anew on one thread ends in.

use tradewind_lang::compile::{Compiled, Generation, Repository, compile, compile_after};

const PROJECT: &str = "project \"example\" { currency \"USD\" }\n";

/// A flow with one expression of its own.
fn flow(name: &str, expression: &str) -> String {
    format!(
        "route \"{name}\" needs=text {{ template \"Hello {{{{ input.id }}}} from {name}\" }}\ntype \"{name}\" {{ field \"text\" string }}\n\
         flow \"{name}\" {{\n    input {{ field \"id\" string }}\n    let \"a\" \"={expression}\"\n    \
         decide \"said\" {{ draft \"{name}\" route=\"{name}\" }}\n    output {{ x \"=a\"; said \"=said.text\" }}\n}}\n"
    )
}

fn files(changed: &[(&str, String)]) -> Vec<(String, String)> {
    let mut files = vec![("tradewind.kdl".to_owned(), PROJECT.to_owned())];
    files.extend((0..12).map(|number| (format!("flows/f{number:02}.kdl"), flow(&format!("f{number:02}"), "input.id"))));
    for (path, text) in changed {
        files.retain(|(of, _)| of != path);
        if !text.is_empty() {
            files.push(((*path).to_owned(), text.clone()));
        }
    }
    files.sort();
    files
}

fn after(files: &[(String, String)], previous: Generation, threads: usize) -> (Compiled, Generation) {
    let read = |_: &str| None;
    compile_after(&Repository { configuration: files, library: &[], read: &read, environment: None }, previous, threads)
}

/// Everything that is said of a compilation, with places.
fn said(compiled: &Compiled) -> String {
    let digest = compiled.plan.as_ref().map(|plan| plan.digest().to_string());
    let found: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(|found| format!("{} {:?} {found:?}", compiled.sources.path(found.span), compiled.sources.line_column(found.span)))
        .collect();
    format!("{digest:?}\n{:?}\n{}", compiled.locations, found.join("\n"))
}

fn anew(files: &[(String, String)]) -> String {
    said(&compile(&Repository { configuration: files, library: &[], read: &|_| None, environment: None }))
}

#[test]
fn every_generation_ends_in_what_a_compilation_anew_ends_in() {
    let steps: Vec<Vec<(&str, String)>> = vec![
        vec![],
        // One changed, one with a mistake of meaning, one broken, one unknown node.
        vec![("flows/f03.kdl", flow("f03", "input.id + 'x'"))],
        vec![("flows/f03.kdl", flow("f03", "inptu.id")), ("flows/f09.kdl", "flow \"f09\" {\n".to_owned())],
        vec![("flows/f03.kdl", "flwo \"f03\" colour=\"red\"\n".to_owned())],
        // Two in front of all others: every source has another number.
        vec![("a.kdl", "teem \"x\"\n".to_owned()), ("b.kdl", flow("b", "input.id"))],
        // The same text twice: two flows of one name.
        vec![("flows/again.kdl", flow("f05", "input.id"))],
        vec![("flows/f00.kdl", String::new()), ("flows/f05.kdl", String::new())],
        vec![],
    ];
    for threads in [1, 3] {
        let mut generation = Generation::default();
        for step in &steps {
            let files = files(step);
            let (compiled, next) = after(&files, generation, threads);
            assert_eq!(said(&compiled), anew(&files), "{threads} threads, {step:?}");
            generation = next;
        }
    }
}

#[test]
fn only_changed_texts_are_read_again() {
    let first = files(&[]);
    let (_, generation) = after(&first, Generation::default(), 2);
    assert_eq!(generation.reused(), 0);
    let (_, generation) = after(&first, generation, 2);
    assert_eq!(generation.reused(), first.len());
    let second = files(&[("flows/f03.kdl", flow("f03", "input.id + 'x'"))]);
    let (compiled, generation) = after(&second, generation, 2);
    assert_eq!(generation.reused(), first.len() - 1);
    assert!(compiled.plan.unwrap().flows.contains_key("f03"));
}
