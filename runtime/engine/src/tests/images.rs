//! Images: whoever starts from one knows what a fold of the whole log knows, and does the same.

use super::world::{HOUR, World, denied, image_of, message, rest, segments, start};
use crate::approval::Verdict;
use crate::engine::Engine;
use crate::segment::Segment;
use crate::summary::RunFilter;

/// Everything that people are told, as text.
async fn told(engine: &Engine) -> String {
    let runs = engine.runs(RunFilter { parts: true, ..RunFilter::default() }).await.unwrap();
    let mut text = format!("{:#?}", engine.approvals().await.unwrap());
    for run in &runs {
        text += &format!("{:#?}", engine.run(&run.id).await.unwrap());
    }
    text + &format!("{runs:#?} {:#?} {:#?}", engine.adoptions().await.unwrap(), engine.facts("notes", "c1").await.unwrap())
}

/// Some that end, one that asks a person what it is about, one that waits for an approval.
async fn work(world: &World, engine: &Engine, from: usize) {
    for (number, (text, amount)) in [
        ("complaint 0.9: broken", "20 USD"),
        ("praise 0.9: fine", "1 USD"),
        ("praise 0.1: unclear", "1 USD"),
        ("complaint 0.9: dear", "400 USD"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = from + number;
        start(engine, message(&format!("m{number}"), &format!("o{number}"), text, amount)).await;
    }
    world.settle(engine).await;
}

#[tokio::test]
async fn a_start_from_an_image_knows_what_a_fold_of_everything_knows() {
    let world = World::triage();
    let engine = world.open().await;
    work(&world, &engine, 0).await;
    let (image, at) = (image_of(&engine).await, engine.image().await.unwrap().events());
    work(&world, &engine, 10).await;
    let before = told(&engine).await;
    engine.rebuild().await.unwrap();
    engine.shutdown().await;

    let whole = world.open().await;
    assert_eq!(whole.opened_with(), 0);
    assert_eq!(told(&whole).await, before);
    whole.shutdown().await;
    let partly = world.try_open_with(Some(&image)).await.unwrap();
    assert_eq!(partly.opened_with(), at);
    assert_eq!(told(&partly).await, before);
    // What it holds is what the whole log says, and so is what it holds after more work.
    partly.rebuild().await.unwrap();
    work(&world, &partly, 20).await;
    partly.rebuild().await.unwrap();
    partly.verify().await.unwrap();
    crate::replay::replay(&*world.log, 0).await.unwrap();
    partly.shutdown().await;
}

#[tokio::test]
async fn what_waits_goes_on_and_what_was_taken_stays_taken() {
    let world = World::triage();
    let engine = world.open().await;
    work(&world, &engine, 0).await;
    let image = image_of(&engine).await;
    engine.shutdown().await;
    let engine = world.try_open_with(Some(&image)).await.unwrap();
    let waiting = engine.approvals().await.unwrap();
    assert_eq!(waiting.len(), 2, "{waiting:#?}");
    let large = waiting.iter().find(|item| item.approval.operation.is_some()).unwrap();
    engine
        .answer(&large.approval.id, "ann@example.com", Verdict::Approve { edits: crate::tests::world::money("0 USD").clone() })
        .await
        .ok();
    let yes = Verdict::Approve { edits: tradewind_lang::value::Value::Null };
    engine.answer(&large.approval.id, "ann@example.com", yes).await.unwrap();
    world.settle(&engine).await;
    assert_eq!(world.connectors.effects().iter().filter(|(operation, ..)| operation == "pay.refund").count(), 2);
    // A business key of before the image, and an input of before it.
    assert!(!start(&engine, message("m0", "o0", "complaint 0.9: broken", "20 USD")).await.is_new);
    assert!(start(&engine, message("m0", "o0", "complaint 0.9: changed", "20 USD")).await.conflict);
    start(&engine, message("m99", "o0", "complaint 0.9: again", "20 USD")).await;
    world.settle(&engine).await;
    assert!(denied(&world.events(&engine).await).contains(&"unique".to_owned()));
    // The clock of a question goes on, too.
    world.clock.advance(9 * HOUR);
    rest(&engine).await;
    world.settle(&engine).await;
    assert!(engine.approvals().await.unwrap().is_empty());
    engine.rebuild().await.unwrap();
    engine.shutdown().await;
}

#[tokio::test]
async fn an_image_that_is_damaged_or_of_another_log_is_passed_over() {
    let world = World::triage();
    let engine = world.open().await;
    work(&world, &engine, 0).await;
    let image = image_of(&engine).await;
    let before = told(&engine).await;
    engine.shutdown().await;
    let passed_over = async |image: &[u8], what: &str| {
        let engine = world.try_open_with(Some(image)).await.unwrap();
        assert_eq!((engine.opened_with(), told(&engine).await == before), (0, true), "{what}");
        engine.shutdown().await;
    };
    for place in (0..image.len()).step_by(image.len() / 23) {
        let mut changed = image.clone();
        changed[place] ^= 4;
        passed_over(&changed, "a byte was changed").await;
    }
    for length in [0, 7, 32, image.len() / 2, image.len() - 1] {
        passed_over(&image[..length], "its end is missing").await;
    }
    let other = World::triage();
    let engine = other.open().await;
    start(&engine, message("x1", "o1", "praise 0.9: fine", "1 USD")).await;
    other.settle(&engine).await;
    let of_another = image_of(&engine).await;
    engine.shutdown().await;
    passed_over(&of_another, "it is of another log").await;
    // One that knows more than the log holds: the store was put back.
    let last: Segment = segments(&world.log).await.pop().unwrap();
    world.log.remove(0, last.first);
    let engine = world.try_open_with(Some(&image)).await.unwrap();
    assert_eq!(engine.opened_with(), 0);
    engine.shutdown().await;
}
