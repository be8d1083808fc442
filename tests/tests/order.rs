//! The order of steps as `graph` prints it: document order of writes, and the gates before them.

#![cfg(test)]

use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::graph;

/// The lines of a flow's graph, from its steps on.
fn graph_of(flow: &str) -> String {
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
    graph::text(&plan, flow).lines().skip(1).collect::<Vec<_>>().join("\n")
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
    let expected = "  look: choose among 2
    sure: reflect on 1 requirements, else stop [look arm 1]
        not met: the flow stops
  pay: act payments.refund.create
      after look
      irreversible
      policy refunds: limit daily of 100.00 USD in 1d
      tried 5 times, 10s each
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
