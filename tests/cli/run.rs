//! `run`: outcomes, broken input, the same file twice.

use crate::{RUN, trained, with_messages};
use tradewind_connectors::twin::effects;
use tradewind_tests::stage::Stage;

/// What was done outside, as the twin that `run` starts has written it down.
fn done(stage: &Stage) -> Vec<tradewind_connectors::twin::Effect> {
    effects(&stage.path(".tradewind/twin.jsonl")).unwrap()
}

#[test]
fn messages_are_refunded_answered_or_shown_to_a_person_and_never_twice() {
    let stage = with_messages(&["71_1", "303_27", "268_1"]);
    let first = stage.run(RUN).exits(0);
    let counts: Vec<&str> = first.out.lines().take(6).collect();
    let expected = [
        "returns-triage: 3 new inputs, 0 known, 0 conflicting, 0 rejected",
        "  2 completed, 1 escalated and waiting for a person, 0 failed",
        "  helpdesk.reply                        2 done",
        "  payments.refund.create                1 done  390.75 USD",
        "  waiting person: ask (support-leads): 1",
    ];
    assert_eq!(counts[..5], expected);
    assert!(counts[5].starts_with("  model cost nothing; "), "{}", counts[5]);
    let once = done(&stage);
    assert_eq!(once.len(), 3);
    let again = stage.run(RUN).exits(0).says("returns-triage: 0 new inputs, 3 known, 0 conflicting, 0 rejected");
    assert_eq!(again.out.lines().skip(1).take(4).collect::<Vec<_>>(), expected[1..]);
    assert_eq!(done(&stage), once);
    let json = stage.run(["run", "returns-triage", "--input", "work.jsonl", "--format", "json"]).exits(0).json();
    assert_eq!((&json["version"], &json["inputs"]["known"], &json["runs"]["completed"]), (&1.into(), &3.into(), &2.into()));
}

#[test]
fn broken_lines_are_kept_with_their_reasons_and_the_rest_is_done() {
    let stage = trained();
    let good = stage.message("303_27");
    let mut bytes = b"{\"message_id\":\"1\"\nnot json\n{\"message_id\":\"x\",\"order_id\":7,\"received_at\":\"yesterday\",\"more\":1}\n[]\n\xff\xfe\n\n".to_vec();
    bytes.extend(good.as_bytes());
    bytes.extend(good.replace("\"text\":\"", "\"text\":\"Another ").as_bytes());
    std::fs::write(stage.path("work.jsonl"), &bytes).unwrap();
    let ended = stage.run(RUN).exits(3).says("1 new input, 0 known, 1 conflicting, 5 rejected").says("1 completed");
    assert!(ended.err.contains("work.jsonl:8: error[TW0508]"), "{ended}");
    let kept = ended.out.lines().find_map(|line| line.strip_prefix("  rejected lines, with reasons: ")).unwrap().to_owned();
    assert!(kept.contains("/.tradewind/work-") && kept.ends_with(".rejects.jsonl"), "{kept}");
    let rejects = std::fs::read_to_string(&kept).unwrap();
    let rejects: Vec<serde_json::Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<(u64, &str)> = rejects.iter().map(|one| (one["line"].as_u64().unwrap(), one["reason"].as_str().unwrap())).collect();
    assert_eq!(told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 8]);
    assert_eq!(rejects[5]["key"], "303_27");
    let _ = stage.run(["runs", "show", rejects[5]["run"].as_str().unwrap()]).exits(0).says("303_27");
    for (at, parts) in [
        (0, &["not JSON"][..]),
        (1, &["not JSON"]),
        (2, &["order_id", "received_at", "customer_id", "more", "does not fit"]),
        (3, &["does not fit"]),
        (4, &["not UTF-8 text"]),
        (5, &["another input was already started under the key `303_27`"]),
    ] {
        for part in parts {
            assert!(told[at].1.contains(part), "`{part}` is not in `{}`", told[at].1);
        }
    }
    // The inputs hold personal data, and nobody named a place for those.
    assert!(rejects.iter().all(|one| one["text"] == "") && !told[2].1.contains("yesterday"));
    let again = stage.run(["run", "returns-triage", "--input", "work.jsonl", "--rejects", "elsewhere.jsonl"]).exits(3).says("1 known");
    assert!(again.out.contains("elsewhere.jsonl") && stage.read("elsewhere.jsonl").lines().count() == 6);
    let named = stage.read("elsewhere.jsonl");
    for part in ["must be string", "`yesterday` is no timestamp", "is missing", "must be an object, is a list", "\"text\":\"not json\""] {
        assert!(named.contains(part), "`{part}` is not in {named}");
    }
    stage.write("work.jsonl", &good);
    let _ = stage.run(RUN).exits(0);
    assert!(!std::path::Path::new(&kept).exists(), "nothing is rejected any more");
}

#[test]
fn rejects_overwrite_nothing_but_rejects() {
    let stage = trained();
    stage.write("work.jsonl", "not json\n");
    stage.write("notes.txt", "keep me\n");
    stage.write("empty.txt", "");
    let run = |name: &str| stage.run(["run", "returns-triage", "--input", "work.jsonl", "--rejects", name]);
    let _ = run("notes.txt").exits(64).says("TW0550").says("holds something else than rejected lines");
    let _ = run("tradewind.kdl").exits(64).says("TW0550");
    let _ = run("flows/more.kdl").exits(64).says("would be configuration");
    assert!(stage.read("notes.txt") == "keep me\n" && !stage.path("flows/more.kdl").exists());
    for _ in 0..2 {
        let _ = run("new.jsonl").exits(3).says("new.jsonl");
        let _ = run("empty.txt").exits(3).says("empty.txt");
    }
}

#[test]
fn a_doubled_key_is_named_and_a_byte_order_mark_is_skipped() {
    let stage = trained();
    let good = stage.message("303_27");
    let doubled = good.replacen('{', "{\"text\":\"first\",", 1);
    stage.write("work.jsonl", &format!("\u{feff}{good}{doubled}"));
    let _ = stage.run(RUN).exits(3).says("1 new input, 0 known, 0 conflicting, 1 rejected");
    let kept = std::fs::read_dir(stage.path(".tradewind"))
        .unwrap()
        .flatten()
        .find(|file| file.path().to_string_lossy().ends_with(".rejects.jsonl"));
    assert!(std::fs::read_to_string(kept.unwrap().path()).unwrap().contains("the key `text` stands twice"));
    stage.write("one.json", &format!("\u{feff}{good}"));
    let _ = stage.run(["run", "returns-triage", "--input", "one.json"]).exits(0).says("1 known");
    stage.write("two.json", &doubled);
    let _ = stage.run(["run", "returns-triage", "--input", "two.json"]).exits(3).says("1 rejected");
}

#[test]
fn a_json_file_holds_one_input_or_a_list() {
    let stage = trained();
    let (one, two) = (stage.message("303_27"), stage.message("298_4"));
    let run = |name: &str| stage.run(["run", "returns-triage", "--ephemeral", "--input", name]);
    stage.write("one.json", &one);
    let _ = run("one.json").exits(0).says("1 new input");
    stage.write("two.json", &format!("[{one},{two}]"));
    let _ = run("two.json").exits(0).says("2 new inputs");
    stage.write("none.json", "{\"a\":");
    let _ = run("none.json").exits(3).says("1 rejected");
    stage.write("empty.jsonl", "\n\n");
    let _ = run("empty.jsonl").exits(0).says("0 new inputs");
}

#[test]
fn nothing_is_begun_without_flow_file_or_sound_configuration() {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(["run", "retruns-triage", "--input", "work.jsonl"]).exits(64).says("TW0506").says("did you mean `returns-triage`?");
    let _ = stage.run(["run", "returns-triage", "--input", "nowhere.jsonl"]).exits(1).says("TW0502").says("nowhere.jsonl");
    stage.replace("policies/refunds.kdl", " on-timeout=deny", "");
    let _ = stage.run(RUN).exits(3).says("TW0126");
    assert!(!stage.path(".tradewind/store").exists() && !stage.path(".tradewind/twin.jsonl").exists());
}

#[test]
fn what_is_ephemeral_leaves_no_store() {
    let stage = with_messages(&["303_27"]);
    let _ = stage.run(["run", "returns-triage", "--input", "work.jsonl", "--ephemeral"]).exits(0).says("1 completed");
    assert!(!stage.path(".tradewind/store").exists());
    let _ = stage.run(["run", "returns-triage", "--input", "work.jsonl", "--ephemeral"]).exits(0).says("1 new input");
}

#[test]
fn runs_and_the_log_are_shown() {
    let stage = with_messages(&["71_1", "268_1"]);
    let _ = stage.run(["runs"]).exits(0).says("no runs");
    let _ = stage.run(RUN).exits(0);
    let all = stage.run(["runs"]).exits(0);
    assert_eq!(all.out.lines().count(), 2, "{all}");
    let waiting = stage.run(["runs", "--status", "waiting", "--flow", "returns-triage", "--format", "json"]).exits(0).json();
    assert_eq!(waiting["runs"].as_array().unwrap().len(), 1);
    assert_eq!(waiting["runs"][0]["key"], "268_1");
    let _ = stage.run(["runs", "--status", "sleeping"]).exits(64).says("TW0550");
    let shown = stage.run(["runs", "show", "71_1"]).exits(0).says("completed").says("settled by answer").says("390.75 USD");
    let id: String = shown.out.chars().take(12).collect();
    let by_id = stage.run(["runs", "show", &id]).exits(0);
    assert_eq!(by_id.out, shown.out);
    let _ = stage.run(["runs", "show", "nobody"]).exits(64).says("TW0530");
    let log = stage.run(["log", "--run", "71_1"]).exits(0).says("intent-recorded").says("effect-settled").says("run-completed");
    assert!(log.out.lines().all(|line| line.contains(&id)), "{log}");
    let part = stage.run(["log", "--from", "3", "--limit", "2", "--format", "json"]).exits(0).json();
    assert_eq!(part["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect::<Vec<_>>(), [3, 4]);
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds: ");
    let _ = stage.run(["log", "--run", "nobody"]).exits(64).says("TW0530");
}
