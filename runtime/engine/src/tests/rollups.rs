//! Series that merge what is old: figures stay what they were, the points get few; and series whose newest point is too old.

use super::world::*;
use crate::arrival::Arrival;
use crate::engine::Engine;
use crate::event::Used;
use crate::replay::replay;
use crate::summary::{RunStatus, RunSummary};
use tradewind_lang::value::Value;

const DAY: i64 = 24 * HOUR;

const SALES: &str = r#"
type "sale" { field "sku" string; field "units" int; field "revenue" money; field "weight" double?; field "channel" string; field "at" timestamp }
series "apart" point="sale" subject="sku" at="at" retention="400d" { from event="sale" }
series "merged" point="sale" subject="sku" at="at" retention="400d" {
    from event="sale"
    rollup "1d" after="2d"
    rollup "7d" after="20d"
}
series "lively" point="sale" subject="sku" at="at" retention="400d" fresh="6h" { from event="sale" }
flow "look" {
    input { field "n" int }
    observe "apart" {
        measure by="channel" {
            sales "=count(apart.units, '300d')"; units "=sum(apart.units, '300d')"; mean "=mean(apart.revenue, '300d')"
            least "=min(apart.units, '300d')"; most "=max(apart.revenue, '300d')"; last "=last(apart.units, '300d')"
            weight "=mean(apart.weight, '300d')"; skus "=last(apart.sku, '300d')"; near "=quantile(0.5, apart.units, '2d')"
        }
    }
    observe "merged" {
        measure by="channel" {
            sales "=count(merged.units, '300d')"; units "=sum(merged.units, '300d')"; mean "=mean(merged.revenue, '300d')"
            least "=min(merged.units, '300d')"; most "=max(merged.revenue, '300d')"; last "=last(merged.units, '300d')"
            weight "=mean(merged.weight, '300d')"; skus "=last(merged.sku, '300d')"; near "=quantile(0.5, merged.units, '2d')"
        }
    }
    output { apart "=apart"; merged "=merged" }
}
flow "now" {
    input { field "n" int }
    observe "now" { measure { units "=sum(lively.units, '300d')" } }
    output { units "=now.units" }
}
"#;

fn world() -> World {
    World::new(plan(&[PROJECT, SALES]), healthy())
}

async fn sold(engine: &Engine, id: usize, (sku, channel): (&str, &str), (units, weight): (i64, Option<f64>), at: i64) {
    let payload = Value::record([
        ("sku", Value::string(sku)),
        ("units", Value::Int(units)),
        ("revenue", money(&format!("{}.25 USD", units * 3))),
        ("weight", weight.map_or(Value::Null, Value::Double)),
        ("channel", Value::string(channel)),
        ("at", Value::Timestamp(at)),
    ]);
    let (source, account, id) = ("command-line".into(), "".into(), format!("s{id}").into());
    engine.receive(Arrival { name: "sale".into(), source, account, id, payload }).await.unwrap();
}

async fn run(world: &World, engine: &Engine, flow: &str, n: i64) -> RunSummary {
    let started = engine.start(flow, Value::record([("n", Value::Int(n))]), "test").await.unwrap();
    world.settle(engine).await;
    engine.run(&started.run_id).await.unwrap().unwrap().summary
}

/// What both series say, which is the same; and how many points were looked at for it.
async fn agree(world: &World, engine: &Engine, n: i64) -> Vec<u64> {
    let found = run(world, engine, "look", n).await;
    assert_eq!(found.status, RunStatus::Completed, "{found:#?}");
    let (apart, merged) = (found.output.get("apart").unwrap(), found.output.get("merged").unwrap());
    assert_eq!(apart, merged);
    let points = world.events(engine).await.into_iter().filter(|event| event.header.run.as_ref() == Some(&found.id));
    points.filter_map(|event| if let Used::Measured { points } = event.used { Some(points) } else { None }).collect()
}

#[tokio::test]
async fn merged_points_come_to_the_same_figures_and_are_few() {
    let world = world();
    let engine = world.open().await;
    let mut id = 0;
    for day in 0..40 {
        for (sku, channel) in [("lamp", "shop"), ("lamp", "web"), ("shoe", "shop")] {
            for hour in [1, 9, 17] {
                id += 1;
                let weight = (id % 4 != 0).then_some(f64::from(u8::try_from(id % 7).unwrap()) / 4.0);
                sold(&engine, id, (sku, channel), (i64::try_from(id % 11).unwrap(), weight), START + day * DAY + hour * HOUR).await;
            }
        }
        world.clock.set(START + (day + 1) * DAY);
    }
    let points = agree(&world, &engine, 1).await;
    assert_eq!(points[0], 360);
    assert!((20..=120).contains(&points[1]), "{points:?}");
    // One that comes late, into a day and a week that are merged.
    sold(&engine, 9_001, ("lamp", "web"), (50, None), START + 3 * DAY + HOUR).await;
    sold(&engine, 9_002, ("lamp", "shop"), (-4, Some(2.5)), START + 30 * DAY + HOUR).await;
    let late = agree(&world, &engine, 2).await;
    assert_eq!(late[0], 362);
    assert!(late[1] <= points[1], "they are merged with those of their day and week: {late:?}");
    replay(&*world.log, 0).await.unwrap();
    engine.rebuild().await.unwrap();
    let image = image_of(&engine).await;
    engine.shutdown().await;
    for image in [None, Some(&*image)] {
        let again = world.try_open_with(image).await.unwrap();
        assert_eq!(agree(&world, &again, 3 + i64::from(image.is_some())).await, late);
        again.shutdown().await;
    }
}

#[tokio::test]
async fn figures_of_a_series_whose_newest_point_is_too_old_are_refused() {
    let world = world();
    let engine = world.open().await;
    let failure = |run: RunSummary| run.failure.as_ref().map(|failure| (failure.code.clone(), failure.message.clone())).unwrap();
    let none = failure(run(&world, &engine, "now", 1).await);
    assert_eq!(none, ("stale".to_owned(), "`lively` wants a point of the last 6h, and there is none".to_owned()));
    sold(&engine, 1, ("lamp", "shop"), (4, None), START - HOUR).await;
    // What says that it was tomorrow says nothing of today.
    sold(&engine, 2, ("lamp", "shop"), (4, None), START + 300 * DAY).await;
    assert_eq!(run(&world, &engine, "now", 2).await.output.get("units"), Some(&Value::Int(4)));
    world.clock.set(START + 5 * HOUR);
    let (code, message) = failure(run(&world, &engine, "now", 3).await);
    assert_eq!(code, "stale");
    assert!(message.starts_with("`lively` wants a point of the last 6h, and the newest is of 2025-12-31T23:00:00"), "{message}");
    replay(&*world.log, 0).await.unwrap();
}
