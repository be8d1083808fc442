//! Migrations as an operator meets them: foretold by `plan`, done by `serve`, told by `status` and the log, over a kill, too.

use crate::{approvals::waiting, of_text};
use tradewind_tests::serving::Serving;
use tradewind_tests::stage::Stage;

const ANA: &str = "ana@shop.example";

const ONE: &str = r#"
project "shop" { currency "EUR"; environment "dev" { store "surrealkv://.tradewind/store" } }
team "people" { member "ana@shop.example" }
type "said" { field "word" string }
flow "greet" {
    input { field "id" string }
    key "=input.id"
    let "name" "='one'"
    ask "person" to="people" within="4h" on-timeout=stop { question "Which word?"; answer "said" }
    output said="=name + person.word"
}
"#;

fn changed(name: &str, migration: &str) -> String {
    let flow = ONE.replace("let \"name\" \"='one'\"", &format!("let \"{name}\" \"='two'\"")).replace("=name +", &format!("={name} +"));
    format!("{flow}migration \"two\" {{ flow \"greet\" {{ {migration} }} }}\n")
}

fn serving(stage: &Stage) -> Serving {
    stage.write("one.jsonl", "{\"id\":\"1\"}\n");
    let serving = Serving::alone(stage, &[], &[]);
    let _ = stage.run(["run", "greet", "--input", "one.jsonl"]).exits(0);
    serving
}

fn answered(stage: &Stage) -> String {
    let listed = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let _ = stage.run(["approvals", "answer", &waiting(&listed, "person"), "--by", ANA, "word=!"]).exits(0);
    Serving::until(stage, "the end", |status| status["runs"]["completed"] == 1);
    let run = stage.run(["runs", "--format", "json"]).exits(0).json()["runs"][0].clone();
    format!("{} by {}", run["output"]["said"].as_str().unwrap(), run["plan"].as_str().unwrap())
}

#[test]
fn a_run_that_waits_is_led_over_as_plan_foretold_and_the_log_says() {
    let stage = of_text(ONE);
    let serving = serving(&stage);
    let before = Serving::status(&stage)["plan"]["active"].as_str().unwrap().to_owned();
    // Looked at while nobody serves, so that the reload does not come first.
    serving.kill();
    stage.write("tradewind.kdl", &changed("word", "moved \"name\" to=\"word\""));
    let _ = stage.run(["plan"]).exits(2).says("greet waiting: 1").says("goes on by plan").says("as a migration says");
    let serving = Serving::alone(&stage, &[], &[]);
    let after = Serving::status(&stage)["plan"]["active"].as_str().unwrap().to_owned();
    assert_ne!(before, after);
    let _ = stage.run(["log"]).exits(0).says(&format!("from plan {} to {}", &before[..12], &after[..12]));
    assert_eq!(Serving::status(&stage)["kept_back"].as_array().map(Vec::len), Some(0));
    // What was worked out before is kept, and the new flow goes on from there.
    assert_eq!(answered(&stage), format!("one! by {after}"));
    let _ = serving.end("TERM").exits(0);
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds");
}

#[test]
fn a_run_that_cannot_be_led_over_is_told_of_and_ends_by_its_own_plan() {
    let stage = of_text(ONE);
    let serving = serving(&stage);
    let before = Serving::status(&stage)["plan"]["active"].as_str().unwrap().to_owned();
    serving.kill();
    stage.write("tradewind.kdl", &changed("word", "").replace("Which word?", "Which word now?"));
    let why = ["`name` is over, and the new flow does not have it", "it waits at `person`, which is written differently"];
    let _ = stage.run(["plan"]).exits(2).says(why[0]).says(why[1]);
    let serving = Serving::alone(&stage, &[], &[]);
    let _ = stage.run(["status"]).exits(0).says("run 1 of greet keeps plan").says(why[0]).says(why[1]);
    assert_eq!(answered(&stage), format!("one! by {before}"));
    let _ = serving.end("TERM").exits(0);
}
