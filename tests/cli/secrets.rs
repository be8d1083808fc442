//! Fields marked `secret` are never printed: canaries go through every command, and every byte that one writes is searched for them.

use crate::PROGRAM;
use crate::approvals::LEAD;
use tradewind_tests::process::Ended;
use tradewind_tests::serving::{Serving, address};
use tradewind_tests::stage::Stage;
use tradewind_tests::twin::Twin;

use std::io::{Read, Write};
use std::net::TcpStream;

const WORD: &str = "c4n4ry~Quokka-in-Zanzibar";
const NUMBER: &str = "4711000815";
const PHONE: &str = "Panasonic Kx-TS550";

/// Secrets at the top, in a record, in a list, behind an optional, in a memory, an event, a request and what takes it back.
const OPENINGS: &str = r#"
type "grip" subject="owner" { field "owner" string; field "pin" string secret }
type "opening" subject="id" {
    field "id" string
    field "product" string
    field "price" money
    field "code" string secret
    field "count" int? secret
    field "grip" grip?
    field "grips" list<grip>?
}
type "opened" subject="id" { field "id" string; field "code" string secret }
memory "codes" tier=long-term record="opened" subject="id" retention="30d"
connector "shop" extend=#true {
    operation "price.set" override=#true effect=reversible {
        request { field "product" string; field "price" money; field "code" string? secret; field "grip" grip? secret }
        http PUT "/prices/{product}" {
            header "Idempotency-Key" "=effect.key"
            body { price "=request.price"; code "=request.code" }
        }
        response "shop.price" at="=body.price"
        target "=request.product"
        money "=request.price" as=price
        idempotent key="=effect.key" for="24h"
        failure "refused" when="status == 422" message="=body.message" retry=#false
        before { call "price.get" product="=request.product" }
        undo { call "price.set" product="=request.product" price="=before.price" code="=request.code" grip="=request.grip" }
    }
}
flow "opening" {
    summary "Set a price with a code"
    input "opening"
    key "=input.id"
    trigger manual=#true
    trigger event="opening"
    remember "kept" in="codes" subject="=input.id" { id "=input.id"; code "=input.code" }
    observe "known" { recall "codes" subject="=input.id" last=3 }
    act "tell" { emit "opened" id="=input.id" code="=input.code" }
    act "set" { call "shop.price.set" product="=input.product" price="=input.price" code="=input.code" grip="=input.grip" }
    output { product "=set.product"; known "=size(known)" }
}
flow "counting" {
    summary "Read a number out of a code that is none"
    input "opening"
    key "=input.id"
    let "large" "=int(input.code) > 3"
    output { large "=large" }
}
scenario "another code" {
    flow "opening"
    at "2026-11-02T09:00:00Z"
    given {
        input { id c1; product "a phone"; price "88 USD"; code "c4n4ry~Quokka-in-Zanzibar" }
        twin "shop.order" {
            - id=O1 line_id="1" customer_id=C1 product="a phone" paid="80 USD" profit="12 USD" ordered_at="2016-06-01T00:00:00Z" shipped_at="2016-06-05T00:00:00Z" refunded="0 USD"
        }
    }
    expect { effect "shop.price.set" count=1 { code "another c4n4ry" } }
}
"#;

fn opening(id: &str, price: &str) -> String {
    let grip = format!("{{\"owner\":\"ana\",\"pin\":\"{WORD}\"}}");
    format!(
        "{{\"id\":\"{id}\",\"product\":\"{PHONE}\",\"price\":\"{price}\",\"code\":\"{WORD}\",\"count\":{NUMBER},\"grip\":{grip},\"grips\":[{grip}]}}\n"
    )
}

/// Fails where a text holds a canary, or a part of one.
fn search(what: &str, text: &str) {
    for canary in ["c4n4ry", "Quokka", NUMBER] {
        assert!(!text.contains(canary), "{what} prints a secret:\n{text}");
    }
}

/// Runs a command, and searches what it says.
fn seen(stage: &Stage, arguments: &[&str]) -> Ended {
    let ended = stage.run(arguments);
    search(&arguments.join(" "), &format!("{}{}", ended.out, ended.err));
    ended
}

/// The same for people and for programs.
fn both(stage: &Stage, arguments: &[&str]) -> [Ended; 2] {
    let json = [arguments, &["--format", "json"]].concat();
    [seen(stage, arguments), seen(stage, &json)]
}

#[test]
fn no_command_prints_a_secret_that_a_run_has_met() {
    let stage = Stage::shipped(PROGRAM);
    stage.write("flows/openings.kdl", OPENINGS);
    let _ = both(&stage, &["check"]).map(|ended| ended.exits(0));
    // Inputs that do not fit, in the field itself and around it; the file with the reasons was asked for, and hides them too.
    let bad = [
        opening("b1", "150 USD").replace(&format!("\"{WORD}\",\"count\""), &format!("[\"{WORD}\"],\"count\"")),
        opening("b2", "150 USD").replace("\"code\"", "\"cdoe\""),
        opening("b3", "150 USD").replace("\"grip\":{", "\"grip\":\"c4n4ry\",\"was\":{"),
        opening("b4", "150 USD").replace(&format!("\"count\":{NUMBER}"), &format!("\"count\":\"{NUMBER}\"")),
        format!("{{\"code\":\"{WORD}\n"),
    ];
    stage.write("bad.jsonl", &bad.concat());
    let _ = seen(&stage, &["run", "opening", "--input", "bad.jsonl", "--rejects", "rejected.jsonl"]).exits(3).says("5 rejected");
    search("--rejects", &stage.read("rejected.jsonl"));
    assert!(stage.read("rejected.jsonl").contains("it is a secret"), "{}", stage.read("rejected.jsonl"));
    let _ = seen(&stage, &["emit", "opening", "--data", bad[0].trim(), "--id", "bad", "--by", LEAD]).exits(5);
    let _ = seen(&stage, &["emit", "opening", "--data", bad[2].trim(), "--id", "bad", "--by", LEAD]).exits(5);

    // One is done, one waits for a person, one fails over its secret, one comes as an event.
    stage.write("good.jsonl", &(opening("c1", "150 USD") + &opening("c2", "200 USD")));
    let _ = seen(&stage, &["run", "opening", "--input", "good.jsonl"]).exits(0).says("1 completed, 1 escalated");
    stage.write("count.jsonl", &opening("d1", "150 USD"));
    let _ = seen(&stage, &["run", "counting", "--input", "count.jsonl"]).exits(1).says("as it reads a secret");
    let _ = seen(&stage, &["emit", "opening", "--data", opening("c3", "151 USD").trim(), "--id", "e1", "--by", LEAD]).exits(0);
    let [_, waiting] = both(&stage, &["approvals"]);
    let waiting = waiting.json();
    assert_eq!(waiting["approvals"][0]["request"]["code"], "[secret]", "{waiting}");
    let id = waiting["approvals"][0]["id"].as_str().unwrap().to_owned();
    let edit = format!("code={WORD}-2");
    let _ = seen(&stage, &["approvals", "approve", &id, "--by", LEAD, "--edit", &edit]);
    let _ = seen(&stage, &["approvals", "approve", &id, "--by", LEAD]).exits(0).says("\"code\":\"[secret]\"");

    looks(&stage);
    computes(&stage);
    let [told, _] = both(&stage, &["undo", "c1"]).map(|ended| ended.exits(0));
    assert!(told.out.contains("\"code\":\"[secret]\""), "{told}");
    let _ = seen(&stage, &["undo", "c1", "--yes", "--by", LEAD, "--reason", "a mistake"]).exits(0);
    let _ = seen(&stage, &["undo", "--flow", "opening", "--since", "1h", "--where", "int(effect.code.or('x')) > 3"]).says("reads a secret");
    looks(&stage);
    let _ = seen(&stage, &["test", "another code"]).exits(4).says("another secret than is expected");
    let _ = seen(&stage, &["test", "another code", "--format", "json"]).exits(4);
    let _ = seen(&stage, &["test", "another code", "--format", "junit"]).exits(4);
    serves(&stage);
}

/// Everything that only looks.
fn looks(stage: &Stage) {
    for run in ["c1", "c2", "c3", "d1"] {
        let [shown, json] = both(stage, &["runs", "show", run]).map(|ended| ended.exits(0));
        assert!(shown.out.contains("[secret]"), "{shown}");
        assert_eq!(json.json()["input"]["grips"][0]["pin"], "[secret]");
    }
    for arguments in [&["runs"][..], &["events"], &["status"], &["dead-letters"], &["replay"], &["plan"], &["budget"]] {
        let _ = both(stage, arguments);
    }
    let [log, _] = both(stage, &["log", "--limit", "10000"]).map(|ended| ended.exits(0));
    for kind in ["run-started", "fact-remembered", "event-emitted", "event-received", "intent-recorded", "step-completed"] {
        let hides = |line: &&str| line.contains(kind) && line.contains("[secret]");
        assert!(log.out.lines().any(|line| hides(&line)), "no {kind} with a secret came by, so that this shows nothing of it\n{log}");
    }
    let _ = seen(stage, &["log", "--run", "c2"]).exits(0);
}

/// `eval` computes with secrets and shows none.
fn computes(stage: &Stage) {
    let eval = |expression: &str| {
        let _ = seen(stage, &["eval", expression, "--in", "opening", "--run", "c1", "--explain", "--format", "json"]);
        let _ = seen(stage, &["eval", expression, "--in", "opening", "--run", "c1"]);
        seen(stage, &["eval", expression, "--in", "opening", "--run", "c1", "--explain"])
    };
    let _ =
        eval("input.code != '' && input.count.or(0) > 4711000814").exits(0).says("bool = true").says("input.code: string = \"[secret]\"");
    for hidden in
        ["input", "[input]", "input.code + '!'", "{'a': input.code}", "known", "known.map(k, k.code)", "set", "[set]", "set.request"]
    {
        let _ = eval(hidden).exits(0).says("[secret]");
    }
    for hidden in ["set.request.code", "set.request.grip", "[input.code].exists(c, c != '')", "known.exists(k, k.code != '')"] {
        let _ = eval(hidden).exits(0);
    }
    let _ = eval("int(input.code) > 3").exits(3).says("reads a secret");
    let _ = eval("set.product").exits(0).says(PHONE);
    let given = format!("input={{\"code\":[\"{WORD}\"]}}");
    let _ = seen(stage, &["eval", "input.code", "--in", "opening", "--set", &given]).exits(3).says("it is a secret");
}

/// The answers of a server, over HTTP and through its socket.
fn serves(stage: &Stage) {
    let twin = Twin::start(stage, &[]);
    let serving = Serving::start(stage, &twin);
    let at = address(stage);
    let ask = |method: &str, path: &str, body: &str| {
        let mut stream = TcpStream::connect(&at).expect("it listens");
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n");
        write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        search(path, &answer);
        answer
    };
    let started = ask("POST", "/v1/flows/opening/runs", &opening("h1", "200 USD"));
    assert!(started.contains("\"new\":true"), "{started}");
    let refused = ask("POST", "/v1/flows/opening/runs", &opening("h2", "200 USD").replace(&format!("\"{WORD}\",\"count\""), "7,\"count\""));
    assert!(refused.contains("it is a secret"), "{refused}");
    let began = std::time::Instant::now();
    while !ask("GET", "/v1/approvals", "").contains("\"code\":\"[secret]\"") {
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "nothing waits");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(ask("GET", "/v1/runs/h1", "").contains("\"pin\":\"[secret]\""));
    let _ = (ask("GET", "/v1/runs", ""), ask("GET", "/v1/status", ""));
    looks(stage);
    let ended = serving.end("TERM").exits(0);
    search("serve", &format!("{}{}", ended.out, ended.err));
}
