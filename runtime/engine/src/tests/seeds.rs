//! Many small disasters at once, drawn from seeds. A failing seed is the bug report.

use super::random::Random;
use super::world::*;
use crate::contract;
use crate::engine::Engine;
use crate::ports::LogStore;
use crate::replay::replay;
use crate::summary::RunFilter;
use crate::twin::{Fault, MemoryLog, Reply};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tradewind_lang::money::{Currency, Money};
use tradewind_lang::value::Value;

/// A world where providers lose requests and answers, and refuse, for their first so many requests.
fn stormy(seed: u64) -> World {
    let random = Mutex::new((Random(seed), 60));
    World::triage_with(move |request| {
        let mut random = random.lock().unwrap();
        if random.1 == 0 || request.earlier > 2 {
            return None;
        }
        random.1 -= 1;
        match random.0.below(8) {
            0 => Some(Reply::Silence),
            1 => Some(Reply::Refused(failure("http-503", true))),
            2 if request.operation == "pay.refund" => {
                let amount = request.request.get("amount").cloned().unwrap_or(Value::Null);
                Some(Reply::Lost(Value::record([("id", Value::string("lost")), ("amount", amount)])))
            }
            _ => None,
        }
    })
}

fn inputs(random: &mut Random) -> Vec<Value> {
    (0..12)
        .map(|number| {
            let order = format!("o{}", random.below(4));
            let text = ["complaint 0.9: a", "praise 0.8: b", "complaint 0.3: c", "complaint 0.7: d"][random.below(4) as usize];
            message(&format!("m{number}"), &order, text, &format!("{} USD", 1 + random.below(300)))
        })
        .collect()
}

/// Starts everything, twice and at once, answers every question, and lives as long as the log lets it.
async fn live(world: &World, inputs: &[Value]) {
    let Ok(engine) = world.try_open().await else { return };
    let starts: Vec<_> = inputs
        .iter()
        .chain(inputs)
        .map(|input| {
            let (engine, input) = (engine.clone(), input.clone());
            tokio::spawn(async move { engine.start("triage", input, "test").await })
        })
        .collect();
    for started in starts {
        let _ = world.moving(&engine, started).await.unwrap();
    }
    for _ in 0..20 {
        world.settle(&engine).await;
        let Ok(inbox) = engine.approvals().await else { break };
        if inbox.is_empty() {
            break;
        }
        for item in inbox {
            answer(&engine, &item.approval).await;
        }
    }
    engine.shutdown().await;
}

async fn answer(engine: &Engine, approval: &crate::approval::Approval) {
    use crate::approval::{ApprovalKind, Verdict};
    let verdict = match approval.kind {
        ApprovalKind::Ask => Verdict::Answer(Value::record([("kind", Value::string("complaint"))])),
        ApprovalKind::Act | ApprovalKind::Settle | ApprovalKind::Version => Verdict::Approve { edits: Value::Null },
    };
    // Bob is in both teams.
    let _ = engine.answer(&approval.id, "bob@example.com", verdict).await;
}

async fn check(world: &World, seed: u64, runs: usize) {
    let engine = world.open().await;
    world.settle(&engine).await;
    let all = engine.runs(RunFilter::default()).await.unwrap();
    assert_eq!(all.len(), runs, "seed {seed}: each message is one run");
    assert!(all.iter().all(|run| run.waiting_on.is_empty() && run.status > crate::summary::RunStatus::Waiting), "seed {seed}: {all:#?}");
    let mut refunded: BTreeMap<String, Money> = BTreeMap::new();
    let effects = world.connectors.effects();
    for (operation, _, request) in &effects {
        let (Some(Value::Money(amount)), Some(order)) = (request.get("amount"), request.get("order_id")) else { continue };
        assert_eq!(operation, "pay.refund");
        let sum = refunded.entry(order.as_str().unwrap().to_owned()).or_insert(Money::zero(Currency::parse("USD").unwrap()));
        assert!(sum.amount.is_zero(), "seed {seed}: {order:?} was refunded twice");
        *sum = sum.plus(*amount).unwrap();
    }
    // What happened outside is what the log says, effect by effect.
    let events = world.events(&engine).await;
    let intents = events.iter().filter(|event| event.kind.name() == "intent-recorded").count();
    assert!(effects.len() <= intents, "seed {seed}");
    let settled = kinds(&events).get("effect-settled").copied().unwrap_or(0);
    assert_eq!(settled, intents, "seed {seed}: every intent is settled, once");
    engine.verify().await.unwrap();
    engine.shutdown().await;
    if let Err(error) = replay(&*world.log, 0).await {
        panic!("seed {seed}: {error:#?}");
    }
}

#[tokio::test]
async fn storms_and_deaths_leave_one_effect_for_each_key_and_nothing_hanging() {
    for seed in 0..20 {
        let mut random = Random(seed);
        let inputs = inputs(&mut random);
        let world = World { in_flight: 1 + random.below(16) as usize, ..stormy(seed) };
        for _ in 0..random.below(4) {
            let at = 1 + random.below(40);
            world.log.set_fault(Some(if random.below(2) == 0 { Fault::DiesBefore(at) } else { Fault::DiesAfter(at) }));
            live(&world, &inputs).await;
        }
        world.log.set_fault(None);
        live(&world, &inputs).await;
        check(&world, seed, inputs.len()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_on_several_threads() {
    for seed in 100..110 {
        let mut random = Random(seed);
        let inputs = inputs(&mut random);
        let world = stormy(seed);
        world.log.set_fault(Some(Fault::DiesBefore(1 + random.below(60))));
        live(&world, &inputs).await;
        world.log.set_fault(None);
        live(&world, &inputs).await;
        check(&world, seed, inputs.len()).await;
    }
}

#[tokio::test]
async fn the_twin_keeps_the_contract_of_a_log() {
    let log: Arc<dyn LogStore> = Arc::new(MemoryLog::new());
    contract::log_store(|| {
        let log = log.clone();
        async move { log }
    })
    .await
    .unwrap();
}

/// A log that forgets the epoch: the suite must say so.
struct Unfenced(MemoryLog, std::sync::atomic::AtomicU64);

impl LogStore for Unfenced {
    fn take(&self, shard: u32) -> crate::ports::BoxFuture<'_, Result<crate::ports::ShardHead, crate::ports::StoreError>> {
        Box::pin(async move {
            let head = self.0.take(shard).await?;
            self.1.store(head.epoch, std::sync::atomic::Ordering::SeqCst);
            Ok(head)
        })
    }
    fn append(&self, _: u64, segment: crate::segment::Segment) -> crate::ports::BoxFuture<'_, Result<(), crate::ports::StoreError>> {
        self.0.append(self.1.load(std::sync::atomic::Ordering::SeqCst), segment)
    }
    fn scan(
        &self,
        shard: u32,
        from: u64,
        limit: usize,
    ) -> crate::ports::BoxFuture<'_, Result<Vec<crate::segment::Segment>, crate::ports::StoreError>> {
        self.0.scan(shard, from, limit)
    }
    fn keys(&self) -> Option<Arc<dyn crate::seal::Keyring>> {
        self.0.keys()
    }
    fn durable(&self) -> bool {
        false
    }
}

#[tokio::test]
async fn the_contract_finds_a_log_without_fencing() {
    let log: Arc<dyn LogStore> = Arc::new(Unfenced(MemoryLog::new(), std::sync::atomic::AtomicU64::new(0)));
    let result = contract::log_store(|| {
        let log = log.clone();
        async move { log }
    })
    .await;
    assert!(result.unwrap_err().contains("old epoch"));
}
