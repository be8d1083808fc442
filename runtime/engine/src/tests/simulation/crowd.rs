//! What befalls a life from several sides at once: processes that want one log, people and callers that want one answer, one run, one budget.

use super::super::world::{HOUR, SECOND};
use super::life::Life;
use super::script::{AMOUNTS, freezes, people, wish, wishes, work};
use crate::ports::Clock;

/// Starts so many runs of a kind, with hardly a moment between them.
pub(super) async fn starts(life: &mut Life, kind: usize, count: usize) {
    for _ in 0..count {
        let (id, amount) = (format!("w{}", life.one_of(14)), AMOUNTS[life.one_of(6)]);
        let (flow, input) = work(life, kind, &id, amount);
        life.start(flow, input).await;
        let turns = life.random.below(4);
        life.turns(turns).await;
    }
}

/// A second process takes the log while requests of the first are under way, or wait to be repeated. The first works on until it is told, or
/// stands still for seconds or a day, and wakes.
pub(super) async fn usurps(life: &mut Life) {
    let now = life.clock.now();
    if life.one_of(3) > 0 {
        life.note("the providers are overrun");
        life.provider.storm(now + 30 * SECOND);
    }
    let kinds = [5, 5, 4, 14, 9, 18, 19, 25, 26, 29, 31, 36];
    for _ in 0..1 + life.one_of(3) {
        let kind = kinds[life.one_of(kinds.len())];
        let id = format!("z{}", life.one_of(40));
        let (flow, input) = work(life, kind, &id, "40 USD");
        life.start(flow, input).await;
    }
    match life.one_of(3) {
        0 => {
            let turns = life.random.below(30);
            life.turns(turns).await;
        }
        _ => life.rest().await,
    }
    let stands_still = life.one_of(2) == 0;
    match stands_still {
        true => life.stall().await,
        false => life.take_over().await,
    }
    let span = match life.one_of(4) {
        0 | 1 => SECOND * (1 + life.one_of(30) as i64),
        2 => 60 * SECOND * (1 + life.one_of(20) as i64),
        _ if stands_still => 25 * HOUR,
        _ => 2 * SECOND,
    };
    life.note(format!("{span} pass"));
    let until = life.clock.now() + span;
    life.pass(until).await;
    if stands_still {
        life.wake().await;
    }
}

/// Two or three callers want of one budget at once; one of the processes may die while the models work.
pub(super) async fn talks(life: &mut Life) {
    for _ in 0..1 + life.one_of(3) {
        let (kind, count) = ([18, 19, 20, 21, 29, 34][life.one_of(6)], 1 + life.one_of(3));
        starts(life, kind, count).await;
    }
    let turns = life.random.below(25);
    life.turns(turns).await;
    match life.one_of(6) {
        0 => life.recover().await,
        1 => life.crash(),
        2 => {
            let until = life.clock.now() + SECOND * (1 + life.one_of(70) as i64);
            life.pass(until).await;
        }
        _ => {}
    }
}

/// Two or three actors at once, on whatever is open: people, callers that want one budget, somebody who stops runs, another process.
pub(super) async fn gathers(life: &mut Life) {
    for _ in 0..2 + life.one_of(2) {
        match life.one_of(5) {
            0 | 1 => people(life).await,
            2 => wishes(life).await,
            3 => starts(life, 18, 2).await,
            _ => life.take_over().await,
        }
        let turns = life.random.below(4);
        life.turns(turns).await;
    }
}

/// The plan becomes another one while runs wait that it leads over, or keeps; they are begun, paused or cancelled in the same moment.
pub(super) async fn moves(life: &mut Life) {
    let (kind, count) = (22 + life.one_of(3), 1 + life.one_of(3));
    starts(life, kind, count).await;
    if life.one_of(3) > 0 {
        life.rest().await;
    }
    for _ in 0..1 + life.one_of(2) {
        match life.one_of(4) {
            0 => wishes(life).await,
            1 => life.crash(),
            _ => {}
        }
        match life.one_of(6) {
            0 => life.roll_back().await,
            _ => life.reload().await,
        }
        let turns = life.random.below(12);
        life.turns(turns).await;
    }
    if life.one_of(2) == 0 {
        life.compare().await;
    }
}

/// Several runs whose calls go out together; while they wait for each other, or are under way, the process dies, is replaced or ended, or
/// something is frozen.
pub(super) async fn batches(life: &mut Life) {
    for _ in 0..1 + life.one_of(3) {
        let kind = 25 + life.one_of(2);
        starts(life, kind, 1).await;
    }
    if life.one_of(2) == 0 {
        life.rest().await;
    }
    for _ in 0..1 + life.one_of(3) {
        // Shorter than the first of them waits for others, or just as long.
        let span = SECOND / 10 * (1 + life.one_of(3) as i64);
        life.note(format!("{span} pass"));
        let until = life.clock.now() + span;
        life.pass(until).await;
        match life.one_of(9) {
            0 => life.crash(),
            1 => life.recover().await,
            2 => life.take_over().await,
            3 => life.restart().await,
            4 | 5 => freezes(life).await,
            _ => starts(life, 26, 1).await,
        }
        let turns = life.random.below(8);
        life.turns(turns).await;
    }
}

/// So many runs share one concurrency key that three and more of them wait; some are stopped while they do, and the process may change.
pub(super) async fn queues(life: &mut Life) {
    let (flow, order) = (["queue", "queue", "queue", "newest", "single"][life.one_of(5)], ["o1", "o2"][life.one_of(2)]);
    for _ in 0..4 + life.one_of(3) {
        let (id, amount) = (format!("q{}", life.one_of(60)), AMOUNTS[life.one_of(3)]);
        life.start(flow, wish(&id, order, amount)).await;
        let turns = life.random.below(4);
        life.turns(turns).await;
    }
    life.rest().await;
    for _ in 0..1 + life.one_of(3) {
        match life.one_of(8) {
            0 => life.crash(),
            1 => life.take_over().await,
            2 | 3 => wishes(life).await,
            _ => {}
        }
        let until = life.clock.now() + 60 * SECOND * (1 + life.one_of(12) as i64);
        life.note(format!("the clock passes to {until}"));
        life.pass(until).await;
    }
}

/// Several say at once where something stands, some of them a partner; or ask one agent about one order.
pub(super) async fn shelves(life: &mut Life) {
    let asks = life.one_of(2) == 0;
    for _ in 0..2 + life.one_of(4) {
        let kind = if asks { 29 } else { 27 + life.one_of(2) };
        starts(life, kind, 1).await;
    }
    match life.one_of(4) {
        0 => life.recover().await,
        1 => life.restart().await,
        2 => life.compare().await,
        _ => {}
    }
}
