//! `simulate`: says what a flow would do, does nothing, says the same each time.

use crate::{of_text, trained, with_messages};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tradewind_tests::process::Running;
use tradewind_tests::stage::Stage;

const SIMULATE: [&str; 4] = ["simulate", "returns-triage", "--input", "work.jsonl"];

fn with(more: &[&'static str]) -> Vec<&'static str> {
    SIMULATE.iter().chain(more).copied().collect()
}

/// Every file below a folder, with what is in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => {
                let bytes = std::fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

#[test]
fn what_would_be_done_is_told_with_its_money_its_policies_and_its_undo_and_nothing_is_done() {
    let stage = with_messages(&["71_1", "303_27", "268_1", "252_1"]);
    let before = files(&stage.path(""));
    let told = stage.run(SIMULATE).exits(0);
    assert!(told.out.starts_with("returns-triage on twins from 20"), "{told}");
    for part in [
        "what people are asked stays open; nothing leaves and nothing is kept\n",
        "  done refund payments.refund.create on ",
        " 390.75 USD out, irreversible\n",
        "      policy refunds allows\n",
        "      no undo: it is irreversible\n",
        "  asked refund payments.refund.create, irreversible\n      request {\"order_id\":\"",
        "      policy refunds asks: refunds.large\n      asks support-leads until 20",
        " (within 8h), because of refunds.large\n",
        "  person asks support-leads: What is this message about order ",
        "  model of kind: message-kind",
        "  remembers in customer-history of ",
        "returns-triage: 4 runs, 2 completed, 2 waiting; 0 lines said again, 0 rejected\n",
        "  helpdesk.reply                        2 done, 0 denied, 0 asked\n",
        "  payments.refund.create                1 done, 0 denied, 1 asked  390.75 USD\n",
        "  model cost nothing\n",
    ] {
        assert!(told.out.contains(part), "`{part}` is missing\n{told}");
    }
    assert!(before == files(&stage.path("")), "a file of the repository or of its store changed");
    // What it says is what `run` does.
    let done = stage.run(["run", "returns-triage", "--input", "work.jsonl"]).exits(0);
    let _ = done.says("2 completed, 2 escalated").says("payments.refund.create                1 done  390.75 USD");
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let stage = trained();
    stage.write("work.jsonl", &stage.messages_of_distinct_orders(25));
    for more in [&[][..], &["--format", "json"], &["--until", "approved", "--fault", "helpdesk.reply=503:3"]] {
        let first = stage.run(with(more));
        assert_eq!(first.out, stage.run(with(more)).out, "{more:?}");
        assert!(first.code == Some(0) && first.out.len() > 1_000, "{first}");
    }
}

#[test]
fn people_can_be_played() {
    let stage = with_messages(&["252_1"]);
    let approved = stage.run(with(&["--until", "approved", "--format", "json"])).exits(0).json();
    let refund = &approved["runs"][0]["effects"][0];
    assert_eq!((&refund["state"], &refund["operation"]), (&"done".into(), &"payments.refund.create".into()), "{approved}");
    assert_eq!(refund["asked"][0]["said"][0]["what"], "approved");
    assert_eq!(refund["policies"][0]["verdict"], "asks");
    assert_eq!(approved["runs"][0]["status"], "completed");
    let denied = stage.run(with(&["--until", "denied"])).exits(0).says("  denied refund payments.refund.create").says("; denied by ");
    assert!(denied.out.contains("payments.refund.create                0 done, 1 denied, 0 asked\n"), "{denied}");
    let _ = stage.run(with(&["--until", "silence"])).exits(0).says("; nobody answered in time").says("0 done, 1 denied, 0 asked");
}

#[test]
fn faults_can_be_put_in_and_nothing_is_done_twice() {
    let stage = with_messages(&["71_1"]);
    let lost = stage.run(with(&["--fault", "payments.refund.create=lost-answer"])).exits(0);
    let _ = lost.says("in doubt").says("then looked up").says("settled by lookup").says("payments.refund.create                1 done");
    let busy = stage.run(with(&["--fault", "shop.order.get=503:9"])).exits(4);
    assert!(busy.out.contains(": failed after ") && busy.out.contains("returns-triage: 1 run, 1 failed"), "{busy}");
}

#[test]
fn mistakes_are_told_before_anything_is_played() {
    let stage = with_messages(&["71_1"]);
    let _ = stage.run(["simulate", "return-triage", "--input", "work.jsonl"]).exits(64).says("did you mean `returns-triage`?");
    let _ = stage.run(["simulate", "returns-triage", "--input", "no.jsonl"]).exits(1).says("no.jsonl");
    let _ =
        stage.run(with(&["--fault", "payments.refund.crate=503"])).exits(64).says("TW0550").says("no operation `payments.refund.crate`");
    let _ = stage.run(with(&["--fault", "payments.refund.create=gone"])).exits(64).says("`gone` is none of `not-sent`");
    let _ = stage.run(with(&["--at", "tomorrow"])).exits(64).says("`tomorrow` is no timestamp");
    let good = stage.message("71_1");
    stage.write("work.jsonl", &format!("not json\n{good}{good}{}", good.replace("\"text\":\"", "\"text\":\"Another ")));
    let ended = stage.run(SIMULATE).exits(3).says("1 run, 1 completed; 1 line said again, 2 rejected");
    assert!(ended.err.contains("work.jsonl:1: error[TW0507]") || ended.err.contains("work.jsonl:1: error["), "{ended}");
    assert!(ended.err.contains("work.jsonl:4: error["), "{ended}");
}

const SOCIAL: &str = r#"project "northfield" {
    currency "USD"
    environment "dev" { store "memory://"; twins #true }
}
connector "social" version="1" {
    base-url "http://127.0.0.1:9"
    operation "post" effect=irreversible {
        request { field "text" string }
        http POST "/posts" { header "Idempotency-Key" "=effect.key"; body { text "=request.text" } }
        idempotent key="=effect.key" for="24h"
    }
}
flow "weekly" {
    summary "A line a week"
    input { field "week" string }
    act "begin" { flow "post" text="=input.week" }
}
flow "post" {
    summary "A line"
    input { field "text" string }
    act "post" { call "social.post" text="=input.text" }
}
policy "posts" { on "social.post"; limit "few" count=7 per="7d" }
"#;

#[test]
fn a_flow_that_reaches_what_no_twin_plays_is_refused() {
    let stage = of_text(SOCIAL);
    stage.write("work.jsonl", "{\"week\":\"w\"}\n");
    let ended = stage.run(["simulate", "weekly", "--input", "work.jsonl"]).exits(3).says("TW0630");
    let _ = ended.says("no twin plays `social.post`, which `post` of `post` calls");
}

/// The calls of the system that open something for writing or reach for a network, as somebody from outside sees them.
fn calls(stage: &Stage, trace: &Path) -> Option<String> {
    let mut command = std::process::Command::new("strace");
    let program = stage.command(with(&["--until", "approved"]));
    command
        .args(["-f", "-qq", "-y", "-e", "trace=network,open,openat,creat,rename,renameat2,unlink,unlinkat,mkdir,mkdirat", "-o"])
        .arg(trace);
    command.arg(program.get_program()).args(program.get_args()).current_dir(stage.path("")).env("NO_COLOR", "1");
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        return None;
    }
    let _ = Running::start(command).end().exits(0);
    Some(std::fs::read_to_string(trace).unwrap())
}

#[test]
fn nothing_is_reached_and_nothing_is_written_as_seen_from_outside() {
    let stage = with_messages(&["71_1", "252_1", "268_1"]);
    let folder = Stage::empty("");
    let Some(calls) = calls(&stage, &folder.path("trace")) else {
        println!("skipped: there is no strace");
        return;
    };
    let opened = calls.lines().filter(|line| line.contains("open")).count();
    assert!(opened > 20, "the trace shows what is read: {opened}");
    let sockets: Vec<&str> = calls.lines().filter(|line| line.contains("socket(") || line.contains("connect(")).collect();
    assert!(sockets.is_empty(), "{sockets:#?}");
    let changes = ["O_WRONLY", "O_RDWR", "O_CREAT", "rename", "unlink", "mkdir", "creat("];
    let own = ["/tradewind-simulate-", "\"/dev/null\"", "\"/dev/tty\""];
    let written: Vec<&str> = calls.lines().filter(|line| changes.iter().any(|sign| line.contains(sign))).collect();
    let foreign: Vec<&&str> = written.iter().filter(|line| !own.iter().any(|own| line.contains(own))).collect();
    assert!(foreign.is_empty(), "{foreign:#?}");
    assert!(!written.is_empty(), "its own folder is made");
}
