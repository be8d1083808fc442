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

#[test]
fn a_line_of_a_thousand_flows_that_start_the_next_one() {
    let line: String = (1..1000)
        .map(|at| {
            format!(
                "flow \"f{at}\" {{ input {{ field \"a\" int }}; act \"x\" {{ flow \"f{0}\" a=1 }}; act \"y\" {{ flow \"f{0}\" a=2 }} }}\n",
                at - 1
            )
        })
        .collect();
    let first = "project \"x\" { currency \"USD\" }\nflow \"f0\" { input { field \"a\" int }; let \"z\" \"=input.a\" }\n";
    let compiled = compiled(format!("{first}{line}"));
    assert_eq!(compiled.diagnostics, []);
    assert_eq!(compiled.plan.unwrap().flows.len(), 1000);
}

fn decision(values: usize, rules: usize) -> String {
    let declared: String = (0..values).map(|number| format!(" v{number}")).collect();
    let rules: String =
        (0..rules).map(|number| format!("        rule \"r{number}\" when=\"input.a == 'v{number}'\" value={number}\n")).collect();
    let steps = format!("    decide \"d\" {{\n{rules}        otherwise value=-1\n    }}\n");
    flow(&steps, "d").replace("field \"id\" string", "field \"a\" k") + &format!("enum \"k\"{declared}\n")
}

#[test]
fn a_decision_of_five_hundred_rules_over_an_enum() {
    let compiled = compiled(decision(1000, 500));
    assert_eq!(compiled.diagnostics, []);
}

#[test]
fn a_decision_of_five_hundred_rules_of_which_the_last_says_what_the_first_says() {
    let text = decision(1000, 500).replace("input.a == 'v499'", "input.a == 'v0'");
    let compiled = compiled(text);
    let found: Vec<&str> = compiled.diagnostics.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(found, ["rule `r499` never decides: wherever it holds, rule `r0` holds too"]);
}

#[test]
fn a_decision_of_three_thousand_rules_over_an_enum_of_twenty_thousand() {
    assert_eq!(compiled(decision(20_000, 3000)).diagnostics, []);
}

const CONNECTOR: &str = "connector \"c\" version=\"1\" {
    base-url \"https://c.example\"
    operation \"w\" effect=irreversible {
        request { field \"n\" int; field \"m\" int; field \"of\" string }
        http POST \"/w\"
    }
}
";

/// A repository with this and a team `t`.
fn with_connector(text: &str) -> String {
    format!("project \"x\" {{ currency \"USD\" }}\nteam \"t\" {{ member \"a@shop.example\" }}\n{CONNECTOR}{text}")
}

/// So many policies with a `deny`, an `escalate` and a `limit` each; `head` stands in each of them.
fn policies(count: usize, head: &str, deny: impl Fn(usize) -> String, escalate: impl Fn(usize) -> String) -> String {
    (0..count)
        .map(|number| {
            format!(
                "policy \"p{number}\" {{\n    {}\n    deny \"d\" when=\"{}\"\n    escalate \"e\" when=\"{}\" to=\"t\" within=\"1h\" \
                 on-timeout=deny\n    limit \"l\" count={} per=\"24h\"\n}}\n",
                head.replace('#', &number.to_string()),
                deny(number),
                escalate(number),
                number + 1
            )
        })
        .collect()
}

fn messages(compiled: &Compiled) -> Vec<&str> {
    compiled.diagnostics.iter().map(|found| found.message.as_str()).collect()
}

#[test]
fn four_hundred_policies_on_one_operation() {
    let policies = policies(400, "on \"c.w\"", |at| format!("effect.n == {at}"), |at| format!("effect.n > {at}"));
    assert_eq!(compiled(with_connector(&policies)).diagnostics, []);
}

#[test]
fn four_hundred_policies_whose_conditions_hold_in_two_ways() {
    let deny = |at: usize| format!("effect.n > {at} && effect.of == 'x{at}' || effect.m == {at}");
    let escalate = |at: usize| format!("effect.n == {} && effect.of == 'y{at}' || effect.m == {at} && effect.n > {at}", at + 1);
    assert_eq!(compiled(with_connector(&policies(400, "on \"c.w\"", deny, escalate))).diagnostics, []);
}

#[test]
fn four_hundred_policies_of_one_flow_each() {
    let flows: String = (0..400)
        .map(|at| format!("flow \"f{at}\" {{ input {{ field \"n\" int }}; act \"w\" {{ call \"c.w\" n=\"=input.n\" m=1 of=\"a\" }} }}\n"))
        .collect();
    let deny = |at: usize| format!("effect.n > {at} && effect.of == 'x{at}' || effect.m == {at}");
    let wide = policies(60, "on \"c.w\"", deny, |at| format!("effect.n > {at}")).replace("policy \"p", "policy \"w");
    let of_one = policies(400, "on \"c.w\" flow=\"f#\"", deny, |at| format!("effect.n == {at} && effect.of == 'y'"));
    assert_eq!(compiled(with_connector(&format!("{flows}{wide}{of_one}"))).diagnostics, []);
}

#[test]
fn among_four_hundred_policies_the_one_that_others_deny_is_found() {
    let deny = |at: usize| format!("effect.n > {at} && effect.of == 'x{at}' || effect.m == {at}");
    let escalate = |at: usize| match at {
        // Denied by the first of all, whatever the others say.
        399 => "effect.n > 7 && effect.of == 'x0'".to_owned(),
        at => format!("effect.n == {} && effect.of == 'y{at}'", at + 1),
    };
    let compiled = compiled(with_connector(&policies(400, "on \"c.w\"", deny, escalate)));
    let never = "`escalate e` of the policy `p399` never decides: wherever it holds, `deny d` of the policy `p0` holds too";
    assert_eq!(messages(&compiled), [never]);
}

#[test]
fn two_thousand_rules_of_one_policy() {
    let rules: String = (0..2000)
        .map(|number| match number % 2 {
            0 => format!("    deny \"r{number}\" when=\"effect.n == {number}\"\n"),
            _ => format!("    escalate \"r{number}\" when=\"effect.n == {number}\" to=\"t\" within=\"1h\" on-timeout=deny\n"),
        })
        .collect();
    assert_eq!(compiled(with_connector(&format!("policy \"p\" {{\n    on \"c.w\"\n{rules}}}\n"))).diagnostics, []);
}

#[test]
fn a_hundred_rules_that_can_each_fail_in_two_ways() {
    let fields: String = (0..30).map(|number| format!("field \"a{number}\" int; ")).collect();
    let rules: String = (0..100)
        .map(|at| {
            let (one, two, three) = (at % 30, at * 3 % 30, at * 7 % 30);
            let when = format!("input.a{one} > {at} && input.a{two} != {} || input.a{three} < -{at}", at % 200);
            format!("        rule \"r{at}\" when=\"{when}\" value={at}\n")
        })
        .collect();
    let steps = format!("    decide \"d\" {{\n{rules}        otherwise value=-1\n    }}\n");
    let compiled = compiled(flow(&steps, "d").replace("field \"id\" string", fields.trim_end_matches("; ")));
    // Rules that the rules before take everything from are among them, and of one it may be left open.
    let told = |code: &str| compiled.diagnostics.iter().filter(|found| found.code.id == code).count();
    assert_eq!(told("TW0192") + told("TW0171"), compiled.diagnostics.len(), "{:?}", compiled.diagnostics.first());
    assert!(told("TW0171") <= 1);
}
