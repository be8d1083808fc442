//! A provider that answers 5xx for ten minutes: every run of that time goes down its ladder after a bounded number of calls, what was
//! certainly not worked costs nothing, and the first run after it is answered as ever.

use super::drafts::{MODELS, questions, said, silent};
use super::world::*;
use crate::ports::Clock;
use crate::replay::replay;
use crate::summary::RunStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tradewind_lang::money::Money;
use tradewind_lang::value::Value;

const FLOW: &str = r#"
type "note" { field "text" string }
route "note" needs=text deadline="30s" { candidate "small"; template "We will write to you about {{ input.product }}." }
flow "describe" {
    summary "Write a note"
    input { field "product" string }
    key "=input.product"
    decide "note" { draft "note" route="note" prompt="Write about {{ input.product }}." }
    output { text "=note.text" }
}
policy "others" { on "desk.reply" "desk.page" "pay.refund" "pay.credit"; limit "all" count=9 }
"#;

const MINUTE: i64 = 60 * SECOND;

#[tokio::test]
async fn ten_minutes_of_errors_are_lived_through_by_the_ladder_and_cost_what_is_in_doubt() {
    for (code, is_doubtful) in [("http-503", false), ("http-500", true)] {
        let calls = Arc::new(AtomicUsize::new(0));
        let world = World::new(plan(&[PROJECT, MODELS, FLOW]), healthy());
        let (seen, clock) = (calls.clone(), world.clock.clone());
        let world = world.saying(move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
            let is_down = clock.now() < START + 10 * MINUTE;
            Some(if is_down { silent(code, is_doubtful, true) } else { said(r#"{"text": "Written."}"#) })
        });
        let engine = world.open().await;
        let mut runs = Vec::new();
        for minute in 0..12_i64 {
            let behind = START + minute * MINUTE - world.clock.now();
            world.clock.advance(behind.max(0));
            let input = Value::record([("product", Value::string(format!("p{minute}")))]);
            let started = engine.start("describe", input, "test").await.unwrap();
            world.settle(&engine).await;
            runs.push(engine.run(&started.run_id).await.unwrap().unwrap().summary);
        }
        let text = |place: usize| runs[place].output.get("text").and_then(Value::as_str).unwrap_or_default().to_owned();
        assert!(runs.iter().all(|run| run.status == RunStatus::Completed), "{code}");
        assert_eq!((text(0), text(11)), ("We will write to you about p0.".to_owned(), "Written.".to_owned()), "{code}");
        let down = runs.iter().filter(|run| run.output.get("text").and_then(Value::as_str) != Some("Written.")).count();
        assert!((8..=11).contains(&down), "{code}: {down}");
        // A call and two more, for each run of that time.
        assert!(calls.load(Ordering::SeqCst) <= down * 3 + (12 - down) * 3, "{code}");
        let events = world.events(&engine).await;
        let reserved = questions(&events)[0].reserved.unwrap();
        let cost = |count: i64| (0..count).try_fold(Money::parse("0 USD").unwrap(), |sum, _| sum.plus(reserved));
        assert_eq!(runs[0].cost, if is_doubtful { cost(3) } else { None }, "{code}");
        engine.shutdown().await;
        replay(&*world.log, 0).await.unwrap();
    }
}
