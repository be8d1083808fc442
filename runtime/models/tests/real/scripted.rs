//! A scripted server of model interfaces that others wrote (`@copilotkit/aimock`): its answers, calls of tools and faults in both dialects,
//! whole and streamed.

use super::{folder, labels, model, models, prompt, start};
use serde_json::json;
use std::process::Command;
use tradewind_engine::question::{Answer, ToolOffer};

#[tokio::test]
async fn a_scripted_server_of_others_answers_calls_and_fails_as_its_script_says() {
    let Some(folder) = folder("aimock", "node_modules/@copilotkit/aimock/dist/cli.js") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/script.json");
    let server = start("aimock", |port| {
        let mut command = Command::new("node");
        command.arg(folder.join("node_modules/@copilotkit/aimock/dist/cli.js"));
        command.args(["--host", "127.0.0.1", "--port", &port.to_string(), "--fixtures", script, "--log-level", "silent"]);
        command
    });
    let Some(server) = server else { return };
    let models = models();
    let openai = format!("{}/v1", server.url);
    for (provider, url) in [("openai", openai.as_str()), ("anthropic", server.url.as_str())] {
        for settings in ["", "stream #true"] {
            let model = model(provider, url, settings);
            let at = |said: &str| format!("{provider}, `{settings}`, {said}");
            let asked = prompt(&model, "a plain label", labels(), 5);
            let Answer::Said(reply) = models.say(&asked).await else { panic!("{}", at("a plain label")) };
            assert_eq!(
                (&*reply.text, reply.usage.is_some()),
                (r#"{"label": "praise", "confidence": 0.5}"#, true),
                "{}",
                at("a plain label")
            );

            let mut asked = prompt(&model, "call the tool", labels(), 5);
            asked.tools = vec![ToolOffer { name: "order".into(), about: "an order".to_owned(), schema: json!({ "type": "object" }) }];
            let Answer::Said(reply) = models.say(&asked).await else { panic!("{}", at("call the tool")) };
            assert_eq!((reply.calls.len(), &*reply.calls[0].name), (1, "order"), "{}", at("call the tool"));
            assert_eq!(serde_json::from_str::<serde_json::Value>(&reply.calls[0].arguments).unwrap(), json!({ "id": "o1" }));

            for (said, codes) in [
                ("fall over", ["http-500", "http-500"]),
                ("talk nonsense", ["schema", "schema"]),
                ("hang up", ["connection", "connection"]),
            ] {
                let Answer::Silent(found) = models.say(&prompt(&model, said, labels(), 5)).await else { panic!("{}", at(said)) };
                assert_eq!((codes.contains(&found.code.as_str()), found.doubt), (true, true), "{}: {found:?}", at(said));
            }
            if !settings.is_empty() {
                let Answer::Silent(found) = models.say(&prompt(&model, "stop in the middle", labels(), 5)).await else {
                    panic!("{}", at("stop"))
                };
                assert_eq!((found.code.as_str(), found.doubt, found.usage), ("connection", true, None), "{}", at("stop"));
            }
        }
    }
}
