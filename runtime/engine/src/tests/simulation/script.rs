//! What befalls a life, drawn from its seed: callers, people, clocks and processes, in any order.

use super::super::world::{HOUR, SECOND, message, money};
use super::crowd;
use super::life::Life;
use super::parties;
use super::rare;
use crate::approval::{ApprovalKind, PendingApproval, Verdict};
use crate::arrival::Arrival;
use crate::decide::Wish;
use crate::frozen::Scope;
use crate::ports::Clock;
use std::future::Future;
use std::sync::Arc;
use tradewind_lang::value::Value;

const PEOPLE: [&str; 6] =
    ["ann@example.com", "bob@example.com", "fin@example.com", "BOB@example.com", "eve@example.com", "ann@example.com"];
pub(super) const AMOUNTS: [&str; 6] = ["5 USD", "40 USD", "120 USD", "260 USD", "450 USD", "1200 USD"];
/// A provider's own records are looked at after everything that was under way has arrived.
const RECORDS: i64 = 60 * SECOND;

fn text(text: impl AsRef<str>) -> Value {
    Value::string(text.as_ref())
}

fn line(id: &str, amount: &str) -> Value {
    Value::record([("id", text(id)), ("amount", money(amount)), ("good", Value::Bool(id != "bad"))])
}

fn claim(life: &mut Life, order: &str) -> Value {
    let count = 1 + life.one_of(4);
    let lines: Vec<Value> = (0..count).map(|number| line(["a", "b", "bad", "c"][number % 4], AMOUNTS[life.one_of(6)])).collect();
    Value::record([("order", text(order)), ("lines", Value::list(lines))])
}

pub(super) fn wish(id: &str, order: &str, amount: &str) -> Value {
    Value::record([("id", text(id)), ("order", text(order)), ("amount", money(amount))])
}

fn texts(life: &mut Life, id: &str) -> Value {
    let said = ["complaint", "praise", "praise unsure"];
    let mut one = || text(said[life.one_of(3)]);
    Value::record([("id", text(id)), ("one", one()), ("two", one()), ("three", one())])
}

fn tagging(life: &mut Life, id: &str) -> Value {
    let (label, count) = (["red", "blue"][life.one_of(2)], 2 + life.one_of(6));
    let ids = (0..count).map(|number| text(format!("p{number}")));
    Value::record([("id", text(id)), ("label", text(label)), ("ids", Value::list(ids))])
}

fn put(life: &mut Life, id: &str) -> Value {
    let (sku, shelf) = (["lamp", "shoe"][life.one_of(2)], ["left", "right", "cellar"][life.one_of(3)]);
    Value::record([("id", text(id)), ("sku", text(sku)), ("shelf", text(shelf))])
}

/// A flow and an input for it, by a number; the same id again is the same run or a conflict.
pub(super) fn work(life: &mut Life, kind: usize, id: &str, amount: &str) -> (&'static str, Value) {
    let order = ["o1", "o2", "o3"][life.one_of(3)];
    match kind {
        0 | 1 => {
            let says = ["complaint", "complaint unsure", "praise"][life.one_of(3)];
            ("triage", message(id, order, says, amount))
        }
        2 => ("credits", claim(life, id)),
        3 => {
            let orders: Vec<Value> = (0..1 + life.one_of(3)).map(|number| claim(life, &format!("{id}-{number}"))).collect();
            ("outer", Value::record([("order", text(id)), ("orders", Value::list(orders))]))
        }
        4 => ("gift", wish(id, order, amount)),
        5 => ("alarm", wish(id, order, amount)),
        6 | 7 => ("queue", wish(id, order, amount)),
        8 => ("single", wish(id, order, amount)),
        9 => ("newest", wish(id, order, amount)),
        10 => ("later", wish(id, order, amount)),
        11 => ("sort", texts(life, id)),
        12 => {
            let all: Vec<Value> = (0..6).map(|number| texts(life, &format!("t{number}"))).collect();
            ("sift", Value::record([("id", text(id)), ("all", Value::list(all))]))
        }
        13 => ("strict", wish(id, order, amount)),
        14 => ("reserve", wish(id, order, amount)),
        15 => ("revert", wish(id, order, amount)),
        16 => {
            let all: Vec<Value> = (0..5).map(|number| texts(life, &format!("{id}-{number}"))).collect();
            ("letters", Value::record([("id", text(id)), ("all", Value::list(all))]))
        }
        17 => ("ship", Value::record([("order_id", text(id)), ("amount", Value::Int(3))])),
        18 => ("describe", wish(id, order, amount)),
        19 => ("help", wish(id, order, amount)),
        20 => {
            let all: Vec<Value> = (0..4).map(|number| texts(life, &format!("{id}-{number}"))).collect();
            ("catalogue", Value::record([("id", text(id)), ("all", Value::list(all))]))
        }
        21 => ("label", texts(life, id)),
        22 | 23 => ("stored", wish(id, order, amount)),
        24 => ("rests", wish(id, order, amount)),
        25 => ("relabel", tagging(life, id)),
        26 => ("tag", tagging(life, id)),
        27 => ("shelve", put(life, id)),
        28 => ("told", put(life, id)),
        29 => ("ask", wish(id, order, amount)),
        30 => ("fee", wish(id, order, amount)),
        31 => ("retitle", titling(life, id)),
        32 => ("offer", wish(id, order, amount)),
        33 => ("return", wish(id, order, amount)),
        34 => {
            let all: Vec<Value> = (0..3).map(|number| texts(life, &format!("{id}-{number}"))).collect();
            ("captions", Value::record([("id", text(id)), ("all", Value::list(all))]))
        }
        35 => ("figures", wish(id, order, amount)),
        36 => ("correspond", letter(life, id)),
        _ => ("tally", wish(id, order, amount)),
    }
}

fn titling(life: &mut Life, id: &str) -> Value {
    let (page, shop) = (["start", "terms", "news"][life.one_of(3)], ["north", "south"][life.one_of(2)]);
    Value::record([("id", text(id)), ("page", text(page)), ("shop", text(shop))])
}

fn letter(life: &mut Life, id: &str) -> Value {
    let (customer, kind) = (["c1", "c2", "c3", "c4"][life.one_of(4)], ["late", "lost", "thanks"][life.one_of(3)]);
    let about = ["parcel lamp", "parcel shoe", "lamp broken"][life.one_of(3)];
    let said = format!("{about} of {customer}");
    Value::record([("id", text(id)), ("customer", text(customer)), ("text", text(said)), ("kind", text(kind))])
}

/// Kinds of [`work`].
pub(super) const KINDS: usize = 38;

fn event(life: &mut Life) -> Arrival {
    let (number, order) = (life.one_of(12), ["o1", "o2", "o3"][life.one_of(3)]);
    let (name, payload) = match life.one_of(5) {
        0 | 1 => ("paid", vec![("order_id", text(order)), ("amount", Value::Int(life.one_of(30) as i64))]),
        2 | 3 => ("parcel", vec![("order_id", text(order)), ("weight", Value::Int(life.one_of(9) as i64))]),
        _ => ("seen", vec![("page", text(order))]),
    };
    Arrival {
        name: name.into(),
        source: "shop".into(),
        account: "".into(),
        id: format!("e{number}").into(),
        payload: Value::record(payload),
    }
}

/// What a person says to an item of the inbox; none where it is too early to know.
pub(super) fn verdict(life: &mut Life, item: &PendingApproval) -> Option<Verdict> {
    let (draw, calm) = (life.one_of(12), life.calm);
    let approve = |edits| Some(Verdict::Approve { edits });
    match item.approval.kind {
        ApprovalKind::Settle => {
            let known = item.asked_at + RECORDS <= life.clock.now();
            // What is shown of somebody who was forgotten is gone: whoever settles it looks into the provider's records all the same.
            let key = life.judge.lock().unwrap().settles(&item.approval.id).filter(|_| known)?;
            match life.provider.happened(&key) {
                Some(answer) => Some(Verdict::Answer(answer)),
                None => Some(Verdict::Deny { reason: "it is not there".to_owned() }),
            }
        }
        ApprovalKind::Ask if calm || draw < 10 => Some(Verdict::Answer(Value::record([("kind", text("complaint"))]))),
        ApprovalKind::Ask if draw == 10 => approve(Value::Null),
        ApprovalKind::Act if calm || draw < 6 => approve(Value::Null),
        ApprovalKind::Act if draw < 9 => approve(Value::record([("amount", money(AMOUNTS[life.one_of(6)]))])),
        ApprovalKind::Act if draw == 9 => approve(Value::record([("line", text("x"))])),
        ApprovalKind::Version if calm || draw < 9 => approve(Value::Null),
        ApprovalKind::Ask | ApprovalKind::Act | ApprovalKind::Version => Some(Verdict::Deny { reason: String::new() }),
    }
}

pub(super) async fn people(life: &mut Life) {
    let Ok(inbox) = life.engine().await.approvals().await else { return };
    if inbox.is_empty() {
        return;
    }
    let item = inbox[life.one_of(inbox.len())].clone();
    // All of a batch at once, each with an answer of its own.
    if item.approval.batch.is_some() && life.one_of(2) == 0 {
        let by = PEOPLE[life.one_of(6)];
        for item in inbox.iter().filter(|one| one.approval.batch == item.approval.batch) {
            let Some(verdict) = verdict(life, item) else { return };
            life.answer(item.approval.id.clone(), by, verdict).await;
        }
        return;
    }
    // One or two actors, at once or one after the other.
    for _ in 0..1 + life.one_of(3) {
        let by = PEOPLE[life.one_of(6)];
        let Some(verdict) = verdict(life, &item) else { return };
        life.answer(item.approval.id.clone(), by, verdict).await;
        let turns = life.random.below(8);
        life.turns(turns).await;
    }
}

/// An answer that is handed in, and is not read before its time is over.
async fn late(life: &mut Life) {
    let engine = life.engine().await;
    let Ok(inbox) = engine.approvals().await else { return };
    let now = life.clock.now();
    let Some((item, deadline)) = inbox.iter().find_map(|item| Some((item, item.approval.deadline.filter(|at| *at > now)?))) else { return };
    let Some(verdict) = verdict(life, item) else { return };
    life.note(format!("bob answers {} in the moment of its end", item.approval.id));
    let mut answer = Box::pin(engine.answer(&item.approval.id, "bob@example.com", verdict));
    std::future::poll_fn(|context| std::task::Poll::Ready(answer.as_mut().poll(context).is_ready())).await;
    life.clock.set(deadline);
}

pub(super) async fn wishes(life: &mut Life) {
    let live = life.live().await;
    if live.is_empty() {
        return;
    }
    let run: Arc<str> = live[life.one_of(live.len())].id.clone();
    let wish = match life.one_of(6) {
        0 | 1 => Wish::Cancel("a wish".into()),
        2 | 3 => Wish::Pause,
        _ => Wish::Resume,
    };
    life.control(run, wish).await;
}

/// A run that has ended is forked: as it was, or from a step on, or with another input.
async fn forks(life: &mut Life) {
    let ended = |judge: &super::judge::Judge| {
        let ended = judge.runs.iter().filter(|(_, run)| run.ended.is_some() && run.parent.is_none());
        ended.map(|(id, run)| (id.clone(), run.flow.clone(), run.input.clone())).collect::<Vec<_>>()
    };
    let ended = ended(&life.judge.lock().unwrap());
    if ended.is_empty() {
        return;
    }
    let (run, flow, input) = ended[life.one_of(ended.len())].clone();
    let steps: Vec<String> = {
        let judge = life.judge.lock().unwrap();
        judge.plan.flows.get(&*flow).map(|flow| flow.steps.iter().map(|step| step.name.clone()).collect()).unwrap_or_default()
    };
    let from = (!steps.is_empty() && life.one_of(2) == 0).then(|| steps[life.one_of(steps.len())].clone());
    let other = match &input {
        Value::Record(record) if life.one_of(2) == 0 => {
            let mut record = tradewind_lang::value::Record::clone(record);
            match record.0.iter().any(|(name, _)| &**name == "amount") && &*flow != "ship" {
                true => record.set("amount", money(AMOUNTS[life.one_of(6)])),
                false if record.0.iter().any(|(name, _)| &**name == "one") => record.set("one", text("praise")),
                false => {}
            }
            Some(Value::Record(Arc::new(record)))
        }
        _ => None,
    };
    life.fork(run, from, other).await;
}

/// What a run did is taken back, or what failed is done again; of two who want that at once, one does it.
async fn undos(life: &mut Life) {
    if life.one_of(3) == 0 {
        let times = 1 + life.random.below(2);
        return life.do_again(times).await;
    }
    let runs: Vec<Arc<str>> = {
        let judge = life.judge.lock().unwrap();
        judge
            .runs
            .iter()
            .filter(|(_, run)| !run.is_part && matches!(&*run.flow, "reserve" | "relabel" | "retitle"))
            .map(|(id, _)| id.clone())
            .collect()
    };
    if !runs.is_empty() {
        let run = runs[life.one_of(runs.len())].clone();
        let times = 1 + life.random.below(2);
        life.undo(run, times).await;
    }
}

/// Effects are frozen, or thawed again.
pub(super) async fn freezes(life: &mut Life) {
    let scope = match life.one_of(6) {
        0 => Scope::All,
        5 => Scope::Connector("tags".into()),
        1 => Scope::Connector("desk".into()),
        2 => Scope::Connector("pay".into()),
        3 => Scope::Flow("queue".into()),
        _ => Scope::Flow("credits".into()),
    };
    let thaws = life.one_of(3) > 0;
    life.freeze(scope, thaws).await;
}

async fn clocks(life: &mut Life) {
    let now = life.clock.now();
    let span = match life.one_of(10) {
        0..=3 => SECOND * (1 + life.one_of(60) as i64),
        4..=6 => 60 * SECOND * (1 + life.one_of(60) as i64),
        7 | 8 => HOUR * (1 + life.one_of(6) as i64),
        _ => 25 * HOUR,
    };
    match life.one_of(8) {
        0 => {
            life.note(format!("the clock is set back by {span}"));
            life.clock.set(now - span);
        }
        1 | 2 => {
            life.note(format!("the clock jumps by {span}"));
            life.clock.set(now + span);
        }
        3 => {
            life.note(format!("nobody is there for {span}"));
            life.crash();
            life.rest().await;
            life.clock.set(now + span);
        }
        _ => {
            life.note(format!("{span} pass"));
            life.pass(now + span).await;
        }
    }
}

/// One thing that befalls a life.
pub(super) async fn step(life: &mut Life) {
    match life.one_of(46) {
        36 | 37 => parties::takes_back(life).await,
        38 => parties::branches(life).await,
        39 => parties::sells(life).await,
        40 | 41 => parties::writes(life).await,
        42 => parties::over_midnight(life).await,
        43 => rare::signs(life).await,
        44 => rare::outlives_keys(life).await,
        45 => rare::sleeps_through(life).await,
        0..=8 => {
            let (kind, id, amount) = (life.one_of(KINDS), format!("w{}", life.one_of(14)), AMOUNTS[life.one_of(6)]);
            let (flow, input) = work(life, kind, &id, amount);
            for _ in 0..1 + life.one_of(2) {
                life.start(flow, input.clone()).await;
            }
        }
        9..=11 => {
            let event = event(life);
            for _ in 0..1 + life.one_of(3) {
                life.receive(event.clone()).await;
            }
        }
        12 => {
            let event = Arrival { payload: Value::record([("order_id", Value::Int(1))]), ..event(life) };
            life.receive(event).await;
        }
        13 | 14 => people(life).await,
        15 if life.one_of(3) == 0 => late(life).await,
        15 => people(life).await,
        16 | 17 => wishes(life).await,
        18..=20 => clocks(life).await,
        21 => match life.one_of(5) {
            0 => life.restart().await,
            1 => life.crash(),
            2 => life.take_over().await,
            3 => life.recover().await,
            _ => life.compare().await,
        },
        23 | 24 => crowd::usurps(life).await,
        25 | 26 => crowd::talks(life).await,
        27 => crowd::gathers(life).await,
        28 => crowd::moves(life).await,
        31 | 32 => crowd::batches(life).await,
        33 | 34 => crowd::queues(life).await,
        35 => crowd::shelves(life).await,
        29 => forks(life).await,
        22 => match life.one_of(5) {
            0 | 1 => forks(life).await,
            2 => undos(life).await,
            3 => freezes(life).await,
            _ if life.one_of(3) == 0 => life.roll_back().await,
            _ => life.reload().await,
        },
        _ => life.rest().await,
    }
    let turns = life.random.below(20);
    life.turns(turns).await;
}
