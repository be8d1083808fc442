//! What befalls a life from several sides, on what was drawn last: several who take back the same, branches, sales, and people who write and
//! want to be forgotten.

use super::super::world::{HOUR, SECOND};
use super::crowd::starts;
use super::life::Life;
use super::script::freezes;
use crate::arrival::Arrival;
use crate::event::Outcome;
use crate::ports::Clock;
use std::sync::Arc;
use tradewind_lang::value::Value;

/// What was done is taken back by several who have all looked before the first of them begins; the process may be another one between.
pub(super) async fn takes_back(life: &mut Life) {
    let kind = [14, 14, 25, 31][life.one_of(4)];
    let count = 1 + life.one_of(3);
    starts(life, kind, count).await;
    life.rest().await;
    let done: Vec<Arc<str>> = {
        let judge = life.judge.lock().unwrap();
        let is_back = |operation: &str| matches!(operation, "stock.hold" | "tags.set" | "branch.set");
        let done = judge.meant.values().filter(|meant| {
            matches!(meant.settled, Some(Outcome::Done(_))) && is_back(&meant.intent.operation) && meant.intent.undoes.is_none()
        });
        done.map(|meant| meant.run.clone()).collect()
    };
    if done.is_empty() {
        return;
    }
    let run = done[life.one_of(done.len())].clone();
    match life.one_of(5) {
        0 => starts(life, 15, 2).await,
        1 | 2 => starts(life, 33, 1).await,
        _ => {
            let times = 2 + life.random.below(2);
            life.undo_at_once(run, times).await;
        }
    }
    match life.one_of(6) {
        0 => life.recover().await,
        1 => life.take_over().await,
        2 => freezes(life).await,
        _ => {}
    }
}

/// Two branches are worked on at once, by pages of the same names; orders are offered their amounts before and after a reload.
pub(super) async fn branches(life: &mut Life) {
    for _ in 0..1 + life.one_of(3) {
        let (kind, count) = (31 + life.one_of(2), 1 + life.one_of(3));
        starts(life, kind, count).await;
        match life.one_of(8) {
            0 => life.reload().await,
            1 => life.crash(),
            2 => life.take_over().await,
            3 => life.rest().await,
            _ => {}
        }
    }
}

/// What was sold: lately, days ago, or ahead of its time.
fn sale(life: &mut Life) -> Arrival {
    let now = life.clock.now();
    let at = match life.one_of(6) {
        0 => now - HOUR * (1 + life.one_of(60) as i64),
        1 => now + SECOND * (1 + life.one_of(3600) as i64),
        _ => now - SECOND * life.one_of(600) as i64,
    };
    let (sku, units) = (["lamp", "shoe"][life.one_of(2)], 1 + life.one_of(9) as i64);
    let payload = [("sku", Value::string(sku)), ("units", Value::Int(units)), ("at", Value::Timestamp(at))];
    let id = format!("s{}", life.one_of(400)).as_str().into();
    Arrival { name: "sale".into(), source: "shop".into(), account: "".into(), id, payload: Value::record(payload) }
}

/// What was sold is told, late, twice, and ahead of its time, and runs measure it meanwhile.
pub(super) async fn sells(life: &mut Life) {
    for _ in 0..3 + life.one_of(6) {
        let arrival = sale(life);
        for _ in 0..1 + life.one_of(2) {
            life.receive(arrival.clone()).await;
        }
        match life.one_of(9) {
            0 => life.crash(),
            1 => life.rest().await,
            2 | 3 => starts(life, 35, 1).await,
            _ => {}
        }
    }
    if life.one_of(3) > 0 {
        // So long that what was told before is merged as soon as more is told.
        let until = life.clock.now() + HOUR * (3 + life.one_of(4) as i64);
        life.note(format!("the clock passes to {until}"));
        life.pass(until).await;
        let arrival = sale(life);
        life.receive(arrival).await;
        life.rest().await;
    }
    starts(life, 35, 1).await;
}

/// People write, and are remembered; where `TRADEWIND_FORGETS` is set, one of them wants to be forgotten while runs of his are under way, or wait, or look for what he wrote.
pub(super) async fn writes(life: &mut Life) {
    for _ in 0..1 + life.one_of(3) {
        let count = 1 + life.one_of(3);
        starts(life, 36, count).await;
        match life.one_of(4) {
            0 => starts(life, 37, 1).await,
            1 => life.rest().await,
            _ => {}
        }
    }
    if life.one_of(3) > 0 {
        let turns = life.random.below(30);
        life.turns(turns).await;
        let customer = ["c1", "c2", "c3", "c4"][life.one_of(4)];
        // Drawn alike where nobody is: the lives of both are the same up to here.
        if std::env::var("TRADEWIND_FORGETS").is_ok() {
            life.forget(customer).await;
        }
        match life.one_of(6) {
            0 => life.crash(),
            1 => life.take_over().await,
            2 => starts(life, 36, 1).await,
            _ => {}
        }
    }
    let until = life.clock.now() + SECOND * (1 + life.one_of(100) as i64);
    life.note(format!("the clock passes to {until}"));
    life.pass(until).await;
}

/// The next midnight of the project's zone.
fn midnight(now: i64) -> i64 {
    let zone = jiff::tz::TimeZone::get("America/Chicago").unwrap();
    let today = jiff::Timestamp::from_microsecond(now).unwrap().to_zoned(zone);
    today.tomorrow().unwrap().start_of_day().unwrap().timestamp().as_microsecond()
}

/// Models are asked just before a day of their budgets ends, and answer, or are lost, in the next one.
pub(super) async fn over_midnight(life: &mut Life) {
    let midnight = midnight(life.clock.now());
    life.note(format!("the clock passes to a little before {midnight}"));
    let before = midnight - SECOND * (1 + life.one_of(30) as i64);
    life.pass(before).await;
    for _ in 0..2 + life.one_of(3) {
        let (kind, count) = ([18, 20, 21, 29, 34][life.one_of(5)], 1 + life.one_of(3));
        starts(life, kind, count).await;
    }
    match life.one_of(5) {
        0 => life.crash(),
        1 => life.take_over().await,
        _ => {}
    }
    let after = midnight + SECOND * (1 + life.one_of(90) as i64);
    life.pass(after).await;
    life.compare().await;
}
