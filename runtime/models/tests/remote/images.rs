//! Images: shown by address or by bytes in both dialects, and made by a model; what is no image, or not what it was, is not sent or taken.

use super::{Does, Server, openai, prompt};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::question::{Answer, Picture, Prompt, Silence, Turn};
use tradewind_lang::conform::to_json;
use tradewind_lang::value::Value;
use tradewind_models::{Assets, OfflineModels, RemoteModels};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

struct Place {
    assets: Assets,
    models: RemoteModels,
    _folder: tempfile::TempDir,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let assets = Assets::new(folder.path());
    let models = RemoteModels::with_assets(Arc::new(|_| Some("sk-very-secret".to_owned())), assets.clone());
    Place { assets, models, _folder: folder }
}

fn base64(bytes: &[u8]) -> Json {
    to_json(&Value::Bytes(bytes.into()))
}

fn showing(provider: &str, url: &str, pictures: &[Picture]) -> Prompt {
    let mut prompt = prompt(provider, url);
    prompt.turns = vec![Turn::System("You look.".into())];
    prompt.turns.extend(pictures.iter().cloned().map(Turn::Image));
    prompt.turns.push(Turn::User("What is it?".into()));
    prompt
}

fn asset(digest: &str) -> Picture {
    Picture::Asset { digest: digest.into(), media_type: "image/png".into(), bytes: PNG.len() as u64 }
}

#[tokio::test]
async fn what_is_shown_stands_before_the_words_that_go_with_it_in_both_dialects() {
    let place = place();
    let digest = place.assets.keep(PNG, "a test").unwrap().digest;
    let pictures = [
        asset(&digest),
        Picture::Url("https://shop.example/a.png?size=2".into()),
        Picture::Inline { media_type: "image/gif".into(), base64: "R0lGODdh".into() },
    ];
    let server = Server::with(vec![Does::Answers(200, "", openai(&json!("{}")))]).await;
    assert!(matches!(place.models.say(&showing("openai", &server.url, &pictures)).await, Answer::Said(_)));
    let data = format!("data:image/png;base64,{}", base64(PNG).as_str().unwrap());
    let image = |url: &str| json!({ "type": "image_url", "image_url": { "url": url } });
    let parts = json!([
        image(&data),
        image("https://shop.example/a.png?size=2"),
        image("data:image/gif;base64,R0lGODdh"),
        { "type": "text", "text": "What is it?" },
    ]);
    let messages = json!([{ "role": "system", "content": "You look." }, { "role": "user", "content": parts }]);
    assert_eq!(server.bodies()[0]["messages"], messages);

    let said = json!({ "content": [{ "type": "text", "text": "{}" }] });
    let server = Server::with(vec![Does::Answers(200, "", said.to_string())]).await;
    assert!(matches!(place.models.say(&showing("anthropic", &server.url, &pictures)).await, Answer::Said(_)));
    let bytes = |kind: &str, data: Json| json!({ "type": "image", "source": { "type": "base64", "media_type": kind, "data": data } });
    let parts = json!([
        bytes("image/png", base64(PNG)),
        { "type": "image", "source": { "type": "url", "url": "https://shop.example/a.png?size=2" } },
        bytes("image/gif", json!("R0lGODdh")),
        { "type": "text", "text": "What is it?" },
    ]);
    assert_eq!(server.bodies()[0]["messages"], json!([{ "role": "user", "content": parts }]));
}

#[tokio::test]
async fn what_is_not_there_not_whole_or_not_public_is_not_sent() {
    let place = place();
    let server = Server::with(vec![Does::Hangs]).await;
    for (picture, code) in [
        (asset(&"0".repeat(64)), "asset"),
        (asset("../../etc/passwd"), "asset"),
        (Picture::Url("https://169.254.169.254/latest".into()), "egress"),
        (Picture::Url("https://user@shop.example/a.png".into()), "egress"),
        (Picture::Url("http://shop.example/a.png".into()), "egress"),
    ] {
        let shown = format!("{picture:?}");
        let Answer::Silent(found) = place.models.say(&showing("openai", &server.url, &[picture])).await else { panic!("{shown}") };
        assert_eq!((found.code.as_str(), found.doubt, found.retry), (code, false, false), "{shown}: {}", found.message);
    }
    assert!(server.bodies().is_empty());
}

async fn drawn(place: &Place, does: Does) -> (Answer, Server) {
    let server = Server::with(vec![does]).await;
    let mut prompt = prompt("openai", &server.url);
    prompt.draws = true;
    (place.models.say(&prompt).await, server)
}

#[tokio::test]
async fn an_image_that_a_model_makes_is_kept_by_its_digest_with_where_it_comes_from() {
    let place = place();
    let body = json!({ "created": 1, "data": [{ "b64_json": base64(PNG) }], "usage": { "input_tokens": 9, "output_tokens": 700 } });
    let (answer, server) = drawn(&place, Does::Answers(200, "", body.to_string())).await;
    let Answer::Said(reply) = answer else { panic!("{answer:?}") };
    let asset: Json = serde_json::from_str(&reply.text).unwrap();
    assert_eq!((&asset["media_type"], &asset["bytes"]), (&json!("image/png"), &json!(PNG.len())));
    assert_eq!(place.assets.open(asset["digest"].as_str().unwrap()).unwrap(), PNG);
    let kept = place.assets.all();
    assert_eq!(kept[0].origin, "made by `large` (m-1) for the question k of step `copy`");
    assert_eq!(reply.usage.map(|usage| (usage.input, usage.output)), Some((9, 700)));
    let seen = server.seen.lock().unwrap();
    assert!(seen[0].0.starts_with("post /images/generations "), "{}", seen[0].0);
    assert_eq!(seen[0].1, json!({ "model": "m-1", "prompt": "You write.\n\nA chair", "n": 1, "response_format": "b64_json" }));
}

#[tokio::test]
async fn what_is_no_image_is_no_answer_and_nothing_is_kept() {
    let place = place();
    let data = |data: Json| json!({ "data": [data] }).to_string();
    for body in [
        json!({ "data": [] }).to_string(),
        data(json!({ "url": "https://images.example/1.png" })),
        data(json!({ "b64_json": "no base64!" })),
        data(json!({ "b64_json": base64(b"<svg onload='x'/>") })),
        data(json!({ "b64_json": "A".repeat(28 << 20) })),
    ] {
        let begin: String = body.chars().take(80).collect();
        let (answer, _) = drawn(&place, Does::Answers(200, "", body)).await;
        let Answer::Silent(Silence { code, doubt, .. }) = answer else { panic!("{begin}") };
        assert_eq!((code.as_str(), doubt), ("schema", true), "{begin}");
    }
    assert_eq!(place.assets.all(), []);
}

#[tokio::test]
async fn the_twin_makes_an_image_too() {
    let place = place();
    let mut prompt = prompt("openai", "http://10.0.0.1");
    prompt.draws = true;
    let Answer::Said(reply) = OfflineModels::draw(&prompt, &place.assets) else { panic!() };
    let asset: Json = serde_json::from_str(&reply.text).unwrap();
    assert!(place.assets.open(asset["digest"].as_str().unwrap()).unwrap().starts_with(b"\x89PNG"));
    let Answer::Said(named) = OfflineModels::say(&prompt) else { panic!() };
    assert_eq!(named.text, reply.text, "where nothing keeps it, it has the same name");
}
