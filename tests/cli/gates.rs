//! Models of this process that read numbers, as a user sees them: runs, what is refused and goes to a person, what the log says, and what
//! `models eval` tells of them.

use crate::of_text;
use tradewind_tests::stage::Stage;

const SHOP: &str = r#"
project "shop" { currency "USD"; environment "dev" { store "surrealkv://.tradewind/store" } }
team "buyers" { member "ann@example.com" }
enum "traffic" low usual high
enum "move" raise keep lower
enum "risk" fraud fine
model "traffic" provider=anomaly rows="data/traffic/hours.jsonl" season=hour { price "0 USD"; numbers "orders" }
model "response" provider=elasticity rows="data/prices.jsonl" { price "0 USD" }
model "risk" provider=linear rows="data/risk/orders.jsonl" label="risk" { price "0 USD"; numbers "days" "total" }
route "traffic" needs=classify { candidate "traffic"; value "usual" confidence=0.0 }
route "move" needs=classify { candidate "response"; person "buyers" within="1d" on-timeout=fail }
route "risk" needs=classify { candidate "risk"; fail "nobody knows" }
flow "look" {
    summary "Look at an hour, a price and an order"
    input { field "id" string; field "at" timestamp; field "orders" int; field "cost" double; field "note" string }
    key "=input.id"
    decide "traffic" { classify "traffic" route="traffic" { numbers orders="=input.orders" at="=input.at" } }
    decide "risk" { classify "risk" route="risk" text="=input.note" { numbers days="=input.orders" total="=input.cost" } }
    decide "move" { classify "move" route="move" { numbers price=10.0 cost="=input.cost" step=0.1 } }
    output { traffic "=traffic.label"; risk "=risk.label"; sure "=traffic.confidence > 0.8"; to "=move.label" }
}
"#;

fn stage() -> Stage {
    let stage = of_text(SHOP);
    let hours = |hour: u32| {
        let (day, of_day) = (hour / 24 + 1, hour % 24);
        let orders = if (8..20).contains(&of_day) { 100 + hour % 9 } else { 5 + (hour / 24 + hour) % 3 };
        format!("{{\"at\": \"2026-06-{day:02}T{of_day:02}:15:00Z\", \"orders\": {orders}}}\n")
    };
    stage.write("data/traffic/hours.jsonl", &(0..28 * 24).map(hours).collect::<String>());
    let labelled = "{\"at\": \"2026-07-01T12:00:00Z\", \"orders\": 104, \"label\": \"usual\"}\n{\"at\": \"2026-07-01T03:00:00Z\", \"orders\": 104, \"label\": \"high\"}\n";
    for name in ["threshold", "heldout"] {
        stage.write(&format!("data/traffic/{name}.jsonl"), &labelled.repeat(10));
    }
    let price = |number: u32| {
        let price = 8.0 + f64::from(number % 7);
        let noise = 1.0 + 0.05 * (f64::from(number * 7 % 11) / 5.0 - 1.0);
        format!("{{\"price\": {price}, \"sold\": {}}}\n", 5000.0 * price.powf(-2.1) * noise)
    };
    stage.write("data/prices.jsonl", &(0..40).map(price).collect::<String>());
    let order = |number: u32| {
        let (days, total) = (number * 7 % 60, number * 13 % 400);
        let risk = if days * 5 + total > 300 { "fraud" } else { "fine" };
        format!("{{\"text\": \"order {number}\", \"days\": {days}, \"total\": {total}.5, \"risk\": \"{risk}\"}}\n")
    };
    stage.write("data/risk/orders.jsonl", &(0..240).map(order).collect::<String>());
    stage
}

fn work(stage: &Stage, id: &str, (hour, orders): (&str, u32), cost: f64, note: &str) {
    let work = serde_json::json!({ "id": id, "at": format!("2026-07-01T{hour}:00:00Z"), "orders": orders, "cost": cost, "note": note });
    stage.write("work.jsonl", &format!("{work}\n"));
}

#[test]
fn numbers_are_judged_and_what_the_rows_do_not_decide_goes_to_a_person() {
    let stage = stage();
    let _ = stage.run(["check"]).exits(0);
    // A hundred orders at noon are usual; a note that looks like numbers stays a note.
    work(&stage, "noon", ("12", 103), 7.0, "days: 59\ntotal: 399");
    let _ = stage.run(["run", "look", "--input", "work.jsonl"]).exits(0).says("1 completed");
    let noon = stage.run(["runs", "show", "noon"]).exits(0);
    for said in ["usual", "raise", "\"by\":\"response\""] {
        assert!(noon.out.contains(said), "no `{said}` in\n{noon}");
    }
    work(&stage, "night", ("03", 103), 7.0, "none");
    let _ = stage.run(["run", "look", "--input", "work.jsonl"]).exits(0);
    let _ = stage.run(["runs", "show", "night"]).exits(0).says("high");
    // Over a cost of 5.5 a raise stops paying at an elasticity of -2.10: the rows say -2.1, more or less.
    work(&stage, "undecided", ("12", 103), 5.5, "none");
    let _ = stage.run(["run", "look", "--input", "work.jsonl"]).says("1 escalated and waiting for a person");
    let asked = stage.run(["approvals", "--format", "json"]).exits(0);
    assert!(asked.out.contains("the rows do not decide: raising by 10.0 %"), "{asked}");
    let _ = stage.run(["log", "verify"]).exits(0);
    let _ = stage.run(["replay"]).exits(0);
}

#[test]
fn what_was_learned_is_told_and_judged_where_there_are_labels() {
    let stage = stage();
    let traffic = stage.run(["models", "eval", "traffic"]).exits(0).says("03:00: 6.000 ± ").says("20 held-out rows");
    assert!(traffic.out.contains("1.000"), "{traffic}");
    let response = stage.run(["models", "eval", "response", "--format", "json"]).exits(0).json();
    assert_eq!(response["evaluations"].as_array().map(Vec::len), Some(0), "{response}");
    let says = response["learned"][0]["says"].as_str().unwrap();
    assert!(says.starts_with("the elasticity of 40 rows is -2.") && says.ends_with("95 %)"), "{says}");
    // A route is asked as its flows ask it: with the numbers that its models read.
    let route = ["models", "eval", "--route", "traffic", "--rows", "data/traffic/heldout.jsonl", "--label", "label"];
    let _ = stage.run(route).exits(0).says("20 labels by traffic");
    // A row that nobody can learn from stops everything before it starts.
    stage.write("data/prices.jsonl", "{\"price\": 9, \"sold\": 0}\n");
    let _ = stage.run(["check"]).exits(3).says("TW0180").says("line 1 of `data/prices.jsonl` has a `sold` that is not above zero");
}
