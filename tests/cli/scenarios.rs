//! `test`: the shipped scenarios hold, a wrong expectation is shown with its line, and mistakes in scenarios are mistakes.

use crate::{PROGRAM, trained};
use tradewind_tests::stage::Stage;

const SCENARIOS: &str = "flows/returns-triage/scenarios.kdl";

#[test]
fn the_shipped_scenarios_hold() {
    let ended = Stage::shipped(PROGRAM).run(["test"]).exits(0).says(" passed, 0 failed");
    assert!(ended.out.contains("ok     a severe complaint in time is refunded in full and answered\n"), "{ended}");
    let one = Stage::shipped(PROGRAM).run(["test", "late one"]).exits(0).says("1 passed");
    assert_eq!(one.out.lines().count(), 2);
}

#[test]
fn a_scenario_that_does_not_hold_says_where_and_why() {
    let stage = trained();
    stage.replace(SCENARIOS, "amount \"80 USD\"; reason full", "amount \"81 USD\"; reason full");
    let ended =
        stage.run(["test"]).exits(4).says("FAILED a severe complaint in time is refunded in full and answered").says(" passed, 1 failed");
    assert!(
        ended
            .out
            .contains("flows/returns-triage/scenarios.kdl:20: `amount` of `payments.refund.create` is \"80.00 USD\", not \"81.00 USD\""),
        "{ended}"
    );
    let json = stage.run(["test", "severe", "--format", "json"]).exits(4).json();
    assert_eq!(json["scenarios"][0]["passed"], false);
}

#[test]
fn a_policy_that_is_loosened_fails_the_scenario_that_guards_it() {
    let stage = trained();
    stage.replace("policies/refunds.kdl", "effect.amount > '500 USD'", "effect.amount > '5000 USD'");
    let _ = stage.run(["test", "large"]).exits(4).says("expected that `refunds.large` waits");
}

#[test]
fn a_run_that_still_waits_is_told_with_what_it_waits_for() {
    let stage = crate::of_text(
        r#"project "x" { currency "USD"; environment "dev" { store "memory://"; twins #true } }
team "support" { member "ana@shop.example" }
type "said" { field "yes" bool }
flow "asks" {
    input { field "id" string }
    ask "person" to="support" within="4h" on-timeout=stop { question "Go on?"; answer "said" }
    output { yes "=person.yes" }
}
scenario "nobody answers" { flow "asks"; at "2026-11-02T09:00:00Z"; given { input { id "1" } }; expect { output { yes #true } } }
"#,
    );
    let _ = stage.run(["test"]).exits(4).says("the run is waiting; `person` is asked of support");
}

#[test]
fn mistakes_and_empty_choices_are_told_apart() {
    let stage = trained();
    let _ = stage.run(["test", "no such scenario"]).exits(64).says("TW0550");
    stage.replace(SCENARIOS, "mock \"kind\"", "mock \"kidn\"");
    let _ = stage.run(["test"]).exits(3).says("TW0110").says("kidn");
}

const WATCH: &str = r#"project "northfield" {
    currency "USD"
    environment "dev" { store "memory://"; twins #true }
}
type "note" subject="customer_id" { field "customer_id" string; field "text" string pii; field "at" timestamp }
type "sale" { field "sku" string; field "units" int; field "at" timestamp }
memory "notes" tier=long-term record="note" subject="customer_id" retention="30d" { fulltext "text" }
series "sales" point="sale" subject="sku" at="at" retention="1y" { from event="sale" }
flow "watch" {
    summary "What is known, and what was sold"
    input { field "customer_id" string }
    observe "notes" { recall "notes" subject="=input.customer_id" last=5 }
    observe "late" { recall "notes" subject="=input.customer_id" query="late" top=1 }
    observe "week" { measure { units "=sum(sales.units, '7d')" } }
    output { notes "=notes.map(n, n.text)"; late "=late.map(n, n.text)"; units "=week.units" }
}
scenario "what was there before is recalled and measured" {
    flow "watch"
    at "2026-11-02T09:00:00Z"
    given {
        input { customer_id "C-1" }
        memory "notes" {
            - customer_id="C-1" text="where is my late parcel" age="3d"
            - customer_id="C-1" text="where is my late parcel" age="2d"
            - customer_id="C-1" text="too old to be kept" age="31d"
            - customer_id="C-2" text="somebody else is late" age="1h"
        }
        series "sales" { - sku="lamp" units=3 age="1h"; - sku="lamp" units=4 age="6d"; - sku="lamp" units=100 age="8d" }
    }
    expect {
        output units=7
        that "has(notes) && size(notes) == 2 && notes[0].at == timestamp('2026-10-30T09:00:00Z')"
        that "has(late) && late[0].text == 'where is my late parcel'"
    }
}
scenario "without anything given nothing is known" {
    flow "watch"
    at "2026-11-02T09:00:00Z"
    given { input { customer_id "C-1" } }
    expect { output units=0; that "has(notes) && size(notes) == 0"; that "has(late) && size(late) == 0" }
}
"#;

#[test]
fn what_a_scenario_gives_to_memories_and_series_is_there_when_its_flow_runs() {
    let stage = crate::of_text(WATCH);
    let _ = stage.run(["test"]).exits(0).says("2 passed, 0 failed");
    stage.replace("tradewind.kdl", "output units=7", "output units=8");
    let _ = stage.run(["test"]).exits(4).says("the output `units` is 7, not 8");
}

#[test]
fn a_scenario_says_at_which_share_a_rollout_stands_and_which_arm_a_unit_has() {
    let text = r#"
project "example" { currency "USD" }
metric "orders" from="runs" window="1d" value="=count()" better=higher
rollout "prices" {
    unit "sku"
    control "old"
    treatment "new"
    share "5%" hold="3d" min-sample=400
    share "100%"
    guard "orders" worse-by="3%"
    on-breach revert
}
flow "price" {
    input { field "sku" string }
    decide "to" {
        split "prices" by="=input.sku" {
            arm "old" { otherwise value=1 }
            arm "new" { otherwise value=2 }
        }
    }
    output { to "=to.value"; arm "=to.arm" }
}
scenario "everybody" {
    flow "price"
    at "2026-11-02T09:00:00Z"
    given { input { sku "a" }; rollout "prices" share="100%" }
    expect { output to=2 arm="new" }
}
scenario "everybody but one" {
    flow "price"
    at "2026-11-02T09:00:00Z"
    given { input { sku "a" }; rollout "prices" share="100%" { assign "a" "old" } }
    expect { output to=1 arm="old" }
}
scenario "another one" {
    flow "price"
    at "2026-11-02T09:00:00Z"
    given { input { sku "a" }; rollout "prices" share="100%" { assign "b" "old" } }
    expect { output to=1 }
}
"#;
    let stage = Stage::empty(PROGRAM);
    stage.write("tradewind.kdl", text.trim_start());
    let ended = stage.run(["test"]).exits(4).says("2 passed, 1 failed");
    assert!(ended.out.contains("FAILED another one\n"), "{ended}");
}
