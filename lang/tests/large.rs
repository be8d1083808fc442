//! Large texts take time in proportion to their size: what was quadratic once took minutes on these.

#![expect(clippy::disallowed_methods, reason = "a test that measures; its limit is far above what is needed, and far below a minute")]

use std::fmt::Write;
use std::time::{Duration, Instant};
use tradewind_lang::compile::{Compiled, Repository, compile};

const PATIENCE: Duration = Duration::from_secs(30);

fn compiled(text: String) -> Compiled {
    let configuration = [("tradewind.kdl".to_owned(), text)];
    let began = Instant::now();
    let compiled = compile(&Repository { configuration: &configuration, library: &[], read: &|_| None, environment: None });
    let took = began.elapsed();
    assert!(took < PATIENCE, "took {took:?}");
    compiled
}

fn flow(steps: &str, last: &str) -> String {
    format!(
        "project \"x\" {{ currency \"USD\" }}\nflow \"f\" {{\n    input {{ field \"id\" string }}\n{steps}    output {{ x \"={last}\" }}\n}}\n"
    )
}

#[test]
fn a_chain_of_three_thousand_values() {
    let mut steps = "    let \"a0\" \"=input.id\"\n".to_owned();
    for number in 1..3000 {
        writeln!(steps, "    let \"a{number}\" \"=a{}\"", number - 1).unwrap();
    }
    let compiled = compiled(flow(&steps, "a2999"));
    assert_eq!(compiled.diagnostics, []);
    assert_eq!(compiled.plan.unwrap().flows["f"].steps.len(), 3000);
}

#[test]
fn twenty_thousand_mistakes_in_one_file() {
    let teams: String = (0..20_000).map(|number| format!("team \"t{number}\"\n")).collect();
    let compiled = compiled(format!("project \"x\" {{ currency \"USD\" }}\n{teams}"));
    assert_eq!(compiled.diagnostics.len(), 20_000);
}

#[test]
fn thousands_of_names_that_do_not_exist() {
    let steps: String = (0..2000).map(|number| format!("    let \"a{number}\" \"=b{number}.x + inptu.id\"\n")).collect();
    let compiled = compiled(flow(&steps, "a1"));
    assert_eq!(compiled.diagnostics.len(), 4000);
    // The first are told what is near.
    assert_eq!(compiled.diagnostics[1].help.as_deref(), Some("did you mean `input`?"));
}
