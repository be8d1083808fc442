//! Every place at which a proof about conditions may give up says so, and says nothing of what was worked out (`TW0171`).

#![expect(clippy::indexing_slicing, reason = "clippy does not know its functions for tests")]

use tradewind_lang::compile::{Repository, compile};

const HEAD: &str = "project \"x\" { currency \"USD\" }
team \"t\" { member \"a@shop.example\" }
type \"answer\" { field \"a\" bool; field \"b\" bool; field \"c\" bool; field \"of\" string }
connector \"c\" version=\"1\" {
    base-url \"https://c.example\"
    operation \"read\" effect=read { request { field \"id\" string }; http GET \"/r\"; response \"answer\" }
    operation \"w\" effect=irreversible {
        request { field \"n\" int; field \"a\" bool; field \"b\" bool; field \"c\" bool; field \"of\" string }
        http POST \"/w\"
    }
}
";

/// The messages of a repository, each of which must be a proof that gave up.
fn given_up(text: &str) -> Vec<String> {
    let configuration = [("tradewind.kdl".to_owned(), format!("{HEAD}{text}"))];
    let compiled = compile(&Repository { configuration: &configuration, library: &[], read: &|_| None, environment: None });
    let only = compiled.diagnostics.iter().all(|found| found.code.id == "TW0171");
    assert!(only, "{:?}", compiled.diagnostics.iter().map(|found| (found.code.id, &found.message)).collect::<Vec<_>>());
    compiled.diagnostics.into_iter().map(|found| found.message).collect()
}

/// A condition in whose question stands another one, so many deep: of 8 it is looked at, of 12 there is too much to read.
fn nested(of: &str, deep: usize) -> String {
    let fields = ["a", "b", "c"].map(|field| format!("{of}.{field}"));
    (0..deep).fold(format!("{of}.a"), |text, at| format!("({text} ? {} : {})", fields[(at + 1) % 3], fields[at % 3]))
}

/// So many pigeons in so many holes: each condition says that one is nowhere, or that two are in one. One of them always holds, which only
/// a search through all of their ways can tell.
fn pigeons(of: &str, count: usize, holes: usize) -> Vec<String> {
    let within = |pigeon: usize, hole: usize| format!("{of}.of.contains('{pigeon} in {hole}')");
    let mut conditions = Vec::new();
    for pigeon in 0..count {
        conditions.push((0..holes).map(|hole| format!("!{}", within(pigeon, hole))).collect::<Vec<_>>().join(" && "));
        for other in 0..pigeon {
            conditions.extend((0..holes).map(|hole| format!("{} && {}", within(pigeon, hole), within(other, hole))));
        }
    }
    conditions
}

fn flow(steps: &str) -> String {
    format!("flow \"f\" {{\n    input \"answer\"\n{steps}\n}}\n")
}

fn policy(rules: &str) -> String {
    format!("policy \"p\" {{\n    on \"c.w\"\n{rules}\n}}\n")
}

#[test]
fn whether_a_step_can_happen() {
    let step = format!("    observe \"r\" when=\"{}\" {{ call \"c.read\" id=\"x\" }}", nested("input", 12));
    let text = flow(&format!("{step}\n    output {{ r \"=has(r.a)\" }}"));
    assert_eq!(given_up(&text), ["whether the condition of `r` can ever hold was not worked out"]);
}

#[test]
fn whether_a_rule_can_hold_and_decide() {
    let long = nested("input", 12);
    let text = flow(&format!(
        "    decide \"d\" {{\n        rule \"long\" when=\"{long}\" value=1\n        rule \"next\" when=\"input.b\" value=2\n        otherwise value=3\n    }}\n    output {{ d \"=d.value\" }}"
    ));
    assert_eq!(given_up(&text), ["whether the condition of rule `long` can ever hold was not worked out, nor of one more"]);
}

#[test]
fn whether_a_rule_decides_after_those_that_hang_together() {
    let rules: String = pigeons("input", 8, 7)
        .iter()
        .enumerate()
        .map(|(at, when)| format!("        rule \"r{at}\" when=\"{when}\" value={at}\n"))
        .chain(["        rule \"last\" when=\"input.a\" value=-2\n".to_owned()])
        .collect();
    let found =
        given_up(&flow(&format!("    decide \"d\" {{\n{rules}        otherwise value=-1\n    }}\n    output {{ d \"=d.value\" }}")));
    assert!(found.len() == 1 && found.iter().all(|message| message.starts_with("whether rule `")), "{found:?}");
    assert!(found.iter().all(|message| message.contains("can ever decide was not worked out")), "{found:?}");
}

#[test]
fn whether_an_arm_can_hold() {
    let text = flow(&format!(
        "    choose \"c\" {{\n        when \"{}\" {{ output {{ x 1 }} }}\n        otherwise {{ output {{ x 2 }} }}\n    }}\n    output {{ x \"=c.x\" }}",
        nested("input", 12)
    ));
    let found = given_up(&text);
    assert!(found.len() == 1 && found.iter().all(|message| message.starts_with("whether the condition of the arm `")), "{found:?}");
}

#[test]
fn whether_an_item_is_looked_at() {
    let text = "type \"all\" { field \"items\" list<answer> }\nflow \"f\" {\n    input \"all\"\n    each \"e\" in=\"=input.items\" as=\"one\" max=10 where=\"#\" { let \"a\" \"=one.of\" }\n}\n";
    let found = given_up(&text.replace('#', &nested("one", 12)));
    assert_eq!(found, ["whether the condition of this `each` can ever hold was not worked out"]);
}

#[test]
fn whether_what_a_draft_must_be_can_hold_and_fail_and_hold_together() {
    let requires = |conditions: &[String]| {
        let requires: String = conditions.iter().map(|when| format!("        require \"{when}\" code=\"x\"\n")).collect();
        let draft = "type \"text\" { field \"a\" bool; field \"b\" bool; field \"c\" bool; field \"of\" string }\nroute \"r\" needs=text { fail \"no\" }\n";
        format!(
            "{draft}{}",
            flow(&format!(
                "    decide \"d\" {{ draft \"text\" route=\"r\" {{ prompt \"Write\" }} }}\n    reflect \"ok\" of=\"d\" max-revisions=1 else=stop {{\n{requires}    }}\n    output {{ x \"=ok.of\" }}"
            ))
        )
    };
    let long = given_up(&requires(&[nested("d", 12)]));
    assert!(long.len() == 1 && long.iter().all(|message| message.contains("can ever hold was not worked out")), "{long:?}");
    let together = given_up(&requires(&[nested("d", 8), format!("!({})", nested("d", 8).replace("d.a", "d.b"))]));
    assert_eq!(together, ["whether these requirements can hold together was not worked out"]);
}

#[test]
fn whether_a_candidate_can_be_asked() {
    let fields = [("task.a", "task.personal"), ("task.b", "(task.tokens > 5)"), ("task.c", "(task.tokens > 9)")];
    let when = fields.iter().fold(nested("task", 12), |when, (field, part)| when.replace(field, part));
    let model = "model \"m\" provider=openai name=\"m\" base-url=\"http://127.0.0.1:1\" context=1000 max-output=100 { price \"0 USD\"; can text }\n";
    let found = given_up(&format!("{model}route \"r\" needs=text {{\n    candidate \"m\" when=\"{when}\"\n    fail \"no\"\n}}\n"));
    assert_eq!(found, ["whether the condition of the candidate `m` can ever hold was not worked out"]);
}

#[test]
fn whether_a_stage_is_ever_looked_at() {
    let act = format!(
        "    act \"w\" {{\n        call \"c.w\" n=1 a=#true b=#true c=#true of=\"x\"\n        stage to=\"t\" within=\"4h\" on-timeout=deny when=\"{}\"\n    }}",
        nested("input", 12)
    );
    let limit = policy("    limit \"l\" count=5 per=\"24h\"");
    assert_eq!(given_up(&format!("{}{limit}", flow(&act))), ["whether the condition of the stage can ever hold was not worked out"]);
}

#[test]
fn whether_a_rule_of_a_policy_can_hold_and_fail() {
    let long = nested("effect", 12);
    let deny = given_up(&policy(&format!("    deny \"d\" when=\"{long}\"")));
    assert_eq!(deny, ["whether the condition of `deny d` can ever fail was not worked out"]);
    let limit = given_up(&policy(&format!("    limit \"l\" count=5 per=\"24h\" where=\"{long}\"")));
    assert_eq!(limit, ["whether the condition of `limit l` can ever fail was not worked out"]);
    let escalate = given_up(&policy(&format!("    escalate \"e\" when=\"{long}\" to=\"t\" within=\"1h\" on-timeout=deny")));
    assert_eq!(escalate, ["whether the condition of `escalate e` can ever fail was not worked out"]);
}

#[test]
fn whether_denials_leave_something_to_people_and_to_anybody() {
    let denies: String =
        pigeons("effect", 8, 7).iter().enumerate().map(|(at, when)| format!("    deny \"d{at}\" when=\"{when}\"\n")).collect();
    let escalate = "    escalate \"e\" when=\"effect.n > 5\" to=\"t\" within=\"1h\" on-timeout=deny\n";
    assert_eq!(
        given_up(&policy(&format!("{denies}{escalate}"))),
        [
            "whether an effect of `c.w` is ever allowed was not worked out",
            "whether `deny d113` can ever decide was not worked out, nor of 52 more",
        ]
    );
    let other =
        policy(&format!("{escalate}    limit \"l\" count=5 per=\"24h\" where=\"effect.n > 7\"")).replace("policy \"p\"", "policy \"q\"");
    assert_eq!(
        given_up(&format!("{}{other}", policy(&denies))),
        [
            "whether an effect of `c.w` is ever allowed was not worked out",
            "whether `deny d113` can ever decide was not worked out, nor of 51 more",
            "whether `escalate e` of the policy `q` can ever decide was not worked out, nor of one more",
        ]
    );
}
