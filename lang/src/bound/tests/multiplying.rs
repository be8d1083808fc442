//! Flows that begin each other several times: figures beyond counting are said to be so.

use super::compiled;
use crate::bound::Bound;
use std::fmt::Write as _;

/// So many flows, each of which begins the next one twice; the last waits and asks a model.
fn doubling(count: usize) -> (Bound, Vec<String>) {
    let mut text = String::new();
    for at in 0..count {
        let next = at + 1;
        let begin = |name: &str| format!("    act \"{name}\" {{ flow \"f{next}\" id=\"=input.id\" note=\"=input.note\" }}\n");
        let steps = match next < count {
            true => format!("{}{}", begin("one"), begin("two")),
            false => {
                "    wait \"a\" for=\"1d\"\n    decide \"d\" { draft \"note\" route=\"copy\" prompt=\"Write about {{ input.id }}.\" }\n"
                    .to_owned()
            }
        };
        let _ = write!(text, "flow \"f{at}\" {{\n    input {{ field \"id\" string max=10; field \"note\" string max=10 }}\n{steps}}}\n");
    }
    let plan = compiled(&text).unwrap_or_else(|found| panic!("{text}\n{found:#?}"));
    let flow = &plan.flows["f0"];
    let bound = plan.bound(flow);
    let words = bound.words(flow, plan.project.currency);
    (bound, words)
}

#[test]
fn what_is_beyond_counting_is_not_told_as_a_figure() {
    let (bound, words) = doubling(10);
    assert!(bound.time.own.micros < i64::MAX && !bound.cost.most.is_beyond());
    assert!(words.iter().any(|line| line.starts_with("takes at most 512d")), "{words:#?}");
    let (bound, words) = doubling(120);
    assert!(bound.time.own.micros == i64::MAX && bound.cost.most.is_beyond());
    let said = |begin: &str| words.iter().any(|line| line.starts_with(begin) && line.contains("no longer counted"));
    assert!(said("may take more than 292,000 years") && said("models may cost more USD than can be counted"), "{words:#?}");
    assert!(!words.iter().any(|line| line.contains("at most")), "{words:#?}");
}

#[test]
fn loops_in_loops_are_each_gone_through_once() {
    let nested = |depth: usize| {
        let opened: String = (0..depth).map(|at| format!("each \"e{at}\" in=\"=[1]\" max=2 {{ ")).collect();
        let text = format!("flow \"f\" {{ input {{ field \"a\" int }}\n{opened}wait \"w\" for=\"1s\"{}\n}}", " }".repeat(depth));
        let plan = compiled(&text).unwrap_or_else(|found| panic!("{found:#?}"));
        plan.bound(&plan.flows["f"]).time.own.micros
    };
    assert_eq!(nested(10), 1_024_000_000);
    // Twice for each level would be a million million times.
    assert_eq!(nested(40), 1_000_000 << 40);
}

#[test]
fn flows_that_begin_the_next_one_three_times_are_each_looked_at_once() {
    let flow = |at: usize| {
        let begun = (0..3).map(|act| format!("act \"a{act}\" {{ flow \"f{}\" a=1 }}\n", at + 1)).collect::<String>();
        format!("flow \"f{at}\" {{ input {{ field \"a\" int }}\n{}let \"z\" \"=input.a\" }}\n", if at < 59 { begun } else { String::new() })
    };
    let plan = compiled(&(0..60).map(flow).collect::<String>()).unwrap_or_else(|found| panic!("{found:#?}"));
    assert_eq!(plan.not_runnable(&plan.flows["f0"]), []);
}
