//! What a proof gives up is told, once for each place, and never taken for proved: at every kind of place where a condition may stand.
#![cfg(test)]

use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::diagnostic::Severity;

const PROJECT: &str = r#"project "x" { currency "USD" }
team "t" { member "a@shop.example" }
connector "c" version="1" {
    base-url "https://c.example"
    operation "w" effect=irreversible {
        request { field "n" int; field "text" string }
        http POST "/w"
    }
}
"#;

/// Eight pigeons in seven holes: a condition that never holds, which takes a search through everything to see. `of` is a text.
fn never(of: &str) -> String {
    let at = |pigeon: usize, hole: usize| format!("{of}.contains('{pigeon} in {hole}')");
    let somewhere = (0..8).map(|pigeon| format!("({})", (0..7).map(|hole| at(pigeon, hole)).collect::<Vec<_>>().join(" || ")));
    let pairs = (0..8).flat_map(|one| (0..one).map(move |two| (one, two)));
    let alone = pairs.flat_map(|(one, two)| (0..7).map(move |hole| format!("!({} && {})", at(one, hole), at(two, hole))));
    somewhere.chain(alone).collect::<Vec<_>>().join(" && ")
}

/// The messages of what was not worked out, in order. There is no mistake beside it.
fn told(text: &str) -> Vec<String> {
    let configuration = [("tradewind.kdl".to_owned(), format!("{PROJECT}{text}"))];
    let compiled = compile(&Repository { configuration: &configuration, library: &[], read: &|_| None, environment: None });
    let mistakes: Vec<&str> =
        compiled.diagnostics.iter().filter(|found| found.severity() == Severity::Error).map(|found| found.message.as_str()).collect();
    assert_eq!(mistakes, Vec::<&str>::new());
    compiled.diagnostics.iter().filter(|found| found.code.id == "TW0171").map(|found| found.message.clone()).collect()
}

fn flow(steps: &str) -> Vec<String> {
    told(&format!("flow \"f\" {{\n    input {{ field \"id\" string; field \"n\" int }}\n{steps}\n    output {{ n \"=input.n\" }}\n}}\n"))
}

#[test]
fn of_rules_and_arms_it_is_told_at_the_first() {
    let hard = never("input.id");
    let rules = format!(
        "decide \"d\" {{\nrule \"a\" when=\"{hard}\" value=1\nrule \"b\" when=\"input.n > 3\" value=2\n\
         rule \"c\" when=\"!({hard})\" value=3\notherwise value=4\n}}"
    );
    assert_eq!(flow(&rules), ["whether the condition of rule `a` can ever hold was not worked out"]);
    let arms = format!("choose \"d\" {{\nwhen \"{hard}\" {{ let \"x\" 1 }}\notherwise {{ }}\n}}");
    let [told] = &flow(&arms)[..] else { panic!("it is told once") };
    assert!(told.starts_with("whether the condition of the arm `") && told.ends_with("` can ever hold was not worked out"), "{told}");
}

#[test]
fn of_a_step_a_stage_and_a_candidate_it_is_told_where_the_condition_stands() {
    let hard = never("input.id");
    let act = "call \"c.w\" n=\"=input.n\" text=\"look\"";
    assert_eq!(flow(&format!("act \"a\" when=\"{hard}\" {{ {act} }}")), ["whether the condition of `a` can ever hold was not worked out"]);
    assert_eq!(
        flow(&format!("act \"a\" {{ {act}; stage to=\"t\" within=\"1h\" on-timeout=deny when=\"{hard}\" }}")),
        ["whether the condition of the stage can ever hold was not worked out"]
    );
    let route = format!(
        "model \"m\" provider=openai name=\"m\" base-url=\"http://localhost:1/v1\" {{ price \"0 USD\"; context 1000; can text }}\n\
         route \"r\" needs=text {{ candidate \"m\" when=\"{}\"; fail \"none\" }}\n",
        never("task.capability")
    );
    assert_eq!(told(&route), ["whether the condition of the candidate `m` can ever hold was not worked out"]);
}

#[test]
fn of_requirements_it_is_told_of_each_and_of_all_together() {
    let hard = never("input.id");
    let require = |conditions: &[&str]| {
        let requires: String = conditions.iter().enumerate().map(|(at, when)| format!("require \"{when}\" code=\"c{at}\"\n")).collect();
        flow(&format!("reflect \"a\" else=stop {{\n{requires}}}"))
    };
    assert_eq!(require(&[&hard]), ["whether the condition of requirement `c0` can ever hold was not worked out"]);
    assert_eq!(require(&[&format!("!({hard})")]), ["whether the condition of requirement `c0` can ever fail was not worked out"]);
    // Each of the two is known to hold and to fail somewhere; both together are the pigeons.
    let (one, two) = hard.split_at(hard.find(" && !(").unwrap());
    let two = two.trim_start_matches(" && ");
    assert_eq!(require(&[one, two]), ["whether these requirements can hold together was not worked out"]);
    assert_eq!(require(&["input.n > 3", "input.n < 9"]), Vec::<String>::new());
}

#[test]
fn of_a_policy_it_is_told_once_whatever_its_rules_are() {
    let hard = never("effect.text");
    let ask = "to=\"t\" within=\"1h\" on-timeout=deny";
    let policy = |rules: &str| told(&format!("policy \"p\" {{\n    on \"c.w\"\n{rules}\n}}\n"));
    assert_eq!(
        policy(&format!("deny \"a\" when=\"{hard}\"\nescalate \"b\" when=\"!({hard})\" {ask}")),
        ["whether the condition of `deny a` can ever hold was not worked out, nor of one more"]
    );
    assert_eq!(
        policy(&format!("limit \"a\" count=9 per=\"1h\" where=\"{hard}\"")),
        ["whether the condition of `limit a` can ever hold was not worked out"]
    );
}

#[test]
fn of_policies_it_is_told_what_they_leave_to_each_other() {
    let hard = never("effect.text");
    let (one, two) = hard.split_at(hard.find(" && !(").unwrap());
    let two = two.trim_start_matches(" && ");
    let ask = "to=\"t\" within=\"1h\" on-timeout=deny";
    // What the denial leaves, the other never is: but that is the pigeons.
    let found = told(&format!(
        "policy \"p\" {{\n    on \"c.w\"\n    deny \"a\" when=\"!({one})\"\n}}\n\
         policy \"q\" {{\n    on \"c.w\"\n    escalate \"b\" when=\"{two}\" {ask}\n    limit \"n\" count=9 per=\"1h\" where=\"{two}\"\n}}\n"
    ));
    assert_eq!(found, ["whether `escalate b` of the policy `q` can ever decide was not worked out, nor of one more"]);
    // Two denials leave nothing between them, and that is the pigeons, too.
    let found = told(&format!(
        "policy \"p\" {{\n    on \"c.w\"\n    deny \"a\" when=\"!({one})\"\n}}\npolicy \"q\" {{\n    on \"c.w\"\n    deny \"b\" when=\"!({two})\"\n}}\n"
    ));
    assert_eq!(found, ["whether an effect of `c.w` is ever allowed was not worked out"]);
}
