//! Personal data on the disk: canaries through real flows, a process that is killed on the way, and every byte of what is left searched.

use crate::approvals::{LEAD, waiting};
use crate::{PROGRAM, RUN, trained};
use std::path::{Path, PathBuf};
use tradewind_tests::serving::Serving;
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

/// A flow that sends personal text every way that there is: derived, remembered, staged, edited, told of, denied.
const LETTERS: &str = r#"
type "letter" subject="customer_id" {
    field "id" string
    field "customer_id" string
    field "text" string pii untrusted
    field "street" string pii
}
type "outline" subject="customer_id" { field "customer_id" string; field "about" string pii untrusted }
memory "outlines" tier=long-term record="outline" subject="customer_id" retention="30d" embed="about" { fulltext "about" }
flow "letters" {
    summary "Answer a letter"
    input "letter"
    trigger manual=#true
    trigger event="letter"
    let "summary" "='about ' + input.text + ' of ' + input.street"
    observe "before" { recall "outlines" subject="=input.customer_id" last=3 }
    remember "kept" in="outlines" subject="=input.customer_id" { customer_id "=input.customer_id"; about "=summary" }
    act "reply" {
        call "helpdesk.reply" message_id="=input.id" body="=summary"
        stage to="support-leads" within="4h" on-timeout=deny editable="body"
    }
    output { words "=summary"; known "=size(before)" }
}
"#;

fn canary(number: usize) -> String {
    format!("c4n4ry-{number:02}-Zanzibar~Quokka")
}

const CANARIES: usize = 25;
const FORGOTTEN: &str = "C-forget-me";
const KEPT: &str = "C-keep-me";

/// Every form in which somebody who looks for a text in raw bytes would find it.
fn forms(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let bytes = text.as_bytes();
    let wide = |low: bool| bytes.iter().flat_map(|byte| if low { [*byte, 0] } else { [0, *byte] }).collect::<Vec<u8>>();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![
        ("as it is", bytes.to_vec()),
        ("in UTF-16", wide(true)),
        ("in UTF-16, the other way", wide(false)),
        ("in hexadecimal", hex.to_uppercase().into_bytes()),
        ("in small hexadecimal", hex.into_bytes()),
        ("backwards", bytes.iter().rev().copied().collect()),
    ];
    // Base64 of a text that begins 0, 1 or 2 bytes after a boundary, without what depends on its neighbours.
    for shift in 0..3 {
        let padded: Vec<u8> = vec![b'x'; shift].into_iter().chain(bytes.iter().copied()).collect();
        let text = base64(&padded);
        let end = text.len() - 4;
        forms.push(("in base64", text.as_bytes()[if shift == 0 { 0 } else { 4 }..end].to_vec()));
    }
    forms
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |group: u32, place: u32| char::from(DIGITS[(group >> (18 - 6 * place) & 63) as usize]);
    let groups =
        bytes.chunks(3).map(|chunk| chunk.iter().chain([0, 0].iter()).take(3).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)));
    groups.flat_map(|group| (0..4).map(move |place| digit(group, place))).collect()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path => found.push(path),
        }
    }
}

/// Searches every byte of the state folder but the twin's ledger, which stands for the outside.
fn search(stage: &Stage, numbers: impl Iterator<Item = usize> + Clone) {
    let mut found = Vec::new();
    files(&stage.path(".tradewind"), &mut found);
    let mut bytes_read = 0;
    for path in found.iter().filter(|path| !path.ends_with("twin.jsonl")) {
        // The socket holds nothing.
        let Ok(bytes) = std::fs::read(path) else { continue };
        bytes_read += bytes.len();
        for number in numbers.clone() {
            for (form, wanted) in forms(&canary(number)) {
                let hit = bytes.windows(wanted.len()).any(|part| part == wanted);
                assert!(!hit, "canary {number} is in {} {form}", path.display());
            }
        }
    }
    assert!(bytes_read > 50_000, "there was nothing to be searched");
}

/// Lives through everything; canaries 0 to 11 are of somebody who is forgotten later.
fn lived() -> Stage {
    let stage = trained();
    stage.write("flows/letters.kdl", LETTERS);
    // 11 messages through the shipped flow, in which the words of the customer carry a canary.
    let messages = stage.messages_of_distinct_orders(11);
    let mut work = String::new();
    for (number, line) in messages.lines().enumerate() {
        let mut message: serde_json::Value = serde_json::from_str(line).unwrap();
        let carried = canary(if number < 8 { number } else { number + 4 });
        message["text"] = format!("{carried} {}", message["text"].as_str().unwrap()).into();
        message["customer_id"] = if number < 8 { FORGOTTEN } else { KEPT }.into();
        work.push_str(&format!("{message}\n"));
    }
    // A line that becomes no run.
    work.push_str(&format!("{{\"message_id\":\"bad\",\"text\":\"{}\",\"received_at\":\"{}\"}}\n", canary(15), canary(15)));
    stage.write("work.jsonl", &work);
    // The process is killed in the middle, twice, and the next one goes on.
    for moment in ["before:4", "after:9"] {
        let mut command = stage.command(RUN);
        let killed = tradewind_tests::process::Running::start({
            command.env("TRADEWIND_ABORT_AT", moment);
            command
        });
        assert_eq!(killed.end().code, None, "{moment}");
    }
    let _ = stage.run(RUN).exits(3).says("1 rejected");
    // Letters: one of each.
    let letter = |id: &str, customer: &str, text: usize, street: usize| {
        format!("{{\"id\":\"{id}\",\"customer_id\":\"{customer}\",\"text\":\"{}\",\"street\":\"{}\"}}\n", canary(text), canary(street))
    };
    stage.write("letters.jsonl", &(letter("l1", FORGOTTEN, 8, 9) + &letter("l2", KEPT, 16, 17)));
    let _ = stage.run(["run", "letters", "--input", "letters.jsonl"]).exits(0).says("2 escalated");
    let data = letter("l3", FORGOTTEN, 10, 10);
    let _ = stage.run(["emit", "letter", "--data", &data, "--id", "e1", "--by", LEAD]).exits(0);
    // One approved with edits, one denied with a reason, one still open.
    let item = |customer: &str, id: &str| {
        let listed = stage.run(["approvals", "--format", "json"]).exits(0).json();
        let mut items = listed["approvals"].as_array().unwrap().iter().filter(|item| item["request"]["message_id"] == id);
        let item = items.next().cloned().unwrap_or_else(|| panic!("nothing waits for {id} of {customer}: {listed}"));
        waiting(&serde_json::json!({ "approvals": [item] }), "reply")
    };
    let edited = format!("body={}", canary(11));
    let _ = stage.run(["approvals", "approve", &item(FORGOTTEN, "l1"), "--by", LEAD, "--edit", &edited]).exits(0);
    let _ = stage.run(["approvals", "deny", &item(KEPT, "l2"), "--by", LEAD, "--reason", &canary(18)]).exits(0);
    // A call that fails: there is no such order, and the words of the message go with it all the same.
    let mut lost: serde_json::Value = serde_json::from_str(messages.lines().next().unwrap()).unwrap();
    for (field, value) in
        [("message_id", "lost".to_owned()), ("order_id", "none".to_owned()), ("text", canary(19)), ("customer_id", KEPT.to_owned())]
    {
        lost[field] = value.into();
    }
    stage.write("lost.jsonl", &format!("{lost}\n"));
    let _ = stage.run(["run", "returns-triage", "--input", "lost.jsonl"]).says("1 failed");
    // The rest, in letters of a process that serves and is killed.
    let twin = Twin::start(&stage, &[]);
    let serving = Serving::start(&stage, &twin);
    let more: String = (20..CANARIES).map(|number| letter(&format!("m{number}"), KEPT, number, number)).collect();
    stage.write("more.jsonl", &more);
    let _ = stage.run(["run", "letters", "--input", "more.jsonl"]).exits(0);
    serving.kill();
    stage
}

#[test]
fn no_canary_is_in_any_file_and_after_forgetting_nothing_brings_one_back() {
    let stage = lived();
    let log = || stage.run(["log", "--limit", "10000", "--format", "json"]).exits(0).out;
    let told = log() + &stage.run(["runs", "show", "l3", "--format", "json"]).out;
    for number in (0..CANARIES).filter(|number| *number != 15) {
        assert!(told.contains(&canary(number)), "canary {number} never came by, so that this test shows nothing of it");
    }
    search(&stage, 0..CANARIES);
    let _ = stage.run(["log", "verify"]).exits(0);
    let (vault, key, store) =
        (stage.path(".tradewind/store.vault"), stage.path(".tradewind/store.vault-key"), stage.path(".tradewind/store"));
    let backup = std::fs::read(&vault).unwrap();

    let _ = stage.run(["forget", "C-nobody", "--yes", "--by", LEAD]).exits(64).says("TW0576");
    let _ = stage.run(["forget", FORGOTTEN]).exits(0).says(" keys, ").says("nothing was changed");
    let _ = stage.run(["forget", FORGOTTEN, "--yes", "--by", LEAD]).exits(0).says("the keys are destroyed");
    let _ = stage.run(["forget", FORGOTTEN]).exits(64).says("TW0576");

    let told = log();
    for number in 0..12 {
        let event = told.split("{\"seq\"").find(|event| event.contains(&canary(number)));
        assert!(event.is_none(), "canary {number} can still be read: {event:?}");
    }
    for number in (12..CANARIES).filter(|number| *number != 15) {
        assert!(told.contains(&canary(number)), "canary {number} is of somebody else");
    }
    assert!(told.contains("subject-forgotten") && told.contains("\"erased\":true"));
    search(&stage, 0..CANARIES);
    let _ = stage.run(["log", "verify"]).exits(0).says("the chain holds");
    let _ = stage.run(["approvals"]).exits(0);

    // The vault of yesterday brings nobody back: who was forgotten is kept apart from it.
    std::fs::write(&vault, &backup).unwrap();
    let told = log();
    assert!((0..12).all(|number| !told.contains(&canary(number))), "a backup of the vault brought somebody back");
    assert_ne!(std::fs::read(&vault).unwrap(), backup);

    // A vault that is gone is told of, and none takes its place.
    let whole = std::fs::read(&vault).unwrap();
    std::fs::remove_file(&vault).unwrap();
    let _ = stage.run(["runs"]).exits(1).says("TW0575");
    assert!(!vault.exists() && store.exists() && key.exists());
    std::fs::write(&vault, &whole).unwrap();
    let _ = stage.run(["runs"]).exits(0);
}

#[test]
fn whoever_serves_forgets_over_the_socket_and_ends_what_is_under_way() {
    let stage = Stage::trained(PROGRAM);
    stage.write("flows/letters.kdl", LETTERS);
    let twin = Twin::start(&stage, &[]);
    let _serving = Serving::start(&stage, &twin);
    let text = format!("{{\"id\":\"l1\",\"customer_id\":\"{FORGOTTEN}\",\"text\":\"{}\",\"street\":\"\"}}\n", canary(0));
    stage.write("letters.jsonl", &text);
    let _ = stage.run(["run", "letters", "--input", "letters.jsonl"]).exits(0);
    let _ = stage.run(["approvals"]).exits(0).says("1 waiting");
    let _ = stage.run(["forget", FORGOTTEN, "--yes", "--by", LEAD]).exits(0).says("was ended");
    let _ = stage.run(["approvals"]).exits(0).says("0 waiting");
    let log = stage.run(["log", "--format", "json"]).exits(0).out;
    assert!(!log.contains(&canary(0)));
    search(&stage, 0..1);
}

/// The log in a file, copied before somebody is forgotten and after.
fn exported(stage: &Stage, name: &str) -> Vec<u8> {
    let _ = stage.run(["log", "export", name]).exits(0);
    std::fs::read(stage.path(name)).unwrap()
}

/// Canaries that stand in a text or in bytes, as they are.
fn told_in(bytes: &[u8]) -> Vec<usize> {
    (0..CANARIES).filter(|number| bytes.windows(canary(*number).len()).any(|part| part == canary(*number).as_bytes())).collect()
}

/// What was made of somebody's words goes with them: summaries that are remembered, what they are found by, rows made from corrections,
/// and every export, also those that were made before.
#[test]
fn what_was_made_of_somebodys_words_goes_with_them() {
    let stage = lived();
    let asks = |arguments: &[&str]| told_in(stage.run(arguments).exits(0).out.as_bytes());
    let facts = ["memory", "export", "outlines"];
    let found = ["memory", "search", "outlines", "Zanzibar Quokka", "--top", "50", "--format", "json"];
    let rows = ["memory", "corrections"];
    let of_forgotten = |numbers: Vec<usize>| numbers.into_iter().filter(|number| *number < 12).collect::<Vec<_>>();
    let of_kept = |numbers: Vec<usize>| numbers.into_iter().filter(|number| *number >= 12).collect::<Vec<_>>();
    let before = [asks(&facts), asks(&found), asks(&rows)];
    assert_eq!(before.clone().map(of_forgotten), [vec![8, 9, 10], vec![8, 9, 10], vec![8, 9, 11]], "summaries, what is found, an edit");
    let kept = before.map(of_kept);
    let old = exported(&stage, "before.export");
    assert_eq!(told_in(&old), [0_usize; 0], "sealed");

    let _ = stage.run(["forget", FORGOTTEN, "--yes", "--by", LEAD]).exits(0);
    let after = [asks(&facts), asks(&found), asks(&rows)];
    assert!(after.clone().map(of_forgotten).iter().all(Vec::is_empty), "{after:?}");
    assert_eq!(after.map(of_kept), kept, "nobody else is touched");
    let history = stage.run(["memory", "history", "outlines", "--format", "json"]).exits(0).out;
    assert!(of_forgotten(told_in(history.as_bytes())).is_empty(), "{history}");
    let then = stage.run(["memory", "search", "outlines", "Quokka", "--as-of", "2999-01-01T00:00:00Z", "--format", "json"]);
    assert!(of_forgotten(told_in(then.out.as_bytes())).is_empty(), "{then}");

    // An export is as good as before for whoever verifies it, and no better for whoever reads it: neither the old nor the new one.
    let new = exported(&stage, "after.export");
    for (name, bytes) in [("before.export", &old), ("after.export", &new)] {
        assert_eq!(told_in(bytes), [0_usize; 0], "{name}");
        let _ = stage.run(["log", "verify", name]).exits(0);
    }
    search(&stage, 0..CANARIES);
}
