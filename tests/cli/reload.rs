//! A repository that changes while it is served: what takes effect, what is refused, and that nothing is taken by halves.

use crate::approvals::LEAD;
use crate::with_messages;
use serde_json::Value as Json;
use std::time::Duration;
use tradewind_tests::serving::Serving;
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

const POLICIES: &str = "policies/refunds.kdl";

fn served() -> (Stage, Twin, Serving) {
    let stage = with_messages(&["71_1"]);
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    (stage, twin, serving)
}

fn active(status: &Json) -> String {
    status["plan"]["active"].as_str().unwrap().to_owned()
}

/// The digest that these files give, as `plan` says it.
fn wanted(stage: &Stage) -> String {
    stage.run(["plan", "--format", "json"]).json()["next"].as_str().unwrap().to_owned()
}

fn until_applied(stage: &Stage) {
    let wanted = wanted(stage);
    Serving::until(stage, "the reload", |status| active(status) == wanted && status["generation"]["state"] == "applied");
}

fn until_refused(stage: &Stage, before: u64) -> Json {
    Serving::until(stage, "the refusal", |status| {
        status["generation"]["state"] == "refused" && status["generation"]["number"].as_u64() > Some(before)
    })
}

/// How often a plan was adopted.
fn adoptions(stage: &Stage) -> usize {
    stage.run(["log", "--limit", "10000"]).exits(0).out.matches("plan-adopted").count()
}

#[test]
fn a_change_takes_effect_for_what_is_started_and_for_what_is_decided() {
    let (stage, twin, serving) = served();
    let _ = stage.run(["plan"]).exits(0).says("would change nothing");
    // Every refund needs a person from now on.
    stage.replace(POLICIES, "effect.amount > '500 USD' && evidence.by == 'model'", "effect.amount > '0 USD'");
    let _ = stage.run(["plan"]).says("refunds");
    until_applied(&stage);
    let _ = stage.run(["plan"]).exits(0).says("would change nothing");
    let ran = stage.run(["run", "returns-triage", "--input", "work.jsonl"]).exits(0);
    let _ = ran.says("waiting refund: refunds.large (support-leads): 1");
    // What is changed while nobody serves can be looked at before it takes effect.
    let _ = serving.end("TERM").exits(0).says("applied: plan");
    stage.replace(POLICIES, "effect.amount > '0 USD'", "effect.amount > '9000 USD'");
    let _ = stage.run(["plan"]).exits(2).says("changed  policies refunds").says("is judged again by the new policies");
    let serving = Serving::start(&stage, &twin);
    until_applied(&stage);
    let approvals = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let item = approvals["approvals"][0]["id"].as_str().unwrap().to_owned();
    let _ = stage.run(["approvals", "approve", &item, "--by", LEAD]).exits(0);
    Serving::until(&stage, "the end", |status| status["runs"]["completed"] == 1);
    assert_eq!(adoptions(&stage), 3);
    let _ = serving.end("TERM").exits(0);
}

#[test]
fn a_slip_is_refused_and_the_last_plan_works_on_until_it_is_mended() {
    let (stage, _twin, serving) = served();
    let good = active(&Serving::status(&stage));
    let text = stage.read(POLICIES);
    stage.write(POLICIES, &text.replace("evidence.order.paid\"", "evidence.order.payd\""));
    let status = until_refused(&stage, 1);
    assert_eq!(active(&status), good);
    let shown = status["generation"]["refused"]["diagnostics"].as_array().unwrap();
    assert!(!shown.is_empty() && shown.len() <= 5 && shown[0].as_str().unwrap().contains(POLICIES), "{status}");
    let _ = stage.run(["status"]).exits(0).says("refused").says("payd");
    let _ = stage.run(["plan"]).exits(3);
    // Looking and starting go on by the plan before, also over HTTP.
    let (code, _) = tradewind_tests::serving::http(&stage, "POST", "/v1/flows/returns-triage/runs", None, &stage.read("work.jsonl"));
    assert_eq!(code, 202);
    Serving::until(&stage, "the run", |status| status["runs"]["completed"] == 1);
    // A process that begins now works by the plan of the log, too.
    let _ = serving.end("TERM").exits(0);
    let serving = Serving::start(&stage, &_twin);
    let status = Serving::status(&stage);
    assert_eq!((active(&status), status["generation"]["state"].as_str()), (good.clone(), Some("refused")));
    stage.write(POLICIES, &text);
    let status = Serving::until(&stage, "the mending", |status| status["generation"]["state"] == "applied");
    assert_eq!(active(&status), good);
    assert_eq!(adoptions(&stage), 1, "nothing else was ever active");
    let _ = serving.end("TERM").exits(0);
}

#[test]
fn files_are_taken_however_an_editor_writes_them_and_never_by_halves() {
    let (stage, _twin, serving) = served();
    let text = stage.read(POLICIES);
    let changed = |count: u32| text.replace("count=20000", &format!("count={count}"));
    // Written beside it and moved over it.
    stage.write("policies/.refunds.kdl.swp", &changed(20_001));
    std::fs::rename(stage.path("policies/.refunds.kdl.swp"), stage.path(POLICIES)).unwrap();
    until_applied(&stage);
    // Moved away, written anew, the old one removed.
    std::fs::rename(stage.path(POLICIES), stage.path("policies/refunds.kdl~")).unwrap();
    std::thread::sleep(Duration::from_millis(250));
    stage.write(POLICIES, &changed(20_002));
    std::fs::remove_file(stage.path("policies/refunds.kdl~")).unwrap();
    until_applied(&stage);
    // Emptied first, and written a moment later.
    stage.write(POLICIES, "");
    std::thread::sleep(Duration::from_millis(250));
    stage.write(POLICIES, &changed(20_003));
    until_applied(&stage);
    // By halves: the first half is no configuration.
    let next = changed(20_004);
    stage.write(POLICIES, &next[..next.len() / 2]);
    std::thread::sleep(Duration::from_millis(60));
    stage.write(POLICIES, &next);
    until_applied(&stage);
    // In a folder that is new, and a link to a file that changes behind it.
    stage.write("more/extra/setting.kdl", "team \"others\" { member \"x@y.example\" }\n");
    until_applied(&stage);
    stage.write("shared/team.txt", "team \"linked\" { member \"x@y.example\" }\n");
    std::os::unix::fs::symlink("../shared/team.txt", stage.path("more/linked.kdl")).unwrap();
    until_applied(&stage);
    stage.write("shared/team.txt", "team \"linked\" { member \"z@y.example\" }\n");
    until_applied(&stage);
    assert_eq!(adoptions(&stage), 8, "one for each change, and none of a half\n{}", stage.run(["log"]).out);
    // Not text: refused; and gone again.
    std::fs::write(stage.path("more/extra/bytes.kdl"), [0xff, 0xfe, 0x00]).unwrap();
    let before = Serving::status(&stage)["generation"]["number"].as_u64().unwrap();
    let status = Serving::until(&stage, "the refusal", |status| status["generation"]["state"] == "refused");
    assert!(status["generation"]["refused"]["diagnostics"][0].as_str().unwrap().contains("TW0504"), "{before} {status}");
    std::fs::remove_file(stage.path("more/extra/bytes.kdl")).unwrap();
    Serving::until(&stage, "the mending", |status| status["generation"]["state"] == "applied");
    let _ = serving.end("TERM").exits(0);
}

#[test]
fn going_back_holds_until_the_files_move_on() {
    let (stage, twin, serving) = served();
    let good = active(&Serving::status(&stage));
    let _ = stage.run(["rollback", "--by", LEAD]).exits(64).says("TW0526");
    stage.replace(POLICIES, "count=20000", "count=1");
    until_applied(&stage);
    let bad = active(&Serving::status(&stage));
    let _ = stage.run(["rollback", "--to", "previous", "--by", LEAD]).exits(0).says(&good[..12]);
    let status = Serving::until(&stage, "the way back", |status| status["generation"]["state"] == "rolled back");
    assert_eq!((active(&status), status["plan"]["held"].as_str()), (good.clone(), Some(bad.as_str())));
    // Neither a file that is touched nor a new process takes it up again.
    let text = stage.read(POLICIES);
    stage.write(POLICIES, &format!("{text}\n"));
    std::thread::sleep(Duration::from_millis(800));
    let _ = serving.end("TERM").exits(0);
    let serving = Serving::start(&stage, &twin);
    let status = Serving::status(&stage);
    assert_eq!((active(&status), status["generation"]["state"].as_str()), (good.clone(), Some("rolled back")));
    let _ = stage.run(["run", "returns-triage", "--input", "work.jsonl"]).exits(0).says("by another plan").says("1 completed");
    stage.write(POLICIES, &text.replace("count=1 ", "count=20001 "));
    until_applied(&stage);
    assert_eq!(Serving::status(&stage)["plan"]["held"], Json::Null);
    // The files follow whoever went back: what was gone back from may come again after that.
    let _ = stage.run(["rollback", "--by", LEAD]).exits(0).says(&good[..12]);
    stage.write(POLICIES, &text.replace("count=1 ", "count=20000 "));
    Serving::until(&stage, "the files to follow", |status| status["plan"]["held"] == Json::Null);
    stage.write(POLICIES, &text.replace("count=1 ", "count=20001 "));
    until_applied(&stage);
    let _ = stage.run(["rollback", &good[..10], "--by", LEAD]).exits(0).says(&good[..12]);
    let _ = serving.end("TERM").exits(0);
    // Without anybody who serves, too.
    let _ = stage.run(["rollback", &bad[..10], "--by", LEAD]).exits(0).says(&bad[..12]);
    let _ = stage.run(["log"]).exits(0).says("instead of");
}

#[test]
fn what_a_process_was_built_around_needs_a_new_one() {
    let (stage, _twin, serving) = served();
    let good = active(&Serving::status(&stage));
    let text = stage.read("tradewind.kdl");
    for (old, new) in
        [("project \"northfield\"", "project \"southfield\""), ("surrealkv://.tradewind/store", "surrealkv://.tradewind/other")]
    {
        let before = Serving::status(&stage)["generation"]["number"].as_u64().unwrap();
        stage.write("tradewind.kdl", &text.replace(old, new));
        // Another store has another folder: commands look there. So the process itself is asked.
        std::thread::sleep(Duration::from_millis(1_500));
        stage.write("tradewind.kdl", &text);
        let status = Serving::until(&stage, "the mending", |status| {
            status["generation"]["state"] == "applied" && status["generation"]["number"].as_u64() >= Some(before + 2)
        });
        assert_eq!(active(&status), good);
    }
    let ended = serving.end("TERM").exits(0);
    assert_eq!(ended.err.matches("TW0524").count(), 2, "{ended}");
}
