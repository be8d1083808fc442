//! A real `llama-server` with SmolLM2 (135 million parameters): both dialects, whole and streamed, held to a schema; what it counts; and what
//! becomes of a question when it dies. What so small a model says is not judged.

use super::{folder, labels, model, models, prompt, start};
use serde_json::Value as Json;
use std::process::Command;
use std::time::{Duration, Instant};
use tradewind_engine::question::{Answer, Prompt, Reply};
use tradewind_models::RemoteModels;

/// A minute on a machine that does other things, too.
const PATIENCE: i64 = 60;

async fn said(models: &RemoteModels, prompt: &Prompt) -> Reply {
    let begun = Instant::now();
    loop {
        match models.say(prompt).await {
            Answer::Said(reply) => return reply,
            // It listens before its model is loaded.
            Answer::Silent(silence) if silence.code == "http-503" && begun.elapsed() < Duration::from_secs(60) => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Answer::Silent(silence) => panic!("{silence:?}"),
        }
    }
}

#[tokio::test]
async fn a_real_server_answers_in_both_dialects_whole_and_streamed_and_dies_as_one_does() {
    let Some(folder) = folder("llama", "model.gguf") else { return };
    let server = start("llama", |port| {
        let mut command = Command::new(folder.join("llama-server"));
        let port = port.to_string();
        command.env("LD_LIBRARY_PATH", &folder).args(["--host", "127.0.0.1", "--port", &port, "-c", "2048", "-t", "2", "-m"]);
        command.arg(folder.join("model.gguf"));
        command
    });
    let Some(mut server) = server else { return };
    let models = models();
    let openai = format!("{}/v1", server.url);
    for (provider, url, settings) in [
        ("openai", openai.as_str(), ""),
        ("openai", openai.as_str(), "stream #true"),
        ("anthropic", server.url.as_str(), ""),
        ("anthropic", server.url.as_str(), "stream #true"),
    ] {
        let model = model(provider, url, settings);
        let reply = said(&models, &prompt(&model, "It broke after a day.", labels(), PATIENCE)).await;
        let shown = format!("{provider} {settings}: {reply:?}");
        let answer: Json = serde_json::from_str(&reply.text).unwrap_or_else(|error| panic!("{error}: {shown}"));
        assert!(["complaint", "praise"].contains(&answer["label"].as_str().unwrap_or_default()), "{shown}");
        let usage = reply.usage.unwrap_or_else(|| panic!("it counts: {shown}"));
        assert!(usage.input > 10 && usage.output > 3 && usage.cached <= usage.input, "{shown}");
    }
    // It writes without end, and its process dies meanwhile.
    for settings in ["", "stream #true"] {
        let endless = model("openai", &openai, settings);
        let text = serde_json::json!({ "type": "object", "properties": { "text": { "type": "string", "minLength": 3000 } }, "required": ["text"] });
        let mut endless = prompt(&endless, "Write a very long story.", text, 1);
        let Answer::Silent(found) = models.say(&endless).await else { panic!("no model writes that in a second") };
        assert_eq!((found.code.as_str(), found.doubt), ("time-out", true), "{settings}");
        endless.within = PATIENCE * 1_000_000;
        if !settings.is_empty() {
            let asked = models.say(&endless);
            let dies = async {
                tokio::time::sleep(Duration::from_millis(500)).await;
                server.child.kill().unwrap();
            };
            let (answer, ()) = tokio::join!(asked, dies);
            let Answer::Silent(found) = answer else { panic!("it died") };
            assert_eq!((found.code.as_str(), found.doubt, found.retry), ("connection", true, true), "{}", found.message);
        }
    }
    let _ = server.child.wait();
    let model = model("openai", &openai, "");
    let Answer::Silent(found) = models.say(&prompt(&model, "Hello?", labels(), 2)).await else { panic!("nobody is there") };
    assert_eq!((found.code.as_str(), found.doubt, found.retry), ("connect", false, true));
}
