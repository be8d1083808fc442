//! Clocks that start runs: the right instants in every zone, each once, whatever the process and the clock do.

use super::world::*;
use crate::replay::replay;
use crate::schedule::Schedule;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::Fault;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use tradewind_lang::plan::Times;
use tradewind_lang::value::Value;

const MINUTE: i64 = 60 * SECOND;

/// An oracle of another kind: it walks from minute to minute and strikes whenever the clock on the wall shows, or jumps over, a
/// time that is wanted and that it has never shown.
fn walked(zone: &TimeZone, from: i64, until: i64, wanted: impl Fn(DateTime) -> bool) -> Vec<i64> {
    let wall = |at: i64| zone.to_datetime(Timestamp::from_microsecond(at).unwrap());
    let mut shown = wall(from);
    let mut found = Vec::new();
    let mut at = from;
    while at < until {
        at += MINUTE;
        let now = wall(at);
        let mut strikes = false;
        while shown < now {
            shown = shown.checked_add(jiff::Span::new().minutes(1)).unwrap();
            strikes |= wanted(shown);
        }
        if strikes {
            found.push(at);
        }
    }
    found
}

fn struck(schedule: &Schedule, from: i64, until: i64) -> Vec<i64> {
    schedule.between(from, until, usize::MAX)
}

const ZONES: [&str; 10] = [
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
    "America/St_Johns",
    "Asia/Tehran",
];

/// A day around each change of a zone's clock in ten years.
fn changes(zone: &TimeZone) -> Vec<i64> {
    let from: Timestamp = "2008-01-01T00:00:00Z".parse().unwrap();
    let until: Timestamp = "2018-01-01T00:00:00Z".parse().unwrap();
    let instants = zone.following(from).take_while(|change| change.timestamp() < until);
    instants.map(|change| change.timestamp().as_microsecond()).collect()
}

#[test]
fn a_clock_strikes_at_each_time_of_the_wall_once_over_every_change_of_ten_years() {
    let mut compared = 0;
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        for change in changes(&zone) {
            // To a whole minute; every change of these years is at one.
            let (from, until) = (change - 14 * 60 * MINUTE, change + 14 * 60 * MINUTE);
            for at in [0_u16, 90, 119, 120, 150, 179, 180, 1439] {
                let schedule = Schedule::new(&Times::Daily { at }, name).unwrap();
                let oracle = walked(&zone, from, until, |wall| wall.hour() as u16 * 60 + wall.minute() as u16 == at);
                assert_eq!(struck(&schedule, from, until), oracle, "{name} {change} {at}");
                compared += oracle.len();
            }
            let lines: [(&str, fn(DateTime) -> bool); 3] = [
                ("*/20 * * * *", |wall| wall.minute() % 20 == 0),
                ("15 1-3 * * 0,6", |wall| {
                    wall.minute() == 15 && (1..=3).contains(&wall.hour()) && wall.weekday().to_monday_one_offset() >= 6
                }),
                ("30 2 1-15/2 * 1", |wall| {
                    let (day, weekday) = (wall.day(), wall.weekday().to_monday_one_offset());
                    wall.hour() == 2 && wall.minute() == 30 && ((day <= 15 && day % 2 == 1) || weekday == 1)
                }),
            ];
            for (line, wanted) in lines {
                let schedule = Schedule::new(&Times::Cron(line.to_owned()), name).unwrap();
                assert_eq!(struck(&schedule, from, until), walked(&zone, from, until, wanted), "{name} {change} {line}");
            }
            let weekly = Schedule::new(&Times::Weekly { day: 7, at: 150 }, name).unwrap();
            let oracle =
                walked(&zone, from, until, |wall| wall.weekday().to_monday_one_offset() == 7 && wall.hour() == 2 && wall.minute() == 30);
            assert_eq!(struck(&weekly, from, until), oracle, "{name} {change}");
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn a_time_that_is_skipped_strikes_when_the_clock_is_put_forward_and_a_double_one_once() {
    let berlin = Schedule::new(&Times::Daily { at: 150 }, "Europe/Berlin").unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_microsecond();
    assert_eq!(berlin.next_after(at("2026-03-28T12:00:00Z")), Some(at("2026-03-29T01:00:00Z")), "02:30 is not shown; 03:00 is");
    assert_eq!(berlin.next_after(at("2026-10-24T12:00:00Z")), Some(at("2026-10-25T00:30:00Z")), "the first 02:30");
    assert_eq!(berlin.next_after(at("2026-10-25T00:30:00Z")), Some(at("2026-10-26T01:30:00Z")), "not the second");
    let every = Schedule::new(&Times::Every(15 * MINUTE), "Europe/Berlin").unwrap();
    assert_eq!(every.next_after(at("2026-10-25T00:59:59Z")), Some(at("2026-10-25T01:00:00Z")));
    assert_eq!(every.next_after(-1), Some(0));
    let never = Schedule::new(&Times::Cron("0 0 31 2 *".to_owned()), "UTC").unwrap();
    assert_eq!(never.next_after(0), None);
    let leap = Schedule::new(&Times::Cron("0 0 29 2 *".to_owned()), "UTC").unwrap();
    assert_eq!(leap.next_after(at("2096-03-01T00:00:00Z")), Some(at("2104-02-29T00:00:00Z")));
}

const CLOCKS: &str = r#"
flow "hourly" {
    trigger every="1h" catch-up=all
    let "now" "=run.now"
    output { at "=run.now" }
}
flow "latest" {
    trigger every=day at="09:00" catch-up=latest time-zone="Europe/Berlin"
    let "now" "=run.now"
    output { at "=run.now" }
}
flow "skips" {
    input { field "day" timestamp }
    key "=input.day"
    trigger cron="30 8 * * *" catch-up=skip { day "=run.now" }
    let "now" "=run.now"
    output { day "=input.day" }
}
flow "busy" {
    trigger every="10m" catch-up=skip
    concurrency busy=skip
    wait "long" for="25m"
    output { done "=true" }
}
"#;

fn world() -> World {
    World::new(plan(&[PROJECT, CLOCKS]), healthy())
}

#[tokio::test]
async fn clocks_start_runs_and_catch_up_as_they_say() {
    let world = world();
    let engine = world.open().await;
    rest(&engine).await;
    assert!(engine.runs(RunFilter::default()).await.unwrap().is_empty(), "nothing is due when a plan is adopted");
    world.clock.advance(HOUR);
    rest(&engine).await;
    let hourly = runs(&engine, "hourly").await;
    assert_eq!(hourly.len(), 1);
    assert_eq!(&*hourly[0].key, "every 1h 2026-01-01T01:00:00Z");
    engine.shutdown().await;
    // Three days and a bit during which nobody ran.
    world.clock.advance(75 * HOUR);
    let engine = world.open().await;
    rest(&engine).await;
    assert_eq!(runs(&engine, "hourly").await.len(), 76, "each of them");
    let latest = runs(&engine, "latest").await;
    assert_eq!(latest.len(), 1, "one for all: {latest:#?}");
    assert!(latest[0].key.ends_with("2026-01-03T08:00:00Z"), "09:00 in Berlin, the newest: {}", latest[0].key);
    assert!(runs(&engine, "skips").await.is_empty(), "what was missed is missed");
    // 08:30 in Chicago is 14:30 in UTC.
    world.clock.set(START + 3 * 24 * HOUR + 14 * HOUR + 30 * MINUTE);
    rest(&engine).await;
    let skips = runs(&engine, "skips").await;
    assert_eq!(skips.len(), 1);
    assert_eq!(skips[0].output.get("day"), Some(&Value::Timestamp(START + 3 * 24 * HOUR + 14 * HOUR + 30 * MINUTE)));
    engine.shutdown().await;
    replay(&*world.log, 0).await.unwrap();
}

#[tokio::test]
async fn a_long_absence_has_a_bound_and_says_so() {
    let world = world();
    let engine = world.open().await;
    rest(&engine).await;
    engine.shutdown().await;
    world.clock.advance(1500 * HOUR);
    let engine = world.open().await;
    rest(&engine).await;
    let hourly = runs(&engine, "hourly").await;
    assert_eq!(hourly.len(), 1000);
    assert!(hourly[0].key.contains("2026-01-21T21:00:00Z"), "the newest thousand: {}", hourly[0].key);
    let passed: u64 = world
        .events(&engine)
        .await
        .iter()
        .filter_map(|event| match &event.kind {
            crate::event::EventKind::ScheduleFired { flow, passed, .. } if &**flow == "hourly" => Some(*passed),
            _ => None,
        })
        .sum();
    assert_eq!(passed, 500);
}

#[tokio::test]
async fn a_clock_that_is_set_back_strikes_nothing_twice() {
    let world = world();
    let engine = world.open().await;
    rest(&engine).await;
    world.clock.advance(2 * HOUR);
    rest(&engine).await;
    for back in [HOUR, 24 * HOUR] {
        world.clock.advance(-back);
        rest(&engine).await;
        world.clock.advance(back);
        rest(&engine).await;
    }
    assert_eq!(runs(&engine, "hourly").await.len(), 2);
    engine.shutdown().await;
    world.clock.advance(-HOUR);
    let engine = world.open().await;
    rest(&engine).await;
    world.clock.advance(HOUR + MINUTE);
    rest(&engine).await;
    assert_eq!(runs(&engine, "hourly").await.len(), 2);
    let keys: BTreeSet<String> = runs(&engine, "hourly").await.iter().map(|run| run.key.to_string()).collect();
    assert_eq!(keys.len(), 2);
}

#[tokio::test]
async fn runs_that_overlap_follow_the_concurrency_of_their_flow() {
    let world = world();
    let engine = world.open().await;
    rest(&engine).await;
    for _ in 0..12 {
        world.clock.advance(5 * MINUTE);
        rest(&engine).await;
    }
    let busy = runs(&engine, "busy").await;
    let status: Vec<RunStatus> = busy.iter().map(|run| run.status).collect();
    use RunStatus::{Cancelled, Completed, Waiting};
    assert_eq!(status, [Completed, Cancelled, Cancelled, Waiting, Cancelled, Cancelled]);
}

#[tokio::test]
async fn commands_that_do_one_thing_start_nothing_by_the_clock() {
    let world = World { schedules: false, ..world() };
    let engine = world.open().await;
    world.clock.advance(48 * HOUR);
    rest(&engine).await;
    assert!(engine.runs(RunFilter::default()).await.unwrap().is_empty());
}

async fn play(world: &World) {
    let Ok(engine) = world.try_open().await else { return };
    rest(&engine).await;
    while engine.stopped().is_none() && crate::ports::Clock::now(&*world.clock) < START + 40 * HOUR {
        world.clock.advance(10 * HOUR);
        rest(&engine).await;
    }
    engine.shutdown().await;
}

#[tokio::test]
async fn dying_at_any_append_strikes_each_instant_once() {
    let calm = world();
    play(&calm).await;
    let appends = calm.log.appends();
    for at in 1..=appends {
        for fault in [Fault::DiesBefore(at), Fault::DiesAfter(at)] {
            let world = world();
            world.log.set_fault(Some(fault.clone()));
            play(&world).await;
            world.log.set_fault(None);
            play(&world).await;
            let engine = world.open().await;
            rest(&engine).await;
            let hourly = runs(&engine, "hourly").await;
            let keys: BTreeSet<&str> = hourly.iter().map(|run| &*run.key).collect();
            let first = hourly.len();
            assert_eq!((first, keys.len()), (40, 40), "{fault:?}");
            engine.shutdown().await;
            replay(&*world.log, 0).await.unwrap();
        }
    }
}
