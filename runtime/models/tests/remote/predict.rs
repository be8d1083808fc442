//! Models that predict: plain JSON as BentoML and Ray Serve speak it, mapped by expressions, and the tensors of the Open Inference
//! Protocol as KServe and Triton speak them.

use super::{Does, Server, models, prompt};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tradewind_engine::question::{Answer, Prompt, Silence, Turn, Usage};
use tradewind_lang::compile::{Repository, compile};
use tradewind_lang::plan::Model;

const PLAIN: &str = r#"request "/classify" { inputs "=text"; candidate_labels "=labels" }
    response { label "=body.best.name"; confidence "=body.best.score" }"#;
const TENSORS: &str = r#"tensors "text" label="label" confidence="score""#;
const BATCH: &str = r#"batch max=3 wait="150ms"
    request "/classify" { inputs "=texts" }
    response each="=body.predictions" { label "=it.label"; confidence "=it.score" }"#;

/// The model of a configuration.
fn model(url: &str, how: &str) -> Arc<Model> {
    let text = format!(
        r#"
project "shop" {{ currency "USD"; environment "dev" {{ store "memory://"; secret "KEY" env="KEY" }} }}
model "kind" provider=predict name="kinds" secret="KEY" base-url="{url}" {{
    price "0.01 USD"
    context 4096
    can classify
    {how}
}}
"#
    );
    let files = [("main.kdl".to_owned(), text)];
    let compiled = compile(&Repository { configuration: &files, library: &[], read: &|_| None, environment: None });
    let said: Vec<String> = compiled.diagnostics.iter().map(|found| format!("{} {}", found.code.id, found.message)).collect();
    compiled.plan.unwrap_or_else(|| panic!("{said:?}")).models["kind"].clone()
}

fn asked(model: &Arc<Model>, text: &str) -> Prompt {
    let schema = json!({ "type": "object", "properties": {
        "label": { "type": "string", "enum": ["complaint", "praise"] },
        "confidence": { "type": "number" },
    }, "required": ["label", "confidence"], "additionalProperties": false });
    let turns = vec![Turn::System("Sort it.".into()), Turn::User(text.into())];
    Prompt { model: model.clone(), turns, schema, ..prompt("predict", "http://127.0.0.1:1") }
}

async fn said(how: &str, does: Does) -> (Answer, Server) {
    let server = Server::with(vec![does]).await;
    let model = model(&server.url, how);
    (models().say(&asked(&model, "It broke.")).await, server)
}

fn answer(body: Json) -> Does {
    Does::Answers(200, "", body.to_string())
}

fn label(answer: &Answer) -> Json {
    let Answer::Said(reply) = answer else { panic!("{answer:?}") };
    serde_json::from_str(&reply.text).unwrap()
}

#[tokio::test]
async fn plain_json_is_mapped_both_ways_and_costs_its_call() {
    let (answer, server) = said(PLAIN, answer(json!({ "best": { "name": "complaint", "score": 0.75 }, "took": 3 }))).await;
    assert_eq!(label(&answer), json!({ "label": "complaint", "confidence": 0.75 }));
    let Answer::Said(reply) = answer else { panic!() };
    // Nobody counts tokens, and none has a price.
    assert_eq!(reply.usage, Some(Usage::default()));
    let seen = server.seen.lock().unwrap();
    let (head, body) = &seen[0];
    assert!(head.starts_with("post /classify ") && head.contains("authorization: bearer sk-very-secret"), "{head}");
    assert_eq!(body, &json!({ "inputs": "It broke.", "candidate_labels": ["complaint", "praise"] }));
}

#[tokio::test]
async fn tensors_hold_a_label_by_name_or_by_place_and_a_score_or_one_for_each_label() {
    let tensor = |name: &str, shape: Json, data: Json| json!({ "name": name, "shape": shape, "datatype": "X", "data": data });
    for (outputs, wanted) in [
        (json!([tensor("label", json!([1]), json!(["praise"])), tensor("score", json!([1]), json!([0.5]))]), ("praise", 0.5)),
        (json!([tensor("score", json!([1, 2]), json!([[0.25, 0.75]])), tensor("label", json!([1, 1]), json!([[1]]))]), ("praise", 0.75)),
        (json!([tensor("label", json!([1]), json!([0])), tensor("score", json!([1, 2]), json!([0.9, 0.1]))]), ("complaint", 0.9)),
    ] {
        let (answer, server) = said(TENSORS, answer(json!({ "model_name": "kinds", "outputs": outputs }))).await;
        assert_eq!(label(&answer), json!({ "label": wanted.0, "confidence": wanted.1 }));
        let seen = server.seen.lock().unwrap();
        let (head, body) = &seen[0];
        assert!(head.starts_with("post /v2/models/kinds/infer "), "{head}");
        assert_eq!(body, &json!({ "inputs": [{ "name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["It broke."] }] }));
    }
}

#[tokio::test]
async fn what_is_not_where_it_was_said_to_be_is_no_answer_and_may_have_to_be_paid() {
    let bad = [
        (PLAIN, json!({ "best": null })),
        (PLAIN, json!({})),
        (PLAIN, json!([1])),
        (BATCH, json!({ "predictions": [] })),
        (BATCH, json!({ "predictions": "none" })),
        (BATCH, json!({ "predictions": [{ "label": "praise", "score": 1.0 }, { "label": "praise", "score": 1.0 }] })),
        (TENSORS, json!({ "outputs": [] })),
        (TENSORS, json!({ "error": "no such model" })),
        (TENSORS, json!({ "outputs": [{ "name": "label", "data": [7] }, { "name": "score", "data": [0.5] }] })),
        (TENSORS, json!({ "outputs": [{ "name": "label", "data": ["praise", "praise"] }, { "name": "score", "data": [] }] })),
    ];
    for (how, body) in bad {
        let shown = body.to_string();
        let (said, _) = said(how, answer(body)).await;
        let Answer::Silent(Silence { code, doubt, retry, message, .. }) = said else { panic!("{shown}: {said:?}") };
        assert_eq!((code.as_str(), doubt, retry), ("schema", true, false), "{shown}: {message}");
    }
}

#[tokio::test]
async fn a_label_that_is_none_of_them_is_handed_on_for_the_engine_to_refuse() {
    let (answer, _) = said(PLAIN, answer(json!({ "best": { "name": "anger", "score": 7.0 } }))).await;
    assert_eq!(label(&answer), json!({ "label": "anger", "confidence": 7.0 }));
}

#[tokio::test]
async fn texts_go_out_together_and_each_hears_its_own_answer() {
    // The first two fill no batch, and leave when the time is over; the next three leave at once.
    let predictions = |labels: &[(&str, f64)]| {
        let items: Vec<Json> = labels.iter().map(|(label, score)| json!({ "label": label, "score": score })).collect();
        answer(json!({ "predictions": items }))
    };
    let script =
        vec![predictions(&[("complaint", 0.1), ("praise", 0.2)]), predictions(&[("complaint", 0.3), ("praise", 0.4), ("complaint", 0.5)])];
    let server = Server::with(script).await;
    let (model, models) = (model(&server.url, BATCH), models());
    let ask = async |texts: &[&str]| {
        let prompts: Vec<Prompt> = texts.iter().map(|text| asked(&model, text)).collect();
        let mut scores = Vec::new();
        match &prompts[..] {
            [one, two] => {
                let (one, two) = tokio::join!(models.say(one), models.say(two));
                scores.extend([one, two]);
            }
            [one, two, three] => {
                let (one, two, three) = tokio::join!(models.say(one), models.say(two), models.say(three));
                scores.extend([one, two, three]);
            }
            _ => panic!("two or three"),
        }
        scores.iter().map(|answer| label(answer)["confidence"].as_f64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ask(&["a", "b"]).await, [0.1, 0.2]);
    assert_eq!(ask(&["c", "d", "e"]).await, [0.3, 0.4, 0.5]);
    assert_eq!(server.bodies(), [json!({ "inputs": ["a", "b"] }), json!({ "inputs": ["c", "d", "e"] })]);
}

#[tokio::test]
async fn questions_with_other_labels_are_not_asked_in_one_request() {
    let one = json!({ "predictions": [{ "label": "praise", "score": 0.5 }] });
    let server = Server::with(vec![answer(one)]).await;
    let (model, models) = (model(&server.url, BATCH), models());
    let mut other = asked(&model, "b");
    other.schema["properties"]["label"]["enum"] = json!(["praise"]);
    let prompt = asked(&model, "a");
    let (first, second) = tokio::join!(models.say(&prompt), models.say(&other));
    assert_eq!((label(&first), label(&second)), (label(&first), label(&first)));
    assert_eq!(server.bodies().len(), 2);
}

#[tokio::test]
async fn a_batch_that_fails_fails_for_each_of_it() {
    let server = Server::with(vec![Does::Answers(500, "", json!({ "error": "sk-very-secret" }).to_string())]).await;
    let (model, models) = (model(&server.url, BATCH), models());
    let (one, two) = (asked(&model, "a"), asked(&model, "b"));
    let (one, two) = tokio::join!(models.say(&one), models.say(&two));
    for answer in [one, two] {
        let Answer::Silent(found) = answer else { panic!("{answer:?}") };
        assert_eq!((found.code.as_str(), found.doubt, found.message.contains("very-secret")), ("http-500", true, false));
    }
    assert_eq!(server.bodies().len(), 1);
}

#[tokio::test]
async fn a_batch_of_which_one_is_not_taken_is_asked_one_by_one() {
    let one = answer(json!({ "predictions": [{ "label": "praise", "score": 0.5 }] }));
    let server = Server::with(vec![Does::Answers(400, "", json!({ "error": "odd" }).to_string()), one]).await;
    let (model, models) = (model(&server.url, BATCH), models());
    let (one, two) = (asked(&model, "a"), asked(&model, "b"));
    let (one, two) = tokio::join!(models.say(&one), models.say(&two));
    assert_eq!((label(&one), label(&two)), (label(&one), label(&one)));
    let mut bodies: Vec<String> = server.bodies().iter().map(ToString::to_string).collect();
    bodies.sort();
    assert_eq!(bodies, [r#"{"inputs":["a","b"]}"#, r#"{"inputs":["a"]}"#, r#"{"inputs":["b"]}"#]);
}
