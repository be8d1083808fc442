//! Compiling again, and on several threads, ends in what compiling anew on one thread ends in.
#![cfg(test)]

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

/// A flow in which outside text chooses an account: what is said names the field.
fn chosen(name: &str) -> String {
    format!(
        "flow \"{name}\" {{\n    input {{ field \"said\" string untrusted }}\n    \
         observe \"page\" account=\"=input.said\" {{ call \"stock.page.get\" id=\"x\" }}\n    output {{ title \"=page.title\" }}\n}}\n"
    )
}

const STOCK: &str = r#"type "page" { field "title" string }
connector "stock" version="1" {
    account "shop" { field "token" string secret }
    base-url "http://127.0.0.1:7411/stock"
    header "X-Token" "=account.token"
    operation "page.get" effect=read {
        request { field "id" string }
        http GET "/pages/{id}"
        response "page" at="=body"
    }
}
"#;

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
        vec![("flows/again.kdl", chosen("f05")), ("flows/f05.kdl", chosen("f05")), ("stock.kdl", STOCK.to_owned())],
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

/// A small deterministic generator (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }
}

/// Files that name each other: types, routes, settings, texts of their own, flows that start flows.
fn linked() -> Vec<(String, String)> {
    let mut files = vec![
        ("tradewind.kdl".to_owned(), format!("{PROJECT}team \"t\" {{ member \"a@example.com\" }}\n")),
        ("types.kdl".to_owned(), "type \"order\" { field \"id\" string; field \"count\" int }\nenum \"kind\" a b\n".to_owned()),
        (
            "routes.kdl".to_owned(),
            "route \"hello\" needs=text { template (file)\"hello.md\" }\ntype \"said\" { field \"text\" string }\n".to_owned(),
        ),
    ];
    for number in 0..6 {
        let begins = match number {
            0 => String::new(),
            _ => format!("    act \"before\" {{ flow \"f{}\" id=\"=input.id\" count=\"=input.count\" }}\n", number - 1),
        };
        let size = if number == 0 { "size(input.id)" } else { "before.size" };
        let text = format!(
            "flow \"f{number}\" {{\n    input \"order\"\n{begins}    decide \"said\" {{ draft \"said\" route=\"hello\" }}\n    \
             ask \"a\" to=\"t\" within=\"1h\" on-timeout=stop {{ question (file)\"q{}.md\"; answer \"said\" }}\n    \
             output {{ size \"={size}\"; said \"=said.text\" }}\n}}\n",
            number % 2
        );
        files.push((format!("flows/f{number}.kdl"), text));
    }
    files
}

/// Words that an edit replaces, and by what.
const EDITS: &[(&str, &str)] = &[
    ("size(input.id)", "input.id"),
    ("size(input.id)", "input.count"),
    ("field \"count\" int", "field \"count\" double"),
    ("field \"count\" int", "field \"count\" int min=1"),
    ("field \"id\" string", "field \"id\" string untrusted"),
    ("size \"=", "length \"="),
    ("\n", "\n\n"),
    ("\n", "\n// a comment\n"),
    ("    output", "    let \"more\" \"=input.count + 1\"\n    output"),
    ("currency \"USD\"", "currency \"EUR\""),
    ("hello", "hallo"),
    ("flow \"f2\"", "flow \"f9\""),
    ("flow \"f3\"", "flow \"f2\""),
    ("input \"order\"", "input { field \"id\" string; field \"count\" int }"),
    ("route=\"hello\"", "route=\"helo\""),
    ("on-timeout=stop", "on-timeout=skip"),
    ("team \"t\"", "team \"u\""),
    ("q1.md", "q0.md"),
    ("q0.md", "missing.md"),
    ("}\n", ""),
];

#[test]
fn whatever_is_edited_a_generation_ends_in_what_a_compilation_anew_ends_in() {
    let mut random = Random(7);
    let (mut reused, mut clean) = (0, 0);
    for round in 0..12 {
        let mut files = linked();
        let mut texts = [("hello.md", "Hello {{ input.id }}"), ("q0.md", "Is {{ said.text }} good?"), ("q1.md", "Well?")]
            .map(|(path, text)| (path, text.to_owned()));
        let mut generation = Generation::default();
        for _ in 0..14 {
            match random.below(8) {
                0 => {
                    let (_, text) = &mut texts[random.below(3)];
                    *text = ["Hello", "{{ input.id }}", "{{ input.nothing }}", "{{ said.text }}"][random.below(4)].to_owned();
                }
                1 => {
                    let at = random.below(files.len());
                    files[at].0 = format!("moved/{}.kdl", random.below(100));
                }
                2 if round % 2 == 0 => drop(files.remove(random.below(files.len()))),
                3 => files = linked(),
                _ => {
                    let (from, to) = EDITS[random.below(EDITS.len())];
                    let at = random.below(files.len());
                    // Forth, or back.
                    let (from, to) = if random.below(3) == 0 && !to.is_empty() { (to, from) } else { (from, to) };
                    let text = &mut files[at].1;
                    *text = text.replacen(from, to, 1);
                }
            }
            files.sort();
            let read = |path: &str| texts.iter().find(|(of, _)| *of == path).map(|(_, text)| text.clone());
            let repository = Repository { configuration: &files, library: &[], read: &read, environment: None };
            let (compiled, next) = compile_after(&repository, generation, 1 + random.below(3));
            assert_eq!(said(&compiled), said(&compile(&repository)), "round {round}: {files:#?}");
            clean += usize::from(compiled.plan.is_some());
            reused += next.flows_reused();
            generation = next;
        }
    }
    assert!(reused > 100 && clean > 20, "{reused} flows were reused, {clean} compilations were clean");
}

#[test]
fn only_what_a_change_may_reach_is_lowered_again() {
    let read = |path: &str| Some(if path == "hello.md" { "Hello {{ input.id }}" } else { "Well?" }.to_owned());
    let compiled = |files: &[(String, String)], generation| {
        let (compiled, next) =
            compile_after(&Repository { configuration: files, library: &[], read: &read, environment: None }, generation, 2);
        assert_eq!(compiled.diagnostics, []);
        next
    };
    let mut files = linked();
    let generation = compiled(&files, Generation::default());
    assert_eq!(generation.flows_reused(), 0);
    let generation = compiled(&files, generation);
    assert_eq!(generation.flows_reused(), 6);
    // What it answers has another type: whoever starts it, and whoever starts that one.
    let first = files.iter().position(|(path, _)| path == "flows/f0.kdl").unwrap();
    files[first].1 = files[first].1.replace("size(input.id)", "double(input.count)");
    let generation = compiled(&files, generation);
    assert_eq!(generation.flows_reused(), 0);
    // What it answers is the same; but what a flow does with the values that it is given is proved for whoever begins it.
    files[first].1 = files[first].1.replace("double(input.count)", "double(input.count) * 2.0");
    let generation = compiled(&files, generation);
    assert_eq!(generation.flows_reused(), 0);
    // A flow that nobody begins is lowered alone.
    let last = files.iter().position(|(path, _)| path == "flows/f5.kdl").unwrap();
    files[last].1 = files[last].1.replace("within=\"1h\"", "within=\"2h\"");
    let generation = compiled(&files, generation);
    assert_eq!(generation.flows_reused(), 5);
    files[1].1.push_str("type \"other\" { field \"id\" string }\n");
    assert_eq!(compiled(&files, generation).flows_reused(), 0);
}
