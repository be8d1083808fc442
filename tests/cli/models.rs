//! Models that predict, routes that are measured by labelled rows, and images: as a user sees them, over a provider on this machine.

use crate::of_text;
use std::io::{Read, Write};
use std::net::TcpListener;
use tradewind_tests::process::Running;
use tradewind_tests::stage::Stage;

/// Answers every request by what its body says.
pub(crate) fn provider(answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = std::sync::Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let answer = answer.clone();
            std::thread::spawn(move || {
                let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
                loop {
                    let read = stream.read(&mut buffer).unwrap_or(0);
                    bytes.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&bytes).to_string();
                    let body = text.split_once("\r\n\r\n").and_then(|(head, body)| {
                        let length = head.to_lowercase().split("content-length: ").nth(1)?.split("\r\n").next()?.parse::<usize>().ok()?;
                        (body.len() >= length).then(|| body.to_owned())
                    });
                    if let Some(body) = body {
                        let (status, body) = answer(&body);
                        let _ = write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                        return;
                    }
                    if read == 0 {
                        return;
                    }
                }
            });
        }
    });
    url
}

const SHOP: &str = r#"
project "shop" { currency "USD"; environment "dev" { store "surrealkv://.tradewind/store" {twins} } }
team "leads" { member "ann@example.com" }
enum "kinds" complaint praise
model "predicts" provider=predict name="kinds" base-url="{url}" {
    price "0.01 USD"
    context 4096
    can classify
    batch max=4 wait="5ms"
    request "/classify" { inputs "=texts" }
    response each="=body.predictions" { label "=it.label"; confidence "=it.score" }
}
model "painter" provider=openai name="paints" base-url="{url}" { price image="0.02 USD"; context 4096; can image }
route "kind" needs=classify { candidate "predicts"; person "leads" within="4h" on-timeout=fail }
route "paint" needs=image { candidate "painter"; fail "nobody painted it" }
flow "sort" {
    summary "Sort a message"
    input { field "text" string }
    key "=input.text"
    decide "kind" { classify "kinds" route="kind" text="=input.text" }
    output { kind "=kind.label"; by "=kind.by" }
}
flow "banner" {
    summary "Paint a banner"
    input { field "text" string }
    key "=input.text"
    decide "banner" { draft "image" route="paint" prompt="A banner: {{ input.text }}" }
    output { digest "=banner.digest" }
}
"#;

fn stage(url: &str, twins: &str) -> Stage {
    let stage = of_text(&SHOP.replace("{url}", url).replace("{twins}", twins));
    stage.write("work.jsonl", "{\"text\": \"It broke\"}\n{\"text\": \"Lovely\"}\n");
    let rows: String = (0..10)
        .map(|row| {
            format!(
                "{{\"text\": \"{} {row}\", \"kind\": \"{}\"}}\n",
                if row < 6 { "broke" } else { "fine" },
                if row < 5 { "complaint" } else { "praise" }
            )
        })
        .collect();
    stage.write("rows.jsonl", &rows);
    stage
}

/// What broke is a complaint, and of what is odd it says nothing.
fn sorts(body: &str) -> (u16, String) {
    let asked: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    if asked.get("prompt").is_some() {
        return (200, serde_json::json!({ "data": [{ "b64_json": "iVBORw0KGgo=" }] }).to_string());
    }
    let texts = asked["inputs"].as_array().cloned().unwrap_or_default();
    if texts.iter().any(|text| text.as_str().unwrap_or_default().contains("odd")) {
        return (400, "{\"error\": \"odd\"}".to_owned());
    }
    let label = |text: &serde_json::Value| if text.as_str().unwrap_or_default().contains("broke") { "complaint" } else { "praise" };
    let predictions: Vec<_> = texts.iter().map(|text| serde_json::json!({ "label": label(text), "score": 0.9 })).collect();
    (200, serde_json::json!({ "predictions": predictions }).to_string())
}

#[test]
fn a_model_that_predicts_labels_and_a_person_does_where_it_does_not() {
    let stage = stage(&provider(sorts), "");
    stage.write("work.jsonl", "{\"text\": \"It broke\"}\n{\"text\": \"Lovely\"}\n{\"text\": \"odd\"}\n");
    let _ = stage.run(["run", "sort", "--input", "work.jsonl"]).says("2 completed").says("1 escalated and waiting for a person");
    let _ = stage.run(["runs", "show", "It broke"]).exits(0).says("complaint").says("by predicts, remote");
    let inbox = stage.run(["approvals"]).exits(0).says("Which `kinds` is it?");
    assert!(inbox.out.contains("odd"), "{inbox}");
    let json = stage.run(["approvals", "--format", "json"]).exits(0).json();
    let id = json["approvals"][0]["id"].as_str().unwrap().to_owned();
    let _ = stage.run(["approvals", "answer", &id, "--by", "ann@example.com", "label=praise"]).exits(0);
    let _ = stage.run(["runs", "show", "odd"]).exits(0).says("praise").says("person");
    let _ = stage.run(["log", "verify"]).exits(0);
    let _ = stage.run(["replay"]).exits(0);
}

#[test]
fn a_model_behind_a_network_and_a_route_are_measured_by_rows_that_are_named() {
    let stage = stage(&provider(sorts), "");
    let asked = ["models", "eval", "predicts", "--rows", "rows.jsonl", "--label", "kind", "--format", "json", "--svg", "matrix.svg"];
    let figures = stage.run(asked).exits(0).json();
    let found = &figures["evaluations"][0];
    // One of ten is taken for a complaint.
    assert_eq!((&found["rows"], &found["accuracy"], &found["confusion"]), (&10.into(), &0.9.into(), &serde_json::json!([[5, 0], [1, 4]])));
    assert_eq!(
        (&found["asked"]["cost"], &found["asked"]["by"]["predicts"], &found["asked"]["silent"]),
        (&"0.10 USD".into(), &10.into(), &0.into())
    );
    assert!(stage.read("matrix.svg").starts_with("<svg"));
    stage.write("rows.jsonl", "{\"text\": \"broke\", \"kind\": \"complaint\"}\n{\"text\": \"odd\", \"kind\": \"praise\"}\n");
    let route = ["models", "eval", "--route", "kind", "--rows", "rows.jsonl", "--label", "kind"];
    let _ = stage.run(route).exits(0).says("1 labels by predicts").says("1 rows without a label").says("0.500");
    // It leaves nothing behind.
    let runs = stage.run(["runs"]).exits(0);
    assert!(!runs.out.contains("models-eval"), "{runs}");
    let _ = stage.run(["models", "eval", "predicts"]).exits(64).says("write `--rows FILE --label NAME`");
    let twins = self::stage("http://127.0.0.1:1", "; twins #true");
    let _ = twins.run(asked).exits(64).says("twins stand for the models of this environment");
}

#[test]
fn images_are_brought_in_made_listed_and_written_out() {
    let stage = stage(&provider(sorts), "");
    stage.write("photo.png", "no image");
    let _ = stage.run(["assets", "add", "photo.png"]).exits(1).says("TW0568").says("begins like no image");
    std::fs::write(stage.path("photo.png"), b"\x89PNG\r\n\x1a\nphoto").unwrap();
    let asset = stage.run(["assets", "add", "photo.png"]).exits(0).json();
    assert_eq!((&asset["media_type"], &asset["bytes"]), (&"image/png".into(), &13.into()));
    let _ = stage.run(["run", "banner", "--input", "work.jsonl"]).exits(0).says("2 completed");
    let _ = stage.run(["runs", "show", "Lovely"]).exits(0).says("by painter, remote");
    let listed = stage
        .run(["assets", "list"])
        .exits(0)
        .says("made by `painter` (paints) for the question")
        .says("brought from the file `photo.png`");
    // Both banners are the same bytes.
    assert_eq!(listed.out.lines().count(), 2, "{listed}");
    let digest: String = asset["digest"].as_str().unwrap().chars().take(8).collect();
    let _ = stage.run(["assets", "get", &digest, "--to", "copy.png"]).exits(0);
    assert_eq!(std::fs::read(stage.path("copy.png")).unwrap(), b"\x89PNG\r\n\x1a\nphoto");
    let _ = stage.run(["assets", "get", &digest, "--to", "copy.png"]).exits(1).says("cannot be written");
    let _ = stage.run(["assets", "get", "ffff", "--to", "other.png"]).exits(1).says("TW0568");
}

#[test]
fn twins_paint_too() {
    let stage = stage("http://127.0.0.1:1", "; twins #true");
    let _ = Running::start(stage.command(["run", "banner", "--input", "work.jsonl"])).end().exits(0).says("2 completed");
    let _ = stage.run(["assets", "list"]).exits(0).says("made by `painter` (twin)");
}
