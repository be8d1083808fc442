//! The order of steps as `graph` prints it: document order of writes, and the gates before them.

#![cfg(test)]

use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::graph;
use tradewind_lang::plan::{Flow, Plan};

/// The lines of a flow's graph, its own name left out.
fn graph_of(flow: &str) -> String {
    drawn(flow, graph::text).lines().skip(1).collect::<Vec<_>>().join("\n")
}

fn drawn(flow: &str, by: impl Fn(&Plan, &Flow) -> String) -> String {
    let text = format!(
        "project \"example\" {{ currency \"USD\" }}\nteam \"support\" {{ member \"ana@shop.example\" }}\n\
         policy \"refunds\" {{ on \"payments.refund.create\"; limit \"daily\" sum=\"=effect.amount\" max=\"100 USD\" per=\"24h\" }}\n{flow}"
    );
    let configuration = [("flow.kdl".to_owned(), text)];
    let compiled =
        compile(&Repository { configuration: &configuration, library: tradewind_stdlib::LIBRARY, read: &|_| None, environment: None });
    let found: Vec<&str> = compiled.diagnostics.iter().map(|found| found.message.as_str()).collect();
    let plan = compiled.plan.unwrap_or_else(|| panic!("{found:?}"));
    let flow = plan.flows.values().next().unwrap();
    by(&plan, flow)
}

/// The arrows of a drawing, by the titles of the boxes.
fn arrows(dot: &str) -> Vec<(String, String)> {
    let title = |id: &str| {
        let line = dot.lines().find(|line| line.trim_start().starts_with(&format!("{id} [label=")));
        line.and_then(|line| line.split_once("label=\"")?.1.split_once("\\n")).map(|(title, _)| title.to_owned())
    };
    let ends = dot.lines().filter_map(|line| line.trim().trim_end_matches(';').split_once(" -> "));
    ends.filter_map(|(from, to)| Some((title(from)?, title(to)?))).collect()
}

/// A flow in which `last` waits for `first` and for a choice of which only one arm does; or for a loop whose list may be empty.
fn with_ways(holder: &str) -> Vec<(String, String)> {
    let flow = format!(
        r#"flow "f" {{
            input {{ field "order_id" string; field "fine" bool; field "names" list<string> max=9 }}
            observe "first" {{ call "shop.order.get" id="=input.order_id" }}
            {holder}
            decide "last" after="way" {{ rule "a" when="first.id == 'a'" value=1; otherwise value=2 }}
            decide "later" after="last" {{ rule "b" when="first.id == 'b'" value=1; otherwise value=2 }}
        }}"#
    );
    arrows(&drawn(&flow, graph::dot))
}

#[test]
fn an_arrow_stays_where_the_longer_way_may_be_left_out() {
    let has = |arrows: &[(String, String)], from: &str, to: &str| arrows.iter().any(|arrow| *arrow == (from.to_owned(), to.to_owned()));
    let one = with_ways(r#"choose "way" { when "input.fine" { let "x" "=first.id" }; otherwise { } }"#);
    assert!(has(&one, "first", "x") && has(&one, "x", "last") && has(&one, "otherwise", "last"), "{one:?}");
    assert!(has(&one, "first", "last"), "where `otherwise` is taken, nothing else says that `last` waits: {one:?}");
    assert!(!has(&one, "first", "later"), "`last` is always between them: {one:?}");
    let empty = with_ways(r#"each "way" in="=input.names" max=9 { let "x" "=first.id + item" }"#);
    assert!(has(&empty, "first", "last"), "an empty list has no `x`: {empty:?}");
    // Whichever arm is taken, the choice itself is waited for, and it waits for `first`.
    let both = with_ways(r#"choose "way" { when "first.id == 'a'" { let "x" "=first.id" }; otherwise { } }"#);
    assert!(has(&both, "first", "way") && !has(&both, "first", "last") && !has(&both, "first", "x"), "{both:?}");
}

#[test]
fn a_reflect_inside_an_arm_gates_what_follows_the_choose() {
    let graph = graph_of(
        r#"flow "f" {
            input { field "order_id" string; field "fine" bool }
            choose "look" {
                when "input.fine" { reflect "sure" else=stop { require "size(input.order_id) > 3" code="short" } }
                otherwise { }
            }
            act "pay" { call "payments.refund.create" order_id="=input.order_id" amount="5 USD" reason="late" }
        }"#,
    );
    let expected = "  takes at most 5m 57.5s by itself
  longest path: pay 5m 57.5s
  beyond that, a provider out of reach holds a run for up to an hour before each attempt; one that asks to be left alone, for up to a day
  a doubt that nothing settles waits for a person without end: pay
  look: choose among 2
    sure: reflect on 1 requirement, else stop [look arm 1]
        not met: the flow stops
  pay: act payments.refund.create
      after look
      irreversible
      policy refunds: limit daily of 100.00 USD in 1d
      tried 5 times, 10s each
      takes at most 5m 57.5s
      error: the run fails
      denied: the flow stops";
    assert_eq!(graph, expected);
}

#[test]
fn an_arm_that_waits_for_what_its_own_choose_decides_is_a_cycle() {
    let text = r#"project "example" { currency "USD" }
flow "f" {
    input { field "fine" bool }
    choose "first" {
        when "input.fine" { let "inner" "=outer + 1"; output { number "=inner" } }
        otherwise { output { number 0 } }
    }
    let "outer" "=first.number + 1"
}
"#;
    let configuration = [("flow.kdl".to_owned(), text.to_owned())];
    let compiled = compile(&Repository { configuration: &configuration, library: &[], read: &|_| None, environment: None });
    let codes: Vec<&str> = compiled.diagnostics.iter().map(|found| found.code.id).collect();
    assert_eq!(codes, ["TW0121"], "{:?}", compiled.diagnostics);
}
