//! Runs of a generated program that differ only in outside text, and what they did that no cap holds.

use super::super::random::Random;
use super::super::world::*;
use super::shop::{GRAVE, TEXTS};
use crate::approval::{ApprovalKind, Verdict};
use crate::arrival::Arrival;
use crate::engine::Engine;
use crate::ports::CallFailure;
use crate::summary::{RunFilter, RunStatus};
use crate::twin::{Reply, Request};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tradewind_lang::plan::Plan;
use tradewind_lang::value::Value;

/// Messages that each side is sent, one after the other: what one leaves behind, the next may find.
const TURNS: usize = 2;

/// Everything that comes from outside, of a seed.
pub(super) struct Outside(u64);

impl Outside {
    pub(super) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The text at a place: the same for every question about that place.
    fn text(&self, place: usize) -> &'static str {
        let mut random = Random(self.0 ^ (place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.next();
        TEXTS[usize::try_from(random.below(TEXTS.len() as u64)).unwrap()]
    }

    fn message(&self, turn: usize) -> Value {
        let part = |at: usize| {
            Value::record([
                ("id", Value::string(format!("p{at}"))),
                ("order", Value::string(["o1", "o2", "o1"][at])),
                ("amount", money(["10 USD", "120 USD", "7 USD"][at])),
                ("words", Value::string(self.text(turn * 16 + at))),
            ])
        };
        let place = turn * 16 + 8;
        let note = if self.text(place).len().is_multiple_of(2) { Value::Null } else { Value::string(self.text(place + 1)) };
        Value::record([
            ("id", Value::string(format!("m{turn}"))),
            ("order_id", Value::string(["o1", "o2"][turn % 2])),
            ("text", Value::string(self.text(place + 2))),
            ("note", note),
            ("count", Value::Int(i64::try_from(self.text(place + 3).len() % 6).unwrap())),
            ("amount", money(["150 USD", "260 USD"][turn % 2])),
            ("known", Value::list(["o1", "o2"].map(Value::string))),
            ("parts", Value::list((0..3).map(part))),
            ("prices", Value::record([("a", money("4 USD"))])),
            ("gift", if turn == 0 { Value::string("o2") } else { Value::Null }),
        ])
    }

    fn parcel(&self, turn: usize, at: usize) -> Arrival {
        let payload = Value::record([
            ("order_id", Value::string(["o1", "o2"][at % 2])),
            ("paid", money(["11 USD", "12 USD", "13 USD"][at])),
            ("note", Value::string(self.text(64 + turn * 8 + at))),
        ]);
        Arrival { name: "parcel".into(), source: "test".into(), account: "".into(), id: format!("{turn}-{at}").into(), payload }
    }
}

/// What a side did while one message was dealt with.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Phase {
    /// To whom, how much and by what: how often.
    pub(super) counted: BTreeMap<String, usize>,
    /// Whether every run came to its end.
    pub(super) ended: bool,
}

/// What a side did.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) phases: Vec<Phase>,
    /// How often each kind of event is in its log.
    pub(super) events: BTreeMap<&'static str, usize>,
}

impl Phase {
    /// The same; or less, where one failed on the way.
    fn agrees(&self, other: &Self) -> bool {
        let within = |one: &Self, two: &Self| one.counted.iter().all(|(what, count)| two.counted.get(what) >= Some(count));
        match (self.ended, other.ended) {
            (true, true) => self.counted == other.counted,
            (false, true) => within(self, other),
            (true, false) => within(other, self),
            (false, false) => within(self, other) || within(other, self),
        }
    }
}

impl Side {
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.phases.iter().zip(&other.phases).all(|(one, two)| one.agrees(two))
    }

    /// Whether both came to their end everywhere, so that they must have done the very same.
    pub(super) fn ended_with(&self, other: &Self) -> bool {
        self.phases.iter().chain(&other.phases).all(|phase| phase.ended)
    }

    pub(super) fn did_something(&self) -> bool {
        self.phases.iter().any(|phase| !phase.counted.is_empty())
    }
}

/// Each order has a price of its own, so that it shows which was looked up; who is told something that he refuses says what it was.
fn provider(outside: &Outside, request: &Request) -> Option<Reply> {
    let field = |name: &str| request.request.get(name).cloned().unwrap_or(Value::Null);
    match request.operation.as_str() {
        "shop.order.get" => {
            let id = field("id");
            let paid = match id.as_str() {
                Some("o1") => "100 USD",
                Some("o2") => "300 USD",
                other => return Some(refused(&format!("there is no order {other:?}"))),
            };
            Some(Reply::Done(Value::record([("id", id), ("customer_id", Value::string("c1")), ("paid", money(paid))])))
        }
        "talk.review.get" => {
            let order = if field("id").as_str() == Some("o1") { "o2" } else { "o1" };
            let text = outside.text(96);
            Some(Reply::Done(Value::record([("id", field("id")), ("order_id", Value::string(order)), ("text", Value::string(text))])))
        }
        "desk.reply" => {
            let words = field("words").as_str().unwrap_or_default().to_owned();
            words.contains("refuse").then(|| refused(&words))
        }
        _ => None,
    }
}

fn refused(message: &str) -> Reply {
    Reply::Refused(CallFailure { code: "refused".to_owned(), message: message.to_owned(), retry: false, retry_after: None })
}

/// One side of a pair.
pub(super) async fn side(plan: &Arc<Plan>, outside: Outside) -> Side {
    let outside = Arc::new(outside);
    let told = outside.clone();
    let connectors = connectors(Arc::new(move |request: &Request| provider(&told, request)));
    let world = World::new(plan.clone(), connectors).saying(super::talking::model);
    let engine = world.open().await;
    let mut side = Side::default();
    let (mut known, mut runs_before) = (BTreeMap::new(), BTreeSet::new());
    for turn in 0..TURNS {
        engine.start("f", outside.message(turn), "test").await.unwrap();
        for at in 0..3 {
            engine.receive(outside.parcel(turn, at)).await.unwrap();
        }
        live(&world, &engine).await;
        let now = counted(&world);
        let since = now.iter().map(|(what, count)| (what.clone(), count - known.get(what).unwrap_or(&0))).filter(|(_, count)| *count > 0);
        let runs = engine.runs(RunFilter::default()).await.unwrap();
        let ended = runs.iter().filter(|run| !runs_before.contains(&run.id)).all(|run| run.status == RunStatus::Completed);
        side.phases.push(Phase { counted: since.collect(), ended });
        known = now;
        runs_before = runs.into_iter().map(|run| run.id).collect();
    }
    side.events = kinds(&world.events(&engine).await);
    side
}

fn counted(world: &World) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for (operation, _, request) in world.connectors.effects() {
        // Of credits, those that a person sees have a name of their own.
        let staged = operation == "pay.credit" && request.get("line").and_then(Value::as_str).is_some_and(|line| line.starts_with('a'));
        if GRAVE.contains(&operation.as_str()) && !staged {
            let chosen: Vec<_> = ["order_id", "amount", "line", "text"].iter().filter_map(|name| request.get(name)).collect();
            *counted.entry(format!("{operation} {chosen:?}")).or_default() += 1;
        }
    }
    counted
}

/// Until nothing waits: people answer at once, and always the same; the clock goes on where nothing else does.
async fn live(world: &World, engine: &Engine) {
    for _ in 0..100 {
        world.settle(engine).await;
        let open = engine.approvals().await.unwrap();
        if open.is_empty() {
            let progress = engine.subscribe().progress;
            let (running, waiting) = (progress.borrow().running, progress.borrow().waiting);
            if running + waiting == 0 {
                return;
            }
            world.clock.advance(HOUR / 2);
            rest(engine).await;
        }
        for item in open {
            let answer = Value::record([("order_id", Value::string("o2")), ("amount", money("21 USD")), ("pay", Value::Bool(true))]);
            let verdict = match item.approval.kind {
                ApprovalKind::Ask => Verdict::Answer(answer),
                _ => Verdict::Approve { edits: Value::Null },
            };
            let _ = engine.answer(&item.approval.id, "bob@example.com", verdict).await;
        }
    }
    panic!("runs go on and on: {:#?}", engine.runs(RunFilter::default()).await.unwrap());
}
