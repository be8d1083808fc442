//! `eval`: type, value and reason of an expression; values from a file, by hand or from a run; mistakes with their place.

use crate::{PROGRAM, RUN, with_messages};
use tradewind_tests::stage::Stage;

fn lines(out: &str) -> Vec<&str> {
    out.lines().collect()
}

#[test]
fn without_values_there_is_a_type_and_with_them_a_value() {
    let stage = Stage::shipped(PROGRAM);
    let at = |rest: &[&str]| {
        let all: Vec<&str> = ["eval", "order.paid * 2.0", "--in", "returns-triage.refund"].iter().chain(rest).copied().collect();
        stage.run(all).exits(0).out
    };
    assert_eq!(at(&[]), "money\n");
    assert_eq!(at(&["--set", "order={\"paid\": \"60.50 USD\"}"]), "money = \"121.00 USD\"\n");
    let input = ["eval", "=input.message_id", "--in", "returns-triage", "--input", "flows/returns-triage/data/messages.jsonl"];
    assert!(stage.run(input).exits(0).out.starts_with("string = \""));
    assert_eq!(stage.run(["eval", "settings.min_confidence * 2.0"]).exits(0).out, "double = 1.22\n");
    // The rates are the project's, wherever the expression stands.
    stage.replace("tradewind.kdl", "currency \"USD\"", "currency \"USD\"\n    exchange \"1 USD\" \"0.9 EUR\"");
    for place in [&[][..], &["--in", "returns-triage"]] {
        let all: Vec<&str> = ["eval", "exchange(money('10 USD'), 'EUR')"].iter().chain(place).copied().collect();
        assert_eq!(stage.run(all).exits(0).out, "money = \"9.00 EUR\"\n");
    }
    // What begins with a minus is no option.
    assert_eq!(stage.run(["eval", "-5 % 3"]).exits(0).out, "int = -2\n");
    assert_eq!(stage.run(["eval", "-5", "--explain"]).exits(0).out, "-5: int = -5\n");
}

#[test]
fn every_part_is_explained_and_so_is_the_item_that_decided() {
    let stage = Stage::shipped(PROGRAM);
    let out = stage.run(["eval", "[1, 5, 9].exists(i, i>4 && i % 2 == 1) || [1, 2].all(x, x < 2)", "--explain"]).exits(0).out;
    assert_eq!(
        lines(&out),
        [
            "[1, 5, 9].exists(i, i>4 && i % 2 == 1) || [1, 2].all(x, x < 2): bool = true",
            "  [1, 5, 9].exists(i, i>4 && i % 2 == 1): bool = true",
            "    because item 1 holds: 5",
            "    [1, 5, 9]: list<int> = [1,5,9]",
            "    i>4 && i % 2 == 1: bool = true",
            "      i>4: bool = true",
            "        i: int = 5",
            "      i % 2 == 1: bool = true",
            "        i % 2: int = 1",
            "          i: int = 5",
            "  [1, 2].all(x, x < 2): bool = false",
            "    because item 1 does not hold: 2",
            "    [1, 2]: list<int> = [1,2]",
            "    x < 2: bool = false",
            "      x: int = 2",
        ],
        "{out}"
    );
    for (macro_, why) in [
        ("[1, 2].exists(i, i > 4)", "because none of 2 holds"),
        ("[1, 2].all(i, i > 0)", "because all 2 items hold"),
        ("[1, 2].exists_one(i, i > 1)", "because only item 1 holds: 2"),
        ("[1, 2].filter(i, i > 1)", "because 1 of 2 hold"),
    ] {
        let _ = stage.run(["eval", macro_, "--explain"]).exits(0).says(why);
    }
    let json = stage.run(["eval", "[1, 2].all(i, i < 2)", "--explain", "--format", "json"]).exits(0).json();
    assert_eq!((&json["type"], &json["value"], &json["decided"]["index"]), (&"bool".into(), &false.into(), &1.into()), "{json}");
}

#[test]
fn what_is_narrowed_is_known_to_be_there() {
    let stage = Stage::shipped(PROGRAM);
    let text = "has(refund.amount) && refund.amount > '5 USD'";
    let out = stage.run(["eval", text, "--in", "returns-triage", "--set", "refund={\"amount\": \"7 USD\"}", "--explain"]).exits(0).out;
    assert!(lines(&out).contains(&"  refund.amount > '5 USD': bool = true"), "{out}");
}

#[test]
fn mistakes_have_their_place_in_the_expression() {
    let stage = Stage::shipped(PROGRAM);
    let ended = stage.run(["eval", "input.txt == 'a'", "--in", "returns-triage"]).exits(3).says("TW0203").says("[expression:1:7]");
    assert_eq!(ended.out, "");
    let json = stage.run(["eval", "1 +", "--format", "json"]).exits(3).json();
    assert_eq!(json["diagnostics"][0]["code"], "TW0201");
    let _ = stage.run(["eval", "[1][3]"]).exits(3).says("TW0208").says("never has a value");
    let beyond = ["eval", "[1][size(order.id)]", "--in", "returns-triage.refund", "--set", "order={\"id\": \"abc\"}"];
    let _ = stage.run(beyond).exits(3).says("no value");
    let _ = stage.run(["eval", "1", "--in", "retruns-triage"]).exits(64).says("did you mean `returns-triage`?");
    let _ = stage.run(["eval", "1", "--in", "returns-triage.refnd"]).exits(64).says("did you mean `refund`?");
    let _ = stage.run(["eval", "1", "--in", "returns-triage", "--set", "oder={}"]).exits(64).says("did you mean `order`?");
    let _ = stage.run(["eval", "1", "--in", "returns-triage", "--set", "order={\"piad\": 1}"]).exits(3).says("did you mean `paid`?");
    let _ = stage.run(["eval", "1", "--in", "returns-triage", "--set", "order=5"]).exits(3).says("TW0507");
    let _ = stage.run(["eval", "1", "--set", "order"]).exits(64).says("NAME=JSON");
    let _ = stage.run(["eval", "1", "--in", "returns-triage", "--input", "nowhere.json"]).exits(1).says("TW0502");
    let _ = stage.run(["eval"]).exits(64);
}

#[test]
fn values_come_from_a_run() {
    let stage = with_messages(&["8_1"]);
    let _ = stage.run(RUN).exits(0);
    let id = stage.run(["runs", "--format", "json"]).exits(0).json()["runs"][0]["id"].as_str().unwrap().to_owned();
    let ended = stage.run(["eval", "kind.label", "--in", "returns-triage", "--run", &id]).exits(0);
    assert!(ended.out.starts_with("message_kind = \""), "{ended}");
    let _ = stage.run(["eval", "1", "--in", "returns-triage", "--run", "nothing"]).says("TW0530");
}
