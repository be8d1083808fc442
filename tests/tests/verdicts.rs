//! Small flows with known verdicts, in `tests/verdicts`: what the proofs about outside text, effects and personal data must say of each,
//! line by line. The verdicts were thought out, not recorded: a line above each node says why, and `// TWnnnn` behind a line is the one
//! thing that is said of that line.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use tradewind_lang::compile::{Compiled, Repository, compile};
use tradewind_tests::root;

/// As many as were promised.
const LEAST: usize = 300;

const PRELUDE: &str = "prelude.kdl";

/// A node of a file with its verdict.
struct Case {
    /// Its first line, such as `flow "by-its-text" {`.
    name: String,
    why: String,
    lines: std::ops::RangeInclusive<usize>,
    /// Codes by line.
    expected: BTreeSet<(usize, String)>,
}

/// The codes that a line's comment names.
fn codes(line: &str) -> Vec<String> {
    let comment = line.rsplit_once(" // ").map_or("", |(_, comment)| comment);
    comment.split_whitespace().filter(|word| word.starts_with("TW") && word.len() == 6).map(str::to_owned).collect()
}

/// The top-level nodes of a file. The lines of comments directly above one say why.
fn cases(text: &str) -> Vec<Case> {
    let mut found: Vec<Case> = Vec::new();
    let (mut why, mut open) = (String::new(), false);
    for (line, number) in text.lines().zip(1..) {
        if let Some(comment) = line.strip_prefix("// ") {
            write!(why, "{comment} ").unwrap();
            open = false;
        } else if line.is_empty() {
            why.clear();
            open = false;
        } else if line.starts_with(|first: char| first.is_ascii_lowercase()) {
            found.push(Case { name: line.to_owned(), why: std::mem::take(&mut why), lines: number..=number, expected: BTreeSet::new() });
            open = true;
        }
        if let Some(case) = found.last_mut().filter(|_| open) {
            case.lines = *case.lines.start()..=number;
            case.expected.extend(codes(line).into_iter().map(|code| (number, code)));
        }
    }
    found
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/verdicts").join(name)).unwrap()
}

fn compiled(name: &str, text: &str) -> Compiled {
    let configuration = [(PRELUDE.to_owned(), read(PRELUDE)), (name.to_owned(), text.to_owned())];
    let rows = "{\"text\":\"It broke.\",\"label\":\"complaint\"}\n{\"text\":\"Lovely.\",\"label\":\"praise\"}\n";
    let file = |path: &str| (path == "data/training.jsonl").then(|| rows.to_owned());
    compile(&Repository { configuration: &configuration, library: &[], read: &file, environment: None })
}

/// What the compiler says, by line of the file; what it says of the prelude has the line 0.
fn said(compiled: &Compiled, name: &str) -> BTreeMap<(usize, String), String> {
    let one = |found: &tradewind_lang::diagnostic::Diagnostic| {
        let line = if compiled.sources.path(found.span) == name { compiled.sources.line_column(found.span).0 } else { 0 };
        ((line, found.code.id.to_owned()), found.message.clone())
    };
    compiled.diagnostics.iter().map(one).collect()
}

fn files() -> Vec<String> {
    let folder = std::fs::read_dir(root().join("tests/verdicts")).unwrap();
    let mut names: Vec<String> = folder.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name.ends_with(".kdl") && name != PRELUDE);
    names.sort();
    names
}

#[test]
fn every_small_flow_gets_its_verdict() {
    let (mut wrong, mut count, mut refused) = (String::new(), 0, 0);
    for name in files() {
        let text = read(&name);
        let said = said(&compiled(&name, &text), &name);
        let cases = cases(&text);
        for case in &cases {
            count += 1;
            refused += usize::from(!case.expected.is_empty());
            let here: BTreeSet<_> = said.keys().filter(|(line, _)| case.lines.contains(line)).cloned().collect();
            for (line, code) in case.expected.difference(&here) {
                writeln!(wrong, "{name}:{line}: {code} is not said of `{}`, though: {}", case.name, case.why).unwrap();
            }
            for key in here.difference(&case.expected) {
                let message = said.get(key).unwrap();
                writeln!(wrong, "{name}:{}: {} ({message}) is said of `{}`, though: {}", key.0, key.1, case.name, case.why).unwrap();
            }
            if case.why.trim().len() < 12 {
                writeln!(wrong, "{name}:{}: `{}` does not say why", case.lines.start(), case.name).unwrap();
            }
        }
        for ((line, code), message) in &said {
            if !cases.iter().any(|case| case.lines.contains(line)) {
                writeln!(wrong, "{name}:{line}: {code} ({message}) is said of no case").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{} lines:\n{wrong}", wrong.lines().count());
    assert!(count >= LEAST, "{count} small flows, {LEAST} were promised");
    assert!(refused * 3 > count && (count - refused) * 3 > count, "{refused} of {count} are refused: neither side is shown");
}

#[test]
fn a_missing_reason_and_a_wrong_verdict_are_seen() {
    let found = cases("// because\nflow \"a\" {\n    let \"x\" 1 // TW0134\n}\n\nflow \"b\" { } // TW0116 TW0106\n");
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].why.as_str(), found[0].lines.clone()), ("because ", 2..=4));
    assert_eq!(found[0].expected, BTreeSet::from([(3, "TW0134".to_owned())]));
    assert!(found[1].why.is_empty() && found[1].expected.len() == 2);
}

#[test]
fn an_endorsement_stands_in_the_plan_and_in_the_picture() {
    let text = "flow \"f\" {\n    input \"mail\"\n    act \"move\" { call \"desk.move\" ticket=\"=endorse(input.words, 'six digits')\" to=\"queue\" }\n    output { code \"=endorse(input.words, 'as before')\" }\n}\n";
    let plan = compiled("f.kdl", text).plan.unwrap();
    let flow = plan.flows.get("f").unwrap();
    let endorsed: Vec<(&str, &str, &str)> =
        flow.endorsed.iter().map(|one| (one.at.as_str(), one.of.as_str(), one.reason.as_str())).collect();
    assert_eq!(endorsed, [("move", "input.words", "six digits"), ("output", "input.words", "as before")]);
    let drawn = tradewind_lang::graph::text(&plan, flow);
    assert!(drawn.contains("endorsed input.words: six digits") && drawn.contains("endorsed input.words: as before"), "{drawn}");
}

#[test]
fn a_stage_stands_in_the_picture_with_its_condition() {
    let text = "flow \"f\" {\n    input \"mail\"\n    act \"note\" { call \"desk.note\" ticket=\"=input.id\" body=\"Hello\"; stage to=\"support\" within=\"1h\" on-timeout=deny when=\"input.id == 'vip'\" }\n}\n";
    let plan = compiled("f.kdl", text).plan.unwrap();
    let drawn = tradewind_lang::graph::text(&plan, plan.flows.get("f").unwrap());
    assert!(drawn.contains("where input.id == 'vip', staged to"), "{drawn}");
}

#[test]
fn what_leaves_with_private_data_is_shown_with_both_sources() {
    let text = "flow \"f\" {\n    input \"mail\"\n    decide \"reply\" {\n        draft \"answer\" route=\"ask\" {\n            system \"He is at {{ input.email }}.\"\n            user \"{{ input.words }}\"\n        }\n    }\n    act \"send\" { call \"desk.note\" ticket=\"=input.id\" body=\"=reply.text\" }\n}\n";
    let compiled = compiled("f.kdl", text);
    let [found] = compiled.diagnostics.as_slice() else { panic!("{:?}", compiled.diagnostics) };
    let line = |span| compiled.sources.line_column(span).0;
    let shown: Vec<(usize, &str)> = found.secondary.iter().map(|label| (line(label.span), label.text.as_str())).collect();
    assert_eq!((found.code.id, line(found.span)), ("TW0157", 9));
    assert_eq!(shown, [(6, "outside text"), (5, "private data")]);
}

/// The one mistake of a text, with what its labels say, in the order of their places.
fn only(text: &str) -> (tradewind_lang::diagnostic::Diagnostic, Vec<(usize, String)>) {
    let compiled = compiled("f.kdl", text);
    let [found] = compiled.diagnostics.as_slice() else { panic!("{:?}", compiled.diagnostics) };
    let line = |span| compiled.sources.line_column(span).0;
    let shown = found.secondary.iter().map(|label| (line(label.span), label.text.clone())).collect();
    (found.clone(), shown)
}

#[test]
fn what_is_marked_is_shown_from_the_field_that_says_so() {
    let person = "type \"person\" subject=\"id\" { field \"id\" string; field \"at\" string pii; field \"code\" string secret }\n";
    let flow = |steps: &str| format!("{person}flow \"f\" {{\n    input \"person\"\n{steps}\n}}\n");
    let said = |shown: Vec<(usize, String)>| shown.into_iter().map(|(line, text)| format!("{line} {text}")).collect::<Vec<_>>();
    // Through two steps.
    let (found, shown) = only(&flow(
        "    let \"contact\" \"=input.at\"\n    let \"line\" \"=contact + '!'\"\n    act \"tag\" { call \"desk.tag\" ticket=\"=input.id\" tag=\"=line\" }",
    ));
    assert_eq!(found.code.id, "TW0159");
    assert_eq!(
        said(shown),
        ["5 `contact` brings personal data in here", "4 `input.at` brings personal data in here", "1 marked `pii` here"]
    );
    // In a place itself, of several paths the one.
    let (found, shown) = only(&flow("    let \"a\" \"=input.id + input.code\"\n    output { a \"=input.id\" }"));
    assert_eq!(
        (found.code.id, said(shown)),
        ("TW0167", vec!["4 `input.code` brings a secret in here".to_owned(), "1 marked `secret` here".to_owned()])
    );
    let (_, shown) = only(&flow("    let \"a\" \"=input.id\"\n    output { a \"=input.code\" }"));
    assert_eq!(said(shown), ["1 marked `secret` here"]);
    // Within a record.
    let (_, shown) = only(&flow("    let \"a\" \"=input.id\"\n    output { a \"=input\" }"));
    assert_eq!(said(shown), ["1 marked `secret` here"]);
    // In an item of a loop, and in a question.
    let (_, shown) = only(&format!(
        "{person}type \"all\" {{ field \"of\" list<person> }}\nflow \"f\" {{\n    input \"all\"\n    each \"e\" in=\"=input.of\" as=\"one\" max=9 {{ let \"a\" \"code {{{{ one.code }}}}\" }}\n}}\n"
    ));
    assert_eq!(said(shown), ["1 marked `secret` here"]);
}

#[test]
fn the_words_are_blamed_and_not_the_list_that_they_pick_from() {
    let pay = |operation: &str, order: &str| {
        format!(
            "flow \"f\" {{\n    input \"mail\"\n    act \"pay\" {{ call \"bank.{operation}\" order_id=\"={order}\" amount=\"5 USD\" }}\n}}\n"
        )
    };
    let (found, _) = only(&pay("credit", "input.own.map(own, own + input.words)[0]"));
    assert_eq!(found.message, "text from outside (`input.words`) chooses `order_id` of `bank.credit`");
    for picked in ["input.own[size(input.words)]", "{'a': input.id}[input.words]"] {
        let (found, shown) = only(&pay("refund", picked));
        assert_eq!((found.code.id, shown), ("TW0194", vec![(3, "`input.words` decides here".to_owned())]));
    }
    let (found, shown) = only(&pay("refund", "input.own[input.words == 'x' ? 0 : 1]"));
    assert_eq!((found.code.id, shown), ("TW0194", vec![(3, "`input.words` decides here".to_owned())]));
}

#[test]
fn the_help_says_why_a_limit_is_no_cap() {
    let text = "policy \"refunds-a-run\" { on \"bank.refund\"; limit \"few\" count=5 by=\"=run.id\" }\nflow \"f\" {\n    input \"mail\"\n    act \"pay\" when=\"input.words == 'x'\" { call \"bank.refund\" order_id=\"=input.order_id\" amount=\"5 USD\" }\n}\n";
    let (found, _) = only(text);
    let help = found.help.unwrap();
    assert!(
        help.ends_with("`limit few` of the policy `refunds-a-run` is no cap: it counts apart for each `run.id`, and each is another one"),
        "{help}"
    );
}

#[test]
fn a_circle_of_flows_is_shown_all_the_way_round() {
    let text = "type \"one\" { field \"id\" string }\ntype \"two\" { field \"id\" string }\nflow \"a\" {\n    input { field \"id\" string }\n    trigger event=\"one\"\n    act \"tell\" { emit \"two\" id=\"=input.id\" }\n}\nflow \"b\" {\n    input { field \"id\" string }\n    trigger event=\"two\"\n    act \"sub\" { flow \"c\" id=\"=input.id\" }\n}\nflow \"c\" {\n    input { field \"id\" string }\n    act \"tell\" { emit \"one\" id=\"=input.id\" }\n}\n";
    let (found, shown) = only(text);
    assert_eq!(found.message, "these flows start each other, and nothing ends it: `a`, `b`, `c`");
    let said: Vec<(usize, &str)> = shown.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(said, [(10, "starts `b`"), (11, "starts `c`"), (15, "emits `one`"), (5, "starts `a`")]);
    assert_eq!(found.label, "emits `two`");
}

#[test]
fn text_that_comes_through_steps_is_shown_from_where_it_enters() {
    let (found, shown) = only(
        "flow \"f\" {\n    input \"mail\"\n    let \"size_of\" \"=size(input.words)\"\n    let \"named\" \"=string(size_of)\"\n    act \"tag\" { call \"desk.tag\" ticket=\"=named\" tag=\"x\" }\n}\n",
    );
    assert_eq!(found.code.id, "TW0134");
    let said: Vec<&str> = shown.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(said, ["`size_of` comes in here", "`input.words` comes in here", "marked `untrusted` here"]);
    assert_eq!((shown[0].0, shown[1].0), (4, 3));
}

/// Steps between outside text and the ticket that it chooses, and the labels of the mistake: the line, and what comes in there.
const WAYS: &[(&str, &[(usize, &str)])] = &[
    // A rule of a decision.
    (
        "decide \"d\" {\n rule \"a\" when=\"input.urgent\" value=\"=input.words\"\n otherwise value=\"x\"\n }\n act \"tag\" { call \"desk.tag\" ticket=\"=d.value\" tag=\"x\" }",
        &[(4, "input.words")],
    ),
    // An arm.
    (
        "choose \"c\" {\n when \"input.urgent\" { let \"a\" \"=input.words\"; output { t \"=a\" } }\n otherwise { output { t \"=input.id\" } }\n }\n act \"tag\" { call \"desk.tag\" ticket=\"=c.t\" tag=\"x\" }",
        &[(4, "a"), (4, "input.words")],
    ),
    // An item of a loop, and what a loop makes of its items.
    (
        "let \"all\" \"=[input.words]\"\n each \"e\" in=\"=all\" as=\"w\" max=3 {\n act \"tag\" { call \"desk.tag\" ticket=\"=w\" tag=\"x\" }\n }",
        &[(4, "all"), (3, "input.words")],
    ),
    (
        "each \"e\" in=\"=input.own\" as=\"w\" max=3 {\n let \"both\" \"=w + input.words\"\n output { b \"=both\" }\n }\n act \"tag\" { call \"desk.tag\" ticket=\"=e[0].b\" tag=\"x\" }",
        &[(5, "both"), (4, "input.words")],
    ),
    // What a model writes who was told it.
    (
        "decide \"reply\" {\n draft \"answer\" route=\"ask\" {\n user \"{{ input.words }}\"\n }\n }\n act \"tag\" { call \"desk.tag\" ticket=\"=reply.text\" tag=\"x\" }",
        &[(5, "input.words")],
    ),
    (
        "agent \"helper\" type=\"answer\" route=\"ask\" max-steps=3 {\n user \"{{ input.words }}\"\n }\n act \"tag\" { call \"desk.tag\" ticket=\"=helper.text\" tag=\"x\" }",
        &[(4, "input.words")],
    ),
    // What another flow answers that was given it.
    (
        "act \"sub\" {\n flow \"echo\" words=\"=input.words\"\n }\n act \"tag\" { call \"desk.tag\" ticket=\"=sub.words\" tag=\"x\" }",
        &[(4, "input.words")],
    ),
    // Words that somebody else wrote, which no choice of ours brought in.
    (
        "observe \"seen\" { call \"shop.review.get\" id=\"=input.order_id\" }\n let \"said\" \"=seen.text\"\n act \"tag\" { call \"desk.tag\" ticket=\"=said\" tag=\"x\" }",
        &[(4, "seen.text")],
    ),
    // A fact of somebody, in his words.
    (
        "observe \"facts\" { recall \"notes\" subject=\"=input.customer_id\" }\n let \"said\" \"=facts.first().optMap(x, x.words).or('')\"\n act \"tag\" { call \"desk.tag\" ticket=\"=said\" tag=\"x\" }",
        &[(4, "facts")],
    ),
    // An event.
    (
        "wait \"told\" event=\"noted\" within=\"1d\" on-timeout=stop\n let \"said\" \"=told.words\"\n act \"tag\" { call \"desk.tag\" ticket=\"=said\" tag=\"x\" }\n act \"emit\" { emit \"noted\" id=\"=input.id\" words=\"x\" }",
        &[(4, "told.words")],
    ),
];

#[test]
fn the_way_of_outside_text_goes_through_every_kind_of_step() {
    let mut wrong = String::new();
    for (steps, expected) in WAYS {
        let (found, mut shown) = only(&format!("flow \"f\" {{\n input \"mail\"\n {steps}\n}}\n"));
        // Where it enters a record, the field that says so comes last; it is one of the prelude.
        shown.retain(|(_, text)| text != "marked `untrusted` here");
        let expected: Vec<(usize, String)> = expected.iter().map(|(line, path)| (*line, format!("`{path}` comes in here"))).collect();
        if (found.code.id, &shown) != ("TW0134", &expected) {
            writeln!(wrong, "{steps}\n    {} {shown:?}, not {expected:?}", found.code.id).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn flows_that_call_each_other_show_where() {
    let text = "flow \"a\" {\n    input { field \"id\" string }\n    act \"sub\" { flow \"b\" id=\"=input.id\" }\n}\nflow \"b\" {\n    input { field \"id\" string }\n    act \"sub\" { flow \"a\" id=\"=input.id\" }\n}\nflow \"c\" {\n    input { field \"id\" string }\n    act \"sub\" { flow \"a\" id=\"=input.id\" }\n}\n";
    let (found, shown) = only(text);
    assert_eq!(found.code.id, "TW0121");
    let said: Vec<(usize, &str)> = shown.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(said, [(3, "starts `b`"), (7, "starts `a`")]);
}
