//! Series: points of events, figures over their windows, and that a log comes to the same again.

use super::world::*;
use crate::arrival::Arrival;
use crate::engine::Engine;
use crate::event::Used;
use crate::replay::replay;
use crate::summary::RunStatus;
use tradewind_lang::value::Value;

const DAY: i64 = 24 * HOUR;

const SALES: &str = r#"
type "sale_line" { field "sku" string; field "quantity" int; field "total" money }
type "sold" { field "nr" string; field "lines" list<sale_line>; field "at" timestamp }
type "sale" { field "sku_id" string; field "units" int; field "revenue" money; field "at" timestamp; field "channel" string { default "shop" } }
type "stock" subject="sku_id" { field "sku_id" string; field "units" int; field "at" timestamp; field "by" string pii }
series "sales" point="sale" subject="sku_id" at="at" retention="30d" {
    from event="sold" each="=event.lines" as="line" { sku_id "=line.sku"; units "=line.quantity"; revenue "=line.total" }
}
series "stocks" point="stock" subject="sku_id" at="at" retention="30d" { from event="stock" }
flow "look" {
    input { field "n" int; field "least" int }
    observe "all" {
        measure {
            units "=sum(sales.units, '7d')"
            sales "=count(sales.units, '7d')"
            mean "=mean(sales.revenue, '7d')"
            best "=max(sales.revenue, '20d')"
            half "=quantile(0.5, sales.units, '20d')"
            enough "=sum(sales.units, '7d') >= input.least"
        }
    }
    observe "each_sku" {
        measure by="sku_id" {
            units "=sum(sales.units, '7d')"
            left "=last(stocks.units, '20d')"
        }
    }
    output {
        units "=all.units"; sales "=all.sales"; mean "=all.mean.or('0 USD')"; best "=all.best.or('0 USD')"; half "=all.half.or(-1)"
        enough "=all.enough"; skus "=each_sku.map(sku, sku)"
        lamps "='lamp' in each_sku ? each_sku['lamp'].units : -1"; left "='lamp' in each_sku ? each_sku['lamp'].left.or(-1) : -1"
    }
}
"#;

fn world() -> World {
    World::new(plan(&[PROJECT, SALES]), healthy())
}

async fn tell(engine: &Engine, name: &str, id: &str, payload: Value) {
    let (source, account) = ("command-line".into(), "".into());
    engine.receive(Arrival { name: name.into(), source, account, id: id.into(), payload }).await.unwrap();
}

async fn sold(engine: &Engine, nr: &str, at: i64, lines: &[(&str, i64, &str)]) {
    let line = |(sku, quantity, total): &(&str, i64, &str)| {
        Value::record([("sku", Value::string(*sku)), ("quantity", Value::Int(*quantity)), ("total", money(total))])
    };
    let lines = Value::list(lines.iter().map(line));
    tell(engine, "sold", nr, Value::record([("nr", Value::string(nr)), ("lines", lines), ("at", Value::Timestamp(at))])).await;
}

async fn look(world: &World, engine: &Engine, n: i64) -> Vec<Value> {
    let started = engine.start("look", Value::record([("n", Value::Int(n)), ("least", Value::Int(5))]), "test").await.unwrap();
    world.settle(engine).await;
    let found = engine.run(&started.run_id).await.unwrap().unwrap();
    assert_eq!(found.summary.status, RunStatus::Completed, "{found:#?}");
    let names = ["units", "sales", "mean", "best", "half", "enough", "skus", "lamps", "left"];
    names.iter().map(|name| found.summary.output.get(name).cloned().unwrap()).collect()
}

fn list(texts: &[&str]) -> Value {
    Value::list(texts.iter().map(|text| Value::string(*text)))
}

#[tokio::test]
async fn figures_are_of_the_points_of_their_windows_and_of_nothing_where_there_are_none() {
    let world = world();
    let engine = world.open().await;
    let nothing = [
        Value::Int(0),
        Value::Int(0),
        money("0 USD"),
        money("0 USD"),
        Value::Int(-1),
        Value::Bool(false),
        list(&[]),
        Value::Int(-1),
        Value::Int(-1),
    ];
    assert_eq!(look(&world, &engine, 0).await, nothing);
    sold(&engine, "o1", START - 10 * DAY, &[("lamp", 9, "900 USD")]).await;
    sold(&engine, "o2", START - HOUR, &[("lamp", 2, "40 USD"), ("shoe", 1, "80 USD")]).await;
    // Told twice, it counts once; one of tomorrow does not count yet.
    sold(&engine, "o2", START - HOUR, &[("lamp", 2, "40 USD"), ("shoe", 1, "80 USD")]).await;
    sold(&engine, "o3", START + DAY, &[("hat", 7, "70 USD")]).await;
    for (id, units, at) in [("s1", 4, START - 2 * HOUR), ("s2", 11, START - 3 * HOUR)] {
        let stock = [
            ("sku_id", Value::string("lamp")),
            ("units", Value::Int(units)),
            ("at", Value::Timestamp(at)),
            ("by", Value::string("Ann of the store")),
        ];
        tell(&engine, "stock", id, Value::record(stock)).await;
    }
    let wanted = [
        Value::Int(3),
        Value::Int(2),
        money("60 USD"),
        money("900 USD"),
        Value::Int(2),
        Value::Bool(false),
        list(&["lamp", "shoe"]),
        Value::Int(2),
        Value::Int(4),
    ];
    assert_eq!(look(&world, &engine, 1).await, wanted);
    let points: Vec<u64> = world
        .events(&engine)
        .await
        .iter()
        .filter_map(|event| match event.used {
            Used::Measured { points } => Some(points),
            _ => None,
        })
        .collect();
    assert_eq!(points, [0, 0, 3, 4]);
    replay(&*world.log, 0).await.unwrap();
    engine.rebuild().await.unwrap();
    let image = image_of(&engine).await;
    engine.shutdown().await;
    // The windows move on, and what is older than the series keeps is gone.
    world.clock.advance(2 * DAY);
    let engine = world.try_open_with(Some(&image)).await.unwrap();
    let moved = look(&world, &engine, 2).await;
    assert_eq!((&moved[0], &moved[5], &moved[6]), (&Value::Int(10), &Value::Bool(true), &list(&["hat", "lamp", "shoe"])));
    world.clock.advance(40 * DAY);
    sold(&engine, "o9", START + 42 * DAY, &[("bag", 1, "5 USD")]).await;
    assert_eq!(look(&world, &engine, 3).await[6], list(&["bag"]));
    engine.rebuild().await.unwrap();
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn points_of_somebody_who_is_forgotten_are_measured_no_more() {
    let world = world();
    let engine = world.open().await;
    let stock = |sku: &str| {
        let (by, at) = (Value::string("Ann of the store"), Value::Timestamp(START - HOUR));
        Value::record([("sku_id", Value::string(sku)), ("units", Value::Int(4)), ("at", at), ("by", by)])
    };
    tell(&engine, "stock", "s1", stock("lamp")).await;
    tell(&engine, "stock", "s2", stock("shoe")).await;
    assert_eq!(look(&world, &engine, 1).await[6], list(&["lamp", "shoe"]));
    engine.forget("lamp", "ann@example.com").await.unwrap();
    assert_eq!(look(&world, &engine, 2).await[6], list(&["shoe"]));
    engine.rebuild().await.unwrap();
    let again = world.open().await;
    assert_eq!(look(&world, &again, 3).await[6], list(&["shoe"]));
    again.rebuild().await.unwrap();
}

const ODD: &str = r#"
type "sold" { field "sku" string; field "units" int; field "at" timestamp }
series "sales" point="sold" subject="sku" at="at" retention="90d" { from event="sold" }
flow "look" {
    input { field "n" int; field "least" int }
    observe "all" {
        measure {
            plain "=oddity(sales.units, '60d')"
            weekly "=oddity(sales.units, '60d', 'weekday')"
            odd "=abs(oddity(sales.units, '60d').or(0.0)) > 3.5"
        }
    }
    output { plain "=all.plain.or(-1.0)"; weekly "=all.weekly.or(-1.0)"; odd "=all.odd" }
}
"#;

#[tokio::test]
async fn the_newest_point_is_held_against_what_is_usual_and_against_its_own_weekday() {
    let world = World::new(plan(&[PROJECT, ODD]), healthy());
    let engine = world.open().await;
    let look = async |n: i64| {
        let started = engine.start("look", Value::record([("n", Value::Int(n)), ("least", Value::Int(0))]), "test").await.unwrap();
        world.settle(&engine).await;
        let output = engine.run(&started.run_id).await.unwrap().unwrap().summary.output;
        ["plain", "weekly", "odd"].map(|name| output.get(name).cloned().unwrap())
    };
    let sell = async |id: String, units: i64, at: i64| {
        let sold = [("sku", Value::string("lamp")), ("units", Value::Int(units)), ("at", Value::Timestamp(at))];
        tell(&engine, "sold", &id, Value::record(sold)).await;
    };
    // Of nothing, and of too few, nothing is said.
    assert_eq!(look(0).await, [Value::Double(-1.0), Value::Double(-1.0), Value::Bool(false)]);
    sell("first".to_owned(), 10, START - 59 * DAY).await;
    assert_eq!(look(1).await, [Value::Double(-1.0), Value::Double(-1.0), Value::Bool(false)]);
    // Eight weeks and a day: every seventh day a hundred are sold, and ten or eleven on the others. The last is such a seventh day.
    for day in 0..57 {
        let units = if day % 7 == 0 { 100 + day % 2 } else { 10 + day % 3 };
        sell(format!("d{day}"), units, START - (57 - day) * DAY).await;
    }
    let [plain, weekly, odd] = look(2).await;
    let (Value::Double(plain), Value::Double(weekly)) = (plain, weekly) else { panic!("no figures") };
    assert!(plain > 3.5, "{plain}");
    assert!(weekly.abs() < 3.5, "{weekly}");
    assert_eq!(odd, Value::Bool(true));
    replay(&*world.log, 0).await.unwrap();
}
