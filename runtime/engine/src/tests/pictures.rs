//! Images: what a model is shown and what it makes, what they may cost, and what is no image.

use super::drafts::{questions, said, silent};
use super::world::*;
use crate::approval::Verdict;
use crate::event::Event;
use crate::question::{Answer, Picture, Prompt, Turn};
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

const PARTS: &str = r#"
model "eyes" provider=openai name="e" base-url="http://127.0.0.1:1/v1" {
    price input="1 USD" per="1k tokens"
    price image="0.25 USD"
    context 5000
    max-output 100
    can text classify vision
}
model "painter" provider=openai name="p" base-url="http://127.0.0.1:1/v1" { price image="0.50 USD"; context 5000; can image }
type "seen" { field "colour" string }
route "look" needs=text { candidate "eyes"; fail "nobody looked" }
route "sorts" needs=classify { candidate "eyes"; person "leads" within="4h" on-timeout=fail }
route "paint" needs=image { candidate "painter"; fail "nobody painted it" }
flow "list" {
    summary "List a photo"
    input { field "photo" asset?; field "link" string?; field "note" string }
    key "=input.note"
    decide "seen" { draft "seen" route="look" { user "What is this? {{ input.note }}"; image "=input.photo"; image "=input.link" } }
    decide "kind" { classify "kinds" route="sorts" image="=input.photo" text="=input.note" }
    decide "banner" { draft "image" route="paint" prompt="Something {{ seen.colour }}" }
    output { colour "=seen.colour"; kind "=kind.label"; by "=kind.by"; digest "=banner.digest" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

fn photo(kind: &str) -> Value {
    let digest = "a".repeat(64);
    Value::record([("digest", Value::string(digest)), ("media_type", Value::string(kind)), ("bytes", Value::Int(1_000))])
}

fn answer(prompt: &Prompt) -> Answer {
    if prompt.draws {
        let digest = "b".repeat(64);
        return said(&format!(r#"{{"digest": "{digest}", "media_type": "image/png", "bytes": 12}}"#));
    }
    let labels = prompt.schema["properties"].get("label").is_some();
    said(if labels { r#"{"label": "praise", "confidence": 0.7}"# } else { r#"{"colour": "red"}"# })
}

async fn list(says: impl Fn(&Prompt) -> Option<Answer> + Send + Sync + 'static, photo: Value, link: Value) -> (RunSummary, Vec<Event>) {
    let world = World::new(plan(&[PROJECT, PARTS]), healthy()).saying(says);
    let engine = world.open().await;
    let input = Value::record([("photo", photo), ("link", link), ("note", Value::string("n"))]);
    let started = engine.start("list", input, "test").await.unwrap();
    world.settle(&engine).await;
    if let Some(item) = engine.approvals().await.unwrap().first() {
        assert_eq!(item.approval.shown[1], ("image".to_owned(), Value::string("a".repeat(64))));
        let label = Verdict::Answer(Value::record([("label", Value::string("complaint"))]));
        engine.answer(&item.approval.id, "ann@example.com", label).await.unwrap();
        world.settle(&engine).await;
    }
    let run = engine.run(&started.run_id).await.unwrap().unwrap().summary;
    let events = world.events(&engine).await;
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
    (run, events)
}

fn field(run: &RunSummary, name: &str) -> String {
    run.output.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn images_are_shown_before_the_words_and_paid_each() {
    let (run, events) = list(|prompt| Some(answer(prompt)), photo("image/jpeg"), Value::string("https://shop.example/a.png")).await;
    assert_eq!(run.status, RunStatus::Completed, "{:?}", run.failure);
    assert_eq!((field(&run, "colour").as_str(), field(&run, "kind").as_str()), ("red", "praise"));
    assert_eq!(field(&run, "digest"), "b".repeat(64));
    let asked = questions(&events);
    let seen = asked.iter().find(|question| &*question.route == "look").unwrap();
    let shown = |turn: &Turn| matches!(turn, Turn::Image(Picture::Asset { bytes: 1_000, .. } | Picture::Url(_)));
    assert!(matches!(&seen.says[..], [one, two, Turn::User(said)] if shown(one) && shown(two) && &**said == "What is this? n"), "{seen:?}");
    // All that it can read, as nobody knows how many tokens an image is; and two images.
    assert_eq!((seen.images, seen.reserved), (2, Money::parse("5.50 USD")));
    let paint = asked.iter().find(|question| &*question.route == "paint").unwrap();
    assert_eq!((paint.images, paint.reserved), (1, Money::parse("0.50 USD")));
    // Three images are shown, for 100 tokens each time, and one is made.
    assert_eq!(run.cost, Money::parse("1.45 USD"));
}

#[tokio::test]
async fn an_optional_image_that_is_absent_is_not_shown_and_one_that_is_to_be_sorted_must_be_there() {
    let (run, events) = list(|prompt| Some(answer(prompt)), Value::Null, Value::Null).await;
    let seen = questions(&events);
    assert!(seen.iter().any(|question| &*question.route == "look") && seen.iter().all(|question| question.images == 0), "{seen:?}");
    assert!(run.failure.is_some_and(|failure| failure.message.contains("`input.photo` is absent")));
}

#[tokio::test]
async fn what_is_no_image_fails_the_step_before_anything_is_asked() {
    for (photo, link, why) in [
        (photo("image/tiff"), Value::Null, "`input.photo` is of `image/tiff`, which models do not read"),
        (photo("image/png"), Value::string("http://169.254.169.254/x"), "`input.link` is no address of an image"),
    ] {
        let (run, events) = list(|prompt| Some(answer(prompt)), photo, link).await;
        let failure = run.failure.unwrap().to_string();
        assert!(failure.contains(why), "{failure}");
        assert!(!questions(&events).iter().any(|question| &*question.route == "look"));
    }
}

#[tokio::test]
async fn a_person_sorts_an_image_that_no_model_did() {
    let says = |prompt: &Prompt| {
        let labels = prompt.schema["properties"].get("label").is_some();
        Some(if labels { silent("refused", false, false) } else { answer(prompt) })
    };
    let (run, _) = list(says, photo("image/png"), Value::Null).await;
    assert_eq!((field(&run, "kind").as_str(), field(&run, "by").as_str()), ("complaint", "person"), "{:?}", run.failure);
}
