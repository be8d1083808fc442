//! Limits of a model: whoever finds no room waits, nobody is sent beyond them, and what will not be in time is said at once. And models
//! that are kept loaded.

use super::{Does, Server, models, openai, prompt};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tradewind_engine::question::{Answer, Prompt};
use tradewind_lang::plan::{Model, ModelLimit};

fn limited(url: &str, limit: ModelLimit) -> Prompt {
    let mut prompt = prompt("openai", url);
    let mut model = Model::clone(&prompt.model);
    model.remote.as_mut().unwrap().limit = Some(limit);
    prompt.model = Arc::new(model);
    prompt
}

const NONE: ModelLimit = ModelLimit { requests: None, tokens: None, per: 0, in_flight: None };

async fn good() -> Server {
    Server::with(vec![Does::Answers(200, "", openai(&json!("{}")))]).await
}

fn code(answer: &Answer) -> &str {
    match answer {
        Answer::Said(_) => "said",
        Answer::Silent(silence) => &silence.code,
    }
}

#[tokio::test]
async fn no_more_requests_go_out_in_a_span_than_it_holds() {
    let server = good().await;
    let prompt = limited(&server.url, ModelLimit { requests: Some(2), per: 300_000, ..NONE });
    let (models, begun) = (models(), Instant::now());
    let answers = tokio::join!(models.say(&prompt), models.say(&prompt), models.say(&prompt));
    assert_eq!([code(&answers.0), code(&answers.1), code(&answers.2)], ["said"; 3]);
    assert!(begun.elapsed() >= Duration::from_millis(300), "the third waits for room");
}

#[tokio::test]
async fn whoever_would_wait_too_long_hears_so_before_anything_is_sent() {
    let server = good().await;
    let prompt = limited(&server.url, ModelLimit { requests: Some(1), per: 60_000_000, ..NONE });
    let models = models();
    assert_eq!(code(&models.say(&prompt).await), "said");
    let Answer::Silent(found) = models.say(&prompt).await else { panic!("there is no room") };
    assert_eq!((found.code.as_str(), found.doubt, found.retry), ("limit", false, false));
    assert_eq!(found.message, "the limit of `large` leaves no room in time");
    assert_eq!(server.bodies().len(), 1);
}

#[tokio::test]
async fn tokens_count_as_their_provider_counts_them() {
    let server = good().await;
    // 37 are counted for each call; more are expected before, as an answer may have 100.
    let prompt = limited(&server.url, ModelLimit { tokens: Some(150), per: 60_000_000, ..NONE });
    let models = models();
    assert_eq!(code(&models.say(&prompt).await), "said");
    assert_eq!(code(&models.say(&prompt).await), "said");
    assert_eq!(code(&models.say(&prompt).await), "limit");
    assert_eq!(server.bodies().len(), 2);
}

#[tokio::test]
async fn no_more_are_under_way_than_may_be_at_once() {
    let server = Server::with(vec![Does::Late(100, openai(&json!("{}")))]).await;
    let prompt = limited(&server.url, ModelLimit { in_flight: Some(1), ..NONE });
    let (models, begun) = (models(), Instant::now());
    let answers = tokio::join!(models.say(&prompt), models.say(&prompt), models.say(&prompt));
    assert_eq!([code(&answers.0), code(&answers.1), code(&answers.2)], ["said"; 3]);
    assert!(begun.elapsed() >= Duration::from_millis(300), "one after the other");
}

#[tokio::test]
async fn a_provider_that_wants_to_be_left_in_peace_is_left_so_by_everybody() {
    let server = Server::with(vec![Does::Answers(429, "retry-after: 60\r\n", String::new())]).await;
    let prompt = limited(&server.url, ModelLimit { requests: Some(100), per: 1_000_000, ..NONE });
    let models = models();
    assert_eq!(code(&models.say(&prompt).await), "http-429");
    assert_eq!(code(&models.say(&prompt).await), "limit");
    assert_eq!(server.bodies().len(), 1);
}

#[tokio::test]
async fn a_model_is_kept_loaded_for_as_long_as_it_says_and_no_longer() {
    let server = good().await;
    let mut prompt = prompt("openai", &server.url);
    let mut model = Model::clone(&prompt.model);
    model.remote.as_mut().unwrap().warm = Some(1_000_000);
    prompt.model = Arc::new(model);
    let models = models();
    models.warm(&prompt.model).await;
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    let heads = |server: &Server| -> Vec<String> { server.seen.lock().unwrap().iter().map(|(head, _)| head.clone()).collect() };
    let asked = heads(&server);
    assert!(asked.iter().all(|head| head.starts_with("get /models ") && head.contains("sk-very-secret")), "{asked:?}");
    assert!((3..=5).contains(&asked.len()), "at once, and every quarter of a second for a second: {}", asked.len());
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(heads(&server).len(), asked.len(), "nobody calls it");
    assert_eq!(code(&models.say(&prompt).await), "said");
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(heads(&server).len() > asked.len() + 1, "a call keeps it loaded again");
}
